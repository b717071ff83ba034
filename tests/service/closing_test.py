"""The end of an account: closed at once, opened again within its grace, erased after it."""

import unittest
import uuid

from admin_tool import done, run_job
from harness import (GET_SESSION, PASSWORD, REGISTER, SIGN_IN, VERIFY_EMAIL, Api, Follower, Player,
                     RpcError, World, eventually, unique)

CLOSE = "account.v1.AccountService/CloseAccount"
LIST_MESSAGES = "chat.v1.ChatService/ListMessages"
world = None


def setUpModule():
    global world
    world = World("closing", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def refused(call, *words):
    try:
        call(*words)
    except RpcError as error:
        return error
    raise AssertionError("the call was not refused")


class Closing(unittest.TestCase):
    def setUp(self):
        self.player = Player(world.server)
        self.account = self.player.session["account"]["id"]
        self.email = f"{self.player.name}@example.org"
        Api(world.server).call(VERIFY_EMAIL, {
            "token": world.mail_to(self.email, "Confirm your e-mail address").token})

    def sign_in(self, **more):
        return Api(world.server).call(SIGN_IN, {"login": self.player.name, "password": PASSWORD,
                                                **more})

    def close(self):
        return self.player.api.call(CLOSE, {"userName": self.player.name.upper()})

    def erase(self):
        world.psql("UPDATE accounts SET closed_at = now() - interval '15 days', "
                   f"erases_at = now() - interval '1 day' WHERE id = {self.account}")
        run_job(world, "erase_accounts")
        erased = f"SELECT erased_at IS NOT NULL FROM accounts WHERE id = {self.account}"
        self.assertTrue(eventually(lambda: world.psql(erased) == "t"))

    def test_a_mistaken_name_closes_nothing(self):
        error = refused(self.player.api.call, CLOSE, {"userName": "somebody-else"})
        self.assertEqual(error.code, "invalid_argument")
        self.player.api.call(GET_SESSION)

    def test_sessions_and_streams_end_everywhere(self):
        other = self.player.on(world.servers[1])
        follower = Follower(world.servers[1], self.player.token, self.player.channel)
        follower.until_caught_up()
        self.close()
        self.assertEqual(refused(self.player.api.call, GET_SESSION).code, "unauthenticated")
        follower.until_end()
        follower.close()
        self.assertTrue(eventually(
            lambda: refused(other.call, GET_SESSION).code == "unauthenticated", 3))
        self.assertRegex(world.mail_to(self.email, "Your account was closed").text,
                         r"erased on\s+\d{4}-\d\d-\d\d")

    def test_it_opens_again_on_demand(self):
        self.close()
        error = refused(self.sign_in)
        self.assertEqual(error.code, "failed_precondition")
        self.assertIn("google.rpc.ErrorInfo", [d["type"] for d in error.details])
        wrong = refused(Api(world.server).call, SIGN_IN, {
            "login": self.player.name, "password": "wrong horse", "reopen": True})
        self.assertEqual(wrong.code, "unauthenticated")
        self.player.api.token = self.sign_in(reopen=True)["session"]["accessToken"]
        self.player.say("back again")
        self.sign_in()
        world.mail_to(self.email, "Your account is open again")
        run_job(world, "erase_accounts")
        self.player.say("and staying")

    def test_nothing_is_erased_before_its_time(self):
        self.close()
        world.psql("UPDATE accounts SET erases_at = now() + interval '1 hour' "
                   f"WHERE id = {self.account}")
        run_job(world, "erase_accounts")
        self.sign_in(reopen=True)

    def test_what_is_personal_is_erased(self):
        hero = self.player.character["name"]
        said = self.player.say("what I said stays")
        reader = Player(world.server)
        self.close()
        self.erase()
        self.assertEqual(world.psql("SELECT user_name, email, coalesce(password_hash, '-') "
                                    f"FROM accounts WHERE id = {self.account}"),
                         f"gone.{self.account}||-")
        message = [m for m in reader.api.call(LIST_MESSAGES, {
            "channelId": reader.channel})["messages"] if m["sequence"] == said["sequence"]][0]
        self.assertEqual((message["characterName"], message["text"]),
                         ("Gone", "what I said stays"))
        for login in (self.player.name, self.email, f"gone.{self.account}"):
            self.assertEqual(refused(Api(world.server).call, SIGN_IN, {
                "login": login, "password": PASSWORD, "reopen": True}).code, "unauthenticated")
        self.assertIn("Your account was erased",
                      [world.mail_to(self.email, "Your account was erased").subject])
        self.check_every_table(hero)

    def check_every_table(self, hero):
        """No row of any table names the account, its address or its character."""
        tables = world.psql("SELECT table_name FROM information_schema.tables WHERE "
                            "table_schema = 'public' AND table_name <> 'outbox'").split()
        for table in tables:
            found = world.psql(f"SELECT count(*) FROM {table} AS t WHERE t::text ILIKE "
                               f"'%{self.player.name}%' OR t::text LIKE '%{hero}%'")
            self.assertEqual(found, "0", table)

    def test_the_audit_log_still_verifies(self):
        self.close()
        run_job(world, "audit_seal")
        self.erase()
        self.assertEqual(world.psql(
            "SELECT count(*) FROM audit_log WHERE (peer <> '' OR note IS NOT NULL) AND "
            f"(account_id = {self.account} OR (target_kind = 'account' AND target_id = "
            f"{self.account}))"), "0")
        run_job(world, "audit_seal")
        done(world, "audit", "verify")

    def test_the_name_stays_taken_and_the_address_is_free(self):
        self.close()
        self.erase()
        error = refused(Api(world.server).call, REGISTER, {
            "userName": self.player.name.upper(), "email": self.email, "password": PASSWORD})
        self.assertEqual(error.code, "already_exists")
        name = unique("heir")
        Api(world.server).call(REGISTER, {"userName": name, "email": self.email,
                                          "password": PASSWORD})
        Api(world.server).call(VERIFY_EMAIL, {
            "token": world.mail_to(self.email, "Confirm your e-mail address", after=1).token})
        world.psql("UPDATE reserved_names SET until = now() - interval '1 second'")
        run_job(world, "expire_reserved_names")
        Api(world.server).call(REGISTER, {"userName": self.player.name, "email": "x@example.org",
                                          "password": PASSWORD})

    def test_closing_again_is_a_repetition(self):
        key = str(uuid.uuid4())
        message = {"userName": self.player.name, "idempotencyKey": key}
        first = self.player.api.call(CLOSE, message)
        self.assertTrue(first["erasedAt"])
        self.player.api.token = self.sign_in(reopen=True)["session"]["accessToken"]
        self.assertEqual(self.player.api.call(CLOSE, message), first)
        self.player.api.call(GET_SESSION)


if __name__ == "__main__":
    unittest.main()
