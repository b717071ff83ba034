"""Chat on two servers while everything around them breaks: nothing acknowledged is lost, nothing is
doubled, order is kept, whoever has to come back comes back to all of it, and whoever is outside
hears nothing.

tools/loadgen talks and keeps the ledger (its mode "delivery"); each test here is one disturbance
in a seeded order, followed by a check. `./dev test delivery --rounds N --seed N` does more of them,
or the same again.
"""

import contextlib
import faulthandler
import json
import os
import pathlib
import queue
import random
import signal
import subprocess
import threading
import time
import unittest

from harness import World, eventually
from players import Crowd
from server_process import why_not_listen

LOADGEN = pathlib.Path(os.environ["WAYSTONE_TEST_LOADGEN"])
ROUNDS = int(os.environ.get("WAYSTONE_TEST_ROUNDS", "7"))
SEED = int(os.environ.get("WAYSTONE_TEST_SEED") or time.time())
PLAYERS, CONNECTIONS, CHANNELS, RATE = 40, 8, 3, 80
CHECK_TIMEOUT_S = 150  # loadgen itself gives up after a minute of no progress
ROUND_TIMEOUT_S = 300
# What was acknowledged has to survive PostgreSQL's end, though not the machine's.
POSTGRES = ["fsync=off", "full_page_writes=off"]

world = None
checker = None
chance = random.Random(SEED)


def fixed_port():
    """A port from outside the range that outgoing connections take: nobody may have it while its
    server is away, least of all a connection to itself."""
    return next(port for port in iter(lambda: random.randrange(20000, 32000), None)
                if why_not_listen(port) is None)


def setUpModule():
    global world
    world = World("delivery", servers=0, private=True, postgres=POSTGRES, http__loops=2)
    for _ in range(2):
        world.add_server(http__port=fixed_port())


def tearDownModule():
    if checker is not None:
        checker.kill()
    world.close()


# --- the checker ---

