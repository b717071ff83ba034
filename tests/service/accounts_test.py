"""Accounts and characters where calls meet: cookies, repeated and parallel calls, two servers,
the audit log."""

import concurrent.futures
import json
import subprocess
import time
import unittest
import uuid

import certificates
from harness import (CREATE_CHARACTER, GET_SESSION, LIST_CHARACTERS, PASSWORD,
                     REFRESH, REGISTER, SIGN_IN, SIGN_OUT, Api, Follower, Player, RpcError, World,
                     eventually, unique)

COOKIE = "waystone_refresh"
world = None


def setUpModule():
    global world
    world = World("accounts", servers=2, http__loops=1, auth__refresh_grace_s=0)


def tearDownModule():
    world.close()


def raw(server, method, message, **headers):
    """A call with its headers: (HTTP status, headers, answer)."""
    head = {"Content-Type": "application/json"}
    head.update({name.replace("_", "-"): value for name, value in headers.items()})
    status, answered, body = Api(server).request("POST", f"/waystone.{method}",
                                                 json.dumps(message), head)
    return status, answered, json.loads(body)


def register_with_cookie(server):
    """Returns (headers of the answer, session)."""
    name = unique("cookie")
    status, headers, answer = raw(server, REGISTER, {
        "userName": name, "email": f"{name}@example.org", "password": PASSWORD,
        "tokenTransport": "TOKEN_TRANSPORT_COOKIE"})
    assert status == 200, answer
    return headers, answer["session"]


def cookie_of(headers):
    """("name=value", attributes) of the answer's cookie."""
    pair, *attributes = headers["set-cookie"].split("; ")
    return pair, attributes


def refused(call, *words, **more):
    """The error of a call that has to fail."""
    try:
        call(*words, **more)
    except RpcError as error:
        return error
    raise AssertionError("the call was not refused")


def in_parallel(calls):
    """Runs the calls at once; each gives its answer or its RpcError."""
    def outcome(call):
        try:
            return call()
        except RpcError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls))


