-- What proves who somebody is, beside a password; challenges.

-- name: sessions_stepped_up :one
-- Whether a session proved who it is within so many seconds.
-- in: id int8, life_s float8
-- out: is_fresh bool
SELECT coalesce(stepped_up_at > now() - make_interval(secs => @life_s), false)
FROM sessions
WHERE id = @id;

-- name: sessions_step_up :one
-- in: id int8
-- out: stepped_up_at timestamptz
UPDATE sessions
SET stepped_up_at = now()
WHERE id = @id AND revoked_at IS NULL
RETURNING stepped_up_at;

-- name: factors_of :one
-- What an account can prove itself by.
-- in: account_id int8
-- out: has_totp bool, passkeys int8, recovery_codes_left int8, password_hash text?, user_name text
-- lane: write
SELECT EXISTS (SELECT 1 FROM totp_secrets t WHERE t.account_id = a.id AND NOT t.is_pending),
       (SELECT count(*) FROM passkeys p WHERE p.account_id = a.id),
       (SELECT count(*) FROM recovery_codes c WHERE c.account_id = a.id AND c.used_at IS NULL),
       a.password_hash,
       a.user_name
FROM accounts a
WHERE a.id = @account_id;

-- name: sign_in_account :one
-- Whether an account is being closed, held against that until the commit.
-- in: id int8
-- out: erases_at timestamptz?, is_erased bool
SELECT erases_at, erased_at IS NOT NULL OR coalesce(erases_at <= now(), false)
FROM accounts
WHERE id = @id
FOR SHARE;

-- name: accounts_reopen :exec
-- An account that was being closed stays.
-- in: id int8
UPDATE accounts
SET closed_at = NULL, erases_at = NULL
WHERE id = @id AND erased_at IS NULL;

-- name: totp_lock :one
-- The app in use, held until the commit.
-- in: account_id int8
-- out: sealed bytea, last_step int8, failures int4, failed_at timestamptz?
SELECT sealed, last_step, failures, failed_at
FROM totp_secrets
WHERE account_id = @account_id AND NOT is_pending
FOR UPDATE;

-- name: totp_used :exec
-- A code was right.
-- in: account_id int8, step int8
UPDATE totp_secrets
SET last_step = @step, failures = 0, failed_at = NULL
WHERE account_id = @account_id AND NOT is_pending;

-- name: totp_failed :exec
-- A code was wrong.
-- in: account_id int8
UPDATE totp_secrets
SET failures = failures + 1, failed_at = clock_timestamp()
WHERE account_id = @account_id AND NOT is_pending;

-- name: totp_forgive :exec
-- Something else was proved: wrong codes count no more.
-- in: account_id int8
UPDATE totp_secrets
SET failures = 0, failed_at = NULL
WHERE account_id = @account_id AND NOT is_pending AND failures > 0;

-- name: totp_start :exec
-- Takes the place of a secret that was not confirmed.
-- in: account_id int8, sealed bytea
INSERT INTO totp_secrets (account_id, is_pending, sealed)
VALUES (@account_id, true, @sealed)
ON CONFLICT (account_id, is_pending) DO UPDATE
SET sealed = excluded.sealed, created_at = now();

-- name: totp_pending :one
-- The secret that waits for its first code.
-- in: account_id int8, life_s float8
-- out: sealed bytea
-- lane: write
SELECT sealed
FROM totp_secrets
WHERE account_id = @account_id AND is_pending
  AND created_at > now() - make_interval(secs => @life_s);

-- name: totp_confirm :exec
-- The pending secret takes the place of the one in use.
-- in: account_id int8, step int8
WITH pending AS (
    DELETE FROM totp_secrets
    WHERE account_id = @account_id AND is_pending
    RETURNING account_id, sealed
)
INSERT INTO totp_secrets (account_id, is_pending, sealed, last_step)
SELECT account_id, false, sealed, @step
FROM pending
ON CONFLICT (account_id, is_pending) DO UPDATE
SET sealed = excluded.sealed, created_at = now(), last_step = excluded.last_step,
    failures = 0, failed_at = NULL;

-- name: totp_remove :execrows
-- in: account_id int8
DELETE FROM totp_secrets
WHERE account_id = @account_id;

-- name: recovery_codes_insert :exec
-- `hashes` are so many hashes of 32 bytes in a row.
-- in: account_id int8, hashes bytea, codes int4
INSERT INTO recovery_codes (account_id, hash)
SELECT @account_id, substring(@hashes FROM i * 32 + 1 FOR 32)
FROM generate_series(0, @codes - 1) AS i;

-- name: recovery_codes_delete :exec
-- in: account_id int8
DELETE FROM recovery_codes
WHERE account_id = @account_id;

