"""Keys that sign access tokens: one set on all instances, made and changed while calls go on."""

import json
import threading
import time
import unittest

import certificates
import signing
from admin_tool import admin, done, run_job
from harness import (GET_SESSION, PASSWORD, REFRESH, SIGN_IN, Api, Player, RpcError, World,
                     decode_part, eventually)
from players import Signer

world = None
pair = []  # the servers that run all the time


def setUpModule():
    global world
    world = World("keys", servers=2, http__loops=2)
    pair.extend(world.servers)


def tearDownModule():
    world.close()


def published(server):
    return [key["kid"] for key in json.loads(server.get("/.well-known/jwks.json")[1])["keys"]]


def kid_of(token):
    return decode_part(token.split(".")[0])["kid"]


def sign_in(player, server):
    return Api(server).call(SIGN_IN, {"login": player.name, "password": PASSWORD})["session"]


def code_of(server, token):
    """None when the token is good."""
    try:
        Api(server, token).call(GET_SESSION)
        return None
    except RpcError as error:
        return error.code


def new_key_signs(player, kid):
    """Waits until both servers sign with it; returns the first such token."""
    for server in pair:
        assert eventually(lambda s=server: kid_of(sign_in(player, s)["accessToken"]) == kid, 8)
    return sign_in(player, world.server)["accessToken"]


def rotate_now(player):
    """Puts another key in the place of the one that signs. Returns its name."""
    kid = done(world, "signing-key", "rotate", "--now")["kid"]
    new_key_signs(player, kid)
    return kid


