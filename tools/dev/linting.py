"""./dev lint: what can be said about the sources without running them; ./dev fmt: their layout.

Each check says "ok" or "FAILED" in one line, followed by what it found; the others go on. The
last line is the verdict. Files are those Git tracks or would track.
"""

import dataclasses
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import building
import nodejs
import packages
from console import Problem, Step, say
from paths import BUILD, ROOT, STATE, WEB, hash_of, is_stamped, stamp, write_atomically

API = ROOT / "api"
TESTS = ROOT / "tests"
# The published API that a change is compared with: descriptors as text, so that what is accepted
# can be reviewed. Only our own files; the ones they import come from api/ (_baseline).
BASELINE = API / "baseline.txtpb"
BASELINE_HEAD = """\
# The API as published. ./dev lint refuses a change that breaks a client of it;
# ./dev lint --accept-api writes this file anew.
"""
OURS = "waystone/"
WEB_BIN = WEB / "node_modules" / ".bin"
PYTHON = "/usr/bin/python3"
NO_TIDY = ("tests/conformance/",)  # its schemas come from npm and are built on demand
NO_FORMAT = ("gen/testdata/",)  # expected output of the generator, byte by byte


@dataclasses.dataclass
class Check:
    name: str
    run: callable


def files(*suffixes):
    """The repository's files with one of these suffixes, relative to its root."""
    answer = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], cwd=ROOT, capture_output=True, check=False)
    if answer.returncode != 0:
        raise Problem("./dev lint and ./dev fmt need the Git repository.",
                      answer.stderr.decode("utf-8", "replace"))
    names = sorted(set(answer.stdout.decode().split("\0")) - {""})
    return [name for name in names if name.endswith(suffixes) and (ROOT / name).is_file()]


def _c_files():
    return [name for name in files(".c", ".h") if not name.startswith(NO_FORMAT)]


def _check(argv, cwd=ROOT, env=None):
    """Runs a program; its failure is a Problem with what it printed. Returns its output."""
    answer = subprocess.run(list(map(str, argv)), cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False)
    if answer.returncode != 0:
        raise Problem(f"{argv[0]} ended with code {answer.returncode}.", answer.stdout.strip())
    return answer.stdout


# --- C ---

def clang_format():
    _check(["clang-format", "--dry-run", "-Werror", *_c_files()])


def _ingredients():
    """What each C file is made of besides the system's headers, as the build noted it."""
    found = {}
    for block in _check(["ninja", "-C", BUILD, "-t", "deps"]).split("\n\n"):
        paths = [(BUILD / line.strip()).resolve() for line in block.splitlines()
                 if line.startswith("    ") and not line.strip().startswith("/usr/")]
        if paths:
            found.setdefault(paths[0], set()).update(paths)
    return found


def _clang_tidy(name):
    """What clang-tidy says about a file; empty when it is content."""
    # GCC's warnings that clang does not know stand in the compile commands. What is not in them,
    # such as the fuzz targets, gets the most similar command, which may lack these folders.
    answer = subprocess.run(
        ["clang-tidy", "-p", BUILD, "--quiet", "--extra-arg=-Wno-unknown-warning-option",
         f"--extra-arg=-I{BUILD / 'tests' / 'unit' / 'protocol'}",
         f"--extra-arg=-I{BUILD / 'tests' / 'support'}",
         f"--extra-arg=-I{BUILD / 'gen' / 'libgen.a.p'}", name],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        check=False)
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def clang_tidy():
    """Looks again at what has changed, in itself or in a header, since it was found good."""
    packages.ensure("build")
    building.build()  # the generated headers
    rules = [ROOT / name for name in files(".clang-tidy")] + [ROOT / "meson.build"]
    version = _check(["clang-tidy", "--version"])
    ingredients = _ingredients()
    todo = {}
    for name in files(".c"):
        if name.startswith(NO_TIDY):
            continue
        made_of = ingredients.get(ROOT / name)
        value = hash_of([*made_of, *rules], version) if made_of else None
        if value is None or not is_stamped(f"tidy/{name}", value):
            todo[name] = value
    found = []
    cores = len(os.sched_getaffinity(0))
    with Step("Running clang-tidy") as step, ThreadPoolExecutor(cores) as pool:
        results = zip(todo.items(), pool.map(_clang_tidy, todo))
        for done, ((name, value), text) in enumerate(results, 1):
            step.note = f"[{done}/{len(todo)}]"
            if text:
                found.append(text)
            elif value is not None:
                stamp(f"tidy/{name}", value)
    if found:
        raise Problem(f"clang-tidy found something in {len(found)} files.", "\n".join(found))


# --- the schemas ---

