"""RFC 9113 and RFC 7541, section by section: what a server must accept, and what it must refuse
and how. Each test speaks frames to the real engine (tests/support/echo_server.c), in cleartext
and in TLS. Where RFC 7540 had a rule that RFC 9113 dropped, the rule is still tested as long as
both allow what is asked for.
"""

import pathlib
import ssl
import struct
import subprocess
import tempfile
import unittest

from engine_test import SERVICE, EchoServer, envelope, text_field
from h2_wire import (
    ACK, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
    FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, NO_ERROR, PADDED, PING, PREFACE, PRIORITY,
    PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTING_FRAME, SETTING_HEADERS,
    SETTING_PUSH, SETTING_STREAMS, SETTING_TABLE, SETTING_WINDOW, SETTINGS, STREAM_CLOSED,
    WITH_PRIORITY, Wire, data, frame, goaway, ping, priority, rst_stream, settings, window_update)

STREAMS = 256  # SETTINGS_MAX_CONCURRENT_STREAMS of the server


class Base:
    """A fresh connection for each test."""

    def wire(self, *pairs, hello=True):
        wire = Wire(self.connect(), *pairs, hello=hello)
        self.addCleanup(wire.close)
        return wire

    def assert_answered(self, wire, stream=1):
        fields, _ = wire.expect_answer(stream)
        self.assertRegex(fields[":status"], r"^[245]\d\d$")
        return fields

    def closed_stream(self, wire, stream=1):
        """A stream that both sides have ended."""
        wire.send(wire.headers(stream))
        self.assert_answered(wire, stream)


