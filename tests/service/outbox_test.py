"""The outbox: work recorded with a change is done once, whatever is killed or forgotten meanwhile."""

import concurrent.futures
import os
import signal
import socket
import struct
import unittest
import uuid

from harness import SEND_MESSAGE, Player, World, eventually

LIST_NOTIFICATIONS = "notification.v1.NotificationService/ListNotifications"
MENTION = 1
world = None


def setUpModule():
    global world
    world = World("outbox", servers=2, private=True, http__loops=1)


def tearDownModule():
    world.close()


def notification(text, kind=MENTION):
    """A Notification in binary: field 2 is the kind, field 3 the text."""
    data = text.encode()
    return bytes([0x10, kind, 0x1A, len(data)]) + data


def later(account, text):
    """What notify_later() writes: for whom, then the notification."""
    return struct.pack(">q", int(account)) + notification(text)


def add(payloads, kind="notify.account", priority=1, **columns):
    """Rows as a handler's transaction writes them; returns their numbers."""
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", {value}" for value in columns.values())
    rows = ", ".join(f"('{kind}', {priority}, '\\x{payload.hex()}'{values})" for payload in payloads)
    return [int(line) for line in world.psql(
        f"INSERT INTO outbox (kind, priority, payload{names}) VALUES {rows} RETURNING id"
    ).splitlines()]


def texts(player):
    """Every notification of a player, oldest first."""
    found, before = [], "0"
    while True:
        page = player.api.call(LIST_NOTIFICATIONS, {"beforeId": before, "pageSize": 200})
        found += [n["text"] for n in page.get("notifications", [])]
        if not page.get("hasMore"):
            return found[::-1]
        before = page["notifications"][-1]["id"]


def left():
    return int(world.psql("SELECT count(*) FROM outbox"))


class Once(unittest.TestCase):
    def setUp(self):
        world.redis.start()
        for server in world.servers:
            if server.pid() is None:
                server.start(world.env)
        self.player = Player(world.servers[0])
        self.account = self.player.session["account"]["id"]

    def expect(self, wanted, timeout_s=30):
        """All of them, each once, and nothing of the outbox is left."""
        self.assertTrue(eventually(lambda: left() == 0, timeout_s), f"{left()} rows are left")
        self.assertEqual(sorted(texts(self.player)), sorted(wanted))

    def test_each_row_has_its_effect_once(self):
        wanted = [f"row {number}" for number in range(200)]
        add([later(self.account, text) for text in wanted])
        self.expect(wanted)
        self.assertEqual(world.psql(
            "SELECT count(*), min(sequence), max(sequence) FROM account_events "
            f"WHERE account_id = {self.account}"), "200|1|200")

    def test_redis_forgets_everything(self):
        wanted = [f"flushed {number}" for number in range(300)]
        for start in range(0, 300, 50):
            add([later(self.account, text) for text in wanted[start:start + 50]])
            world.redis.command("FLUSHALL")
        self.expect(wanted)

    def test_redis_is_away(self):
        world.redis.stop()
        wanted = [f"away {number}" for number in range(60)]
        add([later(self.account, text) for text in wanted])
        self.expect(wanted)
        world.redis.start()
        add([later(self.account, "back")])
        self.expect([*wanted, "back"])

    def test_redis_stops_half_way(self):
        wanted = [f"half {number}" for number in range(300)]
        add([later(self.account, text) for text in wanted])
        eventually(lambda: left() < 290, 5, 0.005)
        world.redis.stop()
        self.expect(wanted)

    def test_an_instance_is_killed_again_and_again(self):
        """Each one once, in the middle of the work: what it had in hands comes to the other."""
        wanted = [f"killed {number}" for number in range(600)]
        for victim, share in zip(world.servers, (wanted[:300], wanted[300:])):
            before = left() + len(share)
            add([later(self.account, text) for text in share])
            self.assertTrue(eventually(lambda: left() < before - 20, 20, 0.005), "nothing is done")
            os.kill(victim.pid(), signal.SIGKILL)
            victim.process.wait(10)
            victim.start(world.env)
        self.expect(wanted, 60)

    def test_a_relay_that_drains_hands_its_lease_over(self):
        """Nobody waits for its end: the other relays as soon as it looks again."""
        holder = "SELECT holder FROM leases WHERE name = 'outbox'"
        self.assertTrue(eventually(lambda: world.psql(holder) != ""))
        for server in world.servers:
            server.stop()
            self.assertTrue(eventually(lambda: world.psql(holder) != "", 4), "nobody relays")
            add([later(self.account, f"without {server.name}")])
            self.assertTrue(eventually(lambda: left() == 0, 4))
            server.start(world.env)
        self.expect([f"without {server.name}" for server in world.servers])

    def test_urgent_work_overtakes_bulk(self):
        add([later(self.account, f"bulk {number}") for number in range(400)], priority=2)
        add([later(self.account, "urgent")], priority=0)
        self.assertTrue(eventually(lambda: left() == 0, 30))
        place = texts(self.player).index("urgent")
        self.assertLess(place, 200, "behind most of what was bulk")


