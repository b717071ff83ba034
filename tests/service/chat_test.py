"""Channels of every kind: who sees them, who makes and changes them, who is in them."""

import concurrent.futures
import unittest
import uuid

from chat_world import NOWHERE, Talker, next_event
from harness import DELETE_CHARACTER, RpcError, World, unique

world = None


def setUpModule():
    global world
    world = World("chat", servers=2, http__loops=2)


def tearDownModule():
    world.close()


def talker(*characters):
    return Talker(world.server, *characters)


class Kinds(unittest.TestCase):
    """Whose channels are which."""

    def test_an_account_without_characters_has_global_and_family(self):
        someone = talker()
        someone.api.call(DELETE_CHARACTER, {"id": someone.character})
        kinds = [c["kind"] for c in someone.channels()]
        self.assertEqual(kinds, ["CHANNEL_KIND_GLOBAL", "CHANNEL_KIND_FAMILY"])
        self.assertFalse(any(c.get("canSpeak") for c in someone.channels()))

    def test_factions_and_races_are_those_of_the_characters(self):
        someone = talker(("RACE_AURELIN", "FACTION_VOID"), ("RACE_ISHARI", "FACTION_ORDER"))
        self.assertEqual([c["name"] for c in someone.channels("FACTION")], ["Order", "Void"])
        self.assertEqual([c["name"] for c in someone.channels("RACE")], ["Aurelin", "Ishari"])
        self.assertTrue(all(c["canSpeak"] for c in someone.channels()))

    def test_the_list_is_by_kind_then_by_name(self):
        someone = talker(("RACE_UMBRATH", "FACTION_VOID"), ("RACE_ISHARI", "FACTION_CHAOS"))
        someone.create("Zebra " + unique("z"))
        someone.create("aardvark " + unique("a"))
        order = ["GLOBAL", "FAMILY", "FACTION", "FACTION", "RACE", "RACE", "CUSTOM", "CUSTOM"]
        channels = someone.channels()
        self.assertEqual([c["kind"].removeprefix("CHANNEL_KIND_") for c in channels], order)
        self.assertEqual([c["name"].split(" ")[0] for c in channels[2:]],
                         ["Chaos", "Void", "Ishari", "Umbrath", "aardvark", "Zebra"])

    def test_a_faction_hears_only_its_own(self):
        order = talker(("RACE_AURELIN", "FACTION_ORDER"))
        chaos = talker(("RACE_AURELIN", "FACTION_CHAOS"))
        channel = order.channel("FACTION")
        order.say(channel, "measure and promise")
        for method, more in [
                ("GetChannel", {}), ("ListMessages", {}), ("ListMembers", {}),
                ("MarkRead", {"sequence": "1"}), ("SetChannelMuted", {"muted": True}),
                ("SearchMessages", {"query": "measure"}), ("LeaveChannel", {}),
                ("JoinChannel", {"characterId": chaos.character}),
                ("UpdateChannel", {"topic": "ours"}),
                ("AddMember", {"characterName": chaos.hero}),
                ("RemoveMember", {"characterId": order.character}),
                ("SetMemberRole", {"characterId": order.character,
                                   "role": "CHANNEL_ROLE_MEMBER"}),
                ("EditMessage", {"messageSequence": "1", "text": "mine"}),
                ("DeleteMessage", {"messageSequence": "1"}),
                ("SetReaction", {"messageSequence": "1", "characterId": chaos.character,
                                 "emoji": "🔥", "on": True}),
                ("SendMessage", {"characterId": chaos.character, "text": "let me in"})]:
            for where in (channel, NOWHERE):
                error = chaos.refused(method, channelId=where, **more)
                self.assertEqual((method, error.code), (method, "not_found"))
                self.assertEqual(error.message, f"there is no channel {where}", method)

    def test_strangers_cannot_follow(self):
        order = talker(("RACE_AURELIN", "FACTION_ORDER"))
        chaos = talker(("RACE_AURELIN", "FACTION_CHAOS"))
        for where in (order.channel("FACTION"), NOWHERE):
            follower = chaos.follow(world.server, where)
            kind, payload = follower.receive()
            self.assertEqual((kind, payload["error"]["code"]), ("end", "not_found"))
            follower.close()

    def test_only_characters_of_the_race_speak_for_it(self):
        someone = talker(("RACE_AURELIN", "FACTION_VOID"), ("RACE_ISHARI", "FACTION_VOID"))
        ishari = next(c["id"] for c in someone.channels("RACE") if c["name"] == "Ishari")
        error = someone.refused("SendMessage", channelId=ishari, characterId=someone.character,
                                text="as an Aurelin")
        self.assertEqual(error.code, "failed_precondition")
        someone.say(ishari, "as an Ishari", characterId=someone.characters[1]["id"])

    def test_a_deleted_character_takes_its_channels_along(self):
        someone = talker(("RACE_AURELIN", "FACTION_VOID"), ("RACE_ISHARI", "FACTION_ORDER"))
        order = next(c["id"] for c in someone.channels("FACTION") if c["name"] == "Order")
        someone.api.call(DELETE_CHARACTER, {"id": someone.characters[1]["id"]})
        self.assertEqual(someone.refused("GetChannel", channelId=order).code, "not_found")
        self.assertEqual([c["name"] for c in someone.channels("FACTION")], ["Void"])

    def test_a_house_has_its_own_channel(self):
        first, second = talker(), talker()
        mine, other = first.channel("FAMILY"), second.channel("FAMILY")
        self.assertNotEqual(mine, other)
        first.say(mine, "only for us")
        self.assertEqual(second.refused("ListMessages", channelId=mine).code, "not_found")

    def test_a_family_is_made_once_whoever_asks(self):
        someone = talker()
        both = [someone, someone.on(world.servers[1])]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(lambda n: both[n % 2].channel("FAMILY"), range(16)))
        self.assertEqual(len(ids), 1)

    def test_nobody_joins_or_leaves_what_is_no_club(self):
        someone = talker()
        channel = someone.channel("GLOBAL")
        self.assertEqual(someone.refused("LeaveChannel", channelId=channel).code, "not_found")
        self.assertEqual(someone.refused("JoinChannel", channelId=channel,
                                         characterId=someone.character).code, "not_found")
        self.assertEqual(someone.refused("UpdateChannel", channelId=channel, topic="mine").code,
                         "permission_denied")
        self.assertEqual(someone.chat("ListMembers", channelId=channel), {})


