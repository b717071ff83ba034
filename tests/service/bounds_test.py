"""What a peer can make the server keep: calls, memory, time. Each case broke a bound once."""

import base64
import gzip
import json
import os
import select
import signal
import socket
import struct
import unittest

import h2.errors
import h2.settings

from engine_test import SERVICE, EchoServer, H2, envelope, envelopes, text_field
from event_stream import CHANNEL, SUBSCRIBE, EventStream, following
from harness import GET_VERSION, PASSWORD, Follower, Player, World, eventually, metric

WORLD_OPTIONS = {"http__loops": 1}


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) >> 10


def from_groups(text):
    """Base64, each group of four perhaps padded."""
    return b"".join(base64.b64decode(text[at:at + 4]) for at in range(0, len(text), 4))


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

    def test_a_text_body_that_ends_within_a_group_is_refused(self):
        client = H2(self.server.connect())
        whole = base64.b64encode(envelope(text_field("abcd")))
        for tail, status in ((b"", b"0"), (b"A", b"3"), (b"AAA", b"3")):
            stream = client.open(SERVICE + "Echo", content_type="application/grpc-web-text")
            client.send(stream, whole + tail, end=True)
            client.finish(stream)
            self.assertIn(b"grpc-status: " + status, from_groups(client.bodies[stream]), tail)

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