class Accepted(Base):
    """What every server takes."""

    def test_3_4_preface(self):
        self.wire().expect_alive()

    def test_5_1_priority_on_idle_stream(self):
        wire = self.wire()
        wire.send(priority(1), wire.headers(1))
        self.assert_answered(wire)

    def test_5_1_window_update_on_half_closed_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1), window_update(1, 100))
        self.assert_answered(wire)
        wire.expect_alive()

    def test_5_1_priority_on_half_closed_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1), priority(1))
        self.assert_answered(wire)
        wire.expect_alive()

    def test_5_1_rst_stream_on_half_closed_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1), rst_stream(1))
        wire.expect_alive()

    def test_5_1_priority_on_closed_stream(self):
        wire = self.wire()
        self.closed_stream(wire)
        wire.send(priority(1))
        wire.expect_alive()

    def test_5_1_late_window_update_and_rst_on_closed_stream(self):
        """They may cross the end of the answer."""
        wire = self.wire()
        self.closed_stream(wire)
        wire.send(window_update(1, 1), rst_stream(1))
        wire.expect_alive()

    def test_6_1_data(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False), data(1, b"test", end=True))
        self.assert_answered(wire)

    def test_6_1_several_data(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False), data(1, b"test"),
                  data(1, b"test"), data(1, b"test", end=True))
        self.assert_answered(wire)

    def test_6_1_padded_data(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False),
                  frame(DATA, END_STREAM | PADDED, 1, b"\x06test" + b"\0" * 6))
        self.assert_answered(wire)

    def test_6_2_headers(self):
        wire = self.wire()
        wire.send(wire.headers(1))
        self.assert_answered(wire)

    def test_6_2_padded_headers(self):
        wire = self.wire()
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1,
                        b"\x06" + wire.block(wire.fields()) + b"\0" * 6))
        self.assert_answered(wire)

    def test_6_2_headers_with_priority(self):
        wire = self.wire()
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1,
                        b"\0\0\0\0\xff" + wire.block(wire.fields())))
        self.assert_answered(wire)

    def accepts_priority(self, *frames, stream=1):
        wire = self.wire()
        wire.send(*frames, wire.headers(stream))
        self.assert_answered(wire, stream)

    def test_6_3_priority_lowest(self):
        self.accepts_priority(priority(1, weight=0))

    def test_6_3_priority_highest(self):
        self.accepts_priority(priority(1, weight=255))

    def test_6_3_priority_with_dependency(self):
        self.accepts_priority(priority(5), priority(1, depends_on=5))

    def test_6_3_priority_exclusive(self):
        self.accepts_priority(priority(1, exclusive=True))

    def test_6_3_priority_of_a_later_idle_stream(self):
        self.accepts_priority(priority(7), stream=5)

    def test_6_4_rst_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), rst_stream(1))
        wire.expect_alive()

    def test_6_5_settings(self):
        wire = self.wire()
        wire.send(settings((SETTING_STREAMS, 100), (SETTING_HEADERS, 4096)))
        wire.expect(lambda f: f.kind == SETTINGS and f.flags & ACK, "the ACK of SETTINGS")

    def test_6_7_ping(self):
        self.wire().expect_alive()

    def test_6_8_goaway(self):
        wire = self.wire()
        wire.send(goaway())
        wire.expect_closed()
        self.assertFalse([f for f in wire.seen if f.kind == GOAWAY and f.code != NO_ERROR])

    def test_6_8_goaway_lets_open_streams_finish(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST", SERVICE + "Echo",
                                              content_type="application/proto"), end=False),
                  goaway(), data(1, text_field("last"), end=True))
        self.assertEqual(wire.expect_answer(1)[1], text_field("last"))
        wire.expect_closed()

    def test_6_9_window_update_of_the_connection(self):
        wire = self.wire()
        wire.send(window_update(0, 1))
        wire.expect_alive()

    def test_6_9_window_update_of_a_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), window_update(1, 1), data(1, b"", end=True))
        self.assert_answered(wire)

    def cut_up(self, wire, pieces):
        block = wire.block(wire.fields(x_long="x" * 60))
        size = len(block) // pieces + 1
        parts = [block[at:at + size] for at in range(0, len(block), size)]
        first = frame(HEADERS, END_STREAM, 1, parts[0])
        return [first] + [
            frame(CONTINUATION, END_HEADERS if part is parts[-1] else 0, 1, part)
            for part in parts[1:]]

    def test_6_10_continuation(self):
        wire = self.wire()
        wire.send(*self.cut_up(wire, 2))
        self.assert_answered(wire)

    def test_6_10_several_continuations(self):
        wire = self.wire()
        wire.send(*self.cut_up(wire, 4))
        self.assert_answered(wire)

    def test_8_1_get(self):
        wire = self.wire()
        wire.send(wire.headers(1))
        self.assertEqual(self.assert_answered(wire)[":status"], "404")

    def test_8_1_get_with_a_body(self):
        """Its meaning is nobody's; the answer comes all the same, once the body is there."""
        wire = self.wire()
        wire.send(wire.headers(1, end=False), data(1, b"x" * 1000))
        wire.expect_alive()
        wire.expect_alive()
        self.assertFalse([f for f in wire.seen if f.stream == 1])
        wire.send(data(1, b"x" * 1000, end=True))
        self.assertEqual(self.assert_answered(wire)[":status"], "404")

    def test_8_1_get_with_a_large_body(self):
        """Every byte is credited: a body of many windows passes."""
        wire = self.wire()
        wire.send(wire.headers(1, end=False))
        for number in range(40):
            wire.send(*[data(1, b"x" * 16000) for _ in range(2)])
            wire.expect_alive()
        wire.send(data(1, b"", end=True))
        self.assertEqual(self.assert_answered(wire)[":status"], "404")

    def test_8_1_head(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("HEAD")))
        fields, body = wire.expect_answer(1)
        self.assertEqual((fields[":status"], body), ("404", b""))

    def test_8_1_post(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False), data(1, b"test", end=True))
        self.assertEqual(self.assert_answered(wire)[":status"], "405")

    def test_8_1_post_with_trailers(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST", trailer="x-test"), end=False),
                  data(1, b"test"), wire.headers(1, [("x-test", "ok")]))
        self.assert_answered(wire)

    def test_8_1_call_with_trailers(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST", SERVICE + "Echo",
                                              content_type="application/proto"), end=False),
                  data(1, text_field("before")), wire.headers(1, [("x-test", "ok")]))
        self.assertEqual(wire.expect_answer(1)[1], text_field("before"))

    # RFC 7541: the representations a decoder must know.

    def accepts_block(self, extra=b"", first=b""):
        wire = self.wire()
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1,
                        first + wire.block(wire.fields()) + extra))
        self.assert_answered(wire)
        wire.expect_alive()

    def test_hpack_6_1_indexed(self):
        self.accepts_block(b"\x90")  # accept-encoding: gzip, deflate

    def test_hpack_6_2_1_indexed_name(self):
        self.accepts_block(b"\x7a\x01x")  # user-agent

    def test_hpack_6_2_1_indexed_name_huffman(self):
        self.accepts_block(b"\x7a\x81\xf3")

    def test_hpack_6_2_1_new_name(self):
        self.accepts_block(b"\x40\x04test\x04some")

    def test_hpack_6_2_1_new_name_huffman(self):
        self.accepts_block(b"\x40\x83\x49\x50\x9f\x83\x49\x50\x9f")

    def test_hpack_6_2_2_indexed_name(self):
        self.accepts_block(b"\x0f\x2b\x01x")

    def test_hpack_6_2_2_indexed_name_huffman(self):
        self.accepts_block(b"\x0f\x2b\x81\xf3")

    def test_hpack_6_2_2_new_name(self):
        self.accepts_block(b"\x00\x04test\x04some")

    def test_hpack_6_2_2_new_name_huffman(self):
        self.accepts_block(b"\x00\x83\x49\x50\x9f\x83\x49\x50\x9f")

    def test_hpack_6_2_3_indexed_name(self):
        self.accepts_block(b"\x1f\x2b\x01x")

    def test_hpack_6_2_3_indexed_name_huffman(self):
        self.accepts_block(b"\x1f\x2b\x81\xf3")

    def test_hpack_6_2_3_new_name(self):
        self.accepts_block(b"\x10\x04test\x04some")

    def test_hpack_6_2_3_new_name_huffman(self):
        self.accepts_block(b"\x10\x83\x49\x50\x9f\x83\x49\x50\x9f")

    def test_hpack_6_3_size_update(self):
        self.accepts_block(first=b"\x3f\x11")

    def test_hpack_6_3_two_size_updates(self):
        self.accepts_block(first=b"\x20\x3f\x11")


