-- What happens to an account, and its notifications.

-- name: account_events_insert :one
-- Writes an event under the account's next number. FAILED_PRECONDITION if there is no such account.
-- in: account_id int8, event bytea
-- out: sequence int8
WITH numbered AS (
    INSERT INTO account_heads AS h (account_id, last_sequence)
    VALUES (@account_id, 1)
    ON CONFLICT (account_id) DO UPDATE SET last_sequence = h.last_sequence + 1
    RETURNING account_id, last_sequence
)
INSERT INTO account_events (account_id, sequence, event)
SELECT account_id, last_sequence, @event
FROM numbered
RETURNING sequence;

-- name: account_events_after :many
-- Events numbered above `after`, oldest first.
-- in: account_id int8, after int8, count int8
-- out: sequence int8, event bytea
SELECT sequence, event
FROM account_events
WHERE account_id = @account_id AND sequence > @after
ORDER BY sequence
LIMIT @count;

-- name: account_heads_above :many
-- Of these accounts those whose newest number is above the one known; 0 is that of an account
-- without events.
-- in: ids int8[], known int8[]
-- out: account_id int8, last_sequence int8
SELECT k.id, coalesce(h.last_sequence, 0)
FROM unnest(@ids, @known) AS k (id, sequence)
LEFT JOIN account_heads h ON h.account_id = k.id
WHERE coalesce(h.last_sequence, 0) > k.sequence;

-- name: accounts_of_role :many
-- Accounts of a role or above, in the order of their ids.
-- in: role int2, after int8, count int8
-- out: id int8
SELECT id
FROM accounts
WHERE role >= @role AND role > 2 AND id > @after
ORDER BY id
LIMIT @count;

-- name: notifications_insert :one
-- in: account_id int8, kind int2, text text, channel_id int8, message_sequence int8, character_id int8, subject_id int8
-- out: id int8, created_at timestamptz
INSERT INTO notifications (account_id, kind, text, channel_id, message_sequence, character_id,
                           subject_id)
VALUES (@account_id, @kind, @text, @channel_id, @message_sequence, @character_id, @subject_id)
RETURNING id, created_at;

-- name: notifications_list :many
-- Newest first, below `before`.
-- in: account_id int8, before int8, unread_only bool, count int8
-- out: id int8, kind int2, text text, channel_id int8, message_sequence int8, character_id int8, subject_id int8, created_at timestamptz, is_read bool
SELECT id, kind, text, channel_id, message_sequence, character_id, subject_id, created_at,
       read_at IS NOT NULL
FROM notifications
WHERE account_id = @account_id AND id < @before AND (NOT @unread_only OR read_at IS NULL)
ORDER BY id DESC
LIMIT @count;

-- name: notifications_count_unread :one
-- in: account_id int8
-- out: count int8
SELECT count(*)
FROM notifications
WHERE account_id = @account_id AND read_at IS NULL;

-- name: notifications_mark_read :execrows
-- Marks these, and all up to an id.
-- in: account_id int8, ids int8[], up_to_id int8
UPDATE notifications
SET read_at = now()
WHERE account_id = @account_id AND read_at IS NULL AND (id = ANY (@ids) OR id <= @up_to_id);
