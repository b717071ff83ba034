"""waystone-admin: accounts, roles that count within a second everywhere, dead letters, errors."""

import json
import time
import unittest

from admin_tool import admin, done
from harness import (GET_SESSION, PASSWORD, SIGN_IN, Api, Follower, Player, RpcError, World,
                     eventually, metric)
from moderating import lift, sanction

LIST_REPORTS = "moderation.v1.ModerationService/ListReports"
LIST_NOTIFICATIONS = "notification.v1.NotificationService/ListNotifications"
world = None


def setUpModule():
    global world
    world = World("admin", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def allowed(moderator):
    """Whether a call that only moderators may make is let through."""
    try:
        moderator.api.call(LIST_REPORTS)
        return True
    except RpcError as error:
        assert error.code == "permission_denied", error
        return False


class CommandLine(unittest.TestCase):
    def complains(self, code, *words, about):
        got, output, complaint = admin(world, *words)
        self.assertEqual((got, output), (code, ""), complaint)
        self.assertEqual(len(complaint.strip().splitlines()), 1, complaint)
        self.assertTrue(complaint.startswith("waystone-admin: "), complaint)
        self.assertIn(about, complaint)

    def test_help_names_every_command(self):
        code, output, complaint = admin(world, "--help")
        self.assertEqual((code, complaint), (0, ""))
        for words in ("account show", "role grant", "role revoke", "role list", "audit list",
                      "audit verify", "audit head", "dead-letters list", "dead-letters replay",
                      "dead-letters drop", "--json", "--config"):
            self.assertIn(words, output)

    def test_wrong_words(self):
        self.complains(2, about="say what to do")
        self.complains(2, "role", about="say what to do")
        self.complains(2, "role", "steal", about="there is no command 'role steal'")
        self.complains(2, "role", "grant", "mira", about="role grant ACCOUNT ROLE")
        self.complains(2, "--loud", "role", "list", about="'--loud' is no option")
        self.complains(2, "role", "list", "--limit", "0", about="'0' is out of bounds")
        self.complains(2, "role", "list", "--limit", "many", about="'many' is out of bounds")
        self.complains(2, "dead-letters", "show", "first", about="'first' is no number")
        self.complains(2, "dead-letters", "drop", about="--all")
        self.complains(2, "audit", "verify", "--head", "5:abc", about="POSITION:HASH")

    def test_what_is_not_there(self):
        self.complains(1, "account", "show", "nobody-at-all", about="no account 'nobody-at-all'")
        self.complains(1, "role", "grant", "nobody-at-all", "admin", about="no account")
        self.complains(1, "dead-letters", "show", 987654, about="no dead letter 987654")
        self.complains(1, "dead-letters", "drop", 987654, about="only 0 of these 1")

    def test_configuration(self):
        code, _, complaint = admin(world, "--config", "/nowhere.conf", "role", "list")
        self.assertEqual(code, 2)
        self.assertIn("cannot read the configuration /nowhere.conf", complaint)
        code, _, complaint = admin(world, "role", "list",
                                   env={"WAYSTONE_DATABASE_DSN": "host=/nowhere dbname=none"})
        self.assertEqual(code, 1)
        self.assertIn("waystone-admin: the database cannot be reached; see database.dsn",
                      complaint)


class Accounts(unittest.TestCase):
    def test_show_by_name_address_and_number(self):
        player = Player(world.server)
        account = player.session["account"]
        by_name = done(world, "account", "show", player.name)
        self.assertEqual(by_name["user_name"], player.name)
        self.assertEqual((by_name["role"], by_name["characters"], by_name["open_sessions"]),
                         ("player", 1, 1))
        self.assertEqual(by_name["email"], account["email"])
        for who in (account["email"].upper(), account["id"]):
            self.assertEqual(done(world, "account", "show", who), by_name)

    def test_sanctions_in_force_are_counted(self):
        """Put by a moderator whom this tool has made one."""
        judge, player = Player(world.server), Player(world.server)
        done(world, "role", "grant", judge.name, "moderator")
        self.assertTrue(eventually(lambda: allowed(judge), 5), "the role does not count")

        def in_force():
            return done(world, "account", "show", player.name)["sanctions_in_force"]

        self.assertEqual(in_force(), 0)
        put = sanction(judge, player, seconds=3600)
        self.assertEqual(in_force(), 1)
        lift(judge, put["id"])
        self.assertEqual(in_force(), 0)

    def test_text_has_the_same(self):
        player = Player(world.server)
        code, output, _ = admin(world, "account", "show", player.name)
        self.assertEqual(code, 0)
        lines = dict(line.split(None, 1) for line in output.splitlines())
        self.assertEqual(lines["user_name"], player.name)
        self.assertEqual(lines["role_changed_at"], "-")


class Roles(unittest.TestCase):
    def code_of(self, api):
        try:
            api.call(LIST_REPORTS)
            return "ok"
        except RpcError as error:
            return error.code

    def within_a_second(self, started, check):
        self.assertTrue(eventually(check, 5, 0.02))
        self.assertLess(time.monotonic() - started, 1.0, "it took longer than a second")

    def test_a_role_counts_within_a_second_everywhere(self):
        player = Player(world.servers[0])
        apis = [player.on(server) for server in world.servers]
        self.assertEqual([self.code_of(api) for api in apis], ["permission_denied"] * 2)
        answer = done(world, "role", "grant", player.name, "moderator", "--reason", "a good judge")
        started = time.monotonic()
        self.assertEqual((answer["role"], answer["was"]), ("moderator", "player"))
        self.within_a_second(started, lambda: [self.code_of(a) for a in apis] == ["ok"] * 2)
        self.assertIn(player.name, [row["user_name"] for row in done(
            world, "role", "list", "moderator", "--limit", 1000)["accounts"]])
        done(world, "role", "revoke", player.name)
        started = time.monotonic()
        self.within_a_second(started, lambda: [self.code_of(a) for a in apis]
                             == ["permission_denied"] * 2)
        # The session goes on, and a new one has the new role from the start.
        self.assertEqual(apis[1].call(GET_SESSION)["account"]["userName"], player.name)
        fresh = Api(world.server).call(SIGN_IN, {"login": player.name, "password": PASSWORD})
        self.assertEqual(self.code_of(Api(world.server, fresh["session"]["accessToken"])),
                         "permission_denied")

    def test_it_is_remembered_by_a_server_that_starts_later(self):
        player = Player(world.servers[0])
        done(world, "role", "grant", player.name, "admin")
        late = world.add_server(http__loops=1)
        self.assertTrue(eventually(lambda: self.code_of(player.on(late)) == "ok", 3))
        late.stop()

    def test_a_lost_role_ends_open_streams_within_a_second(self):
        """On the other server too. What a moderator's stream may show it no longer may."""
        player, bystander = Player(world.server), Player(world.server)
        done(world, "role", "grant", player.name, "moderator")
        session = Api(world.server).call(SIGN_IN, {"login": player.name, "password": PASSWORD})
        token = session["session"]["accessToken"]
        followers = [Follower(server, token, player.channel) for server in world.servers]
        stays = Follower(world.server, bystander.token, bystander.channel)
        for follower in [*followers, stays]:
            follower.until_caught_up()
        done(world, "role", "revoke", player.name)
        started = time.monotonic()
        for follower in followers:
            kind, payload = follower.receive()
            self.assertEqual((kind, payload["error"]["code"]), ("end", "unavailable"))
            self.assertIn("your role has changed", payload["error"]["message"])
        self.assertLess(time.monotonic() - started, 1.0)
        again = Follower(world.server, token, player.channel)
        again.until_caught_up()
        bystander.say("still there")
        self.assertEqual(stays.next_message()["text"], "still there")
        self.assertEqual(again.next_message()["text"], "still there")
        for follower in (*followers, stays, again):
            follower.close()

    def test_who_has_a_role(self):
        players = [Player(world.server) for _ in range(3)]
        for player, role in zip(players, ("moderator", "game-master", "admin")):
            done(world, "role", "grant", player.name, role)
        listed = {row["user_name"]: row["role"] for row in
                  done(world, "role", "list", "--limit", 1000)["accounts"]}
        self.assertEqual([listed[player.name] for player in players],
                         ["moderator", "game-master", "admin"])
        higher = [row["user_name"] for row in
                  done(world, "role", "list", "game-master", "--limit", 1000)["accounts"]]
        self.assertEqual([player.name in higher for player in players], [False, True, True])

    def test_the_change_is_in_the_audit_log_once(self):
        player = Player(world.server)
        for _ in range(2):
            done(world, "role", "grant", player.name, "game-master", "--reason", "events")
        entries = [entry for entry in done(world, "audit", "list", "--action", "admin.role.%",
                                           "--limit", 1000)["entries"]
                   if entry["target"] == f"account {player.session['account']['id']}"]
        self.assertEqual(len(entries), 1)
        self.assertEqual((entries[0]["action"], entries[0]["detail"], entries[0]["peer"]),
                         ("admin.role.grant", "game-master, was player", "waystone-admin"))
        self.assertTrue(entries[0]["note"].endswith(": events"), entries[0])

    def test_roles_that_cannot_be_granted(self):
        player = Player(world.server)
        for role in ("player", "service", "king"):
            code, _, complaint = admin(world, "role", "grant", player.name, role)
            self.assertEqual(code, 2)
            self.assertIn(f"there is no role '{role}' to grant", complaint)
        self.assertEqual(done(world, "account", "show", player.name)["role"], "player")


class DeadLetters(unittest.TestCase):
    """Letters that no server takes: their kind is unknown until a test repairs it."""

    def setUp(self):
        self.player = Player(world.server)
        world.psql("DELETE FROM dead_letters")

    def bury(self, kind, payload, error="INTERNAL"):
        number = world.psql("SELECT nextval('outbox_id_seq')")
        world.psql(
            "INSERT INTO dead_letters (id, kind, priority, payload, created_at, attempts, error) "
            f"VALUES ({number}, '{kind}', 1, '\\x{payload.hex()}', now(), 12, '{error}')")
        return int(number)

    def notification(self, text):
        data = text.encode()
        return (int(self.player.session["account"]["id"]).to_bytes(8, "big")
                + bytes([0x10, 1, 0x1A, len(data)]) + data)

    def letters(self, *words):
        return [row["id"] for row in done(world, "dead-letters", "list", *words)["dead_letters"]]

    def test_list_and_show(self):
        numbers = [self.bury("one.kind", b"\1\2\xff", "ABORTED: \x1b[31mred"),
                   self.bury("other.kind", b"x")]
        self.assertEqual(self.letters(), numbers)
        self.assertEqual(self.letters("--kind", "other.kind"), numbers[1:])
        self.assertEqual(self.letters("--after", numbers[0]), numbers[1:])
        self.assertEqual(self.letters("--limit", 1), numbers[:1])
        shown = done(world, "dead-letters", "show", numbers[0])
        self.assertEqual((shown["payload_hex"], shown["payload_bytes"], shown["attempts"]),
                         ("0102ff", 3, 12))
        code, output, _ = admin(world, "dead-letters", "list")
        self.assertEqual(code, 0)
        self.assertNotIn("\x1b", output, "control characters must not reach the terminal")

    def test_replay_has_it_done(self):
        number = self.bury("notify.account", self.notification("at last"))
        self.assertEqual(done(world, "dead-letters", "replay", number), {"replayed": 1})
        self.assertEqual(self.letters(), [])
        self.assertTrue(eventually(lambda: [n["text"] for n in self.player.api.call(
            LIST_NOTIFICATIONS).get("notifications", [])] == ["at last"]))

    def test_a_letter_that_is_not_there_stops_all(self):
        number = self.bury("notify.account", self.notification("not yet"))
        code, _, complaint = admin(world, "dead-letters", "replay", number, 999999)
        self.assertEqual(code, 1)
        self.assertIn("only 1 of these 2 dead letters are there; nothing was done", complaint)
        self.assertEqual(self.letters(), [number])

    def test_metrics_count_them(self):
        for _ in range(3):
            self.bury("counted.kind", b"x")
        for server in world.servers:
            self.assertTrue(eventually(lambda: metric(server, "waystone_dead_letters") == 3, 20))

    def test_drop_all_of_a_kind(self):
        kept = self.bury("kept.kind", b"x")
        for _ in range(3):
            self.bury("dropped.kind", b"x")
        self.assertEqual(done(world, "dead-letters", "drop", "--all", "--kind", "dropped.kind"),
                         {"dropped": 3})
        self.assertEqual(self.letters(), [kept])
        entry = done(world, "audit", "list", "--action", "admin.dead_letters.drop",
                     "--limit", 1)["entries"][0]
        self.assertEqual(entry["detail"], "3 of dropped.kind")
        code, output, _ = admin(world, "--json", "dead-letters", "drop", "--all")
        self.assertEqual((code, json.loads(output)), (0, {"dropped": 1}))


if __name__ == "__main__":
    unittest.main()
