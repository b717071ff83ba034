"""Every method of the schema and every token that is not good for it: the right refusal."""

import base64
import hashlib
import hmac
import importlib
import json
import pathlib
import struct
import time
import unittest

import grpc
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import signing
from admin_tool import done
from harness import (GET_SESSION, LIST_CHANNELS, PASSWORD, SIGN_IN, SIGN_OUT, Api, Player, World,
                     base64url, compact, decode_part, eventually)
from players import Signer
from waystone.options.v1 import options_pb2

CREATE_API_KEY = "account.v1.ApiKeyService/CreateApiKey"
API = pathlib.Path(__file__).parents[2] / "api"
PUBLIC, PLAYER = options_pb2.ACCESS_PUBLIC, options_pb2.ACCESS_PLAYER
world = None


def setUpModule():
    global world
    world = World("access", http__loops=1)


def tearDownModule():
    world.close()


def methods():
    """Every method of ours: its descriptor and what the schema says of it."""
    for path in sorted((API / "waystone").rglob("*.proto")):
        name = ".".join(path.relative_to(API).with_suffix("").parts) + "_pb2"
        for service in importlib.import_module(name).DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield method, method.GetOptions().Extensions[options_pb2.method]


def path_of(method):
    return f"/{method.containing_service.full_name}/{method.name}"


# --- calls of the three protocols, by hand: whatever the method, its request is empty ---

def connect_code(method, authorization):
    """The code of a refused call as Connect has it; None: it was not refused."""
    shape = method.client_streaming or method.server_streaming
    status, _, body = Api(world.server).request(
        "POST", path_of(method), struct.pack(">BI", 0, 2) + b"{}" if shape else b"{}",
        {"Content-Type": "application/connect+json" if shape else "application/json",
         "Connect-Protocol-Version": "1", "Connect-Timeout-Ms": "5000", **authorization})
    if not shape:
        return None if status == 200 else json.loads(body)["code"]
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        if flags & 2:
            return json.loads(body[5:5 + length]).get("error", {}).get("code")
        body = body[5 + length:]
    return None


def grpc_web_status(method, authorization):
    status, headers, body = Api(world.server).request(
        "POST", path_of(method), b"\0\0\0\0\0",
        {"Content-Type": "application/grpc-web+proto", "Grpc-Timeout": "5S", **authorization})
    assert status == 200
    if "grpc-status" in headers:
        return int(headers["grpc-status"])
    return int(body.split(b"grpc-status:")[1].split()[0])


def grpc_status(channel, method, authorization):
    """By the stock client; the request is no message of the method's."""
    kind = ("stream" if method.client_streaming else "unary") + "_" + \
        ("stream" if method.server_streaming else "unary")
    call = getattr(channel, kind)(path_of(method), request_serializer=bytes,
                                  response_deserializer=bytes)
    metadata = [(name.lower(), value) for name, value in authorization.items()]
    request = iter([b""]) if method.client_streaming else b""
    try:
        answer = call(request, timeout=10, metadata=metadata)
        if method.server_streaming:
            next(answer)
        return 0
    except grpc.RpcError as error:
        return error.code().value[0]


def bearer(token):
    return {"Authorization": f"Bearer {token}"} if token is not None else {}


# --- tokens ---

def hs256(header, claims, secret):
    signed = f"{base64url(compact(header))}.{base64url(compact(claims))}"
    return f"{signed}.{base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


