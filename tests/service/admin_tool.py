"""waystone-admin as tests call it."""

import json
import os
import subprocess

from harness import BINARY, eventually

ADMIN = BINARY.parent / "tools" / "admin" / "waystone-admin"


def admin(world, *words, env=None):
    """Runs a command with the first server's configuration: (exit code, output, complaint)."""
    answer = subprocess.run(
        [str(ADMIN), "--config", str(world.server.config_path), *map(str, words)],
        capture_output=True, text=True, timeout=60, check=False,
        env=dict(os.environ, **world.env, **(env or {})))
    return answer.returncode, answer.stdout, answer.stderr


def done(world, *words):
    """The JSON answer of a command that has to succeed."""
    code, output, complaint = admin(world, "--json", *words)
    assert code == 0, f"{words}: {code} {complaint}"
    return json.loads(output)


def run_job(world, name):
    """Has a job run now, and waits for its end. Returns how many runs it has had."""
    runs = f"SELECT runs FROM jobs WHERE name = '{name}'"
    assert eventually(lambda: world.psql(runs) != ""), f"no server knows the job {name}"
    before = int(world.psql(runs))
    world.psql(f"UPDATE jobs SET next_at = now() WHERE name = '{name}'")
    assert eventually(lambda: int(world.psql(runs)) > before, 20), f"{name} does not run"
    return int(world.psql(runs))
