"""The demo world, made through the server's own API: whatever it holds, a client could make."""

import http.client
import json
import ssl
import uuid

from console import Problem

PASSWORD = "waystone-demo"
ACCOUNTS = {
    "mira": [("Mira Vell", "RACE_AURELIN", "FACTION_ORDER"),
             ("Ashka", "RACE_ISHARI", "FACTION_VOID")],
    "toren": [("Toren Karr", "RACE_KHARAD", "FACTION_CHAOS")],
}
CHANNEL = {"name": "Stone Watch", "topic": "Who keeps the fire at the ford, and when", "open": True}
# Where, who, what; "reply" is the line answered, counted from 0 among those of the place,
# "reactions" who puts what on it, "edit" what it says in the end, "mention" who is named.
LINES = [
    ("global", "mira", "The stone at the ford is lit again. Who else saw it?",
     {"reactions": [("toren", "🔥")]}),
    ("global", "toren", "From the ridge, yes. Half the steppe is on its feet.", {"reply": 0}),
    ("global", "mira", "Then the road north is open. I leave at first lihgt.",
     {"edit": "Then the road north is open. I leave at first light."}),
    ("global", "toren", "Wait for me at the bridge. I bring the maps.",
     {"reply": 2, "mention": "mira", "reactions": [("mira", "👍"), ("mira", ":stone:")]}),
    ("watch", "mira", "Three nights, two watchers each. I take the first.", {}),
    ("watch", "toren", "The second is mine, if somebody brings wood.",
     {"reply": 0, "reactions": [("mira", "👍")]}),
    ("whisper", "mira", "Not in the open: the stone did not light itself.", {}),
    ("whisper", "toren", "I know. Bring nobody to the bridge.", {"reply": 0}),
]


class Refused(Exception):
    """An error answer of the server: its code and message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


class Api:
    """Unary calls as Connect JSON."""

    def __init__(self, server):
        self.server = server

    def _connect(self):
        if not self.server.certificate:
            return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=15)
        context = ssl.create_default_context(cafile=self.server.certificate)
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=15,
                                           context=context)

    def call(self, method, message, token=None):
        headers = {"Content-Type": "application/json", "Connect-Protocol-Version": "1"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = self._connect()
        try:
            connection.request("POST", f"/waystone.{method}", json.dumps(message), headers)
            answer = connection.getresponse()
            body = json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Problem(f"The server does not answer {method} ({error}).") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(body.get("code", str(answer.status)), body.get("message", ""))
        return body


def _enter(api, name):
    """The access token of a demo account, which is registered when it is not there."""
    try:
        answer = api.call("auth.v1.AuthService/Register", {
            "userName": name, "email": f"{name}@demo.invalid", "password": PASSWORD})
    except Refused as refusal:
        if refusal.code != "already_exists":
            raise
        answer = api.call("auth.v1.AuthService/SignIn", {"login": name, "password": PASSWORD})
    return answer["session"]["accessToken"]


def _ensure_characters(api, token, wanted):
    """Returns the account's first character."""
    characters = api.call("character.v1.CharacterService/ListCharacters", {},
                          token).get("characters", [])
    if not characters:
        for name, race, faction in wanted:
            answer = api.call("character.v1.CharacterService/CreateCharacter",
                              {"name": name, "race": race, "faction": faction,
                               "idempotencyKey": str(uuid.uuid4())}, token)
            characters.append(answer["character"])
    return characters[0]


class Talk:
    """What the demo accounts have said to each other: (token, character) of each by name."""

    def __init__(self, api, speakers):
        self.api = api
        self.speakers = speakers
        self.said = {}  # the messages of each place

    def chat(self, method, who, **message):
        return self.api.call(f"chat.v1.ChatService/{method}", message, self.speakers[who][0])

    def character(self, who):
        return self.speakers[who][1]["id"]

    def global_channel(self):
        return self.chat("ListChannels", "mira")["channels"][0]

    def ensure_channel(self):
        """The custom channel, which everybody is in."""
        found = self.chat("FindChannels", "mira", nameContains=CHANNEL["name"]).get("channels")
        channel = found[0] if found else self.chat(
            "CreateChannel", "mira", **CHANNEL, characterId=self.character("mira"),
            idempotencyKey=str(uuid.uuid4()))["channel"]
        for who in self.speakers:
            self.chat("JoinChannel", who, channelId=channel["id"],
                      characterId=self.character(who))
        return channel["id"]

    def whisper(self):
        return self.chat("OpenWhisper", "mira", characterId=self.character("mira"),
                         toCharacterName=self.speakers["toren"][1]["name"])["channel"]["id"]

    def say(self, channel, place, who, text, more):
        earlier = self.said.setdefault(place, [])
        message = self.chat("SendMessage", who, **{
            "channelId": channel, "characterId": self.character(who), "text": text,
            "replyToSequence": earlier[more["reply"]] if "reply" in more else "0",
            "mentionedCharacterIds": [self.character(more["mention"])] if "mention" in more else [],
            "idempotencyKey": str(uuid.uuid4())})["message"]
        earlier.append(message["sequence"])
        if "edit" in more:
            self.chat("EditMessage", who, channelId=channel, messageSequence=message["sequence"],
                      text=more["edit"])
        for reader, emoji in more.get("reactions", []):
            self.chat("SetReaction", reader, channelId=channel, on=True, emoji=emoji,
                      messageSequence=message["sequence"], characterId=self.character(reader))

    def ensure(self):
        world = self.global_channel()
        if int(world.get("lastSequence", 0)) > 0:
            return
        places = {"global": world["id"], "watch": self.ensure_channel(),
                  "whisper": self.whisper()}
        for place, who, text, more in LINES:
            self.say(places[place], place, who, text, more)


def load(server):
    """Makes what is missing of the demo world; a second run changes nothing."""
    api = Api(server)
    try:
        speakers = {}
        for name, characters in ACCOUNTS.items():
            token = _enter(api, name)
            speakers[name] = (token, _ensure_characters(api, token, characters))
        Talk(api, speakers).ensure()
    except Refused as refusal:
        raise Problem(f"The demo world could not be loaded: {refusal}. ./dev reset starts over "
                      "with an empty database.") from refusal
