"""./dev itself, in a checkout of its own: up, status, down, reset, and what it says when it
cannot go on: one sentence that tells what to do, exit code 1, and nothing left running.

The checkout is a copy of this one with its npm packages and its web client, to which the
README's example of a new method is added; the server is built anew, as ./dev up does it.
"""

import contextlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import unittest

import nodejs
from paths import ROOT, STATE
from server_process import free_port

from harness import HOME, eventually

FOLDER = HOME / "launcher"
CHECKOUT = FOLDER / "checkout"
UP = CHECKOUT / ".dev" / "up"
COMMAND_TIMEOUT_S = 480
SECOND_UP_LIMIT_S = 20
LISTENER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 0), family=family) as server:
    print(server.getsockname()[1], flush=True)
    sys.stdin.read()
"""


def make_checkout():
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(ROOT, CHECKOUT, symlinks=True,
                    ignore=shutil.ignore_patterns(".dev", ".git", "node_modules"))
    (CHECKOUT / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    stamps = CHECKOUT / ".dev" / "stamps"
    stamps.mkdir(parents=True)
    for name in ("npm-web", "web"):
        shutil.copy(STATE / "stamps" / name, stamps)
    if (STATE / "node").exists():
        (CHECKOUT / ".dev" / "node").symlink_to(STATE / "node")


def snippets(language):
    """The README's blocks of code in its numbered steps."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    return [textwrap.dedent(code) for code in
            re.findall(rf"^   ```{language}\n(.*?)^   ```$", text, re.S | re.M)]


def edit(name, change):
    path = CHECKOUT / name
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def add_a_method():
    """The README's five steps, as they stand there."""
    method, messages = snippets("proto")
    (query,), (handler,), (test,) = snippets("sql"), snippets("c"), snippets("python")
    service = "service ChatService {\n"
    table = "static const struct chat_service handlers = {\n"
    edit("api/waystone/chat/v1/chat.proto", lambda text: text.replace(
        service, service + textwrap.indent(method, "  ") + "\n") + "\n" + messages)
    edit("db/queries/chat.sql", lambda text: text + "\n" + query)
    include = '#include "handlers/chat_parts.h"\n'
    edit("handlers/chat.c", lambda text: text.replace(
        include, f'#include "db/queries/chat.h"\n{include}').replace(
        table, f"{handler}\n{table}    .count_messages = count_messages,\n"))
    (CHECKOUT / "tests" / "service" / "count_test.py").write_text(test, encoding="utf-8")


def environment(**more):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("WAYSTONE_", "ASAN_", "UBSAN_", "LSAN_", "PYTHON"))}
    return dict(env, CI="true", **more)


def dev(*words, env=None, before=()):
    """Runs ./dev in the checkout, bounded in time. `before` are words before the command."""
    return subprocess.run([*before, str(CHECKOUT / "dev"), *words], env=env or environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=COMMAND_TIMEOUT_S, check=False)


def record(part):
    return json.loads((UP / f"{part}.pid").read_text(encoding="utf-8"))["pid"]


def postgres_data():
    """Where PostgreSQL's data is: ./dev decides by what its user can reach."""
    arguments = pathlib.Path(f"/proc/{record('postgres')}/cmdline").read_bytes().split(b"\0")
    return pathlib.Path(os.fsdecode(arguments[arguments.index(b"-D") + 1]))


class Checkout(unittest.TestCase):
    def up(self, *words, **more):
        answer = dev("up", "--detach", *words, **more)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        return answer.stdout

    def refused(self, answer, pattern):
        """The last line is the sentence; it names no Python, and nothing runs afterwards."""
        self.assertEqual(answer.returncode, 1, answer.stdout + answer.stderr)
        self.assertNotIn("Traceback", answer.stderr)
        sentence = answer.stderr.strip().splitlines()[-1]
        self.assertRegex(sentence, r"^dev: ")
        self.assertRegex(sentence, pattern)
        self.assert_stopped()

    def assert_stopped(self):
        answer = dev("status")
        self.assertEqual(answer.returncode, 3, answer.stdout + answer.stderr)
        self.assertEqual(len(re.findall(r"^(?:server|PostgreSQL|Redis): +stopped$", answer.stdout,
                                        re.M)), 3, answer.stdout)


