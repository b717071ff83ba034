"""The installed client library: the example is built against it alone, and talks to a server."""

import os
import pathlib
import shutil
import subprocess
import unittest

import certificates
from engine_test import EchoServer
from harness import HOME, PASSWORD, REGISTER, Api, Player, World
from paths import ROOT

BUILD = pathlib.Path(os.environ["WAYSTONE_TEST_SERVER"]).parent
PREFIX = HOME / "client-install" / "root"
EXAMPLE = HOME / "client-install" / "chat-cli"
# The library under test is built with sanitizers, so what links it is as well.
SANITIZE = "-fsanitize=address,undefined"
world = None


def run(*words, env=None, cwd=None):
    answer = subprocess.run([str(word) for word in words], cwd=cwd, text=True, check=False,
                            env=dict(os.environ, **(env or {})), timeout=300,
                            stdin=subprocess.DEVNULL, capture_output=True)
    assert answer.returncode == 0, f"{words}: {answer.stdout[-3000:]}{answer.stderr[-3000:]}"
    return answer.stdout


def environment():
    """The fresh copy comes before what the system may have; nothing is seen of our tree."""
    found = sorted(PREFIX.rglob("waystone-client.pc"))
    assert len(found) == 1, found
    return {"PKG_CONFIG_PATH": str(found[0].parent)}


def pkg_config():
    """The files name the prefix they were made for; this copy is under another one."""
    prefix = next(PREFIX.rglob("include")).parent
    return ["pkg-config", f"--define-variable=prefix={prefix}"]


def setUpModule():
    global world
    shutil.rmtree(HOME / "client-install", ignore_errors=True)
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--tags", "client,devel", "--destdir",
        PREFIX)
    shutil.copytree(ROOT / "examples" / "chat-cli", EXAMPLE,
                    ignore=shutil.ignore_patterns("chat-cli"))
    run("make", "-C", EXAMPLE, "PKG_CONFIG=" + " ".join(pkg_config()),
        f"CFLAGS=-g -Wall -Wextra -Werror {SANITIZE}", env=environment())
    world = World("client-library", servers=1)
    world.add_server(with_tls=certificates.ensure_certificate(world.home / "tls"))


def tearDownModule():
    if world is not None:
        world.close()


def libraries():
    return str(next(PREFIX.rglob("libwaystone-client.so")).parent)


class Chat:
    """A running chat-cli."""

    def __init__(self, *words, password=PASSWORD):
        self.child = subprocess.Popen(
            [EXAMPLE / "chat-cli", *map(str, words)], text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(os.environ, LD_LIBRARY_PATH=libraries(), WAYSTONE_PASSWORD=password))

    def line(self):
        return self.child.stdout.readline().rstrip("\n")

    def after_channels(self):
        """The first line behind those that tell the channels, and the latter."""
        channels = []
        while (line := self.line()).startswith("channel "):
            channels.append(line)
        return line, channels

    def finish(self):
        out, error = self.child.communicate(timeout=60)
        return self.child.returncode, out.splitlines(), error


class Installed(unittest.TestCase):
    def test_every_header_compiles_by_itself(self):
        flags = run(*pkg_config(), "--cflags", "waystone-api", env=environment()).split()
        include = next(PREFIX.rglob("client/client.h")).parents[1]
        headers = sorted(include.rglob("*.h"))
        self.assertGreater(len(headers), 20)
        for header in headers:
            self.assertNotIn("_service", header.name, "the server's side is not for clients")
            source = EXAMPLE / "header.c"
            source.write_text(f'#include "{header.relative_to(include)}"\n')
            run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *flags, source)

    def test_only_what_the_headers_tell_is_exported(self):
        library = next(PREFIX.rglob("libwaystone-client.so"))
        names = [line.split()[-1] for line in
                 run("nm", "-D", "--defined-only", library).splitlines()]
        self.assertIn("client_unary", names)
        for private in ("client_queue", "client_session_open", "config_load", "log_write",
                        "base64_encode"):
            self.assertNotIn(private, names)


PROGRAM = """
#include <stdio.h>
#include "greeting_client.h"

int main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    struct client *client = NULL;
    struct rpc_client_call *call;
    EchoGetRequest *request = EchoGetRequest_new(arena);
    EchoGetResponse *response;
    char error[256];

    if (client_new(argv[1], NULL, &client, error, sizeof(error)) != STATUS_OK)
        return puts(error), 2;
    call = client_call_new(client, arena);
    request->text = (char *)"greetings";
    if (echo_client_echo_get(call, request, &response) != STATUS_OK)
        return puts(client_call_message(call)), 1;
    puts(response->text);
    client_call_free(call);
    client_free(client);
    arena_free(arena);
    return 0;
}
"""


