-- The characters of an account.

-- name: characters_insert :one
-- Adds a character. ALREADY_EXISTS if a living character has the name.
-- in: account_id int8, name text, race int2, faction int2
-- out: id int8, level int4, created_at timestamptz
INSERT INTO characters (account_id, name, race, faction)
VALUES (@account_id, @name, @race, @faction)
RETURNING id, level, created_at;

-- name: characters_count :one
-- in: account_id int8
-- out: count int8
SELECT count(id)
FROM characters
WHERE account_id = @account_id AND deleted_at IS NULL;

-- name: characters_list :many
-- Oldest first.
-- in: account_id int8
-- out: id int8, name text, race int2, faction int2, level int4, created_at timestamptz
SELECT id, name, race, faction, level, created_at
FROM characters
WHERE account_id = @account_id AND deleted_at IS NULL
ORDER BY id;

-- name: characters_get :one
-- in: account_id int8, id int8
-- out: id int8, name text, race int2, faction int2, level int4, created_at timestamptz
SELECT id, name, race, faction, level, created_at
FROM characters
WHERE id = @id AND account_id = @account_id AND deleted_at IS NULL;

-- name: characters_delete :execrows
-- in: account_id int8, id int8
UPDATE characters
SET deleted_at = now()
WHERE id = @id AND account_id = @account_id AND deleted_at IS NULL;
