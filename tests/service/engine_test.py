"""The engine without the game: transports, protocols, flow control, drain, hostile peers.

Talks bytes to tests/support/echo_server.c, which serves EchoService (tests/support/echo.proto)
on the real engine.
"""

import base64
import gzip
import json
import os
import pathlib
import resource
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

BUILD = pathlib.Path(os.environ["WAYSTONE_TEST_SERVER"]).parent
ECHO_SERVER = BUILD / "tests" / "support" / "echo-server"
SERVICE = "/waystone.testing.v1.EchoService/"
SUPPRESSIONS = pathlib.Path(__file__).parents[1] / "support" / "lsan.supp"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def text_field(text):
    """A message whose field 1 is a string."""
    data = text.encode()
    length, size = b"", len(data)
    while True:
        length += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return b"\x0a" + length + data


def payload_field(size):
    """A message whose field 2 is bytes that tell where they stand."""
    data = b"".join(struct.pack(">I", i) for i in range(size // 4))
    length, size = b"", len(data)
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return b"\x12" + length + bytes([size]) + data


def varint_field(number, value):
    return bytes([number << 3]) + (bytes([value]) if value < 128 else
                                   bytes([value & 0x7F | 0x80, value >> 7]))


def envelope(message, flags=0):
    return bytes([flags]) + struct.pack(">I", len(message)) + message


def envelopes(data):
    found = []
    while data:
        flags, size = data[0], struct.unpack(">I", data[1:5])[0]
        found.append((flags, data[5:5 + size]))
        data = data[5 + size:]
    return found


class EchoServer:
    def __init__(self, *arguments, descriptors=None, command=(ECHO_SERVER,)):
        def limit_descriptors():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.port = free_port()
        self.log = tempfile.TemporaryFile()
        self.said = ""
        env = dict(os.environ, LSAN_OPTIONS=f"suppressions={SUPPRESSIONS}:print_suppressions=0")
        self.child = subprocess.Popen([*command, str(self.port), *arguments], env=env,
                                      stderr=self.log, stdin=subprocess.DEVNULL,
                                      preexec_fn=limit_descriptors)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the echo server does not listen:\n{self.read_log()}")

    def read_log(self):
        if not self.log.closed:
            self.log.seek(0)
            self.said = self.log.read().decode(errors="replace")
        return self.said

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            code = self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            code = "none: it did not end after SIGTERM"
        log = self.read_log()
        self.log.close()
        assert code == 0 and "Sanitizer" not in log and "runtime error" not in log, \
            f"exit code {code}\n{log[-6000:]}"

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 10)


def read_all(sock):
    data = b""
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            return data
        if not piece:
            return data
        data += piece


def read_answer(sock):
    """One HTTP/1.1 answer: (status, headers, body); leaves what follows unread."""
    stream = sock.makefile("rb")
    status = int(stream.readline().split()[1])
    headers = {}
    for line in iter(stream.readline, b"\r\n"):
        name, value = line.decode().split(":", 1)
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    return status, headers, body


def h1_request(path, body=b"", content_type="application/proto", extra=""):
    return (f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\n{extra}"
            f"content-length: {len(body)}\r\n\r\n").encode() + body


class H2:
    """A client that shows every frame."""

    def __init__(self, sock):
        self.sock = sock
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8",
                                           validate_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config=config)
        # The library takes any GOAWAY for the end; open streams go on behind one.
        machine = self.h2.state_machine
        still_open = h2.connection.ConnectionState.CLIENT_OPEN
        machine._transitions = {
            **machine._transitions,
            (still_open, h2.connection.ConnectionInputs.RECV_GOAWAY): (None, still_open)}
        self.h2.initiate_connection()
        self.bodies, self.headers, self.trailers = {}, {}, {}
        self.ended, self.resets = set(), {}
        self.goaway = None
        self.closed = False
        self.credit = True
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def pump(self, timeout_s=10):
        self.sock.settimeout(timeout_s)
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            self.note(event)
        self.flush()

    def note(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.ResponseReceived):
            self.headers[stream] = dict(event.headers)
        elif isinstance(event, h2.events.TrailersReceived):
            self.trailers[stream] = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[stream] = self.bodies.get(stream, b"") + event.data
            if self.credit:
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(stream)
        elif isinstance(event, h2.events.StreamReset):
            self.resets[stream] = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event

    def open(self, path, content_type="application/grpc", end=False, **headers):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", "POST"), (":path", path), (":scheme", "http"),
                  (":authority", "x"), ("content-type", content_type), ("te", "trailers")]
        fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.h2.send_headers(stream, fields, end_stream=end)
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        while data:
            window = min(self.h2.local_flow_control_window(stream), 16384)
            if window == 0:
                self.pump()
                continue
            self.h2.send_data(stream, data[:window])
            data = data[window:]
            self.flush()
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def until(self, condition, timeout_s=20):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "nothing happened in time"
            if self.closed:
                raise AssertionError("the connection was closed")
            self.pump(max(0.01, deadline - time.monotonic()))

    def finish(self, stream):
        self.until(lambda: stream in self.ended or stream in self.resets)

    def call(self, method, *messages, **headers):
        """A gRPC call: (status, message, answers)."""
        stream = self.open(SERVICE + method, **headers)
        self.send(stream, b"".join(map(envelope, messages)), end=True)
        self.finish(stream)
        tail = {**self.headers.get(stream, {}), **self.trailers.get(stream, {})}
        answers = [data for _, data in envelopes(self.bodies.get(stream, b""))]
        return int(tail.get("grpc-status", -1)), tail.get("grpc-message", ""), answers


class EngineCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def h2(self):
        client = H2(self.server.connect())
        self.addCleanup(client.sock.close)
        return client

    def h1(self, data):
        sock = self.server.connect()
        self.addCleanup(sock.close)
        sock.sendall(data)
        return sock

    def assert_alive(self):
        """A well-behaved client is served."""
        self.assertEqual(self.h2().call("Echo", text_field("alive")),
                         (0, "", [text_field("alive")]))


class Grpc(EngineCase):
    def test_unary(self):
        client = self.h2()
        self.assertEqual(client.call("Echo", text_field("hello")), (0, "", [text_field("hello")]))
        self.assertEqual(client.headers[1]["x-echo-header"], "head")
        self.assertEqual(client.trailers[1]["x-echo-trailer"], "tail")

    def test_empty_message(self):
        self.assertEqual(self.h2().call("Echo", b""), (0, "", [b""]))

    def test_four_megabytes_both_ways(self):
        text = "x" * (4 * 1024 * 1024 - 10)
        status, _, answers = self.h2().call("Echo", text_field(text))
        self.assertEqual((status, len(answers[0])), (0, len(text_field(text))))

    def test_large_bytes_come_back_as_they_were(self):
        for size in (8188, 8192, 16384, 65536, 262144, 4_000_000):
            message = text_field("with text") + payload_field(size)
            with self.subTest(size):
                status, _, answers = self.h2().call("Echo", message)
                self.assertEqual(status, 0)
                self.assertTrue(answers == [message])

    def test_large_and_small_answers_on_one_connection(self):
        client = self.h2()
        messages = {}
        for size in (1_000_000, 100, 300_000, 3_000_000, 10, 20_000):
            stream = client.open(SERVICE + "Echo")
            messages[stream] = envelope(payload_field(size) if size > 9000 else
                                        text_field("s" * size))
            client.send(stream, messages[stream], end=True)
        for stream, message in messages.items():
            client.finish(stream)
            self.assertEqual(client.trailers[stream]["grpc-status"], "0")
            self.assertTrue(client.bodies[stream] == message)

    def test_large_answers_nobody_takes(self):
        """What is not written yet goes with its stream, or with its connection."""
        for reset in (True, False):
            client = self.h2()
            client.credit = False
            streams = []
            for _ in range(3):
                streams.append(client.open(SERVICE + "Echo"))
                client.send(streams[-1], envelope(payload_field(2_000_000)), end=True)
            client.until(lambda: sum(map(len, client.bodies.values())) >= 65535)
            if reset:
                for stream in streams[:2]:
                    client.h2.reset_stream(stream)
                client.credit = True
                client.h2.increment_flow_control_window(16_000_000)
                client.h2.increment_flow_control_window(16_000_000, streams[2])
                client.flush()
                client.finish(streams[2])
                self.assertTrue(client.bodies[streams[2]] == envelope(payload_field(2_000_000)))
            client.sock.close()
            self.assert_alive()

    def test_server_stream(self):
        status, _, answers = self.h2().call("EchoMany", text_field("m") + varint_field(2, 100))
        self.assertEqual((status, len(answers)), (0, 100))
        self.assertEqual(answers[99], text_field("m") + varint_field(2, 99))

    def test_server_stream_ends_with_status(self):
        status, message, answers = self.h2().call(
            "EchoMany", text_field("m") + varint_field(2, 2) + varint_field(4, 9))
        self.assertEqual((status, message, len(answers)), (9, "asked to fail", 2))

    def test_client_stream(self):
        status, _, answers = self.h2().call("Collect", *(text_field(c) for c in "abc"))
        self.assertEqual((status, answers), (0, [varint_field(1, 3) + b"\x12\x03abc"]))

    def test_client_stream_without_messages(self):
        self.assertEqual(self.h2().call("Collect"), (0, "", [b""]))

    def test_bidi_answers_each_message_before_the_next(self):
        client = self.h2()
        stream = client.open(SERVICE + "Chat")
        for i in range(20):
            client.send(stream, envelope(text_field(f"line {i}")))
            client.until(lambda i=i: len(envelopes(client.bodies.get(stream, b""))) == i + 1)
        client.send(stream, b"", end=True)
        client.finish(stream)
        self.assertEqual(client.trailers[stream]["grpc-status"], "0")

    def test_many_calls_on_one_connection(self):
        client = self.h2()
        streams = [client.open(SERVICE + "Echo") for _ in range(100)]
        for number, stream in enumerate(streams):
            client.send(stream, envelope(text_field(str(number))), end=True)
        for number, stream in enumerate(streams):
            client.finish(stream)
            self.assertEqual(client.bodies[stream], envelope(text_field(str(number))))

    def test_messages_larger_than_the_window_in_a_stream(self):
        client = self.h2()
        stream = client.open(SERVICE + "Chat")
        client.send(stream, envelope(text_field("y" * 1_000_000)) * 3, end=True)
        client.finish(stream)
        self.assertEqual(len(envelopes(client.bodies[stream])), 3)

    def test_errors_carry_code_and_message(self):
        client = self.h2()
        self.assertEqual(client.call("Fail", varint_field(1, 5) + b"\x12\x07g\xc3\xb6n e!"),
                         (5, "g%C3%B6n e!", []))
        self.assertIn("x-request-id", client.headers[1])

    def test_unknown_and_unwritten_methods(self):
        self.assertEqual(self.h2().call("Nothing", b"")[0], 12)
        self.assertEqual(self.h2().call("Unwritten", b"")[0], 12)

    def test_broken_rule_names_the_field(self):
        client = self.h2()
        status, message, _ = client.call("Echo", varint_field(3, 101))
        self.assertEqual(status, 3)
        self.assertIn("limited", message)
        details = client.headers[1]["grpc-status-details-bin"]
        self.assertIn(b"google.rpc.BadRequest", base64.b64decode(details + "=="))

    def test_deadline(self):
        started = time.monotonic()
        status, _, _ = self.h2().call("Sleep", varint_field(1, 10000), grpc_timeout="100m")
        self.assertEqual(status, 4)
        self.assertLess(time.monotonic() - started, 5)

    def test_malformed_timeout(self):
        self.assertEqual(self.h2().call("Echo", b"", grpc_timeout="soon")[0], 3)

    def test_cancelled_call_leaves_nothing(self):
        client = self.h2()
        stream = client.open(SERVICE + "Sleep")
        client.send(stream, envelope(varint_field(1, 10000)), end=True)
        client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        client.flush()
        self.assertEqual(client.call("Echo", text_field("after"))[0], 0)

    def test_malformed_requests(self):
        bad = {
            "a message cut short": (envelope(text_field("abc"))[:-1], 3),
            "a varint without end": (envelope(b"\x08" + b"\xff" * 11), 3),
            "bad UTF-8": (envelope(b"\x0a\x02\xff\xfe"), 3),
            "an unannounced compression": (envelope(b"", 1), 13),
            "too large": (b"\x00\x7f\xff\xff\xff", 8),
            "two messages": (envelope(b"") * 2, 12),
            "nothing": (b"", 12),
        }
        for name, (body, expected) in bad.items():
            with self.subTest(name):
                client = self.h2()
                stream = client.open(SERVICE + "Echo")
                client.send(stream, body, end=True)
                client.finish(stream)
                tail = {**client.headers.get(stream, {}), **client.trailers.get(stream, {})}
                self.assertEqual(int(tail["grpc-status"]), expected)
                self.assertTrue(tail["grpc-message"])

    def test_unknown_compression(self):
        self.assertEqual(self.h2().call("Echo", b"", grpc_encoding="zip")[0], 12)

    def test_slow_reader_holds_the_server_back(self):
        client = self.h2()
        client.credit = False
        stream = client.open(SERVICE + "EchoMany")
        request = text_field("z" * 10000) + b"\x10" + b"\xe8\x07"  # 1,000 times
        client.send(stream, envelope(request), end=True)
        client.until(lambda: len(client.bodies.get(stream, b"")) >= 65535)
        self.assertEqual(len(client.bodies[stream]), 65535, "no more than the window")
        client.credit = True
        client.h2.acknowledge_received_data(65535, stream)
        client.flush()
        client.finish(stream)
        self.assertEqual(len(envelopes(client.bodies[stream])), 1000)


