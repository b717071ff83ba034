"""What ./dev says, and the running of programs that may take long.

Everything printed is for people: a step in progress, how long it took, and, when it cannot go
on, one sentence that says what to do (Problem).
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
import time

QUIET_INTERVAL_S = 20  # between two signs of life when the output is no terminal
TAIL_LINES = 25


class Problem(Exception):
    """Stops ./dev. The text is a sentence that says what to do; details may follow it."""

    def __init__(self, sentence, details=""):
        super().__init__(sentence)
        self.sentence = sentence
        self.details = details


def is_terminal():
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def say(text=""):
    print(text, flush=True)


def tail(path, lines=TAIL_LINES):
    """The last lines of a file; empty when there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 256 * 1024))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


class Step:
    """One line of progress: "Building ... [37/120] 12 s" while it runs, the time at its end."""

    def __init__(self, title):
        self.title = title
        self.note = ""
        self.started = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._animate, daemon=True)

    def seconds(self):
        return time.monotonic() - self.started

    def _animate(self):
        interval = 0.5 if is_terminal() else QUIET_INTERVAL_S
        while not self._done.wait(interval):
            note = f" {self.note}" if self.note else ""
            line = f"{self.title} ...{note} ({self.seconds():.0f} s)"
            if is_terminal():
                width = os.get_terminal_size().columns - 1
                print("\r\x1b[K" + line[:width], end="", flush=True)
            else:
                say(line)

    def __enter__(self):
        print(f"{self.title} ...", end="" if is_terminal() else "\n", flush=True)
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._done.set()
        self._thread.join()
        if is_terminal():
            end = "failed" if kind else f"done in {self.seconds():.1f} s"
            print(f"\r\x1b[K{self.title}: {end}", flush=True)
        elif self.seconds() > 1 or kind:
            end = "failed" if kind else "done"
            say(f"{self.title}: {end} in {self.seconds():.1f} s")
        return False


def _follow(stream, log, step):
    for raw in stream:
        log.write(raw)
        line = raw.decode("utf-8", "replace").strip()
        if line:
            step.note = line[:70]


def run_step(title, argv, log_path, sentence, cwd=None, env=None):
    """Runs a program whose output goes to a log, under a line of progress.

    A failure is a Problem with `sentence` and the end of the log.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with Step(title) as step, open(log_path, "wb", buffering=0) as log:
        try:
            child = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except OSError as error:
            raise Problem(f"{argv[0]} cannot be started ({error.strerror}). {sentence}") from error
        try:
            with contextlib.closing(child.stdout):
                _follow(child.stdout, log, step)
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        if code != 0:
            raise Problem(explain_full_disk(log_path) or f"{sentence} The full log: {log_path}",
                          tail(log_path))


# What compilers, npm and databases say, and apt's own words.
NO_SPACE = re.compile(r"no space left on device|enough free space in (?P<folder>/\S*[^\s.])", re.I)


def explain_full_disk(log_path):
    """The sentence for a full disk, if that is what a log ends with."""
    found = NO_SPACE.search(tail(log_path, 60))
    if not found:
        return None
    return (f"The disk that holds {found['folder'] or log_path.parent} is full. Free some space "
            "and run it again.")
