-- Passwords that may be missing, addresses that are verified, tokens in mails, and the end of an account.

ALTER TABLE accounts
    ALTER COLUMN password_hash DROP NOT NULL, -- NULL: none; something else opens the account
    ADD COLUMN password_changed_at timestamptz,
    ADD COLUMN email_verified_at timestamptz, -- NULL: nobody has said that the address is theirs
    ADD COLUMN pending_email text CHECK (char_length(pending_email) BETWEEN 3 AND 254),
    ADD COLUMN closed_at timestamptz, -- by its owner or an operator; NULL: open
    ADD COLUMN erases_at timestamptz, -- what is personal is erased from then on
    ADD COLUMN erased_at timestamptz,
    ADD CHECK ((closed_at IS NULL) = (erases_at IS NULL)),
    ADD CHECK (erased_at IS NULL OR closed_at IS NOT NULL),
    DROP CONSTRAINT accounts_email_check,
    -- Empty: erased, or the account never had one.
    ADD CONSTRAINT accounts_email_check CHECK (email = '' OR char_length(email) BETWEEN 3 AND 254);

UPDATE accounts SET password_changed_at = created_at;

-- Whoever says first that an address is theirs has it; until then anybody may name it.
DROP INDEX accounts_email;
CREATE INDEX accounts_email ON accounts (lower(email));
CREATE UNIQUE INDEX accounts_email_verified ON accounts (lower(email))
    WHERE email_verified_at IS NOT NULL;
CREATE INDEX accounts_erases ON accounts (erases_at)
    WHERE erases_at IS NOT NULL AND erased_at IS NULL;

-- What a mail carries: used once, for one purpose, for the address it was sent to.
CREATE TABLE account_tokens (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256; the token itself is nowhere
    account_id bigint NOT NULL REFERENCES accounts (id),
    purpose    smallint NOT NULL CHECK (purpose IN (1, 2)), -- enum account_token_purpose
    email      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

CREATE INDEX account_tokens_account ON account_tokens (account_id, purpose);
CREATE INDEX account_tokens_expires ON account_tokens (expires_at);

-- User names of erased accounts, which nobody may take over for a while. Hashed: the name is gone.
CREATE TABLE reserved_names (
    hash  bytea PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of the name in lower case
    until timestamptz NOT NULL
);

CREATE INDEX reserved_names_until ON reserved_names (until);

CREATE FUNCTION accounts_refuse_reserved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM reserved_names
               WHERE hash = sha256(convert_to(lower(NEW.user_name), 'UTF8')) AND until > now()) THEN
        RAISE EXCEPTION 'the user name is reserved' USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER accounts_refuse_reserved BEFORE INSERT ON accounts
    FOR EACH ROW EXECUTE FUNCTION accounts_refuse_reserved();

-- Work that waits for others, such as a mail server, has a priority of its own: no other waits
-- behind it.
ALTER TABLE outbox
    DROP CONSTRAINT outbox_priority_check,
    ADD CONSTRAINT outbox_priority_check CHECK (priority BETWEEN 0 AND 3);
