"""API keys, through the front door: what they open and what not, and how they end."""

import base64
import hashlib
import importlib
import pathlib
import re
import time
import unittest
import uuid

import grpc
import waystone
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from waystone.auth.v1 import auth_pb2, auth_pb2_grpc
from waystone.options.v1 import options_pb2

from admin_tool import admin, done, run_job
from harness import (CREATE_CHARACTER, GET_CHARACTER, GET_SESSION, LIST_CHANNELS, LIST_CHARACTERS,
                     SEND_MESSAGE, SIGN_OUT, Api, Follower, Player, World, eventually)
from moderating import LIST_REPORTS, MODERATOR, account, lift, refused, sanction, with_role

CREATE = "account.v1.ApiKeyService/CreateApiKey"
LIST = "account.v1.ApiKeyService/ListApiKeys"
REVOKE = "account.v1.ApiKeyService/RevokeApiKey"
SCOPES = "account.v1.ApiKeyService/ListScopes"
LIST_NOTIFICATIONS = "notification.v1.NotificationService/ListNotifications"
KEY = re.compile(r"^wsk_[0-9A-Za-z]{49}$")
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

world = None


def setUpModule():
    global world
    world = World("api-keys", servers=2, http__loops=1, log__level="debug")


def tearDownModule():
    world.close()


def make(player, *scopes, name="bot", days=30):
    """(key, what is known of it)"""
    answer = player.api.call(CREATE, {"name": name, "scopes": scopes, "days": days})
    return answer["secret"], answer["apiKey"]


def with_key(key, server=None):
    return Api(server or world.server, key)


def reason_of(error):
    """(code, reason) of a refusal."""
    for detail in error.details:
        if detail["type"] == "google.rpc.ErrorInfo":
            value = detail["value"] + "=" * (-len(detail["value"]) % 4)
            return error.code, error_details_pb2.ErrorInfo.FromString(
                base64.b64decode(value)).reason
    return error.code, None


def works(api, method=LIST_CHANNELS):
    try:
        api.call(method)
        return True
    except Exception:  # whatever it is, it does not work
        return False


def other_key():
    """Well-formed, and nobody's: a checksum can be made by anyone who reads the source."""
    body = "wsk_" + (uuid.uuid4().hex * 2)[:43]
    number = int.from_bytes(hashlib.sha256(body.encode()).digest()[:4], "big")
    tail = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        tail = DIGITS[digit] + tail
    return body + tail


