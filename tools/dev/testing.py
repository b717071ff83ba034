"""./dev test: every suite, against a real PostgreSQL, Redis and server under sanitizers.

Each suite prints its progress; a suite that cannot run counts as one failure and says why. The
last line is "N passed, N failed", and the exit code follows it.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import building
import conformance
import fuzzing
import linting
import nodejs
import packages
from console import Problem, say
from paths import BUILD_ASAN, BUILD_TSAN, BUILD_VALGRIND, LOGS, ROOT, STATE, WEB
from postgres import Cluster
from processes import Process, lock_checkout
from redis_server import Redis

HOME = STATE / "test"
RESULTS = HOME / "results"
GENERATED = STATE / "gen" / "python"
SERVICE = ROOT / "tests" / "service"
SERVICE_JS = SERVICE / "js"
E2E = ROOT / "tests" / "e2e"
DOCS_TEST = E2E / "docs.test.mjs"
PYTHON = "/usr/bin/python3"
DELIVERY_TEST = SERVICE / "delivery_test.py"
SUITE_TIMEOUT_S = 600
ROUND_TIMEOUT_S = 60  # most of delivery take 6, others less
# Data of tests is thrown away; waiting for the disk would only make them slower.
THROW_AWAY = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]


@dataclasses.dataclass
class Result:
    passed: int
    failed: int


@dataclasses.dataclass
class Suite:
    name: str
    run: callable


class Services:
    """PostgreSQL and Redis for all suites, started when the first one needs them."""

    def __init__(self):
        self.cluster = Cluster(HOME, LOGS / "test-postgres.log", THROW_AWAY)
        self.redis = Redis(HOME, LOGS / "test-redis.log")
        self.started = False

    def start(self):
        if not self.started:
            self.started = True
            self.stop()
            self.cluster.remove()
            self.redis.remove()
            self.cluster.start()
            self.redis.start()

    def stop(self):
        self.redis.stop()
        self.cluster.stop()


class Context:
    """What suites share. `build` has the programs under test; `rounds` and `seed` are for suites in
    which things happen at random, None: their own."""

    def __init__(self, build=BUILD_ASAN, services=None, rounds=None, seed=None):
        self.build = build
        self.services = services or Services()
        self.rounds, self.seed = rounds, seed
        self._node = None

    def node(self):
        if self._node is None:
            self._node = nodejs.environment()
        return self._node

    def environment(self, base=None):
        """What the tests are told: where the services, the server and generated code are."""
        self.services.start()
        env = dict(base or os.environ, **building.SANITIZER_ENVIRONMENT)
        env.update({
            "WAYSTONE_TEST_DSN": self.services.cluster.fresh_database("unit"),
            "WAYSTONE_TEST_REDIS": str(self.services.redis.socket_path),
            "WAYSTONE_TEST_SERVER": str(self.build / "waystone"),
            "WAYSTONE_TEST_HOME": str(HOME),
            "WAYSTONE_TEST_LOADGEN": str(BUILD_ASAN / "tools" / "loadgen" / "loadgen"),
            "PYTHONPATH": f"{GENERATED}:{SERVICE}:{ROOT / 'tools' / 'dev'}",
            "PYTHONDONTWRITEBYTECODE": "1",
        })
        return env


def _run(argv, env, cwd=ROOT, output=None, timeout_s=SUITE_TIMEOUT_S):
    """Runs a test program with its output on ours, or in a file. Returns the exit code.

    It gets a session of its own, so that a program that hangs is ended with all it started.
    """
    sys.stdout.flush()
    child = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                             stderr=output and subprocess.STDOUT, start_new_session=True)
    try:
        return child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        say(f"not finished after {timeout_s} s; ended: {' '.join(map(str, argv))}")
        return 124
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _result(code, passed, failed):
    """A program that fails without a failed test has crashed: that is a failure too."""
    if code != 0 and failed == 0:
        say(f"the program ended with code {code} and named no failed test")
        failed = 1
    if passed + failed == 0:
        say("no test was run")
        failed = 1
    return Result(passed, failed)


# --- sources ---

def run_style(_):
    """What ./dev lint can say about C in a moment: its layout and who includes whom."""
    good = [linting.run_check(check) for check in linting.QUICK]
    return Result(good.count(True), good.count(False))


# --- C ---

CRITERION_SUMMARY = re.compile(
    r"Tested:\s*(\d+)\s*\|\s*Passing:\s*(\d+)\s*\|\s*Failing:\s*(\d+)\s*\|\s*Crashing:\s*(\d+)")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def _count_program(test):
    """Passed and failed of one test program: each Criterion test counts, others count once."""
    output = ESCAPES.sub("", test.get("stdout", "") + test.get("stderr", ""))
    summary = CRITERION_SUMMARY.search(output)
    if summary:
        failed = int(summary[3]) + int(summary[4])
        if test["result"] != "OK" and failed == 0:
            failed = 1
        return int(summary[2]), failed, output
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    return int(good), int(not good), output


def run_unit(context):
    """Unit and golden tests, all of Meson's."""
    log = BUILD_ASAN / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    code = _run(["meson", "test", "-C", str(BUILD_ASAN), "--no-rebuild", "--num-processes", "2",
                 "--timeout-multiplier", "3"], context.environment())
    passed = failed = 0
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    for test in map(json.loads, lines):
        good, bad, output = _count_program(test)
        passed, failed = passed + good, failed + bad
        if bad:
            say(f"\n--- {test['name']}: {test['result']} ---\n"
                + "\n".join(output.splitlines()[-60:]))
    return _result(code, passed, failed)