class Waking(unittest.TestCase):
    """Nobody waits for the next look: who adds wakes the relay, the relay the consumers."""

    def setUp(self):
        world.redis.start()
        for server in world.servers:
            self.assertTrue(eventually(lambda: "redis: up" in server.get("/readyz")[1], 20))
        self.player = Player(world.servers[0])
        self.listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.listener.close)
        self.listener.settimeout(20)
        self.listener.connect(str(world.redis.socket_path))
        self.listener.sendall(b"SUBSCRIBE waystone:outbox:added waystone:outbox:ready\r\n")
        self.heard = b""
        self.hear(b"ready")

    def hear(self, *channels):
        """Waits for a message of each channel, or for its subscription. They come in either order: a
        relay that looks by itself between a commit and its telling is ready before."""
        while not all(channel in self.heard for channel in channels):
            piece = self.listener.recv(4096)
            self.assertTrue(piece, "Redis closed the connection")
            self.heard += piece
        self.heard = b""

    def test_a_transaction_that_adds_a_row(self):
        self.player.api.call("account.v1.ApiKeyService/CreateApiKey", {
            "name": "tool", "scopes": ["chat.read"], "days": 30})
        self.hear(b"added", b"ready")

    def test_a_message_that_mentions(self):
        speaker = Player(world.servers[1])
        speaker.api.call(SEND_MESSAGE, {
            "channelId": speaker.channel, "characterId": speaker.character["id"], "text": "you",
            "mentionedCharacterIds": [self.player.character["id"]]})
        self.hear(b"added", b"ready")


