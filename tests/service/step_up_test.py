"""Proving again who it is: what needs it, what counts as it, and for how long."""

import datetime
import pathlib
import re
import unittest

from authenticator import Passkey
from harness import GET_SESSION, PASSWORD, SIGN_IN, Api, RpcError, World
from proving import FACTOR, ORIGIN, SITE, Owner, refused

SCHEMAS = pathlib.Path(__file__).parents[2] / "api" / "waystone"
world = None


def marked():
    """("account.v1.FactorService/StartTotp", whether it streams) of methods with step_up."""
    for path in sorted(SCHEMAS.rglob("*.proto")):
        text = path.read_text(encoding="utf-8")
        package = re.search(r"^package waystone\.([\w.]+);", text, re.M)[1]
        for service in re.finditer(r"^service (\w+) \{(.*?)^\}", text, re.M | re.S):
            for rpc in re.finditer(r"^  rpc (\w+)\(\w+\) returns \((stream )?.*?^  \}", service[2],
                                   re.M | re.S):
                if re.search(r"^ +step_up: true$", rpc[0], re.M):
                    yield f"{package}.{service[1]}/{rpc[1]}", rpc[2] is not None


def setUpModule():
    global world
    world = World("step-up", servers=2, http__loops=1, **SITE)


def tearDownModule():
    world.close()


