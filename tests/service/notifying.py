"""Notifications as handlers leave them to the outbox, and waiting for them."""

import struct

from harness import eventually

LIST = "notification.v1.NotificationService/ListNotifications"
MARK = "notification.v1.NotificationService/MarkNotificationsRead"


def varint(number):
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def notify(world, player, *texts, channel=0, sequence=0, character=0, subject=0):
    """By the outbox, as handlers do for accounts of others."""
    rows = []
    for text in texts:
        data = text.encode()
        message = b"\x10\x01\x1a" + varint(len(data)) + data
        for field, value in ((6, channel), (7, sequence), (8, character), (9, subject)):
            message += bytes([field << 3]) + varint(value) if value else b""
        payload = struct.pack(">q", int(player.session["account"]["id"])) + message
        rows.append(f"('notify.account', '\\x{payload.hex()}')")
    world.psql(f"INSERT INTO outbox (kind, payload) VALUES {', '.join(rows)}")


def texts(answer):
    return [n["text"] for n in answer.get("notifications", [])]


def delivered(player, count):
    """Waits until so many are stored; the newest page."""
    answer = {}

    def check():
        answer.update(player.api.call(LIST, {"pageSize": 200}))
        return len(answer.get("notifications", [])) == count

    assert eventually(check), f"{len(answer.get('notifications', []))} of {count} came"
    return answer
