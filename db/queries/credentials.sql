-- Passwords, addresses, the tokens that mails carry, and closing.

-- name: account_tokens_insert :exec
-- in: hash bytea, account_id int8, purpose int2, email text, life_s int8
INSERT INTO account_tokens (hash, account_id, purpose, email, expires_at)
VALUES (@hash, @account_id, @purpose, @email, now() + @life_s * interval '1 second');

-- name: account_tokens_drop :exec
-- Those of one purpose stop working.
-- in: account_id int8, purpose int2
DELETE FROM account_tokens
WHERE account_id = @account_id AND purpose = @purpose;

-- name: account_tokens_find :one
-- Whose a token is, if it still works.
-- in: hash bytea, purpose int2
-- out: account_id int8
SELECT account_id
FROM account_tokens
WHERE hash = @hash AND purpose = @purpose AND used_at IS NULL AND expires_at > now();

-- name: account_tokens_use :one
-- Uses a token up. NOT_FOUND if it does not work (any more).
-- in: hash bytea, purpose int2
-- out: account_id int8, email text
UPDATE account_tokens
SET used_at = now()
WHERE hash = @hash AND purpose = @purpose AND used_at IS NULL AND expires_at > now()
RETURNING account_id, email;

-- name: expire_account_tokens :execrows
-- in: count int8
DELETE FROM account_tokens
WHERE hash IN (SELECT hash
               FROM account_tokens
               WHERE expires_at < now()
               LIMIT @count
               FOR UPDATE SKIP LOCKED);

-- name: expire_reserved_names :execrows
-- in: count int8
DELETE FROM reserved_names
WHERE hash IN (SELECT hash
               FROM reserved_names
               WHERE until < now()
               LIMIT @count
               FOR UPDATE SKIP LOCKED);

-- name: credentials_owner :one
-- Where mail to an account's owner goes.
-- in: account_id int8
-- out: user_name text, email text, email_verified bool
SELECT user_name, email, email_verified_at IS NOT NULL
FROM accounts
WHERE id = @account_id;

-- name: credentials_security :one
-- How an account can be opened, as far as its own row tells.
-- in: account_id int8
-- out: pending_email text?, has_password bool, password_changed_at timestamptz?
SELECT pending_email, password_hash IS NOT NULL, password_changed_at
FROM accounts
WHERE id = @account_id;
