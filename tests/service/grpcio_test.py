"""The stock Python client: Debian's grpcio with code generated from api/ by stock protoc."""

import threading
import time
import unittest

import certificates
import grpc
from google.rpc import error_details_pb2, status_pb2
from waystone.auth.v1 import auth_pb2, auth_pb2_grpc
from waystone.character.v1 import character_pb2, character_pb2_grpc
from waystone.chat.v1 import chat_pb2, chat_pb2_grpc
from waystone.meta.v1 import meta_pb2, meta_pb2_grpc

from harness import PASSWORD, World, eventually, metric, unique

TIMEOUT_S = 20
world = None


def setUpModule():
    global world
    world = World("grpcio", servers=1, http__loops=2, auth__refresh_grace_s=0)
    world.add_server(with_tls=certificates.ensure_certificate(world.home / "tls"),
                     http__loops=1)


def tearDownModule():
    world.close()


def open_channel(server):
    target = f"localhost:{server.port}"
    if not server.certificate:
        return grpc.insecure_channel(target)
    with open(server.certificate, "rb") as file:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()))


class Client:
    """One connection with a stub for each service and the metadata of a session."""

    def __init__(self, server):
        self.channel = open_channel(server)
        self.auth = auth_pb2_grpc.AuthServiceStub(self.channel)
        self.characters = character_pb2_grpc.CharacterServiceStub(self.channel)
        self.chat = chat_pb2_grpc.ChatServiceStub(self.channel)
        self.meta = meta_pb2_grpc.MetaServiceStub(self.channel)
        self.name = unique("python")
        self.session = None

    def register(self):
        answer = self.auth.Register(auth_pb2.RegisterRequest(
            user_name=self.name, email=f"{self.name}@example.org", password=PASSWORD),
            timeout=TIMEOUT_S)
        self.session = answer.session
        return self

    def metadata(self, token=None):
        return [("authorization", f"Bearer {token or self.session.access_token}")]

    def do(self, method, request, timeout=TIMEOUT_S):
        return method(request, timeout=timeout, metadata=self.metadata())

    def create(self, name=None):
        return self.do(self.characters.CreateCharacter, character_pb2.CreateCharacterRequest(
            name=name or unique("Hero"), race=character_pb2.RACE_UMBRATH,
            faction=character_pb2.FACTION_CHAOS)).character

    def global_channel(self):
        return self.do(self.chat.ListChannels, chat_pb2.ListChannelsRequest()).channels[0]

    def say(self, channel, character, text, key=""):
        return self.do(self.chat.SendMessage, chat_pb2.SendMessageRequest(
            channel_id=channel.id, character_id=character.id, text=text,
            idempotency_key=key)).message


def violations(error):
    """The fields named in the BadRequest of an error."""
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    found = {}
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            found.update({v.field: v.description for v in bad.field_violations})
    return status, found


