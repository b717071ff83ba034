"""Signing in with OpenID Connect: a real provider, and one that says whatever is wrong."""

import base64
import hashlib
import json
import subprocess
import time
import unittest
import urllib.parse

import certificates
from admin_tool import run_job
from harness import (BINARY, GET_SESSION, HOME, PASSWORD, SIGN_IN, Api, World, eventually, unique)
from identity_providers import (CLIENT, REDIRECT, SECRET, Browser, CrookedProvider, RealProvider,
                                basic, query_of)
from proving import COMPLETE, SITE, Owner, refused
from server_process import free_port

SERVICE = "auth.v1.ProviderService/"
LIST, START, FINISH, REGISTER_WITH = (SERVICE + name for name in (
    "ListProviders", "StartProviderSignIn", "FinishProviderSignIn", "RegisterWithProvider"))
START_LINK, FINISH_LINK, UNLINK = (SERVICE + name for name in (
    "StartProviderLink", "FinishProviderLink", "UnlinkProvider"))
FOLDER = HOME / "identity-providers"
CROOKED = ("honest", "nonce", "token", "keys", "wrong-issuer", "cleartext", "huge-discovery",
           "huge-keys", "slow", "redirect", "form")

world = real = crooked = tls = None


def entry(provider_id, issuer, **more):
    return {"id": provider_id, "name": provider_id.title(), "issuer": issuer, "client_id": CLIENT,
            "client_secret_file": str(FOLDER / "secret"), "redirect_uri": REDIRECT, **more}


def setUpModule():
    global world, real, crooked, tls
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "secret").write_text(SECRET + "\n")
    (FOLDER / "secret").chmod(0o600)
    pair = certificates.ensure_certificate(FOLDER / "keys")
    real = RealProvider("providers-real", free_port())
    crooked = CrookedProvider(free_port())
    tls = CrookedProvider(free_port(), pair)
    public = entry("public", crooked.issuer("public"))
    del public["client_secret_file"]
    (FOLDER / "providers.json").write_text(json.dumps({"providers": [
        entry("real", real.issuer), public,
        *(entry(name, crooked.issuer(name)) for name in CROOKED),
        entry("trusted", tls.issuer("trusted"), ca_file=str(pair[0])),
        entry("stranger", tls.issuer("stranger")),
        entry("nobody", f"http://127.0.0.1:{free_port()}")]}))
    world = World("providers", servers=2, http__loops=1,
                  auth__providers=FOLDER / "providers.json", **SITE)


def tearDownModule():
    crooked.close()
    tls.close()
    real.stop()
    world.close()


# --- ways there and back ---

def go(browser, login, start=START, token=None, **more):
    """There and back: what the browser has in its address then."""
    url = browser.call(start, {"providerId": "real", **more}, token)["authorizationUrl"]
    back = browser.visit(url, login)
    return {"state": back["state"], "code": back["code"], "issuer": back["iss"]}


def sign_in(login, browser=None, **more):
    browser = browser or Browser(world.server)
    return browser.call(FINISH, {**go(browser, login), **more})


def register(login, name=None):
    """A new account of the real provider's. Returns (browser, session)."""
    browser = Browser(world.server)
    newcomer = sign_in(login, browser)["newcomer"]
    return browser, browser.call(REGISTER_WITH, {
        "registrationToken": newcomer["registrationToken"],
        "userName": name or newcomer["suggestedUserName"]})["session"]


def link(owner_token, login):
    browser = Browser(world.server)
    return browser.call(FINISH_LINK, go(browser, login, START_LINK, owner_token), owner_token)


def crooked_finish(name, say=None, browser=None, code="made-up"):
    """A sign-in at a crooked provider, without its page."""
    browser = browser or Browser(world.server)
    url = browser.call(START, {"providerId": name})["authorizationUrl"]
    crooked.says[name] = {"nonce": query_of(url)["nonce"], **(say or {})}
    return browser.call(FINISH, {"state": query_of(url)["state"], "code": code})


