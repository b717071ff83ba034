"""Repeated calls: every method of the schema that changes something says what repeating it does, and
does that. A new method has to be added to one of the tables here.

 - With an idempotency key: the first answer again and one effect, in parallel and at another server; the
   key with another request is refused, and another account's is its own.
 - IDEMPOTENT: the same answer again, and nothing in the database changes any more.
 - `secret`: the answer is never stored.
"""

import base64
import concurrent.futures
import importlib
import pathlib
import unittest
import uuid

import waystone
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto, MethodOptions
from google.rpc import error_details_pb2
from waystone.options.v1 import options_pb2

from admin_tool import run_job
from chat_world import Talker
from event_stream import CHANNEL, EventStream, following
from harness import (CREATE_CHARACTER, DELETE_CHARACTER, PASSWORD, SIGN_IN, SIGN_OUT, Api, RpcError,
                     World, eventually, unique)
from moderating import (APPEAL, APPEAL_BAN, DELETE_FILTER, LIFT, LIST_APPEALS, LIST_NOTIFICATIONS,
                        MODERATOR, PUT_FILTER, REPORT, RESOLVE_APPEAL, RESOLVE_REPORT, SANCTION,
                        SET_SLOW_MODE)

CHAT = "chat.v1.ChatService/"
KEYS = "account.v1.ApiKeyService/"

world = None

# What other suites prove, since it takes what they have: mails, authenticators, providers. The word
# says what makes a repetition harmless.
ELSEWHERE = {
    "account.v1.AccountService/RevokeOtherSessions": "they have ended",
    "account.v1.FactorService/StepUp": "the proof counts from the last one",
    "account.v1.FactorService/RemoveTotp": "there is none",
    "account.v1.FactorService/RenamePasskey": "it has the name",
    "account.v1.FactorService/RemovePasskey": "it is gone",
    "auth.v1.AuthService/SignOut": "the session has ended",
    "auth.v1.AuthService/VerifyEmail": "its token works once",
    "auth.v1.AuthService/StartRecovery": "one more mail, within the pace of mails",
    "auth.v1.AuthService/FinishRecovery": "its token works once",
    "auth.v1.ProviderService/FinishProviderLink": "its state works once",
    "auth.v1.ProviderService/UnlinkProvider": "it is unlinked",
}

# Tables that change by themselves, or tell of calls rather than of what they did.
VOLATILE = ("audit_log audit_chain audit_unsealed idempotency_keys jobs leases outbox sessions "
            "refresh_tokens signing_keys schema_migrations migrations").split()


def setUpModule():
    global world
    world = World("idempotency", servers=2, http__loops=1)


def tearDownModule():
    world.close()


def load_schema():
    root = pathlib.Path(list(waystone.__path__)[0])
    names = set()
    for path in root.rglob("*_pb2.py"):
        module = importlib.import_module(
            ".".join(path.relative_to(root.parent).with_suffix("").parts))
        names.update(service.full_name
                     for service in module.DESCRIPTOR.services_by_name.values())
    pool = descriptor_pool.Default()
    return [method for name in sorted(names) for method in pool.FindServiceByName(name).methods]


def is_streaming(method):
    """Older libraries do not tell: the schema's own description does."""
    proto = FileDescriptorProto()
    method.containing_service.file.CopyToProto(proto)
    service = next(s for s in proto.service if s.name == method.containing_service.name)
    one = next(m for m in service.method if m.name == method.name)
    return one.client_streaming or one.server_streaming


def changing_methods():
    """name: (idempotency level, whether it is secret, whether its request has a key)"""
    found = {}
    for method in load_schema():
        options = method.GetOptions()
        if is_streaming(method) or options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS:
            continue
        name = f"{method.containing_service.full_name}/{method.name}".removeprefix("waystone.")
        found[name] = (options.idempotency_level == MethodOptions.IDEMPOTENT,
                       options.Extensions[options_pb2.method].secret,
                       "idempotency_key" in method.input_type.fields_by_name)
    return found