def _web():
    """The environment for npm's programs, with those of web/ on the PATH."""
    env = nodejs.environment()
    nodejs.install(WEB, env)
    env["PATH"] = f"{WEB_BIN}:{env['PATH']}"
    return env


def _descriptors(env):
    """The descriptors of api/ as text, a block for each file: (ours, what they import)."""
    text = _check(["buf", "build", API, "--path", API / OURS, "--exclude-source-info",
                   "-o", "-#format=txtpb"], env=env)
    blocks = [block + "\n}\n" for block in text.split("\n}\n") if block.strip()]
    ours = [block for block in blocks if f'\n  name: "{OURS}' in block]
    return ours, [block for block in blocks if block not in ours]


def buf_lint():
    _check(["buf", "lint", API], env=_web())


def buf_format():
    _check(["buf", "format", "-d", "--exit-code", API], env=_web())


def buf_breaking():
    env = _web()
    _, imported = _descriptors(env)
    whole = STATE / "lint" / "api.txtpb"
    write_atomically(whole, "".join(imported) + BASELINE.read_text(encoding="utf-8"))
    try:
        _check(["buf", "breaking", API, "--against", whole], env=env)
    except Problem as problem:
        raise Problem("This breaks those who use the API as published. If that is what you want, "
                      "run: ./dev lint --accept-api", problem.details) from None


def accept_api():
    """Makes the API as it is the published one."""
    packages.ensure("build", "lint")
    ours, _ = _descriptors(_web())
    write_atomically(BASELINE, BASELINE_HEAD + "".join(ours))
    say(f"Wrote {BASELINE.relative_to(ROOT)}; review it with git diff.")
    return 0


# --- JavaScript and TypeScript ---

def biome_web():
    _check(["npm", "run", "--silent", "lint", "--", "--error-on-warnings"], WEB, _web())


def tsc_web():
    _check(["npm", "run", "--silent", "typecheck"], WEB, _web())


def biome_tests():
    _check(["biome", "check", "--error-on-warnings", "."], TESTS, _web())


# --- layers ---

def includes():
    _check([PYTHON, "-B", ROOT / "tools" / "check_includes.py", ROOT, *_c_files()])


# --- scripts ---

def python():
    _check(["pyflakes3", *files(".py")])


def shell():
    _check(["shellcheck", *[name for name in files("") if _is_shell(ROOT / name)]])


def _is_shell(path):
    if path.suffix == ".sh":
        return True
    if path.suffix or not os.access(path, os.X_OK):
        return False
    with open(path, "rb") as file:
        return file.read(20).startswith((b"#!/bin/sh", b"#!/bin/bash"))


# --- all of them ---

CHECKS = [
    Check("clang-format", clang_format),
    Check("includes", includes),
    Check("clang-tidy", clang_tidy),
    Check("buf-lint", buf_lint),
    Check("buf-format", buf_format),
    Check("buf-breaking", buf_breaking),
    Check("biome-web", biome_web),
    Check("biome-tests", biome_tests),
    Check("tsc", tsc_web),
    Check("python", python),
    Check("shell", shell),
]


QUICK = [check for check in CHECKS if check.run in (clang_format, includes)]


def run_check(check):
    """Runs one check and says its verdict. Returns whether it is good."""
    started = time.monotonic()
    found = None
    try:
        check.run()
    except Problem as problem:
        found = problem
    say(f"{'FAILED' if found else 'ok    '}  {check.name} ({time.monotonic() - started:.1f} s)")
    if found:
        say(f"\n{found.details}\n{found.sentence}\n")
    return found is None


def _choose(names):
    chosen = [check for check in CHECKS
              if not names or any(name in check.name for name in names)]
    if not chosen:
        known = ", ".join(check.name for check in CHECKS)
        raise Problem(f"No check is called {' or '.join(names)}. There are: {known}")
    return chosen


def lint(names):
    checks = _choose(names)
    packages.ensure("build", "lint")
    failed = [check.name for check in checks if not run_check(check)]
    if failed:
        say(f"lint: {len(failed)} of {len(checks)} checks failed: {', '.join(failed)}")
        return 1
    say(f"lint: {len(checks)} checks passed")
    return 0


def fmt():
    """Lays out all sources that have a formatter."""
    packages.ensure("lint")
    env = _web()
    _check(["clang-format", "-i", *_c_files()])
    _check(["buf", "format", "-w", API], env=env)
    for folder in (WEB, TESTS):
        _check(["biome", "check", "--write", "--linter-enabled=false", "."], folder, env)
    say("Formatted C, the schemas, and the JavaScript and TypeScript of web/ and tests/.")
    return 0
