"""HTTP/2 frame by frame: a client for tests that must be able to break the rules."""

import dataclasses
import socket
import ssl
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 1, 1, 4, 8, 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL = 5, 6, 7, 8
COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 9, 11

SETTING_TABLE, SETTING_PUSH, SETTING_STREAMS, SETTING_WINDOW = 1, 2, 3, 4
SETTING_FRAME, SETTING_HEADERS = 5, 6


def frame(kind, flags, stream, payload=b""):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
            struct.pack(">I", stream) + payload)


def settings(*pairs, flags=0, stream=0):
    return frame(SETTINGS, flags, stream,
                 b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def rst_stream(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def ping(payload=b"12345678", flags=0, stream=0):
    return frame(PING, flags, stream, payload)


def priority(stream, depends_on=0, weight=15, exclusive=False):
    return frame(PRIORITY, 0, stream,
                 struct.pack(">IB", depends_on | (0x80000000 if exclusive else 0), weight))


def goaway(code=NO_ERROR, last=0, debug=b"", stream=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, code) + debug)


def data(stream, payload, end=False):
    return frame(DATA, END_STREAM if end else 0, stream, payload)


@dataclasses.dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def ends(self):
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def code(self):
        """Of RST_STREAM and GOAWAY."""
        return int.from_bytes(self.payload[-4:] if self.kind == RST_STREAM else
                              self.payload[4:8], "big")

    @property
    def debug(self):
        """Of GOAWAY."""
        return self.payload[8:]


class Wire:
    """A connection that sends what it is told and shows what comes."""

    def __init__(self, sock, *pairs, hello=True):
        self.sock = sock
        self.scheme = "https" if isinstance(sock, ssl.SSLSocket) else "http"
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.received = b""
        self.closed = False
        self.seen = []
        if hello:
            self.send(PREFACE, settings(*pairs))
            self.expect(lambda f: f.kind == SETTINGS and not f.flags & ACK, "SETTINGS")
            self.send(settings(flags=ACK))
            self.expect(lambda f: f.kind == SETTINGS and f.flags & ACK, "the ACK of SETTINGS")

    def close(self):
        self.sock.close()

    # --- sending ---

    def send(self, *frames):
        """All in one write. A peer that is gone is noticed by reading."""
        try:
            self.sock.settimeout(10)
            self.sock.sendall(b"".join(frames))
        except (ConnectionError, ssl.SSLError):
            pass

    def fields(self, method="GET", path="/", **more):
        fields = [(":method", method), (":scheme", self.scheme), (":path", path),
                  (":authority", "localhost")]
        return fields + [(name.replace("_", "-"), value) for name, value in more.items()]

    def block(self, fields):
        return self.encoder.encode(fields, huffman=False)

    def headers(self, stream, fields=None, end=True, flags=END_HEADERS):
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream,
                     self.block(self.fields() if fields is None else fields))

    # --- receiving ---

    def fill(self, timeout_s):
        """Waits for some bytes, or the end."""
        self.sock.settimeout(max(0.001, timeout_s))
        try:
            piece = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError) as problem:
            if isinstance(problem, (ssl.SSLWantReadError,)):
                return
            piece = b""
        if not piece:
            self.closed = True
        self.received += piece

    def read_frame(self, timeout_s=8):
        """The next frame; None when the connection is closed. TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while len(self.received) < 9 or \
                len(self.received) < 9 + int.from_bytes(self.received[:3], "big"):
            if self.closed:
                return None
            if time.monotonic() > deadline:
                raise TimeoutError
            try:
                self.fill(deadline - time.monotonic())
            except (TimeoutError, socket.timeout):
                raise TimeoutError from None
        size = int.from_bytes(self.received[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.received[3:9])
        found = Frame(kind, flags, stream & 0x7FFFFFFF, self.received[9:9 + size])
        self.received = self.received[9 + size:]
        self.seen.append(found)
        return found

    def expect(self, wanted, what, timeout_s=8):
        """Reads on until a frame is as wanted."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                found = self.read_frame(max(0.001, deadline - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"no {what}; came: {self.seen[-8:]}") from None
            if found is None:
                raise AssertionError(f"closed instead of {what}; came: {self.seen[-8:]}")
            if wanted(found):
                return found

    def expect_closed(self, timeout_s=8):
        deadline = time.monotonic() + timeout_s
        while not self.closed:
            try:
                self.read_frame(max(0.001, deadline - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"not closed; came: {self.seen[-8:]}") from None

    def expect_connection_error(self, *codes):
        """GOAWAY with one of the codes, and then the end of the connection."""
        found = self.expect(lambda f: f.kind == GOAWAY, "GOAWAY")
        assert found.code in codes, f"GOAWAY with {found.code}, not {codes}: {found.debug}"
        self.expect_closed()
        return found

    def expect_stream_error(self, stream, *codes):
        """RST_STREAM with one of the codes; a connection error is as good."""
        found = self.expect(lambda f: f.kind == GOAWAY or
                            f.kind == RST_STREAM and f.stream == stream, "RST_STREAM")
        assert found.code in codes, f"{found}: its code is not one of {codes}"
        if found.kind == GOAWAY:
            self.expect_closed()
        return found

    def expect_answer(self, stream):
        """A whole answer: (fields, body)."""
        fields, block, body = None, b"", b""
        while True:
            found = self.expect(lambda f: f.stream == stream, f"an answer on stream {stream}")
            assert found.kind != RST_STREAM, f"reset instead of an answer: {found}"
            if found.kind in (HEADERS, CONTINUATION):
                block += found.payload
                if found.flags & END_HEADERS:
                    decoded = dict(self.decoder.decode(block))
                    fields, block = fields or decoded, b""
            elif found.kind == DATA:
                body += found.payload
            if found.ends:
                return fields, body

    def expect_alive(self):
        """It answers PING, and has said nothing of an error."""
        self.send(ping(b"are you?"))
        found = self.expect(lambda f: f.kind == GOAWAY or
                            f.kind == PING and f.payload == b"are you?", "the ACK of PING")
        assert found.kind == PING and found.flags & ACK, f"{found} instead of an ACK"
