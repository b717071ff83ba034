"""Real servers for tests: a fresh database, an empty Redis and as many servers as asked for.

./dev test starts PostgreSQL and Redis once for all suites; a World takes a database of its own
in them, or, with private=True, services of its own that it may stop and start. The servers are
built with sanitizers: a World that ends checks that each one drained, exited with 0 and had
nothing reported.
"""

import base64
import contextlib
import email
import email.policy
import http.client
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import struct
import subprocess
import time
import uuid

from cryptography.hazmat.primitives import serialization

import building
import certificates
import signing
from paths import LOGS
from postgres import Cluster
from redis_server import Redis
from server_process import Server, free_port, settings

HOME = pathlib.Path(os.environ["WAYSTONE_TEST_HOME"])
BINARY = pathlib.Path(os.environ["WAYSTONE_TEST_SERVER"])
PASSWORD = "correct horse battery"
THROW_AWAY = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]

_numbers = itertools.count(1)


def unique(prefix):
    """A name nobody has: letters, short enough for an account or a character."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    number = next(_numbers) * 977 + int(time.time() * 1000) % 977 + 676
    tail = ""
    while number:
        number, digit = divmod(number, 26)
        tail += letters[digit]
    return prefix + tail


class World:
    """Servers under test. Options of the configuration are given with "__" for the dot.

    `postgres` are settings of a private PostgreSQL; without fsync it survives being killed, since
    the kernel has what it wrote, but not without synchronous_commit.
    """

    def __init__(self, name, servers=1, tls=False, private=False, env=None, postgres=None,
                 **options):
        self.name = name
        self.home = HOME / name
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.env = dict(building.SANITIZER_ENVIRONMENT, **(env or {}))
        self.mail = self.home / "mail"
        # Budgets of calls are tested where they are asked for; all else shares one address.
        self.options = {"rpc__rate_scale": 1000, "mail__directory": self.mail,
                        "process__debuggable": "true", **options}
        self.tls = certificates.ensure_certificate(HOME / "keys") if tls else None
        self.master_key = certificates.ensure_master_key(self.home / "keys")
        self.private = private
        self._start_services(THROW_AWAY if postgres is None else postgres)
        self.servers = []
        for _ in range(servers):
            self.add_server()

    def _start_services(self, postgres_settings):
        if self.private:
            self.cluster = Cluster(self.home, LOGS / f"test-{self.name}-postgres.log",
                                   postgres_settings)
            self.redis = Redis(self.home, LOGS / f"test-{self.name}-redis.log")
            self.cluster.start()
            self.redis.start()
        else:
            self.cluster = Cluster(HOME, LOGS / "test-postgres.log", THROW_AWAY)
            self.redis = Redis(HOME, LOGS / "test-redis.log")
            self.redis.command("FLUSHALL")
        self.dsn = self.cluster.fresh_database(self.name.replace("-", "_"))

    @property
    def key(self):
        """PEM file of the key that signs access tokens now."""
        path = self.home / "keys" / "tokens.pem"
        path.write_bytes(signing.newest_key(self.psql, self.master_key).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()))
        return path

    def psql(self, sql):
        return self.cluster.psql(sql, self.name.replace("-", "_"))

    def mails(self, address):
        """The mails to an address, oldest first."""
        folder = sorted(self.mail.glob("*.eml")) if self.mail.exists() else []
        found = [Mail(path.read_bytes()) for path in folder]
        return [mail for mail in found if mail.to == address.lower()]

    def mail_to(self, address, subject, after=0):
        """The newest mail to an address with these words in its subject, once there are more than
        `after` of them."""
        def fitting():
            return [mail for mail in self.mails(address) if subject in mail.subject]

        assert eventually(lambda: len(fitting()) > after), (
            f"no mail '{subject}' to {address}: {[mail.subject for mail in self.mails(address)]}")
        return fitting()[-1]

    @contextlib.contextmanager
    def table_held(self, table):
        """Another session holds the table for itself: statements on it wait until the end."""
        with self.transaction(f"LOCK TABLE {table}"):
            yield

    @contextlib.contextmanager
    def transaction(self, statement):
        """One of another session that has run a statement (which gives no rows), and is rolled back
        at the end. Yields what runs further ones in it."""
        with self.cluster.session(self.name.replace("-", "_")) as session:
            def run(sql):
                session.stdin.write(f"{sql}; SELECT 'done';\n")
                session.stdin.flush()
                assert session.stdout.readline() == "done\n", f"{sql} failed"

            run(f"BEGIN; {statement}")
            yield run

    def wait_for_lock(self):
        """Until a statement of a server waits for somebody's lock."""
        assert eventually(lambda: self.psql(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database())") == "t"), "nothing waits for a lock"

    def add_server(self, start=True, wait_for="/readyz", **more):
        index = len(self.servers)
        log = LOGS / f"test-{self.name}-{index}.log"
        log.unlink(missing_ok=True)
        server = Server(BINARY, self.home, f"server-{index}", log)
        options = dict(self.options, **more)
        tls = options.pop("with_tls", self.tls)
        server.configure(settings(free_port(), self.dsn, self.redis.socket_path, self.master_key, tls,
                                  **options))
        self.servers.append(server)
        if start:
            server.start(self.env, wait_for)
        return server

    @property
    def server(self):
        return self.servers[0]

    def close(self):
        """Stops everything. Raises AssertionError when a server did not end well."""
        complaints = []
        for server in self.servers:
            complaints += self._close_server(server)
        if self.private:
            self.redis.remove()
            self.cluster.remove()
        assert not complaints, "\n".join(complaints)

    def _close_server(self, server):
        ran = server.process.child is not None
        in_time = server.stop()
        found = []
        if ran and not in_time:
            found.append(f"{server.name} did not end after SIGTERM ({server.log_path})")
        if server.complaints():
            found.append(f"{server.name}: faults in its log\n{server.complaints()}")
        code = server.process.exit_code()
        if ran and in_time and code not in (0, getattr(server, "expected_exit", 0)):
            found.append(f"{server.name} ended with code {code} ({server.log_path})")
        return found


class Mail:
    """A mail as its reader sees it."""

    def __init__(self, data):
        message = email.message_from_bytes(data, policy=email.policy.default)
        self.head = message
        self.to = message["to"].strip("<>").lower()
        self.subject = message["subject"]
        self.text = message.get_body(("plain",)).get_content()
        self.html = message.get_body(("html",)).get_content()

    @property
    def token(self):
        """What its link carries."""
        return re.search(r"#token=([A-Za-z0-9_-]+)", self.text)[1]


# --- Connect JSON, the protocol that needs no generated code ---

class RpcError(Exception):
    def __init__(self, http_status, body):
        super().__init__(f"HTTP {http_status}: {body}")
        self.http_status = http_status
        self.code = body.get("code")
        self.message = body.get("message", "")
        self.details = body.get("details", [])


class Api:
    """Unary calls as Connect JSON to one server."""

    def __init__(self, server, token=None):
        self.server = server
        self.token = token

    def connect(self, timeout_s=30):
        if not self.server.certificate:
            return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout_s)
        context = ssl.create_default_context(cafile=self.server.certificate)
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=timeout_s,
                                           context=context)

    def request(self, verb, path, body=None, headers=None, timeout_s=30):
        """Any request. Returns (status, headers in lower case, body)."""
        connection = self.connect(timeout_s)
        try:
            connection.request(verb, path, body, headers or {})
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, names, answer.read()
        finally:
            connection.close()

    def call(self, method, message=None, timeout_ms=None, headers=None):
        head = {"Content-Type": "application/json", "Connect-Protocol-Version": "1"}
        if self.token:
            head["Authorization"] = f"Bearer {self.token}"
        if timeout_ms is not None:
            head["Connect-Timeout-Ms"] = str(timeout_ms)
        head.update(headers or {})
        status, _, body = self.request("POST", f"/waystone.{method}",
                                       json.dumps(message or {}), head)
        answer = json.loads(body)
        if status != 200:
            raise RpcError(status, answer)
        return answer


