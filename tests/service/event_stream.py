"""A client of EventService: Connect JSON over HTTP/1.1, one envelope at a time."""

import json
import socket
import struct
import time

from harness import Api

SUBSCRIBE = "event.v1.EventService/Subscribe"
FOLLOW = "event.v1.EventService/Follow"

ACCOUNT, CHANNEL, PRESENCE = ("TOPIC_KIND_ACCOUNT", "TOPIC_KIND_CHANNEL", "TOPIC_KIND_PRESENCE")


DELIVERIES = "waystone_hub_deliveries_total"  # messages given to streams' connections


def narrow_socket(server, timeout_s=10):
    """A peer that takes little: without the small segments the kernel itself would hold megabytes
    for one that does not read."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    narrow.settimeout(timeout_s)
    narrow.connect(("127.0.0.1", server.port))
    return narrow


def topic(kind, number=0):
    """A topic as JSON has it: what is 0 is not written."""
    return {"kind": kind, **({"id": str(number)} if int(number) else {})}


def following(kind, number=0, after=None):
    return {"topic": topic(kind, number), **({} if after is None else {"after": str(after)})}


class EventStream:
    """An open stream; `id` is its name for Follow."""

    def __init__(self, server, token, follow=(), timeout_s=30, narrow=False):
        self.server, self.token = server, token
        self.connection = Api(server).connect(timeout_s)
        if narrow:
            self.connection.sock = narrow_socket(server, timeout_s)
        body = json.dumps({"follow": list(follow)}).encode()
        self.connection.request("POST", f"/waystone.{SUBSCRIBE}",
                                b"\0" + len(body).to_bytes(4, "big") + body, {
            "Content-Type": "application/connect+json", "Connect-Protocol-Version": "1",
            "Authorization": f"Bearer {token}"})
        self.answer = self.connection.getresponse()
        self.id = self.receive()["opened"]["subscriptionId"] if self.answer.status == 200 else None

    def _read(self, count):
        data = b""
        while len(data) < count:
            piece = self.answer.read(count - len(data))
            if not piece:
                raise EOFError(f"the stream ended inside an envelope ({len(data)} of {count})")
            data += piece
        return data

    def receive_any(self):
        """The next envelope: ("event", {...}) or ("end", {...})."""
        flags, *length = self._read(5)
        payload = json.loads(self._read(int.from_bytes(bytes(length), "big")) or b"{}")
        return ("end" if flags & 2 else "event"), payload

    def receive(self):
        kind, payload = self.receive_any()
        if kind == "end":
            raise EOFError(f"the stream ended: {payload}")
        return payload

    def _in_time(self, limit_s=20):
        """Events until the time is over: heartbeats keep a stream from timing out."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            yield self.receive()

    def next(self, *names):
        """The next event of one of the given kinds, others passed over: (name, event)."""
        passed_over = []
        for event in self._in_time():
            for name in names:
                if name in event:
                    return name, event[name]
            passed_over.append(event)
        raise TimeoutError(f"none of {names} came, but {passed_over}")

    def next_message(self):
        return self.next("message")[1]

    def until_caught_up(self, of):
        """What comes before the mark of a topic, and the mark's number."""
        before = []
        for event in self._in_time():
            mark = event.get("caughtUp")
            if mark and mark["topic"] == of:
                return before, int(mark.get("lastSequence", 0))
            before.append(event)
        raise TimeoutError(f"no mark of {of} came, but {before}")

    def follow(self, follow=(), unfollow=(), server=None):
        """Changes what is followed, by the unary call, at this server or another."""
        return Api(server or self.server, self.token).call(FOLLOW, {
            "subscriptionId": self.id, "follow": list(follow), "unfollow": list(unfollow)})

    def close(self):
        self.answer.close()
        self.connection.close()

    def vanish(self):
        """Leaves without a word: the connection is reset."""
        if self.connection.sock is not None:
            self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                            struct.pack("ii", 1, 0))
        self.close()
