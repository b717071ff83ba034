"""A private PostgreSQL 15: its own data directory, a Unix socket, never the system's cluster.

PostgreSQL refuses to run as root, so for root it runs as the user `postgres`, in a directory
that user can reach: under .dev/ where every folder above is open, else under /var/lib.
"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from console import Problem, Step, tail
from paths import TAG
from processes import Process, is_alive

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
MAJOR = "15"
USER = "waystone"
SOCKET_PATH_MAX = 93  # bytes; the kernel allows 107 for directory and file name together
START_TIMEOUT_S = 60  # recovery after a crash may take this long
NOBODY = 4194305  # above all process numbers of Linux
TOO_EARLY = "the database system is "  # starting up, shutting down: said to clients


def _as_owner(argv):
    if os.geteuid() != 0:
        return argv
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *argv]


def _has_user(name):
    try:
        return pwd.getpwnam(name) is not None
    except KeyError:
        return False


def _is_reachable(directory):
    """Whether the user the database runs as can enter the directory."""
    if os.geteuid() == 0 and not _has_user("postgres"):
        return True  # PostgreSQL is not installed yet: nothing to be kept out
    return subprocess.run(_as_owner(["test", "-x", str(directory)]), check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def _own(directory, mode=0o700):
    """Makes a directory that belongs to the user the database runs as."""
    directory.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(directory, owner.pw_uid, owner.pw_gid)
    elif directory.stat().st_uid != os.geteuid():
        raise Problem(f"{directory} belongs to another user: ./dev was run as "
                      f"{pwd.getpwuid(directory.stat().st_uid).pw_name} before. Run it as that "
                      "user, or remove the folder.")
    directory.chmod(mode)
    return directory


def choose_home(preferred):
    """A folder for the data: `preferred` where the database's user can reach it."""
    preferred.mkdir(parents=True, exist_ok=True)
    if _is_reachable(preferred):
        return preferred
    home = pathlib.Path("/var/lib") / f"waystone-{TAG}" / preferred.name
    home.mkdir(parents=True, exist_ok=True)
    return home


def choose_sockets(home):
    """A folder for the socket, whose path has to be short."""
    candidate = home / "run"
    if len(os.fsencode(candidate)) <= SOCKET_PATH_MAX:
        return candidate
    return pathlib.Path(tempfile.gettempdir()) / f"waystone-{os.geteuid()}-{TAG}-{home.name}"


