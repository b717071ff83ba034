"""Access tokens that are expired, forged or foreign, and the refresh token's cookie."""

import hashlib
import hmac
import json
import subprocess
import time
import unittest

import certificates
from harness import (GET_SESSION, LIST_CHANNELS, PASSWORD, REFRESH, REGISTER, SIGN_IN, SIGN_OUT,
                     Api, Follower, Player, RpcError, World, base64url, compact, decode_part,
                     eventually, sign_es256, unique)

world = None
player = None


def setUpModule():
    global world, player
    world = World("tokens", auth__refresh_grace_s=0)
    player = Player(world.server)


def tearDownModule():
    world.close()


def parts():
    header, claims, _ = player.token.split(".")
    return decode_part(header), decode_part(claims)


def public_key():
    return subprocess.run(["openssl", "pkey", "-in", str(world.key), "-pubout"],
                          capture_output=True, check=True).stdout


class Forged(unittest.TestCase):
    def refused(self, token):
        with self.assertRaises(RpcError) as raised:
            Api(world.server, token).call(GET_SESSION)
        self.assertEqual((raised.exception.http_status, raised.exception.code),
                         (401, "unauthenticated"))

    def sign(self, header=None, claims=None, key=None):
        own_header, own_claims = parts()
        return sign_es256({**own_header, **(header or {})}, {**own_claims, **(claims or {})},
                          key or world.key)

    def test_a_token_signed_here_by_the_servers_key_works(self):
        """The other tests change one thing each of this one."""
        answer = Api(world.server, self.sign()).call(GET_SESSION)
        self.assertEqual(answer["account"]["id"], player.session["account"]["id"])

    def test_expired(self):
        now = int(time.time())
        self.refused(self.sign(claims={"exp": now - 120, "iat": now - 1000, "nbf": now - 1000}))

    def test_not_yet_valid(self):
        self.refused(self.sign(claims={"nbf": int(time.time()) + 3600}))

    def test_without_expiry(self):
        header, claims = parts()
        claims.pop("exp")
        self.refused(sign_es256(header, claims, world.key))

    def test_other_issuer_and_audience(self):
        self.refused(self.sign(claims={"iss": "elsewhere"}))
        if "aud" in parts()[1]:
            self.refused(self.sign(claims={"aud": "elsewhere"}))

    def test_foreign_key(self):
        key = world.home / "foreign.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-out", str(key)], check=True,
                       capture_output=True)
        self.refused(self.sign(key=key))
        self.refused(self.sign(header={"kid": "another"}, key=key))

    def test_unknown_key_id(self):
        self.refused(self.sign(header={"kid": "another"}))

    def test_algorithm_none(self):
        header, claims = parts()
        for name in ("none", "None", "NONE"):
            body = ".".join(base64url(compact(part))
                            for part in ({**header, "alg": name}, claims))
            self.refused(f"{body}.")
            self.refused(f"{body}.{player.token.split('.')[2]}")

    def test_public_key_as_hmac_secret(self):
        header, claims = parts()
        body = ".".join(base64url(compact(part))
                        for part in ({**header, "alg": "HS256"}, claims))
        for secret in (public_key(), public_key().strip(), b""):
            digest = hmac.new(secret, body.encode(), hashlib.sha256).digest()
            self.refused(f"{body}.{base64url(digest)}")

    def test_changed_claims_keep_no_signature(self):
        header, claims, signature = player.token.split(".")
        changed = decode_part(claims)
        changed["sub"] = str(int(player.session["account"]["id"]) + 1)
        self.refused(f"{header}.{base64url(compact(changed))}.{signature}")

    def test_changed_signature(self):
        header, claims, signature = player.token.split(".")
        for other in (signature[:-4] + "AAAA", signature[:-2], "", "AAAA" * 20,
                      base64url(b"\0" * 64), base64url(b"\xff" * 64)):
            self.refused(f"{header}.{claims}.{other}")

    def test_no_tokens_at_all(self):
        header, claims, signature = player.token.split(".")
        for token in ("", "x", "..", "a.b.c", f"{header}.{claims}", f".{claims}.{signature}",
                      f"{player.token}.{signature}", "é", "x" * 20000):
            try:
                status, _, _ = Api(world.server).request(
                    "POST", f"/waystone.{GET_SESSION}", b"{}",
                    {"Content-Type": "application/json",
                     "Authorization": f"Bearer {token}".encode("utf-8")})
            except (BrokenPipeError, ConnectionResetError):
                continue  # a head beyond the limit may be refused before it is read
            self.assertIn(status, (400, 401, 431), token[:40])

    def test_other_schemes(self):
        for value in ("Basic bWlyYTp4", player.token, f"Bearer{player.token}", "Bearer",
                      f"Token {player.token}"):
            status, _, _ = Api(world.server).request(
                "POST", f"/waystone.{GET_SESSION}", b"{}",
                {"Content-Type": "application/json", "Authorization": value})
            self.assertEqual(status, 401, value)

    def test_every_method_of_players_asks_for_a_token(self):
        for method in (GET_SESSION, SIGN_OUT, LIST_CHANNELS,
                       "character.v1.CharacterService/ListCharacters"):
            with self.assertRaises(RpcError) as raised:
                Api(world.server).call(method)
            self.assertEqual(raised.exception.code, "unauthenticated", method)

    def test_published_key_verifies_the_token(self):
        keys = json.loads(world.server.get("/.well-known/jwks.json")[1])["keys"]
        header, _ = parts()
        self.assertIn(header["kid"], [key["kid"] for key in keys])
        for key in keys:
            self.assertEqual((key["kty"], key["crv"]), ("EC", "P-256"))
            self.assertNotIn("d", key, "the private part must not be published")