class Opening(unittest.TestCase):
    def test_a_key_is_told_once(self):
        player = Player(world.server)
        key, known = make(player, "chat.read", "character.read", name="Stats bot")
        self.assertRegex(key, KEY)
        self.assertEqual(known["prefix"], key[:10])
        listed = player.api.call(LIST)["apiKeys"]
        self.assertEqual(listed, [known])
        self.assertEqual((known["name"], known["scopes"]),
                         ("Stats bot", ["chat.read", "character.read"]))
        self.assertIn("expiresAt", known)
        self.assertNotIn(key[10:], str(listed))

    def test_it_is_stored_nowhere(self):
        player = Player(world.server)
        key, known = make(player, "chat.read")
        self.assertTrue(works(with_key(key)))
        self.assertEqual(refused(with_key(key).call, SIGN_OUT).code, "permission_denied")
        rows = world.psql(f"SELECT k::text FROM api_keys k WHERE id = {known['id']}")
        rows += world.psql("SELECT a::text FROM audit_log a") + \
            world.psql("SELECT n::text FROM notifications n")
        self.assertIn(key[:10], rows)
        self.assertNotIn(key[10:47], rows)
        logged = "".join(server.log_path.read_text(encoding="utf-8") for server in world.servers)
        self.assertIn('"api_key_id"', logged)
        self.assertNotIn(key[10:47], logged)

    def test_scopes_open_methods_and_nothing_else(self):
        player = Player(world.server)
        api = with_key(make(player, "character.read", "account.read")[0])
        self.assertEqual(api.call(LIST_CHARACTERS)["characters"][0]["id"], player.character["id"])
        api.call(GET_CHARACTER, {"id": player.character["id"]})
        self.assertEqual(reason_of(refused(api.call, LIST_CHANNELS)),
                         ("permission_denied", "SCOPE_MISSING"))
        self.assertEqual(refused(api.call, CREATE_CHARACTER).code, "permission_denied")
        self.assertEqual(api.call(GET_SESSION)["account"]["id"], account(player))
        for method in (SIGN_OUT, CREATE, LIST, REVOKE):
            with self.subTest(method):
                self.assertEqual(reason_of(refused(api.call, method)),
                                 ("permission_denied", "API_KEY_REFUSED"))

    def test_grpc_takes_it_as_well(self):
        key, _ = make(Player(world.server), "chat.read")
        with grpc.insecure_channel(f"127.0.0.1:{world.server.port}") as channel:
            stub = auth_pb2_grpc.AuthServiceStub(channel)
            with self.assertRaises(grpc.RpcError) as caught:
                stub.GetSession(auth_pb2.GetSessionRequest(), timeout=20,
                                metadata=[("authorization", f"Bearer {key}")])
        self.assertEqual(caught.exception.code(), grpc.StatusCode.PERMISSION_DENIED)

    def test_a_key_may_no_more_than_its_account(self):
        player = Player(world.server)
        api = with_key(make(player, "moderation.read")[0])
        self.assertEqual(refused(api.call, LIST_REPORTS).code, "permission_denied")
        done(world, "role", "grant", player.name, "moderator")
        self.assertTrue(eventually(lambda: works(api, LIST_REPORTS), 1))
        done(world, "role", "revoke", player.name)
        self.assertTrue(eventually(lambda: not works(api, LIST_REPORTS), 1))

    def test_a_stream_may_be_followed(self):
        player = Player(world.server)
        key, _ = make(player, "chat.read", "chat.write")
        follower = Follower(world.server, key, player.channel)
        self.addCleanup(follower.close)
        self.assertEqual(follower.status, 200)
        follower.until_caught_up()
        said = player.say("by key", api=with_key(key, world.servers[1]))
        self.assertEqual(follower.next_message()["text"], said["text"])

    def test_acts_with_a_key_are_known_by_it(self):
        moderator = with_role(world, MODERATOR)
        culprit = Player(world.server)
        key, known = make(moderator, "moderation.write", "moderation.read")
        sanction(type("Bot", (), {"api": with_key(key)}), culprit, "MUTE")
        detail = world.psql(f"SELECT detail FROM audit_log WHERE account_id = {account(moderator)} "
                            "AND action LIKE '%sanction%' ORDER BY id DESC LIMIT 1")
        self.assertIn(f"by API key {known['id']}", detail)


