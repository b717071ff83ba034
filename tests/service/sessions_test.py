"""Where an account is signed in, ending that, and the log of its security."""

import time
import unittest

from admin_tool import done
from harness import (GET_SESSION, PASSWORD, REFRESH, REGISTER, SIGN_IN, SIGN_OUT, Api, Follower,
                     Player, RpcError, World, eventually, unique)

LIST = "account.v1.AccountService/ListSessions"
REVOKE = "account.v1.AccountService/RevokeSession"
REVOKE_OTHERS = "account.v1.AccountService/RevokeOtherSessions"
EVENTS = "account.v1.AccountService/ListSecurityEvents"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
world = None


def setUpModule():
    global world
    world = World("sessions", servers=2, http__loops=1)


def tearDownModule():
    world.close()


class Owner:
    """A new account, signed in once."""

    def __init__(self):
        self.name = unique("owner")
        self.api = Api(world.server)
        self.session = self.api.call(REGISTER, {
            "userName": self.name, "email": f"{self.name}@example.org", "password": PASSWORD},
            headers={"User-Agent": FIREFOX})["session"]
        self.api.token = self.session["accessToken"]
        self.account = self.session["account"]["id"]

    def sign_in(self, user_agent="grpc-python/1.51.1", server=None):
        """Another session, as an Api that knows it."""
        api = Api(server or world.server)
        api.session = api.call(SIGN_IN, {"login": self.name, "password": PASSWORD},
                               headers={"User-Agent": user_agent})["session"]
        api.token = api.session["accessToken"]
        return api

    def sessions(self, api=None):
        return (api or self.api).call(LIST)["sessions"]

    def events(self, **request):
        return self.api.call(EVENTS, request)

    def kinds(self):
        return [event["kind"].removeprefix("SECURITY_EVENT_KIND_")
                for event in self.events()["events"]]


def ended(api):
    try:
        api.call(GET_SESSION)
        return False
    except RpcError as error:
        assert error.code == "unauthenticated", error
        return True


def refused(call, *words):
    try:
        call(*words)
    except RpcError as error:
        return error.code
    raise AssertionError("the call was not refused")


class Listing(unittest.TestCase):
    def test_the_callers_first_then_by_last_use(self):
        owner = Owner()
        others = [owner.sign_in() for _ in range(3)]
        self.assertEqual([one["id"] for one in owner.sessions()],
                         [owner.session["id"]] + [api.session["id"] for api in reversed(others)])
        api = others[1]
        self.assertEqual([one["id"] for one in owner.sessions(api)][0], api.session["id"])
        self.assertEqual([one.get("current", False) for one in owner.sessions(api)],
                         [True, False, False, False])
        # Used again, it is the latest.
        Api(world.servers[1]).call(REFRESH, {"refreshToken": others[0].session["refreshToken"]})
        self.assertEqual(owner.sessions()[1]["id"], others[0].session["id"])

    def test_what_is_told_of_each(self):
        owner = Owner()
        owner.sign_in()
        first, second = owner.sessions()
        self.assertEqual((first["device"], first["means"]),
                         ("Firefox on Linux", "SIGN_IN_MEANS_REGISTRATION"))
        self.assertEqual((second["device"], second["means"]),
                         ("grpc-python", "SIGN_IN_MEANS_PASSWORD"))
        for one in (first, second):
            self.assertEqual(one["place"], "127.0.0.0/24", "a network, not an address")
            self.assertLessEqual(one["createdAt"], one["lastUsedAt"])

    def test_a_refresh_tells_where_it_came_from(self):
        owner = Owner()
        before = owner.sessions()[0]
        owner.api.call(REFRESH, {"refreshToken": owner.session["refreshToken"]},
                       None, {"User-Agent": "<script>alert(1)</script>"})
        after = owner.sessions()[0]
        self.assertEqual(after["device"], "Unknown device")
        self.assertGreater(after["lastUsedAt"], before["lastUsedAt"])
        self.assertEqual(after["createdAt"], before["createdAt"])

    def test_long_and_strange_devices_are_bounded(self):
        owner = Owner()
        owner.sign_in("a" * 4000)
        self.assertEqual(owner.sessions()[1]["device"], "a" * 40)

    def test_ended_and_expired_ones_and_those_of_others_are_not_listed(self):
        owner, stranger = Owner(), Owner()
        gone, old = owner.sign_in(), owner.sign_in()
        gone.call(SIGN_OUT)
        world.psql(f"UPDATE sessions SET expires_at = now() WHERE id = {old.session['id']}")
        self.assertEqual([one["id"] for one in owner.sessions()], [owner.session["id"]])
        self.assertEqual([one["id"] for one in stranger.sessions()], [stranger.session["id"]])

    def test_at_most_a_hundred(self):
        owner = Owner()
        world.psql("INSERT INTO sessions (account_id) SELECT "
                   f"{owner.account} FROM generate_series(1, 150)")
        sessions = owner.sessions()
        self.assertEqual(len(sessions), 100)
        self.assertEqual(sessions[0]["id"], owner.session["id"])