class Failures(unittest.TestCase):
    def setUp(self):
        world.redis.start()
        self.player = Player(world.servers[0])
        self.account = self.player.session["account"]["id"]

    def dead(self, number):
        return world.psql(f"SELECT kind, attempts, error FROM dead_letters WHERE id = {number}")

    def test_a_poisoned_payload_is_buried_at_once(self):
        poisoned, = add([struct.pack(">q", int(self.account)) + b"\xff\xff\xff"])
        short, = add([b"\x01"])
        add([later(self.account, "behind it")])
        self.assertTrue(eventually(lambda: self.dead(poisoned) and self.dead(short)))
        self.assertTrue(self.dead(poisoned).startswith("notify.account|1|INVALID_ARGUMENT: "))
        self.assertEqual(self.dead(short),
                         "notify.account|1|INVALID_ARGUMENT: the payload is too short")
        self.assertTrue(eventually(lambda: texts(self.player) == ["behind it"]))

    def test_what_fails_is_tried_again_until_it_works(self):
        """The account is not there yet: a failure that heals."""
        world.psql("ALTER TABLE notifications ADD CONSTRAINT closed CHECK (text <> 'waits')")
        number, = add([later(self.account, "waits")])
        tries = f"SELECT attempts FROM outbox WHERE id = {number}"
        self.assertTrue(eventually(lambda: int(world.psql(tries)) >= 2), "it is not tried again")
        self.assertEqual(world.psql(f"SELECT error FROM outbox WHERE id = {number}"),
                         "FAILED_PRECONDITION")
        world.psql("ALTER TABLE notifications DROP CONSTRAINT closed")
        self.assertTrue(eventually(lambda: texts(self.player) == ["waits"], 20))

    def test_too_many_failures_make_a_dead_letter(self):
        number, = add([later(987654321, "nobody")], attempts=11)
        self.assertTrue(eventually(lambda: self.dead(number)))
        self.assertEqual(self.dead(number), "notify.account|12|FAILED_PRECONDITION")
        self.assertEqual(world.psql(f"SELECT count(*) FROM outbox WHERE id = {number}"), "0")

    def test_what_waits_for_others_is_tried_for_longer(self):
        """A mail server may be away for an hour."""
        slow, = add([later(987654321, "nobody")], priority=3, attempts=12, handed_out=30)
        tries = f"SELECT attempts, error FROM outbox WHERE id = {slow}"
        self.assertTrue(eventually(lambda: world.psql(tries) == "13|FAILED_PRECONDITION"),
                        f"dead: {self.dead(slow)}")
        self.assertEqual(world.psql("SELECT due_at > now() + interval '2 minutes' FROM outbox "
                                    f"WHERE id = {slow}"), "t")
        world.psql(f"DELETE FROM outbox WHERE id = {slow}")
        last, = add([later(987654321, "nobody")], priority=3, attempts=39)
        self.assertTrue(eventually(lambda: self.dead(last)))
        self.assertEqual(self.dead(last), "notify.account|40|FAILED_PRECONDITION")

    def test_what_is_away_uses_up_no_attempt(self):
        """Not the last one either, which was counted before it began."""
        world.psql("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'no room' USING ERRCODE = '53400';
            END
            $$;
            CREATE TRIGGER refuse BEFORE INSERT ON notifications
                FOR EACH ROW WHEN (NEW.text = 'away') EXECUTE FUNCTION refuse()""")
        number, = add([later(self.account, "away")], attempts=11, handed_out=30)
        try:
            self.assertTrue(eventually(lambda: self.dead(number) or int(world.psql(
                f"SELECT handed_out FROM outbox WHERE id = {number}") or 0) >= 32, 20))
        finally:
            world.psql("DROP FUNCTION refuse CASCADE")
        self.assertTrue(eventually(lambda: texts(self.player) == ["away"], 20),
                        f"dead: {self.dead(number)}")

    def test_a_kind_nobody_knows_waits_for_a_newer_version(self):
        number, = add([b"x"], kind="from.the.future")
        tries = f"SELECT attempts, error FROM outbox WHERE id = {number}"
        self.assertTrue(eventually(
            lambda: world.psql(tries).endswith("|UNIMPLEMENTED: no such kind of work here")))
        world.psql(f"DELETE FROM outbox WHERE id = {number}")

    def test_work_that_ends_processes_is_given_up(self):
        """Handed out often, begun often and never ended: its attempts count beforehand."""
        number, = add([later(self.account, "deadly")], handed_out=30, attempts=12)
        self.assertTrue(eventually(lambda: self.dead(number)))
        self.assertEqual(self.dead(number),
                         "notify.account|12|INTERNAL: it was begun and never ended")
        self.assertEqual(texts(self.player), [])

    def test_a_message_and_whom_it_notifies_are_one_statement(self):
        """Many at once, of which some have keys that were used: each tells once."""
        speaker = Player(world.servers[0])
        keys = [str(uuid.uuid4()) for _ in range(20)]

        def mention(number):
            return world_api(number).call(SEND_MESSAGE, {
                "channelId": speaker.channel, "characterId": speaker.character["id"],
                "text": f"to you {number % 20}", "idempotencyKey": keys[number % 20],
                "mentionedCharacterIds": [self.player.character["id"]]})["message"]["sequence"]

        def world_api(number):
            return speaker.on(world.servers[number % 2])

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            said = list(pool.map(mention, range(60)))
        self.assertEqual(len(set(said)), 20)
        self.assertTrue(eventually(lambda: left() == 0, 30))
        found = self.player.api.call(LIST_NOTIFICATIONS, {"pageSize": 200})["notifications"]
        self.assertEqual(sorted(n["messageSequence"] for n in found), sorted(set(said)))
        self.assertEqual({(n["kind"], n["text"], n["channelId"], n["characterId"]) for n in found}, {
            ("NOTIFICATION_KIND_MENTION", f"{speaker.character['name']} mentioned you in Global.",
             speaker.channel, speaker.character["id"])})

    def test_staff_is_told_as_one(self):
        other = Player(world.servers[1])
        world.psql(f"UPDATE accounts SET role = 3 WHERE id = {self.account}")
        add([struct.pack(">q", 3) + notification("a report waits", kind=7)], kind="notify.role")
        self.assertTrue(eventually(lambda: texts(self.player) == ["a report waits"]))
        self.assertEqual(texts(other), [])


if __name__ == "__main__":
    unittest.main()
