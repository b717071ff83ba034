-- Sanctions: what speech, sign-in and streams are checked against, and what moderators do.

-- name: sanctions_account_lock :one
-- Holds the account's row, and with it whoever opens a session of it, until the commit.
-- in: account_id int8
-- out: role int2
SELECT role
FROM accounts
WHERE id = @account_id
FOR UPDATE;

-- name: sanctions_insert :one
-- With a channel_id of 0 everywhere, with a duration of 0 seconds for ever; a report_id of 0: none.
-- FAILED_PRECONDITION if there is no such channel.
-- in: account_id int8, character_id int8, kind int2, channel_id int8, reason text, report_id int8, created_by int8, duration_s int8
-- out: id int8, ends_at timestamptz?
INSERT INTO sanctions (account_id, character_id, kind, channel_id, reason, report_id, created_by,
                       ends_at)
VALUES (@account_id, @character_id, @kind, nullif(@channel_id, 0), @reason,
        nullif(@report_id, 0), @created_by,
        CASE WHEN @duration_s > 0
             THEN clock_timestamp() + @duration_s * interval '1 second' END)
RETURNING id, ends_at;

-- name: sanctions_revoke_sessions :many
-- Ends all sessions of an account.
-- in: account_id int8
-- out: id int8
UPDATE sessions
SET revoked_at = clock_timestamp()
WHERE account_id = @account_id AND revoked_at IS NULL
RETURNING id;

-- name: sanctions_lock :one
-- in: id int8
-- out: account_id int8, kind int2, channel_id int8, is_active bool, role int2
SELECT s.account_id, s.kind, coalesce(s.channel_id, 0),
       s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp()), a.role
FROM sanctions s
JOIN accounts a ON a.id = s.account_id
WHERE s.id = @id
FOR UPDATE OF s;

-- name: sanctions_lift :exec
-- in: id int8, lifted_by int8, lift_reason text
UPDATE sanctions
SET lifted_at = clock_timestamp(), lifted_by = @lifted_by, lift_reason = @lift_reason,
    changed_at = clock_timestamp()
WHERE id = @id;

-- name: sanctions_get :one
-- in: id int8
-- out: id int8, account_id int8, kind int2, channel_id int8, channel_name text, character_id int8, character_name text, reason text, created_at timestamptz, ends_at timestamptz?, lifted_at timestamptz?, is_active bool, is_appealed bool
-- lane: write
SELECT s.id, s.account_id, s.kind, coalesce(s.channel_id, 0), coalesce(ch.name, ''),
       s.character_id, c.name, s.reason, s.created_at, s.ends_at, s.lifted_at,
       s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp()),
       EXISTS (SELECT 1 FROM appeals WHERE sanction_id = s.id)
FROM sanctions s
JOIN characters c ON c.id = s.character_id
LEFT JOIN channels ch ON ch.id = s.channel_id
WHERE s.id = @id;

-- name: sanctions_list :many
-- The newest sanctions on an account, newest first.
-- in: account_id int8, count int8
-- out: id int8, account_id int8, kind int2, channel_id int8, channel_name text, character_id int8, character_name text, reason text, created_at timestamptz, ends_at timestamptz?, lifted_at timestamptz?, is_active bool, is_appealed bool
SELECT s.id, s.account_id, s.kind, coalesce(s.channel_id, 0), coalesce(ch.name, ''),
       s.character_id, c.name, s.reason, s.created_at, s.ends_at, s.lifted_at,
       s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp()),
       EXISTS (SELECT 1 FROM appeals WHERE sanction_id = s.id)
FROM sanctions s
JOIN characters c ON c.id = s.character_id
LEFT JOIN channels ch ON ch.id = s.channel_id
WHERE s.account_id = @account_id
ORDER BY s.id DESC
LIMIT @count;

-- name: sanctions_list_own :many
-- Those in force or ended after a time, newest first.
-- in: account_id int8, since timestamptz, count int8
-- out: id int8, account_id int8, kind int2, channel_id int8, channel_name text, character_id int8, character_name text, reason text, created_at timestamptz, ends_at timestamptz?, lifted_at timestamptz?, is_active bool, is_appealed bool
SELECT s.id, s.account_id, s.kind, coalesce(s.channel_id, 0), coalesce(ch.name, ''),
       s.character_id, c.name, s.reason, s.created_at, s.ends_at, s.lifted_at,
       s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp()),
       EXISTS (SELECT 1 FROM appeals WHERE sanction_id = s.id)
FROM sanctions s
JOIN characters c ON c.id = s.character_id
LEFT JOIN channels ch ON ch.id = s.channel_id
WHERE s.account_id = @account_id
  AND coalesce(least(s.ends_at, s.lifted_at), 'infinity') >= @since
ORDER BY s.id DESC
LIMIT @count;

-- name: sanctions_account_ban :one
-- The ban everywhere that keeps an account out longest. NOT_FOUND: it may play.
-- in: account_id int8
-- out: id int8, reason text, ends_at timestamptz?
-- lane: write
SELECT id, reason, ends_at
FROM sanctions
WHERE account_id = @account_id AND kind = 2 AND channel_id IS NULL AND lifted_at IS NULL
  AND (ends_at IS NULL OR ends_at > clock_timestamp())
ORDER BY ends_at DESC NULLS FIRST, id DESC
LIMIT 1;

-- name: sanctions_in_force :many
-- What speech is checked against: mutes, and bans from a channel.
-- out: id int8, account_id int8, kind int2, channel_id int8, ends_at timestamptz?
SELECT id, account_id, kind, coalesce(channel_id, 0), ends_at
FROM sanctions
WHERE lifted_at IS NULL AND (kind = 1 OR channel_id IS NOT NULL)
  AND (ends_at IS NULL OR ends_at > clock_timestamp());

-- name: sanctions_changed_since :many
-- Mutes and bans from a channel that were put or lifted at or after a time.
-- in: since timestamptz
-- out: id int8, account_id int8, kind int2, channel_id int8, ends_at timestamptz?, is_lifted bool, changed_at timestamptz
SELECT id, account_id, kind, coalesce(channel_id, 0), ends_at, lifted_at IS NOT NULL,
       changed_at
FROM sanctions
WHERE changed_at >= @since AND (kind = 1 OR channel_id IS NOT NULL)
ORDER BY changed_at;

-- name: sanctions_now :one
-- The database's clock.
-- out: at timestamptz
SELECT clock_timestamp();