def snapshot():
    """All that calls can have changed, once what they left to the outbox is done."""
    assert eventually(lambda: world.psql("SELECT count(*) FROM outbox") == "0", 20)
    tables = world.psql("SELECT table_name FROM information_schema.tables WHERE table_schema = "
                        "'public' AND table_type = 'BASE TABLE' ORDER BY 1").split()
    return world.psql(" UNION ALL ".join(
        f"SELECT '{table}', count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t"
        for table in tables if table not in VOLATILE)).splitlines()


def outcome(api, method, request):
    try:
        return api.call(method, request)
    except RpcError as error:
        return error


def reason_of(error):
    for detail in error.details:
        if detail["type"] == "google.rpc.ErrorInfo":
            value = detail["value"] + "=" * (-len(detail["value"]) % 4)
            return error_details_pb2.ErrorInfo.FromString(base64.b64decode(value)).reason
    return None


# --- setting up ---

def talker():
    return Talker(world.server)


def moderator():
    person = talker()
    world.psql(f"UPDATE accounts SET role = {MODERATOR} WHERE id = {person.account}")
    session = Api(world.server).call(SIGN_IN, {"login": person.name,
                                               "password": PASSWORD})["session"]
    person.token = person.api.token = session["accessToken"]
    return person


def mute(judge, culprit, kind="MUTE", key=None):
    return judge.api.call(SANCTION, {
        "characterId": culprit.character, "reason": "Insults.", "idempotencyKey": key or "",
        "sanction": {"kind": f"SANCTION_KIND_{kind}", "durationSeconds": 3600}})["sanction"]


def reported():
    """(culprit, report id, message)"""
    culprit, reporter = talker(), talker()
    channel = culprit.create(open=True)["id"]
    message = culprit.say(channel, unique("rude"))
    reporter.join(channel)
    answer = reporter.api.call(REPORT, report_of(reporter, message))
    return culprit, answer["reportId"], message


def report_of(reporter, message):
    return {"channelId": message["channelId"], "messageSequence": message["sequence"],
            "characterId": reporter.character, "reason": "REPORT_REASON_SPAM"}


def appealed(judge):
    culprit = talker()
    sanction = mute(judge, culprit)
    return culprit.api.call(APPEAL, {"sanctionId": sanction["id"], "text": "I did not."})["appeal"]


def room(*others):
    """(owner, channel) where the others are."""
    owner = talker()
    channel = owner.create(open=True)["id"]
    for other in others:
        other.join(channel)
    return owner, channel


# --- with a key: (who calls, request, what makes it another one) ---

def create_character():
    return talker(), {"name": unique("Twin"), "race": "RACE_AURELIN", "faction": "FACTION_VOID"}, \
        {"name": unique("Other")}


def delete_character():
    person = Talker(world.server, *[("RACE_AURELIN", "FACTION_VOID")] * 2)
    return person, {"id": person.characters[1]["id"]}, {"id": person.characters[0]["id"]}


def create_channel():
    person = talker()
    return person, {"name": unique("room"), "characterId": person.character}, \
        {"name": unique("room")}


def send_message():
    person, channel = room()
    return person, {"channelId": channel, "characterId": person.character, "text": "once"}, \
        {"text": "twice"}


def remove_member():
    first, second = talker(), talker()
    owner, channel = room(first, second)
    return owner, {"channelId": channel, "characterId": first.character}, \
        {"characterId": second.character}


def appeal():
    culprit = talker()
    sanction = mute(moderator(), culprit)
    return culprit, {"sanctionId": sanction["id"], "text": "I did not."}, {"text": "I did."}


def resolve_report():
    _, report, _ = reported()
    return moderator(), {"reportId": report, "state": "REPORT_STATE_UPHELD",
                         "resolution": "Rude.", "deleteMessage": True,
                         "sanction": {"kind": "SANCTION_KIND_MUTE", "durationSeconds": 60}}, \
        {"resolution": "Very rude."}


def sanction_character():
    return moderator(), {"characterId": talker().character, "reason": "Rude.",
                         "sanction": {"kind": "SANCTION_KIND_MUTE", "durationSeconds": 60}}, \
        {"reason": "Ruder."}


def lift_sanction():
    judge = moderator()
    return judge, {"sanctionId": mute(judge, talker())["id"], "reason": "A mistake."}, \
        {"reason": "No mistake."}