class Rotation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.player = Player(world.server)

    def test_instances_have_the_same_keys(self):
        self.assertEqual(published(world.servers[0]), published(world.servers[1]))
        token = sign_in(self.player, world.server)["accessToken"]
        self.assertIn(kid_of(token), published(world.server))
        self.assertIsNone(code_of(world.servers[1], token))
        self.assertEqual(world.psql("SELECT count(*) FROM signing_keys WHERE signs_from <= now() "
                                    "AND retires_at IS NULL"), "1")

    def test_no_call_is_refused_while_keys_change(self):
        """Who signs in at one instance calls the other, before, while and after."""
        refused, calls, stop = [], 0, threading.Event()

        def call_on():
            nonlocal calls
            player = Player(world.server)
            token = sign_in(player, world.servers[calls % 2])["accessToken"]
            while not stop.is_set():
                session = Api(world.servers[calls % 2]).call(
                    REFRESH, {"refreshToken": player.session["refreshToken"]})["session"]
                player.session = session
                for server in pair:
                    for one in (token, session["accessToken"]):
                        code = code_of(server, one)
                        if code:
                            refused.append((kid_of(one), code))
                calls += 1

        thread = threading.Thread(target=call_on)
        thread.start()
        try:
            before = kid_of(sign_in(self.player, world.server)["accessToken"])
            kids = [rotate_now(self.player) for _ in range(2)]
        finally:
            stop.set()
            thread.join()
        self.assertNotIn(before, kids)
        self.assertGreater(calls, 3)
        self.assertEqual(refused, [])

    def test_the_next_key_is_published_before_it_signs(self):
        rotate_now(self.player)
        current = kid_of(sign_in(self.player, world.server)["accessToken"])
        answer = done(world, "signing-key", "rotate")
        self.assertEqual(answer["signs_in_s"], 3600)
        for server in pair:
            self.assertTrue(eventually(lambda s=server: answer["kid"] in published(s), 3))
        self.assertEqual(kid_of(sign_in(self.player, world.server)["accessToken"]), current)
        self.assertEqual(done(world, "signing-key", "rotate")["kid"], answer["kid"],
                         "one at a time waits")
        listed = {key["kid"]: key for key in done(world, "signing-key", "list")["signing_keys"]}
        self.assertEqual((listed[current]["state"], listed[answer["kid"]]["state"]),
                         ("signs", "published"))
        self.assertIsNotNone(listed[current]["retires_at"])
        self.assertIsNone(listed[answer["kid"]]["retires_at"])

        self.assertEqual(rotate_now(self.player), answer["kid"], "it signs at once when told to")

    def test_the_job_follows_the_schedule(self):
        rotate_now(self.player)
        newest = "(SELECT kid FROM signing_keys WHERE retires_at IS NULL)"
        kid = world.psql(f"SELECT {newest}")
        run_job(world, "rotate_signing_keys")
        self.assertEqual(world.psql(f"SELECT {newest}"), kid, "it is young")
        world.psql("UPDATE signing_keys SET signs_from = signs_from - interval '29 days 22 hours'")
        run_job(world, "rotate_signing_keys")
        self.assertEqual(world.psql(f"SELECT {newest}"), kid, "an hour is enough")
        world.psql("UPDATE signing_keys SET signs_from = signs_from - interval '1 hour 1 minute'")
        run_job(world, "rotate_signing_keys")
        follower = world.psql(f"SELECT {newest}")
        self.assertNotEqual(follower, kid)
        self.assertEqual(world.psql(
            "SELECT n.signs_from BETWEEN now() + interval '59 minutes' AND now() + interval '1 hour' "
            "AND o.retires_at - n.signs_from BETWEEN interval '10 minutes' AND interval '12 minutes' "
            f"FROM signing_keys n, signing_keys o WHERE n.kid = '{follower}' AND o.kid = '{kid}'"),
            "t")
        run_job(world, "rotate_signing_keys")
        self.assertEqual(world.psql(f"SELECT {newest}"), follower, "one follows, not two")
        self.assertEqual(kid_of(sign_in(self.player, world.server)["accessToken"]), kid)

    def test_retired_keys_go(self):
        old = sign_in(self.player, world.server)["accessToken"]
        rotate_now(self.player)
        self.assertIsNone(code_of(world.server, old))
        world.psql("UPDATE signing_keys SET retires_at = now() - interval '1 second' "
                   f"WHERE kid = '{kid_of(old)}'")
        for server in pair:
            self.assertTrue(eventually(lambda s=server: code_of(s, old) == "unauthenticated", 3))
            self.assertTrue(eventually(lambda s=server: kid_of(old) not in published(s), 3))
        world.psql("UPDATE signing_keys SET retires_at = now() - interval '2 hours' "
                   f"WHERE kid = '{kid_of(old)}'")
        run_job(world, "rotate_signing_keys")
        self.assertEqual(world.psql("SELECT count(*) FROM signing_keys WHERE kid = "
                                    f"'{kid_of(old)}'"), "0")

    def test_a_revoked_key_is_refused_at_once_and_sessions_go_on(self):
        session = sign_in(self.player, world.server)
        token = session["accessToken"]
        code, _, complaint = admin(world, "signing-key", "revoke", kid_of(token))
        self.assertEqual(code, 1, "the key that signs cannot go")
        self.assertIn("rotate --now", complaint)
        kid = rotate_now(self.player)
        for server in pair:
            self.assertIsNone(code_of(server, token))  # from then on in their caches
        done(world, "signing-key", "revoke", kid_of(token))
        started = time.monotonic()
        for server in pair:
            self.assertTrue(eventually(lambda s=server: code_of(s, token) == "unauthenticated", 3))
        self.assertLess(time.monotonic() - started, 1.5)
        answer = Api(world.server).call(REFRESH, {"refreshToken": session["refreshToken"]})
        self.assertEqual(kid_of(answer["session"]["accessToken"]), kid)
        self.assertEqual(answer["session"]["id"], session["id"])
        self.assertEqual(admin(world, "signing-key", "revoke", "0123456789abcdef")[0], 1)

    def test_operators_acts_are_in_the_audit_log(self):
        kid = rotate_now(self.player)
        self.assertEqual(world.psql("SELECT detail FROM audit_log WHERE action = "
                                    "'admin.signing_key.rotate' ORDER BY id DESC LIMIT 1"), kid)


