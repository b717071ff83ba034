"""The server as a process: its configuration, its start and its end."""

import contextlib
import errno
import http.client
import os
import pathlib
import signal
import socket
import ssl
import time

from console import Problem
from paths import MIGRATIONS, ROOT, WEB, write_atomically
from processes import Process

START_TIMEOUT_S = 60
DRAIN_MS = 10000
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                   "WARNING: ThreadSanitizer", "AddressSanitizer:DEADLYSIGNAL")


# What a server says of itself that is a fault, whoever called.
FAULT_MARKS = ("a code that its schema does not list",)


def free_port():
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def why_not_listen(port):
    """Why nobody can listen on a port of this machine: an errno, or None when one can.

    The server takes IPv4; "localhost" may also be IPv6, where it must not find a stranger.
    """
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                return error.errno
    return None


def _listening_inodes(port):
    """The socket numbers that the kernel lists as listening on a port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table, encoding="ascii") as file:
            for line in list(file)[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    yield f"socket:[{fields[9]}]"


def port_holder(port):
    """ "NAME (process ID)" of who listens on a port, as far as this user may see it."""
    wanted = set(_listening_inodes(port))
    for folder in pathlib.Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):
            if any(os.readlink(fd) in wanted for fd in folder.iterdir()):
                name = (folder.parent / "comm").read_text(encoding="utf-8").strip()
                return f"{name} (process {folder.parent.name})"
    return "another program"


def settings(port, dsn, redis_address, master_key, tls=None, **more):
    """The configuration of a private server; `tls` is (certificate, key)."""
    values = {
        "http.address": "127.0.0.1",
        "http.port": port,
        "http.web_root": WEB / "dist",
        "http.insecure_cookies": "false" if tls else "true",
        "http.drain_ms": DRAIN_MS,
        "database.dsn": dsn,
        "database.migrations": MIGRATIONS,
        "redis.address": redis_address,
        "auth.master_key": master_key,
    }
    if tls:
        values["http.tls_certificate"], values["http.tls_key"] = tls
    values.update({name.replace("__", "."): value for name, value in more.items()})
    return values


class Server:
    """A server under a name: NAME.conf, NAME.pid and a log."""

    def __init__(self, binary, home, name, log_path):
        self.binary = binary
        self.name = name
        self.config_path = home / f"{name}.conf"
        self.log_path = log_path
        self.process = Process(home / f"{name}.pid")
        self.port = None
        self.certificate = None

    def configure(self, values):
        self.port = int(values["http.port"])
        self.certificate = values.get("http.tls_certificate")
        lines = [f'{name} = "{value}"' for name, value in values.items()]
        write_atomically(self.config_path, "\n".join(lines) + "\n", 0o600)

    def url(self):
        return f"{'https' if self.certificate else 'http'}://localhost:{self.port}"

    def pid(self):
        return self.process.pid()

    def get(self, path, timeout_s=5):
        """Fetches a page. Returns (status, text)."""
        if self.certificate:
            context = ssl.create_default_context(cafile=self.certificate)
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout_s,
                                                     context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def is_ready(self, path="/readyz"):
        try:
            return self.get(path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def start(self, env=None, wait_for="/readyz"):
        self.process.start([str(self.binary), "--config", str(self.config_path)], self.log_path,
                           env=dict(os.environ, **(env or {})), cwd=ROOT)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready(wait_for):
            if self.process.pid() is None:
                self._fail(f"The server stopped while it started; {self.log_path} tells why.")
            if time.monotonic() > deadline:
                self._fail(f"The server is not ready after {START_TIMEOUT_S} s; {self.log_path} "
                           "tells why.")
            time.sleep(0.03)

    def _fail(self, sentence):
        """The server's own sentence on why it gave up, if there is one, else `sentence`."""
        lines = self.process.said().splitlines()[-10:]
        for line in reversed(lines):
            if line.startswith("waystone: "):
                raise Problem(f"The server does not start: {line.removeprefix('waystone: ')}")
        raise Problem(sentence, "\n".join(lines))

    def stop(self, timeout_s=DRAIN_MS / 1000 + 10):
        """Drains the server. Returns whether it ended by itself in time."""
        return self.process.stop(timeout_s, signal.SIGTERM)

    def kill(self):
        self.process.stop(5, signal.SIGKILL)

    def complaints(self):
        """Sanitizer reports and faults in the log, with what follows the first one."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        places = [text.find(mark) for mark in SANITIZER_MARKS + FAULT_MARKS if mark in text]
        return text[max(0, min(places) - 200):][:6000] if places else ""
