"""Streams whose DATA the server makes past nghttp2 (server/http/h2_direct.c): whatever happens on
their connection, both keep the same account of the windows (RFC 9113, 5.2 and 6.9).
"""

import os
import random
import signal
import socket
import unittest

from engine_test import SERVICE, EchoServer, envelope, envelopes, text_field, varint_field
from h2_model import LARGEST, WINDOW, Chance, Model
from h2_test import Base, Cleartext, Secure
from h2_wire import (
    ACK, DATA, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, NO_ERROR, PING, RST_STREAM, SETTING_WINDOW, data,
    ping, rst_stream, settings, window_update)

# `./dev test service/h2_direct --rounds N --seed N` does more of what happens at random, or the
# same again: each round has a seed of its own, one more than the one before.
ROUNDS = int(os.environ.get("WAYSTONE_TEST_ROUNDS", "8"))
SEED = int(os.environ.get("WAYSTONE_TEST_SEED", "1"))


class Listener(Base):
    def listen(self, wire, stream, size, count, interval_ms=1, end_code=0):
        """A stream that hears `count` messages with texts of so many bytes."""
        request = (text_field("x" * size) + varint_field(2, count) +
                   varint_field(3, interval_ms) + varint_field(4, end_code))
        fields = wire.fields("POST", SERVICE + "EchoMany", content_type="application/grpc",
                             te="trailers")
        body = envelope(request)
        wire.send(wire.headers(stream, fields, end=False),
                  *[data(stream, body[at:at + 16_384]) for at in range(0, len(body), 16_384)],
                  data(stream, b"", end=True))

    def next_frame(self, wire):
        found = wire.expect(lambda f: True, "a frame")
        self.assertNotIn(found.kind, (GOAWAY, RST_STREAM), found)
        return found

    def heard(self, wire, stream=None):
        """Bytes of DATA that came."""
        return sum(len(f.payload) for f in wire.seen
                   if f.kind == DATA and stream in (None, f.stream))

    def hear(self, wire, total, stream=None):
        """Waits for so many bytes; a server that has more to say must not say it."""
        while self.heard(wire, stream) < total:
            self.next_frame(wire)
        for _ in range(5):
            wire.expect_alive()
        self.assertEqual(self.heard(wire, stream), total)

    def finish(self, wire, stream, size, count):
        """Reads to the end; every message must have come, in order."""
        while not any(f.ends and f.stream == stream for f in wire.seen):
            self.next_frame(wire)
        body = b"".join(f.payload for f in wire.seen if f.kind == DATA and f.stream == stream)
        texts = text_field("x" * size)
        self.assertEqual([message for _, message in envelopes(body)],
                         [texts + (varint_field(2, i) if i > 0 else b"") for i in range(count)])


class Listening(Listener):
    def test_the_window_of_the_connection(self):
        wire = self.wire((SETTING_WINDOW, LARGEST))
        self.listen(wire, 1, 1000, 200)
        self.hear(wire, WINDOW)
        wire.send(window_update(0, 50_000))
        self.hear(wire, WINDOW + 50_000)
        wire.send(window_update(0, LARGEST - WINDOW))
        self.finish(wire, 1, 1000, 200)
        wire.expect_alive()

    def test_the_window_of_the_stream(self):
        wire = self.wire((SETTING_WINDOW, 20_000))
        self.listen(wire, 1, 1000, 50)
        self.hear(wire, 20_000)
        wire.send(window_update(1, 1))
        self.hear(wire, 20_001)
        wire.send(window_update(1, 100_000))
        self.finish(wire, 1, 1000, 50)

    def test_the_initial_window_shrinks(self):
        wire = self.wire((SETTING_WINDOW, 40_000))
        self.listen(wire, 1, 1000, 50)
        while self.heard(wire) < 10_000:
            self.next_frame(wire)
        wire.send(settings((SETTING_WINDOW, 5_000)))
        wire.expect_alive()
        before = self.heard(wire)
        wire.expect_alive()
        self.assertEqual(self.heard(wire), before)
        wire.send(window_update(1, before + 2_000 - 5_000))
        self.hear(wire, before + 2_000)
        wire.send(window_update(1, 100_000))
        self.finish(wire, 1, 1000, 50)

    def test_windows_that_are_as_large_as_can_be(self):
        """One byte more than was sent would be an error of the peer's, who gives back each one."""
        wire = self.wire((SETTING_WINDOW, LARGEST))
        wire.send(window_update(0, LARGEST - WINDOW))
        self.listen(wire, 1, 1000, 60)
        given = 0
        while not any(f.ends for f in wire.seen):
            found = self.next_frame(wire)
            if found.kind == DATA and found.payload:
                given += len(found.payload)
                wire.send(window_update(0, len(found.payload)),
                          window_update(1, len(found.payload)))
        self.assertEqual(given, self.heard(wire))
        self.finish(wire, 1, 1000, 60)
        wire.expect_alive()
        wire.send(window_update(0, 1))
        wire.expect_connection_error(3)  # FLOW_CONTROL_ERROR

    def test_another_stream_has_what_is_left(self):
        wire = self.wire((SETTING_WINDOW, LARGEST))
        self.listen(wire, 1, 1000, 100)
        while self.heard(wire) < 20_000:
            self.next_frame(wire)
        self.listen(wire, 3, 12_000, 10)
        self.hear(wire, WINDOW)
        self.assertGreater(self.heard(wire, 3), 0)
        wire.send(window_update(0, 1_000_000))
        self.finish(wire, 1, 1000, 100)
        self.finish(wire, 3, 12_000, 10)

    def test_a_stream_that_is_reset_leaves_its_bytes(self):
        """What it was sent is gone from the connection's window."""
        wire = self.wire((SETTING_WINDOW, LARGEST))
        self.listen(wire, 1, 1000, 1000)
        while self.heard(wire) < 20_000:
            self.next_frame(wire)
        wire.send(rst_stream(1))
        self.listen(wire, 3, 1000, 100)
        self.hear(wire, WINDOW)
        self.assertLess(self.heard(wire, 1), WINDOW)
        wire.send(window_update(0, 1_000_000))
        self.finish(wire, 3, 1000, 100)

    def test_pings_in_between(self):
        wire = self.wire((SETTING_WINDOW, LARGEST))
        wire.send(window_update(0, 1_000_000))
        self.listen(wire, 1, 500, 100)
        while not any(f.ends for f in wire.seen):
            if self.next_frame(wire).kind == DATA:
                wire.send(ping())
        self.finish(wire, 1, 500, 100)

    def test_messages_larger_than_a_frame(self):
        wire = self.wire((SETTING_WINDOW, LARGEST))
        wire.send(window_update(0, 10_000_000))
        self.listen(wire, 1, 40_000, 50)
        self.finish(wire, 1, 40_000, 50)
        self.assertLessEqual(max(len(f.payload) for f in wire.seen if f.kind == DATA), 16_384)

    def test_an_error_at_the_end(self):
        wire = self.wire((SETTING_WINDOW, LARGEST))
        self.listen(wire, 1, 100, 20, end_code=9)
        while not any(f.ends for f in wire.seen):
            self.next_frame(wire)
        last = wire.seen[-1]
        self.assertEqual(last.kind, HEADERS)
        trailers = {}
        for found in wire.seen:
            if found.kind == HEADERS:
                trailers = dict(wire.decoder.decode(found.payload))
        self.assertEqual(trailers["grpc-status"], "9")
        wire.expect_alive()

    def model(self, chance):
        initial = chance.choice([0, 1, 5000, WINDOW, WINDOW, 1_000_000, LARGEST])
        wire = self.wire((SETTING_WINDOW, initial))
        if chance.random() < 0.3:
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        return Model(wire, initial)

    def round(self, seed):
        chance = random.Random(seed)
        peers = [Chance(chance, self.model(chance)) for _ in range(chance.choice([1, 2, 4, 6]))]
        for _ in range(chance.randint(20, 60) * len(peers)):
            chance.choice(peers).act()
        for peer in peers:
            if chance.random() < 0.2:
                peer.model.wire.close()  # in the middle of whatever it was
                continue
            if chance.random() < 0.3:
                peer.model.leave()
            peer.model.finish()
            peer.model.wire.close()

    def test_at_random(self):
        for seed in range(SEED, SEED + ROUNDS):
            try:
                self.round(seed)
            except AssertionError as problem:
                raise AssertionError(
                    f"{problem}\nagain: ./dev test service/h2_direct --rounds 1 --seed {seed}"
                ) from problem


