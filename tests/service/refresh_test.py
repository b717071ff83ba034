"""Refresh tokens: rotation, its grace, what a thief can do with one, and the server's end at every
step of it."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import random
import threading
import unittest

from harness import (GET_SESSION, PASSWORD, REFRESH, REGISTER, SIGN_IN, VERIFY_EMAIL, Api, Player,
                     RpcError, World, eventually, unique)

LIST_NOTIFICATIONS = "notification.v1.NotificationService/ListNotifications"
DATABASE = "refresh"
GRACE_S = 10
world = None


def setUpModule():
    global world
    world = World(DATABASE, servers=2, http__loops=1)


def tearDownModule():
    world.close()


class Holder:
    """Somebody with a refresh token, who keeps the newest answer."""

    def __init__(self, session, server=None):
        self.server = server or world.server
        self.id = session["id"]
        self.keep(session)

    def keep(self, session):
        self.token, self.access = session["refreshToken"], session["accessToken"]

    def copy(self, server=None):
        """A thief's."""
        return Holder({"id": self.id, "refreshToken": self.token, "accessToken": self.access},
                      server or self.server)

    def refresh(self):
        """True, or False when the session is over."""
        try:
            session = Api(self.server).call(REFRESH, {"refreshToken": self.token})["session"]
        except RpcError as error:
            assert error.code == "unauthenticated", error
            return False
        assert session["id"] == self.id
        self.keep(session)
        return True

    def is_in(self):
        try:
            Api(self.server, self.access).call(GET_SESSION)
            return True
        except RpcError as error:
            assert error.code == "unauthenticated", error
            return False


def sign_up(server=None):
    name = unique("fresh")
    return Holder(Api(server or world.server).call(REGISTER, {
        "userName": name, "email": f"{name}@example.org", "password": PASSWORD})["session"], server)


def end_grace(holder):
    """As if ten seconds had passed."""
    world.psql(f"UPDATE sessions SET rotated_at = rotated_at - interval '{GRACE_S} seconds' "
               f"WHERE id = {holder.id}")


def is_open(holder):
    return world.psql(f"SELECT revoked_at IS NULL FROM sessions WHERE id = {holder.id}") == "t"


