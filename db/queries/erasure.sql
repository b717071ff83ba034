-- Erasing what is personal in an account. Each may be done again.

-- name: erasure_due :one
-- An account whose time has come; its row is held until the commit.
-- out: id int8, user_name text, email text, email_verified bool
SELECT id, user_name, email, email_verified_at IS NOT NULL
FROM accounts
WHERE erases_at <= now() AND erased_at IS NULL
ORDER BY erases_at
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: erasure_messages :execrows
-- Said by somebody gone. What was said stays where others have answered it.
-- in: account_id int8, name text, count int8
UPDATE messages m
SET character_name = @name
FROM (SELECT channel_id, sequence
      FROM messages
      WHERE account_id = @account_id AND character_name <> @name
      LIMIT @count) AS named
WHERE m.channel_id = named.channel_id AND m.sequence = named.sequence;

-- name: erasure_archived_messages :execrows
-- in: account_id int8, name text, count int8
UPDATE archived_messages m
SET character_name = @name
FROM (SELECT channel_id, sequence
      FROM archived_messages
      WHERE account_id = @account_id AND character_name <> @name
      LIMIT @count) AS named
WHERE m.channel_id = named.channel_id AND m.sequence = named.sequence;

-- name: erasure_notifications :execrows
-- in: account_id int8, count int8
DELETE FROM notifications
WHERE id IN (SELECT id FROM notifications WHERE account_id = @account_id LIMIT @count);

-- name: erasure_mentions :execrows
-- in: account_id int8, count int8
DELETE FROM message_mentions
WHERE (account_id, channel_id, sequence) IN
      (SELECT account_id, channel_id, sequence
       FROM message_mentions WHERE account_id = @account_id LIMIT @count);

-- name: erasure_audit :execrows
-- Where the account came from, and what was noted about it. The chain of hashes stays whole.
-- in: account_id int8, count int8
UPDATE audit_log
SET peer = NULL, note = NULL, salt = NULL
WHERE id IN (SELECT id
             FROM audit_log
             WHERE (account_id = @account_id OR (target_kind = 'account' AND target_id = @account_id))
               AND salt IS NOT NULL
             LIMIT @count);

-- name: erasure_events :exec
-- in: account_id int8
WITH newest AS (
    UPDATE account_heads SET archived_sequence = last_sequence WHERE account_id = @account_id
)
DELETE FROM account_events
WHERE account_id = @account_id;

-- name: erasure_proofs :exec
-- Whatever could open the account.
-- in: account_id int8
WITH tokens AS (
    DELETE FROM account_tokens WHERE account_id = @account_id
), totp AS (
    DELETE FROM totp_secrets WHERE account_id = @account_id
), codes AS (
    DELETE FROM recovery_codes WHERE account_id = @account_id
), handles AS (
    DELETE FROM passkey_owners WHERE account_id = @account_id
), keys AS (
    DELETE FROM api_keys WHERE account_id = @account_id
), asked AS (
    DELETE FROM challenges WHERE account_id = @account_id
), providers AS (
    DELETE FROM account_providers WHERE account_id = @account_id
)
DELETE FROM passkeys
WHERE account_id = @account_id;

-- name: erasure_refresh_tokens :exec
-- in: account_id int8
DELETE FROM refresh_tokens
WHERE session_id IN (SELECT id FROM sessions WHERE account_id = @account_id);

-- name: erasure_sessions :exec
-- in: account_id int8
DELETE FROM sessions
WHERE account_id = @account_id;

-- name: erasure_records :exec
-- What only the account itself had part in.
-- in: account_id int8
WITH calls AS (
    DELETE FROM idempotency_keys WHERE account_id = @account_id
), readers AS (
    DELETE FROM channel_readers WHERE account_id = @account_id
), changes AS (
    DELETE FROM account_block_changes WHERE account_id = @account_id
), notes AS (
    UPDATE reports SET note = '' WHERE reporter_account_id = @account_id AND note <> ''
), texts AS (
    UPDATE appeals a SET text = '-'
    FROM sanctions s
    WHERE s.id = a.sanction_id AND s.account_id = @account_id AND a.text <> '-'
)
DELETE FROM account_blocks
WHERE account_id = @account_id;

-- name: erasure_memberships :exec
-- in: account_id int8
WITH gone AS (
    UPDATE channel_members SET left_at = clock_timestamp()
    WHERE account_id = @account_id AND left_at IS NULL
    RETURNING channel_id
)
UPDATE channels c
SET member_count = greatest(c.member_count - 1, 0)
FROM gone
WHERE c.id = gone.channel_id;

-- name: erasure_names :exec
-- in: account_id int8, name text
WITH reported AS (
    UPDATE reports SET character_name = @name WHERE account_id = @account_id
)
UPDATE characters
SET name = @name, deleted_at = coalesce(deleted_at, clock_timestamp())
WHERE account_id = @account_id;

-- name: erasure_reserve_name :exec
-- in: user_name text, life_s int8
INSERT INTO reserved_names (hash, until)
VALUES (sha256(convert_to(lower(@user_name), 'UTF8')), now() + @life_s * interval '1 second')
ON CONFLICT (hash) DO UPDATE SET until = excluded.until;

-- name: erasure_account :exec
-- "." is in no user name that can be registered.
-- in: account_id int8
UPDATE accounts
SET user_name = 'gone.' || id, email = '', email_verified_at = NULL, pending_email = NULL,
    password_hash = NULL, password_changed_at = NULL, role = 2, erased_at = clock_timestamp()
WHERE id = @account_id;
