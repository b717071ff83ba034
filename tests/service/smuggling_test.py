"""Requests that two parsers could understand differently, over HTTP/1.1 (RFC 9112, 11.2), and the
PROXY protocol in front of either version.

What is dubious is refused, once, and the connection ends: no byte behind it is read as a request.
Each case is followed by a request that must not be answered.
"""

import contextlib
import ipaddress
import json
import re
import socket
import ssl
import struct
import subprocess
import unittest

import h2_test
from engine_test import ECHO_SERVER, SERVICE, EchoServer, h1_request, read_all, read_answer, text_field
from h2_wire import Wire
from harness import BINARY, World, eventually

HEAD = f"POST {SERVICE}Echo HTTP/1.1\r\n"
TYPE = "content-type: application/proto\r\n"
NEXT = f"GET {SERVICE}EchoGet?encoding=json&message=%7B%7D HTTP/1.1\r\nhost: x\r\n\r\n"


class Http1(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def answers(self, request):
        """Status lines of all that is answered until the server closes."""
        with self.server.connect() as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(request if isinstance(request, bytes) else request.encode("latin-1"))
                sock.shutdown(socket.SHUT_WR)
            data = read_all(sock)
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]

    def refused(self, cases, *statuses):
        for name, request in cases.items():
            with self.subTest(name):
                found = self.answers(request + NEXT)
                self.assertEqual(len(found), 1, f"{found}: one refusal and nothing else")
                self.assertIn(found[0], statuses or (400, 501))

    def test_the_next_request_is_seen_when_all_is_well(self):
        body = text_field("x")
        self.assertEqual(self.answers(h1_request(SERVICE + "Echo", body) + NEXT.encode()),
                         [200, 200])

    def test_two_ways_to_frame(self):
        chunked = "transfer-encoding: chunked\r\n"
        self.refused({
            "length first": f"{HEAD}host: x\r\n{TYPE}content-length: 5\r\n{chunked}\r\n0\r\n\r\n",
            "length last": f"{HEAD}host: x\r\n{TYPE}{chunked}content-length: 5\r\n\r\n0\r\n\r\n",
            "length 0": f"{HEAD}host: x\r\n{TYPE}content-length: 0\r\n{chunked}\r\n0\r\n\r\n",
            "two encodings": f"{HEAD}host: x\r\n{TYPE}{chunked}{chunked}\r\n0\r\n\r\n",
            "identity as well": f"{HEAD}host: x\r\n{TYPE}{chunked}transfer-encoding: identity\r\n"
                                "\r\n0\r\n\r\n",
            "HTTP/1.0": f"{HEAD.replace('1.1', '1.0')}{TYPE}{chunked}\r\n0\r\n\r\n",
        })

    def test_encodings_that_are_nearly_chunked(self):
        for value in ("xchunked", "chunked, identity", "chunked, chunked", "gzip, chunked",
                      "\x0bchunked", "chunked\x0b", '"chunked"', "chunked;q=1", "", "chunke\x00d"):
            self.refused({repr(value): f"{HEAD}host: x\r\n{TYPE}transfer-encoding: {value}\r\n\r\n"
                                       "0\r\n\r\n"})

    def test_lengths(self):
        for value in ("+3", "-3", "0x3", "3,3", "3, 4", "3 3", "", "３", "1e1", "99999999999999999999",
                      "3\x00", "3;", "3.0"):
            encoded = value.encode("utf-8").decode("latin-1")
            self.refused({repr(value): f"{HEAD}host: x\r\n{TYPE}content-length: {encoded}\r\n\r\n"
                                       "abc"})
        self.refused({"that differ": f"{HEAD}host: x\r\n{TYPE}content-length: 3\r\n"
                                     "content-length: 4\r\n\r\nabcd"})

    def test_lines(self):
        self.refused({
            "bare LF after the request line": HEAD.replace("\r\n", "\n") + f"host: x\r\n{TYPE}\r\n",
            "bare LF after a field": f"{HEAD}host: x\n{TYPE}\r\n",
            "bare LF at the end": f"{HEAD}host: x\r\n{TYPE}\n",
            "bare CR in a value": f"{HEAD}host: x\r\na: b\rc: d\r\n\r\n",
            "bare CR after a field": f"{HEAD}host: x\ra: b\r\n\r\n",
            "two CR": f"{HEAD}host: x\r\r\n{TYPE}\r\n",
            "LF in front": "\n" + f"{HEAD}host: x\r\n{TYPE}\r\n",
            "continued line": f"{HEAD}host: x\r\na: b\r\n c\r\n\r\n",
            "continued by a tab": f"{HEAD}host: x\r\na: b\r\n\tc\r\n\r\n",
            "continued first line": f"{HEAD} host: x\r\n\r\n",
            "space before the colon": f"{HEAD}host: x\r\ncontent-length : 3\r\n\r\nabc",
            "tab before the colon": f"{HEAD}host: x\r\ntransfer-encoding\t: chunked\r\n\r\n",
            "no colon": f"{HEAD}host: x\r\nnothing\r\n\r\n",
            "no name": f"{HEAD}host: x\r\n: nothing\r\n\r\n",
            "a name of two words": f"{HEAD}host: x\r\na b: c\r\n\r\n",
            "NUL": f"{HEAD}host: x\r\na: b\x00c\r\n\r\n",
            "DEL": f"{HEAD}host: x\r\na: b\x7fc\r\n\r\n",
            "a letter that is none": f"{HEAD}host: x\r\ncontent\xadlength: 3\r\n\r\nabc",
        })

    def test_request_lines(self):
        self.refused({
            "two spaces": f"POST  {SERVICE}Echo HTTP/1.1\r\nhost: x\r\n\r\n",
            "a tab": f"POST\t{SERVICE}Echo HTTP/1.1\r\nhost: x\r\n\r\n",
            "a space in the target": f"POST {SERVICE}Echo x HTTP/1.1\r\nhost: x\r\n\r\n",
            "a fragment": f"GET {SERVICE}EchoGet#x HTTP/1.1\r\nhost: x\r\n\r\n",
            "no version": f"GET {SERVICE}Echo\r\nhost: x\r\n\r\n",
            "lower case version": f"GET {SERVICE}Echo http/1.1\r\nhost: x\r\n\r\n",
            "version 2": f"GET {SERVICE}Echo HTTP/2.0\r\nhost: x\r\n\r\n",
            "long version": f"GET {SERVICE}Echo HTTP/1.10\r\nhost: x\r\n\r\n",
            "no method": f" {SERVICE}Echo HTTP/1.1\r\nhost: x\r\n\r\n",
            "a method that is no token": f"P(ST {SERVICE}Echo HTTP/1.1\r\nhost: x\r\n\r\n",
            "UTF-8 in the target": f"GET {SERVICE}Ech\xc3\xb6 HTTP/1.1\r\nhost: x\r\n\r\n",
            "no slash": "GET echo HTTP/1.1\r\nhost: x\r\n\r\n",
            "CONNECT": "CONNECT x:443 HTTP/1.1\r\nhost: x:443\r\n\r\n",
            "CONNECT with a path": "CONNECT http://x/ HTTP/1.1\r\nhost: y\r\n\r\n",
            "asterisk": "GET * HTTP/1.1\r\nhost: x\r\n\r\n",
        })

    def test_hosts(self):
        self.refused({
            "none": f"{HEAD}{TYPE}content-length: 0\r\n\r\n",
            "two": f"{HEAD}host: x\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
            "two in one": f"{HEAD}host: x, y\r\ncontent-length: 0\r\n\r\n",
            "a user": f"{HEAD}host: me@x\r\ncontent-length: 0\r\n\r\n",
            "a path": f"{HEAD}host: x/y\r\ncontent-length: 0\r\n\r\n",
            "a space": f"{HEAD}host: x y\r\ncontent-length: 0\r\n\r\n",
            "another in the target": f"GET http://y{SERVICE}Echo HTTP/1.1\r\nhost: x\r\n\r\n",
            "none in the target": f"GET http://{SERVICE}Echo HTTP/1.1\r\nhost: \r\n\r\n",
            "a user in the target": f"GET http://x@y{SERVICE}Echo HTTP/1.1\r\nhost: y\r\n\r\n",
        })

    def test_absolute_target_of_the_same_host(self):
        body = text_field("absolute")
        request = h1_request(SERVICE + "Echo", body).replace(b"POST ", b"POST http://x")
        self.assertEqual(self.answers(request), [200])

    def test_chunks(self):
        head = f"{HEAD}host: x\r\n{TYPE}transfer-encoding: chunked\r\n\r\n"
        for chunk in ("x\r\n", "-1\r\n", "+1\r\n", "0x1\r\nA\r\n", " 1\r\nA\r\n", "1 \r\nA\r\n",
                      "1\nA\r\n0\r\n\r\n", "1\rA\r\n0\r\n\r\n", "1\r\nAB\r\n0\r\n\r\n",
                      "1\r\nA0\r\n\r\n", "1\r\nA\n0\r\n\r\n", "fffffffff\r\n", "\r\n",
                      "1;a\x00b\r\nA\r\n0\r\n\r\n", "1;a\nb\r\nA\r\n0\r\n\r\n",
                      "1;" + "x" * 300 + "\r\nA\r\n0\r\n\r\n", "1,2\r\nA\r\n0\r\n\r\n",
                      "0\r\nnot a trailer\r\n\r\n", "0\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
                      "0\r\na: b\nc: d\r\n\r\n", "0\r\n" + "a: b\r\n" * 2000 + "\r\n",
                      "0\n\n", "0\r\n\n"):
            self.refused({repr(chunk[:30]): head + chunk}, 400)

    def test_chunks_that_are_well_formed(self):
        head = f"{HEAD}host: x\r\n{TYPE}transfer-encoding: Chunked\r\n\r\n"
        body = text_field("ab").decode()
        self.assertEqual(self.answers(
            head + f'0001;a=b;c="d e"\r\n{body[0]}\r\n3\r\n{body[1:]}\r\n000;x\r\na: b\r\n\r\n' +
            NEXT), [200, 200])

    def test_upgrades_are_ignored(self):
        """No other protocol is spoken behind them."""
        for upgrade in ("h2c", "websocket", "TLS/1.0"):
            request = h1_request(SERVICE + "Echo", text_field("x"), extra=(
                f"connection: upgrade, http2-settings\r\nupgrade: {upgrade}\r\n"
                "http2-settings: AAMAAABkAAQAAP__\r\n"))
            self.assertEqual(self.answers(request + NEXT.encode()), [200, 200])

    def test_too_long(self):
        self.refused({
            "target": f"GET /{'x' * 40000} HTTP/1.1\r\nhost: x\r\n\r\n",
            "method": f"{'X' * 40000} / HTTP/1.1\r\nhost: x\r\n\r\n",
            "name": f"GET / HTTP/1.1\r\nhost: x\r\n{'x' * 40000}: y\r\n\r\n",
            "value": f"GET / HTTP/1.1\r\nhost: x\r\nx: {'y' * 40000}\r\n\r\n",
            "fields": f"GET / HTTP/1.1\r\nhost: x\r\n{'x: y' * 1}\r\n{('x: y' + chr(13) + chr(10)) * 200}\r\n",
            "all together": "GET / HTTP/1.1\r\nhost: x\r\n" + f"x: {'y' * 1000}\r\n" * 40 + "\r\n",
        }, 400, 431)

    def test_a_request_in_the_body_of_a_refused_one(self):
        """What was announced as a body is never a request, whatever was wrong with its head."""
        smuggled = NEXT.encode()
        for head in (h1_request(SERVICE + "Echo", smuggled, "text/html"),
                     h1_request(SERVICE + "Nothing", smuggled, "text/plain"),
                     h1_request("/", smuggled),
                     h1_request(SERVICE + "Echo", smuggled, extra="content-encoding: br2\r\n"),
                     h1_request(SERVICE + "Echo", smuggled)):
            found = self.answers(head)
            self.assertEqual(len(found), 1, f"{head[:60]}: {found}")
            self.assertGreaterEqual(found[0], 400)

    def test_close_in_a_list_closes(self):
        request = h1_request(SERVICE + "Echo", text_field("x"),
                             extra="connection: keep-alive, close\r\n")
        self.assertEqual(self.answers(request + NEXT.encode()), [200])


