"""The audit log: append-only by the database, sealed into a chain, and whatever is changed behind the
database's back is found."""

import json
import pathlib
import shutil
import tempfile
import unittest

from admin_tool import admin, done, run_job
from harness import PASSWORD, SIGN_IN, SIGN_OUT, Api, Player, RpcError, World, eventually
from console import Problem

world = None


def setUpModule():
    global world
    world = World("audit", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def seal():
    """Everything written so far is in the chain."""
    assert eventually(lambda: world.psql("SELECT count(*) FROM jobs WHERE name = 'audit_seal'")
                      == "1")
    while world.psql("SELECT count(*) FROM audit_unsealed") != "0":
        run_job(world, "audit_seal")


def tamper(sql):
    """As somebody does who owns the database and gets round its triggers."""
    world.psql(f"SET session_replication_role = replica; {sql}")


class Log(unittest.TestCase):
    def refused(self, sql):
        with self.assertRaises(Problem) as raised:
            world.psql(sql)
        self.assertIn("the audit log is never changed", raised.exception.details)

    def test_the_database_refuses_changes(self):
        Player(world.server)
        seal()
        self.refused("UPDATE audit_log SET status = 'OK', detail = 'nothing'")
        self.refused("UPDATE audit_log SET peer = '10.0.0.1'")
        self.refused("UPDATE audit_log SET account_id = 1, peer = NULL, note = NULL, salt = NULL")
        self.refused("DELETE FROM audit_log")
        self.refused("TRUNCATE audit_log CASCADE")
        self.refused("UPDATE audit_chain SET hash = hash")
        self.refused("DELETE FROM audit_chain")
        self.refused("TRUNCATE audit_chain")

    def test_a_call_is_written_once(self):
        """In the transaction of its act when it succeeds, by the queue when it fails."""
        player = Player(world.server)
        account = player.session["account"]["id"]
        with self.assertRaises(RpcError):
            Api(world.server).call(SIGN_IN, {"login": player.name, "password": "wrong"})
        Api(world.server).call(SIGN_IN, {"login": player.name, "password": PASSWORD})
        player.api.call(SIGN_OUT)
        rows = ("SELECT split_part(action, '/', 3), status FROM audit_log "
                f"WHERE account_id = {account} ORDER BY 1, 2")
        expected = "Register|OK\nSignIn|OK\nSignIn|UNAUTHENTICATED\nSignOut|OK"
        self.assertTrue(eventually(lambda: world.psql(rows) == expected), world.psql(rows))
        listed = done(world, "audit", "list", "--account", player.name)["entries"]
        self.assertEqual(len(listed), 4)
        self.assertEqual({entry["user_name"] for entry in listed}, {player.name})
        self.assertEqual({entry["peer"] for entry in listed}, {"127.0.0.1"})

    def test_two_servers_make_one_chain(self):
        for _ in range(3):
            for server in world.servers:
                Player(server)
        seal()
        self.assertEqual(world.psql("SELECT count(*) = max(position) AND min(position) = 1 "
                                    "FROM audit_chain"), "t")
        self.assertEqual(done(world, "audit", "verify")["verified"],
                         int(world.psql("SELECT count(*) FROM audit_log")))


class Tampering(unittest.TestCase):
    """Each test breaks the log in its own way, sees it found, and puts everything back."""

    def setUp(self):
        self.players = [Player(world.server) for _ in range(4)]
        seal()
        self.head = done(world, "audit", "head")
        for table in ("audit_log", "audit_chain", "audit_unsealed"):
            world.psql(f"DROP TABLE IF EXISTS kept_{table}; "
                       f"CREATE TABLE kept_{table} AS SELECT * FROM {table}")
        self.victim = int(world.psql("SELECT audit_id FROM audit_chain ORDER BY position DESC "
                                     "OFFSET 2 LIMIT 1"))

    def tearDown(self):
        tamper("DELETE FROM audit_chain; DELETE FROM audit_log; DELETE FROM audit_unsealed; "
               "INSERT INTO audit_log OVERRIDING SYSTEM VALUE SELECT * FROM kept_audit_log; "
               "INSERT INTO audit_chain SELECT * FROM kept_audit_chain; "
               "INSERT INTO audit_unsealed SELECT * FROM kept_audit_unsealed")
        self.assertEqual(done(world, "audit", "verify")["verified"], self.head["position"])

    def found(self, *words):
        code, output, complaint = admin(world, "--json", "audit", "verify", *words)
        self.assertEqual(code, 3, output)
        self.assertIn("the audit log was tampered with", complaint)
        return [(f["audit_id"], f["problem"]) for f in json.loads(output)["findings"]]

    def test_every_column_counts(self):
        changes = {
            "action": "'/waystone.auth.v1.AuthService/SignIn'", "status": "'NOT_FOUND'",
            "account_id": "account_id + 1", "happened_at": "happened_at + interval '1 us'",
            "request_id": "request_id || 'x'", "target_kind": "'account'", "target_id": "7",
            "detail": "'something'", "personal_hash": "sha256('x')"}
        for column, value in changes.items():
            with self.subTest(column=column):
                tamper(f"UPDATE audit_log SET {column} = {value} WHERE id = {self.victim}")
                found = self.found()
                self.assertIn((self.victim,
                               "the row or its place was changed since it was sealed"), found)
                self.assertEqual({number for number, _ in found}, {self.victim})
                tamper(f"UPDATE audit_log l SET {column} = k.{column} FROM kept_audit_log k "
                       f"WHERE k.id = l.id AND l.id = {self.victim}")
        columns = world.psql("SELECT string_agg(column_name, ',' ORDER BY column_name) FROM "
                             "information_schema.columns WHERE table_name = 'audit_log'")
        self.assertEqual(set(columns.split(",")),
                         set(changes) | {"id", "peer", "note", "salt"},
                         "a column that no test changes")

    def test_personal_columns_count_until_they_are_erased(self):
        for column, value in (("peer", "'10.9.8.7'"), ("note", "'something'"), ("peer", "NULL")):
            with self.subTest(column=column, value=value):
                tamper(f"UPDATE audit_log SET {column} = {value} WHERE id = {self.victim}")
                self.assertEqual(self.found(), [(self.victim, "peer or note was changed")])
                tamper("UPDATE audit_log l SET peer = k.peer, note = k.note FROM kept_audit_log k "
                       f"WHERE k.id = l.id AND l.id = {self.victim}")

    def test_erasure_keeps_the_chain(self):
        account = self.players[0].session["account"]["id"]
        world.psql("UPDATE audit_log SET peer = NULL, note = NULL, salt = NULL "
                   f"WHERE account_id = {account}")
        self.assertEqual(done(world, "audit", "verify")["verified"], self.head["position"])

    def test_a_removed_row(self):
        tamper(f"DELETE FROM audit_log WHERE id = {self.victim}")
        self.assertEqual(self.found(), [(self.victim, "the row was removed")])

    def test_a_removed_row_and_its_link(self):
        tamper(f"DELETE FROM audit_log WHERE id = {self.victim}; "
               f"DELETE FROM audit_chain WHERE audit_id = {self.victim}")
        problems = [problem for _, problem in self.found()]
        self.assertIn("links before this row were removed", problems)

    def test_a_removed_row_with_the_links_moved_up(self):
        tamper(f"DELETE FROM audit_log WHERE id = {self.victim}; "
               f"DELETE FROM audit_chain WHERE audit_id = {self.victim}; "
               "UPDATE audit_chain c SET position = n.p FROM (SELECT audit_id, row_number() OVER "
               "(ORDER BY position) AS p FROM audit_chain) n WHERE n.audit_id = c.audit_id "
               "AND n.p <> c.position")
        self.assertIn("the row or its place was changed since it was sealed",
                      [problem for _, problem in self.found()])

    def test_reordered_rows(self):
        tamper(f"UPDATE audit_chain SET audit_id = -1 WHERE audit_id = {self.victim}; "
               f"UPDATE audit_chain SET audit_id = {self.victim} WHERE position = "
               f"(SELECT position + 1 FROM audit_chain WHERE audit_id = -1); "
               f"UPDATE audit_chain SET audit_id = (SELECT audit_id FROM kept_audit_chain k WHERE "
               "k.position = audit_chain.position + 1) WHERE audit_id = -1")
        self.assertGreaterEqual(len(self.found()), 2)

    def test_a_row_slipped_in(self):
        tamper("INSERT INTO audit_log (action, status, request_id, personal_hash) "
               "VALUES ('slipped.in', 'OK', '', sha256('x'))")
        number = int(world.psql("SELECT max(id) FROM audit_log"))
        self.assertEqual(self.found(),
                         [(number, "the row is not in the chain, and nobody is to seal it")])

    def test_the_end_cut_off(self):
        """Nothing within the database tells it: that is what a head kept elsewhere is for."""
        kept = f"{self.head['position']}:{self.head['hash']}"
        self.assertEqual(done(world, "audit", "verify", "--head", kept)["hash"],
                         self.head["hash"])
        tamper(f"DELETE FROM audit_log WHERE id >= {self.victim}; "
               f"DELETE FROM audit_chain WHERE audit_id >= {self.victim}")
        self.assertEqual(admin(world, "audit", "verify")[0], 0)
        self.assertEqual(self.found("--head", kept), [(0, "the chain ends before the head given")])

    def test_a_chain_made_anew(self):
        """Sealed again after a change, without a break: only the head tells."""
        kept = f"{self.head['position']}:{self.head['hash']}"
        tamper(f"UPDATE audit_log SET status = 'NOT_FOUND' WHERE id = {self.victim}; "
               "DELETE FROM audit_chain; INSERT INTO audit_unsealed SELECT id FROM audit_log")
        seal()
        self.assertEqual(admin(world, "audit", "verify")[0], 0)
        self.assertIn("the chain does not lead to the head given",
                      [problem for _, problem in self.found("--head", kept)])


class Export(unittest.TestCase):
    """Heads as files, for a place that the database's owner does not reach."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.heads = self.folder / "heads"
        self.world = World("audit-export", http__loops=1, audit__export_directory=self.heads)
        self.addCleanup(self.world.close)

    def sealed(self):
        """Something new is in the chain, and nothing waits: the head."""
        before = done(self.world, "audit", "head")["position"]
        Player(self.world.server)

        def ready():
            head = done(self.world, "audit", "head")
            return head["position"] > before and head["waiting"] == 0
        self.assertTrue(eventually(ready, 20))
        return done(self.world, "audit", "head")

    def test_the_server_writes_each_head_once(self):
        head = self.sealed()
        run_job(self.world, "audit_export")
        kept = self.heads / f"{head['position']:020}.head"
        self.assertEqual(kept.read_text(), f"{head['position']}:{head['hash']}\n")
        written = kept.stat().st_mtime_ns
        run_job(self.world, "audit_export")
        self.assertEqual(kept.stat().st_mtime_ns, written)
        later = self.sealed()
        run_job(self.world, "audit_export")
        self.assertEqual({path.name for path in self.heads.iterdir()} >=
                         {kept.name, f"{later['position']:020}.head"}, True)
        self.assertFalse([path for path in self.heads.iterdir() if path.suffix != ".head"])
        done(self.world, "audit", "verify", "--head", f"@{kept}")

    def test_an_operator_writes_one(self):
        head = self.sealed()
        kept = self.folder / "today.head"
        done(self.world, "audit", "head", "--out", kept)
        self.assertEqual(done(self.world, "audit", "verify", "--head", f"@{kept}")["verified"],
                         head["position"])
        kept.write_text(f"{head['position']}:{'0' * 64}\n")
        code, _, complaint = admin(self.world, "audit", "verify", "--head", f"@{kept}")
        self.assertEqual(code, 3, complaint)

    def test_what_cannot_be_written_or_read(self):
        self.sealed()
        code, _, complaint = admin(self.world, "audit", "head", "--out", "/proc/none/head")
        self.assertEqual(code, 1)
        self.assertIn("cannot be written", complaint)
        code, _, complaint = admin(self.world, "audit", "verify", "--head", "@/nowhere")
        self.assertEqual(code, 2)
        self.assertIn("cannot be read", complaint)

    def test_a_directory_that_cannot_be_is_refused_at_the_start(self):
        server = self.world.add_server(start=False, audit__export_directory="/proc/none/heads")
        server.expected_exit = 1
        with self.assertRaises(Problem):
            server.start(self.world.env)
        self.assertIn("audit.export_directory", server.log_path.read_text())


if __name__ == "__main__":
    unittest.main()
