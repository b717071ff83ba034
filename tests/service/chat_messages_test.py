"""What happens to what is said: numbers, replies, mentions, edits, deletes, reactions, history,
search, read markers."""

import concurrent.futures
import threading
import unittest
import uuid

from chat_world import NOWHERE, Talker, next_event
from harness import World, eventually, unique

world = None


def setUpModule():
    global world
    world = World("chat_messages", servers=2, http__loops=2)


def tearDownModule():
    world.close()


def talker(*characters):
    return Talker(world.server, *characters)


def room(*others):
    """(owner, channel id) of a custom channel the others are in."""
    owner = talker()
    channel = owner.create(open=True)["id"]
    for other in others:
        other.join(channel)
    return owner, channel


class Sending(unittest.TestCase):
    def test_input_is_checked(self):
        owner, channel = room()
        for message in ({"text": ""}, {"text": "x" * 501}, {"text": " \n "},
                        {"replyToSequence": "-1"}, {"idempotencyKey": "k" * 65},
                        {"mentionedCharacterIds": [str(n) for n in range(1, 12)]},
                        {"mentionedCharacterIds": [owner.character] * 2}):
            error = owner.refused("SendMessage", **{
                "channelId": channel, "characterId": owner.character, "text": "fine", **message})
            self.assertEqual((message, error.code), (message, "invalid_argument"))
        error = owner.refused("SendMessage", channelId=channel, text="as another",
                              characterId=talker().character)
        self.assertEqual(error.code, "not_found")
        self.assertEqual(owner.history(channel), [])

    def test_a_reply_quotes(self):
        owner, channel = room()
        first = owner.say(channel, "é" * 120)
        reply = owner.say(channel, "indeed", replyToSequence=first["sequence"])
        self.assertEqual(reply["replyTo"], {"sequence": first["sequence"],
                                            "characterName": owner.hero, "excerpt": "é" * 100})
        self.assertEqual(owner.history(channel)[1], reply)
        error = owner.refused("SendMessage", channelId=channel, characterId=owner.character,
                              text="to nothing", replyToSequence="99")
        self.assertEqual(error.code, "not_found")
        owner.chat("DeleteMessage", channelId=channel, messageSequence=first["sequence"])
        error = owner.refused("SendMessage", channelId=channel, characterId=owner.character,
                              text="to what is gone", replyToSequence=first["sequence"])
        self.assertEqual((error.code, error.message), ("not_found", "the message was taken back"))

    def test_mentions_are_of_readers(self):
        member, stranger = talker(), talker()
        owner, channel = room(member)
        said = owner.say(channel, "look here", mentionedCharacterIds=[member.character])
        self.assertEqual(said["mentionedCharacterIds"], [member.character])
        self.assertEqual(owner.history(channel)[0], said)
        for somebody in (stranger.character, str(NOWHERE)):
            error = owner.refused("SendMessage", channelId=channel, characterId=owner.character,
                                  text="look", mentionedCharacterIds=[somebody])
            self.assertEqual(error.code, "failed_precondition")
        self.assertEqual(member.get(channel)["mentionCount"], 1)

    def test_a_key_says_it_once(self):
        owner, channel = room()
        key = str(uuid.uuid4())
        first = owner.say(channel, "once", idempotencyKey=key)
        again = owner.on(world.servers[1]).say(channel, "once", idempotencyKey=key)
        self.assertEqual(again, first)
        for change in ({"text": "twice"}, {"replyToSequence": "1"}):
            error = owner.refused("SendMessage", **{
                "channelId": channel, "characterId": owner.character, "text": "once",
                "idempotencyKey": key, **change})
            self.assertEqual(error.code, "failed_precondition")

    def test_a_repetition_finds_an_edited_message(self):
        owner, channel = room()
        key = str(uuid.uuid4())
        first = owner.say(channel, "before", idempotencyKey=key)
        owner.chat("EditMessage", channelId=channel, messageSequence=first["sequence"],
                   text="after")
        again = owner.say(channel, "before", idempotencyKey=key)
        self.assertEqual((again["sequence"], again["text"]), (first["sequence"], "after"))

    def test_a_repetition_is_answered_though_what_it_needed_is_gone(self):
        """The first answer may have been lost on its way, and the world went on."""
        member = talker()
        owner, channel = room(member)
        asked = member.say(channel, "who is there?")
        whisper = owner.whisper(member)["id"]
        sent = [(where, dict(more, text=f"here {where}", idempotencyKey=str(uuid.uuid4())))
                for where, more in ((channel, {"replyToSequence": asked["sequence"]}),
                                    (channel, {"mentionedCharacterIds": [member.character]}),
                                    (whisper, {}))]
        first = [owner.say(where, **message) for where, message in sent]
        member.chat("DeleteMessage", channelId=channel, messageSequence=asked["sequence"])
        member.chat("LeaveChannel", channelId=channel)
        member.api.call("social.v1.SocialService/BlockCharacter", {"characterId": owner.character})
        first[0]["replyTo"].pop("excerpt")  # is gone, as for everybody
        self.assertEqual([owner.say(where, **message) for where, message in sent], first)
        for where, message in sent:  # what was not said is refused
            error = owner.refused("SendMessage", **{
                "channelId": where, "characterId": owner.character, **message,
                "idempotencyKey": str(uuid.uuid4())})
            self.assertIn(error.code, ("not_found", "failed_precondition"))

    def test_one_key_at_both_servers_at_once(self):
        owner, channel = room()
        both = [owner, owner.on(world.servers[1])]
        for _ in range(5):
            key = str(uuid.uuid4())
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                answers = list(pool.map(
                    lambda n, k=key: both[n % 2].say(channel, "once", idempotencyKey=k),
                    range(12)))
            self.assertTrue(all(a == answers[0] for a in answers), answers)
        self.assertEqual(len(owner.history(channel)), 5)

    def test_parallel_sends_to_many_channels(self):
        """From four loops, in every order, with repeated keys: no gap, nothing twice, no end."""
        people = [talker() for _ in range(4)]
        owner = people[0]
        channels = [owner.create(open=True)["id"] for _ in range(5)]
        for person in people[1:]:
            for channel in channels:
                person.join(channel)
        rounds, failures = 30, []

        def talk(index):
            person = people[index % 4].on(world.servers[index % 2])
            order = channels[index % 5:] + channels[:index % 5]
            if index % 3 == 0:
                order.reverse()
            try:
                for number in range(rounds):
                    for channel in order:
                        person.say(channel, f"{index} {number}",
                                   idempotencyKey=f"{index} {number // 2 * 2} {channel}"
                                   if number % 2 == 0 else str(uuid.uuid4()))
            except Exception as error:  # noqa: BLE001 - told below
                failures.append(error)

        threads = [threading.Thread(target=talk, args=(index,)) for index in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        self.assertEqual(failures, [])
        for channel in channels:
            said = owner.history(channel, pageSize=200)
            more = owner.history(channel, pageSize=200, beforeSequence=said[0]["sequence"])
            numbers = [int(m["sequence"]) for m in more + said]
            self.assertEqual(numbers, list(range(1, 12 * rounds + 1)))
            for index in range(12):
                own = [m["text"] for m in more + said if m["text"].startswith(f"{index} ")]
                self.assertEqual(own, [f"{index} {n}" for n in range(rounds)])


class Changes(unittest.TestCase):
    def setUp(self):
        self.member = talker()
        self.owner, self.channel = room(self.member)
        self.follower = self.member.follow(world.servers[1], self.channel)
        self.follower.until_caught_up()
        self.addCleanup(self.follower.close)

    def edit(self, who, sequence, text):
        return who.chat("EditMessage", channelId=self.channel, messageSequence=sequence,
                        text=text)["message"]

    def test_edit(self):
        said = self.owner.say(self.channel, "teh stone")
        edited = self.edit(self.owner, said["sequence"], "the stone")
        self.assertEqual((edited["text"], edited["sequence"], "editedAt" in edited),
                         ("the stone", said["sequence"], True))
        self.assertEqual(self.edit(self.owner, said["sequence"], "the stone"), edited)
        self.assertEqual(next_event(self.follower), ("message", said))
        kind, event = next_event(self.follower)
        self.assertEqual((kind, event), ("edited", {
            "channelId": self.channel, "sequence": "2", "messageSequence": said["sequence"],
            "text": "the stone", "editedAt": edited["editedAt"]}))
        self.assertEqual(self.member.history(self.channel), [edited])
        self.assertEqual(self.owner.get(self.channel)["lastSequence"], "2")

    def test_edit_refusals(self):
        said = self.owner.say(self.channel, "mine")
        request = {"channelId": self.channel, "messageSequence": said["sequence"], "text": "x"}
        self.assertEqual(self.member.refused("EditMessage", **request).code, "permission_denied")
        self.assertEqual(self.owner.refused("EditMessage", **{
            **request, "messageSequence": "77"}).code, "not_found")
        self.assertEqual(self.owner.refused("EditMessage", **{**request, "text": " "}).code,
                         "invalid_argument")
        world.psql("UPDATE messages SET sent_at = sent_at - interval '25 hours' "
                   f"WHERE channel_id = {self.channel}")
        self.assertEqual(self.owner.refused("EditMessage", **request).code, "failed_precondition")
        self.owner.chat("DeleteMessage", channelId=self.channel, messageSequence=said["sequence"])
        self.assertEqual(self.owner.refused("EditMessage", **request).code, "failed_precondition")

    def test_delete(self):
        said = self.owner.say(self.channel, "forget this",
                              mentionedCharacterIds=[self.member.character])
        self.member.react(said, "👍")
        reply = self.member.say(self.channel, "this?", replyToSequence=said["sequence"])
        request = {"channelId": self.channel, "messageSequence": said["sequence"]}
        self.owner.chat("DeleteMessage", **request)
        self.owner.chat("DeleteMessage", **request)
        kinds = [next_event(self.follower)[0] for _ in range(3)]
        self.assertEqual(kinds, ["message", "reaction", "message"])
        kind, event = next_event(self.follower)
        self.assertEqual((kind, event), ("deleted", {
            "channelId": self.channel, "sequence": "4", "messageSequence": said["sequence"]}))
        gone, kept = self.member.history(self.channel)
        self.assertTrue(gone["deleted"])
        for field in ("text", "reactions", "mentionedCharacterIds"):
            self.assertNotIn(field, gone)
        self.assertEqual(kept["replyTo"], {"sequence": said["sequence"],
                                           "characterName": self.owner.hero})
        self.assertEqual(reply["replyTo"]["excerpt"], "forget this")
        self.assertNotIn("mentionCount", self.member.get(self.channel))
        self.assertEqual(world.psql("SELECT text FROM messages WHERE channel_id = "
                                    f"{self.channel} AND sequence = 1"), "")

    def test_members_delete_their_own_and_moderators_any(self):
        theirs = self.member.say(self.channel, "a member's")
        ours = self.owner.say(self.channel, "an owner's")
        error = self.member.refused("DeleteMessage", channelId=self.channel,
                                    messageSequence=ours["sequence"])
        self.assertEqual(error.code, "permission_denied")
        self.owner.chat("DeleteMessage", channelId=self.channel,
                        messageSequence=theirs["sequence"])
        events = [next_event(self.follower) for _ in range(3)]
        self.assertTrue(events[2][1]["byModerator"])
        self.assertEqual(self.owner.refused("DeleteMessage", channelId=self.channel,
                                            messageSequence="99").code, "not_found")

    def test_reactions(self):
        said = self.owner.say(self.channel, "shall we?")
        self.assertEqual(self.owner.react(said, "👍"),
                         [{"emoji": "👍", "count": 1, "mine": True}])
        self.assertEqual(self.owner.react(said, "👍"),
                         [{"emoji": "👍", "count": 1, "mine": True}], "again changes nothing")
        self.member.react(said, ":stone:")
        self.assertEqual(self.member.react(said, "👍"),
                         [{"emoji": "👍", "count": 2, "mine": True},
                          {"emoji": ":stone:", "count": 1, "mine": True}])
        self.assertEqual(self.owner.history(self.channel)[0]["reactions"],
                         [{"emoji": "👍", "count": 2, "mine": True},
                          {"emoji": ":stone:", "count": 1}])
        self.owner.react(said, "👍", on=False)
        self.owner.react(said, "👍", on=False)
        events = [next_event(self.follower) for _ in range(5)]
        self.assertEqual([(k, e.get("emoji"), e.get("count", 0), e.get("on", False))
                          for k, e in events[1:]],
                         [("reaction", "👍", 1, True), ("reaction", ":stone:", 1, True),
                          ("reaction", "👍", 2, True), ("reaction", "👍", 1, False)])
        self.assertEqual(events[1][1]["characterId"], self.owner.character)

    def test_reaction_refusals(self):
        said = self.owner.say(self.channel, "react to this")
        for emoji in ("", "no", "a😀", "😀😀", ":UPPER:", "::", "two words", "нет", "x" * 33):
            error = self.owner.refused("SetReaction", channelId=self.channel, on=True,
                                       messageSequence=said["sequence"], emoji=emoji,
                                       characterId=self.owner.character)
            self.assertEqual((emoji, error.code), (emoji, "invalid_argument"))
        for number in range(20):
            self.owner.react(said, f":kind{number}:")
        error = self.owner.refused("SetReaction", channelId=self.channel, on=True, emoji=":more:",
                                   messageSequence=said["sequence"],
                                   characterId=self.owner.character)
        self.assertEqual(error.code, "resource_exhausted")
        self.member.react(said, ":kind1:")
        for change in ({"messageSequence": "99"}, {"characterId": self.member.character}):
            error = self.owner.refused("SetReaction", **{
                "channelId": self.channel, "on": True, "emoji": "👍",
                "messageSequence": said["sequence"], "characterId": self.owner.character,
                **change})
            self.assertEqual(error.code, "not_found")

    def test_parallel_reactions_count_right(self):
        said = self.owner.say(self.channel, "all at once")
        people = [self.owner, self.member] + [talker() for _ in range(4)]
        for person in people[2:]:
            person.join(self.channel)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda n: people[n % 6].on(world.servers[n % 2]).react(said, "🔥"),
                          range(24)))
        events = [next_event(self.follower) for _ in range(7)]
        self.assertEqual([e["count"] for _, e in events[1:]], list(range(1, 7)))
        self.assertEqual([int(e["sequence"]) for _, e in events], list(range(1, 8)))

    def test_a_late_reader_gets_messages_as_they_are_and_every_change(self):
        first = self.owner.say(self.channel, "frist")
        self.edit(self.owner, first["sequence"], "first")
        second = self.owner.say(self.channel, "second")
        self.member.react(second, "👍")
        self.owner.chat("DeleteMessage", channelId=self.channel,
                        messageSequence=second["sequence"])
        late = self.member.follow(world.server, self.channel, after=0)
        events = [next_event(late) for _ in range(5)]
        self.assertEqual([k for k, _ in events],
                         ["message", "edited", "message", "reaction", "deleted"])
        self.assertEqual([int(e["sequence"]) for _, e in events], [1, 2, 3, 4, 5])
        self.assertEqual((events[0][1]["text"], events[2][1].get("deleted")), ("first", True))
        late.close()
        from_three = self.member.follow(world.server, self.channel, after=3)
        self.assertEqual([next_event(from_three)[0] for _ in range(2)], ["reaction", "deleted"])
        from_three.close()


