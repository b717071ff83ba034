"""Connect with JSON: the real curl for what people type, http.client for what nobody should."""

import json
import subprocess
import unittest

from harness import (CREATE_CHARACTER, GET_CHARACTER, GET_SESSION, GET_VERSION, LIST_CHANNELS,
                     LIST_MESSAGES, PASSWORD, REGISTER, SEND_MESSAGE, SIGN_IN, Api, Follower,
                     Player, RpcError, World, unique)

JSON = {"Content-Type": "application/json"}
world = None
player = None


def setUpModule():
    global world, player
    world = World("connect-json")
    player = Player(world.server)


def tearDownModule():
    world.close()


def curl(*words):
    """Runs curl. Returns (HTTP status, JSON body)."""
    answer = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20",
                             "--write-out", "\n%{http_code}", *words],
                            capture_output=True, text=True, check=True).stdout
    body, status = answer.rsplit("\n", 1)
    return int(status), json.loads(body)


class Curl(unittest.TestCase):
    """The lines of docs/clients.md, over HTTP/1.1 and cleartext HTTP/2."""

    def url(self, method):
        return f"{world.server.url()}/waystone.{method}"

    def post(self, method, message, *more):
        return curl("--json", json.dumps(message), *more, self.url(method))

    def test_story(self):
        for version in ("--http1.1", "--http2-prior-knowledge"):
            with self.subTest(version):
                self.play(version)

    def play(self, version):
        name = unique("curl")
        status, answer = self.post(REGISTER, {
            "userName": name, "email": f"{name}@example.org", "password": PASSWORD}, version)
        self.assertEqual(status, 200, answer)
        bearer = ("-H", f"Authorization: Bearer {answer['session']['accessToken']}", version)
        self.assertRegex(answer["session"]["accessTokenExpiresAt"], r"^\d{4}-\d\d-\d\dT.*Z$")

        status, answer = self.post(CREATE_CHARACTER, {
            "name": unique("Curl"), "race": "RACE_FROSTMARK", "faction": "FACTION_ORDER"},
            *bearer)
        self.assertEqual(status, 200, answer)
        character = answer["character"]
        self.assertEqual((character["race"], character["level"]), ("RACE_FROSTMARK", 1))

        status, answer = self.post(SEND_MESSAGE, {
            "channelId": player.channel, "characterId": character["id"], "text": "from curl"},
            *bearer)
        self.assertEqual(status, 200, answer)
        status, answer = self.post(LIST_MESSAGES, {"channelId": player.channel, "pageSize": 1},
                                   *bearer)
        self.assertEqual(answer["messages"][0]["text"], "from curl")

    def test_get_without_side_effects(self):
        status, answer = curl("--get", "--data-urlencode", "encoding=json", "--data-urlencode",
                              "message={}", self.url(GET_VERSION))
        self.assertEqual(status, 200, answer)
        self.assertIn("version", answer)

    def test_pages(self):
        for path, text in (("/livez", "ok"), ("/readyz", "ready"),
                           ("/metrics", "waystone_requests_total"),
                           ("/.well-known/jwks.json", '"kty"')):
            status, body = world.server.get(path)
            self.assertEqual(status, 200, path)
            self.assertIn(text, body)


class Values(unittest.TestCase):
    """JSON's two spellings of names and numbers, and what is left out."""

    def test_proto_names_and_numbers_are_accepted(self):
        message = player.api.call(SEND_MESSAGE, {
            "channel_id": int(player.channel), "character_id": int(player.character["id"]),
            "text": "numbers"})["message"]
        self.assertIsInstance(message["sequence"], str)
        self.assertEqual(message["characterId"], player.character["id"])
        created = player.api.call(CREATE_CHARACTER, {"name": unique("Num"), "race": 3,
                                                     "faction": 2})["character"]
        self.assertEqual((created["race"], created["faction"]), ("RACE_NEREVI", "FACTION_CHAOS"))

    def test_text_comes_back_as_it_was(self):
        for text in ('quotes " and \\ and /', "line\nbreak\ttab", "𝔚aystone ñ 狼 🐺", "\u2028\u0001",
                     "</script><b>&amp;"):
            self.assertEqual(player.say(text)["text"], text)

    def test_stream_of_envelopes(self):
        follower = Follower(world.server, player.token, player.channel)
        self.assertEqual(follower.status, 200)
        self.assertEqual(follower.until_caught_up(), [])
        sent = player.say(unique("heard"))
        self.assertEqual(follower.next_message(), sent)
        follower.close()


