"""What a peer can make the server keep: calls, memory, time. Each case broke a bound once."""

import json
import os
import signal
import socket
import struct
import time
import unittest

import h2.errors
import h2.settings

from engine_test import SERVICE, EchoServer, H2, envelope, text_field
from harness import PASSWORD, Follower, Player, World

WORLD_OPTIONS = {"http__loops": 1}


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10


class Engine(unittest.TestCase):
    def setUp(self):
        self.server = EchoServer("write_ms=500")
        self.addCleanup(self.end)

    def end(self):
        if self.server.child.poll() is None:
            self.server.stop()

    def test_bad_base64_ends_a_running_stream(self):
        client = H2(self.server.connect())
        stream = client.open(SERVICE + "Collect", content_type="application/grpc-web-text")
        client.send(stream, b"AAAA")
        self.assertEqual(H2(self.server.connect()).call("Echo", b"")[0], 0)  # the stream runs
        client.send(stream, b"!!!!")
        client.finish(stream)
        self.server.stop()  # in time, and without a leak

    def test_a_pipelining_peer_that_reads_nothing_is_held_back(self):
        before = resident_mb(self.server.child.pid)
        sock = self.server.connect()
        sock.settimeout(1)
        requests = b"GET /a HTTP/1.1\r\nhost:x\r\n\r\n" * 4000
        sent = 0
        with self.assertRaises((TimeoutError, ConnectionError)):
            while sent < 24 << 20:
                sent += sock.send(requests[sent % 27:])
        self.assertLess(resident_mb(self.server.child.pid) - before, 64)
        sock.close()

    def test_answers_nobody_takes_are_given_up(self):
        client = H2(self.server.connect())
        client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        client.flush()
        stream = client.open(SERVICE + "Echo")
        client.send(stream, envelope(text_field("x" * 1_000_000)), end=True)
        client.until(lambda: stream in client.resets)
        self.assertEqual(client.resets[stream], h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)

    def test_a_stream_begun_while_the_server_drains_is_ended(self):
        client = H2(self.server.connect())
        self.assertEqual(client.call("Echo", text_field("a"))[0], 0)
        self.server.child.send_signal(signal.SIGTERM)
        client.until(lambda: client.goaway is not None)  # the notice; the connection lives on
        stream = client.open(SERVICE + "EchoMany")
        client.send(stream, envelope(text_field("m") + b"\x10\xe8\x07" + b"\x18\x64"), end=True)
        client.finish(stream)
        tail = {**client.headers.get(stream, {}), **client.trailers.get(stream, {})}
        self.assertEqual(tail["grpc-status"], "14")


class Game(unittest.TestCase):
    def test_a_call_in_progress_at_the_end_is_audited(self):
        world = World("bounds-audit", http__drain_ms=200, **WORLD_OPTIONS)
        self.addCleanup(world.close)
        server = world.server
        body = json.dumps({"login": "nobody", "password": PASSWORD}).encode()
        with world.table_held("accounts"):
            sock = socket.create_connection(("127.0.0.1", server.port))
            sock.sendall(b"POST /waystone.auth.v1.AuthService/SignIn HTTP/1.1\r\nhost: x\r\n"
                         b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
                         % len(body) + body)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while world.psql(waiting) == "0":
                time.sleep(0.02)
            os.kill(server.pid(), signal.SIGTERM)
            self.assertTrue(server.process.wait(20))
        self.assertEqual(server.process.exit_code(), 0)
        recorded = world.psql("SELECT count(*) FROM audit_log WHERE action LIKE '%SignIn'")
        self.assertEqual(recorded, "1")
        sock.close()

    def test_nothing_comes_twice_after_a_change_of_servers(self):
        world = World("bounds-cursor", servers=2, private=True, **WORLD_OPTIONS)
        self.addCleanup(world.close)
        here, there = world.servers
        player = Player(here)
        other = Follower(there, player.token, player.channel)  # `there` knows a head
        other.until_caught_up()
        redis = world.redis.process.pid()
        os.kill(redis, signal.SIGSTOP)  # live copies are late
        try:
            seen = int(player.say("a late copy")["sequence"])
            moved = Follower(there, player.token, player.channel, after=seen)
            following = int(player.say("the next")["sequence"])
            moved.connection.sock.settimeout(10)
            while True:
                _, payload = moved.receive()
                if "message" in payload:
                    self.assertEqual(int(payload["message"]["sequence"]), following)
                    break
        finally:
            os.kill(redis, signal.SIGCONT)
        other.close()
        moved.close()

    def test_a_request_that_stops_coming_is_given_up(self):
        world = World("bounds-half", rpc__timeout_ms=500, **WORLD_OPTIONS)
        self.addCleanup(world.close)
        client = H2(socket.create_connection(("127.0.0.1", world.server.port)))
        stream = client.open("/waystone.chat.v1.ChatService/StreamMessages")
        client.send(stream, b"\0" + struct.pack(">I", 60_000) + b"x" * 100)
        client.finish(stream)
        self.assertEqual(client.headers[stream]["grpc-status"], "4")


if __name__ == "__main__":
    unittest.main()
