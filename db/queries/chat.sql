-- Channels and messages.

-- name: channels_list :many
-- Channels every account can read, Global first, then by name.
-- out: id int8, kind int2, name text, last_sequence int8
SELECT id, kind, name, last_sequence
FROM channels
WHERE kind = 1
ORDER BY kind, name;

-- name: channels_heads :many
-- Newest numbers of the given channels; a channel that does not exist has no row.
-- in: ids int8[]
-- out: id int8, last_sequence int8
SELECT id, last_sequence
FROM channels
WHERE id = ANY (@ids);

-- name: chat_speaker :one
-- Name of a character of the account. NOT_FOUND if it is not the account's or was deleted.
-- in: account_id int8, character_id int8
-- out: name text
SELECT name
FROM characters
WHERE id = @character_id AND account_id = @account_id AND deleted_at IS NULL;

-- name: messages_insert :one
-- Says something: takes the channel's next number and writes the message under it, both or
-- neither. NOT_FOUND if there is no such channel; ALREADY_EXISTS if the account used the key.
-- in: channel_id int8, account_id int8, character_id int8, character_name text, text text, idempotency_key text?
-- out: sequence int8, sent_at timestamptz
WITH numbered AS (
    UPDATE channels
    SET last_sequence = last_sequence + 1
    WHERE id = @channel_id
    RETURNING id, last_sequence
)
INSERT INTO messages (channel_id, sequence, account_id, character_id, character_name, text,
                      idempotency_key, sent_at)
SELECT id, last_sequence, @account_id, @character_id, @character_name, @text, @idempotency_key,
       clock_timestamp()
FROM numbered
RETURNING sequence, sent_at;

-- name: messages_find_by_key :one
-- The message an account sent under a key.
-- in: account_id int8, idempotency_key text
-- out: channel_id int8, sequence int8, character_id int8, character_name text, text text, sent_at timestamptz
SELECT channel_id, sequence, character_id, character_name, text, sent_at
FROM messages
WHERE account_id = @account_id AND idempotency_key = @idempotency_key;

-- name: messages_before :many
-- The newest messages numbered below `before`, newest first.
-- in: channel_id int8, before int8, count int8
-- out: channel_id int8, sequence int8, character_id int8, character_name text, text text, sent_at timestamptz
SELECT channel_id, sequence, character_id, character_name, text, sent_at
FROM messages
WHERE channel_id = @channel_id AND sequence < @before
ORDER BY sequence DESC
LIMIT @count;

-- name: messages_after :many
-- Messages numbered above `after`, oldest first.
-- in: channel_id int8, after int8, count int8
-- out: channel_id int8, sequence int8, character_id int8, character_name text, text text, sent_at timestamptz
SELECT channel_id, sequence, character_id, character_name, text, sent_at
FROM messages
WHERE channel_id = @channel_id AND sequence > @after
ORDER BY sequence
LIMIT @count;
