"""EventService over every protocol and transport that a browser or a tool may use: the same events."""

import base64
import http.client
import json
import unittest

from engine_test import H2, envelope
from event_stream import DELIVERIES, FOLLOW, SUBSCRIBE, narrow_socket
from google.protobuf import json_format
from harness import SIGN_OUT, Player, World, metric
from waystone.event.v1 import event_pb2
from waystone.live.v1 import live_pb2

END_CONNECT, END_GRPC_WEB = 0x02, 0x80
UNAUTHENTICATED = "16"
world = None


def setUpModule():
    global world
    world = World("event-protocols", http__loops=1)


def tearDownModule():
    world.close()


class Http1:
    """A call's bytes over HTTP/1.1."""

    def __init__(self, path, body, headers):
        self.connection = http.client.HTTPConnection("127.0.0.1", world.server.port, timeout=10)
        self.connection.sock = narrow_socket(world.server)
        self.connection.request("POST", path, body, headers)
        self.answer = self.connection.getresponse()
        self.trailers = dict(self.answer.getheaders())  # what ends before it begins has no others

    def read(self):
        return self.answer.read1(65536)

    def close(self):
        self.connection.close()


class Http2:
    """The same over HTTP/2."""

    def __init__(self, path, body, headers):
        self.client, self.taken = H2(narrow_socket(world.server)), 0
        kind = headers.pop("content-type")
        self.stream = self.client.open(path, content_type=kind, **headers)
        self.client.send(self.stream, body, end=True)

    def read(self):
        client, stream = self.client, self.stream
        client.until(lambda: len(client.bodies.get(stream, b"")) > self.taken
                     or stream in client.ended or stream in client.resets, 10)
        piece = client.bodies.get(stream, b"")[self.taken:]
        self.taken += len(piece)
        return piece

    @property
    def trailers(self):
        return {**self.client.headers.get(self.stream, {}),
                **self.client.trailers.get(self.stream, {})}

    def close(self):
        self.client.sock.close()


class Protocol:
    """How messages are written and calls end."""

    def __init__(self, content_type, unary_type, transport):
        self.content_type, self.unary_type, self.transport = content_type, unary_type, transport
        self.is_json, self.is_text = "json" in content_type, "text" in content_type

    def encode(self, message):
        return json_format.MessageToJson(message).encode() if self.is_json \
            else message.SerializeToString()

    def decode(self, data):
        return json_format.Parse(data, event_pb2.SubscribeResponse()) if self.is_json \
            else event_pb2.SubscribeResponse.FromString(data)

    def call(self, method, message, token, unary=False):
        kind = self.unary_type if unary else self.content_type
        data = self.encode(message)
        if not unary or "grpc" in kind:
            data = envelope(data)
        if self.is_text:
            data = base64.b64encode(data)
        headers = {"content-type": kind, "authorization": f"Bearer {token}"}
        if "grpc" not in kind:
            headers["connect-protocol-version"] = "1"
        return self.transport(f"/waystone.{method}", data, headers)


class Stream:
    """Subscribe, one event after the other."""

    def __init__(self, protocol, token, follow):
        self.protocol, self.data, self.text = protocol, b"", b""
        self.wire = protocol.call(SUBSCRIBE, event_pb2.SubscribeRequest(follow=follow), token)

    def more(self):
        """Whether more came. Of base64 each group of four stands alone."""
        piece = self.wire.read()
        if self.protocol.is_text:
            self.text += piece
            whole = len(self.text) // 4 * 4
            groups, self.text = self.text[:whole], self.text[whole:]
            self.data += b"".join(base64.b64decode(groups[i:i + 4], validate=True)
                                  for i in range(0, whole, 4))
        else:
            self.data += piece
        return bool(piece)

    def take(self, count):
        while len(self.data) < count:
            if not self.more():
                assert not self.data, f"the stream ended inside an envelope: {self.data}"
                return None
        piece, self.data = self.data[:count], self.data[count:]
        return piece

    def next(self):
        """(the event's name, the event), or ("end", the status)."""
        head = self.take(5)
        if head is None:
            return "end", self.wire.trailers["grpc-status"]
        payload = self.take(int.from_bytes(head[1:], "big"))
        if head[0] == END_CONNECT:
            return "end", json.loads(payload)["error"]["code"]
        if head[0] == END_GRPC_WEB:
            lines = dict(line.split(": ", 1) for line in payload.decode().splitlines())
            return "end", lines["grpc-status"]
        event = self.protocol.decode(payload)
        name = event.WhichOneof("event")
        return name, getattr(event, name)

    def until(self, *names):
        while True:
            name, event = self.next()
            if name in names or name == "end":
                return name, event


