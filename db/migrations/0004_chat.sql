-- Channels of every kind, who is in them, and what happens to messages after they were said.
--
-- Everything that happens in a channel has the channel's next number, taken under its row lock:
-- a number is in messages (something was said) or in channel_changes (something was changed,
-- taken back, reacted to), never in both and never in neither, unless it was archived.

ALTER TABLE channels
    -- What binds the members: the faction (1..3) or race (1..9), the account of a family, the
    -- place, guild or party, the lower and the higher character of a whisper. 0: nothing.
    ADD COLUMN key bigint NOT NULL DEFAULT 0,
    ADD COLUMN key2 bigint NOT NULL DEFAULT 0,
    ADD COLUMN topic text NOT NULL DEFAULT '' CHECK (char_length(topic) <= 200),
    ADD COLUMN open boolean NOT NULL DEFAULT false,
    ADD COLUMN slow_mode_s integer NOT NULL DEFAULT 0 CHECK (slow_mode_s BETWEEN 0 AND 3600),
    ADD COLUMN member_count integer NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    ADD COLUMN archived_sequence bigint NOT NULL DEFAULT 0,
    ADD COLUMN created_by bigint REFERENCES accounts (id), -- NULL: the game's own
    ADD COLUMN closed_at timestamptz;

DROP INDEX channels_one_global;
CREATE UNIQUE INDEX channels_key ON channels (kind, key, key2) WHERE kind <> 9;
CREATE UNIQUE INDEX channels_custom_name ON channels (lower(name))
    WHERE kind = 9 AND closed_at IS NULL;
CREATE INDEX channels_open ON channels (member_count DESC, id)
    WHERE kind = 9 AND open AND closed_at IS NULL;
CREATE INDEX channels_created_by ON channels (created_by) WHERE created_by IS NOT NULL;

-- Of whispers and custom channels; a row stays when its member leaves.
CREATE TABLE channel_members (
    channel_id   bigint NOT NULL REFERENCES channels (id),
    account_id   bigint NOT NULL REFERENCES accounts (id),
    character_id bigint NOT NULL REFERENCES characters (id),
    role         smallint NOT NULL CHECK (role BETWEEN 1 AND 3), -- waystone.chat.v1.ChannelRole
    joined_at    timestamptz NOT NULL DEFAULT now(),
    left_at      timestamptz,
    PRIMARY KEY (channel_id, account_id)
);

CREATE INDEX channel_members_account ON channel_members (account_id) WHERE left_at IS NULL;
CREATE INDEX channel_members_left ON channel_members (left_at) WHERE left_at IS NOT NULL;

-- How far an account has read, and whether it wants to hear of the channel. No row: never read.
CREATE TABLE channel_readers (
    account_id    bigint NOT NULL REFERENCES accounts (id),
    channel_id    bigint NOT NULL REFERENCES channels (id),
    read_sequence bigint NOT NULL DEFAULT 0,
    muted         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, channel_id)
) WITH (fillfactor = 80);

ALTER TABLE messages
    ADD COLUMN reply_to bigint NOT NULL DEFAULT 0, -- number in the same channel; 0: none
    ADD COLUMN mentions bigint[] NOT NULL DEFAULT '{}', -- characters
    ADD COLUMN request_hash bigint NOT NULL DEFAULT 0, -- of the call with the key; 0: not known
    ADD COLUMN edited_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN deleted_by_moderator boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT messages_text_check,
    ADD CONSTRAINT messages_text_check
        CHECK (char_length(text) <= 500 AND (text = '') = (deleted_at IS NOT NULL));

-- Words of any language, as they are written. New rows wait in the index's pending list, so that
-- a send does not pay for each of its words.
CREATE INDEX messages_words ON messages USING gin (to_tsvector('simple', text))
    WITH (fastupdate = on);

CREATE TABLE channel_changes (
    channel_id bigint NOT NULL REFERENCES channels (id),
    sequence   bigint NOT NULL CHECK (sequence > 0),
    account_id bigint NOT NULL REFERENCES accounts (id), -- who caused it
    event      bytea NOT NULL, -- waystone.chat.v1.StreamMessagesResponse
    PRIMARY KEY (channel_id, sequence)
);

CREATE TABLE message_reactions (
    channel_id       bigint NOT NULL,
    message_sequence bigint NOT NULL,
    emoji            text NOT NULL CHECK (octet_length(emoji) BETWEEN 1 AND 32),
    account_id       bigint NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (channel_id, message_sequence, emoji, account_id)
);

-- Accounts whose characters a message mentions.
CREATE TABLE message_mentions (
    account_id bigint NOT NULL,
    channel_id bigint NOT NULL,
    sequence   bigint NOT NULL,
    PRIMARY KEY (account_id, channel_id, sequence)
);

CREATE INDEX message_mentions_message ON message_mentions (channel_id, sequence);

-- How long messages of a kind of channel stay, and whether they are then kept aside.
CREATE TABLE channel_retention (
    kind      smallint PRIMARY KEY CHECK (kind BETWEEN 1 AND 9),
    keep_days integer CHECK (keep_days > 0), -- NULL: for ever
    archive   boolean NOT NULL DEFAULT true  -- false: deleted for good
);

INSERT INTO channel_retention (kind, keep_days, archive) VALUES
    (1, 90, true),    -- Global
    (2, 7, false),    -- Local
    (3, NULL, true),  -- Guild
    (4, 7, false),    -- Party
    (5, NULL, true),  -- Family
    (6, 180, true),   -- Faction
    (7, 180, true),   -- Race
    (8, 365, true),   -- Whisper
    (9, 365, true);   -- Custom

CREATE TABLE archived_messages (
    channel_id           bigint NOT NULL,
    sequence             bigint NOT NULL,
    account_id           bigint NOT NULL,
    character_id         bigint NOT NULL,
    character_name       text NOT NULL,
    text                 text NOT NULL,
    sent_at              timestamptz NOT NULL,
    reply_to             bigint NOT NULL,
    mentions             bigint[] NOT NULL,
    edited_at            timestamptz,
    deleted_at           timestamptz,
    deleted_by_moderator boolean NOT NULL,
    archived_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel_id, sequence)
);

CREATE INDEX archived_messages_account ON archived_messages (account_id);

INSERT INTO channels (kind, key, name) VALUES
    (6, 1, 'Order'),
    (6, 2, 'Chaos'),
    (6, 3, 'Void'),
    (7, 1, 'Aurelin'),
    (7, 2, 'Durnhal'),
    (7, 3, 'Nerevi'),
    (7, 4, 'Sylwen'),
    (7, 5, 'Kharad'),
    (7, 6, 'Vaelun'),
    (7, 7, 'Ishari'),
    (7, 8, 'Frostmark'),
    (7, 9, 'Umbrath');
