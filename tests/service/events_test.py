"""EventService: several topics on one stream, in order, each event once, whatever happens."""

import os
import queue
import signal
import threading
import time
import unittest

import grpc
from google.protobuf import json_format
from waystone.chat.v1 import chat_pb2, chat_pb2_grpc
from waystone.event.v1 import event_pb2, event_pb2_grpc
from waystone.live.v1 import live_pb2

from chat_world import Talker
from event_stream import CHANNEL, DELIVERIES, EventStream, following, topic
from harness import (LIST_CHANNELS, SIGN_OUT, Follower, Player, RpcError, World, eventually,
                     metric)

world = None


def setUpModule():
    global world
    world = World("events", private=True, servers=2, http__loops=2)
    world.quiet = EventStream(world.server, Player(world.server).token)


def tearDownModule():
    world.close()


def race_channel(player):
    """The channel of the player's race: another one that all players here share."""
    channels = player.api.call(LIST_CHANNELS)["channels"]
    return next(c["id"] for c in channels if c["kind"] == "CHANNEL_KIND_RACE")


def say_in(player, channel, text, api=None):
    return (api or player.api).call("chat.v1.ChatService/SendMessage", {
        "channelId": channel, "characterId": player.character["id"], "text": text})["message"]


class Streams(unittest.TestCase):
    def open(self, player, follow, server=None, **options):
        stream = EventStream(server or player.api.server, player.token, follow, **options)
        self.addCleanup(stream.close)
        return stream

    def test_what_was_missed_then_the_mark_then_what_happens(self):
        player = Player(world.server)
        first = player.say("one")
        player.say("two")
        stream = self.open(player, [following(CHANNEL, player.channel, first["sequence"])])
        missed, last = stream.until_caught_up(topic(CHANNEL, player.channel))
        self.assertEqual([e["message"]["text"] for e in missed], ["two"])
        self.assertEqual(last, int(first["sequence"]) + 1)
        sent = player.say("three")
        self.assertEqual(stream.next_message(), sent)

    def test_several_topics_each_in_its_order_each_once(self):
        player = Player(world.servers[0])
        other = Player(world.servers[1])
        race = race_channel(player)
        streams = [self.open(player, [following(CHANNEL, player.channel), following(CHANNEL, race)],
                             server) for server in world.servers for _ in range(2)]
        for stream in streams:
            marks = {stream.next("caughtUp")[1]["topic"]["id"] for _ in range(2)}
            self.assertEqual(marks, {player.channel, race})

        def talk(speaker, channel):
            for number in range(30):
                say_in(speaker, channel, f"{speaker.name} {number}")

        threads = [threading.Thread(target=talk, args=pair) for pair in (
            (player, player.channel), (player, race), (other, player.channel), (other, race))]
        for thread in threads:
            thread.start()
        for stream in streams:
            heard = [stream.next_message() for _ in range(120)]
            for channel in (player.channel, race):
                numbers = [int(m["sequence"]) for m in heard if m["channelId"] == channel]
                self.assertEqual(numbers, list(range(numbers[0], numbers[0] + 60)))
        for thread in threads:
            thread.join()

    def test_following_changes_while_the_stream_is_open_from_any_server(self):
        player = Player(world.servers[0])
        race = race_channel(player)
        stream = self.open(player, [following(CHANNEL, player.channel)])
        stream.until_caught_up(topic(CHANNEL, player.channel))
        last = say_in(player, race, "before")["sequence"]
        say_in(player, race, "missed")
        stream.follow([following(CHANNEL, race, last)], server=world.servers[1])
        missed, _ = stream.until_caught_up(topic(CHANNEL, race))
        self.assertEqual([e["message"]["text"] for e in missed], ["missed"])
        stream.follow(unfollow=[topic(CHANNEL, player.channel)])
        self.assertEqual(stream.next("ended")[1],
                         {"topic": topic(CHANNEL, player.channel), "reason": "END_REASON_LEFT"})
        player.say("nobody hears")
        sent = say_in(player, race, "heard")
        self.assertEqual(stream.next_message(), sent)
        stream.follow([following(CHANNEL, race, last)])  # again, from a cursor
        missed, _ = stream.until_caught_up(topic(CHANNEL, race))
        self.assertEqual([e["message"]["text"] for e in missed], ["missed", "heard"])

    def test_a_reader_goes_on_at_the_other_server(self):
        player = Player(world.servers[0])
        race = race_channel(player)
        channels = (player.channel, race)
        first = self.open(player, [following(CHANNEL, c) for c in channels])
        cursors = {}
        for _ in channels:
            mark = first.next("caughtUp")[1]
            cursors[mark["topic"]["id"]] = int(mark.get("lastSequence", 0))
        for channel in channels:
            say_in(player, channel, "before")
            message = first.next_message()
            cursors[message["channelId"]] = int(message["sequence"])
        first.vanish()
        for channel in channels:
            say_in(player, channel, "between")
        second = self.open(player, [following(CHANNEL, c, cursors[c]) for c in channels],
                           world.servers[1])
        missed = [second.next_message() for _ in channels]
        self.assertEqual({(m["channelId"], m["text"]) for m in missed},
                         {(c, "between") for c in channels})
        for message in missed:
            self.assertEqual(int(message["sequence"]), cursors[message["channelId"]] + 1)

    def test_a_cursor_that_is_too_old_is_told(self):
        player = Player(world.server)
        race = race_channel(player)
        world.psql(f"UPDATE channels SET last_sequence = last_sequence + 20000 WHERE id = {race}")
        stream = self.open(player, [following(CHANNEL, race, 0)])
        reset = stream.next("reset")[1]
        self.assertEqual(reset["topic"], topic(CHANNEL, race))
        _, last = stream.until_caught_up(topic(CHANNEL, race))
        self.assertEqual(int(reset["sequence"]), last)
        self.assertGreater(last, 20000)
        sent = say_in(player, race, "goes on")
        self.assertEqual(stream.next_message(), sent)

    def test_what_was_archived_is_told(self):
        player = Player(world.server)
        channel = self.family(player)
        for number in range(6):
            say_in(player, channel, f"line {number}")
        world.psql(f"DELETE FROM messages WHERE channel_id = {channel} AND sequence <= 4")
        world.psql(f"UPDATE channels SET archived_sequence = 4 WHERE id = {channel}")
        stream = self.open(player, [following(CHANNEL, channel, 1)])
        self.assertEqual(stream.next("reset", "message"),
                         ("reset", {"topic": topic(CHANNEL, channel), "sequence": "4"}))
        missed, _ = stream.until_caught_up(topic(CHANNEL, channel))
        self.assertEqual([e["message"]["text"] for e in missed], ["line 4", "line 5"])

    def family(self, player):
        """A channel of the player's own."""
        channels = player.api.call(LIST_CHANNELS)["channels"]
        found = [c["id"] for c in channels if c["kind"] == "CHANNEL_KIND_FAMILY"]
        if found:
            return found[0]
        account = world.psql("SELECT account_id FROM characters "
                             f"WHERE id = {player.character['id']}").strip()
        return world.psql("INSERT INTO channels (kind, key, name) "
                          f"VALUES (5, {account}, 'Family') RETURNING id").split()[0]

    def test_topics_of_others_and_of_nobody_end_at_once(self):
        player, stranger = Player(world.server), Player(world.server)
        channel = self.family(stranger)
        stream = self.open(player, [following(CHANNEL, channel), following(CHANNEL, 999999),
                                    following(CHANNEL, player.channel)])
        ends = [stream.next("ended")[1] for _ in range(2)]
        self.assertEqual({e["topic"]["id"]: e["reason"] for e in ends},
                         {channel: "END_REASON_NOT_FOUND", "999999": "END_REASON_NOT_FOUND"})
        stream.until_caught_up(topic(CHANNEL, player.channel))
        sent = player.say("the rest goes on")
        self.assertEqual(stream.next_message(), sent)

    def test_streams_are_changed_by_their_own_account_only(self):
        player, stranger = Player(world.server), Player(world.server)
        stream = self.open(player, [following(CHANNEL, player.channel)])
        foreign = EventStream(world.server, stranger.token)
        self.addCleanup(foreign.close)
        foreign.id, own = stream.id, foreign.id
        for name in (stream.id, "0" * len(stream.id), "nonsense", own[:-1] + "x"):
            foreign.id = name
            for server in world.servers:
                with self.assertRaises(RpcError) as raised:
                    foreign.follow([following(CHANNEL, player.channel)], server=server)
                self.assertEqual(raised.exception.code, "not_found", name)
        stream.close()

        def is_gone():
            try:
                EventStream.follow(stream, server=world.servers[1])
                return False
            except RpcError as error:
                self.assertEqual(error.code, "not_found")
                return True

        self.assertTrue(eventually(is_gone), "a stream that has ended can be changed")

    def test_lost_live_copies_are_found(self):
        player = Player(world.servers[0])
        stream = self.open(player, [following(CHANNEL, player.channel)], world.servers[1])
        stream.until_caught_up(topic(CHANNEL, player.channel))
        world.redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        sent = player.say("while nobody listens to Redis")
        self.assertEqual(stream.next_message(), sent)

    def test_a_stream_ends_when_its_session_does(self):
        player = Player(world.servers[0])
        stream = self.open(player, [following(CHANNEL, player.channel)], world.servers[1],
                           timeout_s=10)
        player.api.call(SIGN_OUT)
        started = time.monotonic()
        end = stream.until_end()
        self.assertEqual(end["error"]["code"], "unauthenticated")
        self.assertLess(time.monotonic() - started, 3)

    def test_a_slow_reader_gets_everything_and_costs_nothing_meanwhile(self):
        player = Player(world.server)
        slow = self.open(player, [following(CHANNEL, player.channel)], narrow=True)
        quick = self.open(player, [following(CHANNEL, player.channel)])
        for stream in (slow, quick):
            stream.until_caught_up(topic(CHANNEL, player.channel))
        text = "x" * 490
        count = 900  # about 600 KB as JSON: more than the queue, the ring and the sockets hold
        before = metric(world.server, DELIVERIES)

        def talk():
            for number in range(count):
                say_in(player, player.channel, f"{number} {text}")

        threads = [threading.Thread(target=talk)]
        for thread in threads:
            thread.start()
        first = [int(quick.next_message()["sequence"]) for _ in range(count)]
        for thread in threads:
            thread.join()
        self.assertEqual(first, list(range(first[0], first[0] + count)))
        self.assertLess(metric(world.server, DELIVERIES) - before, 1.5 * count,
                        "who does not read was sent it all")
        heard = [int(slow.next_message()["sequence"]) for _ in range(count)]
        self.assertEqual(heard, first)

    def test_blocked_accounts_are_not_heard(self):
        player, loud = Player(world.servers[0]), Player(world.servers[1])
        follow = [following(CHANNEL, player.channel)]
        stream = self.open(player, follow)
        stream.until_caught_up(topic(CHANNEL, player.channel))
        before = loud.say("before")
        self.assertEqual(stream.next_message(), before)
        player.api.call("social.v1.SocialService/BlockCharacter",
                        {"characterId": loud.character["id"]})

        def is_silent():
            loud.say("heard?")
            mark = player.say("mark")
            heard = [stream.next_message()]
            while heard[-1] != mark:
                heard.append(stream.next_message())
            return len(heard) == 1

        self.assertTrue(eventually(is_silent, interval_s=0.3), "the block never took effect")
        again = self.open(player, [following(CHANNEL, player.channel, before["sequence"])],
                          world.servers[1])
        missed, _ = again.until_caught_up(topic(CHANNEL, player.channel))
        self.assertEqual({e["message"]["characterId"] for e in missed}, {player.character["id"]})