class Custom(unittest.TestCase):
    def test_create_and_find(self):
        owner, other = talker(), talker()
        name = "The " + unique("Hall")
        made = owner.create(name, topic="old songs", open=True)
        self.assertEqual((made["name"], made["topic"], made["open"], made["role"],
                          made["memberCount"], made["canSpeak"]),
                         (name, "old songs", True, "CHANNEL_ROLE_OWNER", 1, True))
        self.assertEqual(owner.get(made["id"]), made)
        found = other.chat("FindChannels", nameContains=name[4:].upper())["channels"]
        self.assertEqual([c["id"] for c in found], [made["id"]])
        self.assertNotIn("role", found[0])
        self.assertFalse(found[0].get("canSpeak", False) and found[0].get("role"))

    def test_find_gives_the_largest_first(self):
        owner, other = talker(), talker()
        mark = unique("size")
        small, large = (owner.create(f"{mark} {n}", open=True) for n in ("a", "b"))
        other.join(large["id"])
        closed = owner.create(f"{mark} closed")
        found = other.chat("FindChannels", nameContains=mark)["channels"]
        self.assertEqual([c["id"] for c in found], [large["id"], small["id"]])
        self.assertNotIn(closed["id"], [c["id"] for c in found])
        self.assertEqual(len(other.chat("FindChannels", nameContains=mark,
                                        pageSize=1)["channels"]), 1)
        self.assertEqual(other.chat("FindChannels", nameContains="%"), {})

    def test_names_are_unique_without_regard_to_case(self):
        owner = talker()
        name = unique("Unique")
        owner.create(name)
        error = owner.refused("CreateChannel", name=name.upper(), characterId=owner.character)
        self.assertEqual(error.code, "already_exists")

    def test_create_checks_its_input(self):
        owner, other = talker(), talker()
        for message in ({"name": "x"}, {"name": "x" * 33}, {"name": " padded"},
                        {"name": "two  spaces"}, {"name": "ok", "topic": "t" * 201},
                        {"name": "fine", "characterId": "0"}):
            error = owner.refused("CreateChannel", **{"characterId": owner.character, **message})
            self.assertEqual((message, error.code), (message, "invalid_argument"))
        error = owner.refused("CreateChannel", name=unique("room"), characterId=other.character)
        self.assertEqual(error.code, "not_found")

    def test_a_repeated_create_answers_the_same(self):
        owner = talker()
        request = {"name": unique("room"), "characterId": owner.character,
                   "idempotencyKey": str(uuid.uuid4())}
        first = owner.chat("CreateChannel", **request)
        self.assertEqual(owner.on(world.servers[1]).chat("CreateChannel", **request), first)
        error = owner.refused("CreateChannel", **{**request, "topic": "another"})
        self.assertEqual(error.code, "failed_precondition")

    def test_an_account_owns_twenty(self):
        owner = talker()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            def attempt(_):
                try:
                    return bool(owner.create())
                except RpcError as error:
                    return error.code
            outcomes = list(pool.map(attempt, range(24)))
        self.assertEqual(outcomes.count(True), 20)
        self.assertEqual(outcomes.count("resource_exhausted"), 4)

    def test_update(self):
        owner, member = talker(), talker()
        channel = owner.create(open=True)["id"]
        member.join(channel)
        follower = member.follow(world.servers[1], channel)
        follower.until_caught_up()
        name = unique("renamed")
        changed = owner.chat("UpdateChannel", channelId=channel, name=name, topic="new",
                             slowModeSeconds=5)["channel"]
        self.assertEqual((changed["name"], changed["topic"], changed["slowModeSeconds"],
                          changed["open"]), (name, "new", 5, True))
        kind, event = next_event(follower)
        self.assertEqual((kind, event["name"], event["topic"], event["slowModeSeconds"],
                          event["sequence"]),
                         ("channelChanged", name, "new", 5, changed["lastSequence"]))
        again = owner.chat("UpdateChannel", channelId=channel, name=name)["channel"]
        self.assertEqual(again["lastSequence"], changed["lastSequence"], "nothing changed")
        error = member.refused("UpdateChannel", channelId=channel, topic="mine")
        self.assertEqual(error.code, "permission_denied")
        taken = owner.create()["name"]
        self.assertEqual(owner.refused("UpdateChannel", channelId=channel, name=taken).code,
                         "already_exists")
        owner.chat("UpdateChannel", channelId=channel, open=False)
        self.assertEqual(talker().refused("JoinChannel", channelId=channel,
                                          characterId=talker().character).code, "not_found")
        follower.close()

    def test_join_leave_and_come_back(self):
        owner, member = talker(), talker()
        channel = owner.create(open=True)["id"]
        owner.say(channel, "before anybody came")
        joined = member.join(channel)
        self.assertEqual((joined["role"], joined["memberCount"], joined.get("unreadCount", 0)),
                         ("CHANNEL_ROLE_MEMBER", 2, 0))
        self.assertEqual(member.join(channel), joined, "again changes nothing")
        self.assertEqual([m["text"] for m in member.history(channel)], ["before anybody came"])
        member.chat("LeaveChannel", channelId=channel)
        member.chat("LeaveChannel", channelId=channel)
        self.assertEqual(member.refused("ListMessages", channelId=channel).code, "not_found")
        self.assertEqual(owner.get(channel)["memberCount"], 1)
        self.assertEqual(member.join(channel)["memberCount"], 2)

    def test_parallel_joins_count_each_member_once(self):
        owner = talker()
        channel = owner.create(open=True)["id"]
        members = [talker() for _ in range(4)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: members[n % 4].on(world.servers[n % 2]).join(channel),
                          range(16)))
        self.assertEqual(owner.get(channel)["memberCount"], 5)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: members[n % 4].chat("LeaveChannel", channelId=channel),
                          range(16)))
        self.assertEqual(owner.get(channel)["memberCount"], 1)

    def test_an_owner_hands_over_and_the_last_closes(self):
        owner, second, third = talker(), talker(), talker()
        name = unique("relay")
        channel = owner.create(name, open=True)["id"]
        second.join(channel)
        third.join(channel)
        owner.chat("LeaveChannel", channelId=channel)
        self.assertEqual(second.get(channel)["role"], "CHANNEL_ROLE_OWNER")
        self.assertEqual(third.get(channel)["role"], "CHANNEL_ROLE_MEMBER")
        third.chat("LeaveChannel", channelId=channel)
        second.chat("LeaveChannel", channelId=channel)
        self.assertEqual(second.refused("GetChannel", channelId=channel).code, "not_found")
        self.assertEqual(second.refused("SendMessage", channelId=channel, text="echo",
                                        characterId=second.character).code, "not_found")
        self.assertEqual(third.chat("FindChannels", nameContains=name), {})
        owner.create(name)  # the name is free again


