"""A connection as its client must see it: both windows to the byte (RFC 9113, 5.2 and 6.9), and of
each stream what the server has yet to say. Whatever comes is held against that at once.

Window updates count from when they are sent: the server may not have seen them, but no more than
them may it use. New initial windows count from their acknowledgement, which the server sends before
the first frame that obeys them.
"""

import collections
import fcntl
import string
import struct
import termios
import time

from engine_test import SERVICE, envelope, text_field, varint_field
from h2_wire import (
    ACK, CANCEL, DATA, HEADERS, NO_ERROR, PING, SETTING_WINDOW, SETTINGS, WINDOW_UPDATE, data,
    goaway, ping, priority, rst_stream, settings, window_update)

WINDOW = 65535       # of a connection, and of a stream, unless they are told otherwise
LARGEST = 0x7FFFFFFF
UPLOAD_BYTES = 900_000  # of requests: less than the server's window of the connection
CHAT_BYTES = 50_000     # less than its window of a stream
PATIENCE_S = 8
DEADLINE_EXCEEDED = "4"


class Stream:
    """`expected`: the body to come, from the start. `whole`: the end follows it. `timed`: it has a
    deadline, which may end it behind any message."""

    def __init__(self, number, window, expected, code="0", whole=True, timed=False):
        self.number, self.window, self.timed = number, window, timed
        self.expected, self.code, self.whole = bytearray(expected), code, whole
        self.received = 0
        self.begun = self.reset = False

    def __repr__(self):
        return (f"stream {self.number}: {self.received} of {len(self.expected)} bytes, window "
                f"{self.window}{'' if self.whole else ', not ended'}"
                f"{', reset' if self.reset else ''}")

    def is_between_messages(self):
        at = 0
        while at < self.received:
            at += 5 + int.from_bytes(self.expected[at + 1:at + 5], "big")
        return at == self.received

    def waits_for(self, window):
        """Whether it is the client that has to do something."""
        if self.received == len(self.expected) and not self.whole:
            return True
        return min(self.window, window) <= 0  # nghttp2 holds trailers back as well