class Frames(Base):
    """Sections 3 to 5: the preface, frames, the states of streams."""

    def test_3_4_the_server_starts_with_settings(self):
        wire = self.wire(hello=False)
        wire.send(PREFACE, settings())
        self.assertEqual(wire.read_frame().kind, SETTINGS)

    def test_3_4_invalid_preface(self):
        wire = self.wire(hello=False)
        wire.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        while not wire.closed:  # what comes before may be an answer in HTTP/1.1
            wire.fill(5)

    def test_3_4_preface_that_goes_wrong(self):
        wire = self.wire(hello=False)
        wire.send(PREFACE[:-6] + b"XX\r\n\r\n", settings())
        wire.expect_closed()

    def test_3_4_first_frame_is_not_settings(self):
        wire = self.wire(hello=False)
        wire.send(PREFACE, ping())
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_4_1_unknown_type(self):
        wire = self.wire()
        wire.send(frame(0x16, 0, 0, b"12345678"))
        wire.expect_alive()

    def test_4_1_undefined_flags(self):
        wire = self.wire()
        wire.send(frame(PING, 0x16, 0, b"flagged!"))
        found = wire.expect(lambda f: f.kind == PING, "the ACK of PING")
        self.assertEqual((found.flags, found.payload), (ACK, b"flagged!"))

    def test_4_1_reserved_bit(self):
        wire = self.wire()
        wire.send(frame(PING, 0, 0x80000000, b"reserved"))
        found = wire.expect(lambda f: f.kind == PING, "the ACK of PING")
        self.assertEqual((found.flags, found.payload), (ACK, b"reserved"))

    def test_4_2_data_of_16384_bytes(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False),
                  data(1, b"x" * 16384, end=True))
        self.assert_answered(wire)

    def test_4_2_data_too_large(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False),
                  data(1, b"x" * 16385, end=True))
        wire.expect_stream_error(1, FRAME_SIZE_ERROR)

    def test_4_2_headers_too_large(self):
        wire = self.wire()
        fields = wire.fields() + [(f"x-{i}", "y" * 200) for i in range(90)]
        block = wire.block(fields)
        self.assertGreater(len(block), 16384)
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, block))
        wire.expect_connection_error(FRAME_SIZE_ERROR)

    def test_4_3_invalid_block(self):
        wire = self.wire()
        # A literal whose value's length runs past the end.
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x40\x01a\x7f\xff\xff"))
        wire.expect_connection_error(COMPRESSION_ERROR)

    def test_4_3_priority_within_a_block(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0), priority(1),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x", "y")])))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_4_3_headers_of_another_stream_within_a_block(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0), wire.headers(3),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x", "y")])))
        wire.expect_connection_error(PROTOCOL_ERROR)

    # 5.1: what no stream in that state may get.

    def test_5_1_idle_data(self):
        wire = self.wire()
        wire.send(data(1, b"test", end=True))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_idle_rst_stream(self):
        wire = self.wire()
        wire.send(rst_stream(1))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_idle_window_update(self):
        wire = self.wire()
        wire.send(window_update(1, 100))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_idle_continuation(self):
        wire = self.wire()
        wire.send(frame(CONTINUATION, END_HEADERS, 1, wire.block(wire.fields())))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_half_closed_data(self):
        wire = self.wire()
        wire.send(wire.headers(1), data(1, b"test", end=True))
        wire.expect_stream_error(1, STREAM_CLOSED)

    def test_5_1_half_closed_headers(self):
        wire = self.wire()
        wire.send(wire.headers(1), wire.headers(1))
        wire.expect_stream_error(1, STREAM_CLOSED)

    def test_5_1_half_closed_continuation(self):
        wire = self.wire()
        wire.send(wire.headers(1), frame(CONTINUATION, END_HEADERS, 1, wire.block([("x", "y")])))
        wire.expect_stream_error(1, STREAM_CLOSED, PROTOCOL_ERROR)

    def test_5_1_reset_by_the_client_data(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), rst_stream(1), data(1, b"test", end=True))
        wire.expect_stream_error(1, STREAM_CLOSED)

    def test_5_1_reset_by_the_client_headers(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), rst_stream(1), wire.headers(1))
        wire.expect_stream_error(1, STREAM_CLOSED)

    def test_5_1_reset_by_the_client_continuation(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), rst_stream(1),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x", "y")])))
        wire.expect_stream_error(1, STREAM_CLOSED, PROTOCOL_ERROR)

    def test_5_1_closed_data(self):
        wire = self.wire()
        self.closed_stream(wire)
        wire.send(data(1, b"test", end=True))
        wire.expect_stream_error(1, STREAM_CLOSED)

    def test_5_1_closed_headers(self):
        wire = self.wire()
        self.closed_stream(wire)
        wire.send(wire.headers(1))
        wire.expect_connection_error(STREAM_CLOSED)

    def test_5_1_closed_continuation(self):
        wire = self.wire()
        self.closed_stream(wire)
        wire.send(frame(CONTINUATION, END_HEADERS, 1, wire.block([("x", "y")])))
        wire.expect_connection_error(STREAM_CLOSED, PROTOCOL_ERROR)

    def test_5_1_closed_long_ago(self):
        """The server keeps no list of old streams and knows all the same."""
        for what in (lambda wire: wire.headers(3), lambda wire: data(3, b"x")):
            wire = self.wire()
            for stream in range(1, 601, 2):
                self.closed_stream(wire, stream)
            wire.send(what(wire))
            wire.expect_connection_error(STREAM_CLOSED)

    def early_answer(self, wire, stream):
        """The server refuses a call before its body, and resets what is left of it."""
        wire.send(wire.headers(stream, wire.fields("POST", SERVICE + "Echo",
                                                   content_type="text/html"), end=False))
        head = wire.expect(lambda f: f.kind == HEADERS and f.stream == stream, "an answer")
        wire.decoder.decode(head.payload)  # later heads refer to it
        found = wire.expect(lambda f: f.kind == RST_STREAM and f.stream == stream, "RST_STREAM")
        self.assertEqual(found.code, NO_ERROR)

    def test_5_1_what_crosses_a_reset_of_the_server_is_ignored(self):
        wire = self.wire()
        self.early_answer(wire, 1)
        wire.send(data(1, b"on its way"), wire.headers(1, [("x-late", "trailer")]))
        wire.expect_alive()
        wire.send(wire.headers(3))
        self.assert_answered(wire, 3)

    def test_5_1_what_crosses_many_resets_is_ignored(self):
        wire = self.wire()
        streams = range(1, 2 * STREAMS, 2)
        wire.send(*[wire.headers(stream, wire.fields("POST", SERVICE + "Echo",
                                                     content_type="text/html"), end=False)
                    for stream in streams])
        wire.send(*[data(stream, b"on its way", end=True) for stream in streams])
        wire.expect_alive()

    def test_5_1_ignored_data_is_credited(self):
        """What is thrown away still counts against the connection's window."""
        wire = self.wire()
        self.early_answer(wire, 1)
        for _ in range(150):
            wire.send(data(1, b"x" * 16000))
            wire.expect_alive()
        credit = sum(int.from_bytes(f.payload, "big") for f in wire.seen
                     if f.kind == WINDOW_UPDATE_KIND and f.stream == 0)
        self.assertGreater(credit, 1_500_000)

    # 5.1.1 to 5.5

    def test_5_1_1_even_number(self):
        wire = self.wire()
        wire.send(wire.headers(2))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_1_smaller_number(self):
        wire = self.wire()
        wire.send(wire.headers(5), wire.headers(3))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_1_smaller_number_after_the_answer(self):
        wire = self.wire()
        self.closed_stream(wire, 5)
        wire.send(wire.headers(3))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_1_data_of_a_skipped_number(self):
        wire = self.wire()
        self.closed_stream(wire, 5)
        wire.send(data(3, b"x"))
        wire.expect_connection_error(PROTOCOL_ERROR, STREAM_CLOSED)

    def test_5_1_1_smaller_number_in_padded_headers_with_priority(self):
        wire = self.wire()
        wire.send(wire.headers(5), frame(
            HEADERS, END_STREAM | END_HEADERS | PADDED | WITH_PRIORITY, 3,
            b"\x01\0\0\0\0\x10" + wire.block(wire.fields()) + b"\0"))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_5_1_1_numbers_may_be_skipped(self):
        wire = self.wire()
        for stream in (3, 9, 301, 0x7FFFFFFF):
            wire.send(wire.headers(stream))
            self.assert_answered(wire, stream)
        wire.expect_alive()

    def test_5_1_2_too_many_streams(self):
        wire = self.wire()
        wire.send(*[wire.headers(2 * i + 1, end=False) for i in range(STREAMS + 1)])
        wire.expect_stream_error(2 * STREAMS + 1, PROTOCOL_ERROR, REFUSED_STREAM)

    def test_5_1_2_too_many_streams_before_the_settings_are_known(self):
        """A client that has not seen the limit is refused politely, DATA included."""
        wire = self.wire(hello=False)
        wire.send(PREFACE, settings(),
                  *[wire.headers(2 * i + 1, end=False) for i in range(STREAMS + 1)],
                  data(2 * STREAMS + 1, b"on its way", end=True))
        found = wire.expect(lambda f: f.kind in (RST_STREAM, GOAWAY), "RST_STREAM")
        self.assertEqual((found.kind, found.stream, found.code),
                         (RST_STREAM, 2 * STREAMS + 1, REFUSED_STREAM))
        wire.expect_alive()

    def test_5_3_headers_depend_on_themselves(self):
        wire = self.wire()
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1,
                        b"\0\0\0\x01\xff" + wire.block(wire.fields())))
        wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_5_3_priority_depends_on_itself(self):
        wire = self.wire()
        wire.send(priority(2, depends_on=2))
        wire.expect_stream_error(2, PROTOCOL_ERROR)

    def test_5_4_1_closed_after_an_error(self):
        wire = self.wire()
        wire.send(ping(b"short"))
        wire.expect_closed()

    def test_5_4_1_goaway_before_closing(self):
        wire = self.wire()
        wire.send(ping(b"short"))
        wire.expect_connection_error(FRAME_SIZE_ERROR)

    def test_5_5_unknown_extension(self):
        wire = self.wire()
        wire.send(frame(0xF0, 0xFF, 1, b"anything"))
        wire.expect_alive()

    def test_5_5_unknown_extension_within_a_block(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0), frame(0xF0, 0, 1, b"anything"),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x", "y")])))
        wire.expect_connection_error(PROTOCOL_ERROR)