class There(unittest.TestCase):
    def test_providers_are_listed_in_the_files_order(self):
        found = Api(world.server).call(LIST)["providers"]
        self.assertEqual([one["id"] for one in found],
                         ["real", "public", *CROOKED, "trusted", "stranger", "nobody"])
        self.assertEqual(found[0]["name"], "Real")

    def test_what_the_browser_is_sent_away_with(self):
        browser = Browser(world.server)
        url = browser.call(START, {"providerId": "honest"})["authorizationUrl"]
        self.assertTrue(url.startswith(crooked.issuer("honest") + "/auth?kept=1&"), url)
        query = query_of(url)
        self.assertEqual((query["response_type"], query["client_id"], query["redirect_uri"],
                          query["scope"], query["code_challenge_method"]),
                         ("code", CLIENT, REDIRECT, "openid email profile", "S256"))
        for name in ("state", "nonce", "code_challenge"):
            self.assertRegex(query[name], "^[A-Za-z0-9_-]{43}$")
        self.assertNotIn(SECRET, urllib.parse.unquote(url))
        again = query_of(browser.call(START, {"providerId": "honest"})["authorizationUrl"])
        self.assertFalse({query[name] for name in ("state", "nonce", "code_challenge")} &
                         {again[name] for name in ("state", "nonce", "code_challenge")})

    def test_the_cookie_is_for_this_service_alone(self):
        browser = Browser(world.server)
        browser.call(START, {"providerId": "honest"})
        value, *attributes = browser.headers["Set-Cookie"].split("; ")
        self.assertRegex(value, "^waystone_provider=[A-Za-z0-9_-]{43}$")
        self.assertEqual(set(attributes), {"Path=/waystone.auth.v1.ProviderService/", "HttpOnly",
                                           "SameSite=Lax", "Max-Age=600"})

    def test_nothing_of_it_is_readable_in_the_database(self):
        browser = Browser(world.server)
        url = browser.call(START, {"providerId": "honest"})["authorizationUrl"]
        cookie = next(iter(browser.cookies)).value
        rows = world.psql("SELECT provider_flows::text, encode(sealed, 'escape') "
                          "FROM provider_flows")
        for secret in (query_of(url)["state"], query_of(url)["nonce"], cookie):
            self.assertNotIn(secret, rows)
            self.assertNotIn(secret.encode().hex(), rows)

    def test_an_unknown_provider(self):
        for method in (START, START_LINK):
            with refused(self, "not_found"):
                Browser(world.server).call(method, {"providerId": "nowhere"}, Owner(world).api.token)


class AndBack(unittest.TestCase):
    def test_a_newcomer_registers_and_is_known_from_then_on(self):
        login = unique("ada")
        newcomer = sign_in(login)["newcomer"]
        self.assertEqual((newcomer["email"], newcomer["suggestedUserName"]),
                         (f"{login}@example.org", login))
        _, session = register(login)
        self.assertEqual(session["account"]["userName"], login)
        self.assertEqual(session["account"]["email"], f"{login}@example.org")
        self.assertNotIn("emailVerified", session["account"])  # by us: not yet
        again = sign_in(login)["session"]
        self.assertEqual(again["account"]["id"], session["account"]["id"])
        self.assertNotEqual(again["id"], session["id"])
        api = Api(world.servers[1], again["accessToken"])
        self.assertEqual(api.call(GET_SESSION)["account"]["userName"], login)

    def test_an_address_that_the_provider_does_not_vouch_for_is_nothing(self):
        login = unique("un")
        newcomer = sign_in(login)["newcomer"]
        self.assertNotIn("email", newcomer)
        _, session = register(login)
        self.assertNotIn("email", session["account"])

    def test_an_address_joins_no_account(self):
        owner = Owner(world)
        world.psql(f"UPDATE accounts SET email_verified_at = now() WHERE id = {owner.id}")
        login = owner.email.partition("@")[0]
        newcomer = sign_in(login)["newcomer"]
        self.assertEqual(newcomer["email"], owner.email)
        self.assertNotEqual(newcomer["suggestedUserName"], owner.name)
        _, session = register(login)
        self.assertNotEqual(int(session["account"]["id"]), owner.id)

    def test_no_password_opens_it(self):
        _, session = register(unique("ada"))
        for password in ("", PASSWORD):
            with refused(self, "unauthenticated" if password else "invalid_argument"):
                Api(world.server).call(SIGN_IN, {"login": session["account"]["userName"],
                                                 "password": password})

    def test_the_session_may_live_in_a_cookie(self):
        login = unique("ada")
        register(login)
        browser = Browser(world.server)
        session = sign_in(login, browser, tokenTransport="TOKEN_TRANSPORT_COOKIE")["session"]
        self.assertNotIn("refreshToken", session)
        self.assertEqual({cookie.name for cookie in browser.cookies if cookie.path !=
                          "/" and cookie.path.startswith("/waystone")}, {"waystone_refresh"})
        again = browser.call("auth.v1.AuthService/RefreshSession")["session"]
        self.assertEqual(again["id"], session["id"])

    def test_it_may_end_at_another_server(self):
        login = unique("ada")
        register(login)
        browser = Browser(world.server)
        back = go(browser, login)
        browser.server = world.servers[1]
        self.assertIn("session", browser.call(FINISH, back))

    def test_a_second_factor_is_asked_for(self):
        owner = Owner(world)
        login = unique("ada")
        link(owner.api.token, login)
        owner.set_up_app()
        challenge = sign_in(login)["secondFactor"]
        self.assertTrue(challenge["totp"])
        session = Api(world.server).call(COMPLETE, {
            "challengeToken": challenge["token"], "totpCode": owner.app.code(1)})["session"]
        self.assertEqual(int(session["account"]["id"]), owner.id)

    def test_a_banned_account_stays_out(self):
        owner, login = Owner(world), unique("ada")
        link(owner.api.token, login)
        owner.ban()
        with refused(self, "failed_precondition", "BANNED"):
            sign_in(login)


