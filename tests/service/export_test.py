"""The owner's copy: everything that is stored about an account, and nothing of anybody else."""

import base64
import json
import unittest

from harness import (PASSWORD, SIGN_IN, VERIFY_EMAIL, Api, Player, RpcError, World, eventually)

EXPORT = "account.v1.AccountService/ExportAccount"
# Each table of the database: the file that has it, or why none has. A new one has to be put here.
TABLES = {
    "accounts": "account.json",
    "sessions": "sessions.json",
    "refresh_tokens": "sessions.json",
    "characters": "characters.json",
    "account_tokens": "mail_tokens.json",
    "totp_secrets": "factors.json",
    "recovery_codes": "factors.json",
    "passkeys": "factors.json",
    "passkey_owners": "factors.json",
    "challenges": "factors.json",
    "account_providers": "providers.json",
    "api_keys": "api_keys.json",
    "account_blocks": "blocks.json",
    "channel_members": "channels.json",
    "channel_readers": "channels.json",
    "channels": "channels.json",
    "sanctions": "moderation.json",
    "appeals": "moderation.json",
    "reports": "moderation.json",
    "idempotency_keys": "recent_calls.json",
    "messages": "messages.json",
    "archived_messages": "archived_messages.json",
    "channel_changes": "channel_changes.json",
    "message_reactions": "reactions.json",
    "message_mentions": "mentions.json",
    "notifications": "notifications.json",
    "account_events": "account_events.json",
    "audit_log": "audit_log.json",
}
WITHOUT = {
    "account_block_changes": "a time only, of what blocks.json has",
    "account_heads": "counts account_events",
    "audit_chain": "hashes of audit_log",
    "audit_unsealed": "numbers of audit_log",
    "channel_retention": "of nobody",
    "dead_letters": "work of the server, sealed where it is personal",
    "jobs": "of nobody",
    "leases": "of nobody",
    "outbox": "work of the server, gone within minutes",
    "provider_flows": "of a browser, gone within minutes",
    "reserved_names": "hashes of names of erased accounts",
    "schema_migrations": "of nobody",
    "signing_keys": "of nobody",
    "word_filter_version": "of nobody",
    "word_filters": "the game's rules",
}
world = None


def setUpModule():
    global world
    world = World("export", http__loops=1)


def tearDownModule():
    world.close()


def export(player):
    """The files: {name: content}."""
    body = b"{}"
    status, _, data = Api(world.server, player.token).request(
        "POST", f"/waystone.{EXPORT}", b"\0" + len(body).to_bytes(4, "big") + body,
        {"Content-Type": "application/connect+json", "Connect-Protocol-Version": "1",
         "Authorization": f"Bearer {player.token}"})
    assert status == 200, data
    files, order = {}, []
    while data:
        flags, length = data[0], int.from_bytes(data[1:5], "big")
        part, data = json.loads(data[5:5 + length]), data[5 + length:]
        if flags & 2:
            if "error" in part:
                raise RpcError(200, part["error"])
            assert data == b""
            break
        if not order or order[-1] != part["fileName"]:
            order.append(part["fileName"])
        files[part["fileName"]] = files.get(part["fileName"], b"") + base64.b64decode(
            part["data"])
    assert len(order) == len(set(order)), "parts of one file come one after the other"
    return {name: json.loads(content) for name, content in files.items()}


class Export(unittest.TestCase):
    def test_no_table_is_forgotten(self):
        tables = world.psql("SELECT table_name FROM information_schema.tables "
                            "WHERE table_schema = 'public'").split()
        self.assertEqual(sorted(tables), sorted([*TABLES, *WITHOUT]))
        self.assertEqual(set(export(Player(world.server))), set(TABLES.values()))

    def test_what_an_account_did_is_in_it(self):
        player, other = Player(world.server), Player(world.server)
        address = f"{player.name}@example.org"
        Api(world.server).call(VERIFY_EMAIL, {
            "token": world.mail_to(address, "Confirm your e-mail address").token})
        Api(world.server).call(SIGN_IN, {"login": player.name, "password": PASSWORD})
        said = [player.say(f"line {i} of {player.name}") for i in range(3)]
        answer = other.say("not mine")
        player.api.call("chat.v1.ChatService/EditMessage", {
            "channelId": player.channel, "messageSequence": said[0]["sequence"],
            "text": "changed since"})
        player.api.call("chat.v1.ChatService/SetReaction", {
            "channelId": player.channel, "messageSequence": answer["sequence"], "emoji": "🔥",
            "on": True, "characterId": player.character["id"]})
        player.api.call("social.v1.SocialService/BlockCharacter", {
            "characterId": other.character["id"]})
        files = export(player)
        self.assertEqual(files["account.json"]["email"], address)
        self.assertIsNotNone(files["account.json"]["email_verified_at"])
        self.assertEqual(len(files["sessions.json"]), 2)
        self.assertEqual([c["name"] for c in files["characters.json"]], [player.character["name"]])
        self.assertEqual([m["text"] for m in files["messages.json"]],
                         ["changed since", *(f"line {i} of {player.name}" for i in (1, 2))])
        self.assertEqual(len(files["channel_changes.json"]), 2, files["channel_changes.json"])
        self.assertEqual(files["channel_changes.json"][0]["edited"]["text"], "changed since")
        self.assertEqual([r["emoji"] for r in files["reactions.json"]], [["🔥"]])
        self.assertEqual([b["character_name"] for b in files["blocks.json"]],
                         [other.character["name"]])
        self.assertIn("/waystone.auth.v1.AuthService/Register",
                      [a["action"] for a in files["audit_log.json"]])
        self.assertEqual([t["email"] for t in files["mail_tokens.json"]], [address])
        everything = json.dumps(files)
        for theirs in ("not mine", other.name, "argon2"):
            self.assertNotIn(theirs, everything)

    def test_long_records_come_in_pages(self):
        player = Player(world.server)
        account = player.session["account"]["id"]
        world.psql("INSERT INTO messages (channel_id, sequence, account_id, character_id, "
                   "character_name, text, sent_at) SELECT (SELECT max(id) FROM channels), n, "
                   f"{account}, {player.character['id']}, 'x', repeat('word ', 90) || n, now() "
                   "FROM generate_series(1, 1700) AS n")
        messages = export(player)["messages.json"]
        self.assertEqual([m["sequence"] for m in messages], list(range(1, 1701)))
        empty = export(Player(world.server))
        self.assertEqual((empty["messages.json"], empty["reactions.json"]), ([], []))

    def test_it_is_recorded(self):
        player = Player(world.server)
        export(player)
        account = player.session["account"]["id"]
        self.assertTrue(eventually(lambda: world.psql(
            "SELECT count(*) FROM audit_log WHERE action LIKE '%ExportAccount' AND status = 'OK' "
            f"AND account_id = {account}") == "1"))


if __name__ == "__main__":
    unittest.main()
