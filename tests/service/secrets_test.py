"""Where secrets must not be: logs, process lists, cores, the database in the clear."""

import base64
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from cryptography.hazmat.primitives import serialization

import building
import signing
from harness import (BINARY, GET_SESSION, REFRESH, REGISTER, SIGN_IN, Api, RpcError, World,
                     eventually, unique)
from paths import LOGS
from server_process import Server, free_port, settings

FACTORS = "account.v1.FactorService"
world = None


def setUpModule():
    global world
    world = World("secrets", private=True, http__loops=1, log__level="debug",
                  process__debuggable="false")


def tearDownModule():
    world.close()


class Use:
    """A session of everything that handles secrets; remembers each secret it has seen."""

    def __init__(self):
        self.api = Api(world.server)
        self.secrets = {}
        self.name = unique("quiet")
        self.password = "Zq7 quiet-passphrase " + self.name

    def tell(self, what, value):
        assert len(value) >= 6, what
        self.secrets[what] = value

    def call(self, method, message=None, **more):
        """A call that may be refused."""
        try:
            return self.api.call(method, message, **more)
        except RpcError:
            return {}

    def run(self):
        session = self.api.call(REGISTER, {
            "userName": self.name, "email": f"{self.name}@example.org", "password": self.password,
        })["session"]
        self.tell("password", self.password)
        self.tell("refresh token", session["refreshToken"])
        self.tell("access token", session["accessToken"])
        self.api.token = session["accessToken"]
        self.refused()
        self.refresh(session)
        self.cookie()
        self.factors()
        self.key()
        self.api.call(GET_SESSION)

    def refused(self):
        wrong = "wrong-" + self.password
        self.tell("wrong password", wrong)
        self.call(SIGN_IN, {"login": self.name, "password": wrong})
        self.call(SIGN_IN, {"login": self.name, "password": self.password[:7] + "x" * 300})
        self.call(REGISTER, {"userName": "a b", "email": "no address", "password": wrong})
        self.call(REFRESH, {"refreshToken": "forged-refresh-token-0123456789"})
        self.tell("forged refresh token", "forged-refresh-token-0123456789")
        forged = Api(world.server, "forged.access.token-0123456789")
        self.tell("forged access token", forged.token)
        try:
            forged.call(GET_SESSION)
        except RpcError:
            pass
        # A call by GET has its message in the address; a method with secrets takes none.
        query = urllib.parse.urlencode({"connect": "v1", "encoding": "json", "message": json.dumps(
            {"login": self.name, "password": self.password})})
        status, _, _ = self.api.request("GET", f"/waystone.{SIGN_IN}?{query}")
        assert status == 405, status

    def refresh(self, session):
        session = self.api.call(REFRESH, {"refreshToken": session["refreshToken"]})["session"]
        self.tell("next refresh token", session["refreshToken"])
        self.tell("next access token", session["accessToken"])

    def cookie(self):
        status, headers, _ = self.api.request(
            "POST", f"/waystone.{SIGN_IN}", json.dumps({
                "login": self.name, "password": self.password,
                "tokenTransport": "TOKEN_TRANSPORT_COOKIE"}), {"Content-Type": "application/json"})
        assert status == 200
        pair = headers["set-cookie"].split(";")[0]
        self.tell("cookie", pair.split("=", 1)[1])
        self.api.request("POST", f"/waystone.{REFRESH}", b"{}",
                         {"Content-Type": "application/json", "Cookie": pair,
                          "Origin": "https://evil.example"})
        status, headers, _ = self.api.request(
            "POST", f"/waystone.{REFRESH}", b"{}",
            {"Content-Type": "application/json", "Cookie": pair})
        assert status == 200
        self.tell("next cookie", headers["set-cookie"].split(";")[0].split("=", 1)[1])

    def factors(self):
        answer = self.api.call(f"{FACTORS}/StartTotp")
        self.tell("TOTP secret", answer["secret"])
        self.call(f"{FACTORS}/FinishTotp", {"code": "000000"})
        self.call(f"{FACTORS}/StepUp", {"password": "wrong-" + self.password})

    def key(self):
        answer = self.api.call("account.v1.ApiKeyService/CreateApiKey", {
            "name": "quiet", "scopes": ["chat.read"], "days": 1})
        self.tell("API key", answer["secret"])
        key = Api(world.server, answer["secret"])
        for method in ("chat.v1.ChatService/ListChannels", GET_SESSION):
            try:
                key.call(method)
            except RpcError:
                pass


