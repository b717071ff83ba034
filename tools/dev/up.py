"""up, down, status, logs and reset: the server of this checkout with its services."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import building
import certificates
import nodejs
import packages
import world
from console import Problem, Step, say, tail
from paths import BUILD, LOGS, ROOT, STATE, is_stamped, stamp
from postgres import Cluster
from processes import lock_checkout
from redis_server import Redis
from server_process import START_TIMEOUT_S, Server, port_holder, settings, why_not_listen

HOME = STATE / "up"
KEYS = STATE / "keys"
MAILS = STATE / "mail"
SERVER_LOG = LOGS / "server.log"
POSTGRES_LOG = LOGS / "postgres.log"
REDIS_LOG = LOGS / "redis.log"
LOG_LIMIT_BYTES = 32 * 1024 * 1024
DEFAULT_PORT = 8080
FULL_BYTES = 32 * 1024 * 1024  # two of the segments that PostgreSQL's log of changes is made of


class Parts:
    """The three processes of a running server."""

    def __init__(self):
        HOME.mkdir(parents=True, exist_ok=True)
        self.postgres = Cluster(HOME, POSTGRES_LOG)
        self.redis = Redis(HOME, REDIS_LOG)
        self.server = Server(BUILD / "waystone", HOME, "waystone", SERVER_LOG)

    def stop(self):
        """The server first, so that it can finish what it has begun."""
        if self.server.pid() is not None:
            with Step("Stopping the server"):
                if not self.server.stop():
                    say("The server did not end in time and was killed; "
                        f"{SERVER_LOG} may tell why.")
        self.redis.stop()
        self.postgres.stop()


def _trim_logs():
    for log in (SERVER_LOG, POSTGRES_LOG, REDIS_LOG):
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            os.replace(log, log.with_name(log.name + ".old"))


def _recorded_server(parts):
    """Where the recorded server listens; its configuration file is the record."""
    try:
        lines = parts.server.config_path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    values = dict(line.replace('"', "").split(" = ", 1) for line in lines if " = " in line)
    parts.server.port = int(values["http.port"])
    parts.server.certificate = values.get("http.tls_certificate")
    return parts.server


def _check_port(port):
    if not 1 <= port <= 65535:
        raise Problem(f"--port {port} is no port; choose one from 1 to 65535.")
    reason = why_not_listen(port)
    if reason == errno.EADDRINUSE:
        raise Problem(f"Port {port} is in use by {port_holder(port)}. Stop that, or choose another "
                      f"port: ./dev up --port {port + 1 if port < 65535 else DEFAULT_PORT}")
    if reason == errno.EACCES:
        raise Problem(f"Only root may serve on port {port}. Choose another port: "
                      f"./dev up --port {port + 8000}")
    if reason:
        raise Problem(f"Nothing can listen on port {port}: {os.strerror(reason)}.")


def _check_environment():
    """What ./dev decides cannot be decided elsewhere too; all other keys may be overridden."""
    decided = settings(0, "", "", "", ("", ""))
    for key in decided:
        name = "WAYSTONE_" + key.replace(".", "_").upper()
        if name in os.environ:
            instead = " Use --port." if key == "http.port" else ""
            raise Problem(f"{name} is set in the environment, but ./dev up decides {key} itself. "
                          f"Unset it and run it again.{instead}")


def _check_running(server, arguments):
    if arguments.port not in (None, server.port) or (arguments.tls and not server.certificate):
        raise Problem(f"Waystone already runs at {server.url()}. To serve it otherwise, stop it "
                      "first: ./dev down")


def _heal(parts):
    """Whatever has ended beside a running server is started again."""
    parts.postgres.start()
    parts.redis.start()
    deadline = time.monotonic() + START_TIMEOUT_S
    while not parts.server.is_ready():
        if time.monotonic() > deadline:
            raise Problem(f"The server runs but is not ready; {SERVER_LOG} tells why. ./dev down "
                          "and ./dev up start it anew.", tail(SERVER_LOG, 8))
        time.sleep(0.1)


def _explain(error, folders):
    """The error as it is, unless a disk is full: then that is what has to be told."""
    if not isinstance(error, (Problem, OSError)):
        return error
    for folder in folders:
        free = shutil.disk_usage(folder).free
        if free < FULL_BYTES:
            return Problem(f"The disk that holds {folder} has only {free // 1024 ** 2} MB free, "
                           "which is too little for the database. Free some space and run it "
                           "again.", getattr(error, "details", ""))
    return error


def _prepare():
    packages.ensure("build", "run")
    building.build(BUILD, ["waystone"])
    nodejs.build_web()


def _start(parts, port, tls):
    _check_port(port)
    _trim_logs()
    master_key = certificates.ensure_master_key(KEYS)
    pair = certificates.ensure_certificate(KEYS) if tls else None
    parts.postgres.start()
    parts.redis.start()
    parts.server.configure(settings(port, parts.postgres.dsn(), parts.redis.socket_path,
                                    master_key, pair, mail__directory=MAILS,
                                    mail__site_url=f"{'https' if tls else 'http'}://localhost:{port}"))
    with Step("Starting the server"):
        parts.server.start()
    mark = parts.postgres.psql("SELECT oid FROM pg_database WHERE datname = 'waystone'")
    if not is_stamped("world", mark + str(world.ACCOUNTS)):
        with Step("Loading the demo world"):
            world.load(parts.server)
        stamp("world", mark + str(world.ACCOUNTS))


def _print_welcome(server, detached):
    say()
    say(f"Waystone is running: {server.url()}")
    if server.certificate:
        say(f"  Its certificate is self-signed: {server.certificate}")
    names = " or ".join(world.ACCOUNTS)
    say(f"  Demo accounts: {names}, password {world.PASSWORD}")
    say("  Stop it with: " + ("./dev down" if detached else "Ctrl-C"))
    say("  Its log:      ./dev logs")
    say(f"  Its mails:    {MAILS}")


def _wait_for_end(parts):
    """Blocks until Ctrl-C, SIGTERM or the end of the server. Returns the exit code."""
    try:
        while parts.server.pid() is not None:
            time.sleep(0.3)
    except KeyboardInterrupt:
        say()
        return 0
    if not parts.server.config_path.exists() or parts.server.process.exit_code() == 0:
        say("The server was stopped.")
        return 0
    say(f"The server ended unexpectedly. The end of its log ({SERVER_LOG}):")
    say(tail(SERVER_LOG, 15))
    return 1


def up(arguments):
    _check_environment()
    lock = lock_checkout("lock")
    parts = Parts()
    if parts.server.pid() is not None and _recorded_server(parts):
        _check_running(parts.server, arguments)
        _heal(parts)
        _print_welcome(parts.server, True)
        return 0
    port = DEFAULT_PORT if arguments.port is None else arguments.port
    _check_port(port)
    _prepare()
    parts = Parts()
    try:
        _start(parts, port, arguments.tls)
    except BaseException as error:
        parts.stop()
        raise _explain(error, (STATE, HOME, parts.postgres.home))
    _print_welcome(parts.server, arguments.detach)
    lock.close()
    if arguments.detach:
        return 0
    code = 1
    try:
        code = _wait_for_end(parts)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        parts.stop()
    say("Stopped.")
    return code


def admin(arguments):
    """waystone-admin with the configuration of the last ./dev up."""
    parts = Parts()
    if not parts.server.config_path.exists():
        raise Problem("There is no server here yet: ./dev up makes one.")
    packages.ensure("build", "run")
    building.build(BUILD, ["tools/admin/waystone-admin"])
    return subprocess.run([str(BUILD / "tools" / "admin" / "waystone-admin"), "--config",
                           str(parts.server.config_path), *arguments.words],
                          check=False).returncode


def down(_):
    lock = lock_checkout("lock")
    parts = Parts()
    running = [part for part in (parts.server.pid(), parts.redis.process.pid(),
                                 parts.postgres.process.pid()) if part]
    parts.stop()
    say("Stopped." if running else "Nothing was running.")
    lock.close()
    return 0


def status(_):
    """Exit code 0 while the server is ready, 3 otherwise, as service managers do."""
    parts = Parts()
    server = _recorded_server(parts) if parts.server.pid() else None
    ready = server is not None and server.is_ready()
    if server is None:
        say("server:     stopped")
    else:
        say(f"server:     {'ready' if ready else 'running, not ready'} at {server.url()} "
            f"(process {server.pid()})")
    for name, process in (("PostgreSQL", parts.postgres.process), ("Redis", parts.redis.process)):
        pid = process.pid()
        label = name + ":"
        say(f"{label:<12}{f'running (process {pid})' if pid else 'stopped'}")
    return 0 if ready else 3


def logs(arguments):
    path = {"server": SERVER_LOG, "postgres": POSTGRES_LOG, "redis": REDIS_LOG}[arguments.part]
    if not path.exists():
        raise Problem("There is no log yet. ./dev up starts the server.")
    follow = ["-f"] if arguments.follow else []
    try:
        return subprocess.run(["tail", "-n", str(arguments.lines), *follow, str(path)],
                              check=False).returncode
    except KeyboardInterrupt:
        return 0


def reset(arguments):
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise Problem("./dev reset deletes this checkout's accounts, characters and messages. "
                          "Say ./dev reset --yes to do it without being asked.")
        say("This deletes the accounts, characters and messages of this checkout's server.")
        if input("Type yes to go on: ").strip() != "yes":
            say("Nothing was deleted.")
            return 1
    lock = lock_checkout("lock")
    parts = Parts()
    parts.stop()
    parts.redis.remove()
    parts.postgres.remove()
    shutil.rmtree(KEYS, ignore_errors=True)
    (STATE / "stamps" / "world").unlink(missing_ok=True)
    lock.close()
    say(f"The data is gone. ./dev up in {ROOT} makes a new world.")
    return 0
