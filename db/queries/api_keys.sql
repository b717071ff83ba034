-- API keys: made, looked at, used, ended.

-- name: api_keys_insert :one
-- With 0 days it never expires.
-- in: account_id int8, name text, prefix text, hash bytea, scopes text[], is_service bool, days int8
-- out: id int8, created_at timestamptz, expires_at timestamptz?
INSERT INTO api_keys (account_id, name, prefix, hash, scopes, is_service, expires_at)
VALUES (@account_id, @name, @prefix, @hash, @scopes, @is_service,
        CASE WHEN @days > 0 THEN now() + @days * interval '1 day' END)
RETURNING id, created_at, expires_at;

-- name: api_keys_count_working :one
-- in: account_id int8
-- out: count int8
SELECT count(*)
FROM api_keys
WHERE account_id = @account_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- name: api_keys_list :many
-- Keys of an account (-1: of all) that work or ended in the last 30 days, newest first. Scopes are
-- separated by blanks.
-- in: account_id int8, before int8, count int8
-- out: id int8, account_id int8, user_name text, name text, prefix text, scopes text, is_service bool, created_at timestamptz, expires_at timestamptz?, last_used_at timestamptz?, revoked_at timestamptz?
SELECT k.id, k.account_id, a.user_name, k.name, k.prefix, array_to_string(k.scopes, ' '),
       k.is_service, k.created_at, k.expires_at, k.last_used_at, k.revoked_at
FROM api_keys k
JOIN accounts a ON a.id = k.account_id
WHERE (@account_id = -1 OR k.account_id = @account_id) AND k.id < @before
  AND (least(k.revoked_at, k.expires_at) IS NULL
       OR least(k.revoked_at, k.expires_at) > now() - interval '30 days')
ORDER BY k.id DESC
LIMIT @count;

-- name: api_keys_lock :one
-- Holds a key of an account (-1: of any) until the commit.
-- in: id int8, account_id int8
-- out: account_id int8, prefix text, is_revoked bool
SELECT account_id, prefix, revoked_at IS NOT NULL
FROM api_keys
WHERE id = @id AND (@account_id = -1 OR account_id = @account_id)
FOR UPDATE;

-- name: api_keys_revoke :exec
-- in: id int8
UPDATE api_keys
SET revoked_at = clock_timestamp()
WHERE id = @id AND revoked_at IS NULL;

-- name: api_keys_revoke_all :exec
-- Ends an account's keys, but those that operators made for services.
-- in: account_id int8
UPDATE api_keys
SET revoked_at = clock_timestamp()
WHERE account_id = @account_id AND NOT is_service AND revoked_at IS NULL;

-- name: api_keys_find :one
-- A key as a call brings it, with all that decides whether it works. Scopes are separated by blanks.
-- in: hash bytea
-- out: id int8, account_id int8, scopes text, role int2, is_service bool, expires_at timestamptz?, last_used_at timestamptz?, is_ended bool, is_banned bool
SELECT k.id, k.account_id, array_to_string(k.scopes, ' '), a.role, k.is_service, k.expires_at,
       k.last_used_at, k.revoked_at IS NOT NULL OR a.closed_at IS NOT NULL,
       EXISTS (SELECT 1 FROM sanctions s
               WHERE s.account_id = k.account_id AND s.kind = 2 AND s.channel_id IS NULL
                 AND s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > now()))
FROM api_keys k
JOIN accounts a ON a.id = k.account_id
WHERE k.hash = @hash;

-- name: api_keys_ended :many
-- Those of some keys that do not work any more.
-- in: ids int8[]
-- out: id int8
SELECT i.id
FROM unnest(@ids) AS i (id)
WHERE NOT EXISTS (
    SELECT 1 FROM api_keys k
    JOIN accounts a ON a.id = k.account_id AND a.closed_at IS NULL
    WHERE k.id = i.id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
      AND NOT EXISTS (SELECT 1 FROM sanctions s
                      WHERE s.account_id = k.account_id AND s.kind = 2 AND s.channel_id IS NULL
                        AND s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > now())));

-- name: api_keys_used :exec
-- Once a minute at most, whoever tells it.
-- in: ids int8[]
UPDATE api_keys
SET last_used_at = now()
WHERE id = ANY (@ids) AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');

-- name: expire_api_keys :execrows
-- Forgets keys that ended 30 days ago; the audit log remembers them.
-- in: count int8
DELETE FROM api_keys
WHERE id IN (SELECT id FROM api_keys
             WHERE least(revoked_at, expires_at) < now() - interval '30 days'
             LIMIT @count);
