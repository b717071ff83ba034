"""Authenticator app and recovery codes: setting up, replacing, removing, mail about them."""

import email
import email.policy
import unittest

from harness import GET_SESSION, HOME, PASSWORD, SIGN_IN, Api, World, eventually
from proving import FACTOR, SITE, App, Owner, refused

MAIL = HOME / "factors" / "mail"
world = None


def setUpModule():
    global world
    world = World("factors", servers=2, http__loops=1, mail__directory=str(MAIL), **SITE)


def tearDownModule():
    world.close()


class SettingUp(unittest.TestCase):
    def test_the_secret_is_told_in_two_forms(self):
        owner = Owner(world)
        started = owner.factor("StartTotp")
        self.assertEqual(len(started["secret"]), 32)
        self.assertEqual(started["uri"],
                         f"otpauth://totp/Waystone:{owner.name}?secret={started['secret']}"
                         "&issuer=Waystone&algorithm=SHA1&digits=6&period=30")

    def test_nothing_changes_before_the_first_code(self):
        owner = Owner(world)
        owner.factor("StartTotp")
        self.assertIn("session", owner.sign_in())

    def test_the_first_code_sets_it_up_and_brings_recovery_codes(self):
        owner = Owner(world)
        owner.set_up_app()
        self.assertEqual(len(set(owner.codes)), 10)
        for code in owner.codes:
            self.assertRegex(code, "^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$")
        challenge = owner.challenge()
        self.assertTrue(challenge["totp"])
        self.assertTrue(challenge["recoveryCode"])
        self.assertNotIn("passkeyOptions", challenge)

    def test_a_wrong_code_sets_nothing_up(self):
        owner = Owner(world)
        app = App(owner.factor("StartTotp")["secret"])
        with refused(self, "permission_denied", "WRONG_PROOF"):
            owner.factor("FinishTotp", code=app.wrong_code())
        self.assertIn("session", owner.sign_in())
        owner.factor("FinishTotp", code=app.code())
        self.assertIn("secondFactor", owner.sign_in())

    def test_finishing_what_was_not_started(self):
        with refused(self, "failed_precondition"):
            Owner(world).factor("FinishTotp", code="123456")

    def test_finishing_what_was_started_too_long_ago(self):
        owner = Owner(world)
        app = App(owner.factor("StartTotp")["secret"])
        world.psql("UPDATE totp_secrets SET created_at = now() - interval '61 minutes' "
                   f"WHERE account_id = {owner.id}")
        with refused(self, "failed_precondition"):
            owner.factor("FinishTotp", code=app.code())

    def test_starting_again_replaces_the_secret(self):
        owner = Owner(world)
        first, second = (App(owner.factor("StartTotp")["secret"]) for _ in range(2))
        with refused(self, "permission_denied", "WRONG_PROOF"):
            owner.factor("FinishTotp", code=first.code())
        owner.factor("FinishTotp", code=second.code())

    def test_another_app_takes_the_place_of_the_one_before(self):
        owner = Owner(world)
        first, codes = owner.set_up_app(), owner.codes
        second = App(owner.factor("StartTotp")["secret"])
        owner.complete(owner.challenge(), totpCode=first.code())
        self.assertNotIn("recoveryCodes", owner.factor("FinishTotp", code=second.code()))
        owner.later()
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            owner.complete(owner.challenge(), totpCode=first.code())
        owner.complete(owner.challenge(), totpCode=second.code())
        owner.complete(owner.challenge(), recoveryCode=codes[0])

    def test_codes_that_are_none(self):
        owner = Owner(world)
        owner.factor("StartTotp")
        for code in ("", "12345", "1234567", "12345a", "１２３４５６"):
            with refused(self, "invalid_argument"):
                owner.factor("FinishTotp", code=code)

    def test_no_secret_is_stored_as_it_is(self):
        owner = Owner(world)
        app = owner.set_up_app()
        dump = world.psql("SELECT string_agg(t::text, ' ') FROM totp_secrets t "
                          f"WHERE account_id = {owner.id}")
        self.assertNotIn(app.secret.hex(), dump)
        hashes = world.psql("SELECT string_agg(c::text, ' ') FROM recovery_codes c "
                            f"WHERE account_id = {owner.id}")
        for code in owner.codes:
            self.assertNotIn(code, hashes)
            self.assertNotIn(code.replace("-", "").encode().hex(), hashes)