REGISTER = "auth.v1.AuthService/Register"
SIGN_IN = "auth.v1.AuthService/SignIn"
REFRESH = "auth.v1.AuthService/RefreshSession"
SIGN_OUT = "auth.v1.AuthService/SignOut"
GET_SESSION = "auth.v1.AuthService/GetSession"
VERIFY_EMAIL = "auth.v1.AuthService/VerifyEmail"
CREATE_CHARACTER = "character.v1.CharacterService/CreateCharacter"
LIST_CHARACTERS = "character.v1.CharacterService/ListCharacters"
GET_CHARACTER = "character.v1.CharacterService/GetCharacter"
DELETE_CHARACTER = "character.v1.CharacterService/DeleteCharacter"
LIST_CHANNELS = "chat.v1.ChatService/ListChannels"
SEND_MESSAGE = "chat.v1.ChatService/SendMessage"
LIST_MESSAGES = "chat.v1.ChatService/ListMessages"
STREAM_MESSAGES = "chat.v1.ChatService/StreamMessages"
GET_VERSION = "meta.v1.MetaService/GetVersion"


class Player:
    """A registered account with one character, in the global channel."""

    def __init__(self, server, name=None):
        self.name = name or unique("player")
        self.api = Api(server)
        self.session = self.api.call(REGISTER, {
            "userName": self.name, "email": f"{self.name}@example.org",
            "password": PASSWORD})["session"]
        self.token = self.api.token = self.session["accessToken"]
        self.character = self.api.call(CREATE_CHARACTER, {
            "name": unique("Hero"), "race": "RACE_AURELIN", "faction": "FACTION_VOID",
            "idempotencyKey": str(uuid.uuid4())})["character"]
        self.channel = self.api.call(LIST_CHANNELS)["channels"][0]["id"]

    def on(self, server):
        """The same session at another server."""
        return Api(server, self.token)

    def say(self, text, api=None, key=None):
        return (api or self.api).call(SEND_MESSAGE, {
            "channelId": self.channel, "characterId": self.character["id"], "text": text,
            "idempotencyKey": key or str(uuid.uuid4())})["message"]