for _transport in (Cleartext, Secure):
    _name = f"Listening{_transport.__name__}"
    globals()[_name] = type(_name, (_transport, Listening, unittest.TestCase), {})


class Ending(Listener, unittest.TestCase):
    """What a server does of itself while a listener hears."""

    def server(self, *arguments):
        server = EchoServer(*arguments)
        self.addCleanup(server.stop)
        return server

    def start(self, server, initial=LARGEST):
        self.connect = server.connect
        return self.wire((SETTING_WINDOW, initial))

    def test_the_server_drains(self):
        server = self.server()
        wire = self.start(server)
        self.listen(wire, 1, 100, 10_000)
        while self.heard(wire) < 10_000:
            self.next_frame(wire)
        server.child.send_signal(signal.SIGTERM)
        last = wire.expect(lambda f: f.ends, "the end of the stream")
        wire.expect_closed()
        told = [f for f in wire.seen if f.kind == GOAWAY]
        self.assertEqual({f.code for f in told}, {NO_ERROR})
        self.assertEqual([f for f in wire.seen[wire.seen.index(last) + 1:] if f.kind == DATA], [])
        body = b"".join(f.payload for f in wire.seen if f.kind == DATA)
        for number, (_, message) in enumerate(envelopes(body)):
            self.assertTrue(message.endswith(varint_field(2, number) if number else b"x"))

    def test_the_server_asks_whether_anybody_is_there(self):
        wire = self.start(self.server("keepalive_ms=100", "keepalive_timeout_ms=500"), WINDOW)
        self.listen(wire, 1, 100, 400)
        asked = 0
        while asked < 2:
            found = self.next_frame(wire)
            if found.kind == PING and not found.flags & ACK:
                asked += 1
                wire.send(ping(found.payload, flags=ACK))
        self.finish(wire, 1, 100, 400)
        self.listen(wire, 3, 100, 10_000)
        wire.expect_closed()  # not one PING was answered since

    def test_a_peer_that_gives_a_stream_no_window(self):
        wire = self.start(self.server("write_ms=300"), 20_000)
        self.listen(wire, 1, 1000, 100)
        wire.expect_stream_error(1, ENHANCE_YOUR_CALM)
        self.assertEqual(self.heard(wire), 20_000)
        wire.send(settings((SETTING_WINDOW, LARGEST)))
        self.listen(wire, 3, 1000, 100)
        wire.expect_connection_error(ENHANCE_YOUR_CALM)  # the connection has none either
        self.assertEqual(self.heard(wire), WINDOW)

    def test_a_peer_that_asks_too_much(self):
        wire = self.start(self.server())
        wire.send(window_update(0, 10_000_000))
        self.listen(wire, 1, 100, 10_000)
        while self.heard(wire) < 10_000:
            self.next_frame(wire)
        wire.send(*[ping()] * 8000)
        wire.expect_connection_error(ENHANCE_YOUR_CALM)


if __name__ == "__main__":
    unittest.main()