def resolve_appeal():
    judge = moderator()
    return judge, {"appealId": appealed(judge)["id"], "granted": True, "decision": "Right."}, \
        {"granted": False}


def set_slow_mode():
    _, channel = room()
    return moderator(), {"channelId": channel, "slowModeSeconds": 30}, {"slowModeSeconds": 60}


def put_filter():
    words = {"action": "FILTER_ACTION_REFUSE", "words": unique("badword")}
    return moderator(), {"filter": words}, {"filter": {**words, "words": unique("other")}}


def change_password():
    return talker(), {"newPassword": "a new horse for battery"}, {"newPassword": "another battery"}


def change_email():
    return talker(), {"email": f"{unique('new')}@example.org"}, {"email": "x@example.org"}


def resend_verification():
    return talker(), {}, None  # there is no other request


ACCOUNT = "account.v1.AccountService/"
KEYED = {
    ACCOUNT + "ChangePassword": change_password,
    ACCOUNT + "ChangeEmail": change_email,
    ACCOUNT + "ResendVerification": resend_verification,
    CREATE_CHARACTER: create_character,
    DELETE_CHARACTER: delete_character,
    CHAT + "CreateChannel": create_channel,
    CHAT + "SendMessage": send_message,
    CHAT + "RemoveMember": remove_member,
    APPEAL: appeal,
    RESOLVE_REPORT: resolve_report,
    SANCTION: sanction_character,
    LIFT: lift_sanction,
    RESOLVE_APPEAL: resolve_appeal,
    SET_SLOW_MODE: set_slow_mode,
    PUT_FILTER: put_filter,
}


# --- idempotent: (who calls, request) ---

def update_channel():
    owner, channel = room()
    return owner, {"channelId": channel, "topic": "News"}


def join_channel():
    _, channel = room()
    person = talker()
    return person, {"channelId": channel, "characterId": person.character}


def leave_channel():
    person = talker()
    _, channel = room(person)
    return person, {"channelId": channel}


def open_whisper():
    person = talker()
    return person, {"characterId": person.character, "toCharacterName": talker().hero}


def add_member():
    owner, channel = room()
    return owner, {"channelId": channel, "characterName": talker().hero}


def set_member_role():
    member = talker()
    owner, channel = room(member)
    return owner, {"channelId": channel, "characterId": member.character,
                   "role": "CHANNEL_ROLE_MODERATOR"}


def edit_message():
    person, channel = room()
    said = person.say(channel, "before")
    return person, {"channelId": channel, "messageSequence": said["sequence"], "text": "after"}


def delete_message():
    person, channel = room()
    return person, {"channelId": channel, "messageSequence": person.say(channel, "gone")["sequence"]}


def set_reaction():
    person, channel = room()
    return person, {"channelId": channel, "characterId": person.character, "on": True,
                    "messageSequence": person.say(channel, "good")["sequence"], "emoji": ":stone:"}


def mark_read():
    person, channel = room()
    return person, {"channelId": channel, "sequence": person.say(channel, "read")["sequence"]}


def set_channel_muted():
    person, channel = room()
    return person, {"channelId": channel, "muted": True}


def report_message():
    person = talker()
    owner, channel = room(person)
    return person, report_of(person, owner.say(channel, unique("rude")))


def delete_filter():
    judge = moderator()
    made = judge.api.call(PUT_FILTER, {"filter": {"words": unique("bad"),
                                                  "action": "FILTER_ACTION_REFUSE"}})
    return judge, {"filterId": made["filter"]["id"]}


def mark_notifications_read():
    culprit = talker()
    mute(moderator(), culprit)
    assert eventually(lambda: culprit.api.call(LIST_NOTIFICATIONS).get("notifications"))
    return culprit, {"upToId": culprit.api.call(LIST_NOTIFICATIONS)["notifications"][0]["id"]}


def set_presence():
    person = talker()
    return person, {"characterId": person.character, "state": "PRESENCE_STATE_AWAY"}


def block_character():
    return talker(), {"characterId": talker().character}


def unblock_character():
    person, request = block_character()
    person.api.call("social.v1.SocialService/BlockCharacter", request)
    return person, request


