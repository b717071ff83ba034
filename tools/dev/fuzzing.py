"""./dev fuzz: the libFuzzer targets of tests/fuzz, each for a while."""

import os
import subprocess

import building
import packages
from console import Problem, say
from paths import BUILD_FUZZ, STATE

CORPORA = STATE / "fuzz"


def _targets(names):
    folder = BUILD_FUZZ / "tests" / "fuzz"
    found = sorted(path for path in folder.glob("fuzz-*") if os.access(path, os.X_OK)
                   and path.is_file())
    chosen = [path for path in found if not names or any(name in path.name for name in names)]
    if not chosen:
        known = ", ".join(path.name for path in found)
        raise Problem(f"No fuzz target is called {' or '.join(names)}. There are: {known}")
    return chosen


def fuzz(names, seconds):
    packages.ensure("build", "fuzz")
    building.build(BUILD_FUZZ, title="Building the fuzz targets")
    failed = []
    for target in _targets(names):
        corpus = CORPORA / target.name
        corpus.mkdir(parents=True, exist_ok=True)
        say(f"\n=== {target.name}: {seconds} s ===")
        code = subprocess.run([str(target), f"-max_total_time={seconds}",
                               f"-artifact_prefix={corpus}-", str(corpus)],
                              env=dict(os.environ, **building.SANITIZER_ENVIRONMENT),
                              check=False).returncode
        if code != 0:
            failed.append(target.name)
    say(f"found something: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0
