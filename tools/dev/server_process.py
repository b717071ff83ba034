"""The server as a process: its configuration, its start and its end."""

import http.client
import os
import signal
import socket
import ssl
import time

from console import Problem, tail
from paths import MIGRATIONS, ROOT, WEB, write_atomically
from processes import Process

START_TIMEOUT_S = 60
DRAIN_MS = 10000
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                   "WARNING: ThreadSanitizer", "AddressSanitizer:DEADLYSIGNAL")


def free_port():
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_port_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def settings(port, dsn, redis_address, signing_key, tls=None, **more):
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
        "auth.signing_key": signing_key,
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
                raise Problem(self._reason(), tail(self.log_path, 10))
            if time.monotonic() > deadline:
                raise Problem(f"The server is not ready after {START_TIMEOUT_S} s; "
                              f"{self.log_path} tells why.", tail(self.log_path, 10))
            time.sleep(0.03)

    def _reason(self):
        """What the server said when it gave up: its own sentence, if there is one."""
        for line in reversed(tail(self.log_path, 10).splitlines()):
            if line.startswith("waystone: "):
                return f"The server stopped: {line.removeprefix('waystone: ')}"
        return f"The server stopped while it started; {self.log_path} tells why."

    def stop(self, timeout_s=DRAIN_MS / 1000 + 10):
        """Drains the server. Returns whether it ended by itself in time."""
        return self.process.stop(timeout_s, signal.SIGTERM)

    def kill(self):
        self.process.stop(5, signal.SIGKILL)

    def complaints(self):
        """Sanitizer reports in the log, with what follows the first one."""
        if not self.log_path.exists():
            return ""
        text = self.log_path.read_text(encoding="utf-8", errors="replace")
        places = [text.find(mark) for mark in SANITIZER_MARKS if mark in text]
        return text[max(0, min(places) - 200):][:6000] if places else ""
