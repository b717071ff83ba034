"""A server of HTTP/2 frames, written by hand, that does what a test wants: for clients.

A test gives a function that is called with each connection, in a thread of its own, and its
number from 0. The server reads requests no further than it must to answer them.
"""

import socket
import struct
import threading

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 7, 8, 11


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload


def _hpack_length(length):
    """An integer with a prefix of seven bits."""
    if length < 127:
        return bytes([length])
    length -= 127
    data = b"\x7f"
    while length >= 128:
        data += bytes([length & 127 | 128])
        length >>= 7
    return data + bytes([length])


def headers(*pairs):
    """A header block of literals that nobody has to remember."""
    block = b""
    for name, value in pairs:
        name, value = name.encode(), value.encode("latin-1")
        block += b"\0" + _hpack_length(len(name)) + name + _hpack_length(len(value)) + value
    return block


def envelope(message, flags=0):
    return bytes([flags]) + struct.pack(">I", len(message)) + message


def text_message(text):
    """A message whose field 1 is a short string."""
    return b"\x0a" + bytes([len(text)]) + text.encode()


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(20)
        self.resets = []    # (stream, error code)
        self.pings = 0
        self.answer_pings = True
        self.requests = []  # streams whose requests have ended, not yet taken

    def _read(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def write(self, *frames):
        self.sock.sendall(b"".join(frames))

    def greet(self, *settings):
        """The prefaces of both sides; settings are (number, value)."""
        assert self._read(len(PREFACE)) == PREFACE
        self.write(frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *one) for one in settings)))

    def step(self):
        """Reads a frame and does what has to be done about it."""
        head = self._read(9)
        length = int.from_bytes(head[:3], "big")
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        payload = self._read(length)
        if kind == SETTINGS and not flags & ACK:
            self.write(frame(SETTINGS, ACK, 0))
        if kind == PING and not flags & ACK:
            self.pings += 1
            if self.answer_pings:
                self.write(frame(PING, ACK, 0, payload))
        if kind == RST_STREAM:
            self.resets.append((stream, int.from_bytes(payload, "big")))
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self.requests.append(stream)

    def request(self):
        """Waits for a whole request; its stream."""
        while not self.requests:
            self.step()
        return self.requests.pop(0)

    def until_closed(self):
        try:
            while True:
                self.step()
        except (EOFError, OSError):
            pass

    # --- answers ---

    def begin(self, stream, *more, status="200", content_type="application/grpc+proto"):
        self.write(frame(HEADERS, END_HEADERS, stream, headers(
            (":status", status), ("content-type", content_type), *more)))

    def data(self, stream, data, end=False):
        self.write(frame(DATA, END_STREAM if end else 0, stream, data))

    def end(self, stream, status="0", *more):
        self.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, headers(
            ("grpc-status", status), *more)))

    def answer(self, stream, text="fine"):
        self.begin(stream)
        self.data(stream, envelope(text_message(text)))
        self.end(stream)

    def fail(self, stream, status, *more):
        """An answer that is nothing but its end."""
        self.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, headers(
            (":status", "200"), ("content-type", "application/grpc"), ("grpc-status", status),
            *more)))

    def reset(self, stream, code):
        self.write(frame(RST_STREAM, 0, stream, struct.pack(">I", code)))

    def go_away(self, last_stream, code=0):
        self.write(frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, code)))


class Hostile:
    """Serves `behave(connection, number)` on a loopback port, wrapped in TLS with `context`."""

    def __init__(self, behave, context=None):
        self.behave = behave
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.errors = []
        self.threads = []
        self.accepting = threading.Thread(target=self._accept)
        self.accepting.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock, self.connections))
            self.connections += 1
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock, number):
        try:
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            self.behave(Connection(sock), number)
        except (EOFError, OSError):
            pass  # the client left, as some tests want
        except Exception as error:  # told by close()
            self.errors.append(error)
        finally:
            sock.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join()
        for thread in self.threads:
            thread.join(25)
        assert not self.errors, self.errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
