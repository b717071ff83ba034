-- What every service stands on: roles that can be taken away, leases and jobs, the outbox, what
-- happens to an account and its notifications, and the audit log in its final form.

-- --- roles ---

-- When the role last changed, for instances that know it from tokens.
ALTER TABLE accounts ADD COLUMN role_changed_at timestamptz;

CREATE INDEX accounts_role_changed ON accounts (role_changed_at) WHERE role_changed_at IS NOT NULL;
CREATE INDEX accounts_staff ON accounts (role, id) WHERE role > 2;

CREATE FUNCTION accounts_note_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.role_changed_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE TRIGGER accounts_note_role BEFORE UPDATE OF role ON accounts
    FOR EACH ROW WHEN (OLD.role <> NEW.role) EXECUTE FUNCTION accounts_note_role();

-- --- expiry ---

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);

-- --- leases and jobs ---

-- Who may do what only one may do at a time. The token grows with every holder: a write under a
-- lease names it, so that a holder that slept through the end of its time writes nothing.
CREATE TABLE leases (
    name       text PRIMARY KEY CHECK (char_length(name) BETWEEN 1 AND 64),
    holder     text NOT NULL,
    token      bigint NOT NULL DEFAULT 1,
    expires_at timestamptz NOT NULL
);

CREATE TABLE jobs (
    name        text PRIMARY KEY CHECK (char_length(name) BETWEEN 1 AND 56),
    every_s     integer NOT NULL CHECK (every_s > 0),
    next_at     timestamptz NOT NULL DEFAULT now(),
    runs        bigint NOT NULL DEFAULT 0, -- that came to their end, whichever way
    started_at  timestamptz,
    finished_at timestamptz,
    status      text -- of the last run
);

-- --- outbox ---

-- What is still to be done about a change, written with the change. The row stays until the
-- transaction of its effect deletes it; what Redis carries is only its number.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL CHECK (char_length(kind) BETWEEN 1 AND 64),
    priority   smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2), -- 0 goes first
    payload    bytea NOT NULL CHECK (length(payload) <= 65536),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at     timestamptz NOT NULL DEFAULT clock_timestamp(), -- handed out from then on
    handed_out integer NOT NULL DEFAULT 0,
    attempts   integer NOT NULL DEFAULT 0, -- that failed
    error      text -- of the last one
) WITH (fillfactor = 70);

CREATE INDEX outbox_due ON outbox (priority, due_at);

-- What failed too often; people look at it.
CREATE TABLE dead_letters (
    id         bigint PRIMARY KEY, -- of the outbox
    kind       text NOT NULL,
    priority   smallint NOT NULL,
    payload    bytea NOT NULL,
    created_at timestamptz NOT NULL,
    attempts   integer NOT NULL,
    error      text NOT NULL,
    died_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX dead_letters_kind ON dead_letters (kind, id);

-- --- what happens to an account ---

-- The newest number of each account that has events; its lock keeps numbers without gaps and
-- visible in order. Those up to `archived_sequence` were deleted.
CREATE TABLE account_heads (
    account_id        bigint PRIMARY KEY REFERENCES accounts (id),
    last_sequence     bigint NOT NULL DEFAULT 0 CHECK (last_sequence >= 0),
    archived_sequence bigint NOT NULL DEFAULT 0 CHECK (archived_sequence >= 0)
) WITH (fillfactor = 50); -- every event updates its account's row: leave room on its page

CREATE TABLE account_events (
    account_id bigint NOT NULL REFERENCES accounts (id),
    sequence   bigint NOT NULL CHECK (sequence > 0),
    event      bytea NOT NULL, -- waystone.notification.v1.AccountEvent without its number
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, sequence)
);

CREATE INDEX account_events_created ON account_events (created_at);

CREATE TABLE notifications (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id       bigint NOT NULL REFERENCES accounts (id),
    kind             smallint NOT NULL CHECK (kind > 0), -- waystone.notification.v1.NotificationKind
    text             text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 1000),
    channel_id       bigint NOT NULL DEFAULT 0,
    message_sequence bigint NOT NULL DEFAULT 0,
    character_id     bigint NOT NULL DEFAULT 0,
    subject_id       bigint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    read_at          timestamptz
);