WINDOW_UPDATE_KIND = 8


class Definitions(Base):
    """Section 6 and 7: each type of frame."""

    def fails(self, *frames, code=PROTOCOL_ERROR):
        wire = self.wire()
        wire.send(*frames)
        wire.expect_connection_error(code)

    def test_6_1_data_on_stream_0(self):
        self.fails(data(0, b"test"))

    def test_6_1_data_on_a_stream_that_is_not_open(self):
        wire = self.wire()
        wire.send(wire.headers(1), data(1, b"test", end=True))
        wire.expect_stream_error(1, STREAM_CLOSED)

    def test_6_1_padding_too_long(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False),
                  frame(DATA, END_STREAM | PADDED, 1, b"\x06test"))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_1_get_with_padding_too_long_later(self):
        """A GET is not answered, and so not closed, before its body is there."""
        wire = self.wire()
        wire.send(wire.headers(1, end=False))
        wire.expect_alive()
        wire.expect_alive()
        wire.send(frame(DATA, END_STREAM | PADDED, 1, b"\x06test"))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_2_priority_before_the_block_ends(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0), priority(1))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_2_other_headers_before_the_block_ends(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0), wire.headers(3))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_2_headers_on_stream_0(self):
        wire = self.wire()
        wire.send(wire.headers(0))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_2_padding_too_long(self):
        wire = self.wire()
        block = wire.block(wire.fields())
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1,
                        bytes([len(block) + 1]) + block))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_3_priority_on_stream_0(self):
        self.fails(priority(0))

    def test_6_3_priority_of_another_length(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), frame(PRIORITY, 0, 1, b"\x80\0\0\x01"))
        wire.expect_stream_error(1, FRAME_SIZE_ERROR)

    def test_6_4_rst_stream_on_stream_0(self):
        self.fails(rst_stream(0))

    def test_6_4_rst_stream_on_an_idle_stream(self):
        self.fails(rst_stream(1))

    def test_6_4_rst_stream_of_another_length(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), frame(RST_STREAM, 0, 1, b"\0\0\0"))
        wire.expect_connection_error(FRAME_SIZE_ERROR)

    def test_6_5_ack_with_a_payload(self):
        self.fails(settings((SETTING_STREAMS, 1), flags=ACK), code=FRAME_SIZE_ERROR)

    def test_6_5_settings_on_a_stream(self):
        self.fails(settings((SETTING_STREAMS, 1), stream=1))

    def test_6_5_settings_of_another_length(self):
        self.fails(frame(SETTINGS, 0, 0, b"\0\x03\0"), code=FRAME_SIZE_ERROR)

    def test_6_5_ack_nobody_waits_for(self):
        self.fails(settings(flags=ACK))

    def test_6_5_2_push_of_2(self):
        self.fails(settings((SETTING_PUSH, 2)))

    def test_6_5_2_window_too_large(self):
        self.fails(settings((SETTING_WINDOW, 0x80000000)), code=FLOW_CONTROL_ERROR)

    def test_6_5_2_frame_size_too_small(self):
        self.fails(settings((SETTING_FRAME, 16383)))

    def test_6_5_2_frame_size_too_large(self):
        self.fails(settings((SETTING_FRAME, 16777216)))

    def test_6_5_2_unknown_setting(self):
        wire = self.wire()
        wire.send(settings((0xFF, 1)))
        wire.expect_alive()

    def test_6_5_3_the_last_of_several_values_counts(self):
        wire = self.wire()
        wire.send(settings((SETTING_WINDOW, 100), (SETTING_WINDOW, 1)), wire.headers(1))
        found = wire.expect(lambda f: f.kind == DATA, "DATA")
        self.assertEqual(len(found.payload), 1)

    def test_6_5_3_settings_are_acknowledged(self):
        wire = self.wire()
        wire.send(settings())
        wire.expect(lambda f: f.kind == SETTINGS and f.flags & ACK, "the ACK of SETTINGS")

    def test_6_6_and_8_4_push_promise(self):
        wire = self.wire()
        wire.send(frame(PUSH_PROMISE, END_HEADERS, 1,
                        struct.pack(">I", 2) + wire.block(wire.fields())))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_7_ping_is_echoed(self):
        wire = self.wire()
        wire.send(ping(b"echo me!"))
        found = wire.expect(lambda f: f.kind == PING, "the ACK of PING")
        self.assertEqual((found.flags, found.payload), (ACK, b"echo me!"))

    def test_6_7_ack_is_not_answered(self):
        wire = self.wire()
        wire.send(ping(b"no reply", flags=ACK), ping(b"reply to"))
        found = wire.expect(lambda f: f.kind == PING, "the ACK of PING")
        self.assertEqual(found.payload, b"reply to")

    def test_6_7_ping_on_a_stream(self):
        self.fails(ping(stream=1))

    def test_6_7_ping_of_another_length(self):
        self.fails(ping(b"123456"), code=FRAME_SIZE_ERROR)

    def test_6_8_goaway_on_a_stream(self):
        self.fails(goaway(stream=1))

    def test_6_8_goaway_too_short(self):
        self.fails(frame(GOAWAY, 0, 0, b"\0\0\0\0"), code=FRAME_SIZE_ERROR)

    def test_6_9_window_update_of_0(self):
        self.fails(window_update(0, 0))

    def test_6_9_window_update_of_0_on_a_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), window_update(1, 0))
        wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_6_9_window_update_of_another_length(self):
        self.fails(frame(WINDOW_UPDATE_KIND, 0, 0, b"\0\0\x01"), code=FRAME_SIZE_ERROR)

    def test_6_9_1_answers_keep_to_the_window(self):
        wire = self.wire()
        wire.send(settings((SETTING_WINDOW, 1)), wire.headers(1))
        found = wire.expect(lambda f: f.kind == DATA, "DATA")
        self.assertEqual((len(found.payload), found.ends), (1, False))
        wire.expect_alive()
        self.assertEqual(len([f for f in wire.seen if f.kind == DATA]), 1)
        wire.send(window_update(1, 100_000))
        wire.expect(lambda f: f.ends, "the rest")

    def test_6_9_1_connection_window_overflows(self):
        self.fails(window_update(0, 0x7FFFFFFF), window_update(0, 0x7FFFFFFF),
                   code=FLOW_CONTROL_ERROR)

    def test_6_9_1_stream_window_overflows(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), window_update(1, 0x7FFFFFFF),
                  window_update(1, 0x7FFFFFFF))
        wire.expect_stream_error(1, FLOW_CONTROL_ERROR)

    def test_6_9_1_the_client_exceeds_the_window(self):
        """A handler that waits for its reader takes no more: nor may the client send more."""
        wire = self.wire((SETTING_WINDOW, 0))
        wire.send(wire.headers(1, wire.fields("POST", SERVICE + "Chat",
                                              content_type="application/grpc"), end=False))
        wire.send(*[data(1, envelope(text_field("x" * 8000))) for _ in range(60)])
        wire.expect_stream_error(1, FLOW_CONTROL_ERROR)

    def test_6_9_2_the_initial_window_changes_open_streams(self):
        wire = self.wire()
        wire.send(settings((SETTING_WINDOW, 0)), wire.headers(1))
        wire.expect(lambda f: f.kind == HEADERS, "HEADERS")
        wire.expect_alive()
        self.assertFalse([f for f in wire.seen if f.kind == DATA])
        wire.send(settings((SETTING_WINDOW, 1)))
        self.assertEqual(len(wire.expect(lambda f: f.kind == DATA, "DATA").payload), 1)

    def test_6_9_2_windows_may_be_negative(self):
        wire = self.wire()
        wire.send(settings((SETTING_WINDOW, 3)), wire.headers(1))
        self.assertEqual(len(wire.expect(lambda f: f.kind == DATA, "DATA").payload), 3)
        wire.send(settings((SETTING_WINDOW, 2)), window_update(1, 2))
        self.assertEqual(len(wire.expect(lambda f: f.kind == DATA, "DATA").payload), 1)

    def test_6_9_2_initial_window_too_large(self):
        self.fails(settings((SETTING_WINDOW, 0x80000000)), code=FLOW_CONTROL_ERROR)

    def test_6_9_2_initial_window_overflows_a_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), window_update(1, 0x7FFFFFFF - 65535),
                  settings((SETTING_WINDOW, 0x7FFFFFFF)))
        wire.expect_stream_error(1, FLOW_CONTROL_ERROR)

    def test_6_10_several_continuations(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0),
                  frame(CONTINUATION, 0, 1, wire.block([("x-one", "1")])),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x-two", "2")])))
        self.assert_answered(wire)

    def test_6_10_another_frame_after_continuation(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0, end=False),
                  frame(CONTINUATION, 0, 1, wire.block([("x-one", "1")])), data(1, b"test"))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_10_continuation_on_stream_0(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0),
                  frame(CONTINUATION, END_HEADERS, 0, wire.block([("x-one", "1")])))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_10_continuation_of_another_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0),
                  frame(CONTINUATION, END_HEADERS, 3, wire.block([("x-one", "1")])))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_10_continuation_after_a_whole_block(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x-one", "1")])))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_10_continuation_after_the_last_continuation(self):
        wire = self.wire()
        wire.send(wire.headers(1, flags=0, end=False),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x-one", "1")])),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x-two", "2")])))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_6_10_continuation_after_data(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), data(1, b"test"),
                  frame(CONTINUATION, END_HEADERS, 1, wire.block([("x-one", "1")])))
        wire.expect_connection_error(PROTOCOL_ERROR)

    def test_7_goaway_with_an_unknown_code(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), goaway(0xFF), data(1, b"", end=True))
        self.assert_answered(wire)

    def test_7_rst_stream_with_an_unknown_code(self):
        wire = self.wire()
        wire.send(wire.headers(1, end=False), rst_stream(1, 0xFF))
        wire.expect_alive()