class GrpcReader:
    """The messages of a gRPC stream, as JSON has them."""

    def __init__(self, server, token, method, request):
        self.connection = grpc.insecure_channel(f"localhost:{server.port}")
        self.events = method(self.connection)(
            request, metadata=[("authorization", f"Bearer {token}")], timeout=60)

    def next_message(self):
        event = next(e for e in self.events if e.WhichOneof("event") == "message")
        return json_format.MessageToDict(event.message)

    def close(self):
        self.events.cancel()
        self.connection.close()


class QuotesOfTheBlocked(unittest.TestCase):
    """Whoever blocks somebody sees that a message answers one of theirs, and nothing of it."""

    def setUp(self):
        self.owner, self.reader, self.other = (Talker(world.servers[0]) for _ in range(3))
        self.channel = self.owner.create(open=True)["id"]
        for guest in (self.reader, self.other):
            guest.join(self.channel)
        self.reader.api.call("social.v1.SocialService/BlockCharacter",
                             {"characterId": self.other.character})
        self.first = self.owner.say(self.channel, "first")["sequence"]
        self.said = self.other.say(self.channel, "words of the blocked")["sequence"]

    def streams(self, who, server):
        """EventService's and ChatService's stream in both codecs, from after the first message."""
        wish = following(CHANNEL, self.channel, self.first)
        opened = [
            EventStream(server, who.token, [wish]),
            Follower(server, who.token, self.channel, self.first),
            GrpcReader(server, who.token, lambda c: event_pb2_grpc.EventServiceStub(c).Subscribe,
                       json_format.ParseDict({"follow": [wish]}, event_pb2.SubscribeRequest())),
            GrpcReader(server, who.token, lambda c: chat_pb2_grpc.ChatServiceStub(c).StreamMessages,
                       chat_pb2.StreamMessagesRequest(channel_id=int(self.channel),
                                                      after_sequence=int(self.first)))]
        for stream in opened:
            self.addCleanup(stream.close)
        return opened

    def answer(self, text):
        return self.owner.say(self.channel, text, replyToSequence=self.said)

    def expect(self, readers, others, answer):
        whole = {"sequence": self.said, "characterName": self.other.hero,
                 "excerpt": "words of the blocked"}
        self.assertEqual(answer["replyTo"], whole)
        for stream in readers:
            heard = stream.next_message()
            self.assertEqual((heard["sequence"], heard["text"], heard["replyTo"]),
                             (answer["sequence"], answer["text"], {"sequence": self.said}))
        for stream in others:
            self.assertEqual(stream.next_message(), answer)

    def test_they_are_left_out_live_read_and_repaired(self):
        missed = self.answer("missed")
        readers, others = [], []
        for server in world.servers:  # all of it read from the database: nobody followed before
            readers += self.streams(self.reader, server)
            others += self.streams(self.owner, server)
        for stream in others:
            self.assertEqual(stream.next_message()["text"], "words of the blocked")
        self.expect(readers, others, missed)
        self.expect(readers, others, self.answer("live"))
        late = self.streams(self.reader, world.servers[0])
        for answer in ("missed", "live"):
            for stream in late:
                heard = stream.next_message()
                self.assertEqual((heard["text"], heard["replyTo"]),
                                 (answer, {"sequence": self.said}))
        redis = world.redis.process.pid()
        os.kill(redis, signal.SIGSTOP)  # no copy comes: the other instance finds it by itself
        try:
            answer = self.answer("repaired")
            self.expect(readers[4:], others[4:], answer)
        finally:
            os.kill(redis, signal.SIGCONT)
        self.expect(readers[:4] + late, others[:4], answer)