class TheEnd(unittest.TestCase):
    """Of an account that a provider opens."""

    def setUp(self):
        self.login = unique("ada")
        _, session = register(self.login)
        self.account = session["account"]["id"]
        Api(world.server, session["accessToken"]).call(
            "account.v1.AccountService/CloseAccount", {"userName": self.login})

    def test_closing_and_coming_back(self):
        with refused(self, "failed_precondition", "CLOSING"):
            sign_in(self.login)
        browser = Browser(world.server)
        session = browser.call(FINISH, go(browser, self.login, reopen=True))["session"]
        self.assertEqual(session["account"]["id"], self.account)
        self.assertIn("session", sign_in(self.login))

    def test_nothing_is_left_of_it(self):
        world.psql("UPDATE accounts SET closed_at = now() - interval '15 days', "
                   f"erases_at = now() - interval '1 day' WHERE id = {self.account}")
        run_job(world, "erase_accounts")
        self.assertTrue(eventually(lambda: world.psql(
            f"SELECT erased_at IS NOT NULL FROM accounts WHERE id = {self.account}") == "t"))
        self.assertEqual(world.psql("SELECT count(*) FROM account_providers "
                                    f"WHERE subject = '{self.login}'"), "0")
        self.assertIn("newcomer", sign_in(self.login))


