-- Keys for tools and services, in the place of a session.

CREATE TABLE api_keys (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   bigint NOT NULL REFERENCES accounts (id),
    name         text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 64),
    prefix       text NOT NULL CHECK (prefix ~ '^wsk_[0-9A-Za-z]{6}$'), -- to be recognised by
    hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256; the key itself is nowhere
    scopes       text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 64),
    is_service   boolean NOT NULL DEFAULT false, -- options.v1.ACCESS_SERVICE, whatever the account's role
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz, -- NULL: never
    last_used_at timestamptz, -- to within a minute
    revoked_at   timestamptz
);

CREATE INDEX api_keys_account ON api_keys (account_id, id);
CREATE INDEX api_keys_ended ON api_keys (least(revoked_at, expires_at));