def follow():
    person, channel = room()
    stream = EventStream(world.server, person.token)
    person.stream = stream  # open as long as the person is there
    return person, {"subscriptionId": stream.id, "follow": [following(CHANNEL, channel)]}


def revoke_session():
    person = talker()
    other = Api(world.server).call(SIGN_IN, {"login": person.name, "password": PASSWORD})
    return person, {"sessionId": other["session"]["id"]}


def revoke_api_key():
    person = talker()
    made = person.api.call(KEYS + "CreateApiKey", {"name": "bot", "scopes": ["chat.read"],
                                                   "days": 1})
    return person, {"apiKeyId": made["apiKey"]["id"]}


IDEMPOTENT = {
    CHAT + "UpdateChannel": update_channel,
    CHAT + "JoinChannel": join_channel,
    CHAT + "LeaveChannel": leave_channel,
    CHAT + "OpenWhisper": open_whisper,
    CHAT + "AddMember": add_member,
    CHAT + "SetMemberRole": set_member_role,
    CHAT + "EditMessage": edit_message,
    CHAT + "DeleteMessage": delete_message,
    CHAT + "SetReaction": set_reaction,
    CHAT + "MarkRead": mark_read,
    CHAT + "SetChannelMuted": set_channel_muted,
    REPORT: report_message,
    DELETE_FILTER: delete_filter,
    "notification.v1.NotificationService/MarkNotificationsRead": mark_notifications_read,
    "presence.v1.PresenceService/SetPresence": set_presence,
    ACCOUNT + "RevokeSession": revoke_session,
    "social.v1.SocialService/BlockCharacter": block_character,
    "social.v1.SocialService/UnblockCharacter": unblock_character,
    "event.v1.EventService/Follow": follow,
    KEYS + "RevokeApiKey": revoke_api_key,
}
# What these change is in none of the tables that are compared.
UNSEEN = ("presence.v1.PresenceService/SetPresence", "event.v1.EventService/Follow",
          ACCOUNT + "RevokeSession")
# Those whose repetition is refused, with what: the effect is there once all the same.
REFUSED_AGAIN = {APPEAL_BAN: "already_exists", ACCOUNT + "CloseAccount": "unauthenticated"}


class Schema(unittest.TestCase):
    def test_every_method_is_in_one_table(self):
        methods = changing_methods()
        told = [*KEYED, *IDEMPOTENT, *REFUSED_AGAIN, *ELSEWHERE]
        self.assertEqual(len(told), len(set(told)))
        secret = {name for name, (_, is_secret, _) in methods.items() if is_secret}
        self.assertGreaterEqual(secret, {"auth.v1.AuthService/SignIn", KEYS + "CreateApiKey"})
        self.assertEqual(set(told), set(methods) - secret)

    def test_the_tables_say_what_the_schema_says(self):
        for name, (idempotent, secret, keyed) in changing_methods().items():
            with self.subTest(name):
                self.assertTrue(idempotent or secret or keyed)
                self.assertFalse(secret and keyed, "its answer is never stored")
                self.assertEqual(name in KEYED or name == ACCOUNT + "CloseAccount", keyed)