class BadInput(unittest.TestCase):
    def setUp(self):
        self.api = Api(world.server)

    def tearDown(self):
        self.assertEqual(Api(world.server, player.token).call(GET_SESSION)["account"]["id"],
                         player.session["account"]["id"], "the server is no longer well")

    def refused(self, body, method=SIGN_IN, headers=None, status=400, code="invalid_argument"):
        if isinstance(body, str):
            body = body.encode()
        got, _, answer = self.api.request("POST", f"/waystone.{method}", body,
                                          JSON if headers is None else headers)
        self.assertEqual(got, status, answer)
        error = json.loads(answer)
        self.assertEqual(error["code"], code, answer)
        self.assertTrue(error["message"], "an error says what is wrong")
        return error

    def test_malformed_json(self):
        for body in ("", "{", "}", "[]", "null", '"text"', "{]", '{"login":}', '{"login":"a"',
                     '{"login":"a"}}', '{"login":"a"} {"login":"b"}', '{"login" "a"}',
                     "{'login':'a'}", '{"login":"a",}', '{"login":"\x01"}', '{"login":"\\u12"}',
                     '{"login":"\\ud800"}', "{login:1}", "\xef\xbb\xbf{}x", "NaN", '{"a":01}'):
            with self.subTest(body):
                self.refused(body)

    def test_wrong_types(self):
        for body in ('{"login":1}', '{"login":true}', '{"login":[]}', '{"login":{}}',
                     '{"tokenTransport":"NO_SUCH"}', '{"tokenTransport":1.5}',
                     '{"tokenTransport":{}}', '{"nothingOfThisName":1}',
                     '{"login":"a","login":"b"}'):
            with self.subTest(body):
                self.refused(body)

    def test_numbers_out_of_range(self):
        api = Api(world.server, player.token)
        for value in ("9223372036854775808", "-9223372036854775809", "1e30", "1.5", "abc", "",
                      "0x10", " 1", "1 "):
            with self.subTest(value), self.assertRaises(RpcError) as raised:
                api.call(GET_CHARACTER, {"id": value})
            self.assertEqual(raised.exception.code, "invalid_argument")
        for value in ("9223372036854775807", 1e3):
            with self.assertRaises(RpcError) as raised:
                api.call(GET_CHARACTER, {"id": value})
            self.assertEqual(raised.exception.code, "not_found")

    def test_bad_utf8(self):
        for piece in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"):
            with self.subTest(piece):
                self.refused(b'{"login":"' + piece + b'","password":"x"}')

    def test_nul_in_text(self):
        """PostgreSQL cannot hold U+0000: it is refused, never cut off."""
        self.refused('{"login":"a\\u0000b","password":"x"}', status=400)

    def test_over_deep(self):
        for depth in (40, 1000, 10000):
            with self.subTest(depth):
                self.refused('{"login":' + "[" * depth + "]" * depth + "}")
                self.refused('{"a":' * depth + "1" + "}" * depth)

    def test_over_large(self):
        body = b'{"login":"' + b"x" * (5 * 1024 * 1024) + b'"}'
        try:
            got, _, answer = self.api.request("POST", f"/waystone.{SIGN_IN}", body, JSON)
        except (BrokenPipeError, ConnectionResetError):
            return  # refused before all of it was sent
        self.assertIn(got, (413, 429), answer)
        self.assertEqual(json.loads(answer)["code"], "resource_exhausted")

    def test_unknown_method(self):
        got, _, answer = self.api.request("POST", "/waystone.chat.v1.ChatService/Shout", b"{}",
                                          JSON)
        self.assertIn(got, (404, 501), answer)
        self.assertEqual(json.loads(answer)["code"], "unimplemented")
        got, _, answer = self.api.request("POST", "/waystone.no.v1.NoService/Do", b"{}", JSON)
        self.assertIn(got, (404, 501), answer)

    def test_wrong_verbs(self):
        for verb in ("GET", "PUT", "DELETE", "PATCH", "HEAD", "TRACE"):
            got, headers, _ = self.api.request(verb, f"/waystone.{SIGN_IN}", None, JSON)
            self.assertEqual(got, 405, verb)
            self.assertIn("POST", headers.get("allow", ""), verb)

    def test_get_is_for_methods_without_side_effects(self):
        got, headers, _ = self.api.request(
            "GET", f"/waystone.{SEND_MESSAGE}?encoding=json&message=%7B%7D&connect=v1")
        self.assertEqual(got, 405)
        self.assertNotIn("GET", headers.get("allow", ""))
        bad = (("message=%7B%7D", 400), ("encoding=json", 400),
               ("encoding=xml&message=%7B%7D", 400), ("encoding=json&message=%7B", 400),
               ("encoding=json&message=%zz", 400),
               ("encoding=proto&base64=1&message=!!", 400),
               ("encoding=json&message=%7B%7D&compression=lzma", 501))
        for query, expected in bad:
            got, _, answer = self.api.request("GET", f"/waystone.{GET_VERSION}?{query}")
            self.assertEqual(got, expected, (query, answer))

    def test_wrong_content_types(self):
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "",
                     "application/jsonx", "json", "application/connect+json"):
            with self.subTest(kind):
                got, headers, _ = self.api.request("POST", f"/waystone.{SIGN_IN}", b"{}",
                                                   {"Content-Type": kind})
                self.assertEqual(got, 415)
        got, _, _ = self.api.request("POST", f"/waystone.{SIGN_IN}", b"{}")
        self.assertEqual(got, 415, "no content type at all")
        got, _, _ = self.api.request("POST", f"/waystone.{SIGN_IN}", b'{"login":"a"}', {
            "Content-Type": "application/json; charset=utf-8"})
        self.assertEqual(got, 400, "with the charset it is JSON, and the password is missing")

    def test_wrong_protocol_words(self):
        self.refused('{"login":"a","password":"b"}',
                     headers={**JSON, "Connect-Protocol-Version": "2"})
        for value in ("abc", "-1", "12345678901", "1.5", ""):
            with self.subTest(value):
                self.refused('{"login":"a","password":"b"}',
                             headers={**JSON, "Connect-Timeout-Ms": value})
        self.refused("{}", headers={**JSON, "Content-Encoding": "lzma"}, status=501,
                     code="unimplemented")

    def test_expired_deadline(self):
        with self.assertRaises(RpcError) as raised:
            Api(world.server, player.token).call(LIST_CHANNELS, timeout_ms=0)
        self.assertEqual(raised.exception.code, "deadline_exceeded")

    def test_malformed_envelopes(self):
        """A stream's request is one envelope: flags, length, message."""
        good = json.dumps({"channelId": player.channel}).encode()
        head = {"Content-Type": "application/connect+json",
                "Authorization": f"Bearer {player.token}"}
        bodies = {
            "nothing": (b"", "unimplemented"),
            "half a head": (b"\0\0", "invalid_argument"),
            "shorter than it says": (b"\0\0\0\0\x40" + good, "invalid_argument"),
            "compressed": (b"\1" + len(good).to_bytes(4, "big") + good, "internal"),
            "too large": (b"\0\xff\xff\xff\xff", "resource_exhausted"),
            "no JSON": (b"\0\0\0\0\x02{]", "invalid_argument"),
            "twice": ((b"\0" + len(good).to_bytes(4, "big") + good) * 2, "unimplemented"),
        }
        for name, (body, code) in bodies.items():
            with self.subTest(name):
                got, _, answer = self.api.request(
                    "POST", "/waystone.chat.v1.ChatService/StreamMessages", body, head, 5)
                self.assertEqual(got, 200, answer)
                self.assertEqual(answer[0] & 2, 2, f"not an end-of-stream envelope: {answer}")
                error = json.loads(answer[5:])["error"]
                self.assertEqual(error["code"], code)

    def test_error_details_are_base64_of_the_message(self):
        error = self.refused('{"userName":"1","email":"x","password":"y"}', REGISTER)
        detail = error["details"][0]
        self.assertEqual(detail["type"], "google.rpc.BadRequest")
        self.assertNotIn("=", detail["value"])
        import base64
        from google.rpc import error_details_pb2
        value = base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
        found = error_details_pb2.BadRequest.FromString(value)
        self.assertEqual({v.field for v in found.field_violations},
                         {"user_name", "email", "password"})