class RequestMemory(unittest.TestCase):
    """What all requests of the process may take together."""

    LIMIT = 2_000_000
    LARGE = 60_000  # within the window of a stream

    def setUp(self):
        self.server = EchoServer(f"request_memory_bytes={self.LIMIT}")
        self.addCleanup(self.server.stop)

    def hold(self, client, method="Echo", count=20):
        """Begins large messages and does not end them; returns their streams."""
        streams = []
        for _ in range(count):
            stream = client.open(SERVICE + method)
            client.send(stream, b"\0" + struct.pack(">I", 1_000_000) + b"x" * self.LARGE)
            streams.append(stream)
        return streams

    def use_up(self, method):
        """Clients that hold what there is; the last call of theirs was refused."""
        clients = []
        while not any(self.status(client, stream) == "8" for client, held in clients[-1:]
                      for stream in held):
            self.assertLess(len(clients), 5, "nothing is refused")
            client = H2(self.server.connect())
            clients.append((client, self.hold(client, method)))
            self.assertEqual(client.call("Echo", b"")[0], 0)  # all before has been read
        held = sum(self.status(client, stream) is None for client, streams in clients
                   for stream in streams)
        self.assertGreater(held * self.LARGE, self.LIMIT // 2)
        self.assertLessEqual(held * self.LARGE, self.LIMIT)
        return clients

    @staticmethod
    def status(client, stream):
        return {**client.headers.get(stream, {}), **client.trailers.get(stream, {})}.get(
            "grpc-status")

    def gives_back(self, method):
        other = H2(self.server.connect())
        large = text_field("y" * self.LARGE)
        clients = self.use_up(method)
        self.assertEqual(other.call("Echo", large)[0], 8)
        self.assertEqual(other.call("Echo", text_field("small"))[0], 0)
        for client, _ in clients:
            client.sock.close()

        def is_taken():
            return other.call("Echo", large)[0] == 0
        self.assertTrue(eventually(is_taken), "what was held was not given back")
        for _ in range(100):  # and so is what was answered
            self.assertEqual(other.call("Echo", large)[0], 0)

    def test_of_messages_that_do_not_end(self):
        self.gives_back("Echo")

    def test_of_streams(self):
        self.gives_back("Collect")

    def test_messages_of_one_stream_are_given_back_one_by_one(self):
        client = H2(self.server.connect())
        stream = client.open(SERVICE + "Collect")
        for _ in range(100):
            client.send(stream, envelope(text_field("z" * 50_000)))
        client.send(stream, b"", end=True)
        client.finish(stream)
        self.assertEqual(self.status(client, stream), "0")

    def test_of_what_is_inflated(self):
        client = H2(self.server.connect())
        bomb = gzip.compress(text_field("0" * 3_000_000))
        stream = client.open(SERVICE + "Echo", grpc_encoding="gzip")
        client.send(stream, envelope(bomb, 1), end=True)
        client.finish(stream)
        self.assertEqual(self.status(client, stream), "8")
        self.assertEqual(client.call("Echo", text_field("y" * self.LARGE))[0], 0)


class SlowReaders(unittest.TestCase):
    """A client that is slow keeps its stream; one that does not answer when asked loses it."""

    BOUND_MS = 300  # for what is no live stream
    COUNT = 4000    # messages of 2 KB: more than the queue and the sockets hold

    @classmethod
    def setUpClass(cls):
        cls.world = World("bounds-slow", http__write_timeout_ms=cls.BOUND_MS, **WORLD_OPTIONS)
        cls.addClassCleanup(cls.world.close)
        cls.asking = cls.world.add_server(http__keepalive_s=1, http__keepalive_timeout_s=1)
        cls.player = Player(cls.world.server)
        cls.world.psql(
            "INSERT INTO messages (channel_id, sequence, account_id, character_id, character_name, "
            f"text, sent_at) SELECT {cls.player.channel}, n, {cls.player.session['account']['id']}, "
            f"{cls.player.character['id']}, 'Hero', repeat(chr(128512), 490), now() "
            f"FROM generate_series(1, {cls.COUNT}) n; "
            f"UPDATE channels SET last_sequence = {cls.COUNT} WHERE id = {cls.player.channel}")

    def subscribe(self, receive_buffer=None, window=None, server=None):
        """An event stream over HTTP/2 of all that was said: the client and the stream's number."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", (server or self.world.server).port))
        self.addCleanup(sock.close)
        client = H2(sock)
        client.credit = window is None
        if window:
            client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
            client.h2.increment_flow_control_window(window - 65535)
        stream = client.open(f"/waystone.{SUBSCRIBE}", content_type="application/connect+json",
                             authorization=f"Bearer {self.player.token}")
        client.send(stream, envelope(json.dumps(
            {"follow": [following(CHANNEL, self.player.channel, 0)]}).encode()), end=True)
        client.until(lambda: b"opened" in client.bodies.get(stream, b""))
        return client, stream

    def give_up_an_answer(self):
        """Begins a call whose answer it does not take, until the bound is over for that."""
        with socket.create_connection(("127.0.0.1", self.world.server.port)) as sock:
            client = H2(sock)
            client.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
            stream = client.open(f"/waystone.{GET_VERSION}", content_type="application/json")
            client.send(stream, b"{}", end=True)
            client.until(lambda: stream in client.resets)
            self.assertEqual(client.resets[stream], h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)

    def outstay(self):
        """The bound of what is no live stream is over, several times."""
        for _ in range(4):
            self.give_up_an_answer()

    @staticmethod
    def is_between_messages(body):
        at = 0
        while at < len(body):
            at += 5 + int.from_bytes(body[at + 1:at + 5], "big")
        return at == len(body)

    def takes_all(self, client, stream):
        """In order, each once."""
        client.until(lambda: client.bodies[stream].count(b'"message"') == self.COUNT and
                     self.is_between_messages(client.bodies[stream]), 60)
        events = [json.loads(data) for _, data in envelopes(client.bodies[stream])]
        self.assertEqual([int(event["message"]["sequence"]) for event in events
                          if "message" in event], list(range(1, self.COUNT + 1)))

    def test_http1(self):
        stream = EventStream(self.world.server, self.player.token,
                             [following(CHANNEL, self.player.channel, 0)], narrow=True)
        self.addCleanup(stream.close)
        self.outstay()
        for sequence in range(1, self.COUNT + 1):
            self.assertEqual(int(stream.next_event()["message"]["sequence"]), sequence)

    def test_http2_without_window(self):
        client, stream = self.subscribe()
        client.credit = False  # takes what is sent, gives no room for more
        self.outstay()
        while select.select([client.sock], [], [], 0.2)[0] and not client.closed:
            client.pump()
        self.assertFalse(client.closed)
        self.assertEqual(client.resets, {})
        client.credit = True
        client.h2.acknowledge_received_data(
            65535 - client.h2.remote_flow_control_window(stream), stream)
        client.flush()
        self.takes_all(client, stream)

    def test_http2_that_reads_nothing(self):
        client, stream = self.subscribe(receive_buffer=4096, window=1 << 30)
        self.outstay()
        self.takes_all(client, stream)

    def test_http2_that_is_gone(self):
        self.subscribe(receive_buffer=4096, window=1 << 30, server=self.asking)
        self.assertEqual(metric(self.asking, "waystone_hub_subscribers"), 1)
        self.assertTrue(eventually(lambda: metric(self.asking, "waystone_hub_subscribers") == 0))


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
            self.assertTrue(eventually(lambda: metric(server, "waystone_calls") == 1 and
                                       world.psql(waiting) != "0"), "the call does not wait")
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
            self.assertEqual(int(moved.next_message()["sequence"]), following)
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
