-- Sessions that tell where they are, refresh tokens in families, and keys that sign access tokens.

-- Of the tokens a session ever had (refresh_tokens), one buys the next pair: token_hash. The one it
-- was bought with does so for some seconds more, and then takes the place of what it bought already.
-- Whatever else comes was stolen from, or by, whoever holds another.
ALTER TABLE sessions
    ADD COLUMN device text NOT NULL DEFAULT '' CHECK (char_length(device) <= 64),
    ADD COLUMN address text CHECK (char_length(address) <= 64), -- the last; gone when it has ended
    ADD COLUMN means smallint NOT NULL DEFAULT 0 CHECK (means BETWEEN 0 AND 5), -- account.v1.SignInMeans
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN stepped_up_at timestamptz, -- when it last proved who it is
    ADD COLUMN expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days',
    ADD COLUMN token_hash bytea CHECK (length(token_hash) = 32),
    ADD COLUMN previous_token_hash bytea CHECK (length(previous_token_hash) = 32),
    ADD COLUMN rotated_at timestamptz; -- when token_hash took over from previous_token_hash

UPDATE sessions SET last_used_at = created_at;
ALTER TABLE sessions
    ALTER COLUMN last_used_at SET DEFAULT now(),
    ALTER COLUMN last_used_at SET NOT NULL;

UPDATE sessions s
SET token_hash = t.hash, expires_at = t.expires_at
FROM refresh_tokens t
WHERE t.session_id = s.id AND t.used_at IS NULL;

ALTER TABLE refresh_tokens DROP COLUMN used_at;

-- Addresses are kept no longer than they serve, whoever ends the session.
CREATE FUNCTION sessions_before_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.address := NULL;
    RETURN NEW;
END
$$;

CREATE TRIGGER sessions_before_end BEFORE UPDATE OF revoked_at ON sessions
    FOR EACH ROW WHEN (NEW.revoked_at IS NOT NULL) EXECUTE FUNCTION sessions_before_end();

-- EC P-256 keys. The one with the latest signs_from that is not ahead signs; all verify until
-- they retire, which is when the last token they signed has expired.
CREATE TABLE signing_keys (
    kid         text PRIMARY KEY CHECK (kid ~ '^[0-9a-f]{16}$'), -- of the public key
    public_key  bytea NOT NULL CHECK (length(public_key) = 64),  -- x and y
    private_key bytea NOT NULL,                                  -- PKCS #8, sealed with the master key
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    signs_from  timestamptz NOT NULL,
    retires_at  timestamptz -- NULL: no other follows it yet
);

-- No two begin at once, and one key at most has no successor.
CREATE UNIQUE INDEX signing_keys_signs_from ON signing_keys (signs_from);
CREATE UNIQUE INDEX signing_keys_newest ON signing_keys ((retires_at IS NULL)) WHERE retires_at IS NULL;
