"""Passwords and addresses: what is accepted, who gets in with what, at which pace, and what others
learn of it."""

import base64
import concurrent.futures
import os
import unittest
import uuid

from harness import (GET_SESSION, PASSWORD, REGISTER, SIGN_IN, VERIFY_EMAIL, Api, Player, RpcError,
                     World, eventually, unique)

GET_SECURITY = "account.v1.AccountService/GetSecurity"
CHANGE_PASSWORD = "account.v1.AccountService/ChangePassword"
CHANGE_EMAIL = "account.v1.AccountService/ChangeEmail"
RESEND = "account.v1.AccountService/ResendVerification"
LIST_NOTIFICATIONS = "notification.v1.NotificationService/ListNotifications"
APPEAL_BAN = "moderation.v1.ModerationService/AppealBan"
VERIFY = "Confirm your e-mail address"
IN_USE = "Your e-mail address was named again"
OTHER = "quite another battery"
world = None


def setUpModule():
    global world
    world = World("credentials", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def refused(call, *words, **more):
    """The error of a call that has to fail."""
    try:
        call(*words, **more)
    except RpcError as error:
        return error
    raise AssertionError("the call was not refused")


def register(name=None, email=None, password=PASSWORD, server=None):
    name = name or unique("cred")
    return Api(server or world.server).call(REGISTER, {
        "userName": name, "email": email or f"{name}@example.org", "password": password})["session"]


def sign_in(login, password=PASSWORD, server=None):
    return Api(server or world.server).call(SIGN_IN, {"login": login, "password": password})


def said(error, detail_type):
    """The bytes of an error's details of a type."""
    return b"".join(base64.b64decode(detail["value"] + "==") for detail in error.details
                    if detail["type"] == detail_type)


class Rules(unittest.TestCase):
    def test_what_is_refused(self):
        name = unique("ruled")
        for password in ("password", "PASSWORD1", "p4ssw0rd", "iloveyou!", "1234567890", "qwertyuiop",
                         "aaaaaaaaaaaa", "abcdefghij", "98765432", "Sunshine2024", "!!dragon99!!",
                         name, name.upper(), name + "1!", name[::-1], name + name,
                         f"{name}@example.org", f"{name}@EXAMPLE.org!", "waystone1", "W4yst0ne!"):
            with self.subTest(password=password):
                error = refused(register, name, password=password)
                self.assertEqual(error.code, "invalid_argument")
                self.assertIn(b"password", said(error, "google.rpc.BadRequest"))
        self.assertEqual(world.psql(f"SELECT count(*) FROM accounts WHERE user_name = '{name}'"), "0")

    def test_what_is_accepted(self):
        for password in ("hq7#kd0x", "correct horse battery", "        x       ", "пароль-на-скале",
                         "密码在石头下面藏着呢", "x" * 3 + "y" * 125, "🔥🗿🔥🗿🔥🗿🗿🔥"):
            with self.subTest(password=password):
                name = unique("fine")
                register(name, password=password)
                sign_in(name, password)
                self.assertEqual(refused(sign_in, name, password + "!" if len(password) < 128
                                         else password[:-1]).code, "unauthenticated")

    def test_length(self):
        for password in ("hq7#kd0", "z1" * 65):
            self.assertEqual(refused(register, password=password).code, "invalid_argument")

    def test_the_same_characters_typed_otherwise(self):
        """One keyboard writes é as one character, another as two."""
        name = unique("accent")
        register(name, password="caf\u00e9 au soleil")
        sign_in(name, "cafe\u0301 au soleil")
        sign_in(name, "ｃａｆé au soleil")

    def test_hash_is_renewed_when_parameters_were_raised(self):
        name = unique("raised")
        register(name)
        query = f"SELECT substr(password_hash, 1, 30) FROM accounts WHERE user_name = '{name}'"
        self.assertEqual(world.psql(query), "$argon2id$v=19$m=19456,t=2,p=1")
        late = world.add_server(http__loops=1, auth__argon2_passes=3, auth__argon2_memory_kib=20480)
        self.assertEqual(refused(sign_in, name, "wrong horse", late).code, "unauthenticated")
        self.assertEqual(world.psql(query), "$argon2id$v=19$m=19456,t=2,p=1")
        sign_in(name, server=late)
        self.assertEqual(world.psql(query), "$argon2id$v=19$m=20480,t=3,p=1")
        sign_in(name)
        late.stop()


class Addresses(unittest.TestCase):
    def verify(self, address, after=0):
        return Api(world.server).call(VERIFY_EMAIL, {
            "token": world.mail_to(address, VERIFY, after).token})["email"]

    def test_verification(self):
        name = unique("verify")
        session = register(name)
        api = Api(world.server, session["accessToken"])
        self.assertNotIn("emailVerified", session["account"])
        self.assertEqual(self.verify(f"{name}@example.org"), f"{name}@example.org")
        self.assertTrue(api.call(GET_SESSION)["account"]["emailVerified"])
        self.assertTrue(sign_in(name)["session"]["account"]["emailVerified"])

    def test_a_token_works_once_and_not_late(self):
        name = unique("once")
        register(name)
        token = world.mail_to(f"{name}@example.org", VERIFY).token
        Api(world.server).call(VERIFY_EMAIL, {"token": token})
        for wrong in (token, token[:-1] + ("A" if token[-1] != "A" else "B"), "x"):
            error = refused(Api(world.server).call, VERIFY_EMAIL, {"token": wrong})
            self.assertEqual(error.code, "failed_precondition")
            self.assertIn(b"TOKEN_NOT_USABLE", said(error, "google.rpc.ErrorInfo"))
        late = unique("late")
        register(late)
        token = world.mail_to(f"{late}@example.org", VERIFY).token
        world.psql("UPDATE account_tokens SET expires_at = now() - interval '1 second' "
                   f"WHERE email = '{late}@example.org'")
        self.assertEqual(refused(Api(world.server).call, VERIFY_EMAIL, {"token": token}).code,
                         "failed_precondition")

    def test_tokens_are_nowhere_in_the_database(self):
        name = unique("nowhere")
        register(name)
        token = world.mail_to(f"{name}@example.org", VERIFY).token
        dump = world.psql("SELECT string_agg(t::text, ' ') FROM account_tokens t")
        self.assertIn(f"{name}@example.org", dump)
        self.assertNotIn(token, dump)

    def test_a_token_is_used_by_one_of_many(self):
        name = unique("many")
        register(name)
        token = world.mail_to(f"{name}@example.org", VERIFY).token

        def use(server):
            try:
                return Api(server).call(VERIFY_EMAIL, {"token": token})["email"]
            except RpcError as error:
                return error.code

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(use, world.servers[:2] * 4))
        self.assertEqual(sorted(answers), ["failed_precondition"] * 7 + [f"{name}@example.org"])

    def test_an_address_with_an_account_answers_the_same(self):
        owner, second, address = unique("owner"), unique("second"), f"{unique('shared')}@example.org"
        first = register(owner, address)
        self.verify(address)
        again = register(second, address.upper())
        self.assertEqual(set(first), set(again))
        self.assertEqual(set(first["account"]), set(again["account"]))
        mail = world.mail_to(address, IN_USE)
        self.assertIn(second, mail.text)
        self.assertNotIn("token", mail.text)
        self.assertEqual(len([m for m in world.mails(address) if m.subject == VERIFY]), 1)
        self.assertEqual(sign_in(address)["session"]["account"]["userName"], owner)
        api = Api(world.server, again["accessToken"])
        self.assertEqual(api.call(RESEND)["email"], address.upper())
        world.mail_to(address, IN_USE, after=1)

    def test_who_verifies_first_has_it(self):
        address = f"{unique('race')}@example.org"
        first, second = unique("one"), unique("two")
        register(first, address)
        token = world.mail_to(address, VERIFY).token
        register(second, address)
        later = world.mail_to(address, VERIFY, after=1).token
        Api(world.server).call(VERIFY_EMAIL, {"token": later})
        error = refused(Api(world.server).call, VERIFY_EMAIL, {"token": token})
        self.assertEqual(error.code, "failed_precondition")
        self.assertIn(b"EMAIL_TAKEN", said(error, "google.rpc.ErrorInfo"))
        self.assertEqual(sign_in(address)["session"]["account"]["userName"], second)

    def test_sign_in_by_address(self):
        """The only one that named it, or the one that verified it."""
        address = f"{unique('sole')}@example.org"
        register(unique("sole"), address)
        sign_in(address.upper())
        register(unique("sole"), address)
        error = refused(sign_in, address)
        self.assertEqual((error.code, error.message), ("unauthenticated", "wrong name or password"))
        self.verify(address, after=1)
        sign_in(address)

    def test_change(self):
        name, other = unique("move"), f"{unique('moved')}@example.org"
        api = Api(world.server, register(name)["accessToken"])
        old = f"{name}@example.org"
        self.verify(old)
        key = str(uuid.uuid4())
        for _ in range(2):  # the second is a repetition
            api.call(CHANGE_EMAIL, {"email": other, "idempotencyKey": key})
        self.assertEqual(api.call(GET_SECURITY)["pendingEmail"], other)
        self.assertEqual(api.call(GET_SESSION)["account"]["email"], old)
        self.assertIn(other, world.mail_to(old, "Another e-mail address").text)
        self.assertEqual(len(world.mails(other)), 1)
        self.assertEqual(self.verify(other), other)
        account = api.call(GET_SESSION)["account"]
        self.assertEqual((account["email"], account["emailVerified"]), (other, True))
        self.assertNotIn("pendingEmail", api.call(GET_SECURITY))
        world.mail_to(old, "Your account has another e-mail address")
        self.assertEqual(refused(sign_in, old).code, "unauthenticated")
        self.assertEqual(refused(api.call, CHANGE_EMAIL, {"email": other.upper()}).code,
                         "invalid_argument")
        error = refused(api.call, CHANGE_EMAIL, {"email": old, "idempotencyKey": key})
        self.assertEqual(error.code, "failed_precondition")

    def test_asking_again_replaces_the_token(self):
        name = unique("again")
        api = Api(world.server, register(name)["accessToken"])
        address = f"{name}@example.org"
        first = world.mail_to(address, VERIFY).token
        self.assertEqual(api.call(RESEND)["email"], address)
        second = world.mail_to(address, VERIFY, after=1).token
        self.assertEqual(refused(Api(world.server).call, VERIFY_EMAIL, {"token": first}).code,
                         "failed_precondition")
        Api(world.server).call(VERIFY_EMAIL, {"token": second})
        self.assertEqual(refused(api.call, RESEND).code, "failed_precondition")


