"""The C client through tests/support/echo_caller.c: against the real engine, gRPC's own server
in Python, and servers that misbehave. Everything runs twice: blocking, and on a loop.
"""

import concurrent.futures
import gzip
import json
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import unittest
import unittest.mock
import zlib

import certificates
import grpc

import hostile
from engine_test import EchoServer
from harness import HOME, eventually
from hostile import Hostile, envelope, frame, headers, text_message

BUILD = pathlib.Path(os.environ["WAYSTONE_TEST_SERVER"]).parent
CALLER = BUILD / "tests" / "support" / "echo-caller"
SUPPRESSIONS = pathlib.Path(__file__).parents[1] / "support" / "lsan.supp"
ENVIRONMENT = dict(os.environ, LSAN_OPTIONS=f"suppressions={SUPPRESSIONS}:print_suppressions=0")
TIMEOUT_S = 60


class Caller:
    """A client that goes on while the test does something else."""

    def __init__(self, port, scheme="http", host="127.0.0.1", header=(), **options):
        words = [f"{name}={value}" for name, value in options.items()]
        words += [f"header={one}" for one in header]
        self.child = subprocess.Popen(
            [CALLER, f"{scheme}://{host}:{port}", *words], env=ENVIRONMENT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def go(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()

    def read(self):
        return json.loads(self.child.stdout.readline())

    def finish(self):
        """What is left to tell."""
        out, error = self.child.communicate(timeout=TIMEOUT_S)
        assert self.child.returncode == 0, f"ended with {self.child.returncode}: {error[-4000:]}"
        return [json.loads(line) for line in out.splitlines()]


def call(port, **options):
    """One call, from start to end."""
    return Caller(port, **options).finish()[0]


def kill(server):
    server.child.kill()
    server.child.wait()
    server.log.close()


def answering(*answers):
    """A behaviour: each request gets the next of the answers, called with connection and stream."""
    left = list(answers)

    def behave(connection, _number):
        connection.greet()
        while True:
            stream = connection.request()
            left.pop(0)(connection, stream)

    return behave


def fine(connection, stream):
    connection.answer(stream)


def failing(status, *more):
    return lambda connection, stream: connection.fail(stream, status, *more)


def retry_info(milliseconds):
    """grpc-status-details-bin with a google.rpc.RetryInfo."""
    import base64
    from google.rpc import error_details_pb2, status_pb2
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromMilliseconds(milliseconds)
    status = status_pb2.Status(code=14, message="later")
    status.details.add().Pack(info)
    return "grpc-status-details-bin", base64.b64encode(status.SerializeToString()).decode()


class Both:
    """Tests in a class with this run in both ways."""

    loop = 0

    def call(self, port, **options):
        return call(port, loop=self.loop, **options)

    def caller(self, port, **options):
        return Caller(port, loop=self.loop, **options)

    def against(self, behave, context=None, **options):
        """One call against a hostile server."""
        with Hostile(behave, context) as server:
            return self.call(server.port, **options)

    def expect(self, told, status, message="", **more):
        self.assertEqual(told["status"], status, told)
        self.assertIn(message, told["message"])
        for name, value in more.items():
            self.assertEqual(told[name], value, told)


class Shapes(Both, unittest.TestCase):
    """Against the engine."""

    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_unary(self):
        self.expect(self.call(self.server.port, text="h\u00e9llo"), "OK", last="h\u00e9llo",
                    attempts=1)

    def test_streams(self):
        for method in ("many", "collect", "chat"):
            told = self.call(self.server.port, method=method, count=200, text="word")
            self.expect(told, "OK", received=200)

    def test_headers_come_first(self):
        told = self.call(self.server.port, method="many", headers=1)
        self.expect(told, "OK", received=3)
        self.assertTrue(told["headers"]["content-type"].startswith("application/grpc"))

    def test_deadline(self):
        told = self.call(self.server.port, method="sleep", ms=20000, timeout=150)
        self.expect(told, "DEADLINE_EXCEEDED")
        self.assertGreaterEqual(told["elapsed_ms"], 140)
        self.assertLess(told["elapsed_ms"], 5000)

    def test_headers_that_cannot_be_sent(self):
        for header, sentence in (("X-Upper:1", "lower case"), ("x-value:a\nb", "printable"),
                                 ("grpc-timeout:1S", "belongs to the protocol"),
                                 ("te:none", "belongs to the protocol")):
            told = self.call(self.server.port, header=[header])
            self.expect(told, "INVALID_ARGUMENT", sentence, attempts=0)
        self.expect(self.call(self.server.port, bytes="x-text:1"), "INVALID_ARGUMENT", "-bin")

    def test_many_calls(self):
        """At once on the loop: they do not wait for each other."""
        started = time.monotonic()
        told = self.caller(self.server.port, method="sleep", ms=100, calls=200 if self.loop else 5)
        for one in told.finish():
            self.expect(one, "OK", attempts=1)
        self.assertLess(time.monotonic() - started, 15)

    def test_compressed_answers(self):
        """The engine compresses what is worth it."""
        told = self.call(self.server.port, text="word " * 2000)
        self.expect(told, "OK", last="word " * 2000)
        self.assertIn(told["headers"].get("grpc-encoding"), ("zstd", "gzip"))


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


class Restarts(Both, unittest.TestCase):
    """The engine goes away and comes back."""

    def test_idempotent_call_survives_a_restart(self):
        server = EchoServer()
        caller = self.caller(server.port, method="get", calls=2, steps=1, attempts=40, backoff=20)
        caller.go()
        self.expect(caller.read(), "OK", attempts=1)
        port = server.port
        kill(server)
        caller.go()
        time.sleep(0.3)  # attempts meet nobody; if they should not, the test is only weaker
        with unittest.mock.patch("engine_test.free_port", return_value=port):
            server = EchoServer()
        told = caller.finish()[0]
        self.expect(told, "OK", last="hello")
        self.assertGreater(told["attempts"], 1)
        server.stop()

    def test_call_in_flight_is_lost_and_not_repeated(self):
        server = EchoServer()
        caller = self.caller(server.port, method="sleep", ms=30000, calls=2, steps=1,
                             tell=1)
        caller.go()
        self.assertTrue(caller.read()["begun"])
        kill(server)
        self.expect(caller.read(), "UNAVAILABLE", "the connection was lost", attempts=1)
        caller.go()
        told = caller.finish()[-1]
        self.expect(told, "UNAVAILABLE", "Connection refused", attempts=5)

    def test_drain_finishes_what_was_begun(self):
        server = EchoServer()
        caller = self.caller(server.port, method="sleep", ms=800, calls=2, steps=1, attempts=1,
                             tell=1)
        caller.go()
        self.assertTrue(caller.read()["begun"])
        server.child.send_signal(signal.SIGTERM)
        self.expect(caller.read(), "OK", attempts=1)
        server.child.wait(20)
        caller.go()
        self.expect(caller.finish()[0], "UNAVAILABLE")
        server.stop()

    def test_nothing_is_lost_when_another_server_takes_over(self):
        """More calls than fit on the connection; the server drains in the middle."""
        server = EchoServer()
        calls = 600 if self.loop else 1
        caller = self.caller(server.port, method="sleep", ms=700, calls=calls, attempts=10,
                             backoff=20, timeout=30000, tell=1)
        self.assertTrue(caller.read()["begun"])
        server.child.send_signal(signal.SIGTERM)
        # It finishes its calls and takes no more.
        self.assertTrue(eventually(lambda: not listens(server.port)), "it takes more")
        with unittest.mock.patch("engine_test.free_port", return_value=server.port):
            other = EchoServer()
        told = [one for one in caller.finish() if "status" in one]
        self.assertEqual(len(told), calls)
        for one in told:
            self.expect(one, "OK")
        server.stop()
        other.stop()

    def test_stream_is_told_of_the_drain(self):
        server = EchoServer()
        caller = self.caller(server.port, method="many", count=100000, ms=20)
        for _ in range(3):
            self.assertIn("index", caller.read())
        server.child.send_signal(signal.SIGTERM)
        told = caller.finish()[-1]
        self.assertEqual(told["status"], "UNAVAILABLE", told)
        server.stop()

    def test_patient_call_waits_for_a_server(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        caller = self.caller(port, ready=1, timeout=20000, backoff=20)
        time.sleep(0.3)
        with unittest.mock.patch("engine_test.free_port", return_value=port):
            server = EchoServer()
        self.expect(caller.finish()[0], "OK", attempts=1)
        server.stop()

    def test_patient_call_has_a_deadline(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        told = self.call(port, ready=1, timeout=400, backoff=20)
        self.expect(told, "DEADLINE_EXCEEDED")
        self.assertGreaterEqual(told["elapsed_ms"], 390)


class Retries(Both, unittest.TestCase):
    def test_unavailable_is_repeated_for_idempotent_calls_only(self):
        later = failing("14")
        self.expect(self.against(answering(later, later, fine), method="get", backoff=5), "OK",
                    last="fine", attempts=3)
        self.expect(self.against(answering(later, fine), method="echo", idempotent=1, backoff=5),
                    "OK", attempts=2)
        self.expect(self.against(answering(later, fine), method="echo", backoff=5), "UNAVAILABLE",
                    attempts=1)

    def test_other_errors_are_not_repeated(self):
        for code, name in (("4", "DEADLINE_EXCEEDED"), ("8", "RESOURCE_EXHAUSTED"),
                           ("10", "ABORTED"), ("13", "INTERNAL")):
            self.expect(self.against(answering(failing(code), fine), method="get"), name,
                        attempts=1)

    def test_refused_stream_is_repeated_for_all(self):
        """The server says that it did nothing."""
        def refuse(connection, stream):
            connection.reset(stream, hostile.REFUSED_STREAM)

        for method in ("echo", "get"):
            told = self.against(answering(refuse, refuse, fine), method=method, backoff=5)
            self.expect(told, "OK", attempts=3)

    def test_other_resets_are_not_repeated(self):
        def cancel(connection, stream):
            connection.reset(stream, hostile.CANCEL)

        self.expect(self.against(answering(cancel, fine), method="get"), "CANCELLED", attempts=1)

    def test_lost_connection_is_repeated_for_idempotent_calls_only(self):
        def behave(connection, number):
            connection.greet()
            stream = connection.request()
            if number > 0:
                connection.answer(stream)
                connection.until_closed()

        self.expect(self.against(behave, method="get", backoff=5), "OK", attempts=2)
        self.expect(self.against(behave, method="echo", backoff=5), "UNAVAILABLE", attempts=1)

    def test_stream_is_repeated_until_it_was_begun(self):
        def begin_and_fail(connection, stream):
            connection.begin(stream)
            connection.data(stream, envelope(text_message("first")))
            connection.end(stream, "14")

        later = failing("14")
        told = self.against(answering(later, begin_and_fail), method="many", idempotent=1,
                            backoff=5)
        self.expect(told, "UNAVAILABLE", attempts=2, received=1)

    def test_attempts_are_bounded(self):
        told = self.against(answering(*[failing("14", ("grpc-message", "no"))] * 9), method="get",
                            attempts=4, backoff=5)
        self.expect(told, "UNAVAILABLE", "no", attempts=4)

    def test_pauses_grow(self):
        told = self.against(answering(*[failing("14")] * 4), method="get", attempts=4, backoff=80)
        # 80, 160 and 320 ms, each at least by half.
        self.assertGreaterEqual(told["elapsed_ms"], 280 - 5)
        self.assertLess(told["elapsed_ms"], 5000)

    def test_pushback_sets_the_pause(self):
        for said in (("grpc-retry-pushback-ms", "300"), retry_info(300)):
            told = self.against(answering(failing("14", said), fine), method="get", backoff=5)
            self.expect(told, "OK", attempts=2)
            self.assertGreaterEqual(told["elapsed_ms"], 295)

    def test_pushback_forbids(self):
        for text in ("-1", "soon", "", "99999999999"):
            told = self.against(answering(failing("14", ("grpc-retry-pushback-ms", text)), fine),
                                method="get", backoff=5)
            self.expect(told, "UNAVAILABLE", attempts=1)

    def test_no_attempt_beyond_the_deadline(self):
        told = self.against(
            answering(failing("14", ("grpc-retry-pushback-ms", "5000")), fine), method="get",
            timeout=1000)
        self.expect(told, "UNAVAILABLE", attempts=1)
        self.assertLess(told["elapsed_ms"], 900)

    def test_deadline_covers_all_attempts(self):
        def wait(connection, stream):
            connection.until_closed()

        told = self.against(answering(failing("14"), wait), method="get", backoff=5, timeout=300)
        self.expect(told, "DEADLINE_EXCEEDED", attempts=2)


class GoingAway(Both, unittest.TestCase):
    def test_unprocessed_calls_move(self):
        def behave(connection, number):
            connection.greet()
            stream = connection.request()
            if number == 0:
                connection.go_away(0)
                connection.until_closed()
            else:
                connection.answer(stream)
                connection.until_closed()

        with Hostile(behave) as server:
            self.expect(self.call(server.port, method="echo"), "OK", attempts=2)
            self.assertEqual(server.connections, 2)

    def test_what_was_begun_is_finished_and_later_calls_go_elsewhere(self):
        def behave(connection, number):
            connection.greet()
            stream = connection.request()
            if number == 0:
                connection.go_away(stream)
            connection.answer(stream, f"by {number}")
            connection.until_closed()

        with Hostile(behave) as server:
            caller = self.caller(server.port, method="echo", calls=2, steps=1)
            caller.go()
            self.expect(caller.read(), "OK", attempts=1, last="by 0")
            caller.go()
            self.expect(caller.finish()[0], "OK", attempts=1, last="by 1")
            self.assertEqual(server.connections, 2)

    def test_calls_that_wait_for_a_stream_move(self):
        """One stream at a time, and then none any more."""
        def behave(connection, number):
            connection.greet((3, 1))
            if number == 0:
                stream = connection.request()
                connection.go_away(stream)
                connection.answer(stream)
                connection.until_closed()
            while True:
                connection.answer(connection.request())

        with Hostile(behave) as server:
            caller = self.caller(server.port, method="echo", calls=5)
            for told in caller.finish():
                self.expect(told, "OK")
            self.assertEqual(server.connections, 2)

    def test_a_server_that_always_goes_away(self):
        def behave(connection, number):
            connection.greet()
            connection.request()
            connection.go_away(0)
            connection.until_closed()

        with Hostile(behave) as server:
            told = self.call(server.port, method="echo", attempts=6, backoff=5)
            self.expect(told, "UNAVAILABLE", attempts=6)
            self.assertLessEqual(server.connections, 6)


class Liveness(Both, unittest.TestCase):
    def test_a_server_that_falls_silent_is_left(self):
        def behave(connection, _number):
            connection.answer_pings = False
            connection.greet()
            connection.request()
            connection.until_closed()

        told = self.against(behave, keepalive=150, keepalive_timeout=150)
        self.expect(told, "UNAVAILABLE", "the server does not answer", attempts=1)
        self.assertGreaterEqual(told["elapsed_ms"], 290)
        self.assertLess(told["elapsed_ms"], 5000)

    def test_a_slow_server_is_not(self):
        pings = []

        def behave(connection, _number):
            connection.greet()
            stream = connection.request()
            while connection.pings < 3:
                connection.step()
            pings.append(connection.pings)
            connection.answer(stream)
            connection.until_closed()

        self.expect(self.against(behave, keepalive=50, keepalive_timeout=5000), "OK", attempts=1)
        self.assertEqual(pings, [3])

    def test_deadline_resets_the_stream(self):
        seen = []

        def behave(connection, _number):
            connection.greet()
            stream = connection.request()
            while not connection.resets:
                connection.step()
            seen.append((stream, connection.resets))

        self.expect(self.against(behave, timeout=100), "DEADLINE_EXCEEDED")
        self.assertEqual(seen, [(1, [(1, hostile.CANCEL)])])

    def test_a_server_that_never_speaks(self):
        told = self.against(lambda connection, _number: connection.until_closed(), timeout=200)
        self.expect(told, "DEADLINE_EXCEEDED")


class Malformed(Both, unittest.TestCase):
    """Answers that no server should give: each ends in a status, with bounded memory."""

    def answered(self, *frames, **options):
        """One call, answered by frames (functions of the stream)."""
        def answer(connection, stream):
            for one in frames:
                one(connection, stream)

        return self.against(answering(answer), attempts=1, **options)

    def message(self, data, flags=0, *more):
        """An answer of one envelope."""
        return self.answered(
            lambda connection, stream: connection.begin(stream, *more),
            lambda connection, stream: connection.data(stream, envelope(data, flags)),
            lambda connection, stream: connection.end(stream))

    def test_what_is_not_http2(self):
        def http1(connection, _number):
            connection.sock.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            connection.until_closed()

        def noise(connection, _number):
            connection.greet()
            connection.request()
            connection.sock.sendall(os.urandom(4096))
            connection.until_closed()

        for behave in (http1, noise):
            self.expect(self.against(behave, attempts=1), "UNAVAILABLE")

    def test_bad_frames(self):
        bad = {
            "data on stream 0": frame(hostile.DATA, 0, 0, b"x"),
            "data on an idle stream": frame(hostile.DATA, 0, 77, b"x"),
            "headers on an even stream": frame(hostile.HEADERS, 4, 2, headers((":status", "200"))),
            "settings of five bytes": frame(hostile.SETTINGS, 0, 0, b"12345"),
            "window of nothing": frame(hostile.WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
            "window overflow": frame(hostile.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
            "broken header block": frame(hostile.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff"),
            "frame larger than agreed": frame(hostile.DATA, 0, 1, bytes(20000)),
            "push": frame(5, 4, 1, struct.pack(">I", 2) + headers((":method", "GET"))),
        }
        for name, data in bad.items():
            with self.subTest(name):
                told = self.answered(lambda connection, stream: connection.write(data))
                self.assertIn(told["status"], ("UNAVAILABLE", "INTERNAL"), told)
                self.assertLess(told["elapsed_ms"], 5000)

    def test_bad_headers(self):
        def block(*pairs):
            return lambda connection, stream: connection.write(
                frame(hostile.HEADERS, 4, stream, headers(*pairs)))

        for pairs in (((":status", "200"), ("Upper", "x")), (("content-type", "x"),),
                      ((":status", "abc"),), ((":status", "200"), ("connection", "close")),
                      ((":status", "200"), ("grpc-status", "1 "))):
            told = self.answered(block(*pairs))
            self.expect(told, "INTERNAL")

    def test_bad_status(self):
        for text in ("abc", "99", "-1", "", "0x0", "4294967296"):
            told = self.answered(lambda connection, stream: connection.fail(stream, text))
            self.expect(told, "UNKNOWN", "grpc-status")

    def test_no_status(self):
        told = self.answered(
            lambda connection, stream: connection.begin(stream),
            lambda connection, stream: connection.data(stream, envelope(b""), end=True))
        self.expect(told, "UNKNOWN", "no status")

    def test_bad_details_do_not_hide_the_status(self):
        for text in ("!!!", "AAAA", "GgUKA///", "CP///////////w8aAhIA"):
            told = self.answered(lambda connection, stream: connection.fail(
                stream, "5", ("grpc-status-details-bin", text), ("grpc-message", "%zz")))
            self.expect(told, "NOT_FOUND", "%zz")

    def test_what_is_no_grpc(self):
        for status, name in (("503", "UNAVAILABLE"), ("404", "UNIMPLEMENTED"),
                             ("401", "UNAUTHENTICATED"), ("418", "UNKNOWN")):
            told = self.answered(lambda connection, stream: connection.begin(
                stream, status=status, content_type="text/html"))
            self.expect(told, name, f"HTTP status {status}")
        told = self.answered(
            lambda connection, stream: connection.begin(stream, content_type="text/html"))
        self.expect(told, "UNKNOWN", "text/html")

    def test_message_counts(self):
        message = envelope(text_message("one"))
        for data, sentence in ((b"", "no message"), (message * 2, "more than one"),
                               (message[:-1], "within a message"), (b"\0\0", "within a message")):
            told = self.answered(
                lambda connection, stream: connection.begin(stream),
                lambda connection, stream: connection.data(stream, data),
                lambda connection, stream: connection.end(stream))
            self.expect(told, "INTERNAL", sentence)

    def test_messages_that_are_none(self):
        for data in (b"\x0a\xff", b"\x0a\x7fshort", b"\x0a\x02\xff\xfe", b"\xff" * 11):
            self.expect(self.message(data), "INTERNAL")

    def test_message_that_is_too_large(self):
        """It is refused by its length, before its bytes."""
        head = b"\0" + struct.pack(">I", 0xFFFFFFFF)
        told = self.answered(lambda connection, stream: connection.begin(stream),
                             lambda connection, stream: connection.data(stream, head))
        self.expect(told, "RESOURCE_EXHAUSTED", "too large")
        told = self.answered(
            lambda connection, stream: connection.begin(stream),
            lambda connection, stream: connection.data(stream, envelope(text_message("x" * 100))),
            max=100)
        self.expect(told, "RESOURCE_EXHAUSTED", "too large")

    def test_compression(self):
        zipped = gzip.compress(text_message("small"))
        encoding = ("grpc-encoding", "gzip")
        self.expect(self.message(zipped, 1, encoding), "OK", last="small")
        self.expect(self.message(text_message("plain"), 0, encoding), "OK", last="plain")
        self.expect(self.message(zipped, 1), "INTERNAL", "did not say how")
        self.expect(self.message(zipped, 1, ("grpc-encoding", "lzw")), "INTERNAL", "lzw")
        self.expect(self.message(zipped[:-9], 1, encoding), "INTERNAL", "gzip")
        self.expect(self.message(zipped + b"more", 1, encoding), "INTERNAL", "gzip")
        self.expect(self.message(b"no gzip", 1, encoding), "INTERNAL", "gzip")
        self.expect(self.message(zipped, 2, encoding), "INTERNAL", "flags")
        self.expect(self.message(zipped, 0x81, encoding), "INTERNAL", "flags")

    def test_compressed_bomb(self):
        """Zeros, a thousand times as many as bytes: no more of them are made than allowed."""
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
        data = envelope(bomb, 1)
        self.assertLess(len(data), 256 * 1024)  # the window

        def send(connection, stream):
            connection.begin(stream, ("grpc-encoding", "gzip"))
            for at in range(0, len(data), 16384):
                connection.data(stream, data[at:at + 16384])
            connection.until_closed()

        told = self.answered(send)
        self.expect(told, "RESOURCE_EXHAUSTED", "decompressed")
        self.assertLess(told["peak_mb"], 180, "as much as with 200 MB in memory")

    def test_header_floods(self):
        def many(connection, stream):
            connection.begin(stream, *[(f"x-{number}", "y") for number in range(150)])

        def large(connection, stream):
            for _ in range(10):
                connection.write(frame(hostile.HEADERS, 4, stream, headers(
                    (":status", "103"), ("link", "z" * 8000))))
            connection.answer(stream)

        for answer in (many, large):
            told = self.answered(answer)
            self.expect(told, "RESOURCE_EXHAUSTED", "headers are too large")

    def test_floods_end(self):
        """A server that only keeps the client busy gets no further than the deadline."""
        def flood(data):
            def behave(connection, _number):
                connection.greet()
                connection.request()
                drain = threading.Thread(target=connection.until_closed)
                drain.start()
                try:
                    while True:
                        connection.sock.sendall(data * 100)
                finally:
                    drain.join()
            return behave

        for data in (frame(hostile.PING, 0, 0, bytes(8)), frame(hostile.SETTINGS, 0, 0),
                     frame(hostile.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
                     frame(hostile.DATA, 0, 1), frame(0x77, 0, 0, bytes(100))):
            told = self.against(flood(data), timeout=500, attempts=1)
            self.assertIn(told["status"], ("DEADLINE_EXCEEDED", "UNAVAILABLE", "INTERNAL"), told)
            self.assertLess(told["elapsed_ms"], 3000)


class Tls(Both, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        home = HOME / "client"
        cls.certificate, cls.key = certificates.ensure_certificate(home / "server")
        cls.own, cls.own_key = certificates.ensure_certificate(home / "client")

    def context(self, **options):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(options.get("protocols", ["h2"]))
        if options.get("ask"):
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.own)
        return context

    def secure(self, context, **options):
        return self.against(answering(fine), context, scheme="https", host="localhost",
                            attempts=1, **options)

    def test_trusted(self):
        self.expect(self.secure(self.context(), ca=self.certificate), "OK", last="fine")

    def test_wrong_authority(self):
        for options in ({"ca": self.own}, {}):
            self.expect(self.secure(self.context(), **options), "UNAVAILABLE", "not trusted")

    def test_client_certificate(self):
        told = self.secure(self.context(ask=True), ca=self.certificate, certificate=self.own,
                           key=self.own_key)
        self.expect(told, "OK")
        told = self.secure(self.context(ask=True), ca=self.certificate)
        self.expect(told, "UNAVAILABLE", "certificate required")

    def test_server_without_http2(self):
        told = self.secure(self.context(protocols=["http/1.1"]), ca=self.certificate)
        self.expect(told, "UNAVAILABLE", "does not speak HTTP/2")


class Repeater(grpc.GenericRpcHandler):
    """gRPC's own server: gives back messages and metadata as they are."""

    def service(self, details):
        def tell(context):
            sent = [one for one in context.invocation_metadata() if one.key.startswith("x-")]
            context.send_initial_metadata([(key, value) for key, value in sent])
            context.set_trailing_metadata([(key, value) for key, value in sent])

        def unary(request, context):
            tell(context)
            return request

        def stream(requests, context):
            tell(context)
            yield from requests

        name = details.method.rsplit("/", 1)[1]
        if name == "Chat":
            return grpc.stream_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)


class StockServer(Both, unittest.TestCase):
    """Against grpcio, which knows nothing of us."""

    @classmethod
    def setUpClass(cls):
        cls.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8),
                                 compression=grpc.Compression.Gzip)
        cls.server.add_generic_rpc_handlers((Repeater(),))
        cls.port = cls.server.add_insecure_port("127.0.0.1:0")
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop(5).wait()

    def test_metadata_both_ways(self):
        told = self.call(self.port, header=["x-plain:some text"], bytes="x-echo-bin:\u2603 raw")
        self.expect(told, "OK", bytes="\u2603 raw".encode().hex())
        self.assertEqual(told["headers"]["x-plain"], "some text")
        self.assertEqual(told["trailers"]["x-plain"], "some text")

    def test_gzip(self):
        told = self.call(self.port, text="again " * 5000)
        self.expect(told, "OK", last="again " * 5000)
        self.assertEqual(told["headers"]["grpc-encoding"], "gzip")

    def test_stream(self):
        self.expect(self.call(self.port, method="chat", count=100), "OK", received=100)

    def test_patience_with_its_ping_policy(self):
        """It says goodbye to who pings too often; calls go on elsewhere."""
        for _ in range(3):
            self.expect(self.call(self.port, keepalive=20), "OK")


# Each class again, on the loop.
for _each in (Shapes, Restarts, Retries, GoingAway, Liveness, Malformed, Tls, StockServer):
    globals()[f"{_each.__name__}OnLoop"] = type(f"{_each.__name__}OnLoop", (_each,), {"loop": 1})
del _each

if __name__ == "__main__":
    unittest.main()
