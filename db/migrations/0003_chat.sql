-- Channels and messages.
--
-- A message takes the next number of its channel under the channel's row lock, so that numbers
-- have no gaps and become visible in order: whoever has seen number n has been able to see all
-- before it.

CREATE TABLE channels (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          smallint NOT NULL CHECK (kind BETWEEN 1 AND 9), -- waystone.chat.v1.ChannelKind
    name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    last_sequence bigint NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
    created_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50); -- every message updates its channel's row: leave room on its page

CREATE UNIQUE INDEX channels_one_global ON channels (kind) WHERE kind = 1;

CREATE TABLE messages (
    channel_id      bigint NOT NULL REFERENCES channels (id),
    sequence        bigint NOT NULL CHECK (sequence > 0),
    account_id      bigint NOT NULL REFERENCES accounts (id),
    character_id    bigint NOT NULL REFERENCES characters (id),
    character_name  text NOT NULL, -- as it was then
    text            text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
    idempotency_key text CHECK (char_length(idempotency_key) BETWEEN 1 AND 64),
    sent_at         timestamptz NOT NULL,
    PRIMARY KEY (channel_id, sequence)
);

CREATE UNIQUE INDEX messages_idempotency ON messages (account_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

INSERT INTO channels (kind, name) VALUES (1, 'Global');
