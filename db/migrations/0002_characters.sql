-- The characters of an account.

CREATE TABLE characters (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts (id),
    name       text NOT NULL CHECK (char_length(name) BETWEEN 2 AND 24),
    race       smallint NOT NULL CHECK (race BETWEEN 1 AND 9),
    faction    smallint NOT NULL CHECK (faction BETWEEN 1 AND 3),
    level      integer NOT NULL DEFAULT 1 CHECK (level >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz -- what it said stays, so its row does too
);

CREATE UNIQUE INDEX characters_name ON characters (lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX characters_account ON characters (account_id) WHERE deleted_at IS NULL;