class OneBrowserOnce(unittest.TestCase):
    def setUp(self):
        self.login = unique("ada")
        register(self.login)
        self.browser = Browser(world.server)

    def test_another_browser(self):
        back = go(self.browser, self.login)
        other = Browser(world.server)
        with refused(self, "failed_precondition", "FLOW_GONE"):
            other.call(FINISH, back)
        other.call(START, {"providerId": "real"})
        with refused(self, "failed_precondition", "FLOW_GONE"):
            other.call(FINISH, back)
        self.assertIn("session", self.browser.call(FINISH, back))  # it was not theirs to use up

    def test_another_site(self):
        back = go(self.browser, self.login)
        with refused(self, "permission_denied"):
            self.browser.call(FINISH, back, headers={"Origin": "https://evil.example"})
        self.assertIn("session", self.browser.call(FINISH, back))

    def test_a_state_works_once(self):
        back = go(self.browser, self.login)
        self.browser.call(FINISH, back)
        with refused(self, "failed_precondition", "FLOW_GONE"):
            self.browser.call(FINISH, back)

    def test_a_code_works_once(self):
        first = go(self.browser, self.login)
        self.browser.call(FINISH, first)
        again = go(self.browser, self.login)
        with refused(self, "failed_precondition", "PROVIDER_REFUSED"):
            self.browser.call(FINISH, {**again, "code": first["code"]})

    def test_a_code_of_another_attempt(self):
        """PKCE: it belongs to the verifier of the attempt that it was made for."""
        first = go(self.browser, self.login)
        second = go(self.browser, self.login)
        with refused(self, "failed_precondition", "PROVIDER_REFUSED"):
            self.browser.call(FINISH, {**second, "code": first["code"]})

    def test_a_made_up_state(self):
        back = go(self.browser, self.login)
        for state in ("x", "A" * 43, back["state"][:-1], back["state"] + "A"):
            with refused(self, "failed_precondition", "FLOW_GONE"):
                self.browser.call(FINISH, {**back, "state": state})

    def test_ten_minutes(self):
        back = go(self.browser, self.login)
        world.psql("UPDATE provider_flows SET expires_at = now() - interval '1 second'")
        with refused(self, "failed_precondition", "FLOW_GONE"):
            self.browser.call(FINISH, back)

    def test_who_sent_the_browser_back(self):
        """It says so always, as it has announced: another provider could have sent it here."""
        for issuer in ("", "https://evil.example", real.issuer + "/"):
            back = go(self.browser, self.login)
            with refused(self, "failed_precondition", "PROVIDER_ANSWER"):
                self.browser.call(FINISH, {**back, "issuer": issuer})

    def test_a_sign_in_is_no_link_and_the_other_way_round(self):
        owner = Owner(world)
        with refused(self, "failed_precondition", "FLOW_GONE"):
            self.browser.call(FINISH_LINK, go(self.browser, self.login), owner.api.token)
        with refused(self, "failed_precondition", "FLOW_GONE"):
            self.browser.call(FINISH, go(self.browser, self.login, START_LINK, owner.api.token))

    def test_what_nobody_finished_is_removed(self):
        go(self.browser, self.login)
        world.psql("UPDATE provider_flows SET expires_at = now() - interval '1 second'")
        run_job(world, "expire_provider_flows")
        self.assertTrue(eventually(lambda: world.psql(
            "SELECT count(*) FROM provider_flows WHERE expires_at < now()").strip() == "0", 30))


class Registering(unittest.TestCase):
    def test_a_taken_name_is_not_the_end(self):
        login, owner = unique("ada"), Owner(world)
        browser = Browser(world.server)
        token = sign_in(login, browser)["newcomer"]["registrationToken"]
        with refused(self, "already_exists"):
            browser.call(REGISTER_WITH, {"registrationToken": token,
                                         "userName": owner.name.upper()})
        session = browser.call(REGISTER_WITH, {"registrationToken": token,
                                               "userName": login})["session"]
        self.assertEqual(session["account"]["userName"], login)

    def test_a_token_works_once_and_in_one_browser(self):
        login = unique("ada")
        browser, other = Browser(world.server), Browser(world.server)
        token = sign_in(login, browser)["newcomer"]["registrationToken"]
        go(other, login)
        with refused(self, "failed_precondition", "FLOW_GONE"):
            other.call(REGISTER_WITH, {"registrationToken": token, "userName": login})
        browser.call(REGISTER_WITH, {"registrationToken": token, "userName": login})
        with refused(self, "failed_precondition", "FLOW_GONE"):
            browser.call(REGISTER_WITH, {"registrationToken": token, "userName": login + "b"})

    def test_nobody_registers_twice(self):
        login = unique("ada")
        browser = Browser(world.server)
        token = sign_in(login, browser)["newcomer"]["registrationToken"]
        register(login)
        with refused(self, "failed_precondition"):
            browser.call(REGISTER_WITH, {"registrationToken": token, "userName": login + "b"})
        self.assertEqual(world.psql("SELECT count(*) FROM accounts WHERE user_name = "
                                    f"'{login}b'").strip(), "0")

    def test_suggested_names(self):
        browser = Browser(world.server)
        for said, suggested in (({"preferred_username": "ada.l Ö"}, "ada_l_"),
                                ({"preferred_username": "42"}, None),
                                ({"name": "<b>Ada</b>"}, "bAdab"),
                                ({"nickname": "x" * 100}, "x" * 24),
                                ({"email": "lovelace@example.org"}, "lovelace")):
            newcomer = crooked_finish("honest", {"claims": {"sub": unique("s"), **said}},
                                      browser)["newcomer"]
            self.assertEqual(newcomer.get("suggestedUserName"), suggested, said)

    def test_an_address_that_is_none(self):
        for email in ("a b@example.org", "x" * 250 + "@example.org", "a@b\r\nBcc: c@d", "<a@b>"):
            newcomer = crooked_finish("honest", {"claims": {
                "sub": unique("s"), "email": email, "email_verified": True}})["newcomer"]
            self.assertNotIn("email", newcomer)


