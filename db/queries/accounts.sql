-- Accounts, idempotency keys.

-- name: accounts_insert :one
-- Registers an account. ALREADY_EXISTS if the name is taken or reserved, or the address is verified and
-- belongs to another account.
-- in: user_name text, email text, password_hash text?, email_verified bool
-- out: id int8, role int2, created_at timestamptz
INSERT INTO accounts (user_name, email, password_hash, password_changed_at, email_verified_at)
VALUES (@user_name, @email, @password_hash,
        CASE WHEN @password_hash IS NOT NULL THEN now() END,
        CASE WHEN @email_verified THEN now() END)
RETURNING id, role, created_at;

-- name: accounts_lock :one
-- Holds the account's row, so that what is counted for it stays true until the commit.
-- in: id int8
-- out: id int8
SELECT id
FROM accounts
WHERE id = @id
FOR NO KEY UPDATE;

-- name: idempotency_lock :one
-- Waits for whoever does the call with this key now, and holds it until the commit. A statement of
-- its own: the next one sees what the other wrote.
-- in: account_id int8, method text, key text
-- out: locked bool
-- lane: write
SELECT pg_advisory_xact_lock(
           hashtextextended(@account_id::text || ' ' || @method || ' ' || @key, 0)) IS NOT NULL;

-- name: idempotency_get :one
-- The first answer of a call. NOT_FOUND if the key is new.
-- in: account_id int8, method text, key text
-- out: request_hash bytea, response bytea
SELECT request_hash, response
FROM idempotency_keys
WHERE account_id = @account_id AND method = @method AND key = @key;

-- name: idempotency_insert :exec
-- ALREADY_EXISTS if another call with the key was faster.
-- in: account_id int8, method text, key text, request_hash bytea, response bytea
INSERT INTO idempotency_keys (account_id, method, key, request_hash, response)
VALUES (@account_id, @method, @key, @request_hash, @response);

-- name: accounts_roles_changed_since :many
-- Accounts whose role changed at or after a time.
-- in: since timestamptz
-- out: id int8, role int2, role_changed_at timestamptz
SELECT id, role, role_changed_at
FROM accounts
WHERE role_changed_at >= @since
ORDER BY role_changed_at;

-- name: accounts_find :one
-- The account with this name, address or number, for operators.
-- in: who text
-- out: id int8, user_name text, email text, role int2, created_at timestamptz, role_changed_at timestamptz?
SELECT id, user_name, email, role, created_at, role_changed_at
FROM accounts
WHERE lower(user_name) = lower(@who) OR lower(email) = lower(@who) OR id::text = @who
ORDER BY email_verified_at IS NULL, id
LIMIT 1;

-- name: accounts_set_role :execrows
-- No row when the account has the role already.
-- in: id int8, role int2
UPDATE accounts
SET role = @role
WHERE id = @id AND role <> @role;

-- name: accounts_staff :many
-- Accounts of at least a role above player, highest first.
-- in: role int2, count int8
-- out: id int8, user_name text, role int2, role_changed_at timestamptz?
SELECT id, user_name, role, role_changed_at
FROM accounts
WHERE role >= @role AND role > 2
ORDER BY role DESC, id
LIMIT @count;

-- name: accounts_counts :one
-- What belongs to an account, for operators.
-- in: id int8
-- out: characters int8, open_sessions int8, last_session_at timestamptz?, unread_notifications int8, sanctions_in_force int8
SELECT (SELECT count(*) FROM characters WHERE account_id = @id AND deleted_at IS NULL),
       (SELECT count(*) FROM sessions
        WHERE account_id = @id AND revoked_at IS NULL AND expires_at > now()),
       (SELECT max(created_at) FROM sessions WHERE account_id = @id),
       (SELECT count(*) FROM notifications WHERE account_id = @id AND read_at IS NULL),
       (SELECT count(*) FROM sanctions
        WHERE account_id = @id AND lifted_at IS NULL AND (ends_at IS NULL OR ends_at > now()));
