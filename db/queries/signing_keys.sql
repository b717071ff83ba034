-- Keys that sign access tokens.

-- name: signing_keys_hold :one
-- Lets nobody else make or move a key until the commit.
-- out: held int8
-- lane: write
SELECT count(*)
FROM (SELECT pg_advisory_xact_lock(7305002419483)) AS lock;

-- name: signing_keys_list :many
-- Keys that still verify, by when they begin to sign.
-- out: kid text, public_key bytea, private_key bytea, created_at timestamptz, signs_from timestamptz, retires_at timestamptz?
SELECT kid, public_key, private_key, created_at, signs_from, retires_at
FROM signing_keys
WHERE retires_at IS NULL OR retires_at > now()
ORDER BY signs_from;

-- name: signing_keys_newest :one
-- NOT_FOUND while there is none.
-- out: kid text, signs_from timestamptz, now timestamptz
-- lane: write
SELECT kid, signs_from, clock_timestamp()
FROM signing_keys
WHERE retires_at IS NULL;

-- name: signing_keys_retire_newest :exec
-- Has the newest end when its last token has; for one that follows it.
-- in: retires_at timestamptz
UPDATE signing_keys
SET retires_at = @retires_at
WHERE retires_at IS NULL;

-- name: signing_keys_insert :exec
-- in: kid text, public_key bytea, private_key bytea, signs_from timestamptz
INSERT INTO signing_keys (kid, public_key, private_key, signs_from)
VALUES (@kid, @public_key, @private_key, @signs_from);

-- name: signing_keys_advance :exec
-- Has the newest sign earlier than it was to, and its predecessor end earlier.
-- in: signs_from timestamptz, retires_at timestamptz
WITH newest AS (
    UPDATE signing_keys
    SET signs_from = @signs_from
    WHERE retires_at IS NULL
)
UPDATE signing_keys
SET retires_at = least(retires_at, @retires_at)
WHERE retires_at IS NOT NULL;

-- name: signing_keys_revoke :execrows
-- Has a key end at once, if another signs already.
-- in: kid text
UPDATE signing_keys k
SET retires_at = now()
WHERE k.kid = @kid AND k.retires_at > now()
  AND EXISTS (SELECT 1 FROM signing_keys o
              WHERE o.signs_from > k.signs_from AND o.signs_from <= now()
                AND (o.retires_at IS NULL OR o.retires_at > now()));

-- name: signing_keys_delete_retired :exec
-- An hour late: clocks differ.
DELETE FROM signing_keys
WHERE retires_at < now() - interval '1 hour';