PROTOCOLS = [("application/grpc", Http2), *(
    (kind, transport) for kind in ("application/grpc-web+proto", "application/grpc-web-text",
                                   "application/connect+proto", "application/connect+json")
    for transport in (Http1, Http2))]


class EveryProtocol(unittest.TestCase):
    def follows(self, *protocol):
        protocol = Protocol(*protocol)
        player = Player(world.server)
        channel = event_pb2.Following(topic=live_pb2.Topic(
            kind=live_pb2.TOPIC_KIND_CHANNEL, id=int(player.channel)))
        stream = Stream(protocol, player.token, [channel])
        self.addCleanup(stream.wire.close)
        name, opened = stream.next()
        self.assertEqual(name, "opened")
        self.assertEqual(stream.until("caught_up")[0], "caught_up")
        said = [player.say(f"message {number} äöü") for number in range(20)]
        for one in said:
            name, message = stream.until("message")
            self.assertEqual((name, message.sequence, message.text),
                             ("message", int(one["sequence"]), one["text"]))
        self.follows_more(protocol, player, stream, opened.subscription_id)
        player.api.call(SIGN_OUT)
        name, status = stream.until("end")
        self.assertEqual(name, "end")
        self.assertIn(status, (UNAUTHENTICATED, "unauthenticated"))

    def follows_more(self, protocol, player, stream, subscription_id):
        """By the unary call in the same protocol."""
        account = event_pb2.Following(topic=live_pb2.Topic(kind=live_pb2.TOPIC_KIND_ACCOUNT))
        answer = protocol.call(FOLLOW, event_pb2.FollowRequest(
            subscription_id=subscription_id, follow=[account]), player.token, unary=True)
        self.addCleanup(answer.close)
        name, mark = stream.until("caught_up", "ended")
        self.assertEqual((name, mark.topic.kind), ("caught_up", live_pb2.TOPIC_KIND_ACCOUNT))

    def test_grpc(self):
        self.follows("application/grpc", "application/grpc", Http2)

    def test_grpc_web_over_http1(self):
        self.follows("application/grpc-web+proto", "application/grpc-web+proto", Http1)

    def test_grpc_web_over_http2(self):
        self.follows("application/grpc-web+proto", "application/grpc-web+proto", Http2)

    def test_grpc_web_text_over_http1(self):
        self.follows("application/grpc-web-text", "application/grpc-web-text", Http1)

    def test_grpc_web_text_over_http2(self):
        self.follows("application/grpc-web-text", "application/grpc-web-text", Http2)

    def test_connect_over_http1(self):
        self.follows("application/connect+proto", "application/proto", Http1)

    def test_connect_over_http2(self):
        self.follows("application/connect+proto", "application/proto", Http2)

    def test_connect_json_over_http1(self):
        self.follows("application/connect+json", "application/json", Http1)

    def test_connect_json_over_http2(self):
        self.follows("application/connect+json", "application/json", Http2)

    def test_who_reads_slowly_gets_everything_in_each(self):
        """More is said than buffers and windows, and the server's ring of newest events, hold."""
        player = Player(world.server)
        channel = event_pb2.Following(topic=live_pb2.Topic(
            kind=live_pb2.TOPIC_KIND_CHANNEL, id=int(player.channel)))
        streams = {}
        for kind, transport in PROTOCOLS:
            stream = streams[kind, transport] = Stream(Protocol(kind, kind, transport),
                                                       player.token, [channel])
            self.addCleanup(stream.wire.close)
            self.assertEqual(stream.until("caught_up")[0], "caught_up")
        before = metric(world.server, DELIVERIES)
        said = [int(player.say(f"{number} {'ä' * 490}")["sequence"]) for number in range(1500)]
        sent = metric(world.server, DELIVERIES) - before
        self.assertLess(sent, len(said) * len(streams) / 2, "who does not read was sent it all")
        for key, stream in streams.items():
            with self.subTest(key):
                heard = [stream.until("message")[1].sequence for _ in said]
                self.assertEqual(heard, said)

    def test_a_stranger_is_refused_in_each(self):
        for kind, transport in (("application/grpc", Http2),
                                ("application/grpc-web+proto", Http1),
                                ("application/grpc-web-text", Http2),
                                ("application/connect+proto", Http1),
                                ("application/connect+json", Http2)):
            with self.subTest(kind):
                stream = Stream(Protocol(kind, kind, transport), "nonsense", [])
                self.addCleanup(stream.wire.close)
                name, status = stream.until("end")
                self.assertIn(status, (UNAUTHENTICATED, "unauthenticated"))
                self.assertEqual(name, "end")


if __name__ == "__main__":
    unittest.main()