class Messages(Base):
    """Section 8: requests that are malformed end their stream, never the server."""

    def malformed(self, fields, *frames, end=True):
        wire = self.wire()
        wire.send(wire.headers(1, fields(wire), end=end), *frames)
        wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_8_1_second_headers_without_end_stream(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False),
                  wire.headers(1, [("x-test", "ok")], end=False))
        wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_8_1_malformed_trailers(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False),
                  wire.headers(1, [("connection", "close")]))
        wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_8_1_1_length_of_one_data(self):
        self.malformed(lambda wire: wire.fields("POST", content_length="1"),
                       data(1, b"test", end=True), end=False)

    def test_8_1_1_length_of_several_data(self):
        self.malformed(lambda wire: wire.fields("POST", content_length="1"),
                       data(1, b"te"), data(1, b"st", end=True), end=False)

    def test_8_1_1_length_of_less_data(self):
        self.malformed(lambda wire: wire.fields("POST", content_length="10"),
                       data(1, b"test", end=True), end=False)

    def test_8_1_1_length_without_data(self):
        self.malformed(lambda wire: wire.fields("POST", content_length="10"))

    def test_8_1_1_two_lengths(self):
        self.malformed(lambda wire: wire.fields("POST") + [("content-length", "4"),
                                                           ("content-length", "5")],
                       data(1, b"test", end=True), end=False)

    def test_8_2_upper_case_name(self):
        # By hand: encoders know better.
        wire = self.wire()
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1,
                        wire.block(wire.fields()) + b"\x00\x06X-TEST\x02ok"))
        wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_8_2_1_characters(self):
        for name, value in ((b"x y", b"ok"), (b"x\ny", b"ok"), (b"x:y", b"ok"), (b"x\xe9", b"ok"),
                            (b"", b"ok"), (b"x", b"o\nk"), (b"x", b"o\0k"), (b"x", b"o\rk")):
            with self.subTest(name=name, value=value):
                wire = self.wire()
                field = b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value
                wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1,
                                wire.block(wire.fields()) + field))
                wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_8_2_2_connection(self):
        for name in ("connection", "keep-alive", "proxy-connection", "transfer-encoding",
                     "upgrade"):
            with self.subTest(name):
                self.malformed(lambda wire, name=name: wire.fields() + [(name, "keep-alive")])

    def test_8_2_2_te_other_than_trailers(self):
        self.malformed(lambda wire: wire.fields(te="trailers, deflate"))

    def test_8_2_2_te_trailers(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields(te="trailers")))
        self.assert_answered(wire)

    def test_8_3_unknown_pseudo_header(self):
        self.malformed(lambda wire: wire.fields() + [(":test", "ok")])

    def test_8_3_unknown_pseudo_header_in_front(self):
        self.malformed(lambda wire: [(":test", "ok")] + wire.fields())

    def test_8_3_pseudo_header_of_answers(self):
        self.malformed(lambda wire: wire.fields()[:3] + [(":status", "200")])

    def test_8_3_pseudo_header_in_trailers(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST"), end=False), data(1, b"test"),
                  wire.headers(1, [(":method", "200")]))
        wire.expect_stream_error(1, PROTOCOL_ERROR)

    def test_8_3_pseudo_header_after_others(self):
        self.malformed(lambda wire: wire.fields()[:3] + [("x-test", "ok")] + wire.fields()[3:])

    def test_8_3_1_empty_path(self):
        self.malformed(lambda wire: wire.fields(path=""))

    def test_8_3_1_path_without_slash(self):
        self.malformed(lambda wire: wire.fields(path="index.html"))

    def without(self, name):
        self.malformed(lambda wire: [field for field in wire.fields() if field[0] != name])

    def test_8_3_1_no_method(self):
        self.without(":method")

    def test_8_3_1_no_scheme(self):
        self.without(":scheme")

    def test_8_3_1_no_path(self):
        self.without(":path")

    def twice(self, name):
        self.malformed(lambda wire: [
            field for one in wire.fields() for field in ([one] * 2 if one[0] == name else [one])])

    def test_8_3_1_two_methods(self):
        self.twice(":method")

    def test_8_3_1_two_schemes(self):
        self.twice(":scheme")

    def test_8_3_1_two_paths(self):
        self.twice(":path")

    def test_8_3_1_two_authorities(self):
        self.twice(":authority")

    def test_8_3_1_host_that_differs(self):
        self.malformed(lambda wire: wire.fields(host="elsewhere"))

    def test_8_3_1_two_hosts(self):
        self.malformed(lambda wire: wire.fields() + [("host", "localhost")] * 2)

    def test_8_3_1_host_that_agrees(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields(host="localhost")))
        self.assert_answered(wire)

    def test_8_3_1_host_instead_of_authority(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields()[:3] + [("host", "localhost")]))
        self.assert_answered(wire)

    def test_8_5_connect_is_refused(self):
        wire = self.wire()
        wire.send(wire.headers(1, [(":method", "CONNECT"), (":authority", "localhost:1")],
                               end=False))
        found = wire.expect(lambda f: f.stream == 1, "a refusal")
        if found.kind == HEADERS:
            self.assertRegex(dict(wire.decoder.decode(found.payload))[":status"], r"^[45]")
        else:
            self.assertEqual(found.kind, RST_STREAM)
        wire.expect_alive()

    def test_a_call_among_all_this(self):
        wire = self.wire()
        wire.send(wire.headers(1, wire.fields("POST", SERVICE + "Echo", te="trailers",
                                              content_type="application/grpc"), end=False),
                  data(1, envelope(text_field("x")), end=True))
        self.assertEqual(wire.expect_answer(1)[1], envelope(text_field("x")))


