"""./dev bench [NAME...]: what it costs, measured. BENCHES at the end of this file names them.

Every bench but json starts a server of its own (release build) on a fresh PostgreSQL and Redis,
runs tools/loadgen against it and prints each figure as one JSON line and then all of them as a
table. The server's CPU is what the kernel accounts to its threads, so that other load on the
machine changes the time a run takes but hardly the figure; what a figure is compared with
(nghttpd, pgbench) is measured in the same run.
"""

import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "dev"))

import bench_signin  # noqa: E402
import certificates  # noqa: E402
import nodejs  # noqa: E402
import packages  # noqa: E402
from console import Problem, say  # noqa: E402
from paths import BUILD, LOGS, STATE  # noqa: E402
from players import Crowd  # noqa: E402
from postgres import PROGRAMS, Cluster  # noqa: E402
from processes import Process  # noqa: E402
from redis_server import Redis  # noqa: E402
from server_process import Server, free_port, settings  # noqa: E402
from world import PASSWORD, Api  # noqa: E402

HOME = STATE / "bench"
LOADGEN = BUILD / "tools" / "loadgen" / "loadgen"
AUTH_BENCH = BUILD / "tests" / "bench" / "auth-bench"
CODECBENCH = BUILD / "tools" / "codecbench" / "codecbench"
NPM_PACKAGES = ROOT / "tests" / "service" / "js"  # @bufbuild/protobuf among them
NGHTTPD = shutil.which("nghttpd") or "/usr/sbin/nghttpd"
FILE_BYTES = 64  # what nghttpd serves: about the size of a small answer

# What is asked for, shown beside the figure: (limit, "at most" or "at least").
TARGETS = {
    "unary_grpc_cpu_us": (8, "at most"),
    "unary_ratio_to_nghttpd": (1.8, "at most"),
    "unary_json_cpu_us": (15, "at most"),
    "stream_message_cpu_us": (2, "at most"),
    "large_throughput_to_nghttpd": (0.5, "at least"),
    "grpcpp_ratio": (0.5, "at most"),
    "read_grpc_cpu_us": (20, "at most"),
    "read_ratio_to_pgbench": (1, "at least"),
    "auth_call_cpu_us": (10, "at most"),
    "chat_delivery_cpu_us": (9, "at most"),
    "chat_burst_delivery_cpu_us": (3, "at most"),
    "chat_10000_delivery_p99": (250, "at most"),
    "connections_connect_time": (20, "at most"),
    "connections_memory": (24, "at most"),
    "connections_idle_cpu": (5, "at most"),
    "connections_delivery_p99": (50, "at most"),
    "connections_tls_connect_time": (20, "at most"),
    "connections_tls_memory": (60, "at most"),
    "connections_tls_idle_cpu": (5, "at most"),
    "connections_tls_delivery_p99": (50, "at most"),
    "sends_rate": (10_000, "at least"),
    "slow_slow_memory": (128, "at most"),
    "slow_p99_ratio": (1.25, "at most"),
    "signin_storm_p99": (5, "at most"),
    "signin_name_same": (0.001, "at least"),
    "signin_address_same": (0.001, "at least"),
    "recovery_same": (0.001, "at least"),
    "register_same": (0.001, "at least"),
    "message_json_encode_ratio": (5, "at least"),
    "message_json_decode_ratio": (5, "at least"),
    "page_json_encode_ratio": (5, "at least"),
    "page_json_decode_ratio": (5, "at least"),
}


