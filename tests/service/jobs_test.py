"""Periodic jobs: once, whatever the number of instances; what is deleted when, and what is not."""

import os
import signal
import time
import unittest
import uuid

from admin_tool import run_job
from harness import CREATE_CHARACTER, Player, RpcError, World, unique

REFRESH = "auth.v1.AuthService/RefreshSession"
world = None


def setUpModule():
    global world
    world = World("jobs", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def count(table, where="true"):
    return int(world.psql(f"SELECT count(*) FROM {table} WHERE {where}"))


class Once(unittest.TestCase):
    def test_two_instances_run_it_once(self):
        """A job that is due for both: one run for each time it falls due."""
        first = run_job(world, "expire_notifications")
        for expected in range(first + 1, first + 6):
            self.assertEqual(run_job(world, "expire_notifications"), expected)
        # Nobody runs it a second time: its next turn is a period away.
        self.assertEqual(world.psql(
            "SELECT next_at > now() + interval '5 minutes' AND status = 'OK' "
            "FROM jobs WHERE name = 'expire_notifications'"), "t")

    def test_a_holder_that_died_is_replaced(self):
        """Another holder has the lease; when its time is over the job runs."""
        name = "expire_idempotency_keys"
        runs = run_job(world, name)
        world.psql("INSERT INTO leases (name, holder, token, expires_at) VALUES "
                   f"('job/{name}', 'somebody', 7, now() + interval '3 seconds') ON CONFLICT "
                   "(name) DO UPDATE SET holder = 'somebody', token = leases.token + 1, "
                   "expires_at = now() + interval '3 seconds'")
        started = time.monotonic()
        self.assertEqual(run_job(world, name), runs + 1)
        self.assertGreater(time.monotonic() - started, 2, "it ran beside the holder")

    def test_a_killed_instance_is_replaced(self):
        victim = world.servers[1]
        runs = run_job(world, "expire_account_events")
        os.kill(victim.pid(), signal.SIGKILL)
        victim.process.wait(10)
        self.assertEqual(run_job(world, "expire_account_events"), runs + 1)
        victim.start(world.env)


class Expiry(unittest.TestCase):
    def setUp(self):
        self.player = Player(world.server)
        self.account = int(self.player.session["account"]["id"])

    def test_idempotency_keys_live_for_a_day(self):
        key = str(uuid.uuid4())
        request = {"name": unique("Twice"), "race": "RACE_AURELIN", "faction": "FACTION_VOID",
                   "idempotencyKey": key}
        first = self.player.api.call(CREATE_CHARACTER, request)
        world.psql("UPDATE idempotency_keys SET created_at = now() - interval '23 hours' "
                   f"WHERE key = '{key}'")
        run_job(world, "expire_idempotency_keys")
        self.assertEqual(self.player.api.call(CREATE_CHARACTER, request), first)
        world.psql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours' "
                   f"WHERE key = '{key}'")
        run_job(world, "expire_idempotency_keys")
        with self.assertRaises(RpcError) as raised:
            self.player.api.call(CREATE_CHARACTER, request)
        self.assertEqual(raised.exception.code, "already_exists")

    def test_many_rows_go_in_bounded_batches(self):
        world.psql("INSERT INTO idempotency_keys SELECT "
                   f"{self.account}, 'old', 'k' || n, sha256('x'), '', now() - interval '2 days' "
                   "FROM generate_series(1, 3500) n")
        run_job(world, "expire_idempotency_keys")
        self.assertEqual(count("idempotency_keys", "method = 'old'"), 0)

    def test_sessions_end_with_their_last_token(self):
        session = int(self.player.session["id"])
        other = Player(world.server)
        world.psql("UPDATE refresh_tokens SET expires_at = now() - interval '1 day' "
                   f"WHERE session_id = {session}")
        run_job(world, "expire_sessions")
        self.assertEqual(count("sessions", f"id = {session}"), 1, "its access token may live")
        world.psql("UPDATE refresh_tokens SET expires_at = now() - interval '3 days' "
                   f"WHERE session_id = {session}")
        run_job(world, "expire_sessions")
        self.assertEqual(count("refresh_tokens", f"session_id = {session}"), 0)
        self.assertEqual(count("sessions", f"id = {session}"), 0)
        other.api.call(REFRESH, {"refreshToken": other.session["refreshToken"]})

    def test_notifications(self):
        ages = {"read 29": True, "read 31": False, "unread 31": True, "unread 181": False}
        for text in ages:
            state, days = text.split()
            read = f"now() - interval '{days} days'" if state == "read" else "NULL"
            world.psql("INSERT INTO notifications (account_id, kind, text, created_at, read_at) "
                       f"VALUES ({self.account}, 1, '{text}', now() - interval '{days} days', "
                       f"{read})")
        run_job(world, "expire_notifications")
        left = world.psql(f"SELECT text FROM notifications WHERE account_id = {self.account}")
        self.assertEqual(set(left.splitlines()), {text for text, stays in ages.items() if stays})

    def test_account_events_leave_their_end_behind(self):
        world.psql(f"INSERT INTO account_heads VALUES ({self.account}, 5, 0); "
                   "INSERT INTO account_events (account_id, sequence, event, created_at) SELECT "
                   f"{self.account}, n, '', now() - (35 - 2 * n) * interval '1 day' "
                   "FROM generate_series(1, 5) n")
        run_job(world, "expire_account_events")
        self.assertEqual(world.psql("SELECT min(sequence), max(sequence) FROM account_events "
                                    f"WHERE account_id = {self.account}"), "3|5")
        self.assertEqual(world.psql("SELECT last_sequence, archived_sequence FROM account_heads "
                                    f"WHERE account_id = {self.account}"), "5|2")


if __name__ == "__main__":
    unittest.main()