class Members(unittest.TestCase):
    def test_list_is_by_name_in_pages(self):
        owner, others = talker(), [talker() for _ in range(3)]
        channel = owner.create()["id"]
        for other in others:
            owner.chat("AddMember", channelId=channel, characterName=other.hero.upper())
        expected = sorted((t.hero for t in [owner, *others]), key=str.lower)
        first = others[0].chat("ListMembers", channelId=channel, pageSize=3)
        self.assertTrue(first["hasMore"])
        rest = others[0].chat("ListMembers", channelId=channel,
                              afterName=first["members"][-1]["characterName"])
        self.assertFalse(rest.get("hasMore", False))
        listed = first["members"] + rest["members"]
        self.assertEqual([m["characterName"] for m in listed], expected)
        self.assertEqual(sum(m["role"] == "CHANNEL_ROLE_OWNER" for m in listed), 1)

    def test_adding_is_for_owner_and_moderators(self):
        owner, moderator, member, stranger = (talker() for _ in range(4))
        channel = owner.create()["id"]
        for other in (moderator, member):
            added = owner.chat("AddMember", channelId=channel, characterName=other.hero)["member"]
            self.assertEqual((added["characterId"], added["role"]),
                             (other.character, "CHANNEL_ROLE_MEMBER"))
        again = owner.chat("AddMember", channelId=channel, characterName=member.hero)["member"]
        self.assertEqual(again["characterId"], member.character)
        self.assertEqual(owner.get(channel)["memberCount"], 3)
        error = member.refused("AddMember", channelId=channel, characterName=stranger.hero)
        self.assertEqual(error.code, "permission_denied")
        role = owner.chat("SetMemberRole", channelId=channel, characterId=moderator.character,
                          role="CHANNEL_ROLE_MODERATOR")["member"]["role"]
        self.assertEqual(role, "CHANNEL_ROLE_MODERATOR")
        moderator.chat("AddMember", channelId=channel, characterName=stranger.hero)
        self.assertEqual(owner.refused("AddMember", channelId=channel,
                                       characterName="nobody").code, "not_found")

    def test_removing_respects_roles(self):
        owner, moderator, member = (talker() for _ in range(3))
        channel = owner.create()["id"]
        for other in (moderator, member):
            owner.chat("AddMember", channelId=channel, characterName=other.hero)
        remove = {"channelId": channel, "characterId": owner.character}
        self.assertEqual(member.refused("RemoveMember", **remove).code, "permission_denied")
        owner.chat("SetMemberRole", channelId=channel, characterId=moderator.character,
                   role="CHANNEL_ROLE_MODERATOR")
        self.assertEqual(moderator.refused("RemoveMember", **remove).code, "permission_denied")
        moderator.chat("RemoveMember", channelId=channel, characterId=member.character)
        self.assertEqual(member.refused("GetChannel", channelId=channel).code, "not_found")
        self.assertEqual(moderator.refused("RemoveMember", channelId=channel,
                                           characterId=member.character).code, "not_found")
        self.assertEqual(owner.get(channel)["memberCount"], 2)

    def test_only_the_owner_names_moderators(self):
        owner, member = talker(), talker()
        channel = owner.create(open=True)["id"]
        member.join(channel)
        role = {"channelId": channel, "characterId": member.character,
                "role": "CHANNEL_ROLE_MODERATOR"}
        self.assertEqual(member.refused("SetMemberRole", **role).code, "permission_denied")
        owner.chat("SetMemberRole", **role)
        owner.chat("SetMemberRole", **{**role, "role": "CHANNEL_ROLE_MEMBER"})
        self.assertEqual(member.get(channel)["role"], "CHANNEL_ROLE_MEMBER")
        self.assertEqual(owner.refused("SetMemberRole", **{
            **role, "characterId": owner.character}).code, "failed_precondition")
        self.assertEqual(owner.refused("SetMemberRole", **{
            **role, "role": "CHANNEL_ROLE_OWNER"}).code, "invalid_argument")
        self.assertEqual(owner.refused("SetMemberRole", **{
            **role, "characterId": str(NOWHERE)}).code, "not_found")