# --- the PROXY protocol ---

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_header(source="203.0.113.7", command=0x21, family=None, extra=b"", length=None):
    address = ipaddress.ip_address(source)
    other = b"\x01" * len(address.packed)
    rest = address.packed + other + struct.pack(">HH", 40000, 443) + extra
    if family is None:
        family = 0x11 if address.version == 4 else 0x21
    return SIGNATURE + bytes([command, family]) + struct.pack(
        ">H", len(rest) if length is None else length) + rest


class ProxyBase:
    def greeted(self, header, request=h1_request(SERVICE + "Fail", b"\x08\x05")):
        with self.server.connect() as sock:
            with contextlib.suppress(ConnectionError):
                sock.sendall(header + request)
            sock.settimeout(10)
            try:
                return sock.recv(65536)
            except ConnectionResetError:
                return b""


class Proxy(ProxyBase, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer("proxies=10.0.0.0/8 127.0.0.0/8 ::1", "header_ms=500")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_http1_and_its_log(self):
        for source in ("203.0.113.7", "2001:db8::7"):
            with self.subTest(source):
                self.assertTrue(self.greeted(proxy_header(source)).startswith(b"HTTP/1.1 404"))
                self.assertTrue(eventually(lambda source=source: source in self.server.read_log()))

    def test_http2(self):
        sock = self.server.connect()
        sock.sendall(proxy_header())
        wire = Wire(sock)
        self.addCleanup(wire.close)
        wire.expect_alive()

    def test_byte_by_byte(self):
        with self.server.connect() as sock:
            for byte in proxy_header(extra=b"\x05\0\x02id") + \
                    h1_request(SERVICE + "Echo", text_field("x")):
                sock.sendall(bytes([byte]))
            self.assertEqual(read_answer(sock)[0], 200)

    def test_local_and_unknown_keep_the_connections_address(self):
        unspecified = SIGNATURE + b"\x21\x00\x00\x00"
        unix = SIGNATURE + b"\x21\x31" + struct.pack(">H", 216) + b"\0" * 216
        for header in (proxy_header("198.51.100.99", command=0x20), unspecified, unix,
                       SIGNATURE + b"\x20\x00\x00\x00"):
            self.assertTrue(self.greeted(header).startswith(b"HTTP/1.1 404"), header)
        self.assertNotIn("198.51.100.99", self.server.read_log())

    def test_what_is_no_header_is_closed_without_a_word(self):
        for name, header in {
            "none": b"",
            "version 1": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
            "version 3": proxy_header(command=0x31),
            "command 2": proxy_header(command=0x22),
            "UDP": proxy_header(family=0x12),
            "family 4": proxy_header(family=0x41),
            "too short for its family": proxy_header(length=11),
            "too short for IPv6": proxy_header(family=0x21),
            "too long": proxy_header(length=4000, extra=b"\0" * 4000),
            "extensions that do not add up": proxy_header(extra=b"\x05\0\xffid"),
            "half an extension": proxy_header(extra=b"\x05"),
            "another signature": b"\r\n\r\n\0\r\nQUIT\r" + proxy_header()[12:],
            "two headers": proxy_header() + proxy_header(),
        }.items():
            with self.subTest(name):
                found = self.greeted(header)
                if name == "two headers":  # the second is no HTTP
                    self.assertTrue(found.startswith(b"HTTP/1.1 400"), found)
                else:
                    self.assertEqual(found, b"")

    def test_a_header_that_stops_is_bounded(self):
        with self.server.connect() as sock:
            sock.sendall(proxy_header()[:20])
            sock.settimeout(5)
            self.assertEqual(read_all(sock), b"")


class ProxyTls(h2_test.Secure, unittest.TestCase):
    arguments = ("proxies=127.0.0.1",)

    def test_in_front_of_tls(self):
        sock = self.server.connect()
        sock.sendall(proxy_header())
        secure = self.context.wrap_socket(sock, server_hostname="localhost")
        self.addCleanup(secure.close)
        Wire(secure).expect_alive()

    def test_not_inside_of_tls(self):
        with self.server.connect() as sock, self.assertRaises((ssl.SSLError, ConnectionError)):
            self.context.wrap_socket(sock, server_hostname="localhost")


class ProxyUntrusted(ProxyBase, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer("proxies=10.0.0.0/8 127.0.0.2 ::/64")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_nobody_else_may_name_a_client(self):
        self.assertTrue(self.greeted(proxy_header()).startswith(b"HTTP/1.1 400"))
        self.assertTrue(self.greeted(b"").startswith(b"HTTP/1.1 404"))


class ProxyRates(unittest.TestCase):
    """The real server: budgets belong to the client, not to the load balancer."""

    def test_budget_of_an_address(self):
        world = World("proxy", rpc__rate_scale=1)
        self.addCleanup(world.close)
        server = world.add_server(http__proxies="127.0.0.1", start=False)
        server.process.start([str(BINARY), "--config", str(server.config_path)], server.log_path,
                             env=dict(world.env))
        self.assertTrue(eventually(lambda: self.status(server, "203.0.113.1", "/readyz") == 200, 30))
        body = json.dumps({"userName": "nobody", "password": "wrong horse"}).encode()
        answers = []
        for _ in range(200):
            answers.append(self.status(server, "203.0.113.1", body=body))
            if answers[-1] == 429:
                break
        self.assertEqual(answers[-1], 429, "the budget of one address never ended")
        self.assertNotEqual(self.status(server, "203.0.113.2", body=body), 429)

    @staticmethod
    def status(server, source, path="/waystone.auth.v1.AuthService/SignIn", body=b""):
        head = f"POST {path}" if body else f"GET {path}"
        request = (f"{head} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                   f"content-length: {len(body)}\r\nconnection: close\r\n\r\n").encode() + body
        try:
            with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
                sock.sendall(proxy_header(source) + request)
                return int(read_all(sock).split(b" ")[1])
        except (OSError, IndexError):
            return None

    def test_networks_are_checked_at_the_start(self):
        for value in ("nonsense", "10.0.0.0/33", "10.0.0.0/", "::1/129", "127.0.0.1,::1", "10.0.0/8",
                      "10.0.0.0/8x"):
            with self.subTest(value):
                ended = subprocess.run([ECHO_SERVER, "1", f"proxies=10.0.0.1 {value}"],
                                       capture_output=True, text=True, timeout=30, check=False)
                self.assertEqual(ended.returncode, 2)
                self.assertIn(f"http.proxies: '{value}'", ended.stderr)


if __name__ == "__main__":
    unittest.main()
