"""Where things are. Everything ./dev makes is under .dev/, except what PostgreSQL cannot
reach there (postgres.py)."""

import hashlib
import json
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATE = ROOT / ".dev"
LOGS = STATE / "logs"
STAMPS = STATE / "stamps"
BUILD = STATE / "build"
BUILD_ASAN = STATE / "build-asan"
BUILD_FUZZ = STATE / "build-fuzz"
BUILD_TSAN = STATE / "build-tsan"
BUILD_VALGRIND = STATE / "build-valgrind"
WEB = ROOT / "web"
MIGRATIONS = ROOT / "db" / "migrations"

# Tells the checkouts on one machine apart where they have to share a folder.
TAG = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]


def write_atomically(path, text, mode=0o644):
    """Replaces a file, so that an interruption leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


def read_json(path, default):
    """What a file holds, if it is of the kind of `default`; else `default`."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return default
    return value if isinstance(value, type(default)) else default


def hash_of(files, extra=""):
    """One hash over names and contents, to know whether a step has to be done again."""
    digest = hashlib.sha256(extra.encode())
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_stamped(name, value):
    path = STAMPS / name
    return path.is_file() and path.read_text(encoding="utf-8") == value


def stamp(name, value):
    write_atomically(STAMPS / name, value)