class Ending(unittest.TestCase):
    def test_one_of_ones_own_ends_everywhere_within_a_second(self):
        player = Player(world.server)
        owner = Api(world.servers[1])
        owner.token = owner.call(SIGN_IN, {"login": player.name,
                                           "password": PASSWORD})["session"]["accessToken"]
        follower = Follower(world.server, player.token, player.channel)
        self.addCleanup(follower.close)
        follower.until_caught_up()
        owner.call(REVOKE, {"sessionId": player.session["id"]})
        started = time.monotonic()
        self.assertTrue(ended(player.on(world.servers[1])), "at once where it happened")
        self.assertTrue(eventually(lambda: ended(player.api), 3))
        payload = follower.until_end()
        self.assertLess(time.monotonic() - started, 1.5)
        self.assertEqual(payload["error"]["code"], "unauthenticated")
        self.assertEqual(refused(player.api.call, REFRESH,
                                 {"refreshToken": player.session["refreshToken"]}),
                         "unauthenticated")
        owner.call(GET_SESSION)

    def test_again_changes_nothing(self):
        owner = Owner()
        other = owner.sign_in()
        for _ in range(2):
            self.assertEqual(owner.api.call(REVOKE, {"sessionId": other.session["id"]}), {})
        self.assertTrue(ended(other))

    def test_ones_own_session(self):
        owner = Owner()
        owner.api.call(REVOKE, {"sessionId": owner.session["id"]})
        self.assertTrue(ended(owner.api))

    def test_those_of_others_look_like_none(self):
        owner, stranger = Owner(), Owner()
        for session in (stranger.session["id"], "9007199254740993"):
            self.assertEqual(refused(owner.api.call, REVOKE, {"sessionId": session}), "not_found")
        self.assertFalse(ended(stranger.api))
        for wrong in ("0", "-1"):
            self.assertEqual(refused(owner.api.call, REVOKE, {"sessionId": wrong}),
                             "invalid_argument")

    def test_all_others(self):
        owner, stranger = Owner(), Owner()
        others = [owner.sign_in(server=world.servers[i % 2]) for i in range(4)]
        self.assertEqual(owner.api.call(REVOKE_OTHERS), {"sessionsEnded": 4})
        started = time.monotonic()
        for other in others:
            self.assertTrue(eventually(lambda api=other: ended(api), 3))
        self.assertLess(time.monotonic() - started, 1.5)
        self.assertEqual(owner.api.call(REVOKE_OTHERS), {})
        self.assertFalse(ended(owner.api))
        self.assertFalse(ended(stranger.api))

    def test_addresses_go_with_the_session(self):
        owner = Owner()
        others = [owner.sign_in() for _ in range(2)]
        stored = f"SELECT count(address) FROM sessions WHERE account_id = {owner.account}"
        self.assertEqual(world.psql(stored), "3")
        owner.api.call(REVOKE, {"sessionId": others[0].session["id"]})
        self.assertEqual(world.psql(stored), "2")
        owner.api.call(REVOKE_OTHERS)
        self.assertEqual(world.psql(stored), "1")
        owner.api.call(SIGN_OUT)
        self.assertEqual(world.psql(stored), "0")

    def test_what_was_revoked_stays_so_after_a_restart(self):
        owner = Owner()
        other = owner.sign_in()
        owner.api.call(REVOKE, {"sessionId": other.session["id"]})
        world.server.stop()
        world.server.start(world.env)
        self.assertTrue(eventually(lambda: ended(other), 2))
        self.assertFalse(ended(owner.api))


