"""./dev fuzz: the libFuzzer targets of tests/fuzz, each for a while.

A target starts from its committed corpus, tests/fuzz/corpus/TARGET, and from what earlier runs
found under .dev/fuzz/TARGET, where new finds go. `--keep` takes the finds that reach new code
into the committed corpus.
"""

import os
import re
import shutil
import subprocess

import building
import packages
from console import Problem, say, tail
from paths import BUILD_FUZZ, LOGS, ROOT, STATE

SOURCES = ROOT / "tests" / "fuzz"
COMMITTED = SOURCES / "corpus"
FOUND = STATE / "fuzz"
PREFIX = "fuzz-"
# One input: what takes longer or more is a find. Sanitizers make all of it several times slower.
INPUT_TIMEOUT_S = 10
MEMORY_LIMIT_MB = 2048
KEPT_FILES_MAX = 30
KEPT_BYTES_MAX = 1024  # of one file
DONE = re.compile(r"^Done (\d+) runs", re.M)
COVERAGE = re.compile(r"^#\d+\s+DONE\s+cov: (\d+)", re.M)


class Target:
    def __init__(self, program):
        self.program = program
        self.name = program.name.removeprefix(PREFIX)
        self.committed = COMMITTED / self.name
        self.found = FOUND / self.name
        self.log = LOGS / f"fuzz-{self.name}.log"

    def _run(self, *arguments):
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "wb") as log:
            return subprocess.run([str(self.program), *map(str, arguments)], stdout=log,
                                  stderr=log, stdin=subprocess.DEVNULL, check=False,
                                  env=dict(os.environ, **building.SANITIZER_ENVIRONMENT)).returncode

    def corpora(self):
        """Folders of inputs; libFuzzer writes to the first one."""
        self.found.mkdir(parents=True, exist_ok=True)
        return [folder for folder in (self.found, self.committed) if folder.is_dir()]

    def fuzz(self, seconds):
        """Runs the target. Returns whether nothing was found."""
        bad = FOUND / f"{self.name}-bad-"
        for old in FOUND.glob(f"{bad.name}*"):
            old.unlink()
        code = self._run(f"-max_total_time={seconds}", f"-timeout={INPUT_TIMEOUT_S}",
                         f"-rss_limit_mb={MEMORY_LIMIT_MB}", f"-artifact_prefix={bad}",
                         *self.corpora())
        text = self.log.read_text(encoding="utf-8", errors="replace")
        runs, coverage = DONE.search(text), COVERAGE.search(text)
        if code == 0 and runs and coverage:
            say(f"  ok {self.name}: {runs[1]} inputs, {coverage[1]} places of the code reached")
            return True
        say(f"  FAILED {self.name} (the full log: {self.log})")
        say(tail(self.log, 60))
        for path in FOUND.glob(f"{bad.name}*"):
            say(f"again: {self.program.relative_to(ROOT)} {path.relative_to(ROOT)}")
        return False

    def keep(self):
        """Takes a small set of inputs that reaches all that is reached, most useful first."""
        fresh = FOUND / f"{self.name}-kept"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        # The greedy cover is written in the order in which it was chosen.
        code = self._run("-set_cover_merge=1", f"-max_len={KEPT_BYTES_MAX}", fresh,
                         *self.corpora())
        if code != 0:
            raise Problem(f"The corpus of {self.name} could not be merged. The full log: "
                          f"{self.log}", tail(self.log))
        kept = sorted(fresh.iterdir(), key=lambda path: path.stat().st_mtime_ns)[:KEPT_FILES_MAX]
        shutil.rmtree(self.committed, ignore_errors=True)
        self.committed.mkdir(parents=True)
        for path in kept:
            shutil.move(path, self.committed / path.name[:12])
        shutil.rmtree(fresh)
        say(f"  {self.name}: {len(kept)} inputs in {self.committed.relative_to(ROOT)}/")


def targets(names=()):
    """Builds the targets; those whose name has one of `names` in it."""
    packages.ensure("build", "fuzz")
    building.build(BUILD_FUZZ, ["fuzz-targets"], title="Building the fuzz targets")
    folder = BUILD_FUZZ / "tests" / "fuzz"
    found = [Target(path) for path in sorted(folder.glob(f"{PREFIX}*"))
             if path.is_file() and os.access(path, os.X_OK)
             and (SOURCES / f"{path.name.removeprefix(PREFIX)}.c").exists()]
    chosen = [target for target in found
              if not names or any(name in target.name for name in names)]
    if not chosen:
        known = ", ".join(target.name for target in found)
        raise Problem(f"No fuzz target is called {' or '.join(names)}. There are: {known}")
    return chosen


def fuzz(names, seconds, keep):
    failed = []
    for target in targets(names):
        say(f"{target.name} for {seconds} s ...")
        if not target.fuzz(seconds):
            failed.append(target.name)
        elif keep:
            target.keep()
    say(f"found something: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0
