"""Hostile peers: each is closed, and soon; nobody else notices; nothing crashes.

Floods must end within a second of crossing the line, slow peers within their bounds, which the
servers here have shortened. What this costs well-behaved clients is measured by
./dev bench attacks.
"""

import contextlib
import os
import resource
import socket
import struct
import threading
import time
import unittest

import h2_attacks
import h2_test
from engine_test import (
    BUILD, SERVICE, EchoServer, envelope, envelopes, h1_request, read_answer, read_all, text_field)
from h2_wire import (
    ACK, DATA, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, PING, REFUSED_STREAM, RST_STREAM,
    SETTING_WINDOW, Wire, data, frame, ping, settings, window_update)
from harness import World, eventually, metric

LINE = 2000  # hostile frames: the bucket of 1,000, what explains some, and half as much again
SLOW_MS = 600  # the bounds of the servers for slow peers
# ThreadSanitizer keeps more than as much again of what a program has.
SHADOW = 3 if BUILD.name == "build-tsan" else 1


class Witness(threading.Thread):
    """A well-behaved client: one call after the other until it is told to stop."""

    def __init__(self, port, path=SERVICE + "Echo", message=text_field("hello")):
        super().__init__(daemon=True)
        self.wire = Wire(socket.create_connection(("127.0.0.1", port), 10))
        self.path = path
        self.request = envelope(message)
        self.calls = 0
        self.problem = None
        self.over = threading.Event()

    def call(self):
        wire, stream = self.wire, 2 * self.calls + 1
        wire.send(wire.headers(stream, wire.fields("POST", self.path, te="trailers",
                                                   content_type="application/grpc"), end=False),
                  data(stream, self.request, end=True))
        _, body = wire.expect_answer(stream)
        if body[:1] != b"\0":
            raise AssertionError(f"no answer but {body}")
        wire.send(window_update(0, len(body)))
        wire.seen.clear()
        self.calls += 1

    def run(self):
        try:
            while not self.over.is_set():
                self.call()
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem

    def finish(self):
        self.over.set()
        self.join(20)
        self.wire.close()


@contextlib.contextmanager
def witness(port, **more):
    """Somebody is served all the time."""
    client = Witness(port, **more)
    client.start()
    before = client.calls
    try:
        yield client
        now = client.calls
        assert eventually(lambda: client.calls > now or client.problem, 10), "no more calls"
    finally:
        client.finish()
    if client.problem:
        raise AssertionError(f"a well-behaved client was hurt: {client.problem}")
    assert client.calls > before


def flood(port, batches, seconds=3):
    """Sends until the peer closes. (seconds from the line to the end, what came)."""
    sock = socket.create_connection(("127.0.0.1", port), 10)
    started = time.monotonic()
    crossed, sent, received, closed = None, 0, b"", False
    try:
        sock.sendall(h2_attacks.HELLO)
        for count, batch in batches:
            sock.settimeout(seconds)
            sock.sendall(batch)
            sent += count
            if crossed is None and sent >= LINE:
                crossed = time.monotonic()
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while not closed:
                    piece = sock.recv(1 << 20)
                    received += piece
                    closed = not piece
            if closed or time.monotonic() - started > seconds:
                break
        sock.settimeout(seconds)
        while not closed:
            piece = sock.recv(1 << 20)
            received += piece
            closed = not piece
    except (ConnectionResetError, BrokenPipeError):
        closed = True
    except TimeoutError:
        pass
    finally:
        sock.close()
    ended = time.monotonic()
    if not closed:
        raise AssertionError(f"not closed after {sent} hostile frames")
    return ended - (crossed or ended), received


def memory_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def small_quarantine():
    """Sanitized servers keep freed memory for a while; where memory is measured, only a little."""
    before = os.environ.get("ASAN_OPTIONS", "")
    os.environ["ASAN_OPTIONS"] = f"{before}:quarantine_size_mb=1:allocator_release_to_os_interval_ms=100"
    try:
        yield
    finally:
        os.environ["ASAN_OPTIONS"] = before