class Changing(unittest.TestCase):
    def test_password(self):
        name = unique("change")
        session = register(name)
        api = Api(world.server, session["accessToken"])
        Api(world.server).call(VERIFY_EMAIL, {
            "token": world.mail_to(f"{name}@example.org", VERIFY).token})
        others = [Api(world.servers[1], sign_in(name)["session"]["accessToken"]) for _ in range(2)]
        self.assertEqual(api.call(CHANGE_PASSWORD, {"newPassword": OTHER})["sessionsEnded"], 2)
        api.call(GET_SESSION)
        for other in others:
            self.assertTrue(eventually(
                lambda api=other: refused_code(api, GET_SESSION) == "unauthenticated", 3))
        self.assertEqual(refused(sign_in, name).code, "unauthenticated")
        sign_in(name, OTHER)
        world.mail_to(f"{name}@example.org", "Your password was changed")
        self.assertTrue(eventually(lambda: [
            n["kind"] for n in api.call(LIST_NOTIFICATIONS).get("notifications", [])
        ] == ["NOTIFICATION_KIND_SECURITY"]))
        self.assertIn("passwordChangedAt", api.call(GET_SECURITY))

    def test_rules_hold_here_too(self):
        name = unique("ruled")
        api = Api(world.server, register(name)["accessToken"])
        for password in ("password1", name + "99", f"{name}@example.org"):
            self.assertEqual(refused(api.call, CHANGE_PASSWORD, {"newPassword": password}).code,
                             "invalid_argument")
        sign_in(name)

    def test_repetitions(self):
        name, key = unique("repeat"), str(uuid.uuid4())
        api = Api(world.server, register(name)["accessToken"])
        first = api.call(CHANGE_PASSWORD, {"newPassword": OTHER, "idempotencyKey": key})
        sign_in(name, OTHER)
        again = api.call(CHANGE_PASSWORD, {"newPassword": OTHER, "idempotencyKey": key})
        self.assertEqual(first, again, "the session since then was not ended")
        error = refused(api.call, CHANGE_PASSWORD, {"newPassword": OTHER + "!",
                                                    "idempotencyKey": key})
        self.assertEqual(error.code, "failed_precondition")
        sign_in(name, OTHER)

    def test_a_sign_in_with_the_old_password_does_not_outlive_a_change(self):
        """Sign-ins that are under way when it changes: each is ended, or refused."""
        name = unique("overlap")
        api = Api(world.server, register(name)["accessToken"])

        def enter(i):
            try:
                return sign_in(name, server=world.servers[i % 2])["session"]["accessToken"]
            except RpcError as error:
                assert error.code == "unauthenticated", error
                return None

        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            entering = [pool.submit(enter, i) for i in range(16)]
            api.call(CHANGE_PASSWORD, {"newPassword": OTHER})
            tokens = [future.result() for future in entering]
        for token in filter(None, tokens):
            self.assertTrue(eventually(
                lambda token=token: refused_code(Api(world.server, token), GET_SESSION)
                == "unauthenticated", 3))