class Cluster:
    """One database server. `settings` are added to the command line, such as fsync=off."""

    def __init__(self, preferred_home, log_path, settings=()):
        self.home = choose_home(preferred_home)
        self.data = self.home / "postgres"
        self.sockets = choose_sockets(self.home)
        self.log_path = log_path
        self.settings = list(settings)
        self.process = Process(preferred_home / "postgres.pid")

    def dsn(self, database=USER):
        return f"host={self.sockets} port=5432 user={USER} dbname={database}"

    def _initialise(self):
        if self.data.exists():
            self._check_version()
            return
        # Only a complete cluster gets the final name.
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        _own(fresh)
        with Step("Creating the database"):
            answer = subprocess.run(
                _as_owner([str(PROGRAMS / "initdb"), "-D", str(fresh), "-U", USER,
                           "--auth=trust", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync"]),
                cwd="/", capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            if "No space left" in answer.stderr:
                raise Problem(f"The disk that holds {self.home} is full. Free some space and run "
                              "it again.")
            raise Problem(f"PostgreSQL could not create its data in {self.home}.",
                          answer.stderr.strip())
        fresh.rename(self.data)

    def _check_version(self):
        try:
            version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            version = ""
        if version == MAJOR:
            return
        if version.isdigit():
            raise Problem(f"{self.data} was made by PostgreSQL {version}, this is {MAJOR}. "
                          "./dev reset makes a new, empty database.")
        raise Problem(f"The data in {self.data} is broken: PG_VERSION does not say {MAJOR}. "
                      "Restore it from a copy, or make a new, empty database with ./dev reset.")

    def _settle_locks(self):
        """A server that runs on the data without a record here becomes ours.

        The number in the lock files may also be that of a zombie or belong to some other program
        by now, which PostgreSQL cannot tell. The data's file then gets a number that nobody has:
        PostgreSQL still checks the shared memory that its other lines name.
        """
        lock = self.data / "postmaster.pid"
        try:
            first, rest = lock.read_text(encoding="ascii").split("\n", 1)
            folder = os.readlink(f"/proc/{first}/cwd") if is_alive(int(first)) else None
        except FileNotFoundError:
            folder = None
        except (OSError, ValueError):
            return
        if folder == str(self.data.resolve()):
            self.process.adopt(int(first))
            return
        if lock.exists():
            with open(lock, "r+", encoding="ascii") as file:
                file.write(f"{NOBODY}\n{rest}")
                file.truncate()
        # The socket's folder is this cluster's alone.
        (self.sockets / ".s.PGSQL.5432.lock").unlink(missing_ok=True)

    def _command(self):
        options = ["listen_addresses=", f"unix_socket_directories={self.sockets}",
                   "unix_socket_permissions=0700", "port=5432", "max_connections=200",
                   "timezone=UTC", "log_min_messages=warning", *self.settings]
        argv = [str(PROGRAMS / "postgres"), "-D", str(self.data)]
        for option in options:
            argv += ["-c", option]
        return _as_owner(argv)

    def is_ready(self):
        return subprocess.run([str(PROGRAMS / "pg_isready"), "-q", "-h", str(self.sockets)],
                              check=False).returncode == 0

    def start(self):
        """Starts the server unless it runs, and creates the database on the first time."""
        if self.process.pid() is None:
            self._initialise()
            self._settle_locks()
        if self.process.pid() is None:
            if os.geteuid() == 0 or self.sockets.parent != self.home:
                _own(self.sockets)
            self.sockets.mkdir(parents=True, exist_ok=True)
            self._start_process()
        self._create_database(USER)

    def _start_process(self):
        """After a kill -9 the old server's children may still be ending: try for a while."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            self.process.start(self._command(), self.log_path, cwd="/")
            while self.process.pid() is not None and not self.is_ready():
                if time.monotonic() > deadline:
                    raise Problem(f"PostgreSQL is not ready after {START_TIMEOUT_S} s. "
                                  f"{self.log_path} tells why.", tail(self.log_path))
                time.sleep(0.03)
            if self.process.pid() is not None:
                return
            said = self.process.said()
            if "still in use" not in said or time.monotonic() > deadline:
                self._fail_start(said)
            time.sleep(0.5)

    def _fail_start(self, said):
        lines = [line for line in said.splitlines() if line.strip() and TOO_EARLY not in line]
        grave = [line.split("FATAL:")[-1].split("PANIC:")[-1] for line in lines
                 if "FATAL:" in line or "PANIC:" in line]
        reason = grave[-1] if grave else " ".join(lines[-3:]) or "it gave no reason"
        raise Problem(f"PostgreSQL cannot start: {reason.strip().rstrip('.')}. If the data in {self.data} is broken, "
                      "restore it from a copy, or make a new, empty database with ./dev reset. "
                      f"Its log: {self.log_path}", "\n".join(lines[-8:]))

    def psql(self, sql, database="postgres"):
        """Runs SQL and returns what it prints, columns separated by |."""
        answer = subprocess.run(self._psql_command(database), input=sql,
                                capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise Problem("PostgreSQL refused a statement.", answer.stderr.strip())
        return answer.stdout.strip()

    def _psql_command(self, database):
        return [str(PROGRAMS / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d",
                self.dsn(database)]

    def session(self, database):
        """A psql with pipes at both ends: one session for as long as its stdin is open."""
        return subprocess.Popen(self._psql_command(database), text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)

    def _create_database(self, name):
        if self.psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'") != "1":
            self.psql(f'CREATE DATABASE "{name}"')

    def fresh_database(self, name):
        """An empty database, dropped first if it is there. Returns its connection string."""
        self.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.psql(f'CREATE DATABASE "{name}"')
        return self.dsn(name)

    def stop(self, timeout_s=30, number=signal.SIGINT):
        """SIGINT is PostgreSQL's "fast" shutdown, which disconnects clients; SIGQUIT the
        "immediate" one, after which it recovers when it starts."""
        self.process.stop(timeout_s, number)

    def remove(self):
        """Deletes the data for good."""
        self.stop()
        for folder in (self.data, self.home / "postgres.new", self.sockets):
            shutil.rmtree(folder, ignore_errors=True)
