"""Processes that outlive one ./dev command, by recorded id.

A record holds the process id and the start time the kernel gives, so that an id that was
reused is never mistaken for ours, and nothing is ever stopped by name.
"""

import fcntl
import json
import os
import signal
import subprocess
import time

from console import say
from paths import STATE, read_json, write_atomically

SAID_BYTES_MAX = 256 * 1024


def lock_checkout(name):
    """For commands of which only one at a time may work here. Held as long as the returned file."""
    STATE.mkdir(exist_ok=True)
    # Kept open by nobody else: children do not inherit Python's descriptors.
    lock = open(STATE / name, "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        say("Another ./dev command is at work in this checkout; waiting for it.")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _start_time(pid):
    """The kernel's start time of a process; None when it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def is_alive(pid):
    return _start_time(pid) is not None


class Process:
    """A process with a record on disk; the record is removed when it has ended."""

    def __init__(self, record_path):
        self.record_path = record_path
        self.child = None
        self._log = None

    def pid(self):
        """The id if the process lives, else None."""
        record = read_json(self.record_path, {})
        pid = record.get("pid")
        if self.child is not None and self.child.pid == pid:
            # A first thread that has ended shows as a zombie before the others are gone.
            return pid if self.child.poll() is None else None
        return pid if pid and _start_time(pid) == record.get("start_time") else None

    def start(self, argv, log_path, env=None, cwd=None):
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with open(log_path, "ab") as log:
            self._log = log_path, log.tell()
            # A session of its own: Ctrl-C at the terminal reaches ./dev alone.
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=env, cwd=cwd, start_new_session=True)
        self.adopt(self.child.pid)

    def adopt(self, pid):
        """Records a process that runs already."""
        record = {"pid": pid, "start_time": _start_time(pid)}
        write_atomically(self.record_path, json.dumps(record))

    def said(self):
        """What the process that start() began has written to its log."""
        path, start = self._log
        with open(path, "rb") as log:
            log.seek(start)
            return log.read(SAID_BYTES_MAX).decode("utf-8", "replace")

    def exit_code(self):
        """The exit code of a process this command started; None while it runs."""
        return self.child.poll() if self.child is not None else None

    def stop(self, timeout_s, number=signal.SIGTERM):
        """Asks the process to end and waits. Returns whether it ended by itself in time."""
        pid = self.pid()
        in_time = True
        if pid is not None:
            os.kill(pid, number)
            in_time = self.wait(timeout_s)
            if not in_time:
                os.kill(pid, signal.SIGKILL)
                self.wait(5)
        self.record_path.unlink(missing_ok=True)
        return in_time

    def wait(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True