class GrpcWeb(EngineCase):
    def call(self, content_type, body):
        return read_answer(self.h1(h1_request(SERVICE + "Echo", body, content_type)))

    def test_binary(self):
        status, headers, body = self.call("application/grpc-web+proto",
                                          envelope(text_field("web")))
        self.assertEqual((status, headers["content-type"]), (200, "application/grpc-web+proto"))
        frames = envelopes(body)
        self.assertEqual(frames[0], (0, text_field("web")))
        self.assertEqual(frames[1][0], 0x80)
        self.assertIn(b"grpc-status: 0\r\n", frames[1][1])

    def test_text(self):
        status, headers, body = self.call("application/grpc-web-text",
                                          base64.b64encode(envelope(text_field("text"))))
        self.assertEqual((status, headers["content-type"]), (200, "application/grpc-web-text"))
        decoded = b""
        for start in range(0, len(body), 4):
            decoded += base64.b64decode(body[start:start + 4])
        self.assertEqual(envelopes(decoded)[0], (0, text_field("text")))

    def test_text_that_is_no_base64(self):
        _, _, body = self.call("application/grpc-web-text", b"!!!!!!!!")
        decoded = b"".join(base64.b64decode(body[i:i + 4]) for i in range(0, len(body), 4))
        self.assertIn(b"grpc-status: 3", decoded)