def setUpModule():
    nodejs.build_web()
    make_checkout()
    add_a_method()
    answer = dev("up", "--detach", "--port", str(free_port()))  # builds the server
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert dev("down").returncode == 0


def tearDownModule():
    dev("reset", "--yes")
    shutil.rmtree(FOLDER, ignore_errors=True)


class Readme(unittest.TestCase):
    def test_a_method_in_five_steps(self):
        report = FOLDER / "count.json"
        answer = subprocess.run(
            [sys.executable, str(ROOT / "tools" / "dev" / "run_unittest.py"),
             str(CHECKOUT / "tests" / "service" / "count_test.py"), str(report)],
            env=dict(os.environ, WAYSTONE_TEST_SERVER=str(CHECKOUT / ".dev/build/waystone")),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S,
            check=False)
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        self.assertEqual(json.loads(report.read_text(encoding="utf-8")),
                         {"passed": 1, "failed": 0})


class Life(Checkout):
    """What the README promises."""

    def tearDown(self):
        dev("down")

    def status(self):
        answer = dev("status")
        return answer.returncode, answer.stdout

    def test_up_status_down(self):
        port = free_port()
        said = self.up("--port", str(port))
        self.assertIn(f"http://localhost:{port}", said)
        self.assertIn("mira or toren, password waystone-demo", said)
        self.assertIn("./dev down", said)
        code, said = self.status()
        self.assertEqual((code, said.count("running") + said.count("ready")), (0, 3), said)
        started = time.monotonic()
        self.assertIn(f"http://localhost:{port}", self.up())
        self.assertLess(time.monotonic() - started, SECOND_UP_LIMIT_S)
        self.assertIn("server started", dev("logs").stdout)
        self.assertEqual(dev("down").returncode, 0)
        self.assert_stopped()
        self.assertIn("Nothing was running", dev("down").stdout)

    def test_up_while_it_runs_elsewhere(self):
        port = free_port()
        self.up("--port", str(port))
        for words in (["--port", str(free_port())], ["--tls"]):
            answer = dev("up", *words)
            self.assertEqual(answer.returncode, 1, answer.stdout)
            self.assertRegex(answer.stderr, rf"already runs at http://localhost:{port}.*/dev down")
        self.assertEqual(self.status()[0], 0)

    def test_tls(self):
        said = self.up("--port", str(free_port()), "--tls")
        self.assertIn("https://localhost:", said)
        self.assertEqual(self.status()[0], 0)

    def test_a_service_that_was_killed_is_started_again(self):
        port = free_port()
        self.up("--port", str(port))
        for part, label in (("postgres", "PostgreSQL"), ("redis", "Redis"), ("waystone", "server")):
            os.kill(record(part), signal.SIGKILL)
            stopped = re.compile(rf"^{label}: +stopped$", re.M)
            self.assertTrue(eventually(lambda: stopped.search(self.status()[1])), part)
            self.up("--port", str(port))
            code, said = self.status()
            self.assertEqual((code, "stopped" in said), (0, False), said)

    def foreground(self, port):
        def as_at_a_terminal():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)  # what runs the tests may ignore them

        child = subprocess.Popen([str(CHECKOUT / "dev"), "up", "--port", str(port)],
                                 env=environment(), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, text=True, preexec_fn=as_at_a_terminal)
        for line in child.stdout:
            if "./dev logs" in line:
                break
        self.assertEqual(self.status()[0], 0)
        return child

    def test_in_the_foreground_it_ends_with_everything(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            child = self.foreground(free_port())
            child.send_signal(number)
            self.assertIn("Stopped.", child.communicate(timeout=60)[0])
            self.assertEqual(child.returncode, 0)
            self.assert_stopped()

    def test_in_the_foreground_it_tells_when_the_server_ends(self):
        child = self.foreground(free_port())
        os.kill(record("waystone"), signal.SIGKILL)
        self.assertIn("ended unexpectedly", child.communicate(timeout=60)[0])
        self.assertEqual(child.returncode, 1)
        self.assert_stopped()

    def test_reset_asks_first(self):
        answer = dev("reset")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("./dev reset --yes", answer.stderr)


class Ports(Checkout):
    @contextlib.contextmanager
    def taken(self, address):
        """A port that another program listens on, and that program."""
        with subprocess.Popen([sys.executable, "-c", LISTENER, address], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            yield int(child.stdout.readline()), child
            child.stdin.close()

    def test_a_port_in_use(self):
        for address in ("127.0.0.1", "0.0.0.0", "::1", "::"):
            if ":" in address and not socket.has_dualstack_ipv6():
                continue
            with self.subTest(address), self.taken(address) as (port, child):
                self.refused(dev("up", "--port", str(port)),
                             rf"Port {port} is in use by python3\S* \(process {child.pid}\)\. "
                             rf".*\./dev up --port {port + 1}$")

    def test_no_port(self):
        for port in ("0", "-1", "65536"):
            self.refused(dev("up", "--port", port), "choose one from 1 to 65535")


class Configuration(Checkout):
    def test_a_bad_value(self):
        self.refused(dev("up", "--port", str(free_port()),
                         env=environment(WAYSTONE_HTTP_LOOPS="many")),
                     r"The server does not start: .*WAYSTONE_HTTP_LOOPS.*many")

    def test_a_key_that_dev_decides(self):
        self.refused(dev("up", env=environment(WAYSTONE_HTTP_PORT="9000")),
                     r"WAYSTONE_HTTP_PORT is set .* Use --port")
        self.refused(dev("up", env=environment(WAYSTONE_DATABASE_DSN="host=elsewhere")),
                     r"WAYSTONE_DATABASE_DSN is set .* decides database\.dsn")


class Packages(Checkout):
    """apt-get as it is, without a source to get anything from."""

    def test_a_package_that_cannot_be_had(self):
        nowhere = FOLDER / "apt"
        (nowhere / "lists" / "partial").mkdir(parents=True)
        (nowhere / "apt.conf").write_text(
            'Dir::Etc::sourcelist "/dev/null";\nDir::Etc::sourceparts "/dev/null";\n'
            f'Dir::State::lists "{nowhere}/lists";\n', encoding="utf-8")
        packages = CHECKOUT / "tools" / "dev" / "packages.txt"
        before = packages.read_text(encoding="utf-8")
        self.addCleanup(packages.write_text, before, encoding="utf-8")
        packages.write_text(before.replace("[build]", "[build]\nno-such-package"),
                            encoding="utf-8")
        answer = dev("up", env=environment(APT_CONFIG=str(nowhere / "apt.conf")))
        self.assertIn("Missing Debian packages: no-such-package", answer.stdout)
        self.refused(answer, r"Unable to locate package no-such-package\. .*apt sources")


class BrokenCluster(Checkout):
    """Each test breaks the data of a stopped server, sees the sentence, and repairs it."""

    def setUp(self):
        self.port = str(free_port())
        self.up("--port", self.port)
        self.data = postgres_data()
        self.assertEqual(dev("down").returncode, 0)

    def tearDown(self):
        """What was repaired runs again."""
        self.up("--port", self.port)
        dev("down")

    @contextlib.contextmanager
    def spoilt(self, name, content):
        path = self.data / name
        before = path.read_bytes()
        path.write_bytes(content)
        try:
            yield
        finally:
            path.write_bytes(before)

    def test_the_version(self):
        for content, sentence in ((b"14\n", "was made by PostgreSQL 14, this is 15"),
                                  (b"", "is broken"), (b"\xff\xfe\0", "is broken")):
            with self.subTest(content), self.spoilt("PG_VERSION", content):
                self.refused(dev("up", "--port", self.port), f"{sentence}.*/dev reset")

    def test_the_control_file(self):
        for content in (b"", b"\xa5" * 8192):
            with self.subTest(len(content)), self.spoilt("global/pg_control", content):
                self.refused(dev("up", "--port", self.port),
                             r"PostgreSQL cannot start: \S.*/dev reset")

    def test_a_missing_control_file(self):
        control = self.data / "global" / "pg_control"
        control.rename(control.with_name("kept"))
        try:
            self.refused(dev("up", "--port", self.port),
                         r"PostgreSQL cannot start: .*pg_control.*/dev reset")
        finally:
            control.with_name("kept").rename(control)

    def test_a_bad_setting(self):
        with self.spoilt("postgresql.conf", b"shared_buffers = plenty\n"):
            self.refused(dev("up", "--port", self.port), r"PostgreSQL cannot start: .*postgresql.conf")

    def write_lock(self, pid):
        lock = self.data / "postmaster.pid"
        lock.write_text(f"{pid}\n{self.data}\n1\n5432\n\n\n", encoding="ascii")
        owner = self.data.stat()
        os.chown(lock, owner.st_uid, owner.st_gid)

    def test_a_stale_lock(self):
        """Its number belongs to another process of the same user by now: that is no reason."""
        sleeper = ["sleep", "60"]
        if os.geteuid() == 0:
            owner = pwd.getpwuid(self.data.stat().st_uid).pw_name
            sleeper = ["setpriv", f"--reuid={owner}", "--clear-groups", *sleeper]
        child = subprocess.Popen(sleeper)
        try:
            for pid in (child.pid, 4194304 + 7):  # the latter above all process numbers
                self.write_lock(pid)
                self.up("--port", self.port)
                dev("down")
            self.assertIsNone(child.poll(), "a stranger was ended")
        finally:
            child.kill()
            child.wait()

    def test_a_lost_record(self):
        """The server runs, but who started it left no record: it is ours all the same."""
        self.up("--port", self.port)
        pid = record("postgres")
        (UP / "postgres.pid").unlink()
        self.up("--port", self.port)
        self.assertEqual(record("postgres"), pid)
        dev("down")
        self.assert_stopped()

    def test_redis(self):
        broken = UP / "redis" / "appendonlydir" / "appendonly.aof.manifest"
        before = broken.read_bytes()
        broken.write_bytes(b"no manifest\n")
        try:
            self.refused(dev("up", "--port", self.port), r"Redis cannot start.* remove \S+/redis ")
        finally:
            broken.write_bytes(before)


def _can_mount():
    """Containers often may not mount, even as root."""
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False,
        stderr=subprocess.DEVNULL).returncode == 0


class _FullDisk(Checkout):
    """Small disks, mounted where only the command sees them."""

    def up_on(self, folder, size, before=""):
        """./dev up with a small disk mounted at a folder, after a shell's words `before`."""
        folder.mkdir(parents=True, exist_ok=True)
        script = f"""
            dev={CHECKOUT}/dev
            mount -t tmpfs -o size={size} tmpfs {folder} || exit 9
            {before}
            $dev up --detach --port {free_port()}
            code=$?
            $dev status >&2
            $dev down >/dev/null
            exit $code
            """
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script], env=environment(),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S,
            check=False)

    def full(self, answer, pattern):
        self.assertEqual(answer.returncode, 1, answer.stdout + answer.stderr)
        self.assertNotIn("Traceback", answer.stderr)
        *_, sentence, server, postgres, redis = answer.stderr.strip().splitlines()
        self.assertRegex(sentence, rf"^dev: .*{pattern}")
        for line in (server, postgres, redis):
            self.assertRegex(line, "stopped$")

    def test_no_room_for_the_build(self):
        self.full(self.up_on(CHECKOUT / ".dev", "200m"), r"only \d+ MB free.*Free some space")

    def test_no_room_for_the_database(self):
        for size in ("4k", "1m", "20m", "38m"):
            with self.subTest(size):
                self.full(self.up_on(UP, size), "disk .*(is full|only .* MB free).* Free some space")

    def test_a_disk_that_has_become_full(self):
        fill = (f"$dev up --detach --port {free_port()} || exit 8; $dev down; "
                f"dd if=/dev/zero of={UP}/filler bs=1k 2>/dev/null")
        self.full(self.up_on(UP, "70m", fill),
                  "disk .*(is full|only .* MB free).* Free some space")


if _can_mount():
    class FullDisk(_FullDisk):
        pass
else:
    print("  not run: a full disk; mounting a small one is not allowed here")

del Checkout, _FullDisk