def refused_code(api, method):
    try:
        api.call(method)
        return None
    except RpcError as error:
        return error.code


class Pace(unittest.TestCase):
    """Ten tries for a name from one address, then one every 90 s; known and unknown alike."""

    @classmethod
    def setUpClass(cls):
        cls.world = World("credentials-pace", http__loops=1, rpc__rate_scale=1)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def tries(self, login, count, method=SIGN_IN, **more):
        codes, last = [], None
        for _ in range(count):
            last = refused(Api(self.world.server).call, method,
                           {"login": login, "password": "wrong horse", **more})
            codes.append(last.code)
        return codes, last

    def test_known_and_unknown(self):
        name = unique("paced")
        register(name, server=self.world.server)
        answers = []
        for login in (name, unique("nobody"), f"{name}@example.org", f"{unique('no')}@example.org"):
            codes, last = self.tries(login, 12)
            self.assertEqual(codes, ["unauthenticated"] * 10 + ["resource_exhausted"] * 2)
            answers.append(last.message)
        self.assertTrue(all(a.startswith("too many tries for this name") for a in answers), answers)
        error = refused(Api(self.world.server).call, SIGN_IN, {"login": name.upper(),
                                                               "password": PASSWORD})
        self.assertEqual(error.code, "resource_exhausted", "case is no way around it")
        kelvin = name.replace("k", "\u212a")
        self.assertEqual(refused(Api(self.world.server).call, SIGN_IN, {
            "login": kelvin + "\u212a", "password": PASSWORD}).code, "unauthenticated")

    def test_it_tells_when_to_come_back(self):
        login = unique("retry")
        self.tries(login, 10)
        status, headers, _ = Api(self.world.server).request(
            "POST", f"/waystone.{SIGN_IN}",
            '{"login":"%s","password":"wrong horse"}' % login, {"Content-Type": "application/json"})
        self.assertEqual(status, 429)
        self.assertTrue(60 <= int(headers["retry-after"]) <= 90, headers["retry-after"])

    def test_appeals_share_the_budget(self):
        login = unique("appeal")
        self.tries(login, 6)
        codes, _ = self.tries(login, 6, APPEAL_BAN, text="Let me in")
        self.assertEqual(codes, ["unauthenticated"] * 4 + ["resource_exhausted"] * 2)

    def test_mails_to_an_address(self):
        address = f"{unique('flood')}@example.org"
        codes = []
        for _ in range(7):
            try:
                Api(self.world.server).call("auth.v1.AuthService/StartRecovery", {"email": address})
                codes.append("ok")
            except RpcError as error:
                codes.append(error.code)
        self.assertEqual(codes, ["ok"] * 5 + ["resource_exhausted"] * 2)


