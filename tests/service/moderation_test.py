"""ModerationService through the front door: reports, sanctions, appeals, filters, slow mode."""

import concurrent.futures
import json
import time
import unittest

from event_stream import CHANNEL, EventStream, following, topic
from harness import (DELETE_CHARACTER, LIST_CHANNELS, LIST_MESSAGES, PASSWORD, REFRESH, SEND_MESSAGE,
                     SIGN_IN, Api, Follower, Player, RpcError, World, eventually)
from moderating import (ADMIN, APPEAL, APPEAL_BAN, DELETE_FILTER, GET_REPORT, LIFT, LIST_APPEALS, LIST_FILTERS,
                        LIST_MY_SANCTIONS, LIST_REPORTS, LIST_SANCTIONS, MODERATOR, PUT_FILTER,
                        REPORT, RESOLVE_APPEAL, RESOLVE_REPORT, SANCTION, SET_SLOW_MODE, account,
                        audited, lift, notifications, refused, report, resolve, sanction, sign_in,
                        with_role)

world = None


def setUpModule():
    global world
    world = World("moderation", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def in_parallel(calls):
    """Runs the calls at once; each gives its answer or its RpcError."""
    def outcome(call):
        try:
            return call()
        except RpcError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


def history(player):
    return player.api.call(LIST_MESSAGES, {"channelId": player.channel}).get("messages", [])


class Moderation(unittest.TestCase):
    def setUp(self):
        self.moderator = with_role(world, MODERATOR)
        self.speaker, self.reporter = Player(world.server), Player(world.server)

    def assert_refused(self, code, call, *words, **more):
        error = refused(call, *words, **more)
        self.assertEqual(error.code, code, error)
        return error


class Roles(Moderation):
    def test_players_and_strangers_are_kept_out(self):
        filter_ = {"words": "word", "action": "FILTER_ACTION_MASK"}
        methods = {
            LIST_REPORTS: {}, GET_REPORT: {"reportId": 1},
            RESOLVE_REPORT: {"reportId": 1, "state": 2, "resolution": "None."},
            SANCTION: {"characterId": 1, "sanction": {"kind": 1}, "reason": "None."},
            LIFT: {"sanctionId": 1, "reason": "None."}, LIST_SANCTIONS: {"characterId": 1},
            LIST_APPEALS: {}, RESOLVE_APPEAL: {"appealId": 1, "decision": "None."},
            SET_SLOW_MODE: {"channelId": 1, "slowModeSeconds": 5}, LIST_FILTERS: {},
            PUT_FILTER: {"filter": filter_}, DELETE_FILTER: {"filterId": 1}}
        for method, request in methods.items():
            self.assert_refused("permission_denied", self.speaker.api.call, method, request)
            self.assert_refused("unauthenticated", Api(world.server).call, method, request)
        for method, request in {REPORT: {"channelId": 1, "messageSequence": 1, "characterId": 1,
                                         "reason": 1},
                                LIST_MY_SANCTIONS: {},
                                APPEAL: {"sanctionId": 1, "text": "Please."}}.items():
            self.assert_refused("unauthenticated", Api(world.server).call, method, request)

    def test_nobody_judges_an_equal_or_oneself(self):
        admin, other = with_role(world, ADMIN), with_role(world, MODERATOR)
        for target in (self.moderator, other, admin):
            error = self.assert_refused("failed_precondition", sanction, self.moderator, target)
            self.assertIn("role", error.message)
        put = sanction(admin, other)
        self.assert_refused("failed_precondition", lift, other, put["id"])
        self.assert_refused("failed_precondition", lift, self.moderator, put["id"])
        lift(admin, put["id"])

    def test_wrong_input(self):
        good = {"characterId": self.speaker.character["id"], "sanction": {"kind": 1},
                "reason": "Insults."}
        wrong = [(SANCTION, {**good, "characterId": 0}), (SANCTION, {**good, "reason": "  "}),
                 (SANCTION, {**good, "reason": "x" * 501}),
                 (SANCTION, {"characterId": 1, "reason": "None."}),
                 (SANCTION, {**good, "sanction": {}}), (SANCTION, {**good, "sanction": {"kind": 3}}),
                 (SANCTION, {**good, "sanction": {"kind": 1, "durationSeconds": -1}}),
                 (SANCTION, {**good, "sanction": {"kind": 1, "durationSeconds": 315360001}}),
                 (SANCTION, {**good, "sanction": {"kind": 1, "channelId": -1}}),
                 (LIFT, {"sanctionId": 0, "reason": "None."}), (LIFT, {"sanctionId": 1}),
                 (LIST_REPORTS, {"pageSize": 201}), (LIST_REPORTS, {"afterId": -1}),
                 (LIST_REPORTS, {"state": 9}), (GET_REPORT, {}),
                 (RESOLVE_REPORT, {"reportId": 1, "state": 1, "resolution": "None."}),
                 (RESOLVE_REPORT, {"reportId": 1, "state": 2, "resolution": ""}),
                 (SET_SLOW_MODE, {"channelId": 1, "slowModeSeconds": 3601}),
                 (SET_SLOW_MODE, {"channelId": 1, "slowModeSeconds": -1}),
                 (PUT_FILTER, {}), (PUT_FILTER, {"filter": {"words": "ab"}}),
                 (PUT_FILTER, {"filter": {"words": "", "action": 1}}),
                 (PUT_FILTER, {"filter": {"words": "..!!", "action": 1}}),
                 (PUT_FILTER, {"filter": {"words": "x" * 101, "action": 1}}),
                 (PUT_FILTER, {"filter": {"words": "ab", "action": 4}}),
                 (PUT_FILTER, {"filter": {"words": "ab", "action": 1, "exemptFrom": 6}}),
                 (DELETE_FILTER, {"filterId": 0})]
        for method, request in wrong:
            self.assert_refused("invalid_argument", self.moderator.api.call, method, request)


class Reports(Moderation):
    def test_from_report_to_resolution(self):
        before = self.reporter.say("a word before")
        message = self.speaker.say("cheap gold")
        after = self.reporter.say("a word after")
        number = report(self.reporter, message, "REPORT_REASON_FRAUD", "Sells gold.")

        got = self.moderator.api.call(GET_REPORT, {"reportId": number})
        told = got["report"]
        self.assertEqual((told["id"], told["state"], told["reason"], told["note"]),
                         (number, "REPORT_STATE_OPEN", "REPORT_REASON_FRAUD", "Sells gold."))
        self.assertEqual((told["reporterCharacterId"], told["reporterName"]),
                         (self.reporter.character["id"], self.reporter.character["name"]))
        self.assertEqual(told["message"], message)
        self.assertEqual(told["reportCount"], 1)
        self.assertNotIn("resolvedAt", told)
        said = [one["sequence"] for one in got["context"]]
        self.assertIn(before["sequence"], said)
        self.assertIn(after["sequence"], said)
        self.assertNotIn(message["sequence"], said)
        self.assertEqual(said, sorted(said, key=int))
        self.assertIn(told, self.queue())

        closed = resolve(self.moderator, number, resolution="Gold seller.")
        self.assertEqual((closed["state"], closed["resolution"], closed["resolvedBy"]),
                         ("REPORT_STATE_UPHELD", "Gold seller.", self.moderator.name))
        self.assertIn("resolvedAt", closed)
        self.assertNotIn(number, [one["id"] for one in self.queue()])
        self.assertIn(number, [one["id"] for one in self.queue("REPORT_STATE_UPHELD")])
        self.assertEqual([row[:2] for row in audited(world, "report.resolve", self.moderator)],
                         [("report", number)])
        self.assertTrue(eventually(lambda: notifications(self.reporter, "REPORT_RESOLVED")))
        note = notifications(self.reporter, "REPORT_RESOLVED")[0]
        self.assertEqual(note["subjectId"], number)
        self.assertIn("upheld", note["text"])
        self.assertNotIn("Gold seller", note["text"])

    def queue(self, state=None):
        """All pages of the queue."""
        reports, after = [], 0
        while True:
            page = self.moderator.api.call(LIST_REPORTS, {
                "afterId": after, "pageSize": 3, **({"state": state} if state else {})})
            reports += page.get("reports", [])
            if not page.get("hasMore"):
                return reports
            self.assertEqual(len(page["reports"]), 3)
            after = page["reports"][-1]["id"]

    def test_the_message_stays_as_it_was_reported(self):
        message = self.speaker.say("as it was")
        number = report(self.reporter, message)
        world.psql(f"UPDATE messages SET text = 'harmless', edited_at = now() WHERE channel_id = "
                   f"{message['channelId']} AND sequence = {message['sequence']}")
        told = self.moderator.api.call(GET_REPORT, {"reportId": number})["report"]
        self.assertEqual(told["message"]["text"], "as it was")

    def test_once_for_each_account_and_message(self):
        message = self.speaker.say("something")
        first = report(self.reporter, message)
        self.assertEqual(report(self.reporter, message, "REPORT_REASON_HATE"), first)
        answers = in_parallel([lambda: report(self.moderator, message)] * 8)
        self.assertEqual(len(set(answers)), 1, answers)
        self.assertNotEqual(answers[0], first)
        told = self.moderator.api.call(GET_REPORT, {"reportId": first})["report"]
        self.assertEqual(told["reportCount"], 2)
        self.assertEqual(told["reason"], "REPORT_REASON_SPAM")

    def test_what_cannot_be_reported(self):
        message = self.speaker.say("something")
        self.assert_refused("failed_precondition", report, self.speaker, message)
        self.assert_refused("not_found", report, self.reporter, {**message, "sequence": 10 ** 9})
        self.assert_refused("not_found", report, self.reporter, {**message, "channelId": 10 ** 9})
        stranger = Player(world.server)
        stranger.character = self.speaker.character
        self.assert_refused("not_found", report, stranger, message)
        families = [channel for channel in self.speaker.api.call(LIST_CHANNELS)["channels"]
                    if channel["kind"] == "CHANNEL_KIND_FAMILY"]
        self.assertEqual(len(families), 1)
        private = self.speaker.api.call(SEND_MESSAGE, {
            "channelId": families[0]["id"], "characterId": self.speaker.character["id"],
            "text": "at home"})["message"]
        self.assert_refused("not_found", report, self.reporter, private)
        resolve(self.moderator, report(self.reporter, message), deleteMessage=True)
        self.assert_refused("failed_precondition", report, self.moderator, message)
        self.assert_refused("invalid_argument", report, self.reporter, message, "REPORT_REASON_X")
        self.assert_refused("invalid_argument", report, self.reporter, message, note="x" * 501)

    def test_moderators_are_told_once_of_a_message(self):
        message = self.speaker.say("something bad")
        number = report(self.reporter, message)

        def told():
            return [note for note in notifications(self.moderator, "REPORT_FILED")
                    if note.get("messageSequence") == message["sequence"]]

        self.assertTrue(eventually(told))
        self.assertEqual(told()[0]["subjectId"], number)
        report(Player(world.server), message)
        later = self.speaker.say("something worse")
        report(self.reporter, later)
        self.assertTrue(eventually(lambda: any(
            note.get("messageSequence") == later["sequence"]
            for note in notifications(self.moderator, "REPORT_FILED"))))
        self.assertEqual(len(told()), 1)
        self.assertEqual(notifications(self.reporter, "REPORT_FILED"), [], "players are not told")

    def test_everything_in_one_step(self):
        message = self.speaker.say("very bad words")
        second = Player(world.server)
        numbers = [report(self.reporter, message), report(second, message)]
        follower = Follower(world.servers[1], self.reporter.token, message["channelId"])
        self.addCleanup(follower.close)
        follower.until_caught_up()

        resolve(self.moderator, numbers[1], resolution="Insults.", deleteMessage=True,
                sanction={"kind": "SANCTION_KIND_MUTE", "durationSeconds": 3600})

        event = next(payload["deleted"] for kind, payload in iter(follower.receive, None)
                     if "deleted" in payload)
        self.assertEqual((event["messageSequence"], event["byModerator"]),
                         (message["sequence"], True))
        self.assertGreater(int(event["sequence"]), int(message["sequence"]))
        shown = [one for one in history(self.reporter) if one["sequence"] == message["sequence"]][0]
        self.assertTrue(shown["deleted"])
        self.assertEqual(shown.get("text", ""), "")
        for number, player in zip(numbers, (self.reporter, second)):
            told = self.moderator.api.call(GET_REPORT, {"reportId": number})
            self.assertEqual(told["report"]["state"], "REPORT_STATE_UPHELD", "siblings close as well")
            self.assertEqual(told["report"]["message"]["text"], "very bad words")
            self.assertEqual(told["report"].get("reportCount", 0), 0)
            self.assertEqual(len(told["sanctions"]), 1)
            self.assertTrue(eventually(lambda: notifications(player, "REPORT_RESOLVED")))
        self.assertIn("muted", self.assert_refused(
            "failed_precondition", self.speaker.say, "again").message)
        self.assertTrue(eventually(lambda: notifications(self.speaker, "SANCTION")))
        self.assertIn("Insults.", notifications(self.speaker, "SANCTION")[0]["text"])
        for action in ("report.resolve", "message.delete", "sanction.put"):
            self.assertEqual(len(audited(world, action, self.moderator)), 1, action)

    def test_nothing_of_it_when_a_part_fails(self):
        message = self.speaker.say("bad words")
        number = report(self.reporter, message)
        self.assert_refused("failed_precondition", resolve, self.moderator, number,
                            deleteMessage=True,
                            sanction={"kind": "SANCTION_KIND_MUTE", "channelId": 10 ** 9})
        told = self.moderator.api.call(GET_REPORT, {"reportId": number})
        self.assertEqual(told["report"]["state"], "REPORT_STATE_OPEN")
        self.assertEqual(told.get("sanctions", []), [])
        self.assertEqual(history(self.reporter)[-1]["text"], "bad words")
        self.assertEqual(audited(world, "report.resolve", self.moderator), [])
        self.assertEqual(audited(world, "message.delete", self.moderator), [])

    def test_a_taken_audit_log_stops_the_act(self):
        """The audit row is part of the transaction: without it nothing is done."""
        message = self.speaker.say("bad words")
        number = report(self.reporter, message)
        with world.table_held("audit_log"):
            error = refused(self.moderator.api.call, RESOLVE_REPORT,
                            {"reportId": number, "state": 2, "resolution": "None.",
                             "deleteMessage": True}, timeout_ms=1000)
        self.assertEqual(error.code, "deadline_exceeded")
        told = self.moderator.api.call(GET_REPORT, {"reportId": number})["report"]
        self.assertEqual(told["state"], "REPORT_STATE_OPEN")
        self.assertEqual(history(self.reporter)[-1]["text"], "bad words")

    def test_two_moderators_resolve_the_same(self):
        message = self.speaker.say("words")
        numbers = [report(self.reporter, message), report(Player(world.server), message)]
        others = [self.moderator] + [with_role(world, MODERATOR) for _ in range(3)]
        answers = in_parallel([
            lambda one=moderator, number=numbers[i % 2], server=world.servers[i % 2]:
            one.on(server).call(RESOLVE_REPORT, {
                "reportId": number, "state": 2, "resolution": "Done.", "deleteMessage": True,
                "sanction": {"kind": 1, "durationSeconds": 600}})
            for i, moderator in enumerate(others)])
        won = [answer for answer in answers if not isinstance(answer, RpcError)]
        self.assertEqual(len(won), 1, answers)
        for answer in answers:
            if isinstance(answer, RpcError):
                self.assertEqual(answer.code, "failed_precondition", answer)
        self.assertEqual(world.psql(
            f"SELECT count(*) FROM sanctions WHERE account_id = {account(self.speaker)}"), "1")
        self.assertEqual(world.psql(
            f"SELECT count(*) FROM channel_changes WHERE channel_id = {message['channelId']} "
            f"AND sequence > {message['sequence']}"), "1")

    def test_dismissing(self):
        message = self.speaker.say("quite all right")
        number = report(self.reporter, message)
        for more in ({"deleteMessage": True}, {"sanction": {"kind": 1}}):
            self.assert_refused("invalid_argument", resolve, self.moderator, number,
                                "REPORT_STATE_DISMISSED", **more)
        closed = resolve(self.moderator, number, "REPORT_STATE_DISMISSED")
        self.assertEqual(closed["state"], "REPORT_STATE_DISMISSED")
        self.assertTrue(eventually(lambda: notifications(self.reporter, "REPORT_RESOLVED")))
        self.assertIn("within the rules",
                      notifications(self.reporter, "REPORT_RESOLVED")[0]["text"])
        self.assertEqual(notifications(self.speaker, "SANCTION"), [])
        self.assert_refused("failed_precondition", resolve, self.moderator, number)
        self.assert_refused("not_found", resolve, self.moderator, 10 ** 9)

    def test_nobody_resolves_a_report_about_oneself(self):
        message = self.moderator.say("I said that")
        number = report(self.reporter, message)
        self.assert_refused("failed_precondition", resolve, self.moderator, number)
        resolve(with_role(world, ADMIN), number)

    def test_earlier_reports_that_were_upheld_are_counted(self):
        for text, state in (("one", "UPHELD"), ("two", "UPHELD"), ("three", "DISMISSED")):
            resolve(self.moderator, report(self.reporter, self.speaker.say(text)),
                    f"REPORT_STATE_{state}")
        number = report(self.reporter, self.speaker.say("four"))
        self.assertEqual(self.moderator.api.call(GET_REPORT, {"reportId": number})["upheldCount"],
                         2)


class Sanctions(Moderation):
    def test_mute_everywhere_and_lift(self):
        put = sanction(self.moderator, self.speaker, seconds=3600)
        self.assertEqual((put["kind"], put["active"], put["reason"], put["characterName"]),
                         ("SANCTION_KIND_MUTE", True, "Insults.", self.speaker.character["name"]))
        self.assertIn("endsAt", put)
        self.assertNotIn("channelId", put)
        error = self.assert_refused("failed_precondition", self.speaker.say, "hello")
        self.assertRegex(error.message, r"^you are muted until \d{4}-.* UTC: Insults\.$")
        other = self.speaker.on(world.servers[1])
        self.assertTrue(eventually(lambda: self.is_refused(other), timeout_s=2))
        lifted = lift(self.moderator, put["id"])
        self.assertFalse(lifted.get("active", False))
        self.assertIn("liftedAt", lifted)
        self.speaker.say("hello again")
        self.assertTrue(eventually(lambda: not self.is_refused(other), timeout_s=2))
        self.assert_refused("failed_precondition", lift, self.moderator, put["id"])
        self.assert_refused("not_found", lift, self.moderator, 10 ** 9)
        self.assertEqual(len(audited(world, "sanction.put", self.moderator)), 1)
        self.assertEqual(len(audited(world, "sanction.lift", self.moderator)), 1)
        self.assertTrue(eventually(lambda: len(notifications(self.speaker, "SANCTION")) == 2))

    def is_refused(self, api):
        try:
            self.speaker.say("is it so?", api)
        except RpcError as error:
            self.assertEqual(error.code, "failed_precondition", error)
            return True
        return False

    def test_mute_in_one_channel(self):
        sanction(self.moderator, self.speaker, channel=self.speaker.channel)
        error = self.assert_refused("failed_precondition", self.speaker.say, "hello")
        self.assertIn("in this channel for good", error.message)
        family = [channel for channel in self.speaker.api.call(LIST_CHANNELS)["channels"]
                  if channel["kind"] == "CHANNEL_KIND_FAMILY"][0]
        self.speaker.channel = family["id"]
        self.speaker.say("at home")
        listed = self.speaker.api.call(LIST_MY_SANCTIONS)["sanctions"]
        self.assertEqual(listed[0]["channelName"], "Global")

    def test_it_ends_by_itself(self):
        put = sanction(self.moderator, self.speaker, seconds=1)
        self.assertTrue(self.is_refused(self.speaker.api))
        self.assertTrue(eventually(lambda: not self.is_refused(self.speaker.api), timeout_s=5))
        listed = self.speaker.api.call(LIST_MY_SANCTIONS)["sanctions"]
        self.assertEqual([(one["id"], one.get("active", False)) for one in listed],
                         [(put["id"], False)])
        self.assert_refused("failed_precondition", lift, self.moderator, put["id"])

    def test_the_longer_of_two_counts(self):
        sanction(self.moderator, self.speaker, seconds=3600)
        short = sanction(self.moderator, self.speaker, seconds=600)
        lift(self.moderator, short["id"])
        self.assertTrue(self.is_refused(self.speaker.api))

    def test_all_characters_of_an_account_are_meant(self):
        put = sanction(self.moderator, self.speaker)
        self.speaker.api.call(DELETE_CHARACTER, {"id": self.speaker.character["id"]})
        listed = self.moderator.api.call(
            LIST_SANCTIONS, {"characterId": self.speaker.character["id"]})["sanctions"]
        self.assertEqual([one["id"] for one in listed], [put["id"]])
        self.assert_refused("not_found", self.moderator.api.call, LIST_SANCTIONS,
                            {"characterId": 10 ** 9})

    def test_what_does_not_exist(self):
        nobody = Player(world.server)
        nobody.character = {"id": 10 ** 9}
        self.assert_refused("not_found", sanction, self.moderator, nobody)
        error = self.assert_refused("failed_precondition", sanction, self.moderator, self.speaker,
                                    channel=10 ** 9)
        self.assertIn("no channel", error.message)

    def test_own_sanctions_are_remembered_for_30_days(self):
        old, recent, active = (sanction(self.moderator, self.speaker, seconds=600)["id"]
                               for _ in range(3))
        world.psql(f"UPDATE sanctions SET ends_at = now() - interval '31 days' WHERE id = {old}")
        world.psql(f"UPDATE sanctions SET ends_at = now() - interval '29 days' WHERE id = {recent}")
        listed = self.speaker.api.call(LIST_MY_SANCTIONS)["sanctions"]
        self.assertEqual([(one["id"], one.get("active", False)) for one in listed],
                         [(active, True), (recent, False)])

    def test_sanctions_are_remembered_over_a_restart(self):
        server = world.add_server(http__loops=1)
        sanction(self.moderator, self.speaker, seconds=3600)
        server.stop()
        server.start(world.env)
        self.assertTrue(self.is_refused(self.speaker.on(server)))
        server.stop()


class Bans(Moderation):
    def test_ban_everywhere_ends_everything(self):
        second = Api(world.server).call(SIGN_IN, {"login": self.speaker.name,
                                                  "password": PASSWORD})["session"]
        followers = [Follower(server, self.speaker.token, self.speaker.channel)
                     for server in world.servers]
        for follower in followers:
            self.addCleanup(follower.close)
            follower.until_caught_up()
        before = time.monotonic()
        put = sanction(self.moderator, self.speaker, "BAN", seconds=3600, reason="Cheating.")
        for follower in followers:
            payload = follower.until_end()
            self.assertEqual(payload["error"]["code"], "unauthenticated")
        self.assertLess(time.monotonic() - before, 3)
        for token in (self.speaker.token, second["accessToken"]):
            self.assert_refused("unauthenticated", Api(world.servers[1], token).call, LIST_CHANNELS)
        self.assert_refused("unauthenticated", Api(world.server).call, REFRESH,
                            {"refreshToken": second["refreshToken"]})
        error = self.assert_refused("failed_precondition", sign_in, self.speaker, world.servers[1])
        self.assertRegex(error.message, r"banned until .* UTC: Cheating\. \(sanction \d+\)")
        wrong = refused(Api(world.server).call, SIGN_IN,
                        {"login": self.speaker.name, "password": "something else"})
        self.assertEqual(wrong.code, "unauthenticated", "only the owner is told")
        lift(self.moderator, put["id"])
        sign_in(self.speaker, world.server)
        self.speaker.say("back again")

    def test_ban_that_has_ended(self):
        put = sanction(self.moderator, self.speaker, "BAN", seconds=3600)
        world.psql(f"UPDATE sanctions SET ends_at = now() WHERE id = {put['id']}")
        sign_in(self.speaker, world.server)

    def test_no_session_slips_through_beside_a_ban(self):
        """Whatever the order, afterwards no session of the account is left open."""
        def sign_in_there(server):
            return Api(server).call(SIGN_IN, {"login": self.speaker.name, "password": PASSWORD})

        in_parallel([lambda: sanction(self.moderator, self.speaker, "BAN", reason="Race.")]
                    + [lambda i=i: sign_in_there(world.servers[i % 2]) for i in range(8)])
        self.assertEqual(world.psql(
            f"SELECT count(*) FROM sessions WHERE account_id = {account(self.speaker)} "
            "AND revoked_at IS NULL"), "0")

    def test_ban_from_a_channel_ends_its_topic_on_open_streams(self):
        streams = [EventStream(server, self.speaker.token,
                               [following(CHANNEL, self.speaker.channel)])
                   for server in world.servers]
        for stream in streams:
            self.addCleanup(stream.close)
            stream.next("caughtUp")
        before = time.monotonic()
        sanction(self.moderator, self.speaker, "BAN", channel=self.speaker.channel)
        for stream in streams:
            _, ended = stream.next("ended")
            self.assertEqual(ended, {"topic": topic(CHANNEL, self.speaker.channel),
                                     "reason": "END_REASON_NOT_ALLOWED"})
        self.assertLess(time.monotonic() - before, 4)
        again = EventStream(world.servers[1], self.speaker.token,
                            [following(CHANNEL, self.speaker.channel)])
        self.addCleanup(again.close)
        self.assertIn(again.next("ended")[1]["reason"],
                      ("END_REASON_NOT_ALLOWED", "END_REASON_NOT_FOUND"))

    def test_ban_from_a_channel(self):
        self.speaker.say("hello")
        put = sanction(self.moderator, self.speaker, "BAN", channel=self.speaker.channel)
        error = self.assert_refused("not_found", self.speaker.api.call, LIST_MESSAGES,
                                    {"channelId": self.speaker.channel})
        self.assertIn("channel", error.message)
        self.assert_refused("not_found", self.speaker.say, "hello")
        self.assertNotIn(self.speaker.channel, [
            channel["id"] for channel in self.speaker.api.call(LIST_CHANNELS)["channels"]])
        lift(self.moderator, put["id"])
        self.speaker.say("hello again")


class Appeals(Moderation):
    def setUp(self):
        super().setUp()
        self.sanction = sanction(self.moderator, self.speaker, seconds=3600)

    def appeal(self, player=None, text="It was not me."):
        return (player or self.speaker).api.call(
            APPEAL, {"sanctionId": self.sanction["id"], "text": text})["appeal"]

    def decide(self, number, granted, moderator=None):
        return (moderator or self.moderator).api.call(RESOLVE_APPEAL, {
            "appealId": number, "granted": granted, "decision": "Looked at it."})["appeal"]

    def listed(self, **more):
        """All appeals, page by page."""
        appeals, after = [], 0
        while True:
            page = self.moderator.api.call(LIST_APPEALS,
                                           {"afterId": after, "pageSize": 2, **more})
            appeals += page.get("appeals", [])
            if not page.get("hasMore"):
                return appeals
            after = page["appeals"][-1]["id"]

    def test_granted(self):
        made = self.appeal()
        self.assertEqual((made["text"], made["sanction"]["id"], made["sanction"]["appealed"]),
                         ("It was not me.", self.sanction["id"], True))
        self.assertIn(made, self.listed())
        decided = self.decide(made["id"], True)
        self.assertTrue(decided["granted"] and decided["decided"])
        self.assertFalse(decided["sanction"].get("active", False))
        self.speaker.say("free")
        self.assertNotIn(made["id"], [one["id"] for one in self.listed()])
        self.assertIn(made["id"], [one["id"] for one in self.listed(includeDecided=True)])
        self.assertTrue(eventually(lambda: notifications(self.speaker, "APPEAL_DECIDED")))
        self.assertIn("granted", notifications(self.speaker, "APPEAL_DECIDED")[0]["text"])
        self.assertEqual([row[:2] for row in audited(world, "appeal.resolve", self.moderator)],
                         [("appeal", made["id"])])
        self.assertEqual(len(audited(world, "sanction.lift", self.moderator)), 1)

    def test_moderators_hear_of_it(self):
        made = self.appeal()

        def told(player):
            return [note for note in notifications(player, "APPEAL_FILED")
                    if note.get("subjectId") == made["id"]]

        self.assertTrue(eventually(lambda: told(self.moderator)))
        note = told(self.moderator)[0]
        self.assertEqual((note["text"], note["characterId"]),
                         (f"{self.speaker.character['name']} appeals a mute.",
                          self.speaker.character["id"]))
        self.assert_refused("already_exists", self.appeal)
        self.decide(made["id"], False)
        self.assertTrue(eventually(lambda: notifications(self.speaker, "APPEAL_DECIDED")))
        self.assertEqual(len(told(self.moderator)), 1, "once for each appeal")
        self.assertEqual(notifications(self.speaker, "APPEAL_FILED"), [], "players are not told")

    def test_refused(self):
        made = self.appeal()
        decided = self.decide(made["id"], False)
        self.assertTrue(decided["decided"])
        self.assertFalse(decided.get("granted", False))
        self.assertTrue(decided["sanction"]["active"])
        self.assert_refused("failed_precondition", self.speaker.say, "hello")
        self.assert_refused("failed_precondition", self.decide, made["id"], True)
        self.assert_refused("already_exists", self.appeal)

    def test_once_and_by_its_owner(self):
        self.assert_refused("not_found", self.appeal, self.reporter)
        answers = in_parallel([self.appeal] * 6)
        made = [answer for answer in answers if not isinstance(answer, RpcError)]
        self.assertEqual(len(made), 1, answers)
        for answer in answers:
            if isinstance(answer, RpcError):
                self.assertEqual(answer.code, "already_exists")
        for text in ("", "  ", "x" * 501):
            self.assert_refused("invalid_argument", self.appeal, text=text)

    def test_only_what_is_in_force(self):
        lift(self.moderator, self.sanction["id"])
        self.assert_refused("failed_precondition", self.appeal)

    def test_two_decide_at_once(self):
        made = self.appeal()
        moderators = [self.moderator] + [with_role(world, MODERATOR) for _ in range(3)]
        answers = in_parallel([lambda one=one, i=i: self.decide(made["id"], bool(i % 2), one)
                               for i, one in enumerate(moderators)])
        self.assertEqual(sum(not isinstance(answer, RpcError) for answer in answers), 1, answers)
        self.assertEqual(world.psql("SELECT count(*) FROM audit_log WHERE action = "
                                    f"'appeal.resolve' AND target_id = {made['id']}"), "1")

    def test_granting_what_was_lifted_meanwhile(self):
        made = self.appeal()
        lift(self.moderator, self.sanction["id"])
        self.assertTrue(self.decide(made["id"], True)["granted"])
        self.assert_refused("not_found", self.decide, 10 ** 9, True)

    def test_of_a_ban_from_outside(self):
        def appeal_ban(password=PASSWORD, text="I was framed.", name=None):
            return Api(world.server).call(APPEAL_BAN, {
                "login": name or self.speaker.name, "password": password, "text": text})["appeal"]

        self.assert_refused("failed_precondition", appeal_ban)
        ban = sanction(self.moderator, self.speaker, "BAN", reason="Cheating.")
        for wrong in ({"password": "something else"}, {"name": "nobody-of-that-name"}):
            error = self.assert_refused("unauthenticated", appeal_ban, **wrong)
            self.assertEqual(error.message, "wrong name or password")
        self.assert_refused("invalid_argument", appeal_ban, text=" ")
        made = appeal_ban()
        self.assertTrue(eventually(lambda: any(
            note.get("subjectId") == made["id"]
            for note in notifications(self.moderator, "APPEAL_FILED"))))
        self.assertEqual((made["sanction"]["id"], made["text"]), (ban["id"], "I was framed."))
        self.assert_refused("already_exists", appeal_ban)
        self.decide(made["id"], True)
        sign_in(self.speaker, world.server)
        self.assertTrue(eventually(lambda: notifications(self.speaker, "APPEAL_DECIDED")))

    def test_nobody_decides_above_their_station(self):
        admin = with_role(world, ADMIN)
        self.sanction = sanction(admin, self.moderator)
        made = self.appeal(self.moderator)
        self.assert_refused("failed_precondition", self.decide, made["id"], True)
        self.assertTrue(self.decide(made["id"], True, admin)["granted"])


class Beside(Moderation):
    """Acts and speech hold locks on the same rows; neither waits for the other for ever."""

    def test_moderators_and_speakers_at_once(self):
        speakers = [Player(world.server) for _ in range(6)]
        moderators = [self.moderator, with_role(world, MODERATOR)]

        def speak(i):
            for n in range(30):
                try:
                    speakers[i].say(f"word {n}", speakers[i].on(world.servers[n % 2]))
                except RpcError as error:
                    # Muted, then signed out by the ban; anything else is a fault.
                    if error.code not in ("failed_precondition", "unauthenticated"):
                        raise
            return "done"

        def moderate(i):
            for n in range(12):
                target = speakers[(2 * n + i) % 4]
                said = world.psql("SELECT max(sequence) FROM messages WHERE text <> '' AND "
                                  f"account_id = {account(target)}")
                if not said:
                    continue
                number = report(moderators[1 - i], {"channelId": target.channel, "sequence": said})
                resolve(moderators[i], number, deleteMessage=True, sanction={
                    "kind": "SANCTION_KIND_BAN" if n > 9 else "SANCTION_KIND_MUTE",
                    "durationSeconds": 1})
            return "done"

        outcomes = in_parallel([lambda i=i: speak(i) for i in range(6)]
                               + [lambda i=i: moderate(i) for i in range(2)])
        self.assertEqual(outcomes, ["done"] * 8)
        self.assertEqual(world.psql("SELECT deadlocks FROM pg_stat_database "
                                    "WHERE datname = current_database()"), "0")
        self.assertEqual(world.psql(
            "SELECT count(*) FROM channels c WHERE last_sequence <> "
            "(SELECT count(*) FROM messages m WHERE m.channel_id = c.id) + "
            "(SELECT count(*) FROM channel_changes k WHERE k.channel_id = c.id)"), "0",
            "numbers without gaps")


class Filters(Moderation):
    def put(self, words, action="REFUSE", **more):
        answer = self.moderator.api.call(PUT_FILTER, {
            "filter": {"words": words, "action": f"FILTER_ACTION_{action}", **more}})["filter"]
        self.addCleanup(self.delete, answer["id"])
        return answer

    def delete(self, number):
        return self.moderator.api.call(DELETE_FILTER, {"filterId": number})

    def listed(self):
        return self.moderator.api.call(LIST_FILTERS).get("filters", [])

    def test_put_change_delete(self):
        made = self.put("bad word", "MASK", channelKind="CHANNEL_KIND_GLOBAL",
                        exemptFrom="ROLE_MODERATOR")
        self.assertIn(made, self.listed())
        changed = self.put("worse word", id=made["id"])
        self.assertEqual(changed["id"], made["id"])
        self.assertEqual([one for one in self.listed() if one["id"] == made["id"]], [changed])
        self.assertEqual(self.delete(made["id"]), {})
        self.assertEqual(self.delete(made["id"]), {})
        self.assertNotIn(made["id"], [one["id"] for one in self.listed()])
        error = refused(self.put, "word", id=made["id"])
        self.assertEqual(error.code, "not_found")
        self.assertEqual([row[3] for row in audited(world, "filter.put", self.moderator)],
                         ["bad word", "worse word"])
        self.assertEqual(len(audited(world, "filter.delete", self.moderator)), 1)

    def test_at_most_500(self):
        count = len(self.listed())
        world.psql("INSERT INTO word_filters (words, action, channel_kind, exempt_from, changed_by) "
                   f"SELECT 'crowd' || n, 1, 0, 0, {account(self.moderator)} "
                   f"FROM generate_series(1, {499 - count}) n")
        self.addCleanup(world.psql, "DELETE FROM word_filters WHERE words LIKE 'crowd%'")
        answers = in_parallel([lambda i=i: self.put(f"last {i}") for i in range(4)])
        self.assertEqual(sorted(getattr(answer, "code", "ok") for answer in answers),
                         ["ok"] + ["resource_exhausted"] * 3)
        self.assertEqual(len(self.listed()), 500)


class SlowMode(Moderation):
    def tearDown(self):
        self.moderator.api.call(SET_SLOW_MODE, {"channelId": self.speaker.channel})

    def test_set_and_told(self):
        follower = Follower(world.servers[1], self.reporter.token, self.reporter.channel)
        self.addCleanup(follower.close)
        follower.until_caught_up()
        request = {"channelId": self.speaker.channel, "slowModeSeconds": 30}
        self.assertEqual(self.moderator.api.call(SET_SLOW_MODE, request), {})
        event = next(payload["channelChanged"] for kind, payload in iter(follower.receive, None)
                     if "channelChanged" in payload)
        self.assertEqual((event["name"], event["slowModeSeconds"]), ("Global", 30))
        self.assertEqual(self.speaker.api.call(LIST_CHANNELS)["channels"][0]["slowModeSeconds"], 30)
        self.assertEqual(audited(world, "channel.slow_mode", self.moderator)[0][:3],
                         ("channel", self.speaker.channel, "30 s"))
        self.assert_refused("not_found", self.moderator.api.call, SET_SLOW_MODE,
                            {"channelId": 10 ** 9, "slowModeSeconds": 1})

    def test_speakers_wait(self):
        self.moderator.api.call(SET_SLOW_MODE, {"channelId": self.speaker.channel,
                                                "slowModeSeconds": 600})
        self.speaker.say("first")
        error = self.assert_refused("resource_exhausted", self.speaker.say, "second")
        self.assertRegex(error.message, r"slow mode; try again in (599|600) s")
        third = {"channelId": self.speaker.channel, "characterId": self.speaker.character["id"],
                 "text": "third"}
        status, headers, _ = self.speaker.api.request(
            "POST", f"/waystone.{SEND_MESSAGE}", json.dumps(third),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.speaker.token}"})
        self.assertEqual(status, 429)
        self.assertTrue(590 <= int(headers["retry-after"]) <= 600, headers["retry-after"])
        self.assert_refused("resource_exhausted", self.speaker.say, "second",
                            self.speaker.on(world.servers[1]))
        self.reporter.say("others have their own time")
        for text in ("moderators", "do not wait"):
            self.moderator.say(text)

    def test_a_repeated_call_gets_its_answer(self):
        self.moderator.api.call(SET_SLOW_MODE, {"channelId": self.speaker.channel,
                                                "slowModeSeconds": 600})
        first = self.speaker.say("first", key="the same")
        self.assertEqual(self.speaker.say("first", key="the same"), first)



if __name__ == "__main__":
    unittest.main()