class Story(unittest.TestCase):
    """Everything a player does, over cleartext and over TLS."""

    def play(self, server):
        client = Client(server).register()
        self.assertEqual(client.session.account.user_name, client.name)
        self.assertTrue(client.session.refresh_token)
        self.assertGreater(client.session.access_token_expires_at.seconds, time.time())
        self.assertLess(abs(client.session.account.created_at.ToSeconds() - time.time()), 60)

        session = client.do(client.auth.GetSession, auth_pb2.GetSessionRequest())
        self.assertEqual(session.account.id, client.session.account.id)
        self.assertEqual(session.session_id, client.session.id)

        character = client.create()
        self.assertEqual((character.race, character.faction, character.level),
                         (character_pb2.RACE_UMBRATH, character_pb2.FACTION_CHAOS, 1))
        listed = client.do(client.characters.ListCharacters,
                           character_pb2.ListCharactersRequest()).characters
        self.assertEqual(list(listed), [character])
        got = client.do(client.characters.GetCharacter,
                        character_pb2.GetCharacterRequest(id=character.id)).character
        self.assertEqual(got, character)

        channel = client.global_channel()
        self.assertEqual(channel.kind, chat_pb2.CHANNEL_KIND_GLOBAL)
        first = client.say(channel, character, "Hail! 𝔚 ñ 狼")
        second = client.say(channel, character, "again")
        self.assertEqual(second.sequence, first.sequence + 1)
        self.assertEqual(first.character_name, character.name)
        page = client.do(client.chat.ListMessages, chat_pb2.ListMessagesRequest(
            channel_id=channel.id, page_size=2))
        self.assertEqual(list(page.messages), [first, second])

        client.do(client.characters.DeleteCharacter,
                  character_pb2.DeleteCharacterRequest(id=character.id))
        with self.assertRaises(grpc.RpcError) as refused:
            client.do(client.characters.GetCharacter,
                      character_pb2.GetCharacterRequest(id=character.id))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)
        client.channel.close()

    def test_over_cleartext(self):
        self.play(world.servers[0])

    def test_over_tls(self):
        self.play(world.servers[1])

    def test_version_needs_no_session(self):
        client = Client(world.server)
        answer = client.meta.GetVersion(meta_pb2.GetVersionRequest(), timeout=TIMEOUT_S)
        self.assertRegex(answer.version, r"^\d+\.\d+\.\d+")
        client.channel.close()

    def test_many_calls_at_once(self):
        client = Client(world.server).register()
        calls = [client.auth.GetSession.future(auth_pb2.GetSessionRequest(), timeout=TIMEOUT_S,
                                               metadata=client.metadata()) for _ in range(200)]
        ids = {call.result().account.id for call in calls}
        self.assertEqual(ids, {client.session.account.id})
        client.channel.close()


class Sessions(unittest.TestCase):
    def setUp(self):
        self.client = Client(world.server).register()
        self.addCleanup(self.client.channel.close)

    def refresh(self, token):
        return self.client.auth.RefreshSession(
            auth_pb2.RefreshSessionRequest(refresh_token=token), timeout=TIMEOUT_S).session

    def refused(self, function, *words):
        with self.assertRaises(grpc.RpcError) as raised:
            function(*words)
        return raised.exception.code()

    def who(self, token):
        return self.client.auth.GetSession(auth_pb2.GetSessionRequest(), timeout=TIMEOUT_S,
                                           metadata=self.client.metadata(token))

    def test_sign_in_by_name_and_by_mail(self):
        for login in (self.client.name, self.client.name.upper(),
                      f"{self.client.name}@example.org"):
            answer = self.client.auth.SignIn(auth_pb2.SignInRequest(
                login=login, password=PASSWORD), timeout=TIMEOUT_S)
            self.assertEqual(answer.session.account.id, self.client.session.account.id)
            self.assertNotEqual(answer.session.id, self.client.session.id)

    def test_unknown_name_and_wrong_password_look_alike(self):
        answers = set()
        for login, password in ((self.client.name, "not the password"),
                                (unique("nobody"), PASSWORD)):
            with self.assertRaises(grpc.RpcError) as raised:
                self.client.auth.SignIn(auth_pb2.SignInRequest(login=login, password=password),
                                        timeout=TIMEOUT_S)
            answers.add((raised.exception.code(), raised.exception.details()))
        self.assertEqual(len(answers), 1)
        self.assertEqual(next(iter(answers))[0], grpc.StatusCode.UNAUTHENTICATED)

    def test_refresh_gives_the_next_pair_of_the_same_session(self):
        first = self.client.session
        second = self.refresh(first.refresh_token)
        self.assertEqual(second.id, first.id)
        self.assertNotEqual(second.refresh_token, first.refresh_token)
        third = self.refresh(second.refresh_token)
        self.assertEqual(self.who(third.access_token).session_id, first.id)

    def test_using_a_refresh_token_twice_ends_the_session(self):
        first = self.client.session
        second = self.refresh(first.refresh_token)
        self.assertEqual(self.who(second.access_token).session_id, first.id)
        self.assertEqual(self.refused(self.refresh, first.refresh_token),
                         grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(self.refused(self.refresh, second.refresh_token),
                         grpc.StatusCode.UNAUTHENTICATED)
        self.assertTrue(eventually(lambda: self._is_out(second.access_token), 3),
                        "the access token of an ended session still works")

    def _is_out(self, token):
        try:
            self.who(token)
            return False
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.UNAUTHENTICATED)
            return True

    def test_sign_out_ends_both_tokens_and_the_open_stream(self):
        session = self.client.session
        channel = self.client.global_channel()
        stream = self.client.chat.StreamMessages(
            chat_pb2.StreamMessagesRequest(channel_id=channel.id), timeout=TIMEOUT_S,
            metadata=self.client.metadata())
        self.assertTrue(next(stream).HasField("caught_up"))
        self.client.do(self.client.auth.SignOut, auth_pb2.SignOutRequest())
        self.assertEqual(self.refused(self.refresh, session.refresh_token),
                         grpc.StatusCode.UNAUTHENTICATED)
        self.assertTrue(eventually(lambda: self._is_out(session.access_token), 3))
        started = time.monotonic()
        self.assertEqual(self.refused(lambda: [event for event in stream]),
                         grpc.StatusCode.UNAUTHENTICATED)
        self.assertLess(time.monotonic() - started, 5)

    def test_taken_names_are_refused_without_regard_to_case(self):
        code = self.refused(self.client.auth.Register, auth_pb2.RegisterRequest(
            user_name=self.client.name.upper(), email=f"{unique('x')}@example.org",
            password=PASSWORD))
        self.assertEqual(code, grpc.StatusCode.ALREADY_EXISTS)


