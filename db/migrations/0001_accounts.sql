-- Accounts, their sessions, and what was done to them.

CREATE TABLE accounts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_name     text NOT NULL CHECK (char_length(user_name) BETWEEN 3 AND 24),
    email         text NOT NULL CHECK (char_length(email) BETWEEN 3 AND 254),
    password_hash text NOT NULL,
    role          smallint NOT NULL DEFAULT 2 CHECK (role BETWEEN 2 AND 6), -- options.v1.Access
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX accounts_user_name ON accounts (lower(user_name));
CREATE UNIQUE INDEX accounts_email ON accounts (lower(email));

CREATE TABLE sessions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

-- Every refresh token a session ever had: one that comes a second time was stolen.
CREATE TABLE refresh_tokens (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256; the token itself is nowhere
    session_id bigint NOT NULL REFERENCES sessions (id),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- The first answer of a call with an idempotency key, written with its effect.
CREATE TABLE idempotency_keys (
    account_id   bigint NOT NULL REFERENCES accounts (id),
    method       text NOT NULL,
    key          text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 64),
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    response     bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, method, key)
);

CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at timestamptz NOT NULL,
    method      text NOT NULL,
    status      text NOT NULL,
    account_id  bigint, -- NULL: anonymous
    peer        text NOT NULL,
    request_id  text NOT NULL
);
