"""Chat where other things meet it: blocks, sanctions, moderators, notifications, what accounts are
told of their channels, retention."""

import concurrent.futures
import unittest
import uuid

from chat_world import Talker, next_event
from harness import PASSWORD, SIGN_IN, World, eventually, unique

BLOCK = "social.v1.SocialService/BlockCharacter"
LIST_NOTIFICATIONS = "notification.v1.NotificationService/ListNotifications"
world = None


def setUpModule():
    global world
    world = World("chat_rules", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def talker(*characters):
    return Talker(world.server, *characters)


def room(*others):
    owner = talker()
    channel = owner.create(unique("room"), open=True)["id"]
    for other in others:
        other.join(channel)
    return owner, channel


def block(who, whom):
    who.api.call(BLOCK, {"characterId": whom.character})


def notifications(who):
    found = who.api.call(LIST_NOTIFICATIONS).get("notifications", [])
    return [(n["kind"].removeprefix("NOTIFICATION_KIND_"), n.get("messageSequence", "0"))
            for n in found if n.get("channelId", "0") != "0"]


def sanction(who, kind, channel):
    """As a moderator would: 1 mutes, 2 bans; channel "NULL" is everywhere."""
    world.psql("INSERT INTO sanctions (account_id, character_id, kind, channel_id, reason, "
               f"created_by) VALUES ({who.account}, {who.character}, {kind}, {channel}, 'test', "
               f"{who.account})")


class Blocks(unittest.TestCase):
    def setUp(self):
        self.reader, self.other = talker(), talker()
        self.owner, self.channel = room(self.reader, self.other)

    def test_history_search_and_counts_leave_out_the_blocked(self):
        word = unique("basalt")
        said = self.other.say(self.channel, f"{word} of the blocked",
                              mentionedCharacterIds=[self.reader.character])
        self.owner.say(self.channel, f"{word} of the owner", replyToSequence=said["sequence"])
        block(self.reader, self.other)
        for page in ({}, {"afterSequence": "0"}, {"beforeSequence": "9"}):
            texts = [m["text"] for m in self.reader.history(self.channel, **page)]
            self.assertEqual(texts, [f"{word} of the owner"])
        quote = self.reader.history(self.channel)[0]["replyTo"]
        self.assertEqual(quote, {"sequence": said["sequence"]})
        found = self.reader.chat("SearchMessages", query=word)["messages"]
        self.assertEqual([m["text"] for m in found], [f"{word} of the owner"])
        seen = self.reader.get(self.channel)
        self.assertEqual((seen["unreadCount"], seen.get("mentionCount", 0)), (1, 0))
        self.assertEqual(len(self.owner.history(self.channel)), 2, "others read on")

    def test_an_answer_to_the_blocked_is_answered_as_history_shows_it(self):
        said = self.other.say(self.channel, "words of the blocked")
        block(self.reader, self.other)
        key = str(uuid.uuid4())
        seen = {"sequence": said["sequence"]}
        answer = self.reader.say(self.channel, "no", replyToSequence=said["sequence"],
                                 idempotencyKey=key)
        self.assertEqual(answer["replyTo"], seen)
        self.assertEqual(self.reader.say(self.channel, "no", replyToSequence=said["sequence"],
                                         idempotencyKey=key), answer)
        edited = self.reader.chat("EditMessage", channelId=self.channel, text="never",
                                  messageSequence=answer["sequence"])["message"]
        self.assertEqual((edited["text"], edited["replyTo"]), ("never", seen))
        self.assertEqual(self.owner.history(self.channel)[-1]["replyTo"]["excerpt"],
                         "words of the blocked", "others read it whole")

    def test_reactions_of_the_blocked_are_left_out(self):
        word = unique("obsidian")
        said = self.owner.say(self.channel, f"{word} of the owner")
        for emoji in ("👍", ":spit:"):
            self.other.react(said, emoji)
        self.owner.react(said, "👍")
        block(self.reader, self.other)
        seen = [{"emoji": "👍", "count": 1}]
        for page in ({}, {"afterSequence": "0"}):
            self.assertEqual(self.reader.history(self.channel, **page)[0]["reactions"], seen)
        found = self.reader.chat("SearchMessages", query=word)["messages"]
        self.assertEqual(found[0]["reactions"], seen)
        self.assertEqual(self.reader.react(said, "👍"),
                         [{"emoji": "👍", "count": 2, "mine": True}])
        self.assertEqual(self.owner.history(self.channel)[0]["reactions"],
                         [{"emoji": "👍", "count": 3, "mine": True}, {"emoji": ":spit:", "count": 1}],
                         "others see them all")
        late = self.reader.follow(world.server, self.channel, after=0)
        self.addCleanup(late.close)
        told = [next_event(late) for _ in range(3)]
        self.assertEqual(told[0], ("message", said), "as it was told live: reactions come after it")
        self.assertEqual([(kind, event["emoji"], event["characterId"]) for kind, event in told[1:]],
                         [("reaction", "👍", self.owner.character),
                          ("reaction", "👍", self.reader.character)])

    def test_what_a_blocked_keeper_does_to_the_channel_is_told(self):
        """Live and later: it is about the words of others and about the channel."""
        block(self.reader, self.owner)
        follower = self.reader.follow(world.servers[1], self.channel)
        self.addCleanup(follower.close)
        follower.until_caught_up()
        said = self.other.say(self.channel, "foul words")
        own = self.owner.say(self.channel, "not heard")
        for message in (said, own):
            self.owner.chat("DeleteMessage", channelId=self.channel,
                            messageSequence=message["sequence"])
        self.owner.react(self.other.say(self.channel, "fine words"), "👍")
        self.owner.chat("UpdateChannel", channelId=self.channel, slowModeSeconds=5)
        last = self.other.say(self.channel, "the end")
        late = self.reader.follow(world.server, self.channel, after=0)
        self.addCleanup(late.close)
        for stream in (follower, late):
            told = [next_event(stream)]
            while told[-1][1]["sequence"] != last["sequence"]:
                told.append(next_event(stream))
            self.assertEqual([(kind, event["sequence"]) for kind, event in told],
                             [("message", "1"), ("deleted", "3"), ("message", "5"),
                              ("channelChanged", "7"), ("message", "8")])

    def test_no_whispers_either_way(self):
        channel = self.reader.whisper(self.other)["id"]
        self.reader.say(channel, "before")
        block(self.reader, self.other)
        for one, two in ((self.reader, self.other), (self.other, self.reader)):
            self.assertEqual(one.refused("SendMessage", channelId=channel, text="after",
                                         characterId=one.character).code, "failed_precondition")
            self.assertEqual(one.refused("OpenWhisper", characterId=one.character,
                                         toCharacterName=two.hero).code, "failed_precondition")

    def test_no_changes_in_whispers_either_way(self):
        channel = self.reader.whisper(self.other)["id"]
        mine, theirs = self.reader.say(channel, "one"), self.other.say(channel, "two")
        self.reader.react(theirs, "👍")
        block(self.reader, self.other)
        for who, own, other in ((self.reader, mine, theirs), (self.other, theirs, mine)):
            self.assertEqual(who.refused("EditMessage", channelId=channel, text="after",
                                         messageSequence=own["sequence"]).code,
                             "failed_precondition")
            self.assertEqual(who.refused("SetReaction", channelId=channel, emoji=":spit:", on=True,
                                         messageSequence=other["sequence"],
                                         characterId=who.character).code, "failed_precondition")
        self.assertEqual(self.reader.react(theirs, "👍", on=False), [], "taking back is allowed")
        for who, own in ((self.reader, mine), (self.other, theirs)):
            who.chat("DeleteMessage", channelId=channel, messageSequence=own["sequence"])
        self.assertEqual(world.psql("SELECT count(*) FROM messages WHERE text = '' AND "
                                    f"channel_id = {channel}"), "2")

    def test_the_blocked_are_not_added(self):
        stranger = talker()
        block(stranger, self.owner)
        self.assertEqual(self.owner.refused("AddMember", channelId=self.channel,
                                            characterName=stranger.hero).code,
                         "failed_precondition")


class Sanctions(unittest.TestCase):
    def test_a_mute_forbids_to_speak_and_to_react(self):
        muted = talker()
        owner, channel = room(muted)
        said = owner.say(channel, "speak")
        mine = muted.say(channel, "still may")
        sanction(muted, 1, channel)
        request = {"channelId": channel, "characterId": muted.character}

        self.assertTrue(eventually(lambda: muted.refused_or_none(
            "SendMessage", channelId=channel, characterId=muted.character,
            text=f"am I? {uuid.uuid4()}") == "failed_precondition", 5))
        self.assertEqual(muted.refused("EditMessage", channelId=channel, text="changed",
                                       messageSequence=mine["sequence"]).code,
                         "failed_precondition")
        self.assertEqual(muted.refused("SetReaction", **request, emoji="👍", on=True,
                                       messageSequence=said["sequence"]).code,
                         "failed_precondition")
        self.assertTrue(muted.history(channel), "it may read")
        muted.say(muted.channel("FAMILY"), "and speak elsewhere")

    def test_a_repetition_is_answered_though_the_speaker_is_muted_now(self):
        muted = talker()
        _, channel = room(muted)
        key = str(uuid.uuid4())
        first = muted.say(channel, "once", idempotencyKey=key)
        sanction(muted, 1, "NULL")

        self.assertTrue(eventually(lambda: muted.refused_or_none(
            "SendMessage", channelId=channel, characterId=muted.character,
            text=f"am I? {uuid.uuid4()}") == "failed_precondition", 5))
        self.assertEqual(muted.say(channel, "once", idempotencyKey=key), first)

    def test_the_muted_name_no_channels(self):
        owner, channel = room()
        sanction(owner, 1, "NULL")
        self.assertTrue(eventually(lambda: owner.refused_or_none(
            "UpdateChannel", channelId=channel, topic=unique("topic")), 5))
        for method, message in (("CreateChannel", {"name": unique("room"),
                                                   "characterId": owner.character}),
                                ("UpdateChannel", {"channelId": channel, "name": unique("x")})):
            self.assertEqual(owner.refused(method, **message).code, "failed_precondition")
        owner.chat("UpdateChannel", channelId=channel, open=False)

    def test_a_ban_shuts_out_of_the_channel(self):
        banned = talker()
        owner, channel = room(banned)
        owner.say(channel, "secret")
        sanction(banned, 2, channel)

        self.assertTrue(eventually(lambda: banned.refused_or_none(
            "ListMessages", channelId=channel) == "not_found", 5))
        for method, more in (("GetChannel", {}), ("MarkRead", {"sequence": "1"}),
                             ("SearchMessages", {"query": "secret"}),
                             ("SendMessage", {"characterId": banned.character, "text": "in"})):
            self.assertEqual(banned.refused(method, channelId=channel, **more).code,
                             "not_found", method)
        self.assertEqual(banned.chat("SearchMessages", query="secret"), {},
                         "nor through a search of everything")
        banned.chat("LeaveChannel", channelId=channel)
        self.assertEqual(banned.refused("JoinChannel", channelId=channel,
                                        characterId=banned.character).code, "not_found")


class Moderators(unittest.TestCase):
    def test_take_back_anything_and_it_is_written_down(self):
        moderator = talker()
        world.psql(f"UPDATE accounts SET role = 3 WHERE id = {moderator.account}")
        moderator.token = moderator.api.token = moderator.api.call(
            SIGN_IN, {"login": moderator.name, "password": PASSWORD})["session"]["accessToken"]
        owner, channel = room()
        said = owner.say(channel, "something foul")
        follower = owner.follow(world.servers[1], channel, after=0)
        self.assertEqual(moderator.refused("ListMessages", channelId=channel).code, "not_found")
        request = {"channelId": channel, "messageSequence": said["sequence"],
                   "reason": "foul words"}
        moderator.chat("DeleteMessage", **request)
        moderator.chat("DeleteMessage", **request)
        self.assertEqual(next_event(follower)[0], "message")
        self.assertTrue(next_event(follower)[1]["byModerator"])
        follower.close()
        self.assertEqual(world.psql(
            "SELECT action, target_kind, target_id, detail, note FROM audit_log "
            f"WHERE account_id = {moderator.account} AND action = 'message.delete'"),
            f"message.delete|channel|{channel}|message {said['sequence']}|foul words")

    def test_the_pace_a_keeper_sets_is_written_down(self):
        owner, channel = room()
        for change in ({"slowModeSeconds": 30}, {"slowModeSeconds": 30}, {"topic": "slowly"},
                       {"slowModeSeconds": 0}):
            owner.chat("UpdateChannel", channelId=channel, **change)
        self.assertEqual(world.psql(
            "SELECT target_kind, target_id, detail FROM audit_log WHERE action = "
            f"'channel.slow_mode' AND account_id = {owner.account} ORDER BY id"),
            f"channel|{channel}|30 s\nchannel|{channel}|0 s")

    def test_who_is_no_keeper_any_more_changes_nothing(self):
        """Demoted while the change waits for the channel."""
        keeper = talker()
        owner, channel = room(keeper)
        owner.chat("SetMemberRole", channelId=channel, characterId=keeper.character,
                   role="CHANNEL_ROLE_MODERATOR")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with world.transaction(f"UPDATE channels SET topic = '' WHERE id = {channel}") as run:
                late = pool.submit(keeper.refused_or_none, "UpdateChannel", channelId=channel,
                                   topic="mine")
                world.wait_for_lock()
                run(f"UPDATE channel_members SET role = 1 WHERE channel_id = {channel} AND "
                    f"account_id = {keeper.account}; COMMIT")
            self.assertEqual(late.result(30), "permission_denied")
        self.assertNotIn("topic", owner.get(channel))

    def test_authors_are_not_audited(self):
        owner, channel = room()
        said = owner.say(channel, "my own")
        owner.chat("DeleteMessage", channelId=channel, messageSequence=said["sequence"])
        self.assertEqual(world.psql("SELECT count(*) FROM audit_log WHERE action = "
                                    f"'message.delete' AND account_id = {owner.account}"), "0")


class Notifications(unittest.TestCase):
    def setUp(self):
        self.reader = talker(("RACE_AURELIN", "FACTION_VOID"), ("RACE_ISHARI", "FACTION_ORDER"))
        self.owner, self.channel = room(self.reader)

    def comes(self, *expected):
        self.assertTrue(eventually(lambda: notifications(self.reader) == list(expected), 10),
                        notifications(self.reader))

    def test_mentions_and_replies(self):
        mine = self.reader.say(self.channel, "who knows?")
        answer = self.owner.say(self.channel, "I do", replyToSequence=mine["sequence"])
        self.comes(("REPLY", answer["sequence"]))
        both = [c["id"] for c in self.reader.characters]
        mention = self.owner.say(self.channel, "both of you", mentionedCharacterIds=both)
        self.comes(("MENTION", mention["sequence"]), ("REPLY", answer["sequence"]))
        self.owner.say(self.channel, "again", replyToSequence=mine["sequence"],
                       mentionedCharacterIds=both)
        self.comes(("REPLY", "4"), ("MENTION", "3"), ("REPLY", "2"))
        found = self.reader.api.call(LIST_NOTIFICATIONS)["notifications"][0]
        self.assertEqual((found["text"], found["characterId"]),
                         (f"{self.owner.hero} replied to you in "
                          f"{self.owner.get(self.channel)['name']}.", self.owner.character))

    def test_once_for_a_repeated_call(self):
        key = str(uuid.uuid4())
        said = [self.owner.on(world.servers[n % 2]).say(
            self.channel, "listen", mentionedCharacterIds=[self.reader.character],
            idempotencyKey=key) for n in range(4)]
        self.assertTrue(all(s == said[0] for s in said))
        self.comes(("MENTION", said[0]["sequence"]))  # the outbox does not keep the order
        last = self.owner.say(self.channel, "last",
                              mentionedCharacterIds=[self.reader.character])
        self.comes(("MENTION", last["sequence"]), ("MENTION", said[0]["sequence"]))

    def test_not_of_oneself_nor_muted_nor_blocked_nor_gone(self):
        gone = talker()
        gone.join(self.channel)
        theirs = gone.say(self.channel, "I leave")
        gone.chat("LeaveChannel", channelId=self.channel)
        self.owner.say(self.channel, "farewell", replyToSequence=theirs["sequence"])
        own = self.reader.say(self.channel, "me", mentionedCharacterIds=[self.reader.character])
        self.reader.say(self.channel, "me again", replyToSequence=own["sequence"])
        blocked = talker()
        blocked.join(self.channel)
        block(self.reader, blocked)
        blocked.say(self.channel, "hear me", mentionedCharacterIds=[self.reader.character])
        self.reader.chat("SetChannelMuted", channelId=self.channel, muted=True)
        self.owner.say(self.channel, "quiet", mentionedCharacterIds=[self.reader.character])
        self.reader.chat("SetChannelMuted", channelId=self.channel, muted=False)
        last = self.owner.say(self.channel, "now", mentionedCharacterIds=[self.reader.character])
        self.comes(("MENTION", last["sequence"]))
        self.assertEqual(notifications(gone), [])

    def test_who_is_added_hears_of_it(self):
        other = self.owner.create()["id"]
        for _ in range(2):
            self.owner.chat("AddMember", channelId=other, characterName=self.reader.hero)
        self.comes(("CHANNEL_INVITE", "0"))


class AccountEvents(unittest.TestCase):
    """What an account's other devices are told, as it is written for them."""

    KINDS = {2: "notification", 4: "read", 5: "joined", 6: "left"}  # fields of AccountEvent

    def told(self, who):
        """Kinds of events, oldest first, notifications aside."""
        lines = world.psql("SELECT get_byte(event, 0) >> 3 FROM account_events WHERE account_id = "
                           f"{who.account} ORDER BY sequence").splitlines()
        return [kind for kind in (self.KINDS[int(line)] for line in lines)
                if kind != "notification"]

    def test_of_custom_channels(self):
        member = talker()
        owner, channel = room(member)
        member.join(channel)
        self.assertEqual((self.told(owner), self.told(member)), (["joined"], ["joined"]))
        owner.say(channel, "read this")
        for sequence in ("1", "1", "0"):
            member.chat("MarkRead", channelId=channel, sequence=sequence)
        for muted in (True, True, False):
            member.chat("SetChannelMuted", channelId=channel, muted=muted)
        self.assertEqual(self.told(member), ["joined", "read", "joined", "joined"])
        owner.chat("RemoveMember", channelId=channel, characterId=member.character)
        owner.chat("AddMember", channelId=channel, characterName=member.hero)
        owner.chat("AddMember", channelId=channel, characterName=member.hero)
        for _ in range(2):
            owner.chat("LeaveChannel", channelId=channel)
        self.assertEqual(self.told(member)[4:], ["left", "joined", "joined"],
                         "removed, added, made owner")
        self.assertEqual(self.told(owner), ["joined", "left"])

    def test_of_whispers(self):
        one, other = talker(), talker()
        channel = one.whisper(other)["id"]
        one.whisper(other)
        self.assertEqual((self.told(one), self.told(other)), (["joined"], []))
        one.say(channel, "psst")
        self.assertEqual(self.told(other), ["joined"])
        other.chat("LeaveChannel", channelId=channel)
        one.say(channel, "still there?")
        self.assertEqual(self.told(other), ["joined", "left", "joined"])


class Retention(unittest.TestCase):
    def run_job(self):
        runs = int(world.psql("SELECT runs FROM jobs WHERE name = 'chat_retention'"))
        world.psql("UPDATE jobs SET next_at = now() WHERE name = 'chat_retention'")
        self.assertTrue(eventually(lambda: int(world.psql(
            "SELECT runs FROM jobs WHERE name = 'chat_retention'")) > runs, 20))
        self.assertEqual(world.psql("SELECT status FROM jobs WHERE name = 'chat_retention'"), "OK")

    def age(self, channel, up_to, days):
        world.psql(f"UPDATE messages SET sent_at = sent_at - interval '{days} days' "
                   f"WHERE channel_id = {channel} AND sequence <= {up_to}")

    def test_old_messages_are_archived(self):
        reader = talker()
        owner, channel = room(reader)
        said = [owner.say(channel, f"line {n}", mentionedCharacterIds=[reader.character])
                for n in range(1, 6)]
        owner.react(said[0], "👍")
        reply = reader.say(channel, "to the old", replyToSequence="2")
        self.age(channel, 3, 400)
        self.run_job()
        kept = owner.history(channel)
        self.assertEqual([m["text"] for m in kept], ["line 4", "line 5", "to the old"])
        self.assertEqual(kept[-1]["replyTo"], {"sequence": "2"})
        self.assertEqual(owner.get(channel)["archivedSequence"], "3")
        self.assertEqual(world.psql("SELECT string_agg(text, ',' ORDER BY sequence) FROM "
                                    f"archived_messages WHERE channel_id = {channel}"),
                         "line 1,line 2,line 3")
        self.assertEqual(world.psql("SELECT count(*) FROM message_reactions WHERE channel_id = "
                                    f"{channel}"), "0")
        self.assertEqual(reader.get(channel)["mentionCount"], 2)
        error = owner.refused("EditMessage", channelId=channel, messageSequence="1", text="new")
        self.assertEqual(error.code, "not_found")
        self.assertEqual(owner.chat("SearchMessages", query="line", channelId=channel)
                         ["messages"][-1]["text"], "line 4")
        late = reader.follow(world.servers[1], channel, after=1)
        kind, event = next_event(late)
        self.assertEqual((kind, event["sequence"]), ("reset", "3"))
        self.assertEqual([next_event(late)[1]["sequence"] for _ in range(4)],
                         ["4", "5", "6", reply["sequence"]])
        late.close()

    def test_what_is_not_kept_is_gone_and_what_is_kept_for_ever_stays(self):
        owner = talker()
        channel = owner.create()["id"]
        family = owner.channel("FAMILY")
        for where in (channel, family):
            owner.say(where, "ages ago")
            self.age(where, 1, 4000)
        world.psql("UPDATE channel_retention SET archive = false WHERE kind = 9")
        try:
            self.run_job()
        finally:
            world.psql("UPDATE channel_retention SET archive = true WHERE kind = 9")
        self.assertEqual(owner.history(channel), [])
        self.assertEqual(len(owner.history(family)), 1)
        self.assertEqual(world.psql("SELECT count(*) FROM archived_messages WHERE channel_id = "
                                    f"{channel}"), "0")
        self.assertEqual(owner.say(channel, "anew")["sequence"], "2")

    def test_channels_do_not_wait_for_each_other(self):
        """Whoever sends to several holds them in an order of its own."""
        owner, first = room()
        second = owner.create()["id"]
        for held, free in ((first, second), (second, first)):
            for channel in (first, second):
                said = owner.say(channel, "ages ago")
                self.age(channel, said["sequence"], 400)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                with world.transaction(f"UPDATE channels SET topic = '' WHERE id = {held}"):
                    done = pool.submit(self.run_job)
                    world.wait_for_lock()
                    world.psql(f"BEGIN; SELECT FROM channels WHERE id = {free} FOR UPDATE NOWAIT; "
                               "ROLLBACK")
                done.result(30)
            self.assertEqual([owner.history(channel) for channel in (first, second)], [[], []])

    def test_who_changes_an_old_message_is_not_waited_for_in_a_circle(self):
        """A reaction holds its message, then takes the channel's next number."""
        owner, channel = room()
        owner.say(channel, "ages ago")
        self.age(channel, 1, 400)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with world.transaction("UPDATE messages SET edited_at = now() "
                                   f"WHERE channel_id = {channel}") as run:
                done = pool.submit(self.run_job)
                world.wait_for_lock()
                run(f"UPDATE channels SET topic = '' WHERE id = {channel}; COMMIT")
            done.result(30)
        self.assertEqual(owner.history(channel), [])

    def test_more_than_a_batch(self):
        owner, channel = room()
        world.psql(f"""INSERT INTO messages (channel_id, sequence, account_id, character_id,
                           character_name, text, sent_at)
                       SELECT {channel}, n, {owner.account}, {owner.character}, 'x', 'x',
                              now() - interval '500 days' + n * interval '1 second'
                       FROM generate_series(1, 1700) AS n;
                       UPDATE channels SET last_sequence = 1700 WHERE id = {channel}""")
        owner.say(channel, "fresh")
        self.run_job()
        self.assertEqual(owner.get(channel)["archivedSequence"], "1700")
        self.assertEqual([m["text"] for m in owner.history(channel)], ["fresh"])
        self.assertEqual(world.psql("SELECT count(*) FROM archived_messages WHERE channel_id = "
                                    f"{channel}"), "1700")


if __name__ == "__main__":
    unittest.main()