class Refusals(unittest.TestCase):
    def test_what_is_no_key(self):
        key, _ = make(Player(world.server), "chat.read")
        swapped = key[:20] + ("a" if key[20] != "a" else "b") + key[21:]
        for text in ("wsk_", key[:-1], key + "a", swapped, key.replace("wsk_", "wsk_é"[:4] + "-"),
                     "wsk_" + "0" * 49, key.upper()):
            with self.subTest(text):
                self.assertEqual(refused(with_key(text).call, LIST_CHANNELS).code,
                                 "unauthenticated")

    def test_false_keys_are_slowed_down_and_known_ones_go_on(self):
        server = world.add_server()
        known, _ = make(Player(world.server), "chat.read")
        fresh, _ = make(Player(world.server), "chat.read")
        with_key(known, server).call(LIST_CHANNELS)
        codes = [refused(with_key(other_key(), server).call, LIST_CHANNELS).code
                 for _ in range(80)]
        self.assertEqual(codes[0], "unauthenticated")
        self.assertEqual(codes[-1], "resource_exhausted")
        self.assertEqual(refused(with_key(fresh, server).call, LIST_CHANNELS).code,
                         "resource_exhausted")
        with_key(known, server).call(LIST_CHANNELS)

    def test_what_cannot_be_made(self):
        player = Player(world.server)
        good = {"name": "bot", "scopes": ["chat.read"], "days": 1}
        for wrong in ({"scopes": ["chat.fly"]}, {"scopes": []}, {"scopes": ["chat.read"] * 2},
                      {"name": ""}, {"name": "x" * 65}, {"days": 0}, {"days": 367}):
            with self.subTest(wrong):
                self.assertEqual(refused(player.api.call, CREATE, {**good, **wrong}).code,
                                 "invalid_argument")
        self.assertEqual(player.api.call(LIST), {})

    def test_no_more_than_fifty_work(self):
        player = Player(world.server)
        known = [make(player, "chat.read")[1] for _ in range(50)]
        self.assertEqual(refused(make, player, "chat.read").code, "resource_exhausted")
        player.api.call(REVOKE, {"apiKeyId": known[7]["id"]})
        make(player, "chat.read")
        self.assertEqual(len(player.api.call(LIST)["apiKeys"]), 51)

    def test_making_one_needs_a_fresh_proof(self):
        player = Player(world.server)
        session = player.session["id"]
        world.psql(f"UPDATE sessions SET stepped_up_at = now() - interval '1 hour' "
                   f"WHERE id = {session}")
        self.assertEqual(reason_of(refused(make, player, "chat.read")),
                         ("permission_denied", "STEP_UP_REQUIRED"))


class Ending(unittest.TestCase):
    def both(self, key):
        return [with_key(key, server) for server in world.servers[:2]]

    def ends_within_a_second(self, apis, follower, started):
        self.assertTrue(eventually(lambda: not any(works(api) for api in apis), 1))
        end = follower.until_end()
        self.assertLess(time.monotonic() - started, 1.5)
        self.assertEqual(end["error"]["code"], "unauthenticated")

    def opened(self):
        player = Player(world.server)
        key, known = make(player, "chat.read", "chat.write")
        apis = self.both(key)
        self.assertTrue(all(works(api) for api in apis))
        follower = Follower(world.servers[1], key, player.channel)
        self.addCleanup(follower.close)
        follower.until_caught_up()
        return player, known, apis, follower

    def test_revoked_on_one_server_ends_on_both(self):
        player, known, apis, follower = self.opened()
        started = time.monotonic()
        player.api.call(REVOKE, {"apiKeyId": known["id"]})
        self.ends_within_a_second(apis, follower, started)
        self.assertEqual(refused(apis[0].call, LIST_CHANNELS).code, "unauthenticated")
        player.api.call(REVOKE, {"apiKeyId": known["id"]})
        listed = player.api.call(LIST)["apiKeys"][0]
        self.assertIn("revokedAt", listed)
        acts = world.psql("SELECT action || ' ' || detail FROM audit_log WHERE "
                          f"target_kind = 'api_key' AND target_id = {known['id']} ORDER BY id")
        self.assertEqual(acts.split("\n"), [
            f"/waystone.{CREATE} {known['prefix']}: chat.read chat.write; 30 days",
            f"/waystone.{REVOKE} {known['prefix']}"])

    def test_it_expires(self):
        _, known, apis, follower = self.opened()
        started = time.monotonic()
        world.psql(f"UPDATE api_keys SET expires_at = now() WHERE id = {known['id']}")
        self.ends_within_a_second(apis, follower, started)

    def test_a_banned_account_has_no_keys(self):
        player, _, apis, follower = self.opened()
        moderator = with_role(world, MODERATOR)
        started = time.monotonic()
        banned = sanction(moderator, player, "BAN")
        self.ends_within_a_second(apis, follower, started)
        self.assertEqual(reason_of(refused(apis[0].call, LIST_CHANNELS)),
                         ("permission_denied", "BANNED"))
        lift(moderator, banned["id"])
        self.assertTrue(eventually(lambda: all(works(api) for api in apis), 1))

    def test_a_closed_account_has_no_keys(self):
        player, _, apis, follower = self.opened()
        started = time.monotonic()
        world.psql("UPDATE accounts SET closed_at = now(), erases_at = now() + interval '1 day' "
                   f"WHERE id = {account(player)}")
        self.ends_within_a_second(apis, follower, started)

    def test_nobody_elses(self):
        _, known, apis, _ = self.opened()
        self.assertEqual(refused(Player(world.server).api.call, REVOKE,
                                 {"apiKeyId": known["id"]}).code, "not_found")
        self.assertEqual(refused(Player(world.server).api.call, REVOKE,
                                 {"apiKeyId": 2 ** 40}).code, "not_found")
        self.assertTrue(all(works(api) for api in apis))

    def test_it_outlives_the_session_that_made_it(self):
        player, _, apis, _ = self.opened()
        player.api.call(SIGN_OUT)
        self.assertTrue(all(works(api) for api in apis))

    def test_old_ones_are_forgotten(self):
        player, known, _, _ = self.opened()
        world.psql(f"UPDATE api_keys SET expires_at = now() - interval '31 days' "
                   f"WHERE id = {known['id']}")
        self.assertEqual(player.api.call(LIST), {})
        run_job(world, "expire_api_keys")
        self.assertEqual(world.psql(f"SELECT count(*) FROM api_keys WHERE id = {known['id']}"),
                         "0")