class Connect(EngineCase):
    def test_unary_binary(self):
        status, headers, body = read_answer(self.h1(h1_request(SERVICE + "Echo",
                                                               text_field("c"))))
        self.assertEqual((status, body), (200, text_field("c")))
        self.assertEqual(headers["content-type"], "application/proto")
        self.assertEqual(headers["trailer-x-echo-trailer"], "tail")

    def test_large_bytes(self):
        message = text_field("with text") + payload_field(3_000_000)
        for body in (h1_request(SERVICE + "Echo", message),
                     h1_request(SERVICE + "Echo", envelope(message), "application/grpc-web")):
            sock = self.h1(body * 2)  # the second answer is behind the first
            for _ in range(2):
                status, _, body = read_answer(sock)
                self.assertEqual(status, 200)
                self.assertTrue(message in body)

    def test_unary_json(self):
        status, _, body = read_answer(self.h1(h1_request(
            SERVICE + "Echo", b'{"text": "gr\xc3\xbc\xc3\x9fe", "unknown": [1]}',
            "application/json; charset=utf-8")))
        self.assertEqual((status, json.loads(body)), (200, {"text": "grüße"}))

    def test_json_errors_name_the_field(self):
        for body in (b'{"text": 5}', b"{", b"", b'{"limited": "many"}', b"[]", b"{} {}"):
            with self.subTest(body):
                status, headers, answer = read_answer(self.h1(h1_request(
                    SERVICE + "Echo", body, "application/json")))
                self.assertEqual((status, headers["content-type"]), (400, "application/json"))
                self.assertEqual(json.loads(answer)["code"], "invalid_argument")
                if b"text" in body:
                    self.assertIn("text", json.loads(answer)["message"])

    def test_error_is_json_with_its_http_status(self):
        status, headers, body = read_answer(self.h1(h1_request(
            SERVICE + "Fail", varint_field(1, 5) + b"\x12\x04gone")))
        self.assertEqual((status, headers["content-type"]), (404, "application/json"))
        self.assertEqual(json.loads(body), {"code": "not_found", "message": "gone"})

    def test_get(self):
        query = "?connect=v1&encoding=json&message=%7B%22text%22%3A%22got%22%7D"
        request = f"GET {SERVICE}EchoGet{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
        status, _, body = read_answer(self.h1(request))
        self.assertEqual((status, json.loads(body)), (200, {"text": "got"}))

    def test_get_with_base64(self):
        message = base64.urlsafe_b64encode(text_field("b64")).decode().rstrip("=")
        request = (f"GET {SERVICE}EchoGet?base64=1&encoding=proto&message={message} HTTP/1.1\r\n"
                   "host: x\r\n\r\n").encode()
        self.assertEqual(read_answer(self.h1(request))[2], text_field("b64"))

    def test_get_of_a_method_with_effects(self):
        request = f"GET {SERVICE}Echo?encoding=json&message=%7B%7D HTTP/1.1\r\nhost: x\r\n\r\n"
        status, headers, _ = read_answer(self.h1(request.encode()))
        self.assertEqual((status, headers["allow"]), (405, "POST"))

    def test_stream(self):
        request = envelope(text_field("s") + varint_field(2, 3))
        status, headers, body = read_answer(self.h1(h1_request(
            SERVICE + "EchoMany", request, "application/connect+proto")))
        self.assertEqual((status, headers["content-type"]), (200, "application/connect+proto"))
        frames = envelopes(body)
        self.assertEqual([flags for flags, _ in frames], [0, 0, 0, 2])
        self.assertEqual(json.loads(frames[3][1]), {})

    def test_half_duplex_bidi_over_http1(self):
        body = b"".join(envelope(text_field(c)) for c in "ab")
        _, _, answer = read_answer(self.h1(h1_request(SERVICE + "Chat", body,
                                                      "application/connect+proto")))
        self.assertEqual([data for flags, data in envelopes(answer) if flags == 0],
                         [text_field("a"), text_field("b")])

    def test_stream_error(self):
        request = envelope(text_field("s") + varint_field(2, 1) + varint_field(4, 8))
        _, _, body = read_answer(self.h1(h1_request(SERVICE + "EchoMany", request,
                                                    "application/connect+proto")))
        self.assertEqual(json.loads(envelopes(body)[-1][1])["error"]["code"],
                         "resource_exhausted")

    def test_what_no_protocol_can_answer(self):
        cases = {
            "wrong method": (f"PUT {SERVICE}Echo HTTP/1.1\r\nhost: x\r\n\r\n".encode(), 405),
            "wrong content type": (h1_request(SERVICE + "Echo", b"x", "text/html"), 415),
            "unary stream": (h1_request(SERVICE + "Chat", b"", "application/proto"), 415),
            "gRPC over HTTP/1.1": (h1_request(SERVICE + "Echo", b"", "application/grpc"), 505),
            "wrong version": (h1_request(SERVICE + "Echo", b"", extra="connect-protocol-version: 2\r\n"), 400),
            "bad timeout": (h1_request(SERVICE + "Echo", b"", extra="connect-timeout-ms: -1\r\n"), 400),
            "compression": (h1_request(SERVICE + "Echo", b"", extra="content-encoding: zip\r\n"), 501),
            "no such method": (h1_request(SERVICE + "Nothing", b""), 404),
            "no such service": (h1_request("/none.v1.NoService/Do", b""), 404),
        }
        for name, (request, expected) in cases.items():
            with self.subTest(name):
                self.assertEqual(read_answer(self.h1(request))[0], expected)

    def test_deadline(self):
        status, _, body = read_answer(self.h1(h1_request(
            SERVICE + "Sleep", varint_field(1, 10000), extra="connect-timeout-ms: 50\r\n")))
        self.assertEqual((status, json.loads(body)["code"]), (504, "deadline_exceeded"))