class Bench:
    """Services and servers of one run, and the figures it has found."""

    def __init__(self):
        self.figures = {}
        self.home = HOME
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.mkdir(parents=True)
        self.cluster = Cluster(HOME, LOGS / "bench-postgres.log")
        self.redis = Redis(HOME, LOGS / "bench-redis.log")
        self.master_key = certificates.ensure_master_key(HOME / "keys")
        self.has_services = False

    def _start_services(self):
        if not self.has_services:
            self.has_services = True
            self.cluster.remove()
            self.cluster.start()
            self.redis.start()

    def close(self):
        if self.has_services:
            self.redis.remove()
            self.cluster.remove()

    @contextlib.contextmanager
    def server(self, loops=1, tls=None, **options):
        """A fresh server: its memory and caches have seen nothing yet. `tls`: certificate, key."""
        self._start_services()
        self.redis.command("FLUSHALL")
        dsn = self.cluster.fresh_database("bench")
        server = Server(BUILD / "waystone", HOME, "waystone", LOGS / "bench-server.log")
        server.log_path.unlink(missing_ok=True)
        server.configure(settings(free_port(), dsn, self.redis.socket_path, self.master_key, tls,
                                  http__loops=loops, rpc__rate_scale=1000, rpc__default_calls=0,
                                  log__level="warning", **options))
        server.start()
        try:
            yield server
        finally:
            if not server.stop():
                raise Problem(f"The server did not end after the bench; {server.log_path}")

    def record(self, name, value, unit, **more):
        self.figures[name] = {"figure": name, "value": round(value, 3), "unit": unit, **more}
        print(json.dumps(self.figures[name]), flush=True)

    def run(self, argv, env=None, words=None):
        """Runs a program whose lines are its figures; `words` are its input."""
        answer = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, text=True,
                                check=False, env=env, input=words)
        if answer.returncode != 0:
            raise Problem(f"{pathlib.Path(argv[0]).name} ended with {answer.returncode}; its "
                          "reason is above.")
        for line in answer.stdout.splitlines():
            figure = json.loads(line)
            self.figures[figure["figure"]] = figure
            print(line, flush=True)

    def load(self, mode, name, port, pid, *words):
        """Runs loadgen."""
        self.run([LOADGEN, mode, "--target", f"127.0.0.1:{port}", "--pid", pid, "--name", name,
                  *words])

    def value(self, name):
        return self.figures[name]["value"]


class Speaker:
    """An account with a character, for the calls that need one."""

    def __init__(self, server):
        api = Api(server)
        session = api.call("auth.v1.AuthService/Register", {
            "userName": "bench", "email": "bench@demo.invalid", "password": PASSWORD})["session"]
        self.token = session["accessToken"]
        self.character = api.call("character.v1.CharacterService/CreateCharacter", {
            "name": "Bench", "race": "RACE_DURNHAL", "faction": "FACTION_ORDER",
            "idempotencyKey": str(uuid.uuid4())}, self.token)["character"]["id"]
        self.channel = api.call("chat.v1.ChatService/ListChannels", {},
                                self.token)["channels"][0]["id"]

    def options(self):
        return ["--token", self.token, "--character", self.character, "--channel", self.channel]


# --- unary ---

@contextlib.contextmanager
def program(name, command):
    """A server that is not the product: (port, process id). `command` makes its words."""
    port = free_port()
    process = Process(HOME / f"{name}.pid")
    log = LOGS / f"bench-{name}.log"
    process.start([str(word) for word in command(port)], log)
    try:
        while not _listens(port):
            if process.pid() is None:
                raise Problem(f"{name} does not start; {log} tells why.")
            time.sleep(0.02)
        yield port, process.pid()
    finally:
        process.stop(5)


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def nghttpd(size_bytes=FILE_BYTES):
    """nghttp2's own server with one file, on one thread as the server's one loop."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=HOME))
    (folder / "file.txt").write_bytes(b"x" * size_bytes)
    return program("nghttpd", lambda port: [NGHTTPD, "--no-tls", "-d", folder, port])


def bench_unary(bench):
    """Small calls without a database on one loop, beside nghttpd serving a small file."""
    shape = ["--connections", 4, "--streams", 32, "--seconds", 5]
    with bench.server() as server, nghttpd() as (file_port, file_pid):
        # In turns, so that a change of the machine's speed meets both.
        ratios = []
        for _ in range(3):
            bench.load("unary", "nghttpd", file_port, file_pid, "--protocol", "get", "--path",
                       "/file.txt", *shape)
            bench.load("unary", "unary_grpc", server.port, server.pid(), "--protocol", "grpc",
                       *shape)
            ratios.append(bench.value("unary_grpc_cpu_us") / bench.value("nghttpd_cpu_us"))
        bench.record("unary_ratio_to_nghttpd", sorted(ratios)[1], "times", runs=3)
        bench.load("unary", "unary_json", server.port, server.pid(), "--protocol",
                   "connect-json", *shape)
        bench.load("unary", "unary_proto", server.port, server.pid(), "--protocol",
                   "connect-proto", *shape)


# --- streams, large messages, and another implementation ---

def field(number, data):
    """A field of bytes in protobuf's encoding."""
    size, length = len(data), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