class Stream:
    """A Connect JSON event stream over HTTP/1.1, read envelope by envelope; `sock` is one that is
    connected already."""

    def __init__(self, server, token, method, request, timeout_s=30, sock=None):
        self.timeout_s = timeout_s
        self.connection = Api(server).connect(timeout_s)
        self.connection.sock = sock
        body = json.dumps(request).encode()
        self.connection.request("POST", f"/waystone.{method}",
                                b"\0" + len(body).to_bytes(4, "big") + body, {
            "Content-Type": "application/connect+json", "Connect-Protocol-Version": "1",
            "Authorization": f"Bearer {token}"})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def _read(self, count):
        data = b""
        while len(data) < count:
            piece = self.answer.read(count - len(data))
            if not piece:
                raise EOFError(f"the stream ended inside an envelope ({len(data)} of {count})")
            data += piece
        return data

    def receive(self):
        """The next envelope: ("event", {...}) or ("end", {...})."""
        flags, *length = self._read(5)
        payload = json.loads(self._read(int.from_bytes(bytes(length), "big")) or b"{}")
        return ("end" if flags & 2 else "event"), payload

    def next_event(self):
        kind, payload = self.receive()
        if kind == "end":
            raise EOFError(f"the stream ended: {payload}")
        return payload

    def in_time(self):
        """Events until the time is over: heartbeats keep a stream from timing out."""
        deadline = time.monotonic() + self.timeout_s
        while time.monotonic() < deadline:
            yield self.next_event()

    def next(self, *names):
        """The next event of one of the given kinds, others passed over: (name, event)."""
        passed_over = []
        for event in self.in_time():
            for name in names:
                if name in event:
                    return name, event[name]
            passed_over.append(event)
        raise TimeoutError(f"none of {names} came, but {passed_over}")

    def next_message(self):
        return self.next("message")[1]

    def until_end(self):
        """What the stream ends with, whatever comes before that."""
        kind, payload = self.receive()
        while kind != "end":
            kind, payload = self.receive()
        return payload

    def close(self):
        self.answer.close()
        self.connection.close()

    def vanish(self):
        """Leaves without a word: the connection is reset."""
        if self.connection.sock is not None:
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                            struct.pack("ii", 1, 0))
        self.close()


class Follower(Stream):
    """ChatService.StreamMessages: one channel."""

    def __init__(self, server, token, channel, after=None, **options):
        request = {"channelId": str(channel)}
        if after is not None:
            request["afterSequence"] = str(after)
        super().__init__(server, token, STREAM_MESSAGES, request, **options)

    def until_caught_up(self):
        """Messages up to the marker that all missed ones have been sent."""
        missed = []
        while (found := self.next("message", "caughtUp"))[0] == "message":
            missed.append(found[1])
        return missed


# --- tokens ---

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_part(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def compact(part):
    """JSON as the server writes it: without white space."""
    return json.dumps(part, separators=(",", ":")).encode()


def _raw_signature(der):
    """ECDSA signatures are two numbers; JWT wants them as 32 bytes each."""
    position = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    numbers = []
    for _ in range(2):
        length = der[position + 1]
        number = int.from_bytes(der[position + 2:position + 2 + length], "big")
        numbers.append(number.to_bytes(32, "big"))
        position += 2 + length
    return b"".join(numbers)


def sign_es256(header, claims, key_path):
    """A token signed with an EC P-256 key."""
    signed = ".".join(base64url(compact(part)) for part in (header, claims))
    der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(key_path)],
                         input=signed.encode(), capture_output=True, check=True).stdout
    return f"{signed}.{base64url(_raw_signature(der))}"


def metric(server, name):
    """Sum of a metric's samples on /metrics."""
    samples = []
    for line in server.get("/metrics")[1].splitlines():
        if line.startswith(name) and line[len(name):len(name) + 1] in (" ", "{"):
            samples.append(float(line.rsplit(" ", 1)[1]))
    assert samples, f"/metrics has no {name}"
    return sum(samples)


def eventually(check, timeout_s=10, interval_s=0.05):
    """Waits until check() is true; returns whether it became so."""
    deadline = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True