def seconds_until(timestamp):
    then = datetime.datetime.strptime(timestamp[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
    return (then - datetime.datetime.now(datetime.timezone.utc)).total_seconds()


def is_served(method):
    """Whether this server has the method's service at all: it wants a token then."""
    try:
        Api(world.server).call(method)
    except RpcError as error:
        return error.code != "unimplemented"
    return True


class Needing(unittest.TestCase):
    def test_marked_methods_are_refused_to_stale_sessions(self):
        owner = Owner(world)
        owner.stale()
        served = [method for method, streams in marked() if not streams and is_served(method)]
        self.assertGreaterEqual(len(served), 10)
        for method in served:
            with self.subTest(method), refused(self, "permission_denied", "STEP_UP_REQUIRED"):
                owner.api.call(method)

    def test_and_do_nothing(self):
        owner = Owner(world)
        app = owner.set_up_app()
        owner.stale()
        with refused(self, "permission_denied", "STEP_UP_REQUIRED"):
            owner.factor("RemoveTotp")
        owner.complete(owner.challenge(), totpCode=app.code())

    def test_others_are_not(self):
        owner = Owner(world)
        owner.stale()
        owner.api.call(GET_SESSION)
        with refused(self, "not_found"):
            owner.factor("RenamePasskey", passkeyId="1", name="key")

    def test_a_session_that_was_just_opened_needs_none(self):
        owner = Owner(world)
        owner.factor("StartTotp")
        owner.stale()
        owner.take(owner.sign_in()["session"])
        owner.factor("StartTotp")

    def test_it_lasts_ten_minutes(self):
        owner = Owner(world)
        for minutes, seconds, good in ((9, 50, True), (10, 1, False)):
            world.psql("UPDATE sessions SET stepped_up_at = now() - "
                       f"interval '{minutes} minutes {seconds} seconds' "
                       f"WHERE id = {owner.session_id}")
            if good:
                owner.factor("StartTotp")
            else:
                with refused(self, "permission_denied", "STEP_UP_REQUIRED"):
                    owner.factor("StartTotp")

    def test_a_refreshed_session_is_as_stale_as_before(self):
        owner = Owner(world)
        session = owner.sign_in()["session"]
        owner.take(session)
        owner.stale()
        fresh = Api(world.server).call("auth.v1.AuthService/RefreshSession",
                                       {"refreshToken": session["refreshToken"]})["session"]
        with refused(self, "permission_denied", "STEP_UP_REQUIRED"):
            Api(world.server, fresh["accessToken"]).call(FACTOR + "StartTotp")

    def test_a_session_from_before_it_was_kept_is_stale(self):
        owner = Owner(world)
        world.psql(f"UPDATE sessions SET stepped_up_at = NULL WHERE id = {owner.session_id}")
        with refused(self, "permission_denied", "STEP_UP_REQUIRED"):
            owner.factor("StartTotp")


class ByPassword(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.owner.stale()

    def test_the_right_one(self):
        until = self.owner.factor("StepUp", password=PASSWORD)["steppedUpUntil"]
        self.assertAlmostEqual(seconds_until(until), 600, delta=20)
        self.owner.factor("StartTotp")

    def test_it_counts_at_all_servers(self):
        self.owner.factor("StepUp", password=PASSWORD)
        Api(world.servers[1], self.owner.api.token).call(FACTOR + "StartTotp")

    def test_a_wrong_one_leaves_the_session_as_it_was(self):
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.owner.factor("StepUp", password=PASSWORD + "!")
        with refused(self, "permission_denied", "STEP_UP_REQUIRED"):
            self.owner.factor("StartTotp")
        self.owner.api.call(GET_SESSION)

    def test_guesses_slow_down_with_those_of_sign_ins(self):
        server = world.add_server(rpc__rate_scale=1)
        owner = Owner(world, server)
        for _ in range(5):
            with refused(self, "permission_denied", "WRONG_PROOF"):
                owner.factor("StepUp", password="not that one")
            with refused(self, "unauthenticated"):
                owner.sign_in(password="not that one")
        with refused(self, "resource_exhausted"):
            owner.factor("StepUp", password=PASSWORD)

    def test_it_counts_for_this_session_only(self):
        other = Api(world.server, self.owner.sign_in()["session"]["accessToken"])
        world.psql("UPDATE sessions SET stepped_up_at = now() - interval '1 hour' "
                   f"WHERE account_id = {self.owner.id}")
        self.owner.factor("StepUp", password=PASSWORD)
        with refused(self, "permission_denied", "STEP_UP_REQUIRED"):
            other.call(FACTOR + "StartTotp")

    def test_other_factors_that_it_does_not_have(self):
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.owner.factor("StepUp", totpCode="123456")
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.owner.factor("StepUp", recoveryCode="0000-0000-0000-0000-0000-0000")
        with refused(self, "failed_precondition"):
            self.owner.factor("StartStepUp")

    def test_nothing_at_all(self):
        for message in ({}, {"password": ""}, {"totpCode": "1"}, {"recoveryCode": "x"},
                        {"passkey": {}}):
            with refused(self, "invalid_argument"):
                self.owner.factor("StepUp", **message)

    def test_the_log_has_it(self):
        self.owner.factor("StepUp", password=PASSWORD)
        actions = world.psql(f"SELECT action FROM audit_log WHERE account_id = {self.owner.id}")
        self.assertIn("/waystone.account.v1.FactorService/StepUp", actions.splitlines())


class ByFactor(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.app = self.owner.set_up_app()
        self.owner.stale()

    def test_the_password_is_not_enough(self):
        with refused(self, "permission_denied", "FACTOR_REQUIRED"):
            self.owner.factor("StepUp", password=PASSWORD)

    def test_a_code(self):
        code = self.app.code()
        self.owner.factor("StepUp", totpCode=code)
        self.owner.factor("StartTotp")
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.owner.factor("StepUp", totpCode=code)

    def test_a_recovery_code(self):
        self.owner.factor("StepUp", recoveryCode=self.owner.codes[0])
        self.owner.factor("StartTotp")
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.owner.factor("StepUp", recoveryCode=self.owner.codes[0])

    def test_wrong_codes_count_beside_those_of_sign_ins(self):
        for _ in range(3):
            with refused(self, "permission_denied", "WRONG_PROOF"):
                self.owner.factor("StepUp", totpCode=self.app.wrong_code())
        for _ in range(2):
            with refused(self, "unauthenticated", "WRONG_PROOF"):
                self.owner.complete(self.owner.challenge(), totpCode=self.app.wrong_code())
        with refused(self, "resource_exhausted"):
            self.owner.factor("StepUp", totpCode=self.app.code())


class ByPasskey(unittest.TestCase):
    def setUp(self):
        self.owner = Owner(world)
        self.passkey = self.owner.add_passkey()
        self.owner.stale()

    def prove(self, started, passkey=None, **changes):
        answer = (passkey or self.passkey).get(started["passkeyOptions"], **changes)
        return self.owner.factor("StepUp", passkey={
            "challengeToken": started["challengeToken"], "assertion": answer})

    def test_the_accounts_own(self):
        self.prove(self.owner.factor("StartStepUp"))
        self.owner.factor("StartTotp")

    def test_a_challenge_is_answered_once(self):
        started = self.owner.factor("StartStepUp")
        self.prove(started)
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove(started)

    def test_a_wrong_answer_uses_the_challenge_up(self):
        started = self.owner.factor("StartStepUp")
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove(started, signature=b"wrong")
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove(started)

    def test_a_challenge_of_another_session(self):
        other = Api(world.server)
        challenge = self.owner.challenge()
        session = self.owner.complete(challenge, passkey=self.passkey.get(
            challenge["passkeyOptions"]))
        other.token = session["accessToken"]
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove(other.call(FACTOR + "StartStepUp"))

    def test_a_challenge_of_a_sign_in(self):
        challenge = self.owner.challenge()
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove({"challengeToken": challenge["token"],
                        "passkeyOptions": challenge["passkeyOptions"]})

    def test_somebody_elses(self):
        other = Owner(world)
        key = other.add_passkey()
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove(self.owner.factor("StartStepUp"), key)

    def test_one_that_nobody_has(self):
        stranger = Passkey(ORIGIN)
        stranger.rp_id = self.passkey.rp_id
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove(self.owner.factor("StartStepUp"), stranger)

    def test_a_challenge_that_is_over(self):
        started = self.owner.factor("StartStepUp")
        world.psql("UPDATE challenges SET expires_at = now() - interval '1 second' "
                   f"WHERE account_id = {self.owner.id}")
        with refused(self, "permission_denied", "WRONG_PROOF"):
            self.prove(started)


class Afterwards(unittest.TestCase):
    def test_an_ended_session_cannot(self):
        owner = Owner(world)
        owner.api.call("auth.v1.AuthService/SignOut")
        with refused(self, "unauthenticated"):
            owner.factor("StepUp", password=PASSWORD)

    def test_a_sign_in_is_a_proof(self):
        owner = Owner(world)
        app = owner.set_up_app()
        challenge = Api(world.server).call(SIGN_IN, {"login": owner.name, "password": PASSWORD})
        owner.take(owner.complete(challenge["secondFactor"], totpCode=app.code()))
        owner.factor("RemoveTotp")


if __name__ == "__main__":
    unittest.main()
