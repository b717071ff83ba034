"""Runs one file of Python tests and writes {"passed": N, "failed": N}.

usage: run_unittest.py FILE REPORT
"""

import faulthandler
import importlib.util
import json
import pathlib
import sys
import time
import unittest


class Listing(unittest.TextTestResult):
    """One line a test, with its time; reasons follow at the end."""

    def __init__(self, *words, **more):
        super().__init__(*words, **more)
        self.passed = 0
        self.bad = set()
        self._started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def _line(self, mark, test):
        name = test.id().split(".", 1)[-1]
        self.stream.writeln(f"  {mark} {name} ({time.monotonic() - self._started:.2f} s)")
        self.stream.flush()

    def _fail(self, test):
        if test.id() not in self.bad:
            self.bad.add(test.id())
            self._line("FAILED", test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.passed += 1
        self._line("ok", test)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self._fail(test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._fail(test)

    def addSubTest(self, test, subtest, err):
        unittest.TestResult.addSubTest(self, test, subtest, err)
        if err is not None:
            self._fail(test)

    def addSkip(self, test, reason):
        """A skipped test shows nothing; it counts as failed."""
        unittest.TestResult.addSkip(self, test, reason)
        self._fail(test)


def main():
    path, report = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    faulthandler.dump_traceback_later(560, exit=True)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Listing, verbosity=0)
    result = runner.run(suite)
    report.write_text(json.dumps({"passed": result.passed, "failed": len(result.bad)}),
                      encoding="utf-8")
    return 0 if not result.bad else 1


sys.exit(main())
