-- Accounts that OpenID Connect providers open, and sign-ins that are on their way there and back.

-- Who somebody is at a provider. Nothing else says so: addresses and names there change hands.
CREATE TABLE account_providers (
    issuer     text NOT NULL CHECK (octet_length(issuer) BETWEEN 1 AND 255), -- not its id, which an operator may give to another
    subject    text NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 255),
    account_id bigint NOT NULL REFERENCES accounts (id),
    label      text NOT NULL DEFAULT '' CHECK (char_length(label) <= 254), -- what it called the owner then
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    UNIQUE (account_id, issuer)
);

-- Each is used once, by the browser that began it.
CREATE TABLE provider_flows (
    hash         bytea PRIMARY KEY CHECK (length(hash) = 32),       -- SHA-256 of the state or token
    purpose      smallint NOT NULL CHECK (purpose BETWEEN 1 AND 3), -- enum provider_flow_purpose
    browser_hash bytea NOT NULL CHECK (length(browser_hash) = 32),  -- SHA-256 of its cookie
    issuer       text NOT NULL CHECK (octet_length(issuer) BETWEEN 1 AND 255),
    session_id   bigint REFERENCES sessions (id) ON DELETE CASCADE, -- that wants the link
    reopens      boolean NOT NULL DEFAULT false,                    -- an account that is being closed
    sealed       bytea NOT NULL CHECK (length(sealed) <= 4096),     -- by the master key: PKCE verifier, nonce; or a newcomer
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);

CREATE INDEX provider_flows_session ON provider_flows (session_id);
CREATE INDEX provider_flows_expires ON provider_flows (expires_at);