class SqlInText(unittest.TestCase):
    """SQL is text like any other: stored as it is, or refused by the field's rule."""

    TEXTS = ["'; DROP TABLE accounts; --", "' OR '1'='1", "\\'; SELECT pg_sleep(5); --",
             "$1", "@text", "%s%n", "\"; DELETE FROM messages; --", "') ON CONFLICT DO NOTHING"]

    def test_said(self):
        for text in self.TEXTS:
            self.assertEqual(player.say(text)["text"], text)

    def test_as_login_and_password(self):
        for text in self.TEXTS:
            for request in ({"login": text, "password": PASSWORD},
                            {"login": player.name, "password": text}):
                with self.assertRaises(RpcError) as raised:
                    Api(world.server).call(SIGN_IN, request)
                self.assertEqual(raised.exception.code, "unauthenticated")

    def test_as_password_of_an_account(self):
        name = unique("sql")
        password = "'; DROP TABLE accounts; --"
        Api(world.server).call(REGISTER, {"userName": name, "email": f"{name}@example.org",
                                          "password": password})
        Api(world.server).call(SIGN_IN, {"login": name, "password": password})

    def test_as_names(self):
        for text in self.TEXTS:
            with self.assertRaises(RpcError) as raised:
                Api(world.server).call(REGISTER, {
                    "userName": text, "email": f"{unique('m')}@example.org",
                    "password": PASSWORD})
            self.assertEqual(raised.exception.code, "invalid_argument")
            with self.assertRaises(RpcError) as raised:
                player.api.call(CREATE_CHARACTER, {"name": text, "race": 1, "faction": 1})
            self.assertEqual(raised.exception.code, "invalid_argument")

    def test_as_key_and_refresh_token(self):
        for text in self.TEXTS:
            first = player.say("keyed", key=text)
            self.assertEqual(player.say("keyed", key=text), first)
            with self.assertRaises(RpcError) as raised:
                Api(world.server).call("auth.v1.AuthService/RefreshSession",
                                       {"refreshToken": text})
            self.assertEqual(raised.exception.code, "unauthenticated")

    def test_tables_are_still_there(self):
        tables = world.psql("SELECT count(*) FROM accounts WHERE user_name IS NOT NULL")
        self.assertGreaterEqual(int(tables), 1)