def varint_field(number, value):
    data = bytes([number << 3])
    while value > 0x7F:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def message_file(name, data):
    path = HOME / f"{name}.bin"
    path.write_bytes(data)
    return path


def conformance_server(name, program_name, first=()):
    path = BUILD / "tests" / program_name
    return program(name, lambda port: [path, *first, port])


def bench_stream(bench):
    """Server streams of 1,000 messages of 1,000 bytes each, on one loop."""
    count, size = 1000, 1000
    request = field(2, varint_field(1, size)) * count  # StreamingOutputCallRequest
    answer = 5 + len(field(1, field(2, bytes(size))))  # in its envelope
    with conformance_server("stream", "conformance/interop-server", ["--port"]) as (port, pid):
        bench.load("call", "stream", port, pid, "--path",
                   "/grpc.testing.TestService/StreamingOutputCall", "--message",
                   message_file("stream", request), "--answer-bytes", answer * count,
                   "--connections", 4, "--streams", 4, "--seconds", 5)
    bench.record("stream_message_cpu_us", bench.value("stream_cpu_us") / count, "us",
                 message_bytes=size)


def bench_large(bench):
    """4 MB there and back by native gRPC, beside nghttpd sending a file of as much."""
    size = 4 * 1024 * 1024 - 64  # with its envelope below the default limit
    request = field(2, bytes(size))
    shape = ["--connections", 4, "--streams", 1, "--seconds", 4]
    ratios = []
    with conformance_server("echo", "support/echo-server") as (port, pid), \
            nghttpd(size) as (file_port, file_pid):
        for _ in range(3):
            bench.load("unary", "large_nghttpd", file_port, file_pid, "--protocol", "get",
                       "--path", "/file.txt", *shape)
            bench.load("call", "large_echo", port, pid, "--path",
                       "/waystone.testing.v1.EchoService/Echo", "--message",
                       message_file("large", request), "--answer-bytes", 5 + len(request), *shape)
            ratios.append(bench.value("large_nghttpd_cpu_us") / bench.value("large_echo_cpu_us"))
    bench.record("large_throughput_to_nghttpd", sorted(ratios)[1], "times", runs=3)


def build_grpcpp():
    """The comparison's server, from its schema by the stock C++ tools."""
    out = HOME / "grpcpp"
    out.mkdir()
    schemas = ROOT / "tests" / "conformance" / "grpc" / "testing"
    say("Building the grpc++ server ...")
    subprocess.run(["protoc", f"-I{schemas}", f"-I{ROOT / 'api'}", "-I/usr/include",
                    f"--cpp_out={out}", f"--grpc_out={out}",
                    "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin", "test.proto",
                    "waystone/options/v1/options.proto"], check=True)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    subprocess.run(["g++", "-O2", "-std=c++17", f"-I{out}", str(ROOT / "tools/grpcpp/server.cc"),
                    *map(str, sorted(out.rglob("*.cc"))), "-o", str(out / "server"), *flags],
                   check=True)
    return out / "server"


