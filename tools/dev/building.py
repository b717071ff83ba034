"""The C build: one Meson directory per kind, and the sanitizers' settings."""

import os
import shutil
import subprocess

from console import Problem, run_step
from paths import (BUILD, BUILD_ASAN, BUILD_FUZZ, BUILD_TSAN, BUILD_VALGRIND, LOGS, ROOT, STATE,
                   is_stamped, stamp)

# A first build, with the npm packages and a database, takes about half of this.
FREE_BYTES_NEEDED = 1024 ** 3

OPTIONS = {
    BUILD: ["-Dbuildtype=release"],
    BUILD_ASAN: ["-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined",
                 "-Db_lundef=false"],
    BUILD_FUZZ: ["-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined",
                 "-Db_lundef=false", "-Dfuzz=true"],
    BUILD_TSAN: ["-Dbuildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false"],
    BUILD_VALGRIND: ["-Dbuildtype=debugoptimized"],
}

# A report ends the process, so that nothing goes on with broken memory and the exit code tells.
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:check_initialization_order=1",
    "LSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'support' / 'lsan.supp'}"
                    ":print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"suppressions={ROOT / 'tests' / 'support' / 'tsan.supp'}"
                    ":second_deadlock_stack=1:history_size=4",
}


def _check_disk():
    for folder in (ROOT, STATE):
        free = shutil.disk_usage(folder).free if folder.exists() else FREE_BYTES_NEEDED
        if free < FREE_BYTES_NEEDED:
            raise Problem(f"The disk that holds {folder} has only {free // 1024 ** 2} MB free and "
                          f"a first build needs {FREE_BYTES_NEEDED // 1024 ** 2}. Free some space "
                          "and run it again.")


def _environment():
    """Debian's Python and programs first: the build's tools come from Debian's packages."""
    env = dict(os.environ)
    env["PATH"] = "/usr/bin:/bin:" + env["PATH"]
    if "CC" not in env:
        env["CC"] = "gcc"
    return env


def _set_up(directory, env):
    options = OPTIONS[directory]
    name, value = f"meson-{directory.name}", " ".join(options)
    ready = (directory / "build.ninja").exists()
    if ready and is_stamped(name, value):
        return
    if not ready:
        _check_disk()
        shutil.rmtree(directory, ignore_errors=True)
    again = ["--reconfigure"] if ready else []
    run_step(f"Preparing the build in {directory.relative_to(ROOT)}/",
             ["meson", "setup", *again, *options, str(directory), str(ROOT)],
             LOGS / f"{name}.log", "The build cannot be prepared.", env=env)
    stamp(name, value)


def _is_up_to_date(directory, targets, env):
    answer = subprocess.run(["ninja", "-C", str(directory), "-n", *targets], env=env,
                            capture_output=True, text=True, check=False)
    return answer.returncode == 0 and "no work to do" in answer.stdout


def build(directory=BUILD, targets=(), title="Building the server"):
    """Builds in a directory; says nothing when there is nothing to do."""
    env = _environment()
    if directory == BUILD_FUZZ:
        env["CC"] = "clang"
    _set_up(directory, env)
    if _is_up_to_date(directory, targets, env):
        return
    run_step(title, ["ninja", "-C", str(directory), *targets],
             LOGS / f"ninja-{directory.name}.log", "The C code does not build.", env=env)