class Linking(unittest.TestCase):
    def setUp(self):
        self.owner, self.login = Owner(world), unique("ada")
        self.token = self.owner.api.token

    def test_a_linked_provider_opens_the_account(self):
        self.assertEqual(link(self.token, self.login)["provider"], {"id": "real", "name": "Real"})
        self.assertEqual(int(sign_in(self.login)["session"]["account"]["id"]), self.owner.id)
        self.assertEqual(link(self.token, self.login)["provider"]["id"], "real")  # again: no change
        self.assertEqual(self.owner.api.call(UNLINK, {"providerId": "real"}), {})
        self.assertIn("newcomer", sign_in(self.login))
        self.owner.api.call(UNLINK, {"providerId": "real"})
        self.owner.api.call(UNLINK, {"providerId": "nowhere"})

    def test_an_identity_has_one_account(self):
        link(self.token, self.login)
        found = self.owner.api.call("account.v1.AccountService/GetSecurity")["providers"]
        self.assertEqual([(one["providerId"], one["name"], one["label"]) for one in found],
                         [("real", "Real", f"{self.login}@example.org")])
        with refused(self, "already_exists"):
            link(Owner(world).api.token, self.login)
        self.assertEqual(int(sign_in(self.login)["session"]["account"]["id"]), self.owner.id)

    def test_an_account_has_one_identity_at_a_provider(self):
        link(self.token, self.login)
        with refused(self, "failed_precondition"):
            link(self.token, unique("ada"))

    def test_a_link_belongs_to_the_session_that_began_it(self):
        browser = Browser(world.server)
        back = go(browser, self.login, START_LINK, self.token)
        with refused(self, "failed_precondition", "FLOW_GONE"):
            browser.call(FINISH_LINK, back, Owner(world).api.token)
        self.assertIn("provider", browser.call(FINISH_LINK, back, self.token))

    def test_it_needs_a_fresh_proof(self):
        link(self.token, self.login)
        world.psql("UPDATE sessions SET stepped_up_at = now() - interval '1 hour' "
                   f"WHERE account_id = {self.owner.id}")
        for method in (START_LINK, UNLINK):
            with refused(self, "permission_denied", "STEP_UP_REQUIRED"):
                self.owner.api.call(method, {"providerId": "real"})

    def test_the_owner_is_told_and_it_is_on_record(self):
        link(self.token, self.login)
        self.owner.api.call(UNLINK, {"providerId": "real"})

        def told():
            found = self.owner.api.call("notification.v1.NotificationService/ListNotifications")
            return len([one for one in found.get("notifications", [])
                        if one["kind"] == "NOTIFICATION_KIND_SECURITY"])

        self.assertTrue(eventually(lambda: told() == 2))
        acts = world.psql("SELECT action, detail FROM audit_log "
                          f"WHERE account_id = {self.owner.id} AND detail = 'real' ORDER BY id")
        self.assertRegex(acts, "(?s)FinishProviderLink.*UnlinkProvider")

    def test_a_passkey_and_a_provider_are_each_others_last_means(self):
        browser, session = register(self.login)
        self.owner.take(session)
        self.owner.id = int(session["account"]["id"])
        key = self.owner.add_passkey()
        browser.call(UNLINK, {"providerId": "real"}, session["accessToken"])
        with refused(self, "failed_precondition", "LAST_MEANS"):
            self.owner.factor("RemovePasskey", passkeyId=key.number)
        link(session["accessToken"], self.login)
        self.owner.factor("RemovePasskey", passkeyId=key.number)
        with refused(self, "failed_precondition", "LAST_MEANS"):
            browser.call(UNLINK, {"providerId": "real"}, session["accessToken"])

    def test_the_last_means_stays(self):
        browser, session = register(self.login)
        token = session["accessToken"]
        with refused(self, "failed_precondition", "LAST_MEANS"):
            browser.call(UNLINK, {"providerId": "real"}, token)
        self.assertIn("session", sign_in(self.login))
        url = browser.call(START_LINK, {"providerId": "honest"}, token)["authorizationUrl"]
        crooked.says["honest"] = {"nonce": query_of(url)["nonce"],
                                  "claims": {"sub": unique("s")}}
        browser.call(FINISH_LINK, {"state": query_of(url)["state"], "code": "x"}, token)
        browser.call(UNLINK, {"providerId": "real"}, token)
        with refused(self, "failed_precondition", "LAST_MEANS"):
            browser.call(UNLINK, {"providerId": "honest"}, token)
        self.assertIn("newcomer", sign_in(self.login))


