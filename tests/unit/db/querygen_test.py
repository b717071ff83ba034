"""The query generator: what it refuses, with file and line, and what it decides."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

QUERYGEN = pathlib.Path(__file__).resolve().parents[3] / "db" / "querygen" / "querygen.py"


def generate(sql):
    """Runs the generator on one file. Returns (error text or None, header, source)."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "things.sql"
        path.write_text(sql, encoding="utf-8")
        run = subprocess.run([sys.executable, str(QUERYGEN), "--out", folder, str(path)],
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            return run.stderr.replace(folder + "/", ""), "", ""
        return (None, (pathlib.Path(folder) / "things.h").read_text(encoding="utf-8"),
                (pathlib.Path(folder) / "things.c").read_text(encoding="utf-8"))


class Refusals(unittest.TestCase):
    def expect(self, sql, where, reason):
        error = generate(sql)[0]
        self.assertIsNotNone(error, "it was accepted")
        self.assertIn(f"things.sql:{where}", error)
        self.assertIn(reason, error)

    def test_unknown_shape(self):
        self.expect("-- name: a :two\nSELECT 1;\n", 1, "unknown shape ':two'")

    def test_unknown_type(self):
        self.expect("\n-- name: a :one\n-- out: x integer\nSELECT 1;\n", 3,
                    "unknown type 'integer'")

    def test_arrays_are_parameters_only(self):
        self.expect("-- name: a :one\n-- out: x text[]\nSELECT 1;\n", 2, "unknown type")

    def test_undeclared_parameter(self):
        self.expect("-- name: a :one\n-- out: x int8\nSELECT @y;\n", 1,
                    "uses @y, which 'in:' does not declare")

    def test_unused_parameter(self):
        self.expect("-- name: a :one\n-- in: y int8\n-- out: x int8\nSELECT 1;\n", 1,
                    "declares y and does not use it")

    def test_star(self):
        for columns in ("*", "t.*", "1, t.*", "DISTINCT *"):
            self.expect(f"-- name: a :many\n-- out: x int8\nSELECT {columns} FROM t;\n", 1,
                        "list its columns")

    def test_more_than_one_statement(self):
        self.expect("-- name: a :exec\nDELETE FROM t; DELETE FROM u;\n", 1, "one statement")

    def test_rows_without_columns(self):
        self.expect("-- name: a :one\nSELECT 1;\n", 1, "needs 'out:'")

    def test_columns_without_rows(self):
        self.expect("-- name: a :exec\n-- out: x int8\nDELETE FROM t;\n", 1, "no 'out:'")

    def test_the_same_name_twice(self):
        query = "-- name: a :exec\nDELETE FROM t;\n"
        self.expect(query + query, 3, "already at")

    def test_sql_without_a_name(self):
        self.expect("-- About things.\nSELECT 1;\n", 2, "before the first")

    def test_too_many_parameters(self):
        names = [f"p{i}" for i in range(33)]
        self.expect(f"-- name: a :exec\n-- in: {', '.join(n + ' int8' for n in names)}\n"
                    f"SELECT f({', '.join('@' + n for n in names)});\n", 1, "more than 32")

    def test_another_lane(self):
        self.expect("-- name: a :exec\n-- lane: read\nDELETE FROM t;\n", 2, "lane")


class Decisions(unittest.TestCase):
    def is_read(self, sql, lane=""):
        error, _, source = generate(f"-- name: a :many\n{lane}-- out: x int8\n{sql};\n")
        self.assertIsNone(error)
        return ".read_only = true" in source

    def test_lanes(self):
        self.assertTrue(self.is_read("SELECT x FROM t"))
        self.assertTrue(self.is_read("WITH u AS (SELECT x FROM t) SELECT x FROM u"))
        self.assertTrue(self.is_read("SELECT updated_at FROM t"))
        self.assertFalse(self.is_read("SELECT x FROM t", "-- lane: write\n"))
        self.assertFalse(self.is_read("WITH u AS (DELETE FROM t RETURNING x) SELECT x FROM u"))
        self.assertFalse(self.is_read("INSERT INTO t (x) SELECT 1 RETURNING x"))
        for lock in ("UPDATE", "SHARE", "NO KEY UPDATE", "KEY SHARE"):
            self.assertFalse(self.is_read(f"SELECT x FROM t FOR {lock}"), lock)

    def test_parameters_are_numbered_as_declared(self):
        error, header, source = generate(
            "-- name: a :execrows\n-- Changes it.\n-- in: b int8, a text?\n"
            "UPDATE t SET a = @a, c = 'x@y' WHERE b = @b AND a <> @a;\n")
        self.assertIsNone(error)
        self.assertIn("SET a = $2, c = 'x@y' WHERE b = $1 AND a <> $2", source)
        self.assertIn("/* Changes it. (db/queries/things.sql:1)", header)
        self.assertIn("enum status a(struct db *db, int64_t b, const char *a, size_t *ret_count)",
                      header)

    def test_null_is_told_apart(self):
        error, header, _ = generate(
            "-- name: a :one\n-- in: n int4?\n-- out: n int4?, t text?\nSELECT @n, NULL;\n")
        self.assertIsNone(error)
        self.assertIn("const int32_t *n", header)
        self.assertIn("bool n_is_null;", header)
        self.assertNotIn("t_is_null", header)


if __name__ == "__main__":
    unittest.main()
