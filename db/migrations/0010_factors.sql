-- What proves who somebody is, beside a password.

-- Authenticator apps: the one in use, and one that is being set up.
CREATE TABLE totp_secrets (
    account_id bigint NOT NULL REFERENCES accounts (id),
    is_pending boolean NOT NULL,
    sealed     bytea NOT NULL,              -- by the master key: no copy of the table makes codes
    created_at timestamptz NOT NULL DEFAULT now(),
    last_step  bigint NOT NULL DEFAULT 0,   -- of the newest code that was taken: none works twice
    failures   integer NOT NULL DEFAULT 0,  -- wrong codes since the last right proof
    failed_at  timestamptz,
    PRIMARY KEY (account_id, is_pending)
);

CREATE INDEX totp_secrets_pending ON totp_secrets (created_at) WHERE is_pending;

CREATE TABLE recovery_codes (
    account_id bigint NOT NULL REFERENCES accounts (id),
    hash       bytea NOT NULL CHECK (length(hash) = 32), -- SHA-256; a code has 120 random bits
    used_at    timestamptz,
    PRIMARY KEY (account_id, hash)
);

-- What authenticators know an account by: random, so that it tells nothing.
CREATE TABLE passkey_owners (
    account_id  bigint PRIMARY KEY REFERENCES accounts (id),
    user_handle bytea NOT NULL UNIQUE CHECK (length(user_handle) = 32)
);

CREATE TABLE passkeys (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES accounts (id),
    credential_id   bytea NOT NULL UNIQUE CHECK (length(credential_id) BETWEEN 1 AND 1023),
    algorithm       integer NOT NULL,  -- of COSE: -7, -8 or -257
    public_key      bytea NOT NULL,    -- SubjectPublicKeyInfo, DER
    sign_count      bigint NOT NULL,   -- 0: its authenticator does not count
    backup_eligible boolean NOT NULL,  -- never changes
    synced          boolean NOT NULL,  -- as it said last
    name            text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz
);

CREATE INDEX passkeys_account ON passkeys (account_id);

-- What somebody was asked to prove. The token is the challenge that a passkey signs.
CREATE TABLE challenges (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32),       -- SHA-256 of the token
    purpose    smallint NOT NULL CHECK (purpose BETWEEN 1 AND 4), -- enum challenge_purpose
    account_id bigint REFERENCES accounts (id),                   -- NULL: whoever has a passkey
    session_id bigint REFERENCES sessions (id) ON DELETE CASCADE, -- of signed-in callers
    means      smallint NOT NULL DEFAULT 0,                       -- the first factor of a sign-in
    reopens    boolean NOT NULL DEFAULT false,                    -- an account that is being closed
    attempts   smallint NOT NULL DEFAULT 0,                       -- wrong answers
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX challenges_account ON challenges (account_id);
CREATE INDEX challenges_session ON challenges (session_id);
CREATE INDEX challenges_expiry ON challenges (expires_at);
