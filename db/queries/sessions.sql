-- Sessions and their refresh tokens.

-- name: session_owner_get :one
-- What a session tells about its account.
-- in: account_id int8
-- out: id int8, user_name text, email text, email_verified bool, role int2, created_at timestamptz
SELECT id, user_name, email, email_verified_at IS NOT NULL, role, created_at
FROM accounts
WHERE id = @account_id;

-- name: sessions_insert :one
-- Opens a session, which counts as having proved who it is.
-- in: account_id int8, device text, address text, means int2, token_hash bytea, expires_at timestamptz
-- out: id int8, stepped_up_at timestamptz
INSERT INTO sessions (account_id, device, address, means, token_hash, expires_at, stepped_up_at)
VALUES (@account_id, @device, @address, @means, @token_hash, @expires_at, now())
RETURNING id, stepped_up_at;

-- name: sessions_lock_by_token :one
-- The session a refresh token belongs to, held until the commit.
-- in: hash bytea, grace_s int4
-- out: id int8, account_id int8, created_at timestamptz, is_ended bool, is_expired bool, is_current bool, is_in_grace bool
SELECT s.id, s.account_id, s.created_at,
       s.revoked_at IS NOT NULL,
       least(s.expires_at, t.expires_at) <= clock_timestamp(),
       coalesce(s.token_hash = t.hash, false),
       coalesce(s.previous_token_hash = t.hash
                AND s.rotated_at > clock_timestamp() - @grace_s * interval '1 second', false)
FROM refresh_tokens t
JOIN sessions s ON s.id = t.session_id
WHERE t.hash = @hash
FOR NO KEY UPDATE OF s;

-- name: sessions_rotate :exec
-- Puts a token into the place of the current one; `presented` is the current one or the one before,
-- whose grace begins only once.
-- in: id int8, presented bytea, token_hash bytea, expires_at timestamptz, device text, address text
UPDATE sessions
SET rotated_at = CASE WHEN previous_token_hash = @presented THEN rotated_at
                      ELSE clock_timestamp() END,
    previous_token_hash = @presented,
    token_hash = @token_hash,
    expires_at = @expires_at,
    last_used_at = now(),
    device = @device,
    address = @address
WHERE id = @id;

-- name: refresh_tokens_insert :exec
-- in: hash bytea, session_id int8, expires_at timestamptz
INSERT INTO refresh_tokens (hash, session_id, expires_at)
VALUES (@hash, @session_id, @expires_at);

-- name: sessions_end :exec
-- Ends a session. Repeating it changes nothing.
-- in: id int8
UPDATE sessions
SET revoked_at = clock_timestamp()
WHERE id = @id AND revoked_at IS NULL;

-- name: sessions_end_own :one
-- Ends a session of the account's, if it has not ended yet. NOT_FOUND if it is not the account's.
-- in: id int8, account_id int8
-- out: was_open bool
WITH mine AS (
    SELECT id, revoked_at IS NULL AS was_open
    FROM sessions
    WHERE id = @id AND account_id = @account_id
    FOR NO KEY UPDATE
), ended AS (
    UPDATE sessions s
    SET revoked_at = clock_timestamp()
    FROM mine
    WHERE s.id = mine.id AND mine.was_open
)
SELECT was_open
FROM mine;

-- name: sessions_end_of :many
-- Ends all sessions of an account but one; 0: all.
-- in: account_id int8, but_id int8
-- out: id int8
UPDATE sessions
SET revoked_at = clock_timestamp()
WHERE account_id = @account_id AND id <> @but_id AND revoked_at IS NULL
RETURNING id;

-- name: sessions_revoked_since :many
-- Sessions that ended at or after a time.
-- in: since timestamptz
-- out: id int8, revoked_at timestamptz
SELECT id, revoked_at
FROM sessions
WHERE revoked_at >= @since
ORDER BY revoked_at;

-- name: sessions_list :many
-- Where an account is signed in: one session first, then by last use.
-- in: account_id int8, first_id int8, count int8
-- out: id int8, device text, address text?, means int2, created_at timestamptz, last_used_at timestamptz
SELECT id, device, address, means, created_at, last_used_at
FROM sessions
WHERE account_id = @account_id AND revoked_at IS NULL AND expires_at > now()
ORDER BY id = @first_id DESC, last_used_at DESC, id DESC
LIMIT @count;
