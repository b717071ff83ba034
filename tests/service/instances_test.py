"""Two servers on one database and Redis: what is said on one is heard on both, once, in order."""

import threading
import unittest

from harness import GET_SESSION, SIGN_OUT, Api, Follower, Player, RpcError, World, eventually

MESSAGES = 60
world = None


def setUpModule():
    global world
    world = World("instances", servers=2, http__loops=2)


def tearDownModule():
    world.close()


class Delivery(unittest.TestCase):
    def test_each_hears_the_other_once_and_in_order(self):
        speakers = [Player(server) for server in world.servers]
        followers = [Follower(server, speakers[0].token, speakers[0].channel)
                     for server in world.servers for _ in range(3)]
        for follower in followers:
            follower.until_caught_up()

        def talk(speaker):
            for number in range(MESSAGES):
                speaker.say(f"{speaker.name} {number}")

        threads = [threading.Thread(target=talk, args=(speaker,)) for speaker in speakers]
        for thread in threads:
            thread.start()
        heard = [[follower.next_message() for _ in range(2 * MESSAGES)]
                 for follower in followers]
        for thread in threads:
            thread.join()
        numbers = [int(message["sequence"]) for message in heard[0]]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 2 * MESSAGES)))
        for other in heard[1:]:
            self.assertEqual(other, heard[0])
        for speaker in speakers:
            own = [m["text"] for m in heard[0] if m["text"].startswith(speaker.name + " ")]
            self.assertEqual(own, [f"{speaker.name} {number}" for number in range(MESSAGES)])
        for follower in followers:
            follower.close()

    def test_a_reader_goes_on_at_the_other_server(self):
        speaker = Player(world.servers[0])
        first = Follower(world.servers[0], speaker.token, speaker.channel)
        first.until_caught_up()
        last = 0
        for number in range(5):
            speaker.say(f"before {number}")
            last = int(first.next_message()["sequence"])
        first.close()
        for number in range(5):
            speaker.say(f"between {number}")
        second = Follower(world.servers[1], speaker.token, speaker.channel, after=last)
        missed = second.until_caught_up()
        self.assertEqual([m["text"] for m in missed], [f"between {n}" for n in range(5)])
        speaker.say("after")
        self.assertEqual(second.next_message()["text"], "after")
        second.close()

    def test_a_repeated_key_at_the_other_server_says_nothing_new(self):
        speaker = Player(world.servers[0])
        first = speaker.say("once only", key="the same key")
        again = speaker.say("once only", speaker.on(world.servers[1]), "the same key")
        self.assertEqual(first, again)

    def test_lost_live_copies_are_found_in_the_database(self):
        """Rows nobody published: followers hear them within the hub's next look."""
        speaker = Player(world.servers[0])
        follower = Follower(world.servers[1], speaker.token, speaker.channel, timeout_s=10)
        follower.until_caught_up()
        world.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        sent = speaker.say("while nobody listens to Redis")
        self.assertEqual(follower.next_message(), sent)
        follower.close()


class Sessions(unittest.TestCase):
    def test_signing_out_at_one_ends_it_at_the_other(self):
        someone = Player(world.servers[0])
        other = Api(world.servers[1], someone.token)
        other.call(GET_SESSION)
        someone.api.call(SIGN_OUT)

        def is_out():
            try:
                other.call(GET_SESSION)
                return False
            except RpcError as error:
                self.assertEqual(error.code, "unauthenticated")
                return True

        self.assertTrue(eventually(is_out, 3), "the session still works at the other server")