def bench_grpcpp(bench):
    """The same small unary call on this server and on grpc++'s asynchronous one, in turns."""
    server = build_grpcpp()
    request = varint_field(2, 64)  # SimpleRequest.response_size
    answer = 5 + len(field(1, field(2, bytes(64))))
    shape = ["--path", "/grpc.testing.TestService/UnaryCall", "--message",
             message_file("unary", request), "--answer-bytes", answer,
             "--connections", 4, "--streams", 32, "--seconds", 4]
    ratios = []
    with conformance_server("interop", "conformance/interop-server", ["--port"]) as (port, pid), \
            program("grpcpp", lambda other: [server, other]) as (other_port, other_pid):
        for _ in range(3):
            bench.load("call", "grpcpp", other_port, other_pid, *shape)
            bench.load("call", "waystone", port, pid, *shape)
            ratios.append(bench.value("waystone_cpu_us") / bench.value("grpcpp_cpu_us"))
    bench.record("grpcpp_ratio", sorted(ratios)[1], "times", runs=3)


# --- read ---

def pgbench(bench, connections, seconds):
    """Rate of one-row reads by pgbench, prepared, with as many connections."""
    dsn = bench.cluster.fresh_database("pgbench")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([str(PROGRAMS / "pgbench"), "-i", "-s", "1", dsn], check=True, **quiet)
    answer = subprocess.run(
        [str(PROGRAMS / "pgbench"), "-S", "-M", "prepared", "-c", str(connections), "-j", "1",
         "-T", str(seconds), dsn], capture_output=True, text=True, check=True)
    return float(re.search(r"tps = ([\d.]+)", answer.stdout)[1])


def bench_read(bench):
    """Authenticated reads of one row on one loop, beside pgbench on as many connections."""
    connections, seconds = 2, 6
    with bench.server(database__read_connections=connections) as server:
        speaker = Speaker(server)
        ratios = []
        for _ in range(3):
            rate = pgbench(bench, connections, seconds)
            bench.record("pgbench_rate", rate, "calls/s", connections=connections)
            bench.load("read", "read_grpc", server.port, server.pid(), "--protocol", "grpc",
                       "--connections", 4, "--streams", 32, "--seconds", seconds, "--also",
                       f"postgres={bench.cluster.process.pid()}", *speaker.options()[:4])
            ratios.append(bench.value("read_grpc_rate") / rate)
        bench.record("read_ratio_to_pgbench", sorted(ratios)[1], "times", runs=3)


# --- who calls ---

TOKEN_LIFE_S = 600
CALLS_PER_S = 0.1  # of a player on one loop: fewer make each token dearer


def bench_auth(bench):
    """What a call costs more for being told who calls: a token's way through the server, and its
    check, which each loop does once in a token's life and then knows."""
    bench.run([AUTH_BENCH])
    shape = ["--protocol", "grpc", "--connections", 4, "--streams", 32, "--seconds", 4]
    extra = []
    with bench.server() as server:
        token = ["--token", Speaker(server).token]
        for _ in range(3):  # in turns, so that a change of the machine's speed meets both
            bench.load("unary", "auth_without", server.port, server.pid(), *shape)
            bench.load("unary", "auth_header", server.port, server.pid(), *shape, *token)
            extra.append(bench.value("auth_header_cpu_us") - bench.value("auth_without_cpu_us"))
    bench.record("auth_header_extra_cpu_us", sorted(extra)[1], "us", runs=3)
    calls = TOKEN_LIFE_S * CALLS_PER_S
    again, first = bench.value("auth_again_cpu_us"), bench.value("auth_first_cpu_us")
    bench.record("auth_call_cpu_us", sorted(extra)[1] + again + (first - again) / calls, "us",
                 calls_of_a_token=calls)


# --- chat ---