class WhatAProviderMustNotSay(unittest.TestCase):
    def wrong(self, say, why="PROVIDER_ANSWER", code="failed_precondition"):
        with refused(self, code, why):
            crooked_finish("token", say)

    def test_an_honest_answer(self):
        """The same without anything wrong: what follows fails for its own reason."""
        self.assertIn("newcomer", crooked_finish("token"))
        self.assertIn("newcomer", crooked_finish("token", {
            "claims": {"aud": ["other", CLIENT], "azp": CLIENT}}))

    def test_what_the_token_endpoint_is_asked(self):
        browser = Browser(world.server)
        url = browser.call(START, {"providerId": "honest"})["authorizationUrl"]
        crooked.says["honest"] = {"nonce": query_of(url)["nonce"]}
        browser.call(FINISH, {"state": query_of(url)["state"], "code": "a&b=c+ d"})
        _, _, form, headers = [one for one in crooked.requests
                               if one[:2] == ("honest", "token")][-1]
        verifier = form.pop("code_verifier")
        digest = hashlib.sha256(verifier.encode()).digest()
        self.assertEqual(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                         query_of(url)["code_challenge"])
        self.assertEqual(form, {"grant_type": "authorization_code", "code": "a&b=c+ d",
                                "redirect_uri": REDIRECT})
        self.assertEqual(headers["Authorization"], basic(CLIENT, SECRET))

    def test_ways_to_name_ourselves(self):
        crooked.says["form"] = {"discovery": {
            "token_endpoint_auth_methods_supported": ["client_secret_post"]}}
        for name, secret in (("form", SECRET), ("public", None)):
            crooked_finish(name)
            _, _, form, headers = [one for one in crooked.requests
                                   if one[:2] == (name, "token")][-1]
            self.assertEqual((form["client_id"], form.get("client_secret")), (CLIENT, secret))
            self.assertNotIn("Authorization", headers)

    def test_wrong_claims(self):
        now = int(time.time())
        for claims in ({"nonce": "x" * 43}, {"nonce": None}, {"aud": "somebody-else"},
                       {"aud": [CLIENT, "other"]}, {"aud": None}, {"azp": "other"},
                       {"iss": "https://evil.example"}, {"iss": None},
                       {"exp": now - 120}, {"exp": None}, {"iat": now + 600}, {"iat": now - 3600},
                       {"iat": None}, {"nbf": now + 600}, {"sub": ""}, {"sub": None},
                       {"sub": "x" * 256}, {"sub": 7}):
            with self.subTest(claims=claims):
                self.wrong({"claims": claims})

    def test_wrong_signatures(self):
        self.wrong({"alg": "none"})
        self.wrong({"alg": "HS256"})
        self.wrong({"signed_by": "next"})  # under the name of the first key

    def test_wrong_answers(self):
        self.wrong({"token_answer": {"access_token": "only"}})
        self.wrong({"token_answer": {"id_token": 7}})
        self.wrong({"token_answer": {"id_token": "x" * 40000}})
        self.wrong({"token_answer": {"id_token": "a.b.c.d"}})
        self.wrong({"token_answer": {"id_token": ""}})
        self.wrong({"token_answer": []})
        self.wrong({"token_answer": "[" * 30000})
        self.wrong({"status": {"token": 400}}, "PROVIDER_REFUSED")
        self.wrong({"status": {"token": 503}}, None, "unavailable")
        self.wrong({"huge": ["token"]}, None, "unavailable")

    def test_a_redirect_is_not_followed(self):
        before = crooked.count("honest", "token")
        with refused(self, "unavailable"):
            crooked_finish("redirect", {"redirect": ["token"]})
        self.assertEqual(crooked.count("honest", "token"), before)

    def test_a_new_key_is_fetched_and_unknown_ones_not_each_time(self):
        crooked_finish("keys")
        self.assertEqual(crooked.count("keys", "jwks"), 1)
        crooked.published = [crooked.key, crooked.next_key]
        self.assertIn("newcomer", crooked_finish("keys", {"kid": "next", "signed_by": "next"}))
        self.assertEqual(crooked.count("keys", "jwks"), 2)
        for number in range(5):
            with refused(self, "failed_precondition", "PROVIDER_ANSWER"):
                crooked_finish("keys", {"kid": f"unknown-{number}"})
        self.assertEqual(crooked.count("keys", "jwks"), 2)
        self.assertEqual(crooked.count("keys", ".well-known/openid-configuration"), 1)

    def test_wrong_discovery(self):
        crooked.says["wrong-issuer"] = {"discovery": {"issuer": crooked.issuer("honest")}}
        crooked.says["cleartext"] = {"discovery": {"token_endpoint": "http://192.0.2.1/token"}}
        crooked.says["huge-discovery"] = {"huge": [".well-known/openid-configuration"]}
        crooked.says["huge-keys"] = {"huge": ["jwks"]}
        for name in ("wrong-issuer", "cleartext", "huge-discovery", "huge-keys"):
            with self.subTest(name), refused(self, "unavailable"):
                Browser(world.server).call(START, {"providerId": name})

    def test_who_vouches_for_it(self):
        self.assertIn("authorizationUrl",
                      Browser(world.server).call(START, {"providerId": "trusted"}))
        with refused(self, "unavailable"):
            Browser(world.server).call(START, {"providerId": "stranger"})


