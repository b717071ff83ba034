"""What hostile peers send over HTTP/2: used by the tests, which ask whether the server lives, and
by the bench, which asks how its other clients fare. Everything is bounded and ends by itself.

Each attack is a generator of batches of bytes. FLOODS must get the connection closed; it is told
how many frames of a kind that costs tokens are in a batch, so that the line can be found.
"""

import struct

from h2_wire import (
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PREFACE, PRIORITY,
    RST_STREAM, SETTING_WINDOW, WITH_PRIORITY, data, frame, goaway, ping,
    priority, rst_stream, settings, window_update)

HELLO = PREFACE + settings()
BATCH = 100
BATCHES = 300  # 30,000 hostile frames, thirty times what the bucket holds


def literal(name, value):
    """A field that enters no table."""
    def text(value):
        value = value.encode()
        assert len(value) < 127
        return bytes([len(value)]) + value
    return b"\x00" + text(name) + text(value)


class Request:
    """The head of a small call, without state, so that a flood of them is cheap to make."""

    def __init__(self, path, content_type="application/grpc"):
        self.block = b"\x83\x86" + b"\x04" + bytes([len(path)]) + path.encode() + b"\x01\x01x" + \
            literal("content-type", content_type)

    def headers(self, stream, end=False, extra=b"", flags=END_HEADERS):
        return frame(HEADERS, flags | (END_STREAM if end else 0), stream, self.block + extra)


def per_stream(make):
    """Batches of hostile frames on streams of their own."""
    for batch in range(BATCHES):
        yield BATCH, b"".join(make(2 * (batch * BATCH + i) + 1) for i in range(BATCH))


def repeated(data_, first=b""):
    if first:
        yield 0, first
    for _ in range(BATCHES):
        yield BATCH, data_ * BATCH


# --- streams that the server has to reset, or that are reset before they cost the client ---

def rapid_reset(request):
    return per_stream(lambda s: request.headers(s) + rst_stream(s))


def rapid_reset_of_whole_requests(request):
    return per_stream(lambda s: request.headers(s) + data(s, b"\0" * 5, end=True) + rst_stream(s))


def made_reset_by_window_update_of_0(request):
    return per_stream(lambda s: request.headers(s) + window_update(s, 0))


def made_reset_by_window_overflow(request):
    return per_stream(lambda s: request.headers(s) + window_update(s, 0x7FFFFFFF))


def made_reset_by_data_after_end(request):
    return per_stream(lambda s: request.headers(s, end=True) + data(s, b"more"))


def made_reset_by_headers_after_end(request):
    return per_stream(lambda s: request.headers(s, end=True) + request.headers(s, end=True))


def made_reset_by_own_dependency(request):
    return per_stream(lambda s: request.headers(s) + priority(s, depends_on=s))


def made_reset_by_headers_with_own_dependency(request):
    return per_stream(lambda s: frame(HEADERS, END_HEADERS | WITH_PRIORITY, s,
                                      struct.pack(">IB", s, 1) + request.block))


def made_reset_by_priority_length(request):
    return per_stream(lambda s: request.headers(s) + frame(PRIORITY, 0, s, b"\0" * 4))


def made_reset_by_rst_length(request):
    return per_stream(lambda s: request.headers(s) + frame(RST_STREAM, 0, s, b"\0" * 3))


def made_reset_by_content_length(request):
    extra = literal("content-length", "1")
    return per_stream(lambda s: request.headers(s, extra=extra) + data(s, b"more", end=True))


def made_reset_by_malformed_headers(request):
    extra = literal("Upper-Case", "1")
    return per_stream(lambda s: request.headers(s, extra=extra))


def made_reset_by_trailers_without_end(request):
    return per_stream(lambda s: request.headers(s) +
                      frame(HEADERS, END_HEADERS, s, literal("x", "y")))


def made_reset_by_too_many_streams(request):
    return per_stream(request.headers)