class Use(unittest.TestCase):
    def test_last_use_is_known_to_a_minute(self):
        player = Player(world.server)
        key, known = make(player, "chat.read")
        used = f"SELECT last_used_at FROM api_keys WHERE id = {known['id']}"
        self.assertEqual(world.psql(used), "")
        for server in world.servers[:2]:
            with_key(key, server).call(LIST_CHANNELS)
        self.assertTrue(eventually(lambda: world.psql(used) != "", 5))
        first = world.psql(used)
        self.assertIn("lastUsedAt", player.api.call(LIST)["apiKeys"][0])
        until = time.monotonic() + 1.5
        while time.monotonic() < until:  # many calls, readings and turns later
            with_key(key).call(LIST_CHANNELS)
        self.assertEqual(world.psql(used), first)
        world.psql(f"UPDATE api_keys SET last_used_at = now() - interval '2 minutes' "
                   f"WHERE id = {known['id']}")

        def again():
            with_key(key).call(LIST_CHANNELS)
            return world.psql(f"SELECT last_used_at > now() - interval '1 minute' "
                              f"FROM api_keys WHERE id = {known['id']}") == "t"
        self.assertTrue(eventually(again, 5))

    def test_the_owner_is_told_of_a_new_key(self):
        player = Player(world.server)
        make(player, "chat.read", name="Suspicious")

        def told():
            found = player.api.call(LIST_NOTIFICATIONS).get("notifications", [])
            return any(one["kind"] == "NOTIFICATION_KIND_SECURITY" and "Suspicious" in one["text"]
                       for one in found)
        self.assertTrue(eventually(told))

    def test_each_key_has_a_budget_of_its_own(self):
        limited = World("key-limits", http__loops=1, rpc__rate_scale=1)
        self.addCleanup(limited.close)
        player = Player(limited.server)
        first, second = (Api(limited.server, make(player, "chat.write")[0]) for _ in range(2))
        codes = [refused(first.call, SEND_MESSAGE).code for _ in range(160)]
        self.assertEqual(codes[0], "invalid_argument")
        self.assertEqual(codes[-1], "resource_exhausted")
        self.assertGreaterEqual(codes.count("invalid_argument"), 120)
        self.assertEqual(refused(second.call, SEND_MESSAGE).code, "invalid_argument")
        self.assertEqual(refused(player.api.call, SEND_MESSAGE).code, "invalid_argument")