class Forger:
    """One good token of a session, and all that are one thing away from it."""

    def __init__(self, session):
        self.signer = Signer(signing.newest_key(world.psql, world.master_key))
        self.header, self.claims = map(decode_part, session["accessToken"].split(".")[:2])
        self.token = session["accessToken"]

    def signed(self, key=None, header=None, **claims):
        signer = Signer(key) if key else self.signer
        head = {**self.header, **(header or {})}
        body = {name: value for name, value in {**self.claims, **claims}.items()
                if value is not None}
        return signer.sign(compact(head), compact(body))

    def bad(self):
        """What is wrong and the token."""
        now = int(time.time())
        key = self.signer.key
        pem = key.public_key().public_bytes(serialization.Encoding.PEM,
                                            serialization.PublicFormat.SubjectPublicKeyInfo)
        der = key.public_key().public_bytes(serialization.Encoding.DER,
                                            serialization.PublicFormat.SubjectPublicKeyInfo)
        foreign = ec.generate_private_key(ec.SECP256R1())
        body = base64url(compact(self.claims))
        signature = self.token.split(".")[2]
        for name in ("none", "None", "NONE", ""):
            head = base64url(compact({**self.header, "alg": name}))
            yield f"alg {name!r}", f"{head}.{body}."
            yield f"alg {name!r}, signed", f"{head}.{body}.{signature}"
        for name in ("HS256", "ES256"):
            for secret, what in ((pem, "PEM"), (pem.strip(), "PEM, stripped"), (der, "DER"),
                                 (signing.public_point(key), "point"), (b"", "nothing")):
                yield (f"{name} with the public key as secret ({what})",
                       hs256({**self.header, "alg": name}, self.claims, secret))
        yield "foreign key, our kid", self.signed(foreign)
        yield "foreign key, its kid", self.signed(foreign, {"kid": signing.key_id(foreign)})
        yield "wrong kid", self.signed(header={"kid": "0" * 16})
        yield "no kid", self.signed(header={"kid": ""})
        yield "a key of its own in the head", self.signed(foreign, {"jwk": {"kty": "EC"}})
        yield "wrong issuer", self.signed(iss="elsewhere")
        yield "wrong audience", self.signed(aud="elsewhere")
        yield "no audience", self.signed(aud=None)
        yield "not yet valid", self.signed(nbf=now + 3600)
        yield "expired", self.signed(iat=now - 1000, nbf=now - 1000, exp=now - 400)
        yield "no expiry", self.signed(exp=None)
        yield "no session", self.signed(sid=None)
        yield "expiry as text", self.signed(exp=str(now + 600))
        yield "bad signature", f"{self.token[:-6]}AAAAAA"
        yield "no signature", self.token.rsplit(".", 1)[0] + "."
        yield "somebody else's claims", ".".join(
            [self.token.split(".")[0], base64url(compact({**self.claims, "sub": "77"})), signature])
        yield "a higher role", ".".join(
            [self.token.split(".")[0], base64url(compact({**self.claims, "role": 5})), signature])
        yield "empty", ""
        yield "nonsense", "nonsense"


