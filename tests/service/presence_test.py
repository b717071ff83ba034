"""Presence: who is in a channel, on two instances."""

import unittest

from event_stream import CHANNEL, PRESENCE, EventStream, following, topic
from harness import Player, RpcError, World, eventually

SET, GET = "presence.v1.PresenceService/SetPresence", "presence.v1.PresenceService/GetPresence"
world = None
servers = []  # the two that stay


def setUpModule():
    global world
    world = World("presence", private=True, servers=2, http__loops=2)
    servers.extend(world.servers)


def tearDownModule():
    world.close()


class Club:
    """A channel of a few players' own."""

    def __init__(self, test, count=3):
        self.test = test
        self.players = [Player(servers[n % 2]) for n in range(count)]
        numbers = ", ".join(p.character["id"] for p in self.players)
        self.channel = world.psql(
            "WITH made AS (INSERT INTO channels (kind, name, member_count) "
            f"VALUES (9, 'Club {self.players[0].name}', {count}) RETURNING id) "
            "INSERT INTO channel_members (channel_id, account_id, character_id, role) "
            "SELECT made.id, c.account_id, c.id, 1 FROM made, characters AS c "
            f"WHERE c.id IN ({numbers}) RETURNING channel_id").split()[0]

    def names(self, *indexes):
        return sorted(self.players[n].character["name"] for n in indexes)

    def enter(self, index, watch=False, server=None):
        player = self.players[index]
        stream = EventStream(server or player.api.server, player.token,
                             [following(CHANNEL, self.channel)] +
                             ([following(PRESENCE, self.channel)] if watch else []))
        self.test.addCleanup(stream.close)
        return stream

    def present(self, index=0, server=None):
        answer = self.players[index].on(server or world.server).call(
            GET, {"channelId": self.channel})
        return answer.get("onlineCount", 0), [p["characterName"] for p in answer.get("present", [])]


class Room:
    """What a watching client knows after each event."""

    def __init__(self, stream):
        self.stream, self.online, self.people, self.complete = stream, 0, {}, 0

    def until(self, check):
        while not check(self):
            event = self.stream.next("presenceEvent")[1]
            if event.get("complete"):
                self.people, self.complete = {}, self.complete + 1
            for character in event.get("leftCharacterIds", []):
                self.people.pop(character, None)
            for person in event.get("changed", []):
                self.people[person["characterId"]] = person
            self.online = event.get("onlineCount", 0)

    def names(self):
        return sorted(p["characterName"] for p in self.people.values())


class Presence(unittest.TestCase):
    def test_comings_and_goings_on_both_instances(self):
        club = Club(self)
        watcher = Room(club.enter(0, watch=True))
        watcher.until(lambda room: room.names() == club.names(0))
        other = club.enter(1)
        watcher.until(lambda room: room.names() == club.names(0, 1) and room.online == 2)
        third = club.enter(2, server=servers[1])
        watcher.until(lambda room: room.names() == club.names(0, 1, 2))
        other.vanish()
        watcher.until(lambda room: room.names() == club.names(0, 2) and room.online == 2)
        late = Room(club.enter(1, watch=True, server=servers[1]))
        late.until(lambda room: room.names() == club.names(0, 1, 2))
        third.close()
        late.until(lambda room: room.names() == club.names(0, 1))

    def test_the_mark_comes_after_the_picture(self):
        club = Club(self, 1)
        stream = club.enter(0, watch=True)
        before, last = stream.until_caught_up(topic(PRESENCE, club.channel))
        self.assertEqual(last, 0)
        pictures = [e["presenceEvent"] for e in before if "presenceEvent" in e]
        self.assertTrue(pictures[0]["complete"])

    def test_how_somebody_appears(self):
        club = Club(self, 2)
        watcher = Room(club.enter(0, watch=True))
        club.enter(1)
        watcher.until(lambda room: len(room.people) == 2)
        player = club.players[1]
        for server in servers:  # whichever server has the stream
            where = f"at {server.port}"
            player.on(server).call(SET, {"characterId": player.character["id"], "where": where,
                                         "state": "PRESENCE_STATE_AWAY"})
            watcher.until(lambda room, where=where: room.people[player.character["id"]].get(
                "where") == where)
        self.assertEqual(watcher.people[player.character["id"]]["state"], "PRESENCE_STATE_AWAY")
        with self.assertRaises(RpcError) as raised:
            player.api.call(SET, {"characterId": club.players[0].character["id"],
                                  "state": "PRESENCE_STATE_ONLINE"})
        self.assertEqual(raised.exception.code, "not_found")

    def test_asking_once_tells_the_same_everywhere(self):
        club = Club(self)
        for server in servers:
            self.assertEqual(club.present(server=server), (0, []))
        streams = [club.enter(n) for n in range(2)]
        for stream in streams:
            stream.until_caught_up(topic(CHANNEL, club.channel))
        for server in servers:
            self.assertEqual(club.present(server=server), (2, club.names(0, 1)))
        stranger = Player(world.server)
        with self.assertRaises(RpcError) as raised:
            stranger.api.call(GET, {"channelId": club.channel})
        self.assertEqual(raised.exception.code, "not_found")
        follower = EventStream(world.server, stranger.token, [following(PRESENCE, club.channel)])
        self.addCleanup(follower.close)
        self.assertEqual(follower.next("ended")[1]["reason"], "END_REASON_NOT_FOUND")

    def test_who_blocks_whom_is_hidden_from_both(self):
        club = Club(self)
        rooms = [Room(club.enter(n, watch=True)) for n in range(3)]
        for room in rooms:
            room.until(lambda room: room.names() == club.names(0, 1, 2))
        blocker, blocked = club.players[0], club.players[1]
        blocker.api.call("social.v1.SocialService/BlockCharacter",
                         {"characterId": blocked.character["id"]})
        rooms[0].until(lambda room: room.names() == club.names(0, 2) and room.online == 2)
        rooms[1].until(lambda room: room.names() == club.names(1, 2) and room.online == 2)
        for server in servers:
            self.assertEqual(club.present(0, server), (2, club.names(0, 2)))
            self.assertEqual(club.present(1, server), (2, club.names(1, 2)))
            self.assertEqual(club.present(2, server), (3, club.names(0, 1, 2)))
        late = Room(club.enter(1, watch=True))
        late.until(lambda room: room.complete == 1)
        self.assertNotIn(blocker.character["name"], late.names())
        blocker.api.call("social.v1.SocialService/UnblockCharacter",
                         {"characterId": blocked.character["id"]})
        for room in (*rooms[:2], late):
            room.until(lambda room: room.names() == club.names(0, 1, 2) and room.online == 3)

    def test_an_instance_that_is_killed_is_forgotten_by_and_by(self):
        club = Club(self, 2)
        victim = world.add_server()
        victim.expected_exit = -9
        watcher = Room(club.enter(0, watch=True))
        club.enter(1, server=victim)
        watcher.until(lambda room: room.names() == club.names(0, 1))
        victim.process.child.kill()
        self.assertTrue(eventually(lambda: club.present() == (1, club.names(0)), 60, 1),
                        "who was at a killed server is still shown")

    def test_without_redis_each_loop_knows_its_own(self):
        """Last by its name's order within this class: it stops Redis."""
        club = Club(self, 1)
        world.redis.stop()
        self.addCleanup(world.redis.start)
        watcher = Room(club.enter(0, watch=True))
        watcher.until(lambda room: room.names() == club.names(0))
        count, names = club.present()
        self.assertIn((count, names), ((1, club.names(0)), (0, [])))
