"""The reference is served, and what docs/api/ says about calling is true."""

import gzip
import json
import pathlib
import re
import subprocess
import unittest

import nodejs
from harness import Api, Player, World

DOCS = pathlib.Path(__file__).parents[2] / "docs" / "api"
# Codes that no example may end with, whatever is in the database.
WRONG = {"invalid_argument", "unimplemented", "unauthenticated", "internal", "unknown"}


class ReferenceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        nodejs.build_web()
        cls.world = World("reference")
        cls.api = Api(cls.world.server)

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def get(self, path, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.api.request("GET", path, headers=names)

    def check_served(self, path, content_type):
        status, headers, body = self.get(path)
        self.assertEqual(status, 200)
        self.assertEqual(headers["content-type"], content_type)
        self.assertEqual(headers["cache-control"], "no-cache")
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertIn("default-src 'self'", headers["content-security-policy"])

        status, again, nothing = self.get(path, if_none_match=headers["etag"])
        self.assertEqual((status, nothing), (304, b""))
        self.assertEqual(again["etag"], headers["etag"])

        status, packed, small = self.get(path, accept_encoding="gzip")
        self.assertEqual(packed["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(small), body)
        self.assertLess(len(small), len(body))
        self.assertIn("accept-encoding", packed["vary"])

        status, head, nothing = self.api.request("HEAD", path)
        self.assertEqual((status, nothing), (200, b""))
        self.assertEqual(int(head["content-length"]), len(body))
        return body

    def test_openapi_document(self):
        document = json.loads(self.check_served("/openapi.json", "application/json"))
        self.assertEqual(document["openapi"], "3.1.0")
        version = self.api.call("meta.v1.MetaService/GetVersion")["version"]
        self.assertEqual(document["info"]["version"], version)

    def test_page(self):
        """The page's scripts and styles are its own files, which may be kept for ever."""
        page = self.check_served("/docs", "text/html; charset=utf-8").decode()
        self.assertNotRegex(page, r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=")
        assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
        self.assertTrue(any(path.endswith(".js") for path in assets), page)
        self.assertTrue(any(path.endswith(".css") for path in assets), page)
        for path in assets:
            status, headers, _ = self.get(path)
            self.assertEqual((status, headers["cache-control"]),
                             (200, "public, max-age=31536000, immutable"), path)

    def test_other_pages_are_the_client(self):
        self.assertEqual(self.get("/docs/nothing")[2], self.get("/")[2])
        self.assertNotEqual(self.get("/docs")[2], self.get("/")[2])
        self.assertEqual(self.get("/openapi.yaml")[0], 404)

    def test_without_the_web_client(self):
        """The document is part of the program; only the page needs the client's build."""
        server = self.world.add_server(http__web_root=self.world.home / "nothing")
        status, _, body = Api(server).request("GET", "/openapi.json")
        self.assertEqual((status, body), (200, self.get("/openapi.json")[2]))
        self.assertEqual(Api(server).request("GET", "/docs")[0], 404)

    def run_example(self, command, token):
        command = command.replace("curl -sN", "curl -sN --max-time 1")
        return subprocess.run(
            ["bash", "--norc", "-c", f"api={self.world.server.url()}\ntoken={token}\n{command}"],
            capture_output=True, timeout=20, check=False).stdout

    def test_examples_work(self):
        """Every curl example of docs/api: the server understands it."""
        found = 0
        for page in sorted(DOCS.glob("*.*.md")):
            for command in re.findall(r"```sh\n(.*?)```", page.read_text(), re.S):
                found += 1
                with self.subTest(page=page.name, command=command):
                    answer = self.run_example(command, Player(self.world.server).token)
                    if "connect+json" in command:
                        self.assertTrue(answer, "no envelope arrived")
                        length = int.from_bytes(answer[1:5], "big")
                        answer = answer[5:5 + length]
                        self.assertEqual(len(answer), length)
                    code = json.loads(answer).get("code")
                    if "/CloseAccount" in command:  # asks for the caller's own name
                        self.assertEqual(code, "invalid_argument")
                        continue
                    if code != "unauthenticated" or "$token" in command:
                        self.assertNotIn(code, WRONG)
        self.assertEqual(found, len(json.loads(self.get("/openapi.json")[2])["paths"]))


if __name__ == "__main__":
    unittest.main()