class TakenAway(unittest.TestCase):
    def test_lost_membership_ends_the_topic_and_no_more(self):
        owner, member = Player(world.servers[0]), Player(world.servers[1])
        channel = world.psql(
            "WITH made AS (INSERT INTO channels (kind, name, member_count) "
            f"VALUES (9, 'Club {owner.name}', 2) RETURNING id) "
            "INSERT INTO channel_members (channel_id, account_id, character_id, role) "
            "SELECT made.id, c.account_id, c.id, 1 FROM made, characters AS c WHERE c.id IN "
            f"({owner.character['id']}, {member.character['id']}) RETURNING channel_id").split()[0]
        streams = [EventStream(world.servers[0], player.token,
                               [following(CHANNEL, channel), following(CHANNEL, player.channel)],
                               timeout_s=10)
                   for player in (owner, member)]
        for stream in streams:
            self.addCleanup(stream.close)
            for _ in range(2):
                stream.next("caughtUp")
        world.psql(f"UPDATE channel_members SET left_at = now() WHERE channel_id = {channel} "
                   f"AND character_id = {member.character['id']}")
        started = time.monotonic()
        end = streams[1].next("ended")[1]
        self.assertLess(time.monotonic() - started, 3)
        self.assertEqual(end["topic"], topic(CHANNEL, channel))
        self.assertIn(end["reason"], ("END_REASON_NOT_FOUND", "END_REASON_NOT_ALLOWED"))
        say_in(owner, channel, "among us")
        self.assertEqual(streams[0].next_message()["text"], "among us")
        sent = owner.say("to all")
        self.assertEqual(streams[1].next_message(), sent)


    def test_streams_of_one_channel_are_told_that_it_is_over(self):
        """By stock gRPC, which knows the fields of the schema alone."""
        player = Player(world.server)
        race = int(race_channel(player))
        channel = grpc.insecure_channel(f"localhost:{world.server.port}")
        self.addCleanup(channel.close)
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        more = {"metadata": [("authorization", f"Bearer {player.token}")], "timeout": 30}
        join = chat_pb2.StreamMessagesRequest(channel_id=race)
        requests = queue.Queue()
        self.addCleanup(requests.put, None)
        requests.put(chat_pb2.ConverseRequest(join=join))
        streams = [stub.StreamMessages(join, **more),
                   stub.Converse(iter(requests.get, None), **more)]
        for stream in streams:
            self.assertEqual(next(stream).WhichOneof("event"), "caught_up")
        world.psql("INSERT INTO sanctions (account_id, character_id, kind, channel_id, reason, "
                   "created_by) SELECT account_id, id, 2, "
                   f"{race}, 'test', account_id FROM characters WHERE id = {player.character['id']}")
        for stream in streams:
            event = next(stream)
            self.assertEqual(event.WhichOneof("event"), "ended")
            self.assertEqual((event.ended.topic.id, event.ended.reason),
                             (race, live_pb2.END_REASON_NOT_ALLOWED))
            stream.cancel()


