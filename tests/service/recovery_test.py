"""Recovery: a new password by a mail, for whoever reads the verified address, and for nobody else."""

import time
import unittest

from harness import (GET_SESSION, PASSWORD, REGISTER, SIGN_IN, VERIFY_EMAIL, Api, RpcError, World,
                     eventually, unique)

START = "auth.v1.AuthService/StartRecovery"
FINISH = "auth.v1.AuthService/FinishRecovery"
CHANGE_EMAIL = "account.v1.AccountService/ChangeEmail"
RECOVER = "A new password for your account"
VERIFY = "Confirm your e-mail address"
NEW = "fresh horses only"
world = None


def setUpModule():
    global world
    world = World("recovery", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def code(call, *words):
    try:
        call(*words)
        return "ok"
    except RpcError as error:
        return error.code


class Somebody:
    def __init__(self, verified=True):
        self.name = unique("lost")
        self.email = f"{self.name}@example.org"
        self.session = Api(world.server).call(REGISTER, {
            "userName": self.name, "email": self.email, "password": PASSWORD})["session"]
        self.api = Api(world.server, self.session["accessToken"])
        if verified:
            Api(world.server).call(VERIFY_EMAIL, {"token": world.mail_to(self.email, VERIFY).token})

    def start(self):
        """The token of the next mail."""
        before = len([m for m in world.mails(self.email) if m.subject == RECOVER])
        Api(world.server).call(START, {"email": self.email})
        return world.mail_to(self.email, RECOVER, before).token

    def sign_in(self, password):
        return code(Api(world.server).call, SIGN_IN, {"login": self.name, "password": password})


def finish(token, password=NEW):
    return Api(world.server).call(FINISH, {"token": token, "newPassword": password})


class Recovery(unittest.TestCase):
    def test_a_new_password_ends_api_keys(self):
        lost = Somebody()
        key = lost.api.call("account.v1.ApiKeyService/CreateApiKey", {
            "name": "of a thief", "scopes": ["account.read"], "days": 9})["secret"]
        bots = [Api(server, key) for server in world.servers]
        self.assertEqual([code(bot.call, GET_SESSION) for bot in bots], ["ok", "ok"])
        finish(lost.start())
        for bot in bots:
            self.assertTrue(eventually(lambda: code(bot.call, GET_SESSION) == "unauthenticated", 1))

    def test_a_new_password_ends_all_sessions(self):
        lost = Somebody()
        other = Api(world.servers[1], lost.session["accessToken"])
        other.call(GET_SESSION)
        token = lost.start()
        self.assertEqual(finish(token)["userName"], lost.name)
        self.assertEqual(lost.sign_in(PASSWORD), "unauthenticated")
        self.assertEqual(lost.sign_in(NEW), "ok")
        self.assertEqual(code(lost.api.call, GET_SESSION), "unauthenticated")
        self.assertTrue(eventually(lambda: code(other.call, GET_SESSION) == "unauthenticated", 3))
        world.mail_to(lost.email, "Your password was set anew")

    def test_a_token_works_once_the_newest_only_and_not_late(self):
        lost = Somebody()
        first, second = lost.start(), lost.start()
        self.assertEqual(code(finish, first), "failed_precondition")
        self.assertEqual(code(finish, second), "ok")
        self.assertEqual(code(finish, second), "failed_precondition")
        third = lost.start()
        world.psql("UPDATE account_tokens SET expires_at = now() WHERE email = "
                   f"'{lost.email}' AND used_at IS NULL")
        self.assertEqual(code(finish, third), "failed_precondition")

    def test_it_lives_half_an_hour(self):
        lost = Somebody()
        lost.start()
        self.assertEqual(world.psql("SELECT expires_at - created_at FROM account_tokens WHERE "
                                    f"purpose = 2 AND email = '{lost.email}'"), "00:30:00")

    def test_other_tokens_do_not_recover(self):
        """One that verifies an address has another purpose."""
        lost = Somebody(verified=False)
        token = world.mail_to(lost.email, VERIFY).token
        self.assertEqual(code(finish, token), "failed_precondition")
        recovered = Somebody()
        self.assertEqual(code(Api(world.server).call, VERIFY_EMAIL, {"token": recovered.start()}),
                         "failed_precondition")

    def test_a_refused_password_leaves_the_token(self):
        lost = Somebody()
        token = lost.start()
        for password in ("password1", lost.name + "1", lost.email):
            self.assertEqual(code(finish, token, password), "invalid_argument")
        self.assertEqual(lost.sign_in(PASSWORD), "ok")
        self.assertEqual(code(finish, token), "ok")

    def test_who_never_verified_and_who_is_unknown(self):
        """The answer is the same, and no mail comes."""
        unverified = Somebody(verified=False)
        answers = [Api(world.server).call(START, {"email": email}) for email in (
            unverified.email, f"{unique('nobody')}@example.org", Somebody().email)]
        self.assertEqual(answers, [{}] * 3)
        self.assertTrue(eventually(lambda: world.psql(
            "SELECT count(*) FROM outbox WHERE kind = 'account.recover'") == "0"))
        self.assertEqual([m.subject for m in world.mails(unverified.email)], [VERIFY])

    def test_a_changed_address_takes_the_token_away(self):
        """Whoever has the old mailbox cannot come back."""
        lost, other = Somebody(), f"{unique('elsewhere')}@example.org"
        token = lost.start()
        lost.api.call(CHANGE_EMAIL, {"email": other})
        Api(world.server).call(VERIFY_EMAIL, {"token": world.mail_to(other, VERIFY).token})
        self.assertEqual(code(finish, token), "failed_precondition")
        self.assertEqual(lost.sign_in(PASSWORD), "ok")

    def test_it_survives_a_server_that_is_killed(self):
        """The mail is owed once the call was answered."""
        lost = Somebody()
        victim = world.add_server(http__loops=1)
        with world.table_held("account_tokens"):
            Api(victim).call(START, {"email": lost.email})
            victim.kill()
            victim.expected_exit = -9
        mail = world.mail_to(lost.email, RECOVER)
        self.assertIn("127.0.0.0/24", mail.text)
        self.assertEqual(code(finish, mail.token), "ok")

    def test_the_mail_names_nothing_else(self):
        lost = Somebody()
        lost.start()
        mail = world.mail_to(lost.email, RECOVER)
        self.assertIn("/recover#token=", mail.text)
        self.assertIn("/recover#token=", mail.html)
        self.assertNotIn(PASSWORD, mail.head.as_string())
        self.assertLess(abs(time.time() - mail.head["date"].datetime.timestamp()), 60)


if __name__ == "__main__":
    unittest.main()