class Cookies(unittest.TestCase):
    def test_refresh_token_is_in_the_cookie_only(self):
        headers, session = register_with_cookie(world.server)
        pair, attributes = cookie_of(headers)
        self.assertNotIn("refreshToken", session)
        self.assertTrue(pair.startswith(f"{COOKIE}="))
        self.assertGreaterEqual(len(pair), len(COOKIE) + 1 + 43, "256 bits")
        self.assertIn("HttpOnly", attributes)
        self.assertIn("SameSite=Strict", attributes)
        self.assertIn("Path=/waystone.auth.v1.AuthService/", attributes)
        self.assertIn("Max-Age=2592000", attributes)

    def test_refresh_answers_with_the_next_cookie(self):
        headers, session = register_with_cookie(world.server)
        pair, _ = cookie_of(headers)
        status, headers, answer = raw(world.server, REFRESH, {}, cookie=pair)
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["session"]["id"], session["id"])
        self.assertEqual(answer["session"]["account"], session["account"])
        self.assertNotIn("refreshToken", answer["session"])
        self.assertNotEqual(cookie_of(headers)[0], pair)

    def test_used_cookie_ends_the_session_and_is_cleared(self):
        headers, _ = register_with_cookie(world.server)
        first, _ = cookie_of(headers)
        _, headers, _ = raw(world.server, REFRESH, {}, cookie=first)
        second, _ = cookie_of(headers)
        for pair in (first, second):
            status, headers, answer = raw(world.server, REFRESH, {}, cookie=pair)
            self.assertEqual((status, answer["code"]), (401, "unauthenticated"))
            self.assertIn("Max-Age=0", cookie_of(headers)[1])

    def test_no_cookie_and_no_token(self):
        for headers in ({}, {"cookie": ""}, {"cookie": "other=1"}, {"cookie": f"{COOKIE}="},
                        {"cookie": f"{COOKIE}=nonsense"}):
            status, _, answer = raw(world.server, REFRESH, {}, **headers)
            self.assertEqual((status, answer["code"]), (401, "unauthenticated"), headers)

    def test_pages_of_other_origins_cannot_use_it(self):
        pair, _ = cookie_of(register_with_cookie(world.server)[0])
        own = f"127.0.0.1:{world.server.port}"
        for origin in ("http://evil.example", f"http://evil.example#{own}", "null",
                       "http://127.0.0.1", f"http://{own}.evil.example"):
            status, _, answer = raw(world.server, REFRESH, {}, cookie=pair, origin=origin)
            self.assertEqual((status, answer["code"]), (403, "permission_denied"), origin)
        status, _, answer = raw(world.server, REFRESH, {}, cookie=pair, origin=f"http://{own}")
        self.assertEqual(status, 200, "the refused calls used the token up")

    def test_sign_out_clears_it(self):
        _, session = register_with_cookie(world.server)
        _, headers, _ = raw(world.server, SIGN_OUT, {},
                            authorization=f"Bearer {session['accessToken']}")
        pair, attributes = cookie_of(headers)
        self.assertEqual(pair, f"{COOKIE}=")
        self.assertIn("Max-Age=0", attributes)

    def test_secure_is_left_out_on_cleartext_loopback_only(self):
        """The first server may leave it out, the strict one may not, TLS never does."""
        strict = world.add_server(http__insecure_cookies="false", http__loops=1)
        encrypted = world.add_server(with_tls=certificates.ensure_certificate(world.home / "tls"),
                                     http__insecure_cookies="true", http__loops=1)
        for server, secure in ((world.server, False), (strict, True), (encrypted, True)):
            _, attributes = cookie_of(register_with_cookie(server)[0])
            self.assertEqual("Secure" in attributes, secure, server.name)
            if server is not world.server:
                server.stop()

    def test_http2_sends_each_cookie_in_a_field_of_its_own(self):
        pair, _ = cookie_of(register_with_cookie(world.server)[0])
        answer = subprocess.run(
            ["curl", "-sS", "--http2-prior-knowledge", "-H", "content-type: application/json",
             "-H", "cookie: theme=dark", "-H", f"cookie: {pair}", "-H", "cookie: last=1",
             "-d", "{}", f"http://127.0.0.1:{world.server.port}/waystone.{REFRESH}"],
            capture_output=True, text=True, check=True).stdout
        self.assertIn("session", json.loads(answer))


class Meeting(unittest.TestCase):
    """Calls that run at the same time."""

    def setUp(self):
        self.player = Player(world.server)

    def create(self, name, key=None, server=None):
        return self.player.on(server or world.server).call(CREATE_CHARACTER, {
            "name": name, "race": "RACE_ISHARI", "faction": "FACTION_ORDER",
            "idempotencyKey": key or ""})["character"]

    def count(self):
        return len(self.player.api.call(LIST_CHARACTERS)["characters"])

    def test_repetitions_get_the_first_answer(self):
        name, key = unique("Twin"), str(uuid.uuid4())
        answers = in_parallel([lambda i=i: self.create(name, key, world.servers[i % 2])
                               for i in range(8)])
        self.assertEqual([answer for answer in answers if answer != answers[0]], [])
        self.assertEqual(self.count(), 2, "with the one the player began with")

    def test_key_of_another_request_is_refused(self):
        key = str(uuid.uuid4())
        self.create(unique("First"), key)
        self.assertEqual(refused(self.create, unique("Other"), key).code, "failed_precondition")
        self.assertEqual(self.count(), 2)

    def test_key_of_another_account_is_free(self):
        key = str(uuid.uuid4())
        self.create(unique("Mine"), key)
        self.player = Player(world.server)
        self.create(unique("Yours"), key)

    def test_refused_call_does_not_keep_its_key(self):
        taken, key = unique("Taken"), str(uuid.uuid4())
        self.create(taken)
        self.assertEqual(refused(self.create, taken, key).code, "already_exists")
        self.create(unique("Free"), key)

    def test_last_places_are_given_once(self):
        names = [unique("Crowd") for _ in range(20)]
        answers = in_parallel([lambda i=i: self.create(names[i], None, world.servers[i % 2])
                               for i in range(20)])
        errors = [answer.code for answer in answers if isinstance(answer, RpcError)]
        self.assertEqual(errors, ["resource_exhausted"] * 9)
        self.assertEqual(self.count(), 12)

    def test_a_name_is_given_once(self):
        name = unique("Desired")
        players = [self.player] + [Player(world.server) for _ in range(3)]
        answers = in_parallel([lambda p=p: p.api.call(CREATE_CHARACTER, {
            "name": name, "race": "RACE_NEREVI", "faction": "FACTION_CHAOS"}) for p in players])
        errors = [answer.code for answer in answers if isinstance(answer, RpcError)]
        self.assertEqual(errors, ["already_exists"] * 3)

    def test_an_account_is_registered_once(self):
        name = unique("wanted")
        answers = in_parallel([lambda i=i: Api(world.servers[i % 2]).call(REGISTER, {
            "userName": name, "email": f"{name}@example.org", "password": PASSWORD})
            for i in range(4)])
        errors = [answer.code for answer in answers if isinstance(answer, RpcError)]
        self.assertEqual(errors, ["already_exists"] * 3)
        self.assertEqual(world.psql(f"SELECT count(*) FROM accounts WHERE user_name = '{name}'"),
                         "1")

    def test_a_refresh_token_is_used_once(self):
        token = self.player.session["refreshToken"]
        answers = in_parallel([lambda i=i: Api(world.servers[i % 2]).call(
            REFRESH, {"refreshToken": token}) for i in range(4)])
        errors = [answer.code for answer in answers if isinstance(answer, RpcError)]
        self.assertEqual(errors, ["unauthenticated"] * 3)
        self.assertEqual(world.psql("SELECT revoked_at IS NOT NULL FROM sessions WHERE id = "
                                    + self.player.session["id"]), "t")