class Exchanges(unittest.TestCase):
    """The bidirectional form, by stock gRPC over HTTP/2."""

    def setUp(self):
        self.player = Player(world.server)
        self.channel = grpc.insecure_channel(f"localhost:{world.server.port}")
        self.addCleanup(self.channel.close)
        self.stub = event_pb2_grpc.EventServiceStub(self.channel)
        self.metadata = [("authorization", f"Bearer {self.player.token}")]

    def topic(self, number):
        return live_pb2.Topic(kind=live_pb2.TOPIC_KIND_CHANNEL, id=int(number))

    def wish(self, number, after=None):
        return event_pb2.Following(topic=self.topic(number), after=after)

    def until(self, events, which):
        for event in events:
            if event.WhichOneof("event") == which:
                return getattr(event, which)
        raise AssertionError(f"the stream ended before {which}")

    def test_requests_change_what_is_followed(self):
        race = race_channel(self.player)
        requests = queue.Queue()
        events = self.stub.Exchange(iter(requests.get, None), metadata=self.metadata, timeout=30)
        requests.put(event_pb2.ExchangeRequest(follow=[self.wish(self.player.channel)]))
        self.assertEqual(next(events).WhichOneof("event"), "opened")
        self.assertEqual(self.until(events, "caught_up").topic, self.topic(self.player.channel))
        sent = self.player.say("one")
        self.assertEqual(self.until(events, "message").sequence, int(sent["sequence"]))
        requests.put(event_pb2.ExchangeRequest(follow=[self.wish(race)],
                                               unfollow=[self.topic(self.player.channel)]))
        self.assertEqual(self.until(events, "ended").reason, live_pb2.END_REASON_LEFT)
        self.assertEqual(self.until(events, "caught_up").topic, self.topic(race))
        requests.put(None)  # has no more to ask for, and listens on
        sent = say_in(self.player, race, "two")
        self.assertEqual(self.until(events, "message").text, "two")
        events.cancel()

    def test_one_stream_by_subscribe_and_follow(self):
        race = race_channel(self.player)
        events = self.stub.Subscribe(event_pb2.SubscribeRequest(
            follow=[self.wish(self.player.channel)]), metadata=self.metadata, timeout=30)
        name = next(events).opened.subscription_id
        self.until(events, "caught_up")
        self.stub.Follow(event_pb2.FollowRequest(subscription_id=name, follow=[self.wish(race)]),
                         metadata=self.metadata, timeout=10)
        self.assertEqual(self.until(events, "caught_up").topic, self.topic(race))
        say_in(self.player, race, "both")
        self.assertEqual(self.until(events, "message").text, "both")
        events.cancel()

    def test_the_account_has_one_topic(self):
        bad = event_pb2.Following(topic=live_pb2.Topic(kind=live_pb2.TOPIC_KIND_ACCOUNT, id=7))
        with self.assertRaises(grpc.RpcError) as raised:
            list(self.stub.Subscribe(event_pb2.SubscribeRequest(follow=[bad]),
                                     metadata=self.metadata, timeout=10))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)


