"""What the example of every generated client has to do, whatever its language."""

import contextlib
import shutil
import subprocess
import threading
import unittest

from harness import PASSWORD, Player, World
from paths import ROOT

TIMEOUT_S = 60


def run(argv, cwd, env=None):
    """A step of a build. Raises AssertionError with its output."""
    answer = subprocess.run([str(word) for word in argv], cwd=cwd, env=env, text=True,
                            capture_output=True, timeout=300, check=False)
    assert answer.returncode == 0, f"{argv}:\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


class ExampleTest(unittest.TestCase):
    """One server and somebody who talks there; `name` is that of the world."""

    name = None

    @classmethod
    def setUpClass(cls):
        cls.world = World(cls.name)
        cls.home = cls.world.home / "made"
        cls.player = Player(cls.world.server)
        cls.said = []

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def generate(self, language):
        """`./dev gen-client` into a fresh folder."""
        out = self.home / language
        shutil.rmtree(out, ignore_errors=True)
        printed = run([ROOT / "dev", "gen-client", language, "--out", out], ROOT)
        self.assertIn(language, printed)
        self.assertLessEqual(len((out / "README.md").read_text().strip().splitlines()), 20)
        return out

    def say(self, text):
        self.player.say(text)
        self.said.append(f"{self.player.character['name']}: {text}")

    def check_example(self, argv, target, cwd, env=None):
        """The example shows channels and history, then what is said while it listens."""
        self.say(f"before, {len(self.said)}")
        argv = [*map(str, argv), target, self.player.name]
        child = subprocess.Popen([*argv, PASSWORD, str(len(self.said) + 1)], cwd=cwd, env=env,
                                 text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        watchdog = threading.Timer(TIMEOUT_S, child.kill)
        watchdog.start()
        with contextlib.closing(child.stdout), contextlib.closing(child.stderr):
            lines = []
            for line in child.stdout:
                lines.append(line.rstrip("\n"))
                if lines[-1] == "-- live --":
                    self.say(f"while it listens, {len(self.said)}")
            errors = child.stderr.read()
            code = child.wait()
        watchdog.cancel()
        self.assertEqual((code, errors if code else ""), (0, ""), "\n".join(lines))
        self.assertEqual(lines[0], "#Global")
        talk = [line for line in lines if not line.startswith("#")]
        self.assertEqual(talk, [*self.said[:-1], "-- live --", self.said[-1]])

        refused = subprocess.run([*argv, "wrong password"], cwd=cwd, env=env, text=True,
                                 capture_output=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertRegex(refused.stderr.lower(), "unauthenticated")

    def address(self):
        return f"localhost:{self.world.server.port}"
