"""A private Redis 7 on a Unix socket, with its append-only file."""

import os
import pathlib
import shutil
import socket
import tempfile
import time

from console import Problem
from paths import TAG
from processes import Process

START_TIMEOUT_S = 30
SOCKET_PATH_MAX = 107  # bytes


class Redis:
    def __init__(self, home, log_path, settings=()):
        self.data = home / "redis"
        self.log_path = log_path
        self.settings = list(settings)
        self.process = Process(home / "redis.pid")
        self.socket_path = self.data / "redis.sock"
        if len(os.fsencode(self.socket_path)) > SOCKET_PATH_MAX:
            folder = pathlib.Path(tempfile.gettempdir())
            self.socket_path = folder / f"waystone-{os.geteuid()}-{TAG}-{home.name}.sock"

    def command(self, *words):
        """Sends one command and returns the raw answer's first line."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.socket_path))
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            connection.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return connection.recv(4096).decode("utf-8", "replace").split("\r\n")[0]

    def is_ready(self):
        try:
            return self.command("PING") == "+PONG"
        except OSError:
            return False

    def start(self):
        if self.process.pid() is not None:
            return
        self.data.mkdir(parents=True, exist_ok=True)
        self.data.chmod(0o700)
        self.socket_path.unlink(missing_ok=True)
        argv = ["redis-server", "--port", "0", "--unixsocket", str(self.socket_path),
                "--unixsocketperm", "700", "--dir", str(self.data), "--daemonize", "no",
                "--appendonly", "yes", "--save", "", *self.settings]
        self.process.start(argv, self.log_path)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if self.process.pid() is None or time.monotonic() > deadline:
                raise Problem(f"Redis cannot start; {self.log_path} tells why. It holds nothing "
                              f"that may not be lost: remove {self.data} and run it again.",
                              "\n".join(self.process.said().splitlines()[-8:]))
            time.sleep(0.02)

    def stop(self, timeout_s=15):
        self.process.stop(timeout_s)

    def remove(self):
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