class Bounds(unittest.TestCase):
    def test_more_topics_than_a_stream_follows(self):
        player = Player(world.server)
        stream = EventStream(world.server, player.token, [following(CHANNEL, player.channel)])
        self.addCleanup(stream.close)
        made = world.psql("INSERT INTO channels (kind, key, name) SELECT 7, 1000 + n, 'Race ' || n "
                          "FROM generate_series(1, 256) AS n RETURNING id").split()[:256]
        ends = []
        stream.follow([following(CHANNEL, number) for number in made])
        while len(ends) < 256:
            ends.append(stream.next("ended")[1]["reason"])
        self.assertIn("END_REASON_TOO_MANY", ends)
        sent = player.say("still here")
        self.assertEqual(stream.next_message(), sent)


class Heartbeat(unittest.TestCase):
    def test_a_silent_stream_says_that_it_is_alive(self):
        self.addCleanup(world.quiet.close)
        self.assertEqual(world.quiet.next_event(), {"heartbeat": {}})


class WithoutRedis(unittest.TestCase):
    """Last: this class stops Redis."""

    def test_delivery_goes_on_late(self):
        player = Player(world.servers[0])
        streams = [EventStream(server, player.token, [following(CHANNEL, player.channel)])
                   for server in world.servers]
        for stream in streams:
            self.addCleanup(stream.close)
            stream.until_caught_up(topic(CHANNEL, player.channel))
        world.redis.stop()
        self.addCleanup(world.redis.start)
        sent = [player.say(f"without {number}") for number in range(5)]
        for stream in streams:
            self.assertEqual([stream.next_message() for _ in sent], sent)
        with self.assertRaises(RpcError) as raised:
            for server in world.servers * 8:  # the loop that has the stream would answer itself
                streams[0].follow([following(CHANNEL, player.channel)], server=server)
        self.assertEqual(raised.exception.code, "unavailable")
