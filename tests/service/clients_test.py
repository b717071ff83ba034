"""./dev gen-client: its C, Python and TypeScript projects, built and run against a server."""

import os
import pathlib
import subprocess
import unittest

import building
import clients
import nodejs
from client_examples import ExampleTest, run
from paths import ROOT


class ClientsTest(ExampleTest):
    name = "clients"

    def test_c(self):
        """With the library that was built for the tests, and so with its sanitizers."""
        build = pathlib.Path(os.environ["WAYSTONE_TEST_SERVER"]).parent
        out = clients.generate("c", self.home / "c", build)
        self.assertEqual(list(out.rglob("*_service.*")), [])
        description = (out / "waystone/lib/pkgconfig/waystone-client.pc").read_text()
        self.assertNotRegex(description, r"=/|generator|protodir")
        run(["meson", "setup", "build", "--pkg-config-path", out / "waystone/lib/pkgconfig",
             "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dwerror=true"], out)
        run(["ninja", "-C", "build"], out)
        self.check_example([out / "build" / "example"], self.world.server.url(), out,
                           dict(os.environ, **building.SANITIZER_ENVIRONMENT))

    def test_python(self):
        out = self.generate("python")
        env = dict(os.environ, PYTHONPATH="src")
        self.check_example(["/usr/bin/python3", "example.py"], self.address(), out, env)

    def test_typescript(self):
        out = self.generate("typescript")
        env = nodejs.environment()
        # What `npm ci` would bring there: the same lock was installed for the generator.
        (out / "node_modules").symlink_to(ROOT / "tools" / "clients" / "typescript" /
                                          "node_modules")
        run(["npm", "run", "--silent", "build"], out, env)
        self.check_example(["node", "dist/example.js"], self.world.server.url(), out, env)

    def test_again_replaces_what_was_made_and_nothing_else(self):
        out = self.generate("python")
        (out / "mine.py").write_text("kept\n")
        (out / "example.py").write_text("broken")
        (out / "src" / "old_pb2.py").write_text("")
        manifest = out / ".waystone-client"
        manifest.write_text(manifest.read_text() + "src/old_pb2.py\n")
        run([ROOT / "dev", "gen-client", "python", "--out", out], ROOT)
        self.assertEqual((out / "mine.py").read_text(), "kept\n")
        self.assertIn("SignIn", (out / "example.py").read_text())
        self.assertFalse((out / "src" / "old_pb2.py").exists())

    def refused(self, language, out):
        answer = subprocess.run([ROOT / "dev", "gen-client", language, "--out", out],
                                capture_output=True, text=True, check=False)
        self.assertNotEqual(answer.returncode, 0)
        return answer.stderr

    def test_folders_of_others_are_left_alone(self):
        folder = pathlib.Path(self.home) / "taken"
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text("mine\n")
        self.assertIn("did not make", self.refused("python", folder))
        self.assertEqual([path.name for path in folder.iterdir()], ["notes.txt"])
        out = self.generate("python")
        self.assertIn("is a client in python", self.refused("go", out))

    def test_unknown_language(self):
        self.assertIn("typescript", self.refused("cobol", self.home / "cobol"))


if __name__ == "__main__":
    unittest.main()