class Characters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client(world.server).register()
        cls.other = Client(world.server).register()

    @classmethod
    def tearDownClass(cls):
        cls.client.channel.close()
        cls.other.channel.close()

    def refused(self, method, request, client=None):
        with self.assertRaises(grpc.RpcError) as raised:
            (client or self.client).do(method, request)
        return raised.exception

    def test_name_is_taken_without_regard_to_case_and_free_after_deletion(self):
        character = self.client.create()
        request = character_pb2.CreateCharacterRequest(
            name=character.name.upper(), race=character_pb2.RACE_DURNHAL,
            faction=character_pb2.FACTION_ORDER)
        error = self.refused(self.other.characters.CreateCharacter, request, self.other)
        self.assertEqual(error.code(), grpc.StatusCode.ALREADY_EXISTS)
        self.client.do(self.client.characters.DeleteCharacter,
                       character_pb2.DeleteCharacterRequest(id=character.id))
        created = self.other.do(self.other.characters.CreateCharacter, request).character
        self.assertNotEqual(created.id, character.id)

    def test_characters_of_others_do_not_exist(self):
        character = self.client.create()
        other = self.other
        for method, request in (
                (other.characters.GetCharacter,
                 character_pb2.GetCharacterRequest(id=character.id)),
                (other.characters.DeleteCharacter,
                 character_pb2.DeleteCharacterRequest(id=character.id)),
                (other.chat.SendMessage, chat_pb2.SendMessageRequest(
                    channel_id=self.client.global_channel().id, character_id=character.id,
                    text="in your name"))):
            self.assertEqual(self.refused(method, request, other).code(),
                             grpc.StatusCode.NOT_FOUND)
        self.client.do(self.client.characters.GetCharacter,
                       character_pb2.GetCharacterRequest(id=character.id))

    def test_repeated_key_gives_the_first_answer(self):
        request = character_pb2.CreateCharacterRequest(
            name=unique("Twice"), race=character_pb2.RACE_NEREVI,
            faction=character_pb2.FACTION_VOID, idempotency_key=unique("key"))
        first = self.client.do(self.client.characters.CreateCharacter, request).character
        again = self.client.do(self.client.characters.CreateCharacter, request).character
        self.assertEqual(first, again)

    def test_a_house_holds_twelve(self):
        client = Client(world.server).register()
        for _ in range(12):
            client.create()
        error = self.refused(client.characters.CreateCharacter,
                             character_pb2.CreateCharacterRequest(
                                 name=unique("Extra"), race=1, faction=1), client)
        self.assertEqual(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        listed = client.do(client.characters.ListCharacters,
                           character_pb2.ListCharactersRequest()).characters
        self.assertEqual(len(listed), 12)
        self.assertEqual([c.id for c in listed], sorted(c.id for c in listed))
        client.channel.close()

    def test_bad_fields_are_named(self):
        error = self.refused(self.client.characters.CreateCharacter,
                             character_pb2.CreateCharacterRequest(name="x1", race=77, faction=0))
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        status, fields = violations(error)
        self.assertEqual(status.code, 3)
        self.assertEqual(set(fields), {"name", "race", "faction"})
        self.assertTrue(all(fields.values()), "each violation says what is allowed")

    def test_bad_registration_names_all_fields(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.client.auth.Register(auth_pb2.RegisterRequest(
                user_name="1x", email="nobody", password="short", token_transport=9),
                timeout=TIMEOUT_S)
        _, fields = violations(raised.exception)
        self.assertEqual(set(fields), {"user_name", "email", "password", "token_transport"})


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = Client(world.server).register()
        cls.character = cls.client.create()
        cls.channel = cls.client.global_channel()

    @classmethod
    def tearDownClass(cls):
        cls.client.channel.close()

    def stream(self, after=None, channel_id=None, timeout=TIMEOUT_S):
        request = chat_pb2.StreamMessagesRequest(channel_id=channel_id or self.channel.id)
        if after is not None:
            request.after_sequence = after
        return self.client.chat.StreamMessages(request, timeout=timeout,
                                               metadata=self.client.metadata())

    def collect(self, stream, count):
        texts = []
        while len(texts) < count:
            event = next(stream)
            if event.HasField("message"):
                texts.append(event.message.text)
        return texts

    def test_stream_gives_what_was_missed_then_what_is_said(self):
        start = self.client.global_channel().last_sequence
        missed = [unique("missed") for _ in range(3)]
        for text in missed:
            self.client.say(self.channel, self.character, text)
        stream = self.stream(after=start)
        self.assertEqual(self.collect(stream, 3), missed)
        marker = next(stream)
        self.assertEqual(marker.caught_up.last_sequence, start + 3)
        live = [unique("live") for _ in range(3)]
        for text in live:
            self.client.say(self.channel, self.character, text)
        self.assertEqual(self.collect(stream, 3), live)
        stream.cancel()

    def test_stream_without_a_number_starts_now(self):
        self.client.say(self.channel, self.character, unique("old"))
        stream = self.stream()
        self.assertTrue(next(stream).HasField("caught_up"))
        text = unique("new")
        self.client.say(self.channel, self.character, text)
        self.assertEqual(self.collect(stream, 1), [text])
        stream.cancel()

    def test_long_history_comes_whole_and_in_order(self):
        start = self.client.global_channel().last_sequence
        calls = [self.client.chat.SendMessage.future(chat_pb2.SendMessageRequest(
            channel_id=self.channel.id, character_id=self.character.id, text=f"line {i}"),
            timeout=TIMEOUT_S, metadata=self.client.metadata()) for i in range(450)]
        sent = {call.result().message.sequence for call in calls}
        self.assertEqual(sent, set(range(start + 1, start + 451)))
        stream = self.stream(after=start)
        numbers = []
        for event in stream:
            if event.HasField("caught_up"):
                break
            numbers.append(event.message.sequence)
        self.assertEqual(numbers, list(range(start + 1, start + 451)))
        stream.cancel()

    def test_pages_of_history(self):
        start = self.client.global_channel().last_sequence
        for i in range(5):
            self.client.say(self.channel, self.character, f"page {i}")
        page = self.client.do(self.client.chat.ListMessages, chat_pb2.ListMessagesRequest(
            channel_id=self.channel.id, page_size=2, before_sequence=start + 4))
        self.assertEqual([m.sequence for m in page.messages], [start + 2, start + 3])
        self.assertTrue(page.has_more)
        first = self.client.do(self.client.chat.ListMessages, chat_pb2.ListMessagesRequest(
            channel_id=self.channel.id, page_size=200, before_sequence=2))
        self.assertEqual([m.sequence for m in first.messages], [1])
        self.assertFalse(first.has_more)

    def test_repeated_key_says_it_once(self):
        key = unique("key")
        first = self.client.say(self.channel, self.character, "once", key)
        again = self.client.say(self.channel, self.character, "once", key)
        self.assertEqual(first, again)
        self.assertEqual(self.client.global_channel().last_sequence, first.sequence)

    def test_unknown_channel(self):
        for call in (
                lambda: self.client.do(self.client.chat.SendMessage, chat_pb2.SendMessageRequest(
                    channel_id=99999, character_id=self.character.id, text="x")),
                lambda: self.client.do(self.client.chat.ListMessages,
                                       chat_pb2.ListMessagesRequest(channel_id=99999)),
                lambda: next(self.stream(channel_id=99999))):
            with self.assertRaises(grpc.RpcError) as raised:
                call()
            self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_text_is_checked(self):
        for text in ("", "   \t", "x" * 501):
            with self.assertRaises(grpc.RpcError) as raised:
                self.client.say(self.channel, self.character, text)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("text", violations(raised.exception)[1])
        longest = "é" * 500
        self.assertEqual(self.client.say(self.channel, self.character, longest).text, longest)


class Converse(unittest.TestCase):
    """A bidirectional stream: joins, speaks, hears itself and others."""

    @classmethod
    def setUpClass(cls):
        cls.client = Client(world.server).register()
        cls.character = cls.client.create()
        cls.channel = cls.client.global_channel()

    @classmethod
    def tearDownClass(cls):
        cls.client.channel.close()

    def open(self):
        return Conversation(self.client)

    def join(self, **more):
        return chat_pb2.ConverseRequest(join=chat_pb2.StreamMessagesRequest(
            channel_id=self.channel.id, **more))

    def send(self, text, channel_id=None):
        return chat_pb2.ConverseRequest(send=chat_pb2.SendMessageRequest(
            channel_id=channel_id or self.channel.id, character_id=self.character.id, text=text))

    def test_each_message_is_acknowledged_and_heard_in_order(self):
        talk = self.open()
        talk.send(self.join())
        self.assertTrue(talk.next().HasField("caught_up"))
        texts = [unique("word") for _ in range(20)]
        for text in texts:
            talk.send(self.send(text))
        acknowledged, heard = [], []
        while len(acknowledged) < 20 or len(heard) < 20:
            event = talk.next()
            if event.HasField("sent"):
                acknowledged.append(event.sent.message)
            elif event.HasField("message"):
                heard.append(event.message)
        self.assertEqual([m.text for m in acknowledged], texts)
        self.assertEqual([m.text for m in heard], texts)
        self.assertEqual([m.sequence for m in heard], [m.sequence for m in acknowledged])
        talk.close()
        self.assertEqual(talk.code(), grpc.StatusCode.OK)

    def test_first_request_has_to_join(self):
        talk = self.open()
        talk.send(self.send("too early"))
        self.assertEqual(talk.code(), grpc.StatusCode.FAILED_PRECONDITION)

    def test_second_join_and_foreign_channel_are_refused(self):
        for request in (self.join(), self.send("elsewhere", self.channel.id + 1)):
            talk = self.open()
            talk.send(self.join())
            self.assertTrue(talk.next().HasField("caught_up"))
            talk.send(request)
            self.assertEqual(talk.code(), grpc.StatusCode.FAILED_PRECONDITION)

    def test_empty_action_is_invalid(self):
        talk = self.open()
        talk.send(chat_pb2.ConverseRequest())
        self.assertEqual(talk.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_joining_with_a_number_gives_what_was_missed(self):
        start = self.client.global_channel().last_sequence
        missed = self.client.say(self.channel, self.character, unique("missed"))
        talk = self.open()
        talk.send(self.join(after_sequence=start))
        self.assertEqual(talk.next().message, missed)
        talk.close()


class Conversation:
    """The request side is an iterator of grpcio's; a queue feeds it."""

    def __init__(self, client):
        self.requests = []
        self.condition = threading.Condition()
        self.done = False
        self.call = client.chat.Converse(self._feed(), timeout=TIMEOUT_S,
                                         metadata=client.metadata())

    def _feed(self):
        while True:
            with self.condition:
                self.condition.wait_for(lambda: self.requests or self.done)
                if not self.requests:
                    return
                request = self.requests.pop(0)
            yield request

    def send(self, request):
        with self.condition:
            self.requests.append(request)
            self.condition.notify()

    def close(self):
        with self.condition:
            self.done = True
            self.condition.notify()

    def next(self):
        return next(self.call)

    def code(self):
        """The final status; what still arrives before it is read."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError:
            pass
        self.close()
        return self.call.code()


class Endings(unittest.TestCase):
    """Deadlines, cancellation and vanishing, seen from both sides."""

    def setUp(self):
        self.client = Client(world.server).register()
        self.addCleanup(self.client.channel.close)
        self.global_channel = self.client.global_channel()

    def open_stream(self, timeout=TIMEOUT_S):
        stream = self.client.chat.StreamMessages(
            chat_pb2.StreamMessagesRequest(channel_id=self.global_channel.id), timeout=timeout,
            metadata=self.client.metadata())
        self.assertTrue(next(stream).HasField("caught_up"))
        return stream

    def followers(self):
        return metric(world.server, "waystone_hub_subscribers")

    def test_deadline_ends_a_stream(self):
        started = time.monotonic()
        stream = self.open_stream(timeout=0.7)
        with self.assertRaises(grpc.RpcError) as raised:
            for _ in stream:
                pass
        self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertLess(time.monotonic() - started, 3)
        self.assertTrue(eventually(lambda: self.followers() == 0), "the follower stays behind")

    def test_deadline_ends_a_call_that_waits_for_the_database(self):
        """Another session holds the table, so the call cannot be done before its deadline."""
        with world.table_held("characters"):
            with self.assertRaises(grpc.RpcError) as raised:
                self.client.do(self.client.characters.ListCharacters,
                               character_pb2.ListCharactersRequest(), timeout=0.3)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.client.do(self.client.characters.ListCharacters,
                       character_pb2.ListCharactersRequest())

    def test_cancelled_stream_is_forgotten(self):
        stream = self.open_stream()
        self.assertTrue(eventually(lambda: self.followers() >= 1))
        stream.cancel()
        self.assertTrue(eventually(lambda: self.followers() == 0), "the follower stays behind")

    def test_closed_connection_ends_its_streams(self):
        client = Client(world.server)
        client.session = self.client.session
        stream = client.chat.StreamMessages(
            chat_pb2.StreamMessagesRequest(channel_id=self.global_channel.id), timeout=TIMEOUT_S,
            metadata=client.metadata())
        next(stream)
        client.channel.close()
        self.assertTrue(eventually(lambda: self.followers() == 0), "the follower stays behind")

    def test_unknown_method_and_service(self):
        for path in ("/waystone.chat.v1.ChatService/Shout", "/waystone.nothing.v1.None/Do"):
            call = self.client.channel.unary_unary(path)
            with self.assertRaises(grpc.RpcError) as raised:
                call(b"", timeout=TIMEOUT_S)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_malformed_message(self):
        call = self.client.channel.unary_unary("/waystone.auth.v1.AuthService/SignIn")
        for data in (b"\x0a\xff", b"\x0a\x02\xff\xfe", b"\xff" * 64, b"\x0b" * 200):
            with self.assertRaises(grpc.RpcError) as raised:
                call(data, timeout=TIMEOUT_S)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT, data)

    def test_message_above_the_limit(self):
        call = self.client.channel.unary_unary("/waystone.auth.v1.AuthService/SignIn")
        with self.assertRaises(grpc.RpcError) as raised:
            call(b"\x0a" + b"x" * (5 * 1024 * 1024), timeout=TIMEOUT_S)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.client.do(self.client.auth.GetSession, auth_pb2.GetSessionRequest())