class Floods(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def cut_off(self, attack):
        request = h2_attacks.Request(SERVICE + "Echo")
        with witness(self.server.port):
            seconds, _ = flood(self.server.port, attack(request))
        self.assertLess(seconds, 1)

    def test_pings_are_told_why(self):
        _, received = flood(self.server.port, h2_attacks.pings(None))
        self.assertIn(b"too_many_pings", received)
        self.assertIn(struct.pack(">I", ENHANCE_YOUR_CALM), received)

    def test_many_floods_at_once(self):
        request = h2_attacks.Request(SERVICE + "Echo")
        problems = []

        def attack(make):
            try:
                flood(self.server.port, make(request))
            except AssertionError as problem:
                problems.append(f"{make.__name__}: {problem}")
        with witness(self.server.port):
            threads = [threading.Thread(target=attack, args=(make,))
                       for make in h2_attacks.FLOODS[:12]]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        self.assertEqual(problems, [])

    def test_windows_and_pings_that_data_explains_are_free(self):
        """Many small answers, each thanked for with two window updates and a ping."""
        wire = Wire(self.server.connect())
        self.addCleanup(wire.close)
        body = envelope(text_field("x" * 10) + b"\x10\xa0\x1f")  # 4,000 times
        wire.send(settings((SETTING_WINDOW, 1 << 20)),
                  wire.headers(1, wire.fields("POST", SERVICE + "EchoMany",
                                              content_type="application/grpc"), end=False),
                  data(1, body, end=True))
        messages, pings = b"", 0
        while True:
            found = wire.expect(lambda f: True, "a frame")
            self.assertNotEqual(found.kind, GOAWAY, found)
            if found.kind == DATA and found.payload:
                messages += found.payload
                wire.send(window_update(0, len(found.payload)),
                          window_update(1, len(found.payload)), ping())
                pings += 1
            if found.stream == 1 and found.ends:
                break
        self.assertEqual(len(envelopes(messages)), 4000)
        self.assertGreater(pings, 0)
        wire.expect_alive()


for _attack in h2_attacks.FLOODS:
    def _test(self, attack=_attack):
        self.cut_off(attack)
    setattr(Floods, f"test_{_attack.__name__}", _test)


class Slow(unittest.TestCase):
    """Peers that hold on to what they have: heads, bodies and answers that never end."""

    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer(f"header_ms={SLOW_MS}", f"body_ms={SLOW_MS}",
                                f"write_ms={SLOW_MS}", f"idle_ms={4 * SLOW_MS}")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def raw(self, *pieces):
        sock = self.server.connect()
        self.addCleanup(sock.close)
        sock.settimeout(10)
        for piece in pieces:
            sock.sendall(piece)
        return sock

    def wire(self, *pairs):
        wire = Wire(self.server.connect(), *pairs)
        self.addCleanup(wire.close)
        return wire

    def call(self, wire, stream, method="Echo", body=b"", end=True):
        pieces = [body[at:at + 16000] for at in range(0, len(body), 16000)] or [b""]
        wire.send(wire.headers(stream, wire.fields("POST", SERVICE + method,
                                                   content_type="application/grpc"), end=False),
                  *[data(stream, piece) for piece in pieces[:-1]],
                  data(stream, pieces[-1], end=end))

    def trickle(self, sock, byte=b"x", seconds=5):
        """A byte now and then until the peer closes; how long that took."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            try:
                sock.sendall(byte)
                sock.settimeout(SLOW_MS / 4000)
                if not sock.recv(65536):
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        else:
            raise AssertionError("not closed")
        return time.monotonic() - started

    def assert_bound(self, seconds, bound_ms=SLOW_MS):
        self.assertGreater(seconds, bound_ms / 1000 * 0.8)
        self.assertLess(seconds, bound_ms / 1000 + 2)

    def test_silence(self):
        with witness(self.server.port):
            started = time.monotonic()
            read_all(self.raw())
            self.assert_bound(time.monotonic() - started)

    def test_http1_head_that_trickles(self):
        with witness(self.server.port):
            self.assert_bound(self.trickle(self.raw(b"GET / HTTP/1.1\r\nhost: x\r\nx: ")))

    def test_http1_body_that_stops(self):
        with witness(self.server.port):
            started = time.monotonic()
            read_all(self.raw(h1_request(SERVICE + "Echo", b"x" * 100)[:-50]))
            self.assert_bound(time.monotonic() - started)

    def test_http1_idle(self):
        sock = self.raw(h1_request(SERVICE + "Echo", text_field("x")))
        self.assertEqual(read_answer(sock)[0], 200)
        started = time.monotonic()
        read_all(sock)
        self.assert_bound(time.monotonic() - started, 4 * SLOW_MS)

    def test_http1_stream_of_the_client_may_pause(self):
        """Only what is answered as a whole is bounded."""
        sock = self.raw(h1_request(SERVICE + "Collect", envelope(text_field("a")) * 2,
                                   "application/connect+proto")[:-8])
        time.sleep(SLOW_MS / 1000 * 2)
        sock.sendall(envelope(text_field("a"))[-8:])
        self.assertEqual(read_answer(sock)[0], 200)

    def test_http1_answer_nobody_reads(self):
        request = envelope(text_field("z" * 100_000) + b"\x10\xe8\x07")  # 100 MB
        with witness(self.server.port):
            before = self.descriptors()
            sock = self.raw()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(h1_request(SERVICE + "EchoMany", request, "application/connect+proto"))
            self.assertTrue(eventually(lambda: self.descriptors() == before + 1))
            self.assert_gone(before)

    def assert_gone(self, descriptors):
        """The server has closed it. Its peer would see that only after reading all the rest."""
        started = time.monotonic()
        self.assertTrue(eventually(lambda: self.descriptors() == descriptors, 10))
        self.assert_bound(time.monotonic() - started)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.child.pid}/fd"))

    def test_http1_answer_read_slowly_is_not_cut(self):
        """Longer than the bound altogether, but something moves all the time."""
        text = "z" * 3_000_000
        sock = self.raw()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(h1_request(SERVICE + "Echo", text_field(text)))
        got, started = 0, time.monotonic()
        while got < 3_000_000:
            piece = sock.recv(65536)
            self.assertTrue(piece, f"cut after {got} bytes")
            got += len(piece)
            time.sleep(0.02)
        self.assertGreater(time.monotonic() - started, SLOW_MS / 1000)

    def test_http2_head_that_stops(self):
        with witness(self.server.port):
            wire = self.wire()
            wire.send(wire.headers(1, flags=0))
            started = time.monotonic()
            wire.expect_closed()
            self.assert_bound(time.monotonic() - started)

    def test_http2_head_that_trickles(self):
        wire = self.wire()
        block = frame(HEADERS, 0, 1, b"\x83\x86\x84" + b"\x00\x01x\x7f\x81\x7f" + b"y" * 16000)
        wire.send(block[:20])
        self.assert_bound(self.trickle(wire.sock, b"y"))

    def test_http2_body_that_stops(self):
        with witness(self.server.port):
            wire = self.wire()
            self.call(wire, 1, body=envelope(text_field("x" * 100))[:50], end=False)
            started = time.monotonic()
            found = wire.expect(lambda f: f.stream == 1 and f.kind in (RST_STREAM, HEADERS), "RST")
            self.assert_bound(time.monotonic() - started)
            self.assertEqual(found.kind, RST_STREAM)
            wire.expect_alive()

    def test_http2_body_for_the_site_that_trickles(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False))
        started = time.monotonic()
        while time.monotonic() - started < 5 and not [f for f in wire.seen if f.stream == 1]:
            wire.send(data(1, b"x"))
            with contextlib.suppress(TimeoutError):
                wire.read_frame(SLOW_MS / 4000)
        self.assert_bound(time.monotonic() - started)

    def test_http2_streams_that_listen_may_pause(self):
        wire = self.wire()
        self.call(wire, 1, "Chat", envelope(text_field("a")), end=False)
        wire.expect(lambda f: f.kind == DATA, "an answer")
        time.sleep(SLOW_MS / 1000 * 2.5)
        wire.send(data(1, envelope(text_field("b")), end=True))
        wire.expect_answer(1)

    def test_http2_answer_without_window(self):
        with witness(self.server.port):
            wire = self.wire((SETTING_WINDOW, 0))
            self.call(wire, 1, body=envelope(text_field("x")))
            started = time.monotonic()
            found = wire.expect(lambda f: f.kind == RST_STREAM, "RST_STREAM")
            self.assertEqual(found.code, ENHANCE_YOUR_CALM)
            self.assert_bound(time.monotonic() - started)
            wire.expect_alive()

    def test_http2_answers_without_window_of_the_connection(self):
        with witness(self.server.port):
            wire = self.wire((SETTING_WINDOW, 1 << 30))
            for stream in range(1, 9, 2):
                self.call(wire, stream, body=envelope(text_field("x" * 50_000)))
            started = time.monotonic()
            wire.expect_closed()
            self.assert_bound(time.monotonic() - started)

    def test_http2_answers_nobody_reads(self):
        with witness(self.server.port):
            before = self.descriptors()
            sock = self.server.connect()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire = Wire(sock, (SETTING_WINDOW, 0x7FFFFFFF))
            self.addCleanup(wire.close)
            wire.send(window_update(0, 0x7FFFFFFF - 65535))
            self.call(wire, 1, "EchoMany", envelope(text_field("z" * 100_000) + b"\x10\xe8\x07"))
            self.assert_gone(before)

    def test_http2_window_that_opens_byte_by_byte(self):
        """Something moves: the stream lives, and costs one stream."""
        wire = self.wire((SETTING_WINDOW, 0))
        self.call(wire, 1, body=envelope(text_field("x" * 20)))
        started = time.monotonic()
        while time.monotonic() - started < SLOW_MS / 1000 * 2.5:
            wire.send(window_update(1, 1))
            wire.expect(lambda f: f.kind == DATA, "a byte")
            time.sleep(SLOW_MS / 5000)
        wire.send(window_update(1, 1000))
        wire.expect(lambda f: f.ends, "the end")

    def test_http2_idle(self):
        wire = self.wire()
        started = time.monotonic()
        wire.expect_closed()
        self.assert_bound(time.monotonic() - started, 4 * SLOW_MS)

    def test_broken_off_clients_can_read_why(self):
        """A refusal reaches a client that is still sending."""
        sock = self.raw(h1_request(SERVICE + "Echo", b"", "text/html").replace(
            b"content-length: 0", b"content-length: 1000000"))
        for _ in range(20):
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                sock.sendall(b"x" * 50_000)
            time.sleep(0.005)
        self.assertTrue(sock.recv(100).startswith(b"HTTP/1.1 415"))

    def test_half_closed_client_gets_all_it_asked_for(self):
        text = text_field("z" * 2_000_000)
        sock = self.raw(h1_request(SERVICE + "Echo", text) * 2)
        self.assertTrue(sock.recv(1))
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
        self.assertEqual(answer.count(b"TTP/1.1 200"), 2)
        self.assertGreater(len(answer), 2 * len(text))


class SlowTls(h2_test.Secure, unittest.TestCase):
    arguments = (f"header_ms={SLOW_MS}",)

    def test_handshake_that_stops(self):
        for start in (b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"):
            with self.subTest(start):
                started = time.monotonic()
                sock = self.server.connect()
                self.addCleanup(sock.close)
                sock.sendall(start)
                read_all(sock)
                self.assertGreater(time.monotonic() - started, SLOW_MS / 1000 * 0.8)
                self.assertLess(time.monotonic() - started, SLOW_MS / 1000 + 2)
        Wire(self.connect()).expect_alive()


class Memory(unittest.TestCase):
    """What one peer can make the server hold."""

    def setUp(self):
        with small_quarantine():
            self.server = EchoServer("write_ms=60000")
        self.addCleanup(self.server.stop)

    def wire(self, *pairs):
        wire = Wire(self.server.connect(), *pairs)
        self.addCleanup(wire.close)
        return wire

    def test_streams_without_window(self):
        """256 streams whose answers never end, and no window: a queue for each, no more."""
        wire = self.wire((SETTING_WINDOW, 0))
        before = memory_kb(self.server.child.pid)
        request = envelope(text_field("z" * 8000) + b"\x10\xff\xff\xff\x07")  # endless
        with witness(self.server.port):
            for stream in range(1, 512, 2):
                wire.send(wire.headers(stream, wire.fields(
                    "POST", SERVICE + "EchoMany", content_type="application/grpc"), end=False),
                    data(stream, request, end=True))
                wire.expect(lambda f, stream=stream: f.kind == HEADERS and f.stream == stream,
                            "HEADERS")
            for _ in range(20):
                wire.expect_alive()
        held = memory_kb(self.server.child.pid) - before
        self.assertLess(held, 100 * 1024, f"{held} KB for 256 streams")

    def test_answers_that_pile_up_refuse_more(self):
        """16 MB are kept for one who does not read; what is asked beyond may be asked again."""
        wire = self.wire((SETTING_WINDOW, 0))
        before = memory_kb(self.server.child.pid)
        body = envelope(text_field("z" * 200_000))
        refused = answered = 0
        with witness(self.server.port):
            for number in range(120):
                stream = 2 * number + 1
                wire.send(wire.headers(stream, wire.fields(
                    "POST", SERVICE + "Echo", content_type="application/grpc"), end=False))
                for at in range(0, len(body), 16000):
                    wire.send(data(stream, body[at:at + 16000], end=at + 16000 >= len(body)))
                    if at % 48000 == 32000:
                        wire.expect_alive()
                wire.expect_alive()
                wire.expect_alive()
                found = [f for f in wire.seen if f.stream == stream and
                         f.kind in (HEADERS, RST_STREAM)][0]
                if found.kind == RST_STREAM:
                    self.assertEqual(found.code, REFUSED_STREAM)
                    refused += 1
                else:
                    answered += 1
        held = memory_kb(self.server.child.pid) - before
        self.assertGreater(answered, 60)
        self.assertGreater(refused, 10)
        self.assertLess(held, 100 * 1024 * SHADOW, f"{held} KB")

    def test_idle_connections(self):
        """10,000, or what this machine's limit on descriptors allows."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.server.stop()
        with small_quarantine():
            self.server = EchoServer(descriptors=hard)
        self.addCleanup(self.server.stop)
        count = min(10_000, hard - 500)
        if count < 10_000:
            print(f"  (the limit on descriptors allows {count} connections)")
        connections = []
        before = memory_kb(self.server.child.pid)
        try:
            with witness(self.server.port):
                for _ in range(count):
                    sock = socket.create_connection(("127.0.0.1", self.server.port), 10)
                    connections.append(sock)
                    sock.sendall(h2_attacks.HELLO)
                # Each was taken: the server's SETTINGS are there.
                for sock in connections:
                    self.assertTrue(sock.recv(9))
                client = Witness(self.server.port)
                for _ in range(100):
                    client.call()
                client.wire.close()
            each = (memory_kb(self.server.child.pid) - before) / count
            self.assertLess(each, 150, "KB for an idle connection, under the sanitizer")
        finally:
            for sock in connections:
                sock.close()


class Pipelining(unittest.TestCase):
    """The real server, which has pages to ask for that are larger than the request."""

    def test_answers_nobody_reads_stop_the_next_request(self):
        with small_quarantine():
            world = World("pipelining", http__loops=1, env={
                "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"]})
        self.addCleanup(world.close)
        page = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
        status, text = world.server.get("/openapi.json")
        self.assertEqual(status, 200)
        count = 200_000_000 // len(text)
        before = memory_kb(world.server.pid())
        with witness(world.server.port, path="/waystone.meta.v1.MetaService/GetVersion",
                     message=b"") as other, socket.create_connection(
                         ("127.0.0.1", world.server.port), 10) as sock:
            sock.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                sock.sendall(page * count)
            now = other.calls
            self.assertTrue(eventually(lambda: other.calls > now + 100))
            held = memory_kb(world.server.pid()) - before
            self.assertLess(held, 40 * 1024, f"{held} KB for {count} pages of {len(text)} bytes")
            # Whoever reads gets all of them, in order.
            got = 0
            sock.settimeout(10)
            while got < 20 * len(text):
                got += len(sock.recv(1 << 20))