class Scopes(unittest.TestCase):
    def test_they_are_those_of_the_schema(self):
        """Every method with a scope is told under it, and no other."""
        told = {method: scope["name"] for scope in Api(world.server).call(SCOPES)["scopes"]
                for method in scope["methods"]}
        names = [method for _, method in sorted(told.items())]
        self.assertIn("chat.read", names)
        pool = descriptor_pool.Default()
        root = pathlib.Path(list(waystone.__path__)[0])
        for module in root.rglob("*_pb2.py"):
            importlib.import_module(".".join(module.relative_to(root.parent).with_suffix("").parts))
        services = {path.split("/")[1] for path in told}
        declared = {}
        for name in services:
            for method in pool.FindServiceByName(name).methods:
                scope = method.GetOptions().Extensions[options_pb2.method].scope
                if scope:
                    declared[f"/{name}/{method.name}"] = scope
        self.assertEqual(told, declared)


class Operators(unittest.TestCase):
    def test_the_key_of_a_service(self):
        player = Player(world.server)
        made = done(world, "key", "create", player.name, "--name", "billing", "--scopes",
                    "moderation.read,chat.read", "--service")
        self.assertRegex(made["key"], KEY)
        self.assertIsNone(made["expires_at"])
        api = with_key(made["key"])
        api.call(LIST_REPORTS)  # more than its account may
        listed = done(world, "key", "list", "--account", player.name)["keys"]
        self.assertEqual([(one["id"], one["role"], one["name"]) for one in listed],
                         [(made["id"], "service", "billing")])
        self.assertNotIn("key", listed[0])
        self.assertEqual(done(world, "key", "revoke", made["id"])["was"], "not revoked")
        self.assertTrue(eventually(lambda: not works(api), 1))
        self.assertEqual(done(world, "key", "revoke", made["id"])["was"], "revoked")
        acts = done(world, "audit", "list", "--action", "admin.key.%")["entries"]
        mine = [act["action"] for act in acts
                if re.match(rf"API key {made['id']}\b", act["detail"])]
        self.assertEqual(mine, ["admin.key.revoke", "admin.key.create"])
        events = player.api.call("account.v1.AccountService/ListSecurityEvents", {})["events"]
        self.assertEqual([event["kind"] for event in events][:2],
                         ["SECURITY_EVENT_KIND_API_KEY_CHANGED"] * 2)

    def test_a_change_of_role_leaves_a_services_stream_alone(self):
        player = Player(world.server)
        key = done(world, "key", "create", player.name, "--name", "watch", "--scopes", "chat.read",
                   "--days", "1", "--service")["key"]
        follower = Follower(world.server, key, player.channel)
        self.addCleanup(follower.close)
        follower.until_caught_up()
        done(world, "role", "grant", player.name, "moderator")
        other = Player(world.server)
        other.api.call(SIGN_OUT)  # an end of a session has all streams looked at
        self.assertTrue(eventually(lambda: not works(other.api), 3))
        said = player.say("still there")
        self.assertEqual(follower.next_message()["text"], said["text"])

    def test_what_is_wrong(self):
        player = Player(world.server)
        create = ("key", "create", player.name)
        for words, about in (
                ((*create, "--name", "x"), "say what the key may do"),
                ((*create, "--scopes", "chat.read"), "needs a name"),
                ((*create, "--name", "x", "--scopes", "chat.fly"), "no scope 'chat.fly'"),
                ((*create, "--name", "x", "--scopes", "chat.read,chat.read"), "comes twice"),
                ((*create, "--name", "x", "--scopes", "chat.read", "--days", "0"),
                 "out of bounds")):
            with self.subTest(words):
                code, output, complaint = admin(world, *words)
                self.assertEqual((code, output), (2, ""))
                self.assertIn(about, complaint)
        for words in (("key", "create", "nobody-there", "--name", "x", "--scopes", "chat.read"),
                      ("key", "revoke", 2 ** 40)):
            self.assertEqual(admin(world, *words)[0], 1)
        self.assertIn("chat.read", {one["scope"] for one in done(world, "key", "scopes")["scopes"]})


if __name__ == "__main__":
    unittest.main()