class Mails(unittest.TestCase):
    """The owner of a verified address is told of every change."""

    def setUp(self):
        self.owner = Owner(world)
        world.psql(f"UPDATE accounts SET email_verified_at = now() WHERE id = {self.owner.id}")

    def texts(self, about):
        """Of mails to the owner whose text has these words, once there is one."""
        def find():
            found = []
            for path in MAIL.glob("*.eml"):
                mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
                text = mail.get_body(("plain",)).get_content()
                if mail["To"] == self.owner.email and about in " ".join(text.split()):
                    found.append(text)
            return found

        self.assertTrue(eventually(lambda: len(find()) > 0), f"no mail says: {about}")
        return find()

    def test_of_the_app(self):
        app = self.owner.set_up_app()
        self.texts("An authenticator app was added")
        self.owner.complete(self.owner.challenge(), recoveryCode=self.owner.codes[0])
        self.texts("with a recovery code")
        codes = self.owner.factor("ReplaceRecoveryCodes")["recoveryCodes"]
        told = self.texts("were made anew")
        self.owner.factor("RemoveTotp")
        told += self.texts("An authenticator app was removed")
        for text in told:
            for secret in (*codes, *self.owner.codes, app.code()):
                self.assertNotIn(secret, text)

    def test_of_passkeys(self):
        passkey = self.owner.add_passkey("phone")
        self.texts("The passkey 'phone' was added")
        self.owner.factor("RemovePasskey", passkeyId=passkey.number)
        self.texts("The passkey 'phone' was removed")

    def test_of_an_account_that_stays(self):
        world.psql("UPDATE accounts SET closed_at = now(), erases_at = now() + interval '1 day' "
                   f"WHERE id = {self.owner.id}")
        self.owner.sign_in(reopen=True)
        self.texts("is open again")


class RecoveryCodes(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.owner.set_up_app()

    def test_each_works_once(self):
        for code in self.owner.codes[:2]:
            self.owner.complete(self.owner.challenge(), recoveryCode=code)
            with refused(self, "unauthenticated", "WRONG_PROOF"):
                self.owner.complete(self.owner.challenge(), recoveryCode=code)

    def test_it_does_not_matter_how_they_are_typed(self):
        typed = self.owner.codes[0].lower().replace("-", " ").replace("0", "o").replace("1", "l")
        self.owner.complete(self.owner.challenge(), recoveryCode=typed)

    def test_the_last_one_is_offered_no_more(self):
        for code in self.owner.codes:
            self.owner.complete(self.owner.challenge(), recoveryCode=code)
        challenge = self.owner.challenge()
        self.assertNotIn("recoveryCode", challenge)
        self.assertTrue(challenge["totp"])

    def test_new_ones_take_the_place_of_the_old(self):
        old = self.owner.codes
        new = self.owner.factor("ReplaceRecoveryCodes")["recoveryCodes"]
        self.assertEqual(len(set(new) | set(old)), 20)
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(self.owner.challenge(), recoveryCode=old[0])
        self.owner.complete(self.owner.challenge(), recoveryCode=new[0])

    def test_without_a_factor_there_are_none(self):
        with refused(self, "failed_precondition"):
            Owner(world).factor("ReplaceRecoveryCodes")


class Removing(unittest.TestCase):
    def test_the_app(self):
        owner = Owner(world)
        owner.set_up_app()
        owner.factor("RemoveTotp")
        self.assertIn("session", owner.sign_in())
        self.assertEqual((owner.count("totp_secrets"), owner.count("recovery_codes")), (0, 0))
        owner.factor("RemoveTotp")

    def test_a_sign_in_that_waits_for_its_code_fails(self):
        owner = Owner(world)
        app = owner.set_up_app()
        challenge = owner.challenge()
        owner.factor("RemoveTotp")
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            owner.complete(challenge, totpCode=app.code())

    def test_the_app_beside_a_passkey_leaves_the_recovery_codes(self):
        owner = Owner(world)
        owner.set_up_app()
        owner.add_passkey()
        owner.factor("RemoveTotp")
        challenge = owner.challenge()
        self.assertNotIn("totp", challenge)
        owner.complete(challenge, recoveryCode=owner.codes[0])


class Strangers(unittest.TestCase):
    def test_the_service_is_for_who_is_signed_in(self):
        for method in ("StepUp", "StartStepUp", "StartTotp", "FinishTotp", "RemoveTotp",
                       "ReplaceRecoveryCodes", "StartPasskey", "FinishPasskey", "RenamePasskey",
                       "RemovePasskey"):
            with refused(self, "unauthenticated"):
                Api(world.server).call(FACTOR + method)

    def test_a_challenge_is_no_access_token(self):
        owner = Owner(world)
        owner.set_up_app()
        token = Api(world.server).call(SIGN_IN, {"login": owner.name, "password": PASSWORD})[
            "secondFactor"]["token"]
        with refused(self, "unauthenticated"):
            Api(world.server, token).call(GET_SESSION)


if __name__ == "__main__":
    unittest.main()