class Descriptors(unittest.TestCase):
    """More clients than descriptors: those who are in stay, the others wait their turn."""

    def exhausted(self, server):
        self.addCleanup(server.stop)
        crowd = []
        self.addCleanup(lambda: [sock.close() for sock in crowd])
        with witness(server.port) as inside:
            for _ in range(150):
                crowd.append(server.connect())
                crowd[-1].sendall(h2_attacks.HELLO)
            late = server.connect()
            late.sendall(h1_request(SERVICE + "Echo", text_field("late")))
            late.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                late.recv(1)
            now = inside.calls
            self.assertTrue(eventually(lambda: inside.calls > now + 20))
        used = cpu_seconds(server.child.pid)
        time.sleep(1)
        used = cpu_seconds(server.child.pid) - used
        self.assertLess(used, 0.3, "a busy loop")
        for sock in crowd:
            sock.close()
        late.settimeout(10)
        self.assertEqual(read_answer(late)[0], 200)
        late.close()
        self.assertIn("no more connections are taken", server.read_log())

    def test_the_servers_own_bound(self):
        self.exhausted(EchoServer(descriptors=128))

    def test_accept_fails(self):
        self.exhausted(EchoServer("max_connections=100000", descriptors=64))

    def test_a_configured_bound(self):
        self.exhausted(EchoServer("max_connections=20"))


