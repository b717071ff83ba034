"""The account's topic: told live on every device, in order, resumable, nobody else's."""

import unittest

from admin_tool import run_job
from event_stream import ACCOUNT, EventStream, following, topic
from harness import Player, World
from notifying import MARK, delivered, notify, texts

world = None


def setUpModule():
    global world
    world = World("account-topic", servers=2, http__loops=2)


def tearDownModule():
    world.close()


class Live(unittest.TestCase):
    def setUp(self):
        self.player = Player(world.servers[0])

    def open(self, server=0, after=None, player=None):
        stream = EventStream(world.servers[server], (player or self.player).token,
                             [following(ACCOUNT, after=after)])
        self.addCleanup(stream.close)
        return stream

    def test_every_device_hears_everything_in_order(self):
        devices = [self.open(server) for server in (0, 1, 0, 1)]
        for device in devices:
            self.assertEqual(device.until_caught_up(topic(ACCOUNT)), ([], 0))
        notify(world, self.player, *(f"n{number}" for number in range(25)))
        stored = delivered(self.player, 25)
        self.player.on(world.servers[1]).call(MARK, {"upToId": stored["notifications"][0]["id"]})
        for device in devices:
            heard = [device.next("accountEvent")[1] for _ in range(26)]
            self.assertEqual([int(event["sequence"]) for event in heard], list(range(1, 27)))
            self.assertEqual(sorted((e["notification"]["text"] for e in heard[:25])),
                             sorted(texts(stored)))
            self.assertEqual(heard[25]["notificationsRead"],
                             {"upToId": stored["notifications"][0]["id"]})

    def test_a_stream_resumes_where_it_was(self):
        notify(world, self.player, "one")
        delivered(self.player, 1)
        notify(world, self.player, "two", "three")
        delivered(self.player, 3)
        missed, head = self.open(1, after=1).until_caught_up(topic(ACCOUNT))
        self.assertEqual([int(e["accountEvent"]["sequence"]) for e in missed], [2, 3])
        self.assertEqual({e["accountEvent"]["notification"]["text"] for e in missed},
                         {"two", "three"})
        self.assertEqual(head, 3)

    def test_a_lost_copy_is_found(self):
        """Written, and never published: the hub's look at the heads finds it."""
        stream = self.open(1)
        stream.until_caught_up(topic(ACCOUNT))
        account = self.player.session["account"]["id"]
        world.psql(f"INSERT INTO account_heads VALUES ({account}, 1, 0); "
                   "INSERT INTO account_events (account_id, sequence, event) VALUES "
                   f"({account}, 1, '\\x2a040a020807'::bytea)")  # joined channel 7
        self.assertEqual(stream.next("accountEvent")[1]["channelJoined"]["channel"]["id"], "7")

    def test_a_cursor_older_than_what_is_kept_gets_a_reset(self):
        notify(world, self.player, *(f"n{number}" for number in range(4)))
        delivered(self.player, 4)
        account = self.player.session["account"]["id"]
        world.psql("UPDATE account_events SET created_at = now() - interval '31 days' "
                   f"WHERE account_id = {account} AND sequence <= 3")
        run_job(world, "expire_account_events")
        before, head = self.open(1, after=1).until_caught_up(topic(ACCOUNT))
        self.assertEqual(before[0]["reset"], {"sequence": "3", "topic": topic(ACCOUNT)})
        self.assertEqual(before[1]["accountEvent"]["sequence"], "4")
        self.assertEqual((len(before), head), (2, 4))

    def test_nobody_hears_of_others(self):
        stranger = Player(world.servers[1])
        strange = self.open(0, player=stranger)
        strange.until_caught_up(topic(ACCOUNT))
        notify(world, self.player, "private")
        delivered(self.player, 1)
        notify(world, stranger, "own")
        self.assertEqual(strange.next("accountEvent")[1]["notification"]["text"], "own")


if __name__ == "__main__":
    unittest.main()