CREATE INDEX notifications_account ON notifications (account_id, id);
CREATE INDEX notifications_unread ON notifications (account_id, id) WHERE read_at IS NULL;
CREATE INDEX notifications_read ON notifications (read_at) WHERE read_at IS NOT NULL;
CREATE INDEX notifications_created ON notifications (created_at);

-- --- audit ---

-- Who did what, to what, when, from where. Rows are never changed: but for the personal columns
-- (peer, note, salt), which may be erased. The hash over these is salted and stays, so that the
-- chain, which covers it, holds after an erasure as before.
ALTER TABLE audit_log RENAME COLUMN method TO action;
ALTER TABLE audit_log
    ALTER COLUMN happened_at SET DEFAULT clock_timestamp(),
    ALTER COLUMN peer DROP NOT NULL,
    ADD COLUMN target_kind text NOT NULL DEFAULT '',
    ADD COLUMN target_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN detail text NOT NULL DEFAULT '', -- nothing personal: it is in the chain for ever
    ADD COLUMN note text, -- free text
    ADD COLUMN salt bytea,
    ADD COLUMN personal_hash bytea;

CREATE FUNCTION audit_personal_hash(salt bytea, peer text, note text) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(salt || convert_to(coalesce(peer, ''), 'UTF8') || '\x00'::bytea ||
                  convert_to(coalesce(note, ''), 'UTF8'))
$$;

UPDATE audit_log SET salt = uuid_send(gen_random_uuid());
UPDATE audit_log SET personal_hash = audit_personal_hash(salt, peer, note);
ALTER TABLE audit_log ALTER COLUMN personal_hash SET NOT NULL;

CREATE INDEX audit_log_account ON audit_log (account_id, id);
CREATE INDEX audit_log_target ON audit_log (target_kind, target_id, id);

-- The chain: each sealed row's hash covers the row and the hash before it. Positions have no gaps.
CREATE TABLE audit_chain (
    position bigint PRIMARY KEY CHECK (position > 0),
    audit_id bigint NOT NULL UNIQUE REFERENCES audit_log (id),
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);

-- Rows that were committed and are not in the chain yet.
CREATE TABLE audit_unsealed (
    audit_id bigint PRIMARY KEY
);

INSERT INTO audit_unsealed (audit_id) SELECT id FROM audit_log;

CREATE FUNCTION audit_log_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.salt := uuid_send(gen_random_uuid());
    NEW.personal_hash := audit_personal_hash(NEW.salt, NEW.peer, NEW.note);
    RETURN NEW;
END
$$;

CREATE FUNCTION audit_log_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (audit_id) VALUES (NEW.id);
    RETURN NULL;
END
$$;

CREATE FUNCTION audit_log_before_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.peer IS NULL AND NEW.note IS NULL AND NEW.salt IS NULL AND
       (NEW.id, NEW.happened_at, NEW.action, NEW.status, NEW.request_id, NEW.target_kind,
        NEW.target_id, NEW.detail, NEW.personal_hash) =
       (OLD.id, OLD.happened_at, OLD.action, OLD.status, OLD.request_id, OLD.target_kind,
        OLD.target_id, OLD.detail, OLD.personal_hash) AND
       NEW.account_id IS NOT DISTINCT FROM OLD.account_id THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is never changed';
END
$$;

CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is never changed';
END
$$;

CREATE TRIGGER audit_log_before_insert BEFORE INSERT ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_before_insert();
CREATE TRIGGER audit_log_after_insert AFTER INSERT ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_after_insert();
CREATE TRIGGER audit_log_before_update BEFORE UPDATE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_before_update();
CREATE TRIGGER audit_log_before_delete BEFORE DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_log_before_truncate BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_chain_before_change BEFORE UPDATE OR DELETE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_chain_before_truncate BEFORE TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