class Keepalive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer("keepalive_ms=300", "keepalive_timeout_ms=400")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def listening(self):
        wire = Wire(self.server.connect())
        self.addCleanup(wire.close)
        wire.send(wire.headers(1, wire.fields("POST", SERVICE + "Chat",
                                              content_type="application/grpc"), end=False),
                  data(1, envelope(text_field("a"))))
        wire.expect(lambda f: f.kind == DATA, "an answer")
        return wire

    def test_a_silent_client_is_asked_and_closed(self):
        wire = self.listening()
        started = time.monotonic()
        wire.expect(lambda f: f.kind == PING and not f.flags & ACK, "PING")
        asked = time.monotonic()
        self.assertGreater(asked - started, 0.2)
        wire.expect_closed()
        self.assertGreater(time.monotonic() - asked, 0.3)
        self.assertLess(time.monotonic() - asked, 3)

    def test_a_client_that_answers_stays(self):
        wire = self.listening()
        for _ in range(4):
            found = wire.expect(lambda f: f.kind == PING and not f.flags & ACK, "PING")
            wire.send(ping(found.payload, flags=ACK))
        wire.send(data(1, b"", end=True))
        wire.expect(lambda f: f.stream == 1 and f.ends, "the end")

    def test_a_client_that_sends_is_not_asked(self):
        wire = self.listening()
        started = time.monotonic()
        while time.monotonic() - started < 1.2:
            wire.send(window_update(0, 1))
            time.sleep(0.05)
        wire.expect_alive()
        self.assertFalse([f for f in wire.seen if f.kind == PING and not f.flags & ACK])


class Metrics(unittest.TestCase):
    """The real server: offenders are counted, and leave nothing behind."""

    def test_counts(self):
        world = World("attacks")
        self.addCleanup(world.close)
        request = h2_attacks.Request("/waystone.meta.v1.MetaService/GetVersion")
        attacks = [h2_attacks.rapid_reset, h2_attacks.pings, h2_attacks.header_bomb,
                   h2_attacks.made_reset_by_window_overflow]
        with witness(world.server.port, path="/waystone.meta.v1.MetaService/GetVersion",
                     message=b""):
            for attack in attacks:
                flood(world.server.port, attack(request))
        # Each loop tells once a second.
        self.assertTrue(eventually(lambda: metric(
            world.server, "waystone_connections_abusive_total") == len(attacks), 3))
        self.assertTrue(eventually(lambda: metric(world.server, "waystone_streams") <= 1))
        self.assertTrue(eventually(lambda: metric(world.server, "waystone_connections") <= 1))
        self.assertTrue(eventually(lambda: metric(world.server, "waystone_calls") == 0))


if __name__ == "__main__":
    unittest.main()