-- name: recovery_code_use :execrows
-- No row if the code is none, or was used.
-- in: account_id int8, hash bytea
UPDATE recovery_codes
SET used_at = now()
WHERE account_id = @account_id AND hash = @hash AND used_at IS NULL;

-- name: passkey_owners_get :one
-- The account's handle; `user_handle` becomes it if it has none.
-- in: account_id int8, user_handle bytea
-- out: user_handle bytea
INSERT INTO passkey_owners (account_id, user_handle)
VALUES (@account_id, @user_handle)
ON CONFLICT (account_id) DO UPDATE SET account_id = excluded.account_id
RETURNING user_handle;

-- name: passkeys_of :many
-- By age.
-- in: account_id int8
-- out: id int8, credential_id bytea, name text, created_at timestamptz, last_used_at timestamptz?, synced bool
-- lane: write
SELECT id, credential_id, name, created_at, last_used_at, synced
FROM passkeys
WHERE account_id = @account_id
ORDER BY id;

-- name: passkeys_lock :one
-- The passkey with this credential, held until the commit.
-- in: credential_id bytea
-- out: id int8, account_id int8, algorithm int4, public_key bytea, sign_count int8, backup_eligible bool, user_handle bytea
SELECT p.id, p.account_id, p.algorithm, p.public_key, p.sign_count, p.backup_eligible, o.user_handle
FROM passkeys p
JOIN passkey_owners o ON o.account_id = p.account_id
WHERE p.credential_id = @credential_id
FOR UPDATE OF p;

-- name: passkeys_insert :one
-- ALREADY_EXISTS if the credential is somebody's.
-- in: account_id int8, credential_id bytea, algorithm int4, public_key bytea, sign_count int8, backup_eligible bool, synced bool, name text
-- out: id int8, created_at timestamptz
INSERT INTO passkeys (account_id, credential_id, algorithm, public_key, sign_count, backup_eligible,
                      synced, name)
VALUES (@account_id, @credential_id, @algorithm, @public_key, @sign_count, @backup_eligible,
        @synced, @name)
RETURNING id, created_at;

-- name: passkeys_used :exec
-- in: id int8, sign_count int8, synced bool
UPDATE passkeys
SET sign_count = @sign_count, synced = @synced, last_used_at = now()
WHERE id = @id;

-- name: passkeys_rename :execrows
-- in: id int8, account_id int8, name text
UPDATE passkeys
SET name = @name
WHERE id = @id AND account_id = @account_id;

-- name: passkeys_delete :one
-- in: id int8, account_id int8
-- out: name text
DELETE FROM passkeys
WHERE id = @id AND account_id = @account_id
RETURNING name;

-- name: challenges_insert :one
-- in: hash bytea, purpose int2, account_id int8?, session_id int8?, means int2, reopens bool, life_s float8
-- out: expires_at timestamptz
INSERT INTO challenges (hash, purpose, account_id, session_id, means, reopens, expires_at)
VALUES (@hash, @purpose, @account_id, @session_id, @means, @reopens,
        now() + make_interval(secs => @life_s))
RETURNING expires_at;

-- name: challenges_lock :one
-- A challenge that is not over, held until the commit. A sign-in whose password was changed
-- meanwhile is over.
-- in: hash bytea, purpose int2
-- out: account_id int8?, session_id int8?, means int2, reopens bool, attempts int2
SELECT c.account_id, c.session_id, c.means, c.reopens, c.attempts
FROM challenges c
LEFT JOIN accounts a ON a.id = c.account_id
WHERE c.hash = @hash AND c.purpose = @purpose AND c.expires_at > now()
  AND (c.purpose <> 1 OR a.password_changed_at IS NULL OR a.password_changed_at <= c.created_at)
FOR UPDATE OF c;

-- name: challenges_fail :exec
-- in: hash bytea
UPDATE challenges
SET attempts = attempts + 1
WHERE hash = @hash;

-- name: challenges_delete :exec
-- in: hash bytea
DELETE FROM challenges
WHERE hash = @hash;

-- name: challenges_forget :exec
-- All that an account was asked.
-- in: account_id int8
DELETE FROM challenges
WHERE account_id = @account_id;

-- name: expire_challenges :execrows
-- in: limit int8
DELETE FROM challenges
WHERE hash IN (SELECT hash FROM challenges WHERE expires_at < now() LIMIT @limit);

-- name: expire_pending_totp :execrows
-- in: limit int8, life_s float8
DELETE FROM totp_secrets
WHERE is_pending AND account_id IN
      (SELECT account_id FROM totp_secrets
       WHERE is_pending AND created_at < now() - make_interval(secs => @life_s)
       LIMIT @limit);