class Model:
    def __init__(self, wire, initial):
        self.wire, self.initial = wire, initial
        self.window = WINDOW
        self.streams = {}  # not ended by the server, which may not know yet that some are reset
        self.next_stream = 1
        self.uploaded = 0
        self.left = False  # GOAWAY was sent
        # Not acknowledged: (change, the streams it is for), (payload, the streams reset before).
        self.settings, self.pings = collections.deque(), collections.deque()
        self.ping_count = 0
        self.out = []  # frames that go with the next write

    def __repr__(self):
        return f"window {self.window}, initially {self.initial}; {list(self.streams.values())}"

    def check(self, good, problem):
        if not good:
            raise AssertionError(f"{problem}; {self}; came: "
                                 f"{[str(f)[:120] for f in self.wire.seen[-6:]]}")

    # --- what comes ---

    def take(self, timeout_s=PATIENCE_S):
        """One frame; False when none came."""
        self.flush()
        try:
            found = self.wire.read_frame(timeout_s)
        except TimeoutError:
            return False
        del self.wire.seen[:-6]
        self.check(found is not None, "the connection was closed")
        if found.kind == SETTINGS and found.flags & ACK:
            self.settings_taken()
        elif found.kind == PING:
            self.ping_answered(found)
        elif found.kind in (HEADERS, DATA):
            self.check(found.stream in self.streams, f"{found} on a stream that is over")
            (self.head if found.kind == HEADERS else self.body)(self.streams[found.stream], found)
        else:
            self.check(found.kind == WINDOW_UPDATE, f"unexpected: {found}")
        return True

    def settings_taken(self):
        self.check(self.settings, "an ACK of no SETTINGS")
        change, streams = self.settings.popleft()
        for stream in streams:
            stream.window += change

    def ping_answered(self, found):
        self.check(found.flags & ACK and self.pings and self.pings[0][0] == found.payload,
                   f"unexpected: {found}")
        for stream in self.pings.popleft()[1]:
            self.streams.pop(stream.number, None)

    def head(self, stream, found):
        fields = dict(self.wire.decoder.decode(found.payload))
        if found.ends:
            whole = stream.whole and stream.received == len(stream.expected)
            late = fields["grpc-status"] == DEADLINE_EXCEEDED
            self.check(whole or late and stream.timed and stream.is_between_messages(),
                       f"the end of {stream}")
            self.check(fields["grpc-status"] == stream.code or late and stream.timed,
                       f"trailers {fields} of {stream}")
            del self.streams[stream.number]
        else:
            self.check(not stream.begun and fields[":status"] == "200", f"{fields} of {stream}")
        stream.begun = True

    def body(self, stream, found):
        size, at = len(found.payload), stream.received
        self.check(stream.begun and not found.ends and size > 0, f"{found} of {stream}")
        self.check(size <= min(stream.window, self.window), f"{size} bytes too many for {stream}")
        self.check(found.payload == stream.expected[at:at + size],
                   f"bytes out of place at {at} of {stream}: {found.payload[:40]}")
        stream.received += size
        stream.window -= size
        self.window -= size

    # --- what is sent ---

    def send(self, *frames):
        self.out += frames

    def flush(self):
        if self.out:
            self.wire.send(*self.out)
        self.out = []

    def ping(self, reset=()):
        self.ping_count += 1
        payload = struct.pack(">Q", self.ping_count)
        self.pings.append((payload, list(reset)))
        self.send(ping(payload))

    def open(self, method, request, expected, code="0", end=True, timeout_ms=0):
        number, self.next_stream = self.next_stream, self.next_stream + 2
        more = {"grpc_timeout": f"{timeout_ms}m"} if timeout_ms else {}
        fields = self.wire.fields("POST", SERVICE + method, content_type="application/grpc",
                                  te="trailers", **more)
        stream = Stream(number, self.initial, expected, code, whole=end, timed=timeout_ms > 0)
        self.streams[number] = stream
        self.send(self.wire.headers(number, fields, end=False))
        self.upload(stream, request, end)
        return stream

    def upload(self, stream, body, end=False):
        self.uploaded += len(body)
        self.send(*[data(stream.number, body[at:at + 16_384])
                    for at in range(0, len(body), 16_384)])
        if end:
            self.send(data(stream.number, b"", end=True))

    def listen(self, text, count, interval_ms, code=0, timeout_ms=0):
        field = text_field(text) if text else b""
        request = (field + varint_field(2, count) + varint_field(3, interval_ms) +
                   varint_field(4, code))
        expected = b"".join(envelope(field + (varint_field(2, i) if i > 0 else b""))
                            for i in range(count))
        return self.open("EchoMany", envelope(request), expected, str(code),
                         timeout_ms=timeout_ms)

    def echo(self, text):
        message = envelope(text_field(text) if text else b"")
        return self.open("Echo", message, message)

    def chat(self):
        return self.open("Chat", b"", b"", end=False)

    def say(self, stream, text):
        message = envelope(text_field(text) if text else b"")
        stream.expected += message
        self.upload(stream, message)

    def end(self, stream):
        stream.whole = True
        self.upload(stream, b"", end=True)

    def reset(self, stream):
        """Frames of it may come until the server has answered what was sent after."""
        stream.reset = True
        self.send(rst_stream(stream.number, CANCEL))
        self.ping([stream])

    def room(self, stream=None):
        """By how much a window may grow: one byte more would be an error of ours."""
        if stream is None:
            return LARGEST - self.window
        return LARGEST - stream.window - sum(max(0, change) for change, streams in self.settings
                                             if stream in streams)

    def grant(self, size, stream=None):
        size = min(size, self.room(stream))
        if size <= 0:
            return
        self.send(window_update(stream.number if stream else 0, size))
        if stream:
            stream.window += size
        else:
            self.window += size

    def set_initial(self, size):
        change = min([size - self.initial] + [self.room(s) for s in self.streams.values()])
        self.initial += change
        self.settings.append((change, list(self.streams.values())))
        self.send(settings((SETTING_WINDOW, self.initial)))

    def leave(self):
        self.left = True
        self.send(goaway(NO_ERROR))

    # --- waiting ---

    def live(self):
        return [stream for stream in self.streams.values() if not stream.reset]

    def may_come(self):
        """Whether the server has something to say and may."""
        return bool(self.pings or self.settings or
                    not all(stream.waits_for(self.window) for stream in self.live()))

    def rest(self):
        """Until everything is said that may be said: at first without a PING, which would have the
        server look at what it has."""
        for more in (False, True):
            if more:
                self.ping()
            while self.may_come():
                self.check(self.take(), "nothing comes although it may")

    def hold(self):
        """Reads nothing until no more fits into the socket, or there is no more. Nobody tells of that,
        so what lies there is looked at until it stays the same; the model holds either way."""
        def lying():
            return struct.unpack("i", fcntl.ioctl(self.wire.sock, termios.FIONREAD, b"\0" * 4))[0]

        self.flush()
        before, same = -1, 0
        while same < 8:
            time.sleep(0.002)
            same = same + 1 if lying() == before else 0
            before = lying()

    def finish(self):
        """To the end of all streams."""
        for stream in self.live():
            if not stream.whole:
                self.end(stream)
        while self.live():
            self.grant(1_000_000)
            for stream in self.live():
                self.grant(1_000_000, stream)
            if self.left:
                self.check(self.take(), "nothing comes although it may")
            else:
                self.rest()
        if self.left:
            self.flush()
            while self.pings and self.take():
                pass
            self.wire.expect_closed()
        else:
            self.rest()