LONG = "all work and no play " * 200


class Compression(EngineCase):
    """gzip in both directions of every protocol; zstd and brotli differ only in the codec."""

    def test_grpc_unary(self):
        client = self.h2()
        stream = client.open(SERVICE + "Echo", grpc_encoding="gzip",
                             grpc_accept_encoding="identity,gzip")
        client.send(stream, envelope(gzip.compress(text_field(LONG)), 1), end=True)
        client.finish(stream)
        self.assertEqual(client.headers[stream]["grpc-encoding"], "gzip")
        flags, data = envelopes(client.bodies[stream])[0]
        self.assertEqual((flags, gzip.decompress(data)), (1, text_field(LONG)))
        self.assertEqual(client.trailers[stream]["grpc-status"], "0")

    def test_small_answers_stay_as_they_are(self):
        client = self.h2()
        stream = client.open(SERVICE + "Echo", grpc_accept_encoding="gzip")
        client.send(stream, envelope(text_field("short")), end=True)
        client.finish(stream)
        self.assertNotIn("grpc-encoding", client.headers[stream])
        self.assertEqual(envelopes(client.bodies[stream]), [(0, text_field("short"))])

    def test_grpc_stream_mixes_both(self):
        client = self.h2()
        stream = client.open(SERVICE + "Chat", grpc_encoding="gzip", grpc_accept_encoding="gzip")
        for message in (envelope(text_field("plain")),
                        envelope(gzip.compress(text_field(LONG)), 1), envelope(b"", 1)):
            client.send(stream, message)
        client.send(stream, b"", end=True)
        client.finish(stream)
        frames = envelopes(client.bodies[stream])
        self.assertEqual([flags for flags, _ in frames], [0, 1, 0])
        self.assertEqual(gzip.decompress(frames[1][1]), text_field(LONG))

    def test_what_claims_to_be_gzip(self):
        bomb = gzip.compress(text_field("0" * 20_000_000))
        self.assertLess(len(bomb), 100_000)
        cases = {"garbage": (b"not gzip", 3), "bomb": (bomb, 8),
                 "cut short": (gzip.compress(text_field(LONG))[:-4], 3),
                 "two members": (gzip.compress(b"") * 2, 3)}
        for name, (data, expected) in cases.items():
            with self.subTest(name):
                client = self.h2()
                stream = client.open(SERVICE + "Echo", grpc_encoding="gzip")
                client.send(stream, envelope(data, 1), end=True)
                client.finish(stream)
                self.assertEqual(client.headers[stream]["grpc-status"], str(expected))
        self.assert_alive()

    def test_unknown_compression_names_the_known(self):
        client = self.h2()
        self.assertEqual(client.call("Echo", b"", grpc_encoding="zip")[0], 12)
        self.assertEqual(client.headers[1]["grpc-accept-encoding"], "zstd,gzip,br")

    def test_connect_unary(self):
        status, headers, body = read_answer(self.h1(h1_request(
            SERVICE + "Echo", gzip.compress(json.dumps({"text": LONG}).encode()),
            "application/json", "content-encoding: gzip\r\naccept-encoding: gzip, deflate\r\n")))
        self.assertEqual((status, headers["content-encoding"]), (200, "gzip"))
        self.assertEqual(json.loads(gzip.decompress(body)), {"text": LONG})

    def test_connect_get(self):
        message = base64.urlsafe_b64encode(gzip.compress(text_field(LONG))).decode().rstrip("=")
        request = (f"GET {SERVICE}EchoGet?base64=1&compression=gzip&connect=v1&encoding=proto"
                   f"&message={message} HTTP/1.1\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n")
        status, headers, body = read_answer(self.h1(request.encode()))
        self.assertEqual((status, headers["content-encoding"]), (200, "gzip"))
        self.assertEqual(gzip.decompress(body), text_field(LONG))

    def test_connect_stream(self):
        body = envelope(gzip.compress(text_field(LONG)), 1)
        _, headers, answer = read_answer(self.h1(h1_request(
            SERVICE + "Chat", body, "application/connect+proto",
            "connect-content-encoding: gzip\r\nconnect-accept-encoding: gzip\r\n")))
        self.assertEqual(headers["connect-content-encoding"], "gzip")
        frames = envelopes(answer)
        self.assertEqual([flags for flags, _ in frames], [1, 2])
        self.assertEqual(gzip.decompress(frames[0][1]), text_field(LONG))

    def test_grpc_web(self):
        _, headers, answer = read_answer(self.h1(h1_request(
            SERVICE + "Echo", envelope(gzip.compress(text_field(LONG)), 1), "application/grpc-web",
            "grpc-encoding: gzip\r\ngrpc-accept-encoding: gzip\r\n")))
        self.assertEqual(headers["grpc-encoding"], "gzip")
        self.assertEqual(gzip.decompress(envelopes(answer)[0][1]), text_field(LONG))


