"""The configuration: what is wrong is said with the key, the value and what is allowed."""

import os
import subprocess
import unittest

import certificates
from harness import BINARY, HOME
from server_process import free_port

FOLDER = HOME / "configuration"


def waystone(*words, env=None):
    return subprocess.run([str(BINARY), *words], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, **(env or {})), check=False)


class Configuration(unittest.TestCase):
    def setUp(self):
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.path = FOLDER / "waystone.conf"

    def check(self, text, env=None):
        self.path.write_text(text, encoding="utf-8")
        return waystone("--config", str(self.path), "--check-config", env=env)

    def refused(self, text, *words, env=None):
        answer = self.check(text, env)
        self.assertNotEqual(answer.returncode, 0, text)
        for word in words:
            self.assertIn(word, answer.stderr)
        self.assertEqual(len(answer.stderr.strip().splitlines()), 1, answer.stderr)

    def test_printed_defaults_are_valid(self):
        printed = waystone("--print-config")
        self.assertEqual(printed.returncode, 0)
        self.assertEqual(self.check(printed.stdout).returncode, 0)
        self.assertIn("http.port", printed.stdout)

    def test_unknown_key(self):
        self.refused("http.prot = 1\n", "http.prot")

    def test_number_out_of_range(self):
        self.refused("http.port = 70000\n", "http.port", "70000", "65535")

    def test_no_number(self):
        self.refused("http.port = many\n", "http.port", "many")

    def test_unknown_choice(self):
        self.refused("log.level = loud\n", "log.level", "loud", "warning")

    def test_no_switch(self):
        self.refused("http.insecure_cookies = maybe\n", "http.insecure_cookies", "maybe", "true")

    def test_no_address(self):
        for address in ("localhost", "localhost:", "localhost:many", "localhost:0",
                        "localhost:70000", "localhost:63 79", ":6379", '""'):
            self.refused(f"redis.address = {address}\n", "redis.address", address.strip('"'))
        for address in ("localhost:6379", "/run/redis.sock"):
            answer = self.check(f"redis.address = {address}\n")
            self.assertEqual(answer.returncode, 0, answer.stderr)

    def test_environment_wins_and_is_checked(self):
        self.assertEqual(self.check("http.port = 70000\n",
                                    {"WAYSTONE_HTTP_PORT": "8081"}).returncode in (0, 1), True)
        self.refused("http.port = 8080\n", "70000", env={"WAYSTONE_HTTP_PORT": "70000"})

    def test_missing_file(self):
        answer = waystone("--config", str(FOLDER / "nowhere.conf"), "--check-config")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("nowhere.conf", answer.stderr)

    def test_a_published_address_needs_a_master_key(self):
        for address in ("0.0.0.0", "::", "192.0.2.1"):
            self.path.write_text(f"http.port = {free_port()}\nhttp.address = \"{address}\"\n",
                                 encoding="utf-8")
            answer = waystone("--config", str(self.path))
            self.assertEqual(answer.returncode, 1, address)
            self.assertIn("auth.master_key is not set", answer.stderr)
            self.assertIn(address, answer.stderr)

    def test_a_wrong_master_key(self):
        key = FOLDER / "wrong.key"
        key.write_text("c2VjcmV0\n", encoding="ascii")
        self.path.write_text(f"http.port = {free_port()}\nauth.master_key = {key}\n",
                             encoding="utf-8")
        answer = waystone("--config", str(self.path))
        self.assertEqual(answer.returncode, 1)
        self.assertIn("openssl rand -base64 32", answer.stderr)
        self.assertNotIn("c2VjcmV0", answer.stderr)

    def test_port_in_use(self):
        import socket
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            key = certificates.ensure_master_key(FOLDER)
            self.path.write_text(
                f"http.port = {port}\nauth.master_key = {key}\n"
                "database.dsn = \"host=/nonexistent dbname=none\"\n"
                "redis.address = /nonexistent/redis.sock\n", encoding="utf-8")
            answer = waystone("--config", str(self.path))
        self.assertEqual(answer.returncode, 1)
        self.assertIn(str(port), answer.stderr)

    def test_version(self):
        answer = waystone("--version")
        self.assertEqual(answer.returncode, 0)
        self.assertRegex(answer.stdout, r"^waystone \d+\.\d+\.\d+ \(")
