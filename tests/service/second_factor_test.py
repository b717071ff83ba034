"""The second step of a sign-in: codes, guesses, and accounts that are being closed."""

import concurrent.futures
import json
import unittest

from harness import GET_SESSION, Api, RpcError, World, eventually
from proving import COMPLETE, SITE, App, Owner, refused

world = None


def setUpModule():
    global world
    world = World("second-factor", servers=2, http__loops=1, **SITE)


def tearDownModule():
    world.close()


class SigningIn(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.app = self.owner.set_up_app()

    def test_a_code_opens_the_session(self):
        session = self.owner.complete(self.owner.challenge(), totpCode=self.app.code())
        answer = Api(world.server, session["accessToken"]).call(GET_SESSION)
        self.assertEqual(int(answer["account"]["id"]), self.owner.id)
        means = world.psql(f"SELECT means FROM sessions WHERE id = {session['id']}")
        self.assertEqual(means, "3")  # SIGN_IN_MEANS_PASSWORD_AND_FACTOR

    def test_before_that_there_is_no_session(self):
        before = self.owner.count("sessions")
        answer = self.owner.sign_in()
        self.assertNotIn("session", answer)
        self.assertEqual(self.owner.count("sessions"), before)

    def test_a_wrong_password_tells_nothing_of_factors(self):
        with refused(self, "unauthenticated"):
            self.owner.sign_in(password="not that one")

    def test_a_challenge_is_answered_at_another_server(self):
        challenge = self.owner.challenge()
        answer = Api(world.servers[1]).call(COMPLETE, {"challengeToken": challenge["token"],
                                                       "totpCode": self.app.code()})
        self.assertIn("accessToken", answer["session"])

    def test_the_token_can_travel_in_a_cookie(self):
        body = json.dumps({"challengeToken": self.owner.challenge()["token"],
                           "totpCode": self.app.code(),
                           "tokenTransport": "TOKEN_TRANSPORT_COOKIE"})
        status, headers, answer = Api(world.server).request(
            "POST", f"/waystone.{COMPLETE}", body, {"Content-Type": "application/json"})
        self.assertEqual(status, 200, answer)
        self.assertIn("HttpOnly", headers["set-cookie"])
        self.assertNotIn("refreshToken", json.loads(answer)["session"])

    def test_a_code_works_once(self):
        code = self.app.code()
        self.owner.complete(self.owner.challenge(), totpCode=code)
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(self.owner.challenge(), totpCode=code)
        # A later one does, and then none before it.
        self.owner.complete(self.owner.challenge(), totpCode=self.app.code(1))
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(self.owner.challenge(), totpCode=self.app.code())

    def test_the_code_that_set_the_app_up_does_not_sign_in(self):
        owner = Owner(world)
        app = App(owner.factor("StartTotp")["secret"])
        code = app.code()
        owner.factor("FinishTotp", code=code)
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            owner.complete(owner.challenge(), totpCode=code)

    def test_a_code_sent_twice_at_once_opens_one_session(self):
        code = self.app.code()
        challenges = [self.owner.challenge() for _ in range(4)]

        def attempt(challenge):
            try:
                return self.owner.complete(challenge, totpCode=code) is not None
            except RpcError as error:
                self.assertEqual(error.code, "unauthenticated")
                return False

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual(sum(pool.map(attempt, challenges)), 1)

    def test_clocks_may_differ_by_a_step(self):
        for steps, good in ((-2, False), (-1, True), (1, True), (2, False)):
            self.owner.later()
            with self.subTest(steps=steps):
                if good:
                    self.owner.complete(self.owner.challenge(), totpCode=self.app.code(steps))
                else:
                    with refused(self, "unauthenticated", "WRONG_PROOF"):
                        self.owner.complete(self.owner.challenge(), totpCode=self.app.code(steps))

    def test_a_challenge_is_gone_after_five_wrong_answers(self):
        challenge = self.owner.challenge()
        for _ in range(5):
            with refused(self, "unauthenticated", "WRONG_PROOF"):
                self.owner.complete(challenge, recoveryCode="0000-0000-0000-0000-0000-0000")
        with refused(self, "unauthenticated", "CHALLENGE_GONE"):
            self.owner.complete(challenge, totpCode=self.app.code())

    def test_a_challenge_is_gone_after_five_minutes(self):
        challenge = self.owner.challenge()
        world.psql("UPDATE challenges SET expires_at = now() - interval '1 second' "
                   f"WHERE account_id = {self.owner.id}")
        with refused(self, "unauthenticated", "CHALLENGE_GONE"):
            self.owner.complete(challenge, totpCode=self.app.code())

    def test_a_challenge_lives_five_minutes(self):
        self.owner.challenge()
        life = world.psql("SELECT max(extract(epoch FROM expires_at - created_at))::int "
                          f"FROM challenges WHERE account_id = {self.owner.id}")
        self.assertEqual(life, "300")

    def test_a_challenge_is_answered_once(self):
        challenge = self.owner.challenge()
        self.owner.complete(challenge, totpCode=self.app.code())
        with refused(self, "unauthenticated", "CHALLENGE_GONE"):
            self.owner.complete(challenge, recoveryCode=self.owner.codes[0])

    def test_a_challenge_answered_twice_at_once_opens_one_session(self):
        challenge = self.owner.challenge()

        def attempt(code):
            try:
                return self.owner.complete(challenge, recoveryCode=code) is not None
            except RpcError as error:
                self.assertEqual(error.code, "unauthenticated")
                return False

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual(sum(pool.map(attempt, self.owner.codes[:4])), 1)
        self.assertEqual(self.owner.count("recovery_codes", "used_at IS NOT NULL"), 1)

    def test_a_challenge_that_was_never_put(self):
        for token in ("x", "A" * 43, "A" * 128):
            with refused(self, "unauthenticated", "CHALLENGE_GONE"):
                self.owner.complete({"token": token}, totpCode=self.app.code())

    def test_another_account_does_not_answer(self):
        other = Owner(world)
        other.set_up_app()
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(self.owner.challenge(), totpCode=other.app.code())
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(self.owner.challenge(), recoveryCode=other.codes[0])
        other.complete(other.challenge(), recoveryCode=other.codes[0])

    def test_answers_that_are_none(self):
        token = {"challengeToken": self.owner.challenge()["token"]}
        for message in (token, {"totpCode": "123456"}, {**token, "totpCode": "1234"},
                        {**token, "recoveryCode": "short"}, {**token, "passkey": {}},
                        {"challengeToken": "A" * 129, "totpCode": "123456"}):
            with refused(self, "invalid_argument"):
                Api(world.server).call(COMPLETE, message)

    def test_who_is_banned_is_told_so_at_either_step(self):
        challenge = self.owner.challenge()
        self.owner.ban()
        with refused(self, "failed_precondition", "BANNED"):
            self.owner.complete(challenge, totpCode=self.app.code())
        with refused(self, "failed_precondition", "BANNED"):
            self.owner.challenge()

    def test_the_log_has_each_step(self):
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(self.owner.challenge(), totpCode=self.app.wrong_code())
        self.owner.complete(self.owner.challenge(), recoveryCode=self.owner.codes[0])

        def rows():
            return world.psql("SELECT action || ' ' || status FROM audit_log "
                              f"WHERE account_id = {self.owner.id} ORDER BY id").splitlines()

        refusal = "/waystone.auth.v1.AuthService/CompleteSignIn UNAUTHENTICATED"
        self.assertTrue(eventually(lambda: refusal in rows()))
        self.assertIn("sign_in.factor_asked OK", rows())
        self.assertIn("recovery_code.used OK", rows())
        self.assertEqual(rows().count("/waystone.auth.v1.AuthService/CompleteSignIn OK"), 1)
        self.assertEqual(rows().count("/waystone.auth.v1.AuthService/SignIn OK"), 0)


    def test_the_owner_sees_what_happened(self):
        def kinds():
            return [(event["kind"].removeprefix("SECURITY_EVENT_KIND_"),
                     event.get("refused", False))
                    for event in self.owner.api.call(
                        "account.v1.AccountService/ListSecurityEvents").get("events", [])]

        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(self.owner.challenge(), totpCode=self.app.wrong_code())
        self.assertTrue(eventually(lambda: ("SIGN_IN_REFUSED", True) in kinds()))
        self.owner.take(self.owner.complete(self.owner.challenge(),
                                            recoveryCode=self.owner.codes[0]))
        key = self.owner.add_passkey()
        self.owner.factor("RemovePasskey", passkeyId=key.number)
        self.owner.factor("StepUp", recoveryCode=self.owner.codes[1])
        for _ in range(2):
            self.owner.factor("RemoveTotp")
            self.owner.factor("RemovePasskey", passkeyId=key.number)
        self.assertEqual(kinds(), [
            ("TOTP_CHANGED", False), ("STEPPED_UP", False), ("RECOVERY_CODES_CHANGED", False),
            ("PASSKEY_CHANGED", False), ("PASSKEY_CHANGED", False), ("SIGNED_IN", False),
            ("RECOVERY_CODES_CHANGED", False), ("SIGN_IN_REFUSED", True), ("TOTP_CHANGED", False),
            ("REGISTERED", False)])


class Closing(unittest.TestCase):
    """Accounts that are being closed, which a sign-in can keep."""

    def setUp(self):
        self.owner = Owner(world)

    def close(self, erases="now() + interval '14 days'", erased="NULL"):
        world.psql(f"UPDATE accounts SET closed_at = now(), erases_at = {erases}, "
                   f"erased_at = {erased} WHERE id = {self.owner.id}")

    def is_closing(self):
        return world.psql("SELECT closed_at IS NOT NULL OR erases_at IS NOT NULL "
                          f"FROM accounts WHERE id = {self.owner.id}") == "t"

    def test_a_sign_in_is_told_so(self):
        self.close("'2126-12-05 12:00+00'")
        with refused(self, "failed_precondition", "CLOSING") as found:
            self.owner.sign_in()
        self.assertIn("2126-12-05", found[0].message)
        self.assertTrue(self.is_closing())

    def test_a_wrong_password_is_not(self):
        self.close()
        with refused(self, "unauthenticated"):
            self.owner.sign_in(password="not that one", reopen=True)
        self.assertTrue(self.is_closing())

    def test_reopening(self):
        self.close()
        self.assertIn("session", self.owner.sign_in(reopen=True))
        self.assertFalse(self.is_closing())
        actions = world.psql(f"SELECT action FROM audit_log WHERE account_id = {self.owner.id}")
        self.assertIn("account.reopened", actions.splitlines())

    def test_reopening_waits_for_the_second_factor(self):
        app = self.owner.set_up_app()
        self.close()
        with refused(self, "failed_precondition", "CLOSING"):
            self.owner.sign_in()
        challenge = self.owner.sign_in(reopen=True)["secondFactor"]
        self.assertTrue(self.is_closing())
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(challenge, totpCode=app.wrong_code())
        self.assertTrue(self.is_closing())
        self.owner.complete(challenge, totpCode=app.code())
        self.assertFalse(self.is_closing())

    def test_closed_between_the_steps(self):
        app = self.owner.set_up_app()
        challenge = self.owner.challenge()
        self.close()
        with refused(self, "failed_precondition", "CLOSING"):
            self.owner.complete(challenge, totpCode=app.code())

    def test_what_is_erased_does_not_come_back(self):
        self.close(erased="now()")
        with refused(self, "unauthenticated"):
            self.owner.sign_in(reopen=True)
        self.assertTrue(self.is_closing())

    def test_who_is_banned_cannot_reopen(self):
        self.owner.ban()
        self.close()
        with refused(self, "failed_precondition", "BANNED"):
            self.owner.sign_in(reopen=True)
        self.assertTrue(self.is_closing())

    def test_a_password_changed_meanwhile_ends_the_sign_in(self):
        app = self.owner.set_up_app()
        challenge = self.owner.challenge()
        world.psql(f"UPDATE accounts SET password_changed_at = now() WHERE id = {self.owner.id}")
        with refused(self, "unauthenticated", "CHALLENGE_GONE"):
            self.owner.complete(challenge, totpCode=app.code())
        self.owner.complete(self.owner.challenge(), totpCode=app.code())


class Guessing(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.app = self.owner.set_up_app()

    def guess(self, count):
        for _ in range(count):
            with refused(self, "unauthenticated", "WRONG_PROOF"):
                self.owner.complete(self.owner.challenge(), totpCode=self.app.wrong_code())

    def refused_for_now(self, code):
        body = json.dumps({"challengeToken": self.owner.challenge()["token"], "totpCode": code})
        status, headers, answer = Api(world.server).request(
            "POST", f"/waystone.{COMPLETE}", body, {"Content-Type": "application/json"})
        self.assertEqual((status, json.loads(answer)["code"]), (429, "resource_exhausted"), answer)
        return int(headers["retry-after"])

    def test_slows_down_over_all_challenges(self):
        self.guess(5)
        self.assertIn(self.refused_for_now(self.app.code()), range(1, 16))
        world.psql("UPDATE totp_secrets SET failed_at = failed_at - interval '16 seconds' "
                   f"WHERE account_id = {self.owner.id}")
        self.guess(1)
        self.assertIn(self.refused_for_now(self.app.code()), range(16, 31))

    def test_is_told_to_the_owner_once(self):
        def told():
            return self.owner.count("notifications", "text LIKE 'Several wrong codes%'")

        self.guess(4)
        self.owner.complete(self.owner.challenge(), totpCode=self.app.code())
        self.owner.later()
        self.assertEqual(told(), 0)
        self.guess(5)
        self.assertTrue(eventually(lambda: told() == 1))
        world.psql("UPDATE totp_secrets SET failed_at = failed_at - interval '16 seconds' "
                   f"WHERE account_id = {self.owner.id}")
        self.guess(1)
        self.assertEqual(told(), 1)

    def test_waiting_makes_the_right_code_good(self):
        self.guess(5)
        world.psql("UPDATE totp_secrets SET failed_at = failed_at - interval '16 seconds' "
                   f"WHERE account_id = {self.owner.id}")
        self.owner.complete(self.owner.challenge(), totpCode=self.app.code())
        self.owner.later()
        self.guess(4)
        self.owner.complete(self.owner.challenge(), totpCode=self.app.code())

    def test_what_waits_does_not_use_the_challenge_up(self):
        self.guess(5)
        challenge = self.owner.challenge()
        for _ in range(6):
            with refused(self, "resource_exhausted"):
                self.owner.complete(challenge, totpCode=self.app.code())
        self.owner.complete(challenge, recoveryCode=self.owner.codes[0])

    def test_another_factor_is_not_slowed_and_forgives(self):
        self.guess(5)
        self.owner.complete(self.owner.challenge(), recoveryCode=self.owner.codes[0])
        self.owner.complete(self.owner.challenge(), totpCode=self.app.code())

    def test_after_a_hundred_the_app_is_of_no_use(self):
        world.psql("UPDATE totp_secrets SET failures = 100, failed_at = now() - interval '1 year' "
                   f"WHERE account_id = {self.owner.id}")
        with refused(self, "resource_exhausted", "TOTP_SUSPENDED"):
            self.owner.complete(self.owner.challenge(), totpCode=self.app.code())
        self.owner.complete(self.owner.challenge(), recoveryCode=self.owner.codes[0])
        self.owner.complete(self.owner.challenge(), totpCode=self.app.code())


if __name__ == "__main__":
    unittest.main()
