"""What the suites of chat share: players who talk, channels of each kind."""

import uuid

from harness import (CREATE_CHARACTER, PASSWORD, REGISTER, Api, Follower, RpcError, unique)

CHAT = "chat.v1.ChatService/"
NOWHERE = 9_999_999_999


def refused(call, *words, **more):
    """The error of a call that has to fail."""
    try:
        answer = call(*words, **more)
    except RpcError as error:
        return error
    raise AssertionError(f"this should have been refused: {answer}")


class Talker:
    """An account with characters: ("RACE_...", "FACTION_...") each."""

    def __init__(self, server, *characters, name=None):
        self.name = name or unique("talker")
        self.api = Api(server)
        session = self.api.call(REGISTER, {
            "userName": self.name, "email": f"{self.name}@example.org",
            "password": PASSWORD})["session"]
        self.account = session["account"]["id"]
        self.token = self.api.token = session["accessToken"]
        self.characters = [self.api.call(CREATE_CHARACTER, {
            "name": unique("Hero"), "race": race, "faction": faction,
            "idempotencyKey": str(uuid.uuid4())})["character"]
            for race, faction in characters or [("RACE_AURELIN", "FACTION_VOID")]]

    @property
    def character(self):
        return self.characters[0]["id"] if self.characters else "0"

    @property
    def hero(self):
        return self.characters[0]["name"]

    def on(self, server):
        """The same session at another server."""
        other = object.__new__(Talker)
        other.__dict__.update(self.__dict__, api=Api(server, self.token))
        return other

    def chat(self, method, **message):
        return self.api.call(CHAT + method, message)

    def refused(self, method, **message):
        return refused(self.chat, method, **message)

    def refused_or_none(self, method, **message):
        """The code of a refusal, or None: for waiting until something is refused."""
        try:
            self.chat(method, **message)
            return None
        except RpcError as error:
            return error.code

    def channels(self, kind=None):
        found = self.chat("ListChannels").get("channels", [])
        return [c for c in found if kind in (None, c["kind"].removeprefix("CHANNEL_KIND_"))]

    def channel(self, kind):
        return self.channels(kind)[0]["id"]

    def get(self, channel):
        return self.chat("GetChannel", channelId=channel)["channel"]

    def create(self, name=None, **more):
        return self.chat("CreateChannel", name=name or unique("room"), characterId=self.character,
                         idempotencyKey=str(uuid.uuid4()), **more)["channel"]

    def join(self, channel):
        return self.chat("JoinChannel", channelId=channel, characterId=self.character)["channel"]

    def whisper(self, other):
        return self.chat("OpenWhisper", characterId=self.character,
                         toCharacterName=other.hero)["channel"]

    def say(self, channel, text, **more):
        return self.chat("SendMessage", **{
            "channelId": channel, "characterId": self.character, "text": text,
            "idempotencyKey": str(uuid.uuid4()), **more})["message"]

    def react(self, message, emoji, on=True):
        return self.chat("SetReaction", channelId=message["channelId"],
                         messageSequence=message["sequence"], characterId=self.character,
                         emoji=emoji, on=on).get("reactions", [])

    def history(self, channel, **more):
        return self.chat("ListMessages", channelId=channel, **more).get("messages", [])

    def follow(self, server, channel, after=None):
        return Follower(server, self.token, channel, after)


def next_event(follower):
    """The next event that is no marker: (its name, what it holds)."""
    while True:
        name, event = next(iter(follower.next_event().items()))
        if name not in ("caughtUp", "heartbeat"):
            return name, event
