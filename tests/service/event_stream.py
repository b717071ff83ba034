"""A client of EventService."""

import socket

from harness import Api, Stream

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


class EventStream(Stream):
    """EventService.Subscribe: any topics; `id` is the stream's name for Follow."""

    def __init__(self, server, token, follow=(), timeout_s=30, narrow=False):
        super().__init__(server, token, SUBSCRIBE, {"follow": list(follow)}, timeout_s,
                         narrow_socket(server, timeout_s) if narrow else None)
        self.server, self.token = server, token
        self.id = self.next_event()["opened"]["subscriptionId"] if self.status == 200 else None

    def until_caught_up(self, of):
        """What comes before the mark of a topic, and the mark's number."""
        before = []
        for event in self.in_time():
            mark = event.get("caughtUp")
            if mark and mark["topic"] == of:
                return before, int(mark.get("lastSequence", 0))
            before.append(event)
        raise TimeoutError(f"no mark of {of} came, but {before}")

    def follow(self, follow=(), unfollow=(), server=None):
        """Changes what is followed, by the unary call, at this server or another."""
        return Api(server or self.server, self.token).call(FOLLOW, {
            "subscriptionId": self.id, "follow": list(follow), "unfollow": list(unfollow)})