class Storm(unittest.TestCase):
    def test_a_full_queue_is_told_at_once(self):
        """With one thread and one place, of many at once most are told to come back."""
        small = world.add_server(http__loops=1, auth__hashing_threads=1, auth__hashing_queue=1,
                                 auth__argon2_passes=10)
        names = [unique("storm") for _ in range(12)]

        def enter(name):
            status, headers, _ = Api(small).request(
                "POST", f"/waystone.{SIGN_IN}", '{"login":"%s","password":"wrong horse"}' % name,
                {"Content-Type": "application/json"})
            return status, headers.get("retry-after")

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = set(pool.map(enter, names))
        self.assertEqual(answers, {(401, None), (429, "1")})
        small.stop()


class Secrets(unittest.TestCase):
    def test_nothing_of_it_is_logged(self):
        loud = world.add_server(http__loops=1, log__level="debug")
        name, password = unique("quiet"), "very secret battery " + os.urandom(4).hex()
        session = register(name, password=password, server=loud)
        sign_in(name, password, loud)
        refused(sign_in, name, password + "?", loud)
        token = world.mail_to(f"{name}@example.org", VERIFY).token
        Api(loud).call(VERIFY_EMAIL, {"token": token})
        loud.stop()
        log = loud.log_path.read_text(encoding="utf-8")
        self.assertIn("AuthService/SignIn", log)
        for secret in (password, token, session["accessToken"], session["refreshToken"], "$argon2"):
            self.assertNotIn(secret, log)


class Everybody(unittest.TestCase):
    def test_players_have_a_password(self):
        answer = Player(world.server).api.call(GET_SECURITY)
        self.assertTrue(answer["hasPassword"])
        self.assertIn("steppedUpUntil", answer)


if __name__ == "__main__":
    unittest.main()