class Chance:
    """Does what comes to mind to a connection. `narrow`: one stream at a time. `generous`: its
    windows are seldom used up."""

    def __init__(self, chance, model):
        self.chance, self.model = chance, model
        self.narrow = chance.random() < 0.7
        self.generous = chance.random() < 0.6
        self.streams_max = 1 if self.narrow else 4
        if chance.random() < 0.4:
            model.grant(LARGEST)

    def size(self):
        chance = self.chance
        return chance.choice([0, 1, chance.randint(0, 300), chance.randint(0, 3000),
                              chance.randint(0, 20_000), chance.randint(16_370, 16_390), 40_000])

    def text(self, most=LARGEST):
        return self.chance.choice(string.ascii_letters) * min(self.size(), most)

    def window(self):
        chance = self.chance
        return chance.choice([0, 1, chance.randint(0, 100), chance.randint(0, 5000),
                              chance.randint(0, 70_000), chance.randint(0, 70_000),
                              chance.randint(0, 1_000_000), LARGEST])

    def some(self, streams):
        return self.chance.choice(streams) if streams else None

    def open(self):
        model, chance = self.model, self.chance
        if len(model.live()) >= self.streams_max or model.uploaded > UPLOAD_BYTES or model.left:
            return
        kind = chance.choice(["listen"] * 6 + ["echo", "chat"])
        if kind == "echo":
            model.echo(self.text())
        elif kind == "chat":
            model.chat()
        else:
            text = self.text()
            model.listen(text, chance.randint(0, min(200, 200_000 // (len(text) + 20) + 1)),
                         chance.choice([0, 1, 1, 1, 1, 2]), chance.choice([0, 0, 9]),
                         chance.choice([0, 0, 0, 0, 50]))

    def talk(self):
        stream = self.some([s for s in self.model.live() if not s.whole])
        if stream is None:
            return
        text = self.text(3000)
        if self.chance.random() < 0.15 or len(stream.expected) + len(text) + 20 > CHAT_BYTES:
            self.model.end(stream)
        else:
            self.model.say(stream, text)

    def grant(self):
        self.model.grant(self.window())

    def grant_stream(self):
        stream = self.some(self.model.live())
        if stream is not None:
            self.model.grant(self.window(), stream)

    def give_back(self):
        """As most clients do: one who never lets a window be used up."""
        self.model.grant(WINDOW - self.model.window)
        for stream in self.model.live():
            self.model.grant(WINDOW - stream.window, stream)

    def set_initial(self):
        self.model.set_initial(self.window())

    def ping(self):
        self.model.ping()

    def reset(self):
        stream = self.some(self.model.live())
        if stream is not None:
            self.model.reset(stream)

    def prioritise(self):
        stream = self.some(self.model.live())
        if stream is not None:
            other = self.chance.choice([0, stream.number + 2, max(0, stream.number - 2)])
            self.model.send(priority(stream.number, other, self.chance.randint(0, 255),
                                     self.chance.random() < 0.5))

    def read(self):
        until = time.monotonic() + self.chance.choice([0.001, 0.005, 0.02])
        while time.monotonic() < until:
            self.model.take(0.001)

    def act(self):
        actions = ([self.read] * 6 + [self.open] * 5 + [self.talk, self.grant, self.give_back] * 2 +
                   [self.grant_stream, self.grant_stream, self.set_initial, self.ping, self.ping,
                    self.prioritise, self.model.rest])
        rare = self.chance.random()
        if rare < 0.03:
            self.reset()
        elif rare < 0.05:
            self.model.hold()
        else:
            self.chance.choice(actions)()
        if self.generous:
            self.give_back()
        if self.chance.random() < 0.7:
            self.model.flush()
