"""Second factors as their owners use them: authenticator app, recovery codes, passkeys."""

import base64
import contextlib
import hashlib
import hmac
import struct
import time

from authenticator import Passkey
from harness import (CREATE_CHARACTER, PASSWORD, REGISTER, SIGN_IN, Api, RpcError, eventually,
                     unique)

AUTH = "auth.v1.AuthService/"
FACTOR = "account.v1.FactorService/"
COMPLETE = AUTH + "CompleteSignIn"
RP_ID = "play.example"
ORIGIN = "https://play.example"
OTHER_ORIGIN = "https://www.play.example:8443"
SITE = {"auth__relying_party_id": RP_ID, "auth__origins": f"{ORIGIN} {OTHER_ORIGIN}"}
STEP_S = 30


def reason(error):
    """The reason of an error's google.rpc.ErrorInfo; None: it has none."""
    for detail in error.details:
        if detail["type"] == "google.rpc.ErrorInfo":
            data = base64.b64decode(detail["value"] + "==")
            assert data[0] == 0x0A, "ErrorInfo begins with its reason"
            return data[2:2 + data[1]].decode()
    return None


@contextlib.contextmanager
def refused(test, code, why=None):
    """The call within is refused so; the error is the context's value, in a list."""
    found = []
    with test.assertRaises(RpcError) as caught:
        yield found
    test.assertEqual((caught.exception.code, reason(caught.exception)), (code, why),
                     caught.exception)
    found.append(caught.exception)


class App:
    """An authenticator app. RFC 6238."""

    def __init__(self, secret):
        self.secret = base64.b32decode(secret)

    def code(self, steps=0):
        """The code of now, or of so many steps later; not within the last seconds of a step."""
        assert eventually(lambda: time.time() % STEP_S < STEP_S - 5)
        counter = struct.pack(">Q", int(time.time()) // STEP_S + steps)
        mac = hmac.new(self.secret, counter, hashlib.sha1).digest()
        at = mac[-1] & 15
        return f"{(int.from_bytes(mac[at:at + 4], 'big') & 0x7FFFFFFF) % 1000000:06}"

    def wrong_code(self):
        """None of those that could be right now."""
        right = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in (f"{n:06}" for n in range(10)) if code not in right)


class Owner:
    """A registered account."""

    def __init__(self, world, server=None):
        self.world = world
        self.name = unique("owner")
        self.email = f"{self.name}@example.org"
        self.api = Api(server or world.server)
        session = self.api.call(REGISTER, {"userName": self.name, "email": self.email,
                                           "password": PASSWORD})["session"]
        self.take(session)
        self.id = int(session["account"]["id"])
        self.app = None
        self.codes = []

    def take(self, session):
        self.session_id = int(session["id"])
        self.api.token = session["accessToken"]

    def factor(self, method, **message):
        return self.api.call(FACTOR + method, message)

    def sign_in(self, **more):
        return Api(self.api.server).call(SIGN_IN, {"login": self.name, "password": PASSWORD,
                                                   **more})

    def challenge(self):
        return self.sign_in()["secondFactor"]

    def complete(self, challenge, **proof):
        return Api(self.api.server).call(COMPLETE, {"challengeToken": challenge["token"],
                                                    **proof})["session"]

    def later(self):
        """As if steps had passed, so that the code of now can be used once more."""
        self.world.psql(f"UPDATE totp_secrets SET last_step = 0 WHERE account_id = {self.id}")

    def stale(self):
        """As if the proof of this session was eleven minutes old."""
        self.world.psql("UPDATE sessions SET stepped_up_at = now() - interval '11 minutes' "
                        f"WHERE id = {self.session_id}")

    def ban(self):
        character = self.api.call(CREATE_CHARACTER, {
            "name": unique("Hero"), "race": "RACE_AURELIN", "faction": "FACTION_VOID",
            "idempotencyKey": unique("key")})["character"]
        self.world.psql(
            "INSERT INTO sanctions (account_id, character_id, kind, reason, created_by) "
            f"VALUES ({self.id}, {character['id']}, 2, 'botting', {self.id})")

    def set_up_app(self):
        self.app = App(self.factor("StartTotp")["secret"])
        self.codes = self.factor("FinishTotp", code=self.app.code()).get("recoveryCodes", [])
        self.later()
        return self.app

    def add_passkey(self, name="key", passkey=None, **changes):
        passkey = passkey or Passkey(ORIGIN)
        started = self.factor("StartPasskey")
        answer = passkey.create(started["passkeyOptions"], **changes)
        done = self.factor("FinishPasskey", challengeToken=started["challengeToken"], name=name,
                           **answer)
        self.codes = done.get("recoveryCodes", self.codes)
        passkey.number = int(done["passkey"]["id"])
        passkey.told = done
        return passkey

    def count(self, table, where="true"):
        return int(self.world.psql(
            f"SELECT count(*) FROM {table} WHERE account_id = {self.id} AND {where}"))
