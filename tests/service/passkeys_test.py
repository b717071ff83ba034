"""Passkeys: adding, signing in, as a second factor, and every answer that must not count."""

import json
import os
import unittest

from authenticator import (BACKED_UP, EDDSA, ELIGIBLE, ES256, EXTENSIONS, PRESENT, RS256, VERIFIED,
                           Passkey, cbor, from_base64url)
from harness import GET_SESSION, Api, World
from proving import AUTH, ORIGIN, OTHER_ORIGIN, RP_ID, SITE, Owner, refused

START, FINISH = AUTH + "StartPasskeySignIn", AUTH + "FinishPasskeySignIn"
world = None


def setUpModule():
    global world
    world = World("passkeys", servers=2, http__loops=1, **SITE)


def tearDownModule():
    world.close()


def start():
    return Api(world.server).call(START)


def finish(started, answer, server=None, **more):
    return Api(server or world.server).call(FINISH, {
        "challengeToken": started["challengeToken"], "passkey": answer, **more})["session"]


def sign_in(passkey, **changes):
    started = start()
    return finish(started, passkey.get(started["passkeyOptions"], **changes))


class Adding(unittest.TestCase):
    def test_what_the_browser_is_asked(self):
        owner = Owner(world)
        started = owner.factor("StartPasskey")
        options = json.loads(started["passkeyOptions"])
        self.assertEqual(options["rp"], {"id": RP_ID, "name": "Waystone"})
        self.assertEqual((options["user"]["name"], options["user"]["displayName"]),
                         (owner.name, owner.name))
        self.assertEqual(len(from_base64url(options["user"]["id"])), 32)
        self.assertEqual(options["challenge"], started["challengeToken"])
        self.assertEqual(len(from_base64url(options["challenge"])), 32)
        self.assertEqual([kind["alg"] for kind in options["pubKeyCredParams"]],
                         [ES256, EDDSA, RS256])
        self.assertEqual(options["authenticatorSelection"],
                         {"residentKey": "required", "requireResidentKey": True,
                          "userVerification": "required"})
        self.assertEqual((options["attestation"], options["timeout"]), ("none", 300000))
        self.assertEqual(options["excludeCredentials"], [])

    def test_an_account_keeps_its_handle_and_excludes_what_it_has(self):
        owner = Owner(world)
        passkey = owner.add_passkey()
        options = json.loads(owner.factor("StartPasskey")["passkeyOptions"])
        self.assertEqual(from_base64url(options["user"]["id"]), passkey.user_handle)
        self.assertEqual([from_base64url(one["id"]) for one in options["excludeCredentials"]],
                         [passkey.id])
        self.assertNotEqual(Owner(world).add_passkey().user_handle, passkey.user_handle)

    def test_every_algorithm(self):
        for algorithm in (ES256, EDDSA, RS256):
            with self.subTest(algorithm):
                owner = Owner(world)
                passkey = owner.add_passkey("one", Passkey(ORIGIN, algorithm))
                self.assertEqual(passkey.told["passkey"]["name"], "one")
                self.assertIn("createdAt", passkey.told["passkey"])
                session = sign_in(passkey)
                self.assertEqual(int(session["account"]["id"]), owner.id)

    def test_either_origin(self):
        owner = Owner(world)
        sign_in(owner.add_passkey(passkey=Passkey(OTHER_ORIGIN)))

    def test_the_first_factor_brings_recovery_codes_and_the_second_none(self):
        owner = Owner(world)
        self.assertEqual(len(owner.add_passkey().told["recoveryCodes"]), 10)
        self.assertNotIn("recoveryCodes", owner.add_passkey().told)
        other = Owner(world)
        other.set_up_app()
        self.assertNotIn("recoveryCodes", other.add_passkey().told)

    def test_any_attestation_is_taken_and_not_judged(self):
        statement = {"alg": ES256, "sig": b"whatever", "x5c": [b"no certificate"]}
        passkey = Owner(world).add_passkey(passkey=Passkey(ORIGIN), fmt="packed",
                                           statement=statement)
        sign_in(passkey)

    def test_extensions_are_passed_over(self):
        passkey = Passkey(ORIGIN, flags=PRESENT | VERIFIED | EXTENSIONS)
        Owner(world).add_passkey(passkey=passkey, tail=cbor({"credProtect": 2}))
        sign_in(passkey, tail=cbor({"hmac-secret": b"x"}))

    def test_a_synced_one_says_so(self):
        owner = Owner(world)
        flags = PRESENT | VERIFIED | ELIGIBLE
        passkey = owner.add_passkey(passkey=Passkey(ORIGIN, flags=flags | BACKED_UP))
        self.assertTrue(passkey.told["passkey"]["synced"])
        sign_in(passkey, flags=flags)
        self.assertEqual(owner.count("passkeys", "synced"), 0)
        sign_in(passkey)
        self.assertEqual(owner.count("passkeys", "synced AND last_used_at IS NOT NULL"), 1)

    def test_answers_that_do_not_hold(self):
        small = Passkey(ORIGIN, RS256, bits=1024)
        es256 = Passkey(ORIGIN).key.public()
        for what, passkey, changes in (
                ("another origin", Passkey("https://play.example.evil.example"), {}),
                ("no scheme", Passkey("play.example"), {}),
                ("HTTP", Passkey("http://play.example"), {}),
                ("another port", Passkey("https://play.example:444"), {}),
                ("another site", Passkey(ORIGIN), {"rp_id": "example"}),
                ("another type", Passkey(ORIGIN), {"type": "webauthn.get"}),
                ("another challenge", Passkey(ORIGIN), {"challenge": "A" * 43}),
                ("a frame", Passkey(ORIGIN), {"crossOrigin": True}),
                ("a frame of", Passkey(ORIGIN), {"topOrigin": "https://evil.example"}),
                ("nobody present", Passkey(ORIGIN), {"flags": VERIFIED}),
                ("nobody verified", Passkey(ORIGIN), {"flags": PRESENT}),
                ("backed up, not eligible", Passkey(ORIGIN),
                 {"flags": PRESENT | VERIFIED | BACKED_UP}),
                ("extensions that are not there", Passkey(ORIGIN),
                 {"flags": PRESENT | VERIFIED | EXTENSIONS}),
                ("something behind", Passkey(ORIGIN), {"tail": b"\0"}),
                ("a statement of none", Passkey(ORIGIN), {"statement": {"x": 1}}),
                ("a short RSA key", small, {}),
                ("no point of the curve", Passkey(ORIGIN),
                 {"public": {**es256, -2: bytes(32), -3: bytes(32)}}),
                ("another curve", Passkey(ORIGIN), {"public": {**es256, -1: 2}}),
                ("another algorithm", Passkey(ORIGIN), {"public": {**es256, 3: -35}}),
                ("no key", Passkey(ORIGIN), {"public": {}}),
                ("an id that is too long", Passkey(ORIGIN), {"credential_id": bytes(1024)}),
                ("an empty id", Passkey(ORIGIN), {"credential_id": b""})):
            owner = Owner(world)
            with self.subTest(what), refused(self, "permission_denied", "WRONG_PROOF"):
                owner.add_passkey(passkey=passkey, **changes)
            self.assertEqual((owner.count("passkeys"), owner.count("recovery_codes")), (0, 0))

    def test_rubbish(self):
        owner = Owner(world)
        for client, attestation in (("eA==", "eA=="), ("e30=", "oA=="), ("/w==", "/w==")):
            token = owner.factor("StartPasskey")["challengeToken"]
            with refused(self, "permission_denied", "WRONG_PROOF"):
                owner.factor("FinishPasskey", challengeToken=token, name="key",
                             clientDataJson=client, attestationObject=attestation)

    def test_a_challenge_is_answered_once_whichever_way(self):
        owner = Owner(world)
        started, key = owner.factor("StartPasskey"), Passkey(ORIGIN)
        good = {"challengeToken": started["challengeToken"], "name": "key",
                **key.create(started["passkeyOptions"])}
        with refused(self, "permission_denied", "WRONG_PROOF"):
            owner.factor("FinishPasskey", **{**good, "attestationObject": "oA=="})
        with refused(self, "failed_precondition", "CHALLENGE_GONE"):
            owner.factor("FinishPasskey", **good)

    def test_a_challenge_of_another_session(self):
        owner, other = Owner(world), Owner(world)
        started = other.factor("StartPasskey")
        with refused(self, "failed_precondition", "CHALLENGE_GONE"):
            owner.factor("FinishPasskey", challengeToken=started["challengeToken"], name="key",
                         **Passkey(ORIGIN).create(started["passkeyOptions"]))

    def test_one_that_is_an_accounts_already(self):
        owner, other = Owner(world), Owner(world)
        passkey = owner.add_passkey()
        for again in (owner, other):
            copy = Passkey(ORIGIN)
            copy.id = passkey.id
            with refused(self, "already_exists"):
                again.add_passkey(passkey=copy)
        self.assertEqual((owner.count("passkeys"), other.count("passkeys")), (1, 0))

    def test_at_most_twenty(self):
        owner = Owner(world)
        started = owner.factor("StartPasskey")
        world.psql("INSERT INTO passkeys (account_id, credential_id, algorithm, public_key, "
                   "sign_count, backup_eligible, synced, name) "
                   f"SELECT {owner.id}, sha256(convert_to('{owner.id}/' || i, 'UTF8')), -7, '', "
                   "0, false, false, 'key' FROM generate_series(1, 20) AS i")
        with refused(self, "resource_exhausted"):
            owner.factor("StartPasskey")
        with refused(self, "resource_exhausted"):
            owner.factor("FinishPasskey", challengeToken=started["challengeToken"], name="key",
                         **Passkey(ORIGIN).create(started["passkeyOptions"]))

    def test_names_that_are_none(self):
        owner = Owner(world)
        for name in ("", "x" * 65):
            with refused(self, "invalid_argument"):
                owner.add_passkey(name)