class Streams(unittest.TestCase):
    def test_sign_out_elsewhere_ends_the_stream(self):
        someone = Player(world.server)
        follower = Follower(world.server, someone.token, someone.channel, timeout_s=10)
        follower.until_caught_up()
        someone.api.call(SIGN_OUT)
        started = time.monotonic()
        payload = follower.until_end()
        self.assertEqual(payload["error"]["code"], "unauthenticated")
        self.assertLess(time.monotonic() - started, 3)
        follower.close()

    def test_reused_refresh_token_ends_the_stream(self):
        someone = Player(world.server)
        first = someone.session["refreshToken"]
        someone.api.call(REFRESH, {"refreshToken": first})
        follower = Follower(world.server, someone.token, someone.channel, timeout_s=10)
        follower.until_caught_up()
        with self.assertRaises(RpcError) as raised:
            Api(world.server).call(REFRESH, {"refreshToken": first})
        self.assertEqual(raised.exception.code, "unauthenticated")
        payload = follower.until_end()
        self.assertEqual(payload["error"]["code"], "unauthenticated")
        follower.close()


class Cookie(unittest.TestCase):
    """What a browser gets: the refresh token in a cookie no script can read."""

    def enter(self, method, message):
        status, headers, body = Api(world.server).request(
            "POST", f"/waystone.{method}", json.dumps(message),
            {"Content-Type": "application/json"})
        self.assertEqual(status, 200, body)
        return headers.get("set-cookie", ""), json.loads(body)["session"]

    def refresh(self, cookie):
        return Api(world.server).request(
            "POST", f"/waystone.{REFRESH}", b"{}",
            {"Content-Type": "application/json", "Cookie": cookie})

    def register(self):
        name = unique("web")
        return name, *self.enter(REGISTER, {
            "userName": name, "email": f"{name}@example.org", "password": PASSWORD,
            "tokenTransport": "TOKEN_TRANSPORT_COOKIE"})

    def test_attributes(self):
        name, cookie, session = self.register()
        self.assertNotIn("refreshToken", session)
        words = [word.strip().lower() for word in cookie.split(";")]
        self.assertIn("httponly", words)
        self.assertIn("samesite=strict", words)
        self.assertIn("path=/waystone.auth.v1.authservice/", words)
        cookie, session = self.enter(SIGN_IN, {"login": name, "password": PASSWORD,
                                               "tokenTransport": "TOKEN_TRANSPORT_COOKIE"})
        self.assertTrue(cookie)
        self.assertNotIn("refreshToken", session)

    def test_without_asking_there_is_no_cookie(self):
        name = unique("tool")
        cookie, session = self.enter(REGISTER, {
            "userName": name, "email": f"{name}@example.org", "password": PASSWORD})
        self.assertEqual(cookie, "")
        self.assertTrue(session["refreshToken"])

    def test_cookie_buys_the_next_pair_once(self):
        _, cookie, session = self.register()
        pair = cookie.split(";")[0]
        status, headers, body = self.refresh(pair)
        self.assertEqual(status, 200, body)
        answer = json.loads(body)["session"]
        self.assertEqual(answer["id"], session["id"])
        self.assertNotIn("refreshToken", answer)
        self.assertNotEqual(headers["set-cookie"].split(";")[0], pair)
        status, _, _ = self.refresh(pair)
        self.assertEqual(status, 401)
        status, _, _ = self.refresh(headers["set-cookie"].split(";")[0])
        self.assertEqual(status, 401, "reuse ends the whole session")

    def test_refresh_without_a_token(self):
        for cookie in ("", "other=1", "=", ";;;"):
            self.assertEqual(self.refresh(cookie)[0], 401, cookie)

    def test_sign_out_clears_it(self):
        _, cookie, session = self.register()
        status, headers, _ = Api(world.server).request(
            "POST", f"/waystone.{SIGN_OUT}", b"{}",
            {"Content-Type": "application/json", "Cookie": cookie.split(";")[0],
             "Authorization": f"Bearer {session['accessToken']}"})
        self.assertEqual(status, 200)
        self.assertIn("max-age=0", headers.get("set-cookie", "").lower())
        self.assertEqual(self.refresh(cookie.split(";")[0])[0], 401)

    def test_secure_over_tls(self):
        server = world.add_server(
            with_tls=certificates.ensure_certificate(world.home / "tls"))
        name = unique("tls")
        _, headers, _ = Api(server).request(
            "POST", f"/waystone.{REGISTER}", json.dumps({
                "userName": name, "email": f"{name}@example.org", "password": PASSWORD,
                "tokenTransport": "TOKEN_TRANSPORT_COOKIE"}),
            {"Content-Type": "application/json"})
        self.assertIn("secure", [word.strip().lower()
                                 for word in headers["set-cookie"].split(";")])


class Life(unittest.TestCase):
    def test_token_stops_at_its_expiry(self):
        server = world.add_server(auth__access_token_s=10)
        name = unique("short")
        session = Api(server).call(REGISTER, {
            "userName": name, "email": f"{name}@example.org", "password": PASSWORD})["session"]
        api = Api(server, session["accessToken"])
        api.call(GET_SESSION)

        def is_out():
            try:
                api.call(GET_SESSION)
                return False
            except RpcError as error:
                self.assertEqual(error.code, "unauthenticated")
                return True

        self.assertTrue(eventually(is_out, 45, 0.5), "an expired token still works")
        Api(server).call(REFRESH, {"refreshToken": session["refreshToken"]})