class WithKey(unittest.TestCase):
    def test_the_first_answer_and_one_effect(self):
        for method, prepare in KEYED.items():
            with self.subTest(method):
                person, request, other = prepare()
                request["idempotencyKey"] = str(uuid.uuid4())
                first = person.api.call(method, request)
                after = snapshot()
                self.assertEqual(person.on(world.servers[1]).api.call(method, request), first)
                self.assertEqual(snapshot(), after)
                if other is None:
                    continue
                error = outcome(person.api, method, {**request, **other})
                self.assertIsInstance(error, RpcError)
                self.assertEqual((error.code, reason_of(error)),
                                 ("failed_precondition", "IDEMPOTENCY_KEY_REUSED"))
                self.assertEqual(snapshot(), after)

    def test_at_once_on_two_servers(self):
        for method, prepare in KEYED.items():
            with self.subTest(method):
                person, request, _ = prepare()
                request["idempotencyKey"] = str(uuid.uuid4())
                calls = [person.on(world.servers[i % 2]).api for i in range(6)]
                with concurrent.futures.ThreadPoolExecutor(6) as pool:
                    answers = list(pool.map(lambda api: outcome(api, method, request), calls))
                self.assertNotIsInstance(answers[0], RpcError)
                self.assertEqual(answers, [answers[0]] * 6)

    def test_a_refused_call_leaves_its_key_free(self):
        person = talker()
        key = str(uuid.uuid4())
        error = outcome(person.api, DELETE_CHARACTER, {"id": 2 ** 40, "idempotencyKey": key})
        self.assertEqual(error.code, "not_found")
        person.api.call(DELETE_CHARACTER, {"id": person.character, "idempotencyKey": key})

    def test_keys_belong_to_account_and_method(self):
        key = str(uuid.uuid4())
        judge, other = moderator(), moderator()
        first = mute(judge, talker(), key=key)
        self.assertNotEqual(mute(other, talker(), key=key)["id"], first["id"])
        judge.api.call(LIFT, {"sanctionId": first["id"], "reason": "A mistake.", "idempotencyKey": key})

    def test_without_a_key_each_call_counts(self):
        judge, culprit = moderator(), talker()
        self.assertNotEqual(mute(judge, culprit)["id"], mute(judge, culprit)["id"])


class Idempotent(unittest.TestCase):
    def test_repeating_changes_nothing(self):
        for method, prepare in IDEMPOTENT.items():
            with self.subTest(method):
                person, request = prepare()
                before = snapshot()
                first = person.api.call(method, request)
                after = snapshot()
                if method not in UNSEEN:
                    self.assertNotEqual(after, before, "the case changes nothing at all")
                again = person.on(world.servers[1]).api.call(method, request)
                self.assertEqual(again, first)
                self.assertEqual(snapshot(), after)

    def test_a_ban_is_appealed_once(self):
        judge, culprit = moderator(), talker()
        mute(judge, culprit, "BAN")
        request = {"login": culprit.name, "password": PASSWORD, "text": "I did not."}
        Api(world.server).call(APPEAL_BAN, request)
        after = snapshot()
        self.assertEqual(outcome(Api(world.server), APPEAL_BAN, request).code,
                         REFUSED_AGAIN[APPEAL_BAN])
        self.assertEqual(snapshot(), after)
        self.assertTrue(judge.api.call(LIST_APPEALS).get("appeals"))

    def test_an_account_is_closed_once(self):
        person = talker()
        request = {"userName": person.name, "idempotencyKey": str(uuid.uuid4())}
        person.api.call(ACCOUNT + "CloseAccount", request)
        after = snapshot()
        self.assertEqual(outcome(person.api, ACCOUNT + "CloseAccount", request).code,
                         REFUSED_AGAIN[ACCOUNT + "CloseAccount"])
        self.assertEqual(snapshot(), after)

    def test_signing_out_again(self):
        person = talker()
        person.api.call(SIGN_OUT)
        after = snapshot()
        self.assertEqual(outcome(person.api, SIGN_OUT, {}).code, "unauthenticated")
        self.assertEqual(snapshot(), after)


class Stored(unittest.TestCase):
    def test_no_answer_with_a_secret_is(self):
        person = talker()
        person.api.call(KEYS + "CreateApiKey", {"name": "bot", "scopes": ["chat.read"], "days": 1})
        person.create()
        stored = world.psql("SELECT DISTINCT method FROM idempotency_keys").split()
        self.assertIn(f"/waystone.{CHAT}CreateChannel", stored)
        secret = {f"/waystone.{name}" for name, (_, is_secret, _) in changing_methods().items()
                  if is_secret}
        self.assertFalse(secret & set(stored))

    def test_for_a_day(self):
        kept = talker()
        kept.create()
        world.psql("UPDATE idempotency_keys SET created_at = now() - interval '25 hours' "
                   f"WHERE account_id = {kept.account}")
        run_job(world, "expire_idempotency_keys")
        self.assertEqual(world.psql("SELECT count(*) FROM idempotency_keys WHERE account_id = "
                                    f"{kept.account}"), "0")


if __name__ == "__main__":
    unittest.main()