class Whispers(unittest.TestCase):
    def test_two_characters_have_one(self):
        first, second = talker(), talker()
        mine = first.whisper(second)
        self.assertEqual((mine["kind"], mine["name"]), ("CHANNEL_KIND_WHISPER", second.hero))
        self.assertEqual(second.channels("WHISPER"), [], "nothing was said yet")
        first.say(mine["id"], "psst")
        theirs = second.channels("WHISPER")
        self.assertEqual([(c["id"], c["name"], c["unreadCount"]) for c in theirs],
                         [(mine["id"], first.hero, 1)])
        self.assertEqual(second.whisper(first)["id"], mine["id"])
        second.say(mine["id"], "what?")
        self.assertEqual([m["text"] for m in first.history(mine["id"])], ["psst", "what?"])
        self.assertEqual(talker().refused("ListMessages", channelId=mine["id"]).code, "not_found")

    def test_opened_by_both_at_once(self):
        first, second = talker(), talker()
        pair = [(first, second), (second.on(world.servers[1]), first)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(lambda n: pair[n % 2][0].whisper(pair[n % 2][1])["id"],
                                   range(16)))
        self.assertEqual(len(set(opened)), 1)
        self.assertEqual(first.get(opened[0])["memberCount"], 2)

    def test_other_characters_of_the_house_do_not_whisper_there(self):
        first = talker(("RACE_AURELIN", "FACTION_VOID"), ("RACE_ISHARI", "FACTION_VOID"))
        channel = first.whisper(talker())["id"]
        error = first.refused("SendMessage", channelId=channel, text="as my other self",
                              characterId=first.characters[1]["id"])
        self.assertEqual(error.code, "failed_precondition")

    def test_who_left_comes_back_when_something_is_said(self):
        first, second = talker(), talker()
        channel = first.whisper(second)["id"]
        first.say(channel, "hello")
        second.chat("LeaveChannel", channelId=channel)
        self.assertEqual(second.channels("WHISPER"), [])
        first.say(channel, "still there?")
        self.assertEqual([c["unreadCount"] for c in second.channels("WHISPER")], [1])

    def test_newest_first(self):
        someone, others = talker(), [talker() for _ in range(3)]
        whispers = [someone.whisper(other)["id"] for other in others]
        for channel in whispers:
            someone.say(channel, "one after the other")
        self.assertEqual([c["id"] for c in someone.channels("WHISPER")], whispers[::-1])

    def test_refusals(self):
        first = talker(("RACE_AURELIN", "FACTION_VOID"), ("RACE_ISHARI", "FACTION_VOID"))
        second = talker()
        to = {"characterId": first.character, "toCharacterName": second.hero}
        self.assertEqual(first.refused("OpenWhisper", **{
            **to, "toCharacterName": first.characters[1]["name"]}).code, "failed_precondition")
        self.assertEqual(first.refused("OpenWhisper", **{
            **to, "toCharacterName": "nobody"}).code, "not_found")
        self.assertEqual(first.refused("OpenWhisper", **{
            **to, "characterId": second.character}).code, "not_found")
        channel = first.whisper(second)["id"]
        self.assertEqual(first.refused("AddMember", channelId=channel,
                                       characterName=talker().hero).code, "permission_denied")


if __name__ == "__main__":
    unittest.main()
