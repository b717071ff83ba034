#!/usr/bin/env python3
"""Runs a test program beside a real PostgreSQL and Redis.

    with_services.py [--durable] PROGRAM [ARGUMENT ...]

The program finds them in WAYSTONE_TEST_DSN (of a superuser's empty database) and
WAYSTONE_TEST_REDIS (a Unix socket). When both are set already, as in ./dev test, those are
used; else throw-away services are started in a temporary folder and removed afterwards.
--durable keeps fsync on and always takes own services: for measurements.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "dev"))

from postgres import Cluster  # noqa: E402
from redis_server import Redis  # noqa: E402

THROW_AWAY = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


def run(command, env):
    return subprocess.run(command, env=env, check=False).returncode


def run_with_own(command, settings):
    home = pathlib.Path(tempfile.mkdtemp(prefix="waystone-test-"))
    home.chmod(0o755)  # the database's user passes through
    cluster = Cluster(home, home / "postgres.log", settings)
    redis = Redis(home, home / "redis.log")
    try:
        cluster.start()
        redis.start()
        return run(command, dict(os.environ, WAYSTONE_TEST_DSN=cluster.fresh_database("unit"),
                                 WAYSTONE_TEST_REDIS=str(redis.socket_path)))
    finally:
        redis.remove()
        cluster.remove()
        shutil.rmtree(home, ignore_errors=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--durable", action="store_true")
    options.add_argument("command", nargs=argparse.REMAINDER)
    arguments = options.parse_args()
    if not arguments.command:
        options.error("no program given")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the services end, too
    given = {"WAYSTONE_TEST_DSN", "WAYSTONE_TEST_REDIS"} <= os.environ.keys()
    if given and not arguments.durable:
        return run(arguments.command, dict(os.environ))
    return run_with_own(arguments.command, [] if arguments.durable else THROW_AWAY)


if __name__ == "__main__":
    sys.exit(main())
