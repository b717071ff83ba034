-- Whom accounts block.

-- name: social_blocks_insert :exec
-- in: account_id int8, character_id int8, blocked_account_id int8
INSERT INTO account_blocks (account_id, character_id, blocked_account_id)
VALUES (@account_id, @character_id, @blocked_account_id);

-- name: social_blocks_delete :one
-- NOT_FOUND if there is no such block.
-- in: account_id int8, character_id int8
-- out: blocked_account_id int8
DELETE FROM account_blocks
WHERE account_id = @account_id AND character_id = @character_id
RETURNING blocked_account_id;

-- name: social_blocks_touch :exec
-- Tells open streams of both accounts that a block between them changed. In the order of accounts, so
-- that two who block each other do not wait for each other.
-- in: a int8, b int8
INSERT INTO account_block_changes (account_id, changed_at)
SELECT both_of.id, clock_timestamp()
FROM (VALUES (least(@a, @b)), (greatest(@a, @b))) AS both_of (id)
ORDER BY both_of.id
ON CONFLICT (account_id) DO UPDATE SET changed_at = excluded.changed_at;

-- name: social_blocks_get :one
-- in: account_id int8, character_id int8
-- out: character_id int8, character_name text, created_at timestamptz
SELECT b.character_id, c.name, b.created_at
FROM account_blocks b
JOIN characters c ON c.id = b.character_id
WHERE b.account_id = @account_id AND b.character_id = @character_id;

-- name: social_blocks_list :many
-- Newest first.
-- in: account_id int8
-- out: character_id int8, character_name text, created_at timestamptz
SELECT b.character_id, c.name, b.created_at
FROM account_blocks b
JOIN characters c ON c.id = b.character_id
WHERE b.account_id = @account_id
ORDER BY b.created_at DESC, b.character_id DESC;

-- name: social_blocks_count :one
-- in: account_id int8
-- out: count int8
SELECT count(*)
FROM account_blocks
WHERE account_id = @account_id;

-- name: social_blocked_accounts :many
-- Whom an account blocks, each once.
-- in: account_id int8
-- out: account_id int8
SELECT DISTINCT blocked_account_id
FROM account_blocks
WHERE account_id = @account_id
ORDER BY blocked_account_id;

-- name: social_unseen_accounts :many
-- Whom an account blocks or is blocked by, each once.
-- in: account_id int8, count int8
-- out: id int8
(SELECT blocked_account_id AS id
 FROM account_blocks
 WHERE account_id = @account_id)
UNION
(SELECT account_id
 FROM account_blocks
 WHERE blocked_account_id = @account_id
 LIMIT @count)
ORDER BY id;

-- name: social_blocked_between :one
-- Whether either of two accounts blocks the other.
-- in: a int8, b int8
-- out: blocked bool
SELECT EXISTS (SELECT 1 FROM account_blocks
               WHERE account_id = @a AND blocked_account_id = @b)
       OR EXISTS (SELECT 1 FROM account_blocks
                  WHERE account_id = @b AND blocked_account_id = @a);

-- name: social_account_lock :one
-- Holds an account against other changes of its blocks. Whoever writes it an event refers to its row
-- and is not kept waiting.
-- in: account_id int8
-- out: id int8
SELECT id
FROM accounts
WHERE id = @account_id
FOR NO KEY UPDATE;

-- name: social_character :one
-- The account behind a character, also a deleted one.
-- in: character_id int8
-- out: account_id int8, name text, role int2
SELECT c.account_id, c.name, a.role
FROM characters c
JOIN accounts a ON a.id = c.account_id
WHERE c.id = @character_id;