class Trust(unittest.TestCase):
    def test_a_key_from_the_database_is_not_trusted_without_the_master_key(self):
        """Whoever can write rows, but has no master key, signs nothing that is believed."""
        player = Player(world.server)
        foreign = signing.ec.generate_private_key(signing.ec.SECP256R1())
        other_master = certificates.ensure_master_key(world.home / "other")
        kid, point, sealed = signing.new_row(other_master, foreign)
        world.psql("INSERT INTO signing_keys (kid, public_key, private_key, signs_from, retires_at) "
                   f"VALUES ('{kid}', '\\x{point}', '\\x{sealed}', now() - interval '1 day', "
                   "now() + interval '1 day')")
        try:
            forged = Signer(foreign).token(player.session["account"]["id"], player.session["id"])
            logs = [server.log_path for server in pair]
            for log in logs:
                self.assertTrue(eventually(lambda p=log: kid in p.read_text(encoding="utf-8"), 5))
            for server in pair:
                self.assertEqual(code_of(server, forged), "unauthenticated")
                self.assertIsNone(code_of(server, player.token), "those that are known go on")
                self.assertNotIn(kid, published(server))
        finally:
            world.psql(f"DELETE FROM signing_keys WHERE kid = '{kid}'")

    def test_a_key_of_ones_own_with_the_master_key_works(self):
        """What the other test changes one thing of."""
        player = Player(world.server)
        own = signing.ec.generate_private_key(signing.ec.SECP256R1())
        kid, point, sealed = signing.new_row(world.master_key, own)
        world.psql("INSERT INTO signing_keys (kid, public_key, private_key, signs_from, retires_at) "
                   f"VALUES ('{kid}', '\\x{point}', '\\x{sealed}', now() - interval '1 day', "
                   "now() + interval '1 day')")
        token = Signer(own).token(player.session["account"]["id"], player.session["id"])
        for server in pair:
            self.assertTrue(eventually(lambda s=server: code_of(s, token) is None, 3))

    def test_the_database_holds_no_private_key_in_the_clear(self):
        der = signing.newest_key(world.psql, world.master_key).private_numbers().private_value
        rows = world.psql("SELECT encode(private_key, 'hex') FROM signing_keys")
        self.assertNotIn(der.to_bytes(32, "big").hex(), rows)
        self.assertNotIn("301306072a8648ce3d0201", rows, "PKCS #8 names its algorithm")


class Starts(unittest.TestCase):
    def test_keys_survive_a_restart(self):
        player = Player(world.server)
        keys = published(world.server)
        world.servers[1].stop()
        world.servers[1].start(world.env)
        self.assertEqual(published(world.servers[1]), keys)
        self.assertIsNone(code_of(world.servers[1], player.token))

    def test_many_instances_at_an_empty_database_make_one_key(self):
        crowd = World("keys-first", servers=0, http__loops=2)
        self.addCleanup(crowd.close)
        servers = [crowd.add_server(start=False) for _ in range(3)]
        threads = [threading.Thread(target=server.start, args=(crowd.env,)) for server in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(crowd.psql("SELECT count(*) FROM signing_keys"), "1")
        player = Player(servers[0])
        for server in servers:
            self.assertIsNone(code_of(server, player.token))

    def test_with_another_master_key_a_server_is_not_ready_and_says_why(self):
        other = certificates.ensure_master_key(world.home / "other")
        server = world.add_server(wait_for="/livez", auth__master_key=other)
        self.assertTrue(eventually(
            lambda: "another auth.master_key" in server.log_path.read_text(encoding="utf-8"), 10))
        status, page = server.get("/readyz")
        self.assertEqual(status, 503)
        self.assertIn("signing keys: not known", page)
        self.assertEqual(server.get("/.well-known/jwks.json")[0], 503)
        self.assertEqual(code_of(server, Player(world.server).token), "unavailable")
        server.stop()

    def test_the_master_key_can_be_changed(self):
        """The new one in front of the old: what the old one sealed opens, new things are sealed by
        the new one."""
        both = world.home / "both.key"
        fresh = certificates.ensure_master_key(world.home / "fresh")
        both.write_text(fresh.read_text(encoding="ascii")
                        + world.master_key.read_text(encoding="ascii"), encoding="ascii")
        server = world.add_server(auth__master_key=both)
        self.assertIsNone(code_of(server, Player(world.server).token))
        server.stop()


if __name__ == "__main__":
    unittest.main()
