"""waystone-admin account: what operators do for an account's safety, and what its owner sees of it."""

import unittest

from admin_tool import admin, done
from harness import (GET_SESSION, PASSWORD, REGISTER, SIGN_IN, Api, Player, RpcError, World,
                     eventually, unique)

LIST_EVENTS = "account.v1.AccountService/ListSecurityEvents"
world = None


def setUpModule():
    global world
    world = World("admin-account", http__loops=1)


def tearDownModule():
    world.close()


def code(api, method, message=None):
    try:
        api.call(method, message)
        return "ok"
    except RpcError as error:
        return error.code


class Account(unittest.TestCase):
    def setUp(self):
        self.player = Player(world.server)
        self.account = int(self.player.session["account"]["id"])

    def do(self, command, name=None):
        return done(world, "account", command, name or self.player.name)["done"]

    def sign_in(self, **more):
        return code(Api(world.server), SIGN_IN, {"login": self.player.name, "password": PASSWORD,
                                                 **more})

    def recorded(self, action):
        return int(world.psql("SELECT count(*) FROM audit_log WHERE target_kind = 'account' AND "
                              f"target_id = {self.account} AND action = 'admin.account.{action}'"))

    def test_verify_email(self):
        self.assertEqual([self.do("verify-email"), self.do("verify-email")],
                         ["verified", "nothing"])
        self.assertTrue(self.player.api.call(GET_SESSION)["account"]["emailVerified"])
        self.assertEqual(self.recorded("verify_email"), 1)
        self.assertEqual(done(world, "account", "show", self.account)["email_verified"], "yes")

    def test_an_address_of_another_account(self):
        self.do("verify-email")
        name = unique("late")
        Api(world.server).call(REGISTER, {"userName": name, "password": PASSWORD,
                                          "email": f"{self.player.name}@example.org"})
        got, _, complaint = admin(world, "account", "verify-email", name)
        self.assertEqual(got, 1)
        self.assertIn("belongs to another account", complaint)

    def test_end_sessions(self):
        self.assertEqual(self.do("end-sessions"), "1 sessions ended")
        self.assertTrue(eventually(
            lambda: code(self.player.api, GET_SESSION) == "unauthenticated", 3))
        self.assertEqual((self.do("end-sessions"), self.recorded("end_sessions")), ("nothing", 1))
        self.assertEqual(self.sign_in(), "ok")

    def test_close_and_reopen(self):
        self.assertEqual([self.do("close"), self.do("close")], ["closed", "nothing"])
        self.assertTrue(eventually(
            lambda: code(self.player.api, GET_SESSION) == "unauthenticated", 3))
        self.assertEqual(self.sign_in(), "failed_precondition")
        self.assertIsNotNone(done(world, "account", "show", self.account)["erases_at"])
        self.assertEqual([self.do("reopen"), self.do("reopen")], ["open again", "nothing"])
        self.assertEqual(self.sign_in(), "ok")

    def test_reset_factors(self):
        world.psql("INSERT INTO totp_secrets (account_id, is_pending, sealed) "
                   f"VALUES ({self.account}, false, 'x')")
        world.psql("INSERT INTO recovery_codes (account_id, hash) "
                   f"SELECT {self.account}, sha256(n::text::bytea) FROM generate_series(1, 3) n")
        self.assertIn("secondFactor", Api(world.server).call(SIGN_IN, {
            "login": self.player.name, "password": PASSWORD}))
        self.assertEqual(self.do("reset-factors"),
                         "1 apps, 3 recovery codes, 0 passkeys removed")
        self.assertTrue(eventually(
            lambda: code(self.player.api, GET_SESSION) == "unauthenticated", 3))
        self.assertIn("session", Api(world.server).call(SIGN_IN, {
            "login": self.player.name, "password": PASSWORD}))
        self.assertEqual((self.do("reset-factors"), self.recorded("reset_factors")), ("nothing", 1))

    def test_owners_see_it(self):
        self.do("close")
        self.do("reopen")
        self.player.api.token = Api(world.server).call(SIGN_IN, {
            "login": self.player.name, "password": PASSWORD})["session"]["accessToken"]
        kinds = [event["kind"] for event in self.player.api.call(LIST_EVENTS)["events"]]
        self.assertEqual(kinds.count("SECURITY_EVENT_KIND_CLOSED"), 2)

    def test_nobody_by_that_name(self):
        for command in ("close", "reopen", "verify-email", "end-sessions", "reset-factors"):
            got, _, complaint = admin(world, "account", command, "nobody-of-that-name")
            self.assertEqual(got, 1)
            self.assertIn("there is no account", complaint)


if __name__ == "__main__":
    unittest.main()