# --- fuzzing ---

FUZZ_SECONDS = 20  # of all targets together, beyond their committed corpora


def run_fuzz(_):
    """A short run of every fuzz target; ./dev fuzz is the long one."""
    targets = fuzzing.targets()
    outcomes = [target.fuzz(max(1, FUZZ_SECONDS // len(targets))) for target in targets]
    return Result(outcomes.count(True), outcomes.count(False))


# --- web ---

def run_web(context):
    """The web client's unit tests."""
    env = context.node()
    nodejs.install(WEB, env)
    report = RESULTS / "web.json"
    code = _run(["npm", "run", "--silent", "test", "--", "--reporter=default", "--reporter=json",
                 f"--outputFile.json={report}"], env, WEB)
    counts = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return _result(code, counts.get("numPassedTests", 0), counts.get("numFailedTests", 0))


# --- services ---

def generate_python():
    """What a Python client gets from the schema with the stock tools."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir(parents=True)
    api = ROOT / "api"
    files = [str(path.relative_to(api)) for path in sorted(api.rglob("*.proto"))
             if not path.is_relative_to(api / "google" / "protobuf")]
    answer = subprocess.run(
        ["protoc", f"-I{api}", "-I/usr/include", f"--python_out={GENERATED}",
         f"--grpc_python_out={GENERATED}",
         "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin", *files],
        capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Problem("The Python client cannot be generated from api/.", answer.stderr)


def run_python(context, path):
    report = RESULTS / f"{path.stem}.json"
    timeout_s = SUITE_TIMEOUT_S + ROUND_TIMEOUT_S * (context.rounds or 0)
    more = {}
    if context.rounds is not None:
        more["WAYSTONE_TEST_ROUNDS"] = str(context.rounds)
    if context.seed is not None:
        more["WAYSTONE_TEST_SEED"] = str(context.seed)
    code = _run([PYTHON, str(ROOT / "tools" / "dev" / "run_unittest.py"), str(path),
                 str(report)], context.environment(dict(os.environ, **more)), timeout_s=timeout_s)
    counts = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return _result(code, counts.get("passed", 0), counts.get("failed", 0))


def _run_node(context, folder, files, name):
    """Tests of Node's own runner: read by people from the output, by us from the TAP file."""
    env = context.node()
    nodejs.install(folder, env)
    report = RESULTS / f"{name}.tap"
    code = _run(["node", "--test", "--test-concurrency=1", "--test-reporter=spec",
                 "--test-reporter-destination=stdout", "--test-reporter=tap",
                 f"--test-reporter-destination={report}", *map(str, files)],
                context.environment(env), folder)
    text = report.read_text(encoding="utf-8") if report.exists() else ""

    def count(word):
        found = re.findall(rf"^# {word} (\d+)$", text, re.M)
        return int(found[-1]) if found else 0

    return _result(code, count("pass"), count("fail") + count("cancelled"))


def run_js(context):
    """The stock JavaScript clients: grpc-js, connect-node and connect-web's transports."""
    return _run_node(context, SERVICE_JS, sorted(SERVICE_JS.glob("*.test.mjs")), "js")


def run_docs(context):
    """What docs/clients.md shows, with the packages of the stock JavaScript clients."""
    nodejs.install(SERVICE_JS, context.node())
    return _run_node(context, E2E, [DOCS_TEST], "docs")


def run_e2e(context):
    """Chromium, driven through registration, creation and chat."""
    nodejs.build_web()
    files = sorted(set(E2E.glob("*.test.mjs")) - {DOCS_TEST})
    return _run_node(context, E2E, files, "e2e")


def run_protobuf(context):
    """Google's conformance suite of the encodings: proto3, binary and JSON."""
    code, passed, failed = conformance.run(context.node())
    return _result(code, passed, failed)


def run_roundtrip(context):
    """Random messages through our encodings and @bufbuild/protobuf's, in turns."""
    env = context.node()
    nodejs.install(SERVICE_JS, env)
    protocol = "tests/unit/protocol"
    report = RESULTS / "roundtrip.txt"
    with open(report, "w", encoding="utf-8") as output:
        code = _run(["node", str(SERVICE / "json_roundtrip.mjs"),
                     str(BUILD_ASAN / protocol / "codec-tool"), str(ROOT / protocol)],
                    dict(env, **building.SANITIZER_ENVIRONMENT), output=output)
    text = report.read_text(encoding="utf-8")
    say(text.strip())
    counted = re.search(r"^(\d+) comparisons, all equal$", text, re.M)
    return _result(code, int(counted[1]) if counted else 0, 0)


# --- valgrind ---

VALGRIND = ("valgrind", "-q", "--trace-children=yes", "--leak-check=full",
            "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite", "--error-exitcode=99")
VALGRIND_LOGS = LOGS / "valgrind"


def _unit_programs(build):
    """(test as Meson has it, index of the program in its command) of tests that are in C."""
    answer = subprocess.run(["meson", "introspect", "--tests", str(build)], capture_output=True,
                            text=True, check=True)
    for test in json.loads(answer.stdout):
        for index, word in enumerate(test["cmd"]):
            if word.endswith("-test") and (build / word).is_file():
                yield test, index


def _run_under_valgrind(context, test, index):
    name, command = test["name"], test["cmd"]
    report = RESULTS / f"valgrind-{name}.txt"
    # Of each process: a test of Criterion's has one of its own.
    under = [*VALGRIND, f"--log-file={VALGRIND_LOGS}/{name}.%p"]
    with open(report, "w", encoding="utf-8") as output:
        code = _run([*command[:index], *under, *command[index:]],
                    dict(context.environment(), **test["env"]), context.build, output)
    found = [path for path in sorted(VALGRIND_LOGS.glob(f"{name}.*")) if path.stat().st_size > 0]
    good, bad, text = _count_program({"result": "OK" if code == 0 else "FAIL",
                                      "stdout": report.read_text(encoding="utf-8")})
    say(f"  {'FAILED' if bad or found or code else 'ok'} {name}: {good} passed, {bad} failed, "
        f"{len(found)} with a report")
    if bad or code:
        say("\n".join(text.splitlines()[-30:]))
    for path in found:
        say(path.read_text(encoding="utf-8", errors="replace")[:4000])
    return Result(good, max(bad, len(found), int(code != 0)))


def run_valgrind(context):
    """The unit tests in C under valgrind: memory read before it was written, which no sanitizer of
    gcc's sees, and what is lost."""
    shutil.rmtree(VALGRIND_LOGS, ignore_errors=True)
    VALGRIND_LOGS.mkdir(parents=True)
    results = [_run_under_valgrind(context, *program) for program in _unit_programs(context.build)]
    return Result(sum(r.passed for r in results), sum(r.failed for r in results))


# --- ThreadSanitizer ---

# The suites where most happens at once: several loops in several servers, their ends, and the
# database and Redis going away under them. `./dev test --tsan` runs all.
CONCURRENT = ("instances", "drain", "outage")
CONCURRENT_TARGETS = ("waystone", "tests/support/echo-server")


def run_tsan(context):
    """The most concurrent suites once more, against a server built with ThreadSanitizer."""
    building.build(BUILD_TSAN, CONCURRENT_TARGETS, title="Building the server with ThreadSanitizer")
    tsan = Context(BUILD_TSAN, context.services)
    results = [run_python(tsan, SERVICE / f"{name}_test.py") for name in CONCURRENT]
    return Result(sum(r.passed for r in results), sum(r.failed for r in results))


# --- all of them ---

def _python_suite(path, folder="service/"):
    name = folder + path.stem.removesuffix("_test")
    return Suite(name, lambda context: run_python(context, path))


def _suites():
    python = [_python_suite(path) for path in sorted(SERVICE.glob("*_test.py"))
              if path != DELIVERY_TEST]
    return [Suite("style", run_style), Suite("unit", run_unit), Suite("fuzz", run_fuzz),
            Suite("web", run_web), *python, _python_suite(DELIVERY_TEST, folder=""),
            Suite("tsan", run_tsan),
            Suite("service/js", run_js), Suite("service/docs", run_docs),
            Suite("conformance/protobuf", run_protobuf),
            Suite("conformance/roundtrip", run_roundtrip), Suite("e2e", run_e2e)]


def _run_suite(context, suite):
    say(f"\n=== {suite.name} ===")
    started = time.monotonic()
    try:
        result = suite.run(context)
    except Problem as problem:
        say(problem.details)
        say(problem.sentence)
        result = Result(0, 1)
    say(f"=== {suite.name}: {result.passed} passed, {result.failed} failed "
        f"({time.monotonic() - started:.0f} s) ===")
    return result


def _prepare(kind):
    packages.ensure("build", "run", "test", "fuzz", *kind.packages)
    building.build(kind.build, title=kind.title)
    generate_python()
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)


# Suites that build programs of their own, with other sanitizers or none.
NOT_UNDER_TSAN = ("service/client_library", "service/clients", "service/clients_go_java",
                  "service/docs", "service/launcher")


def _tsan_suites():
    return [suite for suite in _suites()
            if suite.name.startswith("service/") and suite.name not in NOT_UNDER_TSAN]


@dataclasses.dataclass
class Kind:
    """What the programs under test are built with, and the suites that are run with these."""
    build: pathlib.Path
    title: str
    suites: callable
    packages: tuple = ()


KINDS = {
    None: Kind(BUILD_ASAN, "Building server and tests with sanitizers", _suites),
    "tsan": Kind(BUILD_TSAN, "Building server and tests with ThreadSanitizer", _tsan_suites),
    "valgrind": Kind(BUILD_VALGRIND, "Building the tests for valgrind",
                     lambda: [Suite("unit", run_valgrind)], ("valgrind",)),
}


def _choose(names, kind):
    suites = kind.suites()
    if not names:
        return suites
    chosen = [suite for suite in suites if any(name in suite.name for name in names)]
    if not chosen:
        known = ", ".join(suite.name for suite in suites)
        raise Problem(f"No test suite is called {' or '.join(names)}. There are: {known}")
    return chosen


def _run_all(context, suites):
    results = []
    try:
        for suite in suites:
            results.append(_run_suite(context, suite))
    finally:
        if context.services.started:
            context.services.stop()
    return results


def _end_leftovers():
    """Servers of tests that were killed: they would still hold their databases."""
    for pattern in ("*/server-*.pid", "*/redis.pid"):
        for record in (STATE / "test").glob(pattern):
            Process(record).stop(5)


def run(names, under=None, rounds=None, seed=None):
    """Runs the suites of a kind whose name has one of `names` in it, or all."""
    kind = KINDS[under]
    suites = _choose(names, kind)
    lock = lock_checkout("test.lock")  # they share a PostgreSQL, ports and the build
    _end_leftovers()
    try:
        _prepare(kind)
    except Problem as problem:
        say(problem.details)
        say(problem.sentence)
        say("0 passed, 1 failed")
        return 1
    results = _run_all(Context(kind.build, rounds=rounds, seed=seed), suites)
    failed = [suite.name for suite, result in zip(suites, results) if result.failed]
    if failed:
        say(f"\nfailed: {', '.join(failed)}; logs are in {pathlib.Path('.dev') / 'logs'}")
        say(f"again: ./dev test {f'--{under} ' if under else ''}{' '.join(failed)}")
    say(f"{sum(r.passed for r in results)} passed, {sum(r.failed for r in results)} failed")
    lock.close()
    return 0 if results and not any(r.failed for r in results) else 1