class Hpack(Base):
    """RFC 7541: what cannot be decoded ends the connection."""

    def fails(self, tail, *more):
        wire = self.wire()
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, wire.block(wire.fields()) + tail),
                  *more)
        wire.expect_connection_error(COMPRESSION_ERROR)

    def test_2_3_3_indexed_beyond_the_tables(self):
        self.fails(b"\xff\x10")

    def test_2_3_3_literal_beyond_the_tables(self):
        self.fails(b"\x7f\x10\x04test")

    def test_4_2_size_update_at_the_end(self):
        self.fails(b"\x20")

    def test_4_2_size_update_must_follow_a_smaller_setting(self):
        """The server never makes its table smaller: none is due."""
        wire = self.wire((SETTING_TABLE, 0))
        wire.send(wire.headers(1))
        self.assert_answered(wire)

    def test_5_1_integer_too_large(self):
        self.fails(b"\xff" + b"\xff" * 8 + b"\x01")

    def test_5_2_padding_longer_than_7_bits(self):
        self.fails(b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")

    def test_5_2_padding_of_zeroes(self):
        self.fails(b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")

    def test_5_2_end_of_string_symbol(self):
        self.fails(b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f")

    def test_6_1_index_0(self):
        self.fails(b"\x80")

    def test_6_3_size_update_above_the_setting(self):
        wire = self.wire()
        wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1,
                        b"\x3f\xe1\xff\x03" + wire.block(wire.fields())))
        wire.expect_connection_error(COMPRESSION_ERROR)


# --- both transports ---

class Cleartext:
    @classmethod
    def setUpClass(cls):
        cls.server = EchoServer()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def connect(self):
        return self.server.connect()


class Secure:
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        certificate, key = (str(pathlib.Path(cls.folder.name) / name)
                            for name in ("cert.pem", "key.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                        certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        cls.context = ssl.create_default_context(cafile=certificate)
        cls.context.set_alpn_protocols(["h2"])
        cls.server = EchoServer(certificate, key, *cls.arguments)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def connect(self):
        sock = self.context.wrap_socket(self.server.connect(), server_hostname="localhost")
        self.assertEqual(sock.selected_alpn_protocol(), "h2")
        return sock


for _cases in (Accepted, Frames, Definitions, Messages, Hpack):
    for _transport in (Cleartext, Secure):
        _name = f"{_cases.__name__}{_transport.__name__}"
        globals()[_name] = type(_name, (_transport, _cases, unittest.TestCase), {})


if __name__ == "__main__":
    unittest.main()