class History(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.owner, cls.channel = room()
        for number in range(1, 31):
            said = cls.owner.say(cls.channel, f"line {number}")
            if number % 10 == 0:
                cls.owner.react(said, "👍")  # takes a number, is no line

    def page(self, **more):
        answer = self.owner.chat("ListMessages", channelId=self.channel, **more)
        lines = [m["text"].split(" ")[1] for m in answer.get("messages", [])]
        return [int(n) for n in lines], answer.get("hasMore", False), answer

    def test_backwards(self):
        lines, more, answer = self.page(pageSize=12)
        self.assertEqual((lines, more, answer["lastSequence"]), (list(range(19, 31)), True, "33"))
        first = answer["messages"][0]["sequence"]
        lines, more, _ = self.page(pageSize=18, beforeSequence=first)
        self.assertEqual((lines, more), (list(range(1, 19)), False))

    def test_forwards(self):
        lines, more, answer = self.page(pageSize=12, afterSequence="1")
        self.assertEqual((lines, more), (list(range(2, 14)), True))
        last = answer["messages"][-1]["sequence"]
        lines, more, _ = self.page(pageSize=17, afterSequence=last)
        self.assertEqual((lines, more), (list(range(14, 31)), False))
        self.assertEqual(self.page(afterSequence="33")[:2], ([], False))

    def test_default_size_and_bounds(self):
        self.assertEqual(len(self.page()[0]), 30)
        for more in ({"pageSize": 201}, {"pageSize": -1}, {"beforeSequence": "-1"}):
            self.assertEqual(self.owner.refused("ListMessages", channelId=self.channel,
                                                **more).code, "invalid_argument")

    def test_reactions_are_on_the_page(self):
        _, _, answer = self.page(pageSize=1)
        self.assertEqual(answer["messages"][0]["reactions"][0]["emoji"], "👍")

    def test_following_from_the_page_misses_nothing(self):
        owner, channel = room()
        for number in range(5):
            owner.say(channel, f"line {number}")
        last = owner.chat("ListMessages", channelId=channel)["lastSequence"]
        owner.say(channel, "next")
        follower = owner.follow(world.servers[1], channel, after=last)
        self.assertEqual(next_event(follower)[1]["text"], "next")
        follower.close()


class Search(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.word = unique("quartz")
        cls.member = talker()
        cls.owner, cls.channel = room(cls.member)
        cls.other = cls.owner.create()["id"]
        for text in ("lies by the old bridge", "under the bridge, old friend", "is Ωmega"):
            cls.owner.say(cls.channel, f"{cls.word} {text}")
        cls.owner.say(cls.other, f"{cls.word} in a private room")

    def find(self, who, query, **more):
        answer = who.chat("SearchMessages", query=query, **more)
        return [m["text"] for m in answer.get("messages", [])], answer.get("nextPageToken", "")

    def test_words_phrases_and_without(self):
        word = self.word.upper()
        self.assertEqual(len(self.find(self.owner, word)[0]), 4)
        self.assertEqual(self.find(self.owner, f"{word} ωMEGA")[0], [f"{self.word} is Ωmega"])
        self.assertEqual(self.find(self.owner, f'{word} "old bridge"')[0],
                         [f"{self.word} lies by the old bridge"])
        self.assertEqual(len(self.find(self.owner, f"{word} bridge -friend")[0]), 1)

    def test_only_what_the_caller_can_read(self):
        self.assertEqual(len(self.find(self.member, self.word)[0]), 3)
        self.assertEqual(self.find(talker(), self.word)[0], [])
        self.assertEqual(len(self.find(self.owner, self.word, channelId=self.other)[0]), 1)

    def test_newest_first_in_pages(self):
        texts, token = self.find(self.owner, self.word, pageSize=3)
        self.assertEqual(texts[0], f"{self.word} in a private room")
        rest, end = self.find(self.owner, self.word, pageSize=3, pageToken=token)
        self.assertEqual((len(texts), len(rest), end), (3, 1, ""))
        self.assertEqual(len(set(texts + rest)), 4)

    def fill(self, channel, count, text, step_s):
        """Messages in the past, the last of them now; `text` is SQL with the number n."""
        world.psql(
            "INSERT INTO messages (channel_id, sequence, account_id, character_id, character_name, "
            f"text, sent_at) SELECT {channel}, n, {self.owner.account}, {self.owner.character}, "
            f"'Hero', {text}, now() - ({count} - n) * interval '{step_s} seconds' "
            f"FROM generate_series(1, {count}) n; "
            f"UPDATE channels SET last_sequence = {count} WHERE id = {channel}; ANALYZE messages")

    def pages(self, query, size, **more):
        """All answers: (channel, number), page by page."""
        found, token = [], ""
        for _ in range(200):
            answer = self.owner.chat("SearchMessages", query=query, pageSize=size, pageToken=token,
                                     **more)
            self.assertLessEqual(len(answer.get("messages", [])), size)
            found += [(int(m["channelId"]), int(m["sequence"])) for m in answer.get("messages", [])]
            token = answer.get("nextPageToken", "")
            if not token:
                return found
        raise AssertionError("it does not end")

    def test_long_histories_are_searched_in_the_order_of_time(self):
        """Of channels in which much is said and little, of words that are rare and not."""
        busy, quiet = (int(self.owner.create()["id"]) for _ in range(2))
        rare, common = unique("opal"), unique("flint")
        self.fill(busy, 20_000, f"CASE WHEN n % 700 = 0 THEN '{rare} ' ELSE '' END || "
                  f"CASE WHEN n % 9 = 0 THEN '{common} ' ELSE '' END || 'stone ' || n", 3)
        self.fill(quiet, 5_000, f"CASE WHEN n % 300 = 1 THEN '{rare} ' ELSE '' END || "
                  f"CASE WHEN n < 60 THEN '{common} ' ELSE '' END || 'stone ' || n", 11)
        for word, size in ((rare, 7), (rare, 50), (common, 50)):
            expected = [tuple(map(int, row.split("|"))) for row in world.psql(
                f"SELECT channel_id, sequence FROM messages WHERE text LIKE '%{word}%' "
                "ORDER BY sent_at DESC, channel_id DESC, sequence DESC").splitlines()]
            self.assertGreater(len(expected), 40)
            self.assertEqual(self.pages(word, size), expected)
            self.assertEqual(self.pages(word, size, channelId=quiet),
                             [place for place in expected if place[0] == quiet])

    def test_its_cost_does_not_grow_with_what_is_found(self):
        channel = int(self.owner.create()["id"])
        word = unique("jasper")
        self.fill(channel, 30_000, f"'{word} ' || n", 1)
        world.psql("VACUUM messages")

        def fetched():
            return [int(number) for number in world.psql(
                "SELECT seq_tup_read, coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables "
                "WHERE relname = 'messages'").split("|")]

        before = fetched()
        texts, token = self.find(self.owner, word, pageSize=20)
        self.assertEqual(texts, [f"{word} {n}" for n in range(30_000, 29_980, -1)])
        texts, _ = self.find(self.owner, word, pageSize=20, pageToken=token)
        self.assertEqual(texts, [f"{word} {n}" for n in range(29_980, 29_960, -1)])
        # The server's sessions tell what they have read some seconds later.
        self.assertTrue(eventually(lambda: fetched()[1] - before[1] > 40, 30))
        after = fetched()
        # What other tests read of the table while it was small may be told only now.
        self.assertLess(after[0] - before[0], 30_000, "the table was read as a whole")
        self.assertLess(after[1] - before[1], 12_000)

    def test_edits_and_deletes_are_found_as_they_are_now(self):
        word = unique("feldspar")
        said = self.owner.say(self.channel, f"{word} one")
        self.owner.chat("EditMessage", channelId=self.channel, messageSequence=said["sequence"],
                        text=f"{word} two")
        self.assertEqual(self.find(self.owner, f"{word} one")[0], [])
        self.assertEqual(self.find(self.owner, f"{word} two")[0], [f"{word} two"])
        self.owner.chat("DeleteMessage", channelId=self.channel, messageSequence=said["sequence"])
        self.assertEqual(self.find(self.owner, word)[0], [])

    def test_refusals(self):
        for message in ({"query": "x"}, {"query": "  "}, {"query": "-without"}, {"query": "!!"},
                        {"query": "fine", "pageToken": "zz"},
                        {"query": "fine", "pageToken": "1.2"}, {"query": "fine", "pageSize": 51}):
            error = self.owner.refused("SearchMessages", **message)
            self.assertEqual((message, error.code), (message, "invalid_argument"))
        for query in ("a & b | !c", "'); DROP TABLE messages; --", '"', "a:b* <-> c", "\\"):
            if len(query) > 1:
                self.find(self.owner, query + " word")


class Markers(unittest.TestCase):
    def setUp(self):
        self.reader = talker()
        self.owner, self.channel = room(self.reader)

    def counts(self):
        channel = self.reader.get(self.channel)
        return (int(channel.get("readSequence", 0)), channel.get("unreadCount", 0),
                channel.get("mentionCount", 0))

    def mark(self, sequence):
        answer = self.reader.chat("MarkRead", channelId=self.channel, sequence=str(sequence))
        return (int(answer.get("readSequence", 0)), answer.get("unreadCount", 0),
                answer.get("mentionCount", 0))

    def test_unread_are_messages_of_others(self):
        for number in range(3):
            self.owner.say(self.channel, f"line {number}",
                           mentionedCharacterIds=[self.reader.character] if number == 1 else [])
        self.reader.say(self.channel, "my own")
        deleted = self.owner.say(self.channel, "gone")
        self.owner.chat("DeleteMessage", channelId=self.channel,
                        messageSequence=deleted["sequence"])
        self.assertEqual(self.counts(), (0, 3, 1))
        self.assertEqual(self.mark(1), (1, 2, 1))
        self.assertEqual(self.mark(2), (2, 1, 0))
        self.assertEqual(self.mark(1), (2, 1, 0), "never back")
        self.assertEqual(self.mark(10**12), (6, 0, 0), "no further than the end")
        self.assertEqual(self.counts(), (6, 0, 0))

    def test_own_mentions_do_not_count(self):
        self.reader.say(self.channel, "I", mentionedCharacterIds=[self.reader.character])
        self.assertEqual(self.counts(), (0, 0, 0))

    def test_counts_end_at_a_hundred(self):
        world.psql(f"""INSERT INTO messages (channel_id, sequence, account_id, character_id,
                           character_name, text, sent_at)
                       SELECT {self.channel}, n, {self.owner.account}, {self.owner.character},
                              'x', 'x', now() FROM generate_series(1, 250) AS n;
                       INSERT INTO message_mentions (account_id, channel_id, sequence)
                       SELECT {self.reader.account}, {self.channel}, n
                       FROM generate_series(1, 250) AS n;
                       UPDATE channels SET last_sequence = 250 WHERE id = {self.channel}""")
        self.assertEqual(self.counts(), (0, 100, 100))
        self.assertEqual(self.mark(200), (200, 50, 50))

    def test_a_new_account_has_nothing_unread(self):
        channel = self.owner.channel("GLOBAL")
        self.owner.say(channel, "before you came")
        newcomer = talker()
        self.assertEqual(newcomer.get(channel).get("unreadCount", 0), 0)
        self.owner.say(channel, "welcome")
        self.assertEqual(newcomer.get(channel)["unreadCount"], 1)

    def test_muted_channels_do_not_count(self):
        self.reader.chat("SetChannelMuted", channelId=self.channel, muted=True)
        self.owner.say(self.channel, "quietly", mentionedCharacterIds=[self.reader.character])
        self.assertEqual(self.counts(), (0, 0, 0))
        self.assertTrue(self.reader.get(self.channel)["muted"])
        self.reader.chat("SetChannelMuted", channelId=self.channel)
        self.assertEqual(self.counts(), (0, 1, 1))
        self.assertNotIn("muted", self.reader.get(self.channel))

    def test_parallel_marks_end_at_the_highest(self):
        for number in range(20):
            self.owner.say(self.channel, f"line {number}")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: self.mark(n), range(1, 21)))
        self.assertEqual(self.counts(), (20, 0, 0))

    def test_many_channels_at_once(self):
        channels = [self.owner.create(open=True)["id"] for _ in range(10)]
        for channel in channels:
            self.reader.join(channel)
            self.owner.say(channel, "for you")
        listed = {c["id"]: c.get("unreadCount", 0) for c in self.reader.channels("CUSTOM")}
        self.assertEqual([listed[c] for c in channels], [1] * 10)


if __name__ == "__main__":
    unittest.main()
