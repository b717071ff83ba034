"""What may be said, and how: word filters, links of new accounts, pace, repetition, slow mode."""

import json
import time
import unittest
import uuid

from harness import (LIST_CHANNELS, LIST_MESSAGES, SEND_MESSAGE, Follower, Player, RpcError, World,
                     eventually)
from moderating import (ADMIN, DELETE_FILTER, GET_REPORT, LIST_REPORTS, MODERATOR, PUT_FILTER,
                        SET_SLOW_MODE, account, notifications, refused, resolve, with_role)

EDIT_MESSAGE = "chat.v1.ChatService/EditMessage"
world = None


def setUpModule():
    global world
    world = World("speech", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def family_of(player):
    return [channel["id"] for channel in player.api.call(LIST_CHANNELS)["channels"]
            if channel["kind"] == "CHANNEL_KIND_FAMILY"][0]


def say_in(player, channel, text):
    return player.api.call(SEND_MESSAGE, {"channelId": channel, "text": text,
                                          "characterId": player.character["id"]})["message"]


def edit(player, message, text):
    return player.api.call(EDIT_MESSAGE, {
        "channelId": message["channelId"], "messageSequence": message["sequence"],
        "text": text})["message"]


def newest(player):
    return player.api.call(LIST_MESSAGES, {"channelId": player.channel})["messages"][-1]


class Filters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.moderator = with_role(world, MODERATOR)

    def setUp(self):
        self.player = Player(world.server)

    def put(self, words, action, **more):
        number = self.moderator.api.call(PUT_FILTER, {
            "filter": {"words": words, "action": f"FILTER_ACTION_{action}", **more}})["filter"]["id"]
        self.addCleanup(self.moderator.api.call, DELETE_FILTER, {"filterId": number})
        return number

    def assert_refused(self, call, *words):
        error = refused(call, *words)
        self.assertEqual((error.code, error.message),
                         ("failed_precondition", "these words are not said here"))

    def test_refuse(self):
        message = self.player.say("fine")
        self.put("forbidden", "REFUSE")
        for text in ("forbidden", "it is FÓRBIDDEN!", "f0rbіdden fruit"):
            self.assert_refused(self.player.say, text)
            self.assert_refused(edit, self.player, message, text)
        self.player.say("forbiddenly")
        self.assertEqual(newest(self.player)["text"], "forbiddenly")

    def test_mask(self):
        self.put("rude thing", "MASK")
        follower = Follower(world.servers[1], self.player.token, self.player.channel)
        self.addCleanup(follower.close)
        follower.until_caught_up()
        message = self.player.say("what a Rude, thing!")
        self.assertEqual(message["text"], "what a ****, *****!")
        self.assertEqual(follower.next_message()["text"], "what a ****, *****!")
        self.assertEqual(newest(self.player)["text"], "what a ****, *****!")
        self.assertEqual(world.psql("SELECT count(*) FROM messages WHERE text ILIKE '%rude%'"), "0")
        self.assertEqual(edit(self.player, message, "no rude thing")["text"], "no **** *****")

    def test_a_masked_message_is_repeated_as_it_was(self):
        self.put("oops", "MASK")
        key = str(uuid.uuid4())
        first = self.player.say("oops, sorry", key=key)
        self.assertEqual(first["text"], "****, sorry")
        self.assertEqual(self.player.say("oops, sorry", key=key), first)
        error = refused(self.player.say, "oops, sorrow", key=key)
        self.assertEqual(error.code, "failed_precondition")

    def reports_of(self, message):
        reports = self.moderator.api.call(LIST_REPORTS, {"pageSize": 200}).get("reports", [])
        return [one for one in reports if one["message"]["sequence"] == message["sequence"]]

    def test_report(self):
        self.put("suspicious", "REPORT")
        message = self.player.say("a suspicious offer")
        self.assertEqual(message["text"], "a suspicious offer")
        filed = self.reports_of(message)
        self.assertEqual(len(filed), 1)
        self.assertEqual((filed[0]["reporterName"], filed[0]["note"], filed[0]["reason"]),
                         ("filter", "suspicious", "REPORT_REASON_OTHER"))
        self.assertEqual(filed[0]["message"], message)
        self.assertNotIn("reporterCharacterId", filed[0])
        self.assertTrue(eventually(lambda: any(
            note["subjectId"] == filed[0]["id"]
            for note in notifications(self.moderator, "REPORT_FILED"))))
        edit(self.player, message, "a suspicious offer")
        self.assertEqual(len(self.reports_of(message)), 1, "the same text again")
        edit(self.player, message, "another suspicious offer")
        self.assertEqual(len(self.reports_of(message)), 2)
        resolve(self.moderator, filed[0]["id"], "REPORT_STATE_DISMISSED")
        self.assertEqual(self.reports_of(message), [])
        told = self.moderator.api.call(GET_REPORT, {"reportId": filed[0]["id"]})["report"]
        self.assertEqual(told["message"]["text"], "a suspicious offer")

    def test_where(self):
        family = family_of(self.player)
        everywhere = self.put("somewhere", "REFUSE")
        say_in(self.player, family, "somewhere at home")
        self.assert_refused(self.player.say, "somewhere")
        self.moderator.api.call(PUT_FILTER, {"filter": {
            "id": everywhere, "words": "somewhere", "action": 1,
            "channelKind": "CHANNEL_KIND_FAMILY"}})
        self.assert_refused(say_in, self.player, family, "somewhere at home")
        self.player.say("somewhere")

    def test_for_whom(self):
        self.put("sacred", "REFUSE", exemptFrom="ROLE_MODERATOR")
        self.assert_refused(self.player.say, "sacred")
        self.moderator.say("sacred")
        self.put("sacred oath", "REFUSE", exemptFrom="ROLE_ADMIN")
        self.assert_refused(self.moderator.say, "sacred oath")
        with_role(world, ADMIN).say("sacred oath")

    def test_changes_reach_all_servers_within_a_second(self):
        other = self.player.on(world.servers[1])
        number = self.put("sudden", "REFUSE")

        def is_refused():
            try:
                self.player.say("sudden", other)
            except RpcError as error:
                self.assertEqual(error.code, "failed_precondition")
                return True
            return False

        self.assertTrue(eventually(is_refused, timeout_s=2))
        self.moderator.api.call(DELETE_FILTER, {"filterId": number})
        self.player.say("sudden")
        self.assertTrue(eventually(lambda: not is_refused(), timeout_s=2))


class Spam(unittest.TestCase):
    """Real budgets, and accounts that are young for an hour."""

    @classmethod
    def setUpClass(cls):
        cls.world = World("spam", servers=2, rpc__rate_scale=1, http__loops=1,
                          chat__new_account_s=3600, private=True)
        cls.moderator = with_role(cls.world, MODERATOR)
        cls.players = iter([Player(cls.world.server) for _ in range(12)])

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def setUp(self):
        self.player = next(self.players)

    def assert_refused(self, code, words, call, *more):
        error = refused(call, *more)
        self.assertEqual(error.code, code, error)
        self.assertRegex(error.message, words)

    def test_links_of_new_accounts(self):
        message = self.player.say("no link")
        for text in ("see https://example.org/x", "gold.com", "www.gold.example"):
            self.assert_refused("failed_precondition", "younger than 1 hours",
                                self.player.say, text)
            self.assert_refused("failed_precondition", "younger than 1 hours",
                                edit, self.player, message, text)
        say_in(self.player, family_of(self.player), "a link to keep: https://example.org")
        self.moderator.say("the rules are at https://example.org")
        self.world.psql("UPDATE accounts SET created_at = now() - interval '61 minutes' "
                        f"WHERE id = {account(self.player)}")
        self.player.say("see https://example.org/x")

    def test_pace(self):
        for number in range(10):
            self.player.say(f"{number}")
        self.assert_refused("resource_exhausted", "too fast; try again in 1 s", self.player.say,
                            "one too many")
        self.assertTrue(eventually(lambda: not self.is_refused("later"), timeout_s=5))
        for number in range(15):
            self.moderator.say(f"moderators may: {number}")

    def is_refused(self, text):
        try:
            self.player.say(text)
        except RpcError as error:
            self.assertEqual(error.code, "resource_exhausted")
            return True
        return False

    def test_a_repetition_of_a_call_is_no_spam(self):
        key = str(uuid.uuid4())
        first = self.player.say("said once, asked often", key=key)
        for _ in range(15):
            self.assertEqual(self.player.say("said once, asked often", key=key), first)

    def test_repetition(self):
        for text in ("cheap gold here", "CHEAP gold: here!", "ch3ap g0ld h3re"):
            self.player.say(text)
        self.assert_refused("resource_exhausted", "several times", self.player.say,
                            "Cheap Gold Here")
        self.player.say("something else")
        for _ in range(4):
            self.player.say("lol")

    def say_at_both(self, texts):
        """In turns at two servers; how many were said, and the words of the refusals."""
        servers = [self.player.on(server) for server in self.world.servers]
        said, words = 0, []
        for i, text in enumerate(texts):
            try:
                self.player.say(text, servers[i % 2])
                said += 1
            except RpcError as error:
                self.assertEqual(error.code, "resource_exhausted", error)
                words.append(error.message)
        return said, words

    def test_pace_counts_on_all_servers_together(self):
        """Ten, and perhaps one more for each server, and what the time brings."""
        started = time.monotonic()
        said, words = self.say_at_both([f"{number}" for number in range(30)])
        self.assertGreaterEqual(said, 10)
        self.assertLessEqual(said, 12 + (time.monotonic() - started) + 1)
        self.assertTrue(all("too fast" in one for one in words), words)

    def test_repetition_counts_on_all_servers_together(self):
        said, words = self.say_at_both(["the same words as before"] * 9)
        self.assertGreaterEqual(said, 3)
        self.assertLessEqual(said, 5)
        self.assertTrue(all("several times" in one for one in words), words)

    def test_slow_mode_without_redis(self):
        self.moderator.api.call(SET_SLOW_MODE, {"channelId": self.player.channel,
                                                "slowModeSeconds": 600})
        self.addCleanup(self.moderator.api.call, SET_SLOW_MODE,
                        {"channelId": self.player.channel})
        self.world.redis.stop()
        self.addCleanup(self.world.redis.start)
        self.player.say("first")
        self.assert_refused("resource_exhausted", "slow mode", self.player.say, "second")

    def test_converse_is_held_to_the_same(self):
        """The stream's form of sending ends with the refusal."""
        def frame(message):
            data = json.dumps(message).encode()
            return b"\0" + len(data).to_bytes(4, "big") + data

        number = self.moderator.api.call(PUT_FILTER, {"filter": {
            "words": "unspeakable", "action": "FILTER_ACTION_REFUSE"}})["filter"]["id"]
        self.addCleanup(self.moderator.api.call, DELETE_FILTER, {"filterId": number})
        self.assert_refused("failed_precondition", "not said here", self.player.say, "unspeakable")
        status, _, body = self.player.api.request(
            "POST", "/waystone.chat.v1.ChatService/Converse",
            frame({"join": {"channelId": self.player.channel}})
            + frame({"send": {"channelId": self.player.channel, "text": "unspeakable",
                              "characterId": self.player.character["id"]}}),
            {"Content-Type": "application/connect+json", "Connect-Protocol-Version": "1",
             "Authorization": f"Bearer {self.player.token}"})
        self.assertEqual(status, 200, body)
        self.assertIn(b"these words are not said here", body)


if __name__ == "__main__":
    unittest.main()