def crowd_file(bench, count, in_channel, with_common=False):
    """A file of `count` players with `in_channel` in each of their channels, one channel for every
    player, and, with_common, those that all, their faction and their civilisation have. Returns it
    and the first channel."""
    crowd = Crowd(bench.cluster, "bench", bench.master_key)
    crowd.add(count)
    channels = [crowd.add_channel(first, first + in_channel)
                for first in range(0, count, in_channel)]
    common = crowd.common_channels() if with_common else [[]] * count
    return (crowd.write(HOME / "players",
                        lambda number: [channels[number // in_channel], *common[number]]),
            channels[0])


def bench_chat(bench):
    """1,000 listeners on their own connections, messages one by one and in bursts; then 10,000."""
    with bench.server() as server:
        path, channel = crowd_file(bench, 1000, 1000)
        shape = ["--players", path, "--channel", channel, "--connections", 1000]
        ratios = []
        for _ in range(3):  # in turns, so that a change of the machine's speed meets both
            bench.run([LOADGEN, "floor", "--name", "floor", "--connections", 1000, "--rate", 10,
                       "--seconds", 8])
            bench.load("chat", "chat", server.port, server.pid(), "--rate", 10, "--seconds", 10,
                       *shape)
            ratios.append(bench.value("chat_delivery_cpu_us")
                          / bench.value("floor_delivery_cpu_us"))
        bench.record("chat_ratio_to_floor", sorted(ratios)[1], "times", runs=3)
        bench.load("chat", "chat_burst", server.port, server.pid(), "--rate", 100, "--burst", 20,
                   "--seconds", 10, *shape)
    with bench.server() as server:
        path, channel = crowd_file(bench, 10_000, 10_000)
        bench.load("chat", "chat_10000", server.port, server.pid(), "--rate", 1, "--seconds", 30,
                   "--players", path, "--channel", channel, "--connections", 10_000)


def bench_slow(bench):
    """1,000 listeners of whom 10 read 8 KB a second and are told 25: what the server holds for
    them, and whether the others notice."""
    with bench.server() as server:
        path, channel = crowd_file(bench, 1000, 1000)
        shape = ["--players", path, "--channel", channel, "--connections", 1000, "--rate", 50,
                 "--burst", 10, "--text-bytes", 400, "--seconds", 30]
        ratios = []
        for _ in range(3):
            bench.load("chat", "slow_none", server.port, server.pid(), *shape)
            bench.load("chat", "slow", server.port, server.pid(), "--slow", 10, *shape)
            ratios.append(bench.value("slow_delivery_p99") / bench.value("slow_none_delivery_p99"))
        bench.record("slow_p99_ratio", sorted(ratios)[1], "times", runs=3)


# --- sends ---

PGBENCH_ROWS = """
CREATE TABLE rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account_id bigint NOT NULL,
                   text text NOT NULL, sent_at timestamptz NOT NULL DEFAULT now())"""
PGBENCH_INSERT = """INSERT INTO rows (account_id, text)
VALUES (:client_id, 'Message of those that are counted.');
"""


def pgbench_inserts(bench, connections, seconds):
    """Rows a second that pgbench inserts, each in a transaction of its own."""
    dsn = bench.cluster.fresh_database("pgbench")
    bench.cluster.psql(PGBENCH_ROWS, "pgbench")
    script = HOME / "insert.sql"
    script.write_text(PGBENCH_INSERT, encoding="ascii")
    answer = subprocess.run(
        [str(PROGRAMS / "pgbench"), "-n", "-M", "prepared", "-f", str(script), "-c",
         str(connections), "-j", "1", "-T", str(seconds), dsn],
        capture_output=True, text=True, check=True)
    return float(re.search(r"tps = ([\d.]+)", answer.stdout)[1])


def bench_sends(bench):
    """Messages a second that one loop acknowledges, each on the disk before, beside pgbench
    inserting one row per transaction on 16 connections to the same cluster."""
    with bench.server() as server:
        if bench.cluster.psql("SHOW fsync; SHOW synchronous_commit").split() != ["on", "on"]:
            raise Problem("This PostgreSQL does not wait for the disk.")
        path, _ = crowd_file(bench, 1000, 500)
        ratios = []
        for _ in range(3):
            rate = pgbench_inserts(bench, 16, 6)
            bench.record("pgbench_insert_rate", rate, "rows/s", connections=16)
            before = int(bench.cluster.psql("SELECT count(*) FROM messages", "bench"))
            bench.load("sends", "sends", server.port, server.pid(), "--players", path,
                       "--player-count", 1000, "--connections", 20, "--seconds", 6, "--also",
                       f"postgres={bench.cluster.process.pid()}")
            stored = int(bench.cluster.psql("SELECT count(*) FROM messages", "bench")) - before
            if stored != bench.value("sends_said"):
                raise Problem(f"{bench.value('sends_said')} messages were acknowledged and "
                              f"{stored} are stored.")
            ratios.append(bench.value("sends_rate") / rate)
        bench.record("sends_ratio_to_pgbench", sorted(ratios)[1], "times", runs=3)


# --- connections ---

def bench_connections(bench):
    """Memory of connections that do nothing; 10,000 players in cleartext and in TLS: how long they
    take to connect, what they cost while nothing happens, and delivery to 1,000 of them."""
    with bench.server() as server:
        bench.load("idle", "idle_5000", server.port, server.pid(), "--connections", 5000)
    for name, tls in (("connections", None),
                      ("connections_tls", certificates.ensure_certificate(HOME / "keys"))):
        with bench.server(tls=tls) as server:
            path, channel = crowd_file(bench, 10_000, 1000, with_common=True)
            bench.load("chat", name, server.port, server.pid(), "--players", path, "--connections",
                       10_000, "--channel", channel, "--idle-seconds", 45, "--rate", 10,
                       "--seconds", 20, "--account",
                       *(["--certificate", tls[0]] if tls else []))


# --- attacks ---

ATTACKERS = 4
ATTACK_SECONDS = 3
ATTACK_P99_MS = 50


class Attackers:
    """Hostile peers that come again whenever they are closed, for as long as the context lasts."""

    def __init__(self, attack, port):
        self.attack, self.port = attack, port
        self.over = threading.Event()
        self.closed = 0
        self.threads = [threading.Thread(target=self.run) for _ in range(ATTACKERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self):
        while not self.over.is_set():
            with contextlib.suppress(OSError):
                self.once()

    def once(self):
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            sock.setblocking(True)
            try:
                for piece in self.attack():
                    sock.sendall(piece)
                    if self.over.is_set():
                        return
                sock.settimeout(0.2)
                while not self.over.is_set():
                    with contextlib.suppress(TimeoutError):
                        if not sock.recv(1 << 20):
                            break
            except ConnectionError:
                pass
            self.closed += not self.over.is_set()


def flood_of(make, hello, request):
    def attack():
        yield hello
        for _, batch in make(request):
            yield batch
    return attack


def slow_attacks(hello, h2_attacks, h2_wire, request):
    """Attacks that hold what they have got; each attacker is one of many such connections."""
    def heads():
        yield b"GET / HTTP/1.1\r\nhost: x\r\nx: "
        while True:
            time.sleep(0.05)
            yield b"y"

    def bodies():
        yield hello + request.headers(1) + h2_wire.data(1, b"\0\0\0\1\0")
        while True:
            time.sleep(0.05)
            yield h2_wire.data(1, b"y")

    def readers():
        yield hello + h2_wire.settings((h2_wire.SETTING_WINDOW, 0))
        yield b"".join(request.headers(stream) + h2_wire.data(stream, b"\0" * 5, end=True)
                       for stream in range(1, 512, 2))
        while True:
            time.sleep(0.05)
            yield h2_wire.settings((h2_wire.SETTING_WINDOW, 0))
    return {"slow_heads": heads, "slow_bodies": bodies, "answers_without_window": readers}


@contextlib.contextmanager
def idle_connections(port, hello):
    """10,000, or what the limit on descriptors allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        count = min(10_000, hard - 500)
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            sock.sendall(hello)
        yield count


def victims_p99_ms(port, pid):
    """Two well-behaved clients with one call each at a time."""
    answer = subprocess.run(
        [str(LOADGEN), "unary", "--target", f"127.0.0.1:{port}", "--pid", str(pid), "--name",
         "victim", "--protocol", "grpc", "--connections", "2", "--streams", "1", "--seconds",
         str(ATTACK_SECONDS), "--warmup-seconds", "0.2"],
        stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode != 0:
        raise Problem("A well-behaved client was hurt by the attack; the reason is above.")
    figures = [json.loads(line) for line in answer.stdout.splitlines()]
    return next(figure["value"] for figure in figures if figure["figure"] == "victim_p99") / 1000


def bench_attacks(bench):
    """Calls of well-behaved clients on the one loop that is attacked: p99 during each attack."""
    sys.path.insert(0, str(ROOT / "tests" / "service"))
    import h2_attacks
    import h2_wire

    hello = h2_attacks.HELLO
    request = h2_attacks.Request("/waystone.meta.v1.MetaService/GetVersion")
    attacks = {make.__name__: flood_of(make, hello, request) for make in h2_attacks.FLOODS}
    attacks.update(slow_attacks(hello, h2_attacks, h2_wire, request))

    def record(name, value, **more):
        TARGETS[f"attack_{name}_p99"] = (ATTACK_P99_MS, "at most")
        bench.record(f"attack_{name}_p99", value, "ms", **more)

    with bench.server() as server:
        record("none", victims_p99_ms(server.port, server.pid()))
        for name, attack in attacks.items():
            with Attackers(attack, server.port) as attackers:
                value = victims_p99_ms(server.port, server.pid())
            record(name, value, closed=attackers.closed)
        with idle_connections(server.port, hello) as count:
            record("idle_connections", victims_p99_ms(server.port, server.pid()),
                   connections=count)


# --- json ---

CODECS = ("encode", "decode", "json_encode", "json_decode")
MESSAGE = {
    "channelId": "1", "sequence": "48213", "characterId": "90210",
    "characterName": "Thessaly of the Reach",
    "text": "Does anybody still have the map of the lower caves? We leave at dusk, with or "
            "without it.",
    "sentAt": "2026-03-01T18:22:07.123456Z"}


def npm_packages():
    """@bufbuild/protobuf and the schemas as it has them. Returns the environment for node."""
    env = nodejs.environment()
    nodejs.install(NPM_PACKAGES, env)
    subprocess.run(["node", "generate.mjs"], cwd=NPM_PACKAGES, env=env, check=True)
    return env


def compare_codecs(bench, env, name, type_name, message):
    """Ours and @bufbuild/protobuf's in turns; the median ratio of each encoding."""
    path = HOME / f"{name}.json"
    path.write_text(json.dumps(message, separators=(",", ":")), encoding="utf-8")
    ratios = {codec: [] for codec in CODECS}
    for _ in range(3):
        bench.run([CODECBENCH, name, type_name, path])
        bench.run(["node", ROOT / "tools" / "codecbench" / "codecbench.mjs", NPM_PACKAGES,
                   f"es_{name}", type_name, path], env)
        for codec, values in ratios.items():
            values.append(bench.value(f"es_{name}_{codec}_us")
                          / bench.value(f"{name}_{codec}_us"))
    for codec, values in ratios.items():
        bench.record(f"{name}_{codec}_ratio", sorted(values)[1], "times faster", runs=3)


def bench_json(bench):
    """The encodings of one chat message and of a page of 50, beside @bufbuild/protobuf on Node."""
    env = npm_packages()
    page = {"messages": [dict(MESSAGE, sequence=str(48213 + i)) for i in range(50)],
            "hasMore": True}
    compare_codecs(bench, env, "message", "waystone.chat.v1.Message", MESSAGE)
    compare_codecs(bench, env, "page", "waystone.chat.v1.ListMessagesResponse", page)


# --- sign-in ---

def register_account(server, name, email):
    Api(server).call("auth.v1.AuthService/Register",
                     {"userName": name, "email": email, "password": PASSWORD})


def bench_sign_in(bench):
    """A storm of sign-ins beside other calls; times for known and unknown names and addresses."""
    bench_signin.bench_signin(bench, victims_p99_ms, register_account)


# --- the web client ---

HELD_LINES = 10_000
TALKERS = 10
E2E = ROOT / "tests" / "e2e"

# A past of the Global channel, in texts of 3 to 60 words, with answers and reactions among them.
PAST = """
WITH people AS (
    SELECT row_number() OVER (ORDER BY c.id) - 1 AS n, c.account_id, c.id, c.name
    FROM characters AS c JOIN accounts AS a ON a.id = c.account_id WHERE a.user_name LIKE 'load%'
), said AS (
    INSERT INTO messages (channel_id, sequence, account_id, character_id, character_name, text,
                          reply_to, sent_at)
    SELECT g.id, s, p.account_id, p.id, p.name,
           'Line ' || s || repeat(' of those at the ford', 1 + (s * 7919 % 13)::integer),
           CASE WHEN s % 20 = 0 THEN s - 3 ELSE 0 END,
           now() - interval '2 days' + s * interval '15 seconds'
    FROM channels AS g, generate_series(1, {lines}) AS s
    JOIN people AS p ON p.n = (s / 3) % {talkers} WHERE g.kind = 1
), felt AS (
    INSERT INTO message_reactions (channel_id, message_sequence, emoji, account_id)
    SELECT g.id, s, '🔥', p.account_id FROM channels AS g, generate_series(1, {lines}, 12) AS s
    JOIN people AS p ON p.n < 3 WHERE g.kind = 1
)
UPDATE channels SET last_sequence = {lines} WHERE kind = 1"""


def bench_web(bench):
    """Frames of the chat with 10,000 lines held, in Chromium: scrolling, while lines come, both."""
    packages.ensure("test")
    nodejs.build_web()
    env = nodejs.environment()
    nodejs.install(E2E, env)
    with bench.server() as server:
        crowd = Crowd(bench.cluster, "bench", bench.master_key)
        crowd.add(TALKERS)
        bench.cluster.psql(PAST.format(lines=HELD_LINES, talkers=TALKERS),
                           "bench")
        speaker = Speaker(server)
        talkers = "".join(f"{token} {character} {speaker.channel}\n"
                          for _, character, token in crowd.people)
        bench.run(["node", E2E / "frames.mjs", server.url(), "bench", PASSWORD, HELD_LINES], env,
                  talkers)


# --- all of them ---

BENCHES = {"unary": bench_unary, "stream": bench_stream, "large": bench_large,
           "grpcpp": bench_grpcpp, "read": bench_read, "auth": bench_auth, "chat": bench_chat,
           "connections": bench_connections, "sends": bench_sends, "slow": bench_slow,
           "attacks": bench_attacks, "signin": bench_sign_in, "json": bench_json, "web": bench_web}


def verdict(name, value):
    if name not in TARGETS:
        return ""
    limit, word = TARGETS[name]
    met = value <= limit if word == "at most" else value >= limit
    return f"{word} {limit}: {'met' if met else 'MISSED'}"


def print_table(figures):
    say()
    width = max(len(name) for name in figures)
    for name, figure in figures.items():
        say(f"{name:<{width}}  {figure['value']:>12,.2f} {figure['unit']:<16} "
            f"{verdict(name, figure['value'])}".rstrip())


def main():
    names = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        raise Problem(f"There is no bench called {unknown[0]}. There are: {', '.join(BENCHES)}")
    say(f"{os.cpu_count()} processors; one loop unless told otherwise.")
    bench = Bench()
    try:
        for name in names:
            say(f"\n{name}: {BENCHES[name].__doc__}")
            BENCHES[name](bench)
    finally:
        bench.close()
    print_table(bench.figures)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as problem:
        print(f"{problem.details}\ndev: {problem.sentence}".strip(), file=sys.stderr)
        sys.exit(1)