class OtherSchema(unittest.TestCase):
    def test_a_schema_of_ones_own(self):
        """The installed generator, its schemas and the library: nothing else is needed."""
        folder = EXAMPLE.parent / "greeting"
        folder.mkdir()
        text = (ROOT / "tests" / "support" / "echo.proto").read_text(encoding="utf-8")
        (folder / "greeting.proto").write_text(text)
        (folder / "main.c").write_text(PROGRAM)

        def ask(*what):
            return run(*pkg_config(), *what, "waystone-client", env=environment()).split()

        generator, protos = ask("--variable=generator")[0], ask("--variable=protodir")[0]
        run("protoc", f"--plugin=protoc-gen-waystone={generator}", f"--waystone_out={folder}",
            f"-I{folder}", f"-I{protos}", "-I/usr/include", "greeting.proto")
        run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
            *SANITIZE.split(), f"-I{folder}", "-o", folder / "greeting", folder / "main.c",
            folder / "greeting.c", folder / "greeting_client.c", *ask("--cflags", "--libs"))
        server = EchoServer()
        self.assertEqual(run(folder / "greeting", f"http://127.0.0.1:{server.port}",
                             env={"LD_LIBRARY_PATH": libraries()}), "greetings\n")
        server.stop()


class Example(unittest.TestCase):
    def test_says_a_line_and_follows(self):
        for server in world.servers:
            player = Player(server)
            options = ("-c", server.certificate) if server.certificate else ()
            chat = Chat(*options, "-n", 2, server.url(), player.name, "a line from outside")
            self.assertEqual(chat.line(), f"signed in as {player.name}")
            line, channels = chat.after_channels()
            self.assertTrue(channels[0].startswith("channel Global, "), channels)
            self.assertTrue(line.endswith(f"{player.character['name']}: a line from outside"))
            player.say("and one from inside")
            code, rest, error = chat.finish()
            self.assertEqual((code, error), (0, ""))
            self.assertEqual(len(rest), 1)
            self.assertTrue(rest[0].endswith(": and one from inside"))

    def test_tells_what_is_wrong(self):
        server = world.servers[0]
        player = Player(server)
        code, _, error = Chat(server.url(), player.name, password="not the password").finish()
        self.assertEqual(code, 1)
        self.assertIn("cannot sign in", error)
        self.assertIn("UNAUTHENTICATED", error)
        code, _, error = Chat("nowhere", player.name).finish()
        self.assertEqual(code, 2)
        self.assertIn("'nowhere' is no target", error)
        code, _, error = Chat(world.servers[1].url(), player.name).finish()
        self.assertEqual(code, 1)
        self.assertIn("not trusted", error)

    def test_goes_on_after_a_restart(self):
        server = world.add_server()
        player = Player(server)
        chat = Chat("-n", 2, server.url(), player.name, "before")
        self.assertEqual(chat.line(), f"signed in as {player.name}")
        last, _ = chat.after_channels()
        self.assertTrue(last.endswith(": before"), last)
        server.stop()
        player.on(world.servers[0])
        player.say("while it was away", api=player.on(world.servers[0]))
        server.start()
        code, rest, error = chat.finish()
        self.assertEqual(code, 0, error)
        self.assertEqual(len(rest), 1, rest)
        self.assertTrue(rest[0].endswith(": while it was away"))
        self.assertIn("going on after message", error)

    def test_snippet_of_the_documentation(self):
        """docs/clients.md, as it is but for the port."""
        server = world.servers[0]
        api = Api(server)
        api.call(REGISTER, {"userName": "mira", "email": "mira@example.org",
                            "password": "waystone-demo"})
        Player(server).say("for the readers of the manual")
        text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
        source = text.split("```c\n", 1)[1].split("```", 1)[0]
        self.assertIn("localhost:8080", source)
        (EXAMPLE / "chat.c").write_text(source.replace("localhost:8080",
                                                       f"localhost:{server.port}"))
        flags = run(*pkg_config(), "--cflags", "--libs", "waystone-api", env=environment()).split()
        run("cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", *SANITIZE.split(), "-o",
            EXAMPLE / "chat", EXAMPLE / "chat.c", *flags)
        said = run(EXAMPLE / "chat", env={"LD_LIBRARY_PATH": libraries()})
        self.assertIn(": for the readers of the manual", said)


if __name__ == "__main__":
    unittest.main()