class SigningIn(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.passkey = self.owner.add_passkey()

    def test_what_the_browser_is_asked_names_nobody(self):
        started = start()
        self.assertEqual(json.loads(started["passkeyOptions"]),
                         {"challenge": started["challengeToken"], "timeout": 300000,
                          "rpId": RP_ID, "allowCredentials": [], "userVerification": "required"})

    def test_it_opens_a_session_without_a_password(self):
        session = sign_in(self.passkey)
        answer = Api(world.server, session["accessToken"]).call(GET_SESSION)
        self.assertEqual(int(answer["account"]["id"]), self.owner.id)
        self.assertEqual(world.psql(f"SELECT means FROM sessions WHERE id = {session['id']}"), "4")

    def test_it_needs_no_second_factor(self):
        self.owner.set_up_app()
        self.assertIn("accessToken", sign_in(self.passkey))

    def test_at_another_server(self):
        started = start()
        finish(started, self.passkey.get(started["passkeyOptions"]), world.servers[1])

    def test_each_opens_its_owners_account(self):
        other = Owner(world)
        self.assertEqual(int(sign_in(other.add_passkey())["account"]["id"]), other.id)
        self.assertEqual(int(sign_in(self.passkey)["account"]["id"]), self.owner.id)

    def test_answers_that_do_not_hold(self):
        other = Owner(world).add_passkey()
        for what, changes in (
                ("another origin", {"origin": "https://evil.example"}),
                ("a longer origin", {"origin": ORIGIN + ".evil.example"}),
                ("another site", {"rp_id": "evil.example"}),
                ("another type", {"type": "webauthn.create"}),
                ("another challenge", {"challenge": "A" * 43}),
                ("a frame", {"crossOrigin": True}),
                ("nobody present", {"flags": VERIFIED}),
                ("nobody verified", {"flags": PRESENT}),
                ("another kind of key", {"flags": PRESENT | VERIFIED | ELIGIBLE}),
                ("no owner", {"user_handle": b""}),
                ("another owner", {"user_handle": other.user_handle}),
                ("a longer owner", {"user_handle": self.passkey.user_handle + b"x"}),
                ("something behind", {"tail": b"\0"}),
                ("no signature", {"signature": b"\0"}),
                ("a signature of nothing", {"signature": self.passkey.key.sign(b"")})):
            with self.subTest(what), refused(self, "unauthenticated", "WRONG_PROOF"):
                sign_in(self.passkey, **changes)
        sign_in(self.passkey)

    def test_another_key_under_its_id(self):
        thief = Passkey(ORIGIN)
        thief.id, thief.rp_id = self.passkey.id, RP_ID
        thief.user_handle = self.passkey.user_handle
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            sign_in(thief)

    def test_one_that_nobody_has(self):
        stranger = Passkey(ORIGIN)
        stranger.rp_id, stranger.user_handle = RP_ID, os.urandom(32)
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            sign_in(stranger)

    def test_an_answer_works_once(self):
        started = start()
        answer = self.passkey.get(started["passkeyOptions"])
        finish(started, answer)
        with refused(self, "unauthenticated", "CHALLENGE_GONE"):
            finish(started, answer)
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            finish(start(), answer)

    def test_a_wrong_answer_uses_the_challenge_up(self):
        started = start()
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            finish(started, self.passkey.get(started["passkeyOptions"], signature=b"x"))
        with refused(self, "unauthenticated", "CHALLENGE_GONE"):
            finish(started, self.passkey.get(started["passkeyOptions"]))

    def test_challenges_of_something_else(self):
        adding = self.owner.factor("StartPasskey")
        step_up = self.owner.factor("StartStepUp")
        second = self.owner.challenge()
        second = {"challengeToken": second["token"], "passkeyOptions": second["passkeyOptions"]}
        for started in (adding, step_up, second):
            with refused(self, "unauthenticated", "CHALLENGE_GONE"):
                finish(started, self.passkey.get(started["passkeyOptions"]))

    def test_a_challenge_that_is_over(self):
        started = start()
        world.psql("UPDATE challenges SET expires_at = now() - interval '1 second'")
        with refused(self, "unauthenticated", "CHALLENGE_GONE"):
            finish(started, self.passkey.get(started["passkeyOptions"]))

    def test_who_is_banned_is_told_so(self):
        self.owner.ban()
        with refused(self, "failed_precondition", "BANNED"):
            sign_in(self.passkey)

    def test_answers_that_are_none(self):
        answer = self.passkey.get(start()["passkeyOptions"])
        for name, value in (("credentialId", ""), ("clientDataJson", ""), ("signature", ""),
                            ("authenticatorData", "eA=="), ("userHandle", "A" * 88)):
            with self.subTest(name), refused(self, "invalid_argument"):
                finish(start(), {**answer, name: value})


class Counting(unittest.TestCase):
    def test_a_counter_goes_on(self):
        passkey = Owner(world).add_passkey(passkey=Passkey(ORIGIN, counts=True))
        for _ in range(3):
            sign_in(passkey)

    def test_a_copy_is_found_out(self):
        passkey = Owner(world).add_passkey(passkey=Passkey(ORIGIN, counts=True))
        sign_in(passkey)
        passkey.count -= 1  # the copy made from the state before
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            sign_in(passkey)
        passkey.count = -1
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            sign_in(passkey)

    def test_a_counter_may_begin_late(self):
        passkey = Owner(world).add_passkey()
        sign_in(passkey)
        passkey.counts = True
        sign_in(passkey)
        passkey.counts, passkey.count = False, 0
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            sign_in(passkey)


class AsSecondFactor(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.passkey = self.owner.add_passkey()

    def test_it_is_asked_for(self):
        second = self.owner.add_passkey("second")
        challenge = self.owner.challenge()
        self.assertNotIn("totp", challenge)
        options = json.loads(challenge["passkeyOptions"])
        self.assertEqual([from_base64url(one["id"]) for one in options["allowCredentials"]],
                         [self.passkey.id, second.id])
        self.assertEqual(options["challenge"], challenge["token"])

    def test_it_opens_the_session(self):
        for handle in (None, b""):
            challenge = self.owner.challenge()
            session = self.owner.complete(challenge, passkey=self.passkey.get(
                challenge["passkeyOptions"], user_handle=handle))
            means = world.psql(f"SELECT means FROM sessions WHERE id = {session['id']}")
            self.assertEqual(means, "3")

    def test_a_recovery_code_will_do(self):
        self.owner.complete(self.owner.challenge(), recoveryCode=self.owner.codes[0])

    def test_somebody_elses(self):
        key = Owner(world).add_passkey()
        challenge = self.owner.challenge()
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(challenge, passkey=key.get(challenge["passkeyOptions"]))

    def test_an_answer_to_another_challenge(self):
        first, second = self.owner.challenge(), self.owner.challenge()
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            self.owner.complete(first, passkey=self.passkey.get(second["passkeyOptions"]))

    def test_who_guessed_codes_is_forgiven_by_a_passkey(self):
        app = self.owner.set_up_app()
        world.psql("UPDATE totp_secrets SET failures = 100, failed_at = now() "
                   f"WHERE account_id = {self.owner.id}")
        sign_in(self.passkey)
        self.owner.complete(self.owner.challenge(), totpCode=app.code())


class LookingAfter(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.passkey = self.owner.add_passkey("phone")

    def name(self):
        return world.psql(f"SELECT name FROM passkeys WHERE id = {self.passkey.number}")

    def test_renaming(self):
        self.owner.factor("RenamePasskey", passkeyId=self.passkey.number, name="old phone")
        self.assertEqual(self.name(), "old phone")

    def test_renaming_somebody_elses(self):
        with refused(self, "not_found"):
            Owner(world).factor("RenamePasskey", passkeyId=self.passkey.number, name="mine")
        self.assertEqual(self.name(), "phone")

    def test_removing(self):
        self.owner.factor("RemovePasskey", passkeyId=self.passkey.number)
        with refused(self, "unauthenticated", "WRONG_PROOF"):
            sign_in(self.passkey)
        self.assertIn("session", self.owner.sign_in())
        self.assertEqual(self.owner.count("recovery_codes"), 0)
        self.owner.factor("RemovePasskey", passkeyId=self.passkey.number)

    def test_removing_one_of_two_leaves_the_recovery_codes(self):
        self.owner.add_passkey("second")
        self.owner.factor("RemovePasskey", passkeyId=self.passkey.number)
        self.assertIn("secondFactor", self.owner.sign_in())
        self.assertEqual(self.owner.count("recovery_codes"), 10)

    def test_the_last_one_stays_if_nothing_else_opens_the_account(self):
        world.psql(f"UPDATE accounts SET password_hash = NULL WHERE id = {self.owner.id}")
        second = self.owner.add_passkey("second")
        self.owner.factor("RemovePasskey", passkeyId=self.passkey.number)
        with refused(self, "failed_precondition", "LAST_MEANS"):
            self.owner.factor("RemovePasskey", passkeyId=second.number)
        sign_in(second)

    def test_removing_somebody_elses_changes_nothing(self):
        Owner(world).factor("RemovePasskey", passkeyId=self.passkey.number)
        sign_in(self.passkey)

    def test_numbers_that_are_none(self):
        for method, more in (("RenamePasskey", {"name": "x"}), ("RemovePasskey", {})):
            for number in (0, -1):
                with refused(self, "invalid_argument"):
                    self.owner.factor(method, passkeyId=number, **more)


if __name__ == "__main__":
    unittest.main()