class Rotation(unittest.TestCase):
    def test_each_token_buys_the_next_pair(self):
        owner = sign_up()
        seen = {owner.token}
        for _ in range(5):
            self.assertTrue(owner.refresh())
            self.assertTrue(owner.is_in())
            self.assertNotIn(owner.token, seen)
            self.assertEqual(len(owner.token), 43, "256 bits")
            seen.add(owner.token)

    def test_tokens_are_nowhere_in_the_database(self):
        owner = sign_up()
        first = owner.token
        owner.refresh()
        dump = world.psql("SELECT t::text FROM sessions t UNION ALL SELECT t::text FROM "
                          "refresh_tokens t UNION ALL SELECT t::text FROM audit_log t")
        for token in (first, owner.token):
            self.assertNotIn(token, dump)
            self.assertNotIn(token.encode().hex(), dump)
            self.assertIn(hashlib.sha256(token.encode()).hexdigest(), dump)

    def test_what_is_no_token(self):
        for token in ("x", "A" * 43, "A" * 128, sign_up().token[:-1], "é", "'; --"):
            with self.assertRaises(RpcError) as raised:
                Api(world.server).call(REFRESH, {"refreshToken": token})
            self.assertEqual((raised.exception.code, raised.exception.message),
                             ("unauthenticated", "the session has ended; sign in"))

    def test_an_expired_token_is_refused_and_no_theft(self):
        owner = sign_up()
        world.psql("UPDATE sessions SET expires_at = now() WHERE id = " + owner.id)
        self.assertFalse(owner.refresh())
        self.assertTrue(is_open(owner))

    def test_a_session_has_an_end(self):
        """However often it is refreshed; its tokens do not promise more."""
        owner = sign_up()
        world.psql("UPDATE sessions SET created_at = now() - interval '90 days' + "
                   f"interval '5 minutes' WHERE id = {owner.id}")
        session = Api(world.server).call(REFRESH, {"refreshToken": owner.token})["session"]
        left_s = int(world.psql("SELECT extract(epoch FROM timestamptz "
                                f"'{session['refreshTokenExpiresAt']}' - now())::int"))
        self.assertTrue(280 <= left_s <= 300, left_s)
        self.assertLessEqual(session["accessTokenExpiresAt"].rstrip("Z"),
                             session["refreshTokenExpiresAt"].rstrip("Z"))
        world.psql(f"UPDATE sessions SET expires_at = now() WHERE id = {owner.id}")
        owner.keep(session)
        self.assertFalse(owner.refresh())

    def test_parallel_refreshes_leave_one_token(self):
        """Of many answers the one that was given last is good; nobody is signed out."""
        owner = sign_up()
        holders = [owner.copy(world.servers[i % 2]) for i in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(list(pool.map(Holder.refresh, holders)), [True] * 8)
        current = world.psql("SELECT encode(token_hash, 'hex') FROM sessions WHERE id = "
                             + owner.id)
        good = [holder for holder in holders
                if hashlib.sha256(holder.token.encode()).hexdigest() == current]
        self.assertEqual(len(good), 1)
        self.assertTrue(good[0].refresh())


class Grace(unittest.TestCase):
    def test_a_lost_answer_is_asked_for_again(self):
        owner = sign_up()
        late = owner.copy()
        self.assertTrue(owner.refresh())
        self.assertTrue(late.refresh())
        self.assertTrue(late.refresh())

    def test_asking_again_does_not_prolong_it(self):
        owner = sign_up()
        first, second = owner.copy(), owner.copy()
        owner.refresh()
        self.assertTrue(first.refresh())
        end_grace(owner)
        self.assertFalse(second.refresh())
        self.assertFalse(is_open(owner))

    def test_it_is_for_the_one_before_only(self):
        owner = sign_up()
        thief = owner.copy()
        owner.refresh()
        owner.refresh()
        self.assertFalse(thief.refresh())
        self.assertFalse(owner.refresh())


class Theft(unittest.TestCase):
    def over(self, *holders):
        for holder in holders:
            self.assertFalse(holder.refresh())
            self.assertTrue(eventually(lambda h=holder: not h.is_in(), 2))

    def test_a_used_token_ends_the_session_everywhere(self):
        owner = sign_up()
        thief = owner.copy(world.servers[1])
        owner.refresh()
        end_grace(owner)
        self.assertFalse(thief.refresh())
        self.over(owner, thief)

    def test_whoever_is_first_in_the_grace_a_fork_does_not_survive(self):
        for thief_first in (True, False):
            owner = sign_up()
            thief = owner.copy(world.servers[1])
            one, other = (thief, owner) if thief_first else (owner, thief)
            self.assertTrue(one.refresh())
            self.assertTrue(other.refresh())  # in the grace; takes the place of what `one` got
            self.assertFalse(one.refresh())
            self.over(owner, thief)

    def test_two_holders_never_both_go_on(self):
        """Any order of calls, in the grace and after it: once both have used a token each after
        they parted, nobody is in."""
        chance = random.Random(20)
        for _ in range(25):
            owner = sign_up()
            holders = [owner, owner.copy(world.servers[1])]
            turns = [0, 0]
            while turns[0] < 2 or turns[1] < 2:
                who = chance.randrange(2)
                if chance.random() < 0.3:
                    end_grace(owner)
                turns[who] += 1
                if not holders[who].refresh():
                    break
            else:
                self.fail(f"both hold the session after {turns} uses")
            self.assertFalse(is_open(owner))
            self.assertFalse(holders[0].refresh() or holders[1].refresh())

    def test_the_owner_is_told(self):
        player = Player(world.server)
        account = player.session["account"]["id"]
        owner = Holder(player.session)
        thief = owner.copy()
        elsewhere = Api(world.server)
        elsewhere.token = elsewhere.call(SIGN_IN, {
            "login": player.name, "password": PASSWORD})["session"]["accessToken"]
        address = f"{player.name}@example.org"
        player.api.call(VERIFY_EMAIL, {"token": world.mail_to(address, "").token})
        owner.refresh()
        end_grace(owner)
        self.assertFalse(thief.refresh())
        self.assertFalse(thief.refresh())  # again: nothing new

        def told():
            return [one for one in elsewhere.call(LIST_NOTIFICATIONS).get("notifications", [])
                    if one["kind"] == "NOTIFICATION_KIND_SECURITY"]

        self.assertTrue(eventually(lambda: len(told()) == 1, 10))
        self.assertIn("signed out", told()[0]["text"])
        self.assertEqual(world.psql("SELECT count(*) FROM audit_log WHERE action = "
                                    f"'session.token_reused' AND account_id = {account} "
                                    f"AND target_id = {owner.id}"), "1")
        mail = world.mail_to(address, "session was ended")
        self.assertNotIn(owner.token, mail.text)
        self.assertEqual(len(world.mails(address)), 2)
        elsewhere.call(GET_SESSION)  # other sessions are not touched


# --- the server's end ---

STEPS = {
    # What another session holds, so that the rotation stops there; whether its commit is reached.
    "before the session is found": ("LOCK TABLE sessions", False),
    "before the owner is read": ("LOCK TABLE accounts", False),
    "before the new token is written": ("LOCK TABLE refresh_tokens IN SHARE MODE", False),
    "before the session is changed": ("LOCK TABLE sessions IN SHARE MODE", False),
    "before the commit": ("SELECT pg_advisory_xact_lock(4711)", True),
}

# A commit waits for whoever holds the lock.
SLOW_COMMIT = """
CREATE FUNCTION wait_to_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4711);
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER wait_to_commit AFTER UPDATE OF token_hash ON sessions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_to_commit()"""


class Ends(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        world.psql(SLOW_COMMIT)
        cls.server = world.add_server(http__loops=1)

    @classmethod
    def tearDownClass(cls):
        world.psql("DROP TRIGGER wait_to_commit ON sessions; DROP FUNCTION wait_to_commit()")

    @contextlib.contextmanager
    def held(self, statement):
        with world.cluster.session(DATABASE) as session:
            session.stdin.write(f"BEGIN; {statement}; SELECT 'held';\n")
            session.stdin.flush()
            while (line := session.stdout.readline()) != "held\n":
                assert line, f"{statement} failed"
            yield

    def waiting(self):
        return int(world.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                              "AND datname = current_database() AND query NOT LIKE '%pg_stat%'"))

    def refresh_and_kill(self, owner, statement):
        """The server ends by SIGKILL while the rotation waits; the client hears nothing."""
        heard = []

        def call():
            try:
                heard.append(Api(self.server).call(REFRESH, {"refreshToken": owner.token}))
            except (OSError, http.client.HTTPException):
                pass

        thread = threading.Thread(target=call)
        with self.held(statement):
            before = self.waiting()
            thread.start()
            self.assertTrue(eventually(lambda: self.waiting() > before), "it does not wait there")
            self.server.kill()
            thread.join()
        self.assertEqual(heard, [])
        self.assertTrue(eventually(lambda: self.waiting() == 0))
        self.server.start(world.env)

    def test_no_step_loses_a_session_or_lets_a_thief_in(self):
        for step, (statement, is_written) in STEPS.items():
            with self.subTest(step):
                owner = sign_up()
                owner.server = self.server
                thief = owner.copy()
                self.refresh_and_kill(owner, statement)
                self.assertEqual(world.psql("SELECT previous_token_hash IS NOT NULL FROM sessions "
                                            f"WHERE id = {owner.id}"), "t" if is_written else "f")
                self.assertTrue(owner.refresh(), "the session is lost")
                self.assertTrue(owner.is_in())
                self.assertTrue(owner.refresh())
                self.assertFalse(thief.refresh(), "the token was used twice")
                self.assertFalse(owner.refresh())

    def test_the_answer_outlives_the_server(self):
        owner = sign_up()
        owner.server = self.server
        self.assertTrue(owner.refresh())
        self.server.kill()
        self.server.start(world.env)
        self.assertTrue(owner.is_in())
        self.assertTrue(owner.refresh())


class Services(unittest.TestCase):
    """Sessions are in PostgreSQL: nothing else has to stay."""

    def test_restarts_of_everything(self):
        # Without synchronous_commit a killed PostgreSQL may forget what it has acknowledged.
        own = World("refresh-services", private=True, http__loops=1,
                    postgres=["fsync=off", "full_page_writes=off"])
        self.addCleanup(own.close)
        owner, gone = sign_up(own.server), sign_up(own.server)
        stolen, last = owner.copy(), None
        owner.refresh()
        Api(own.server, gone.access).call("auth.v1.AuthService/SignOut")

        def restart_server():
            own.server.stop()
            own.server.start(own.env)

        def restart_redis():
            own.redis.stop()
            own.redis.start()

        def restart_postgres():
            own.cluster.stop()
            own.cluster.start()

        for restart in (restart_server, restart_redis, restart_postgres):
            with self.subTest(restart.__name__):
                restart()
                self.assertTrue(eventually(lambda: own.server.is_ready()))
                self.assertTrue(eventually(lambda: "redis: up" in own.server.get("/readyz")[1]))
                self.assertTrue(owner.is_in())
                last = owner.token
                self.assertTrue(owner.refresh())
                self.assertNotEqual(owner.token, last)
                self.assertFalse(gone.is_in())
                self.assertFalse(gone.refresh())
        self.assertFalse(stolen.refresh(), "what was used before the restarts is known")
        self.assertFalse(owner.refresh())


if __name__ == "__main__":
    unittest.main()