class Revocation(unittest.TestCase):
    def ended(self, api):
        try:
            api.call(GET_SESSION)
            return False
        except RpcError as error:
            self.assertEqual(error.code, "unauthenticated")
            return True

    def test_reaches_tokens_and_streams_at_the_other_server(self):
        player = Player(world.server)
        other = player.on(world.servers[1])
        self.assertFalse(self.ended(other))
        follower = Follower(world.servers[1], player.token, player.channel)
        follower.until_caught_up()

        player.api.call(SIGN_OUT)
        started = time.monotonic()
        self.assertTrue(self.ended(player.api), "at once where it happened")
        self.assertTrue(eventually(lambda: self.ended(other), 3))
        payload = follower.until_end()
        self.assertLess(time.monotonic() - started, 3)
        self.assertEqual(payload["error"]["code"], "unauthenticated")
        follower.close()

    def test_other_sessions_of_the_account_go_on(self):
        player = Player(world.server)
        second = Api(world.server)
        second.token = second.call(SIGN_IN, {"login": player.name, "password": PASSWORD}
                                   )["session"]["accessToken"]
        player.api.call(SIGN_OUT)
        self.assertTrue(self.ended(player.api))
        second.call(GET_SESSION)

    def test_is_remembered_over_a_restart(self):
        player = Player(world.server)
        player.api.call(SIGN_OUT)
        late = world.add_server(http__loops=1)
        self.assertTrue(eventually(lambda: self.ended(player.on(late)), 3))
        late.stop()


class Audit(unittest.TestCase):
    def records(self, account):
        return world.psql("SELECT action, status FROM audit_log WHERE account_id = "
                          f"{account} ORDER BY happened_at").splitlines()

    def test_who_did_what_is_written(self):
        player = Player(world.server)
        refused(Api(world.server).call, SIGN_IN, {"login": player.name, "password": "wrong"})
        player.api.call(SIGN_OUT)
        account = player.session["account"]["id"]
        expected = [f"/waystone.{REGISTER}|OK", f"/waystone.{SIGN_IN}|UNAUTHENTICATED",
                    f"/waystone.{SIGN_OUT}|OK"]
        self.assertTrue(eventually(lambda: self.records(account) == expected, 5),
                        self.records(account))
        self.assertEqual(world.psql("SELECT DISTINCT peer FROM audit_log"), "127.0.0.1")


if __name__ == "__main__":
    unittest.main()