class Checker:
    """loadgen, which talks from the start and checks when it is told to."""

    def __init__(self):
        crowd = Crowd(world.cluster, "delivery", world.master_key)
        crowd.add(PLAYERS)
        self.channels = [crowd.add_channel() for _ in range(CHANNELS)]
        self.people = crowd.people
        self._give_to_first()
        players = crowd.write(world.home / "players", lambda _: self.channels)
        targets = ",".join(f"127.0.0.1:{server.port}" for server in world.servers)
        # The program ends where it finds a breach; what it holds then is no leak.
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", **{
            name: value for name, value in world.env.items() if name == "UBSAN_OPTIONS"})
        self.process = subprocess.Popen(
            [LOADGEN, "delivery", "--target", targets, "--players", players, "--player-count",
             str(PLAYERS), "--connections", str(CONNECTIONS), "--rate", str(RATE), "--mixed",
             "--account", "--moves"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=env)
        self.lines = queue.Queue()
        self.complaints = []
        self.threads = [threading.Thread(target=self._read_lines),
                        threading.Thread(target=self._read_complaints)]
        for thread in self.threads:
            thread.start()
        self.next_line()

    def _give_to_first(self):
        """The first player keeps the channels, which are open: others leave them and come back."""
        chosen = ", ".join(map(str, self.channels))
        world.psql(f"UPDATE channels SET open = true WHERE id IN ({chosen}); "
                   f"UPDATE channel_members SET role = 3 WHERE channel_id IN ({chosen}) "
                   f"AND account_id = {self.people[0][0]}")

    def _read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _read_complaints(self):
        self.complaints.extend(self.process.stderr)

    def next_line(self):
        try:
            line = self.lines.get(timeout=CHECK_TIMEOUT_S)
        except queue.Empty:
            line = None
        if line is None:
            self.kill()
            raise AssertionError("the checker found:\n" + "".join(self.complaints))
        return json.loads(line)

    def check(self):
        """Nobody talks until all is heard; raises AssertionError with the breaches."""
        with contextlib.suppress(BrokenPipeError):  # it found a breach after the last check
            self.process.stdin.write("check\n")
            self.process.stdin.flush()
        counts = self.next_line()
        if counts["breaches"] > 0:
            self.next_line()  # there is none: it ends
        return counts

    def is_alive(self):
        return self.process.poll() is None

    def kill(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


# --- disturbances ---

def away_s():
    """Long enough to be noticed, or hardly."""
    return chance.choice([0, 0.2, 1, 3])


def restart_server(server):
    server.start(world.env)


def postgres_is_restarted():
    world.cluster.stop()
    time.sleep(away_s())
    world.cluster.start()


def postgres_ends_at_once():
    world.cluster.stop(number=signal.SIGQUIT)
    world.cluster.start()


def postgres_is_killed():
    world.cluster.stop(number=signal.SIGKILL)
    world.cluster.start()


def postgres_drops_its_clients():
    world.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
               "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")


def redis_is_restarted():
    world.redis.stop()
    time.sleep(away_s())
    world.redis.start()


def redis_is_killed():
    world.redis.process.stop(5, signal.SIGKILL)
    world.redis.start()


def redis_freezes():
    pid = world.redis.process.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(chance.choice([1, 3, 6]))
    finally:
        os.kill(pid, signal.SIGCONT)


def redis_forgets():
    world.redis.command("FLUSHALL")


def redis_drops_its_clients():
    world.redis.command("CLIENT", "KILL", "TYPE", "normal")
    world.redis.command("CLIENT", "KILL", "TYPE", "pubsub")


def a_server_is_killed():
    server = chance.choice(world.servers)
    server.kill()
    time.sleep(away_s())
    restart_server(server)


def a_server_is_drained():
    server = chance.choice(world.servers)
    assert server.stop(), f"{server.name} does not end after SIGTERM"
    assert server.process.exit_code() == 0, f"{server.name} ended badly; {server.log_path}"
    restart_server(server)


def both_servers_are_killed():
    for server in world.servers:
        server.kill()
    for server in world.servers:
        restart_server(server)


def both_servers_are_drained():
    at_once(*[lambda server=server: server.stop() for server in world.servers])
    for server in world.servers:
        restart_server(server)


def postgres_and_redis_are_restarted():
    at_once(postgres_is_restarted, redis_is_restarted)


def a_server_is_killed_while_redis_is_frozen():
    at_once(redis_freezes, a_server_is_killed)


def a_server_is_drained_while_postgres_is_killed():
    """What waits for the database may keep the server from ending well, not from ending."""
    server = chance.choice(world.servers)
    at_once(server.stop, postgres_is_killed)
    restart_server(server)


def at_once(*actions):
    errors = []

    def run(action):
        try:
            action()
        except BaseException as error:  # raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


DISTURBANCES = [
    postgres_is_restarted, postgres_ends_at_once, postgres_is_killed, postgres_drops_its_clients,
    redis_is_restarted, redis_is_killed, redis_freezes, redis_forgets, redis_drops_its_clients,
    a_server_is_killed, a_server_is_drained, both_servers_are_killed, both_servers_are_drained,
    postgres_and_redis_are_restarted, a_server_is_killed_while_redis_is_frozen,
    a_server_is_drained_while_postgres_is_killed]
# What a few rounds have at least.
FIRST = [postgres_is_restarted, postgres_is_killed, redis_is_restarted, redis_freezes,
         a_server_is_killed, a_server_is_drained]


def order():
    """Every disturbance before one comes again; those of FIRST in front."""
    first = chance.sample(FIRST, len(FIRST))
    rest = [each for each in DISTURBANCES if each not in FIRST]
    chosen = first + chance.sample(rest, len(rest))
    while len(chosen) < ROUNDS:
        chosen += chance.sample(DISTURBANCES, len(DISTURBANCES))
    return chosen[:ROUNDS]


# --- whether it would be noticed ---

class Checking(unittest.TestCase):
    """Faults made in the database by hand, which no server made."""

    def breach(self, sql):
        """What the checker says after the statement."""
        return self.said_after(lambda found, **names: world.psql(sql.format(**names)))

    def said_after(self, fault):
        """What the checker says after fault(checker, channel=, first=), of one of its messages."""
        faulthandler.dump_traceback_later(ROUND_TIMEOUT_S, exit=True)
        found = Checker()
        try:
            channel = found.channels[0]
            self.assertTrue(eventually(lambda: int(world.psql(
                f"SELECT last_sequence FROM channels WHERE id = {channel}")) > 5))
            # Of a speaker who has said more since: it is changed no more.
            first = ("SELECT coalesce(min(sequence)::text, '') FROM messages m WHERE channel_id = "
                     f"{channel} AND deleted_at IS NULL AND edited_at IS NULL AND EXISTS (SELECT 1 "
                     "FROM messages n WHERE n.account_id = m.account_id AND n.sent_at > m.sent_at)")
            self.assertTrue(eventually(lambda: world.psql(first) != ""))
            first = world.psql(first)
            fault(found, channel=channel, first=first)
            with self.assertRaises(AssertionError) as raised:
                for _ in range(2):
                    found.check()
            return str(raised.exception)
        finally:
            found.kill()

    INSERT = """
        WITH next AS (UPDATE channels SET last_sequence = last_sequence + 1 WHERE id = {{channel}}
                      RETURNING last_sequence)
        INSERT INTO messages (channel_id, sequence, account_id, character_id, character_name, text,
                              sent_at)
        SELECT channel_id, last_sequence, account_id, character_id, character_name, {text}, sent_at
        FROM messages, next WHERE channel_id = {{channel}} AND sequence = {{first}}"""

    def test_a_message_that_nobody_said(self):
        self.assertIn("nobody said 'forged'", self.breach(self.INSERT.format(text="'forged'")))

    def test_a_doubled_message(self):
        self.assertIn("has two places", self.breach(self.INSERT.format(text="text")))

    def test_a_lost_message(self):
        said = self.breach("DELETE FROM messages WHERE channel_id = {channel} AND sequence = {first}")
        self.assertIn("the history does not have it", said)

    def test_a_changed_message(self):
        said = self.breach("UPDATE messages SET text = 'other' "
                           "WHERE channel_id = {channel} AND sequence = {first}")
        self.assertIn("came as 'other', in the history", said)

    def test_an_edit_that_nobody_made(self):
        said = self.breach("UPDATE messages SET text = text || ' edited', edited_at = now() "
                           "WHERE channel_id = {channel} AND sequence = {first}")
        self.assertRegex(said, "came as 'delivery .* edited', in the history")

    def test_a_message_that_nobody_took_back(self):
        said = self.breach("UPDATE messages SET text = '', deleted_at = now() "
                           "WHERE channel_id = {channel} AND sequence = {first}")
        self.assertIn("came as '', taken back, in the history", said)

    def wait_for(self, found, words):
        self.assertTrue(eventually(lambda: any(words in line for line in found.complaints), 30),
                        f"nobody says '{words}', but {found.complaints}")

    def test_a_channel_that_ends_for_a_member(self):
        def fault(found, channel, first):
            theirs = f"WHERE channel_id = {channel} AND account_id = {found.people[1][0]}"
            world.psql(f"UPDATE channel_members SET left_at = now() {theirs}")
            self.wait_for(found, "has ended")
            world.psql(f"UPDATE channel_members SET left_at = NULL {theirs}")

        self.assertIn("has ended for somebody who is in it", self.said_after(fault))

    def test_members_who_only_seem_to_leave(self):
        def fault(found, channel, first):
            world.psql("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql "
                       "AS 'BEGIN NEW.left_at := NULL; RETURN NEW; END'; "
                       "CREATE TRIGGER keep BEFORE UPDATE ON channel_members "
                       "FOR EACH ROW EXECUTE FUNCTION keep()")
            self.wait_for(found, "has not ended")

        self.addCleanup(world.psql, "DROP FUNCTION keep CASCADE")
        said = self.said_after(fault)
        self.assertIn("has not ended for somebody who is outside", said)
        self.assertIn("/ListMessages was answered with grpc-status 0", said)


# --- rounds ---

class Delivery(unittest.TestCase):
    totals = {"moves": 0, "ends": 0}

    @classmethod
    def setUpClass(cls):
        print(f"  {ROUNDS} rounds with --seed {SEED}", flush=True)

    def setUp(self):
        """Everything is there again, the checker too if it ended over a breach."""
        global checker
        faulthandler.dump_traceback_later(ROUND_TIMEOUT_S, exit=True)
        world.cluster.start()
        world.redis.start()
        for server in world.servers:
            if server.pid() is None:
                restart_server(server)
            self.assertTrue(eventually(server.is_ready, 30), f"{server.name} is not ready")
        if checker is None or not checker.is_alive():
            checker = Checker()

    def round(self, disturbance):
        said = "SELECT sum(last_sequence) FROM channels"
        before = int(world.psql(said))
        self.assertTrue(eventually(lambda: int(world.psql(said)) > before + 5), "nobody talks")
        disturbance()
        time.sleep(chance.choice([0, 0.5]))
        counts = checker.check()
        told = ", ".join(f"{name} {value}" for name, value in counts.items()
                         if name not in ("check", "breaches"))
        print(f"    {told}", flush=True)
        for name in self.totals:
            self.totals[name] += counts[name]
        for server in world.servers:
            self.assertIsNotNone(server.pid(), f"{server.name} ended: {server.complaints()}")
            self.assertEqual(server.complaints(), "")


    def test_zzzz_members_have_left_and_come_back(self):
        """After the rounds: the rules of what is heard from outside had something to say."""
        self.assertGreater(self.totals["moves"], ROUNDS)
        self.assertGreater(self.totals["ends"], 0)


def add_rounds():
    def make(disturbance):
        return lambda self: self.round(disturbance)

    for number, disturbance in enumerate(order(), 1):
        setattr(Delivery, f"test_{number:04}_{disturbance.__name__}", make(disturbance))


add_rounds()