class Walk(unittest.TestCase):
    """All methods by Connect; a few of each shape by the other two protocols."""

    @classmethod
    def setUpClass(cls):
        cls.player = Player(world.server)
        cls.forger = Forger(cls.player.session)
        cls.all = list(methods())
        # A service that this server does not serve has nothing to refuse.
        cls.closed = [(method, rules) for method, rules in cls.all if rules.access != PUBLIC
                      and connect_code(method, {}) != "unimplemented"]

    def walk(self, authorization, expected, chosen=None):
        wrong = {}
        for method, _ in self.closed if chosen is None else chosen:
            code = connect_code(method, authorization)
            if code != expected:
                wrong[path_of(method)] = code
        self.assertEqual(wrong, {})

    def test_the_schema_was_found(self):
        self.assertGreater(len(self.all), 80)
        self.assertGreater(len(self.closed), 60)
        for method, rules in self.all:
            self.assertNotEqual(rules.access, 0, f"{path_of(method)} says nothing about access")

    def test_the_good_token_that_the_others_are_made_of(self):
        self.assertEqual(Api(world.server, self.forger.signed()).call(GET_SESSION)["sessionId"],
                         self.player.session["id"])

    def test_no_token(self):
        self.walk({}, "unauthenticated")

    def test_other_schemes(self):
        login = base64.b64encode(f"{self.player.name}:{PASSWORD}".encode()).decode()
        for value in (f"Basic {login}", self.player.token, f"Token {self.player.token}"):
            self.walk({"Authorization": value}, "unauthenticated", self.closed[:10])

    def test_forged_tokens(self):
        """One of each kind at every method would take long and tell no more: who is checked and
        how does not depend on it. Each is tried at ten, and together they are tried at all."""
        bad = list(self.forger.bad())
        self.assertGreater(len(bad), 30)
        for number, (what, token) in enumerate(bad):
            with self.subTest(what):
                first = number * 10 % len(self.closed)
                self.walk(bearer(token), "unauthenticated",
                          (self.closed + self.closed)[first:first + 10])

    def test_expired_ones_and_algorithm_none_at_every_method(self):
        bad = dict(self.forger.bad())
        for what in ("expired", "alg 'none'", "HS256 with the public key as secret (PEM)",
                     "wrong kid", "wrong audience"):
            with self.subTest(what):
                self.walk(bearer(bad[what]), "unauthenticated")

    def test_a_revoked_session(self):
        api = Api(world.server)
        api.token = api.call(SIGN_IN, {"login": self.player.name,
                                       "password": PASSWORD})["session"]["accessToken"]
        api.call(LIST_CHANNELS)  # good, and in the cache of verified tokens
        api.call(SIGN_OUT)
        self.walk(bearer(api.token), "unauthenticated")

    def test_too_low_a_role(self):
        roles = {PLAYER: None, options_pb2.ACCESS_MODERATOR: "moderator",
                 options_pb2.ACCESS_GAME_MASTER: "game-master", options_pb2.ACCESS_ADMIN: "admin"}
        for role, name in roles.items():
            above = [(method, rules) for method, rules in self.closed if rules.access > role]
            with self.subTest(role=name or "player", methods=len(above)):
                someone = Player(world.server)
                if name:
                    done(world, "role", "grant", someone.name, name)
                    someone.token = someone.api.call(SIGN_IN, {
                        "login": someone.name, "password": PASSWORD})["session"]["accessToken"]
                self.walk(bearer(someone.token), "permission_denied", above)
        self.assertTrue([1 for _, rules in self.closed if rules.access > PLAYER])

    def test_a_role_that_was_taken_away(self):
        someone = Player(world.server)
        done(world, "role", "grant", someone.name, "admin")
        token = someone.api.call(SIGN_IN, {"login": someone.name,
                                           "password": PASSWORD})["session"]["accessToken"]
        above = [(method, rules) for method, rules in self.closed
                 if PLAYER < rules.access <= options_pb2.ACCESS_ADMIN]
        self.assertNotEqual(connect_code(above[0][0], bearer(token)), "permission_denied")
        done(world, "role", "revoke", someone.name)
        self.assertTrue(eventually(
            lambda: connect_code(above[0][0], bearer(token)) == "permission_denied", 3))
        self.walk(bearer(token), "permission_denied", above)

    def test_an_api_key_without_the_scope(self):
        someone = Player(world.server)
        scopes = {rules.scope for _, rules in self.closed if rules.access == PLAYER} - {""}
        self.assertGreater(len(scopes), 3)
        for mine in sorted(scopes)[:2]:
            key = someone.api.call(CREATE_API_KEY, {
                "name": mine, "scopes": [mine], "days": 1})["secret"]
            others = [(method, rules) for method, rules in self.closed if rules.scope != mine]
            own = [method for method, rules in self.closed
                   if rules.scope == mine and rules.access == PLAYER]
            with self.subTest(mine):
                self.walk(bearer(key), "permission_denied", others)
                for method in own:
                    self.assertNotIn(connect_code(method, bearer(key)),
                                     ("permission_denied", "unauthenticated"), path_of(method))
                self.walk(bearer(key[:-1] + ("a" if key[-1] != "a" else "b")), "unauthenticated",
                          self.closed[:5])

    def of_each_shape(self):
        found = {}
        for method, rules in self.closed:
            found.setdefault((method.client_streaming, method.server_streaming, rules.access),
                             method)
        return list(found.values())

    def test_the_other_protocols(self):
        chosen = self.of_each_shape()
        self.assertGreater(len({(m.client_streaming, m.server_streaming) for m in chosen}), 2)
        bad = dict(self.forger.bad())
        tokens = [None] + [bad[what] for what in (
            "expired", "alg 'none'", "HS256 with the public key as secret (PEM)", "wrong kid",
            "wrong issuer", "bad signature")]
        with grpc.insecure_channel(f"127.0.0.1:{world.server.port}") as channel:
            for method in chosen:
                for token in tokens:
                    with self.subTest(path_of(method), token=token and token[:20]):
                        self.assertEqual(grpc_status(channel, method, bearer(token)),
                                         grpc.StatusCode.UNAUTHENTICATED.value[0])
                        if not (method.client_streaming and method.server_streaming):
                            self.assertEqual(grpc_web_status(method, bearer(token)),
                                             grpc.StatusCode.UNAUTHENTICATED.value[0])

    def test_wrong_tokens_do_not_close_what_is_open_to_all(self):
        for _, token in list(self.forger.bad())[:5]:
            Api(world.server, token).call("meta.v1.MetaService/GetVersion")


if __name__ == "__main__":
    unittest.main()
