"""PostgreSQL and Redis away, at the start or later: clear answers in time, and healing."""

import itertools
import os
import signal
import time
import unittest

from harness import (GET_SESSION, GET_VERSION, LIST_CHANNELS, Api, Follower, Player, RpcError,
                     World, eventually, unique)

world = None


def setUpModule():
    global world
    world = World("outage", private=True, http__loops=2)


def tearDownModule():
    world.close()


WRONG = {"login": "nobody", "password": "nothing at all"}


def works(call, expected=None):
    """Whether a call gets its answer, or the error that is its answer."""
    try:
        call()
        return expected is None
    except RpcError as error:
        return error.code == expected


def say_when_possible(player, text):
    """Tries under one key, as clients do: the repeated call gives the first answer."""
    key = unique("key")
    if not eventually(lambda: works(lambda: player.say(text, key=key)), 10):
        raise AssertionError(f"'{text}' cannot be said")
    return player.say(text, key=key)


class Postgres(unittest.TestCase):
    def setUp(self):
        """Both loops have their connections back from the test before."""
        api = Api(world.server)
        answered = eventually(lambda: world.server.is_ready() and all(
            works(lambda: api.call("auth.v1.AuthService/SignIn", WRONG), "unauthenticated")
            for _ in range(8)), 20)
        self.assertTrue(answered, "the server is not well at the start")

    def tearDown(self):
        world.cluster.start()

    def unavailable(self, call, limit_s):
        started = time.monotonic()
        with self.assertRaises(RpcError) as raised:
            call()
        self.assertIn(raised.exception.code, ("unavailable", "deadline_exceeded"))
        self.assertLess(time.monotonic() - started, limit_s)
        return raised.exception.code

    def test_down_then_up(self):
        player = Player(world.server)
        before = player.say("before")
        world.cluster.stop()
        self.assertTrue(eventually(lambda: not world.server.is_ready()),
                        "/readyz does not tell that the database is away")
        self.assertTrue(world.server.is_ready("/livez"))
        codes = {self.unavailable(lambda: player.api.call(LIST_CHANNELS, timeout_ms=1500), 3)
                 for _ in range(4)}
        codes |= {self.unavailable(lambda: player.api.call(
            "chat.v1.ChatService/SendMessage",
            {"channelId": player.channel, "characterId": player.character["id"],
             "text": "lost"}, timeout_ms=1500), 3) for _ in range(2)}
        self.assertEqual(codes, {"unavailable"})
        self.assertIn("version", Api(world.server).call(GET_VERSION))

        world.cluster.start()
        self.assertTrue(eventually(world.server.is_ready, 20), "the server does not heal")
        for _ in range(16):  # on connections of their own, which fall to either loop
            player.api.call(LIST_CHANNELS)
        after = say_when_possible(player, "after")
        self.assertEqual(int(after["sequence"]), int(before["sequence"]) + 1,
                         "something half-written stayed")

    def test_an_open_stream_lives_through_it(self):
        player = Player(world.server)
        follower = Follower(world.server, player.token, player.channel, timeout_s=30)
        follower.until_caught_up()
        world.cluster.stop()
        time.sleep(1.5)
        world.cluster.start()
        self.assertTrue(eventually(world.server.is_ready, 20))
        self.assertTrue(eventually(lambda: works(lambda: player.api.call(LIST_CHANNELS)), 10))
        sent = say_when_possible(player, "after the outage")
        self.assertEqual(follower.next_message(), sent)
        follower.close()

    def test_away_at_the_start(self):
        world.cluster.stop()
        server = world.add_server(wait_for="/livez")
        self.unavailable(lambda: Api(server).call(
            "auth.v1.AuthService/SignIn", WRONG, timeout_ms=1500), 3)
        world.cluster.start()
        self.assertTrue(eventually(server.is_ready, 20), "the server does not heal")
        Player(server)
        server.stop()

    def test_killed_connections(self):
        """The first calls may fail; then everything works again by itself."""
        player = Player(world.server)
        for _ in range(3):
            world.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                       "WHERE pid <> pg_backend_pid() AND datname = current_database()")
            self.assertTrue(eventually(lambda: works(lambda: player.api.call(LIST_CHANNELS)), 10))
        say_when_possible(player, "still here")


class RedisAway(unittest.TestCase):
    def tearDown(self):
        world.redis.start()

    def test_down_then_up(self):
        player = Player(world.server)
        follower = Follower(world.server, player.token, player.channel, timeout_s=20)
        follower.until_caught_up()
        world.redis.stop()
        self.assertTrue(world.server.is_ready(), "Redis is no condition of readiness")
        player.api.call(GET_SESSION)
        for number in range(5):
            sent = player.say(f"without Redis {number}")
            self.assertEqual(follower.next_message(), sent)
        world.redis.start()
        self.assertTrue(eventually(
            lambda: self.redis_is("up"), 20), "Redis is not found again")
        sent = player.say("with Redis")
        self.assertEqual(follower.next_message(), sent)
        follower.close()

    def test_one_that_does_not_answer_is_away(self):
        """Its kernel still takes connections. Nothing waits for it again and again."""
        player = Player(world.server)
        said = player.say("before")
        pid = world.redis.process.pid()
        os.kill(pid, signal.SIGSTOP)
        try:
            self.assertTrue(eventually(lambda: all(self.redis_is("down") for _ in range(12)), 10),
                            "not every loop notices")
            numbers = itertools.count()

            def is_asked_again():
                started = time.monotonic()
                self.react(player, said, f":stone{next(numbers) % 12}:")
                self.assertLess(time.monotonic() - started, 0.3, "a call waited for Redis")
                return not self.redis_is("down")

            self.assertFalse(eventually(is_asked_again, 1.5, 0.1), "it counts as up again")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertTrue(eventually(lambda: self.redis_is("up"), 20), "Redis is not found again")

    def redis_is(self, state):
        return f"redis: {state}" in world.server.get("/readyz")[1]

    def react(self, player, message, emoji):
        """A call whose budget is kept in Redis."""
        player.api.call("chat.v1.ChatService/SetReaction", {
            "channelId": player.channel, "messageSequence": message["sequence"], "on": True,
            "characterId": player.character["id"], "emoji": emoji})

    def test_away_at_the_start(self):
        world.redis.stop()
        server = world.add_server()
        player = Player(server)
        player.say("no Redis yet")
        world.redis.start()
        self.assertTrue(eventually(lambda: "redis: up" in server.get("/readyz")[1], 20))
        server.stop()


class Drained(unittest.TestCase):
    def test_stopping_while_the_database_is_away(self):
        server = world.add_server()
        world.cluster.stop()
        started = time.monotonic()
        try:
            self.assertTrue(server.stop(20))
        finally:
            world.cluster.start()
        self.assertLess(time.monotonic() - started, 15)
        self.assertEqual(server.process.exit_code(), 0)