def forms(value):
    """How a secret could be written."""
    data = value if isinstance(value, bytes) else value.encode()
    yield data
    yield data.hex().encode()
    yield base64.b64encode(data).rstrip(b"=")
    yield urllib.parse.quote(data).encode()
    yield json.dumps(data.decode("latin-1"))[1:-1].encode("latin-1")


class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.use = Use()
        cls.use.run()
        key = signing.newest_key(world.psql, world.master_key)
        cls.secrets = dict(cls.use.secrets)
        cls.secrets["master key"] = base64.b64decode(world.master_key.read_text(encoding="ascii"))
        cls.secrets["signing key"] = key.private_numbers().private_value.to_bytes(32, "big")
        cls.secrets["signing key (PKCS #8)"] = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())
        cls.secrets["password hash"] = "$argon2id$"

    def search(self, where, data, *but):
        for what, value in self.secrets.items():
            if what in but:
                continue
            for form in forms(value):
                self.assertNotIn(form, data, f"the {what} is in {where}")

    def test_the_servers_log_at_its_loudest(self):
        log = world.server.log_path
        self.assertTrue(eventually(lambda: b"CreateApiKey" in log.read_bytes()))
        data = log.read_bytes()
        self.assertGreater(data.count(b'"method"'), 12, "this is no log of calls")
        self.assertIn(b'"level":"debug"', data.replace(b" ", b""))
        self.search("the log", data)
        self.assertNotIn(b"eyJ", data, "the beginning of a token")
        self.assertNotIn(b"Bearer", data)

    def test_the_logs_of_postgresql_and_redis(self):
        for name in ("postgres", "redis"):
            data = (LOGS / f"test-secrets-{name}.log").read_bytes()
            self.assertTrue(data)
            self.search(f"the log of {name}", data)

    def test_the_process_list_and_the_environment(self):
        folder = pathlib.Path(f"/proc/{world.server.pid()}")
        for name in ("cmdline", "environ"):
            self.search(name, (folder / name).read_bytes())

    def test_the_metrics(self):
        self.search("the metrics", world.server.get("/metrics")[1].encode())

    def test_the_database_in_the_clear(self):
        """Passwords are hashed, tokens too, keys sealed."""
        tables = world.psql("SELECT quote_ident(table_name) FROM information_schema.tables "
                            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'").split()
        self.assertGreater(len(tables), 20)
        for table in tables:
            self.search(table, world.psql(f"SELECT t::text FROM {table} t").encode(),
                        "password hash")

    def test_redis(self):
        keys = world.redis.command("KEYS", "*")
        self.search("the names of Redis", str(keys).encode())

    def test_what_the_search_would_find(self):
        """The search itself: each form of a secret in a line of a log."""
        for form in forms(self.use.secrets["access token"]):
            with self.assertRaises(AssertionError):
                self.search("a line", b'{"message":"' + form + b'"}')


class Memory(unittest.TestCase):
    def test_no_core_is_written(self):
        limits = pathlib.Path(f"/proc/{world.server.pid()}/limits").read_text(encoding="ascii")
        self.assertRegex(limits, r"Max core file size +0 +0 ")

    def owner_of_memory(self, debuggable):
        """Who may look into the memory of a server that runs as nobody: the kernel gives the files
        of a process that is not dumpable to root."""
        user = pwd.getpwnam("nobody")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="waystone-secrets-"))
        self.addCleanup(shutil.rmtree, folder)
        key = folder / "master.key"
        shutil.copy(world.master_key, key)
        program = folder / "waystone"  # where nobody may go, wherever the checkout is
        shutil.copy(BINARY, program)
        server = Server(BINARY, folder, "nobody", folder / "log")
        server.configure(settings(free_port(), "host=/nonexistent", "/nonexistent/redis", key,
                                  http__loops=1, process__debuggable=debuggable))
        for path in (folder, key, program, server.config_path):
            os.chown(path, user.pw_uid, user.pw_gid)
        child = subprocess.Popen([program, "--config", server.config_path], user="nobody",
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 env=dict(os.environ, **building.SANITIZER_ENVIRONMENT), cwd="/")
        try:
            self.assertTrue(eventually(lambda: server.is_ready("/livez"), 20))
            return os.stat(f"/proc/{child.pid}/mem").st_uid, user.pw_uid
        finally:
            child.terminate()
            child.wait(20)

    def test_its_own_user_cannot_read_it(self):
        if os.geteuid() != 0:
            with self.assertRaises(PermissionError):
                open(f"/proc/{world.server.pid()}/mem", "rb").close()
            return
        owner, nobody = self.owner_of_memory("true")
        self.assertEqual(owner, nobody, "what the other case differs from")
        owner, _ = self.owner_of_memory("false")
        self.assertEqual(owner, 0)


if __name__ == "__main__":
    unittest.main()
