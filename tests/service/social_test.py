"""SocialService through the front door: blocking, unblocking, the list."""

import unittest

from event_stream import ACCOUNT, CHANNEL, EventStream, following
from harness import (CREATE_CHARACTER, DELETE_CHARACTER, Api, Player, RpcError, World, eventually,
                     unique)

BLOCK = "social.v1.SocialService/BlockCharacter"
UNBLOCK = "social.v1.SocialService/UnblockCharacter"
LIST_BLOCKS = "social.v1.SocialService/ListBlocks"
world = None


def setUpModule():
    global world
    world = World("social")


def tearDownModule():
    world.close()


def block(player, character):
    return player.api.call(BLOCK, {"characterId": character["id"]})["block"]


def unblock(player, character):
    return player.api.call(UNBLOCK, {"characterId": character["id"]})


def blocks(player):
    return player.api.call(LIST_BLOCKS).get("blocks", [])


def another_character(player):
    return player.api.call(CREATE_CHARACTER, {
        "name": unique("Alt"), "race": "RACE_AURELIN", "faction": "FACTION_VOID"})["character"]


class Blocks(unittest.TestCase):
    def setUp(self):
        self.alice, self.bob = Player(world.server), Player(world.server)

    def assert_refused(self, code, call, *words):
        with self.assertRaises(RpcError) as refused:
            call(*words)
        self.assertEqual(refused.exception.code, code, refused.exception)
        return refused.exception

    def test_block_list_unblock(self):
        self.assertEqual(blocks(self.alice), [])
        made = block(self.alice, self.bob.character)
        self.assertEqual(made["characterId"], self.bob.character["id"])
        self.assertEqual(made["characterName"], self.bob.character["name"])
        self.assertEqual(blocks(self.alice), [made])
        self.assertEqual(blocks(self.bob), [], "whom one blocks is not told")
        self.assertEqual(unblock(self.alice, self.bob.character), {})
        self.assertEqual(blocks(self.alice), [])

    def test_repetitions_change_nothing(self):
        first = block(self.alice, self.bob.character)
        self.assertEqual(block(self.alice, self.bob.character), first)
        self.assertEqual(blocks(self.alice), [first])
        unblock(self.alice, self.bob.character)
        self.assertEqual(unblock(self.alice, self.bob.character), {})

    def test_newest_first_and_characters_of_one_account_apart(self):
        carol = Player(world.server)
        second = another_character(self.bob)
        wanted = [block(self.alice, character)
                  for character in (self.bob.character, carol.character, second)]
        self.assertEqual(blocks(self.alice), wanted[::-1])
        unblock(self.alice, self.bob.character)
        self.assertEqual(blocks(self.alice), [wanted[2], wanted[1]],
                         "the list does not tell that two characters are one account's")

    def test_deleted_characters_can_be_blocked(self):
        second = another_character(self.bob)
        self.bob.api.call(DELETE_CHARACTER, {"id": second["id"]})
        self.assertEqual(block(self.alice, second)["characterName"], second["name"])

    def test_nobody_and_oneself(self):
        self.assert_refused("not_found", block, self.alice, {"id": "999999999"})
        self.assert_refused("failed_precondition", block, self.alice, self.alice.character)
        for wrong in ("0", "-1"):
            self.assert_refused("invalid_argument", block, self.alice, {"id": wrong})
            self.assert_refused("invalid_argument", unblock, self.alice, {"id": wrong})
        self.assertEqual(blocks(self.alice), [])

    def test_strangers_are_refused(self):
        for method in (BLOCK, UNBLOCK, LIST_BLOCKS):
            self.assert_refused("unauthenticated", Api(world.server).call, method,
                                {"characterId": self.bob.character["id"]}
                                if method != LIST_BLOCKS else {})

    def test_at_most_500(self):
        account = self.alice.session["account"]["id"]
        world.psql(f"""
            WITH a AS (
                INSERT INTO accounts (user_name, email, password_hash)
                SELECT 'crowd' || n, 'crowd' || n || '@example.org', 'x'
                FROM generate_series(1, 499) n RETURNING id),
            c AS (
                INSERT INTO characters (account_id, name, race, faction)
                SELECT id, 'Crowd' || id, 1, 1 FROM a RETURNING id, account_id)
            INSERT INTO account_blocks (account_id, character_id, blocked_account_id)
            SELECT {account}, id, account_id FROM c""")
        block(self.alice, self.bob.character)
        error = self.assert_refused("resource_exhausted", block, self.alice,
                                    Player(world.server).character)
        self.assertIn("500", error.message)
        self.assertEqual(len(blocks(self.alice)), 500)
        unblock(self.alice, self.bob.character)
        block(self.alice, Player(world.server).character)

    def test_other_devices_are_told(self):
        """Each change is an event of the account; a repetition is none."""
        block(self.alice, self.bob.character)
        block(self.alice, self.bob.character)
        unblock(self.alice, self.bob.character)
        unblock(self.alice, self.bob.character)
        for player, count in ((self.alice, "2"), (self.bob, "0")):
            self.assertEqual(world.psql("SELECT count(*) FROM account_events WHERE account_id = "
                                        f"{player.session['account']['id']}"), count)

    def test_an_open_stream_hears_of_it_and_then_hides_whom(self):
        stream = EventStream(world.server, self.alice.token, [
            following(ACCOUNT), following(CHANNEL, self.alice.channel)])
        self.addCleanup(stream.close)
        for _ in range(2):
            stream.next("caughtUp")
        self.bob.say("before")
        self.assertEqual(stream.next("message")[1]["text"], "before")
        block(self.alice, self.bob.character)
        self.assertIn("blocksChanged", stream.next("accountEvent")[1])

        def is_hidden():
            """What bob says does not come before what a third one says after it."""
            self.bob.say("from bob")
            carol.say("from carol")
            first = stream.next("message")[1]["text"]
            if first == "from bob":
                stream.next("message")
            return first == "from carol"

        carol = Player(world.server)
        self.assertTrue(eventually(is_hidden, timeout_s=5))

    def test_open_streams_can_learn_of_changes(self):
        """Each change leaves a time that streams look for."""
        account = self.alice.session["account"]["id"]

        def changed_at():
            return world.psql("SELECT changed_at FROM account_block_changes "
                              f"WHERE account_id = {account}")

        self.assertEqual(changed_at(), "")
        block(self.alice, self.bob.character)
        first = changed_at()
        self.assertNotEqual(first, "")
        block(self.alice, self.bob.character)
        self.assertEqual(changed_at(), first, "nothing changed")
        unblock(self.alice, self.bob.character)
        self.assertGreater(changed_at(), first)


if __name__ == "__main__":
    unittest.main()