class SecurityLog(unittest.TestCase):
    def test_what_happened_newest_first(self):
        owner = Owner()
        other = owner.sign_in()
        refused(Api(world.server).call, SIGN_IN, {"login": owner.name, "password": "wrong"})
        self.assertTrue(eventually(lambda: "SIGN_IN_REFUSED" in owner.kinds()))
        other.call(SIGN_OUT)
        owner.api.call(REVOKE_OTHERS)
        done(world, "role", "grant", owner.name, "moderator")
        self.assertEqual(owner.kinds(), ["ROLE_CHANGED", "SIGNED_OUT", "SIGNED_OUT",
                                         "SIGN_IN_REFUSED", "SIGNED_IN", "REGISTERED"])
        events = owner.events()["events"]
        self.assertEqual([event.get("refused", False) for event in events],
                         [False, False, False, True, False, False])
        self.assertEqual([event.get("place", "") for event in events],
                         [""] + ["127.0.0.0/24"] * 5, "an operator has no place")
        self.assertEqual([int(event["id"]) for event in events],
                         sorted((int(event["id"]) for event in events), reverse=True))

    def test_what_operators_do_is_in_it(self):
        owner = Owner()
        other = owner.sign_in()
        done(world, "account", "verify-email", owner.name)
        done(world, "account", "end-sessions", owner.name)
        self.assertTrue(eventually(lambda: ended(other) and ended(owner.api), 3))
        owner.api = owner.sign_in()
        self.assertEqual(owner.kinds(), ["SIGNED_IN", "SIGNED_OUT", "EMAIL_VERIFIED", "SIGNED_IN",
                                         "REGISTERED"])

    def test_a_stolen_token_is_in_it(self):
        owner = Owner()
        other = owner.sign_in()
        other.call(REFRESH, {"refreshToken": other.session["refreshToken"]})
        world.psql("UPDATE sessions SET rotated_at = rotated_at - interval '11 seconds' "
                   f"WHERE id = {other.session['id']}")
        refused(other.call, REFRESH, {"refreshToken": other.session["refreshToken"]})
        self.assertEqual(owner.kinds()[0], "TOKEN_REUSED")

    def test_pages(self):
        owner = Owner()
        for _ in range(6):
            owner.sign_in()
        seen, before = [], "0"
        while True:
            page = owner.events(beforeId=before, pageSize=3)
            seen += [event["id"] for event in page["events"]]
            before = page["events"][-1]["id"]
            if not page.get("hasMore"):
                break
        self.assertEqual(seen, [event["id"] for event in owner.events()["events"]])
        self.assertEqual(len(seen), 7)
        self.assertEqual(owner.events(beforeId=seen[-1]), {})

    def test_others_do_not_show(self):
        owner, stranger = Owner(), Owner()
        stranger.sign_in()
        self.assertEqual(owner.kinds(), ["REGISTERED"])

    def test_what_the_owner_did_to_others_is_theirs(self):
        """A moderator's acts are no events of the moderator's own security."""
        owner = Owner()
        world.psql("INSERT INTO audit_log (action, status, account_id, request_id, target_kind, "
                   f"target_id) VALUES ('sanction.put', 'OK', {owner.account}, '', 'account', 1)")
        self.assertEqual(owner.kinds(), ["REGISTERED"])

    def test_bounds(self):
        owner = Owner()
        for request in ({"pageSize": 201}, {"pageSize": -1}, {"beforeId": "-1"}):
            self.assertEqual(refused(owner.api.call, EVENTS, request), "invalid_argument")

    def test_erased_addresses_have_no_place(self):
        owner = Owner()
        world.psql("UPDATE audit_log SET peer = NULL, note = NULL, salt = NULL WHERE account_id = "
                   + owner.account)
        event = owner.events()["events"][0]
        self.assertNotIn("place", event)


if __name__ == "__main__":
    unittest.main()
