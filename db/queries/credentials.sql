-- Passwords, addresses, the tokens that mails carry, and closing.

-- name: credentials_find :one
-- The account with this name or address: the one that has verified the address, else the only one that
-- named it. User names hold no "@", so that the two never mix.
-- in: login text
-- out: id int8, password_hash text?, password_changed_at timestamptz?
SELECT a.id, a.password_hash, a.password_changed_at
FROM accounts a
WHERE a.erased_at IS NULL
  AND (lower(a.user_name) = lower(@login)
       OR (lower(a.email) = lower(@login)
           AND (a.email_verified_at IS NOT NULL
                OR NOT EXISTS (SELECT 1 FROM accounts o
                               WHERE lower(o.email) = lower(@login) AND o.id <> a.id))))
ORDER BY a.id
LIMIT 1;

-- name: credentials_get :one
-- What proves its owner, and whom it concerns.
-- in: account_id int8
-- out: user_name text, email text, email_verified bool, password_hash text?
SELECT user_name, email, email_verified_at IS NOT NULL, password_hash
FROM accounts
WHERE id = @account_id;

-- name: credentials_hold :one
-- Holds the account as it is, as a new session does. NOT_FOUND if its password was changed since.
-- in: account_id int8, password_changed_at timestamptz
-- out: id int8
SELECT id
FROM accounts
WHERE id = @account_id AND password_changed_at = @password_changed_at AND erased_at IS NULL
FOR KEY SHARE;

-- name: credentials_lock :one
-- Holds the account's row, and with it whoever opens a session of it, until the commit.
-- in: account_id int8
-- out: user_name text, email text, email_verified bool, pending_email text?, password_hash text?, closed bool, erased bool
SELECT user_name, email, email_verified_at IS NOT NULL, pending_email, password_hash,
       closed_at IS NOT NULL, erased_at IS NOT NULL
FROM accounts
WHERE id = @account_id
FOR UPDATE;

-- name: credentials_set_password :exec
-- in: account_id int8, password_hash text
UPDATE accounts
SET password_hash = @password_hash, password_changed_at = clock_timestamp()
WHERE id = @account_id;

-- name: credentials_rehash :exec
-- The same password with other parameters, unless it was changed meanwhile.
-- in: account_id int8, old_hash text, new_hash text
UPDATE accounts
SET password_hash = @new_hash
WHERE id = @account_id AND password_hash = @old_hash;

-- name: credentials_verified :one
-- The account an address belongs to.
-- in: email text
-- out: id int8, user_name text, email text
SELECT id, user_name, email
FROM accounts
WHERE lower(email) = lower(@email) AND email_verified_at IS NOT NULL;

-- name: credentials_set_pending_email :exec
-- in: account_id int8, email text
UPDATE accounts
SET pending_email = @email
WHERE id = @account_id;

-- name: credentials_verify_email :exec
-- The address is the account's from then on. ALREADY_EXISTS if it belongs to another one.
-- in: account_id int8, email text
UPDATE accounts
SET email = @email, email_verified_at = now(), pending_email = NULL
WHERE id = @account_id;

-- name: credentials_close :one
-- in: account_id int8, grace_s int8
-- out: erases_at timestamptz
UPDATE accounts
SET closed_at = now(), erases_at = now() + @grace_s * interval '1 second'
WHERE id = @account_id AND closed_at IS NULL
RETURNING erases_at;

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

-- name: credentials_stepped_up :one
-- Until when a session needs no further proof. NOT_FOUND if it needs one.
-- in: session_id int8, life_s int8
-- out: until timestamptz
SELECT stepped_up_at + @life_s * interval '1 second'
FROM sessions
WHERE id = @session_id AND stepped_up_at + @life_s * interval '1 second' > now();

-- name: credentials_reset_factors :one
-- Takes every second factor and passkey off an account. Tells how many there were.
-- in: account_id int8
-- out: apps int8, codes int8, passkeys int8
WITH apps AS (
    DELETE FROM totp_secrets WHERE account_id = @account_id RETURNING 1
), codes AS (
    DELETE FROM recovery_codes WHERE account_id = @account_id RETURNING 1
), keys AS (
    DELETE FROM passkeys WHERE account_id = @account_id RETURNING 1
)
SELECT (SELECT count(*) FROM apps), (SELECT count(*) FROM codes), (SELECT count(*) FROM keys);

-- name: credentials_state :one
-- For operators.
-- in: account_id int8
-- out: email_verified bool, pending_email text?, has_password bool, erases_at timestamptz?, erased_at timestamptz?
SELECT email_verified_at IS NOT NULL, pending_email, password_hash IS NOT NULL, erases_at, erased_at
FROM accounts
WHERE id = @account_id;
