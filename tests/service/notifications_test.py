"""NotificationService: stored, paged, and read on all devices."""

import threading
import unittest

from harness import Player, RpcError, World
from notifying import LIST, MARK, delivered, notify

world = None


def setUpModule():
    global world
    world = World("notifications", servers=2, http__loops=2)


def tearDownModule():
    world.close()


class Reading(unittest.TestCase):
    def setUp(self):
        self.player = Player(world.servers[0])

    def test_nobody_has_any_at_first(self):
        self.assertEqual(self.player.api.call(LIST), {})

    def test_all_fields_arrive(self):
        notify(world, self.player, "Mira mentioned you: „Grüße“", channel=3, sequence=300, character=70000,
               subject=9)
        found, = delivered(self.player, 1)["notifications"]
        self.assertRegex(found.pop("createdAt"), r"^20\d\d-.*Z$")
        self.assertGreater(int(found.pop("id")), 0)
        self.assertEqual(found, {
            "kind": "NOTIFICATION_KIND_MENTION", "text": "Mira mentioned you: „Grüße“",
            "channelId": "3", "messageSequence": "300", "characterId": "70000", "subjectId": "9"})

    def test_pages(self):
        notify(world, self.player, *(f"n{number}" for number in range(7)))
        everything = delivered(self.player, 7)
        self.assertNotIn("hasMore", everything)
        self.assertEqual(everything["unreadCount"], 7)
        found, before = [], "0"
        for expected in (3, 3, 1):
            page = self.player.api.call(LIST, {"beforeId": before, "pageSize": 3})
            self.assertEqual(len(page["notifications"]), expected)
            self.assertEqual(page.get("hasMore", False), expected == 3)
            found += page["notifications"]
            before = page["notifications"][-1]["id"]
        self.assertEqual(found, everything["notifications"])
        self.assertEqual(sorted(found, key=lambda n: -int(n["id"])), found)

    def test_marking_counts_down_and_is_seen_everywhere(self):
        notify(world, self.player, *(f"n{number}" for number in range(6)))
        ids = [n["id"] for n in delivered(self.player, 6)["notifications"]]
        other = self.player.on(world.servers[1])
        self.assertEqual(self.player.api.call(MARK, {"ids": [ids[0], ids[2]]}), {"unreadCount": 4})
        self.assertEqual(other.call(MARK, {"upToId": ids[4]}), {"unreadCount": 2})
        unread = other.call(LIST, {"unreadOnly": True})
        self.assertEqual([n["id"] for n in unread["notifications"]], [ids[1], ids[3]])
        self.assertEqual(unread["unreadCount"], 2)
        self.assertEqual([n.get("read", False) for n in other.call(LIST)["notifications"]],
                         [True, False, True, False, True, True])
        self.assertEqual(other.call(MARK, {"upToId": ids[0]}), {})

    def test_others_are_not_touched(self):
        stranger = Player(world.servers[1])
        notify(world, self.player, "mine")
        number = delivered(self.player, 1)["notifications"][0]["id"]
        self.assertEqual(stranger.api.call(LIST), {})
        self.assertEqual(stranger.api.call(MARK, {"ids": [number], "upToId": "999999999"}), {})
        self.assertEqual(self.player.api.call(LIST)["unreadCount"], 1)

    def test_bounds(self):
        for method, request in ((LIST, {"pageSize": 201}), (LIST, {"pageSize": -1}),
                                (LIST, {"beforeId": "-1"}), (MARK, {"upToId": "-5"}),
                                (MARK, {"ids": [str(n) for n in range(201)]})):
            with self.assertRaises(RpcError) as raised:
                self.player.api.call(method, request)
            self.assertEqual(raised.exception.code, "invalid_argument")

    def test_marking_at_once_from_many_places(self):
        """Each that changes something is one event; together they count to nothing."""
        notify(world, self.player, *(f"n{number}" for number in range(20)))
        ids = [n["id"] for n in delivered(self.player, 20)["notifications"]]
        apis = [self.player.on(server) for server in world.servers]
        threads = [threading.Thread(target=apis[i % 2].call, args=(MARK, {"ids": [number]}))
                   for i, number in enumerate(ids)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertNotIn("unreadCount", self.player.api.call(LIST))
        account = self.player.session["account"]["id"]
        self.assertEqual(world.psql("SELECT count(*), max(sequence) FROM account_events "
                                    f"WHERE account_id = {account}"), "40|40")


if __name__ == "__main__":
    unittest.main()