def refused_early(request):
    """Calls that are answered before their body, which the server must then reset."""
    other = Request("/waystone.testing.v1.EchoService/Echo", "text/html")
    return per_stream(other.headers)


# --- frames that are cheaper to send than to take ---

def pings(request):
    return repeated(ping())


def ping_acks(request):
    return repeated(ping(flags=ACK))


def settings_frames(request):
    return repeated(settings())


def settings_with_entries(request):
    return repeated(settings(*[(SETTING_WINDOW, 65535 + i) for i in range(30)]))


def settings_acks(request):
    return repeated(settings(flags=ACK))


def priorities(request):
    return per_stream(lambda s: priority(s))


def priority_tree(request):
    return per_stream(lambda s: priority(s, depends_on=s - 2 if s > 2 else 0, exclusive=True))


def empty_data(request):
    return repeated(data(1, b""), request.headers(1))


def padded_empty_data(request):
    return repeated(frame(DATA, PADDED, 1, b"\x03\0\0\0"), request.headers(1))


def window_updates(request):
    return repeated(window_update(0, 1))


def window_updates_of_a_stream(request):
    return repeated(window_update(1, 1), request.headers(1))


def window_updates_of_a_closed_stream(request):
    return repeated(window_update(1, 1), request.headers(1) + rst_stream(1))


def resets_of_a_closed_stream(request):
    return repeated(rst_stream(1), request.headers(1))


def unknown_frames(request):
    return repeated(frame(0xF7, 0, 0, b"anything"))


def goaways(request):
    return repeated(goaway(), request.headers(1))


def continuations(request):
    return repeated(frame(CONTINUATION, 0, 1, literal("a", "b")), request.headers(1, flags=0))


def empty_continuations(request):
    return repeated(frame(CONTINUATION, 0, 1), request.headers(1, flags=0))


def large_continuations(request):
    return repeated(frame(CONTINUATION, 0, 1, literal("a", "b" * 100) * 140),
                    request.headers(1, flags=0))


# --- heads that are small on the wire ---

def header_bomb(request):
    """One entry of 4,000 bytes in the table, named 16,000 times a request: 64 MB each."""
    value = b"v" * 4000
    length = b"\x7f" + bytes([(4000 - 127) & 0x7F | 0x80, (4000 - 127) >> 7])
    entry = b"\x40\x01x" + length + value
    yield BATCH, request.headers(1, end=True, extra=entry)
    for number in range(1, 200):
        yield BATCH * 20, request.headers(2 * number + 1, end=True, extra=b"\xbe" * 16000)


def large_heads(request):
    extra = literal("x", "y" * 100) * 155
    for batch in range(BATCHES):
        yield 10, b"".join(
            request.headers(2 * (batch * 10 + i) + 1, end=True, extra=extra, flags=0) +
            frame(CONTINUATION, 0, 2 * (batch * 10 + i) + 1, extra) +
            frame(CONTINUATION, END_HEADERS, 2 * (batch * 10 + i) + 1, extra)
            for i in range(10))


FLOODS = [
    rapid_reset, rapid_reset_of_whole_requests, made_reset_by_window_update_of_0,
    made_reset_by_window_overflow, made_reset_by_data_after_end, made_reset_by_headers_after_end,
    made_reset_by_own_dependency, made_reset_by_headers_with_own_dependency,
    made_reset_by_priority_length, made_reset_by_rst_length, made_reset_by_content_length,
    made_reset_by_malformed_headers, made_reset_by_trailers_without_end,
    made_reset_by_too_many_streams, refused_early, pings, ping_acks, settings_frames,
    settings_with_entries, settings_acks, priorities, priority_tree, empty_data,
    padded_empty_data, window_updates, window_updates_of_a_stream,
    window_updates_of_a_closed_stream, resets_of_a_closed_stream, unknown_frames, goaways,
    continuations, empty_continuations, large_continuations, header_bomb, large_heads]