class Outages(unittest.TestCase):
    def test_nobody_there(self):
        started = time.monotonic()
        with refused(self, "unavailable"):
            Browser(world.server).call(START, {"providerId": "nobody"})
        self.assertLess(time.monotonic() - started, 5)

    def test_one_that_hangs_keeps_nobody_else_waiting(self):
        """Those who ask it wait for five seconds; the loop and other providers go on."""
        crooked.says["slow"] = {"hang": [".well-known/openid-configuration"]}
        waiting = subprocess.Popen(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", "-H",
             "Content-Type: application/json", "-d", '{"providerId": "slow"}',
             f"http://127.0.0.1:{world.server.port}/waystone.{START}"], stdout=subprocess.PIPE)
        self.assertTrue(eventually(
            lambda: crooked.count("slow", ".well-known/openid-configuration") > 0))
        Browser(world.server).call(START, {"providerId": "honest"})
        self.assertIsNone(waiting.poll(), "it did not hang")
        code, seconds = waiting.communicate(timeout=30)[0].split()
        crooked.release.set()
        self.assertEqual(code, b"503")
        self.assertLess(float(seconds), 15)

    def test_a_real_one_that_comes_back_with_other_keys(self):
        login = unique("ada")
        _, session = register(login)
        real.stop()
        browser = Browser(world.server)
        url = browser.call(START, {"providerId": "real"})["authorizationUrl"]  # it is remembered
        with refused(self, "unavailable"):
            browser.call(FINISH, {"state": query_of(url)["state"], "code": "x",
                                  "issuer": real.issuer})
        real.start()
        self.assertEqual(sign_in(login)["session"]["account"]["id"], session["account"]["id"])


class Configuration(unittest.TestCase):
    def refused(self, text, *words):
        path = FOLDER / "wrong.json"
        path.write_text(text, encoding="utf-8")
        config = FOLDER / "wrong.conf"
        config.write_text(f'auth.providers = "{path}"\nhttp.port = {free_port()}\n')
        answer = subprocess.run([str(BINARY), "--config", str(config)], capture_output=True,
                                text=True, timeout=60, check=False)
        self.assertEqual(answer.returncode, 1, answer.stderr)
        for word in ("auth.providers", str(path), *words):
            self.assertIn(word, answer.stderr)
        self.assertNotIn(SECRET, answer.stderr)

    def test_what_is_wrong_is_said_at_the_start(self):
        self.refused("not JSON", "providers")
        good = entry("one", "https://accounts.example.org")
        for change, word in (({"issuer": "http://accounts.example.org"}, "https://"),
                             ({"id": "One"}, "a-z"), ({"client_secret_file": "/nowhere"}, "/nowhere"),
                             ({"client_secret": "x"}, "client_secret"),
                             ({"scopes": "email"}, "openid"), ({"client_id": ""}, "client_id")):
            self.refused(json.dumps({"providers": [{**good, **change}]}), word)
        self.refused(json.dumps({"providers": [good, good]}), "two providers")


if __name__ == "__main__":
    unittest.main()
