"""Players in bulk: accounts, sessions, characters and channels written straight into a database,
and access tokens signed with the server's key, as the server would have done it one by one.

The server knows nothing of it: it checks these tokens like any other. For tests and benches.
"""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

import signing

ISSUER = "waystone"
ROLE_PLAYER = 2
LIFE_S = 24 * 3600

# Nobody can sign in with a password that has no hash.
INSERT = """
WITH new_accounts AS (
    INSERT INTO accounts (user_name, email, password_hash)
    SELECT '{prefix}' || n, '{prefix}' || n || '@load.invalid', '!'
    FROM generate_series({first}, {last}) AS n
    RETURNING id, user_name
), new_sessions AS (
    INSERT INTO sessions (account_id) SELECT id FROM new_accounts RETURNING id, account_id
), new_characters AS (
    INSERT INTO characters (account_id, name, race, faction)
    SELECT id, initcap(user_name), 1 + id % 9, 1 + id % 3 FROM new_accounts
    RETURNING id, account_id
)
SELECT a.id, s.id, c.id FROM new_accounts a
JOIN new_sessions s ON s.account_id = a.id JOIN new_characters c ON c.account_id = a.id
ORDER BY a.id"""

# Players have been inserted in one statement: their numbers follow each other.
CHANNEL = """
WITH members AS (
    SELECT account_id, id AS character_id FROM characters
    WHERE account_id BETWEEN {low} AND {high}
), channel AS (
    INSERT INTO channels (kind, name, member_count)
    SELECT 9, 'Load ' || (SELECT max(id) FROM channels), count(*) FROM members RETURNING id
), joined AS (
    INSERT INTO channel_members (channel_id, account_id, character_id, role)
    SELECT channel.id, account_id, character_id, 1 FROM channel, members
)
SELECT id FROM channel"""


class Signer:
    """Access tokens as handlers/tokens.c writes them."""

    def __init__(self, key):
        self.key = key
        self.head = _part({"alg": "ES256", "kid": signing.key_id(key), "typ": "JWT"})

    def token(self, account, session):
        now = int(time.time())
        body = _part({"iss": ISSUER, "aud": ISSUER, "sub": str(account), "sid": str(session),
                      "role": ROLE_PLAYER, "iat": now, "nbf": now, "exp": now + LIFE_S})
        return self._signed(self.head + b"." + body)

    def sign(self, header, claims):
        """A token of any header and claims, each in JSON."""
        return self._signed(_base64(header) + b"." + _base64(claims))

    def _signed(self, signed):
        r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = _base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return (signed + b"." + signature).decode()


def _base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _part(claims):
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


class Crowd:
    """Players of one database, which a server has been started on. `database` names it in
    `cluster`."""

    def __init__(self, cluster, database, master_key):
        self.cluster, self.database = cluster, database
        self.signer = Signer(signing.newest_key(lambda sql: cluster.psql(sql, database),
                                                master_key))
        self.people = []  # (account, character, token)

    def add(self, count):
        first = 1 + int(self.cluster.psql("SELECT count(*) FROM accounts", self.database))
        answer = self.cluster.psql(INSERT.format(prefix="load", first=first,
                                                 last=first + count - 1), self.database)
        for line in answer.splitlines():
            account, session, character = map(int, line.split("|"))
            self.people.append((account, character, self.signer.token(account, session)))

    def add_channel(self, first=0, last=None):
        """A custom channel of the players with the numbers from `first` to before `last`, or of
        all. Returns its id."""
        members = self.people[first:last]
        return int(self.cluster.psql(CHANNEL.format(low=members[0][0], high=members[-1][0]),
                                     self.database))

    def common_channels(self):
        """The channels of everybody, of the faction and of the civilisation, by player."""
        answer = self.cluster.psql("""
            SELECT string_agg(c.id::text, ',' ORDER BY c.kind) FROM characters AS h
            JOIN channels AS c ON c.kind = 1 OR (c.kind = 6 AND c.key = h.faction)
                                 OR (c.kind = 7 AND c.key = h.race)
            GROUP BY h.account_id ORDER BY h.account_id""", self.database)
        return [line.split(",") for line in answer.splitlines()]

    def write(self, path, channels_of):
        """The file that tools/loadgen reads; `channels_of` tells a player's number its channels."""
        lines = [f"{character} {token} {','.join(map(str, channels_of(number)))}\n"
                 for number, (_, character, token) in enumerate(self.people)]
        path.write_text("".join(lines), encoding="ascii")
        path.chmod(0o600)
        return path