class Http1(EngineCase):
    def test_last_chunk_behind_a_full_window(self):
        """The message is whole before the request has ended: the end has to be read all the same."""
        body = envelope(text_field("w" * 200_000))
        for content_type in ("application/grpc-web", "application/connect+proto"):
            with self.subTest(content_type):
                method = "Echo" if "grpc" in content_type else "EchoMany"
                sock = self.h1((f"POST {SERVICE}{method} HTTP/1.1\r\nhost: x\r\ncontent-type: "
                                f"{content_type}\r\ntransfer-encoding: chunked\r\n\r\n").encode())
                sock.sendall(b"%x\r\n%s\r\n" % (len(body), body))
                sock.sendall(b"0\r\n\r\n")
                self.assertEqual(read_answer(sock)[0], 200)

    def test_early_answer_arrives_while_the_client_still_sends(self):
        sock = self.h1(f"POST {SERVICE}Echo HTTP/1.1\r\nhost: x\r\ncontent-type: "
                       "application/grpc-web\r\ncontent-length: 4000000\r\n\r\n".encode())
        sock.sendall(b"\0\xff\xff\xff\xff")
        sock.sendall(b"y" * 3_000_000)
        status, headers, body = read_answer(sock)
        self.assertEqual((status, headers["connection"]), (200, "close"))
        self.assertIn(b"grpc-status: 8", body)
        self.assertEqual(sock.recv(1), b"")

    def test_keep_alive_and_pipelining(self):
        sock = self.h1(h1_request(SERVICE + "Echo", text_field("1")) +
                       h1_request(SERVICE + "Echo", text_field("2"),
                                  extra="connection: close\r\n"))
        data = read_all(sock)
        self.assertEqual(data.count(b"HTTP/1.1 200"), 2)
        self.assertLess(data.index(text_field("1")), data.index(text_field("2")))

    def test_chunked_body_byte_by_byte(self):
        body = text_field("chunky")
        sock = self.h1(f"POST {SERVICE}Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto"
                       "\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        for byte in body:
            sock.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
        sock.sendall(b"0\r\n\r\n")
        self.assertEqual(read_answer(sock)[2], body)

    def test_expect_continue(self):
        sock = self.h1(h1_request(SERVICE + "Echo", text_field("x"),
                                  extra="expect: 100-continue\r\n"))
        self.assertTrue(sock.recv(65536).startswith(b"HTTP/1.1 100 "))

    def test_smuggling_is_refused(self):
        head = f"POST {SERVICE}Echo HTTP/1.1\r\n"
        plain = "content-type: application/proto\r\n"
        cases = {
            "both framings": head + "host: x\r\n" + plain + "content-length: 3\r\n"
                             "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "two lengths": head + "host: x\r\n" + plain + "content-length: 3\r\n"
                           "content-length: 4\r\n\r\nabcd",
            "signed length": head + "host: x\r\n" + plain + "content-length: +3\r\n\r\nabc",
            "bare LF": head.replace("\r\n", "\n") + "host: x\r\n" + plain + "\r\n",
            "no host": head + plain + "content-length: 0\r\n\r\n",
            "two hosts": head + "host: x\r\nhost: y\r\n" + plain + "content-length: 0\r\n\r\n",
            "space before colon": head + "host : x\r\n" + plain + "\r\n",
            "continued line": head + "host: x\r\n" + plain + " more\r\ncontent-length: 0\r\n\r\n",
            "absolute target": f"GET http://y{SERVICE}Echo HTTP/1.1\r\nhost: x\r\n\r\n",
            "NUL": head + "host: x\0y\r\n" + plain + "\r\n",
            "no HTTP": "HELO there\r\n\r\n",
        }
        for name, request in cases.items():
            with self.subTest(name):
                sock = self.h1(request.encode())
                data = read_all(sock)
                self.assertRegex(data, rb"^HTTP/1.1 (400|501) ")
                self.assertEqual(data.count(b"HTTP/1.1"), 1)

    def test_bad_chunks_are_refused(self):
        head = (f"POST {SERVICE}Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto\r\n"
                "transfer-encoding: chunked\r\n\r\n")
        for chunk in ("x\r\n", "-1\r\n", "1\nA\r\n0\r\n\r\n", "ffffffffff\r\n", "1\r\nAB\r\n",
                      "0x1\r\nA\r\n", " 1\r\nA\r\n"):
            with self.subTest(chunk):
                self.assertTrue(read_all(self.h1((head + chunk).encode()))
                                .startswith(b"HTTP/1.1 400"))

    def test_head_too_large(self):
        request = f"GET / HTTP/1.1\r\nhost: x\r\nx: {'y' * 40000}\r\n\r\n".encode()
        self.assertRegex(read_all(self.h1(request)), rb"^HTTP/1.1 431 ")

    def test_body_too_large(self):
        sock = self.h1(f"POST {SERVICE}Echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/proto"
                       "\r\ncontent-length: 9000000\r\n\r\n".encode())
        try:
            sock.sendall(b"x" * 9000000)
        except (ConnectionResetError, BrokenPipeError):
            pass
        self.assert_alive()

    def test_vanishing_clients(self):
        for request in (h1_request(SERVICE + "Sleep", varint_field(1, 5000)),
                        h1_request(SERVICE + "Echo", b"x" * 100)[:-50],
                        b"POST /wayst", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"PR", b"\x16\x03"):
            self.h1(request).close()
        self.assert_alive()

    def test_not_found_and_cors(self):
        status, headers, _ = read_answer(self.h1(b"GET /nothing.txt HTTP/1.1\r\nhost: x\r\n\r\n"))
        self.assertEqual(status, 404)
        self.assertIn("default-src 'self'", headers["content-security-policy"])
        preflight = (f"OPTIONS {SERVICE}Echo HTTP/1.1\r\nhost: x\r\norigin: %s\r\n"
                     "access-control-request-method: POST\r\n\r\n")
        _, headers, _ = read_answer(self.h1((preflight % "https://allowed.example").encode()))
        self.assertEqual(headers["access-control-allow-origin"], "https://allowed.example")
        _, headers, _ = read_answer(self.h1((preflight % "https://evil.example").encode()))
        self.assertNotIn("access-control-allow-origin", headers)


class Hostile(EngineCase):
    """Floods are cut off; well-behaved clients notice nothing."""

    PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
            struct.pack(">I", stream) + payload

    def assert_cut_off(self, frames, seconds=5):
        """The server closes the connection while, or soon after, it is flooded."""
        sock = self.server.connect()
        self.addCleanup(sock.close)
        sock.sendall(self.PREFACE)
        started = time.monotonic()
        try:
            for data in frames:
                sock.sendall(data)
                sock.setblocking(False)
                try:
                    while sock.recv(65536):
                        pass
                    break
                except BlockingIOError:
                    pass
                sock.setblocking(True)
            sock.settimeout(seconds)
            read_all(sock)
        except (ConnectionResetError, BrokenPipeError):
            pass
        self.assertLess(time.monotonic() - started, seconds)
        self.assert_alive()

    def headers(self, stream, end=False):
        """HPACK without indexing, for a POST of Echo."""
        block = b"\x83\x86" + b"\x04" + bytes([len(SERVICE) + 4]) + (SERVICE + "Echo").encode() + \
            b"\x01\x01x" + b"\x0f\x10\x10application/grpc"
        return self.frame(1, 4 | (1 if end else 0), stream, block)

    def test_rapid_reset(self):
        self.assert_cut_off(self.headers(2 * i + 1) + self.frame(3, 0, 2 * i + 1, b"\0\0\0\x08")
                            for i in range(20000))

    def test_made_you_reset(self):
        bad_window = struct.pack(">I", 0)
        self.assert_cut_off(self.headers(2 * i + 1) + self.frame(8, 0, 2 * i + 1, bad_window)
                            for i in range(20000))

    def test_ping_flood(self):
        self.assert_cut_off(self.frame(6, 0, 0, b"12345678") * 100 for _ in range(1000))

    def test_settings_flood(self):
        self.assert_cut_off(self.frame(4, 0, 0) * 100 for _ in range(1000))

    def test_priority_flood(self):
        self.assert_cut_off(self.frame(2, 0, 1, b"\0\0\0\0\x10") * 100 for _ in range(1000))

    def test_empty_data_flood(self):
        def frames():
            yield self.headers(1)
            for _ in range(1000):
                yield self.frame(0, 0, 1) * 100
        self.assert_cut_off(frames())

    def test_window_update_flood(self):
        self.assert_cut_off(self.frame(8, 0, 0, b"\0\0\0\x01") * 100 for _ in range(1000))

    def test_continuation_flood(self):
        def frames():
            yield self.frame(1, 0, 1, b"\x82")
            for _ in range(10000):
                yield self.frame(9, 0, 1, b"\x00\x01a\x01b" * 100)
        self.assert_cut_off(frames())

    def test_garbage_after_the_preface(self):
        self.assert_cut_off([b"\xff" * 100000])

    def test_too_many_headers(self):
        client = self.h2()
        stream = client.h2.get_next_available_stream_id()
        fields = [(":method", "POST"), (":path", SERVICE + "Echo"), (":scheme", "http"),
                  (":authority", "x")] + [(f"x-{i}", "y") for i in range(200)]
        client.h2.send_headers(stream, fields, end_stream=True)
        client.flush()
        client.finish(stream)
        self.assertEqual(client.headers[stream][":status"], "431")


class Drain(unittest.TestCase):
    def test_open_calls_finish_and_new_ones_are_refused(self):
        server = EchoServer()
        client = H2(server.connect())
        stream = client.open(SERVICE + "Sleep")
        client.send(stream, envelope(varint_field(1, 800)), end=True)
        self.assertEqual(client.call("Echo", text_field("before"))[0], 0)
        server.child.send_signal(signal.SIGTERM)
        client.until(lambda: client.goaway is not None)
        client.finish(stream)
        self.assertEqual(client.trailers[stream]["grpc-status"], "0")
        with self.assertRaises(OSError):
            server.connect()
        client.sock.close()
        server.stop()

    def test_streams_are_told_to_go_elsewhere(self):
        server = EchoServer()
        client = H2(server.connect())
        stream = client.open(SERVICE + "Chat")
        client.send(stream, envelope(text_field("x")))
        client.until(lambda: stream in client.bodies)
        server.child.send_signal(signal.SIGTERM)
        client.finish(stream)
        self.assertEqual(client.trailers[stream]["grpc-status"], "14")
        client.sock.close()
        server.stop()

    def test_the_bound_ends_what_does_not_end(self):
        server = EchoServer()
        client = H2(server.connect())
        stream = client.open(SERVICE + "Sleep")
        client.send(stream, envelope(varint_field(1, 16000)), end=True)
        self.assertEqual(client.call("Echo", text_field("before"))[0], 0)
        started = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - started, 10)
        client.sock.close()


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificate = f"{cls.folder.name}/cert.pem"
        key = f"{cls.folder.name}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                        cls.certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True,
                       capture_output=True)
        cls.server = EchoServer(cls.certificate, key)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def connect(self, *protocols):
        context = ssl.create_default_context(cafile=self.certificate)
        context.set_alpn_protocols(protocols)
        sock = context.wrap_socket(self.server.connect(), server_hostname="localhost")
        self.addCleanup(sock.close)
        return sock

    def test_alpn_chooses_http2(self):
        sock = self.connect("h2", "http/1.1")
        self.assertEqual(sock.selected_alpn_protocol(), "h2")
        self.assertEqual(H2(sock).call("Echo", text_field("tls")), (0, "", [text_field("tls")]))

    def test_four_megabytes(self):
        text = "t" * 4_000_000
        _, _, answers = H2(self.connect("h2")).call("Echo", text_field(text))
        self.assertEqual(len(answers[0]), len(text_field(text)))

    def test_large_bytes(self):
        message = payload_field(4_000_000)
        _, _, answers = H2(self.connect("h2")).call("Echo", message)
        self.assertTrue(answers == [message])
        sock = self.connect("http/1.1")
        sock.sendall(h1_request(SERVICE + "Echo", message))
        self.assertTrue(read_answer(sock)[2] == message)

    def test_http1(self):
        sock = self.connect("http/1.1")
        sock.sendall(h1_request(SERVICE + "Echo", text_field("one")))
        status, _, body = read_answer(sock)
        self.assertEqual((status, body), (200, text_field("one")))

    def test_cleartext_on_the_same_port(self):
        sock = self.server.connect()
        self.addCleanup(sock.close)
        self.assertEqual(H2(sock).call("Echo", text_field("clear"))[0], 0)

    def test_broken_handshakes(self):
        for data in (b"\x16\x03\x01\x00\x05hello", b"\x16" + b"\xff" * 2000, b"\x16"):
            sock = self.server.connect()
            sock.sendall(data)
            sock.close()
        self.test_alpn_chooses_http2()


if __name__ == "__main__":
    unittest.main()
