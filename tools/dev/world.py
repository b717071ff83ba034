"""The demo world, made through the server's own API: whatever it holds, a client could make."""

import http.client
import json
import ssl
import time
import uuid

from console import Problem

PASSWORD = "waystone-demo"
ACCOUNTS = {
    "mira": [("Mira Vell", "RACE_AURELIN", "FACTION_ORDER"),
             ("Ashka", "RACE_ISHARI", "FACTION_VOID")],
    "toren": [("Toren Karr", "RACE_KHARAD", "FACTION_CHAOS")],
}
LINES = [
    ("mira", "The stone at the ford is lit again. Who else saw it?"),
    ("toren", "From the ridge, yes. Half the steppe is on its feet."),
    ("mira", "Then the road north is open. I leave at first light."),
    ("toren", "Wait for me at the bridge. I bring the maps."),
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
    """Returns the id of the account's first character."""
    characters = api.call("character.v1.CharacterService/ListCharacters", {},
                          token).get("characters", [])
    if not characters:
        for name, race, faction in wanted:
            answer = api.call("character.v1.CharacterService/CreateCharacter",
                              {"name": name, "race": race, "faction": faction,
                               "idempotencyKey": str(uuid.uuid4())}, token)
            characters.append(answer["character"])
    return characters[0]["id"]


def _ensure_talk(api, speakers):
    any_token = next(iter(speakers.values()))[0]
    channels = api.call("chat.v1.ChatService/ListChannels", {}, any_token).get("channels", [])
    if not channels or int(channels[0].get("lastSequence", 0)) > 0:
        return
    for name, text in LINES:
        token, character = speakers[name]
        api.call("chat.v1.ChatService/SendMessage",
                 {"channelId": channels[0]["id"], "characterId": character, "text": text,
                  "idempotencyKey": str(uuid.uuid4())}, token)
        time.sleep(0.01)


def load(server):
    """Makes what is missing of the demo world; a second run changes nothing."""
    api = Api(server)
    try:
        speakers = {}
        for name, characters in ACCOUNTS.items():
            token = _enter(api, name)
            speakers[name] = (token, _ensure_characters(api, token, characters))
        _ensure_talk(api, speakers)
    except Refused as refusal:
        raise Problem(f"The demo world could not be loaded: {refusal}. ./dev reset starts over "
                      "with an empty database.") from refusal
