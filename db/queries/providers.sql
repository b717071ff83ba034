-- Providers that open accounts, and sign-ins on their way.

-- name: provider_flows_insert :exec
-- in: hash bytea, purpose int2, browser_hash bytea, issuer text, session_id int8?, reopens bool, sealed bytea, life_s int8
INSERT INTO provider_flows (hash, purpose, browser_hash, issuer, session_id, reopens, sealed, expires_at)
VALUES (@hash, @purpose, @browser_hash, @issuer, @session_id, @reopens, @sealed,
        now() + @life_s * interval '1 second');

-- name: provider_flows_take :one
-- Uses one up. NOT_FOUND if it is unknown, used, expired, another browser's or another session's.
-- in: hash bytea, purpose int2, browser_hash bytea, session_id int8?
-- out: issuer text, reopens bool, sealed bytea
DELETE FROM provider_flows
WHERE hash = @hash AND purpose = @purpose AND browser_hash = @browser_hash
  AND session_id IS NOT DISTINCT FROM @session_id AND expires_at > now()
RETURNING issuer, reopens, sealed;

-- name: expire_provider_flows :execrows
-- in: count int8
DELETE FROM provider_flows
WHERE hash IN (SELECT hash
               FROM provider_flows
               WHERE expires_at < now()
               LIMIT @count
               FOR UPDATE SKIP LOCKED);

-- name: account_providers_find :one
-- Whose account an identity opens.
-- in: issuer text, subject text
-- out: account_id int8
-- lane: write
SELECT account_id
FROM account_providers
WHERE issuer = @issuer AND subject = @subject;

-- name: account_providers_subject :one
-- The identity by which a provider opens an account.
-- in: account_id int8, issuer text
-- out: subject text
-- lane: write
SELECT subject
FROM account_providers
WHERE account_id = @account_id AND issuer = @issuer;

-- name: account_providers_insert :exec
-- ALREADY_EXISTS if the identity belongs to an account, or the account has another one there.
-- in: issuer text, subject text, account_id int8, label text
INSERT INTO account_providers (issuer, subject, account_id, label)
VALUES (@issuer, @subject, @account_id, @label);

-- name: account_providers_delete :execrows
-- in: account_id int8, issuer text
DELETE FROM account_providers
WHERE account_id = @account_id AND issuer = @issuer;

-- name: account_providers_of :many
-- By age.
-- in: account_id int8
-- out: issuer text, label text, created_at timestamptz
-- lane: write
SELECT issuer, label, created_at
FROM account_providers
WHERE account_id = @account_id
ORDER BY created_at, issuer;

-- name: account_means :one
-- What opens an account beside providers.
-- in: account_id int8
-- out: has_password bool, passkeys int8
-- lane: write
SELECT password_hash IS NOT NULL, (SELECT count(*) FROM passkeys p WHERE p.account_id = a.id)
FROM accounts a
WHERE id = @account_id;

-- name: accounts_first_free_name :one
-- The first of these names that is nobody's. NOT_FOUND if all are taken.
-- in: names text[]
-- out: name text
SELECT wanted.name
FROM unnest(@names::text[]) WITH ORDINALITY AS wanted (name, place)
WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE lower(user_name) = lower(wanted.name))
  AND NOT EXISTS (SELECT 1 FROM reserved_names
                  WHERE hash = sha256(convert_to(lower(wanted.name), 'UTF8')) AND until > now())
ORDER BY wanted.place
LIMIT 1;
