-- Blocks, sanctions, reports, appeals, word filters.

-- Whom an account does not want to hear. A row for each character that was named, so that the list does
-- not tell which characters share an account; the block itself is on the account.
CREATE TABLE account_blocks (
    account_id         bigint NOT NULL REFERENCES accounts (id),
    character_id       bigint NOT NULL REFERENCES characters (id),
    blocked_account_id bigint NOT NULL REFERENCES accounts (id),
    created_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, character_id),
    CHECK (account_id <> blocked_account_id)
);

CREATE INDEX account_blocks_pair ON account_blocks (account_id, blocked_account_id);

-- When the blocks of an account last changed: open streams look for it once a second.
CREATE TABLE account_block_changes (
    account_id bigint PRIMARY KEY REFERENCES accounts (id),
    changed_at timestamptz NOT NULL
);

CREATE INDEX account_block_changes_time ON account_block_changes (changed_at);

CREATE TABLE reports (
    id                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state                 smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 3), -- moderation.v1.ReportState
    reason                smallint NOT NULL CHECK (reason BETWEEN 1 AND 7), -- moderation.v1.ReportReason
    note                  text NOT NULL CHECK (char_length(note) <= 500),
    reporter_account_id   bigint REFERENCES accounts (id),   -- NULL: a word filter
    reporter_character_id bigint REFERENCES characters (id),
    channel_id            bigint NOT NULL REFERENCES channels (id),
    message_sequence      bigint NOT NULL,
    account_id            bigint NOT NULL REFERENCES accounts (id), -- who said it
    character_id          bigint NOT NULL REFERENCES characters (id),
    character_name        text NOT NULL,
    message_text          text NOT NULL, -- as it was when reported
    sent_at               timestamptz NOT NULL,
    created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_by           bigint REFERENCES accounts (id),
    resolution            text NOT NULL DEFAULT '',
    resolved_at           timestamptz,
    CHECK ((state = 1) = (resolved_at IS NULL)),
    CHECK ((reporter_account_id IS NULL) = (reporter_character_id IS NULL))
);

CREATE UNIQUE INDEX reports_once ON reports (channel_id, message_sequence, reporter_account_id);
CREATE INDEX reports_filtered ON reports (channel_id, message_sequence)
    WHERE reporter_account_id IS NULL;
CREATE INDEX reports_state ON reports (state, id);
CREATE INDEX reports_account ON reports (account_id, state);

CREATE TABLE sanctions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES accounts (id),
    character_id bigint NOT NULL REFERENCES characters (id), -- by which it was named
    kind         smallint NOT NULL CHECK (kind IN (1, 2)),   -- moderation.v1.SanctionKind
    channel_id   bigint REFERENCES channels (id),            -- NULL: everywhere
    reason       text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 500),
    report_id    bigint REFERENCES reports (id),
    created_by   bigint NOT NULL REFERENCES accounts (id),
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends_at      timestamptz, -- NULL: never
    lifted_at    timestamptz,
    lifted_by    bigint REFERENCES accounts (id),
    lift_reason  text NOT NULL DEFAULT '',
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp(), -- put or lifted
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
);

CREATE INDEX sanctions_account ON sanctions (account_id, id);
CREATE INDEX sanctions_changed ON sanctions (changed_at);
-- What speech is checked against, read as a whole when a loop starts.
CREATE INDEX sanctions_in_force ON sanctions (id)
    WHERE lifted_at IS NULL AND (kind = 1 OR channel_id IS NOT NULL);

CREATE TABLE appeals (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sanction_id bigint NOT NULL UNIQUE REFERENCES sanctions (id),
    text        text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    granted     boolean,
    decision    text NOT NULL DEFAULT '',
    decided_by  bigint REFERENCES accounts (id),
    decided_at  timestamptz,
    CHECK ((granted IS NULL) = (decided_at IS NULL))
);

CREATE INDEX appeals_open ON appeals (id) WHERE decided_at IS NULL;

CREATE TABLE word_filters (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    words        text NOT NULL CHECK (char_length(words) BETWEEN 1 AND 100),
    action       smallint NOT NULL CHECK (action BETWEEN 1 AND 3),       -- moderation.v1.FilterAction
    channel_kind smallint NOT NULL CHECK (channel_kind BETWEEN 0 AND 9), -- 0: all but the private ones
    exempt_from  smallint NOT NULL CHECK (exempt_from BETWEEN 0 AND 5),  -- 0: nobody
    changed_by   bigint NOT NULL REFERENCES accounts (id),
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row. Every change of a filter takes it: loops that see another version read the filters anew.
CREATE TABLE word_filter_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint NOT NULL DEFAULT 1
);

INSERT INTO word_filter_version DEFAULT VALUES;
