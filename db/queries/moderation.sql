-- Word filters, reports, appeals.

-- name: filters_version :one
-- out: version int8
SELECT version
FROM word_filter_version;

-- name: filters_changed :one
-- Within a change: one at a time, and every loop will see it.
-- out: version int8
UPDATE word_filter_version
SET version = version + 1
RETURNING version;

-- name: filters_list :many
-- out: id int8, words text, action int2, channel_kind int2, exempt_from int2
SELECT id, words, action, channel_kind, exempt_from
FROM word_filters
ORDER BY id;

-- name: filters_count :one
-- out: count int8
SELECT count(*)
FROM word_filters;

-- name: filters_insert :one
-- in: words text, action int2, channel_kind int2, exempt_from int2, changed_by int8
-- out: id int8
INSERT INTO word_filters (words, action, channel_kind, exempt_from, changed_by)
VALUES (@words, @action, @channel_kind, @exempt_from, @changed_by)
RETURNING id;

-- name: filters_update :execrows
-- in: id int8, words text, action int2, channel_kind int2, exempt_from int2, changed_by int8
UPDATE word_filters
SET words = @words, action = @action, channel_kind = @channel_kind, exempt_from = @exempt_from,
    changed_by = @changed_by, changed_at = clock_timestamp()
WHERE id = @id;

-- name: filters_delete :execrows
-- in: id int8
DELETE FROM word_filters
WHERE id = @id;

-- name: speech_account_age :one
-- How long ago an account was registered.
-- in: account_id int8
-- out: age_s int8
SELECT extract(epoch FROM clock_timestamp() - created_at)::bigint
FROM accounts
WHERE id = @account_id;

-- name: reports_insert_filtered :exec
-- What a filter caught; once for each text of a message.
-- in: channel_id int8, message_sequence int8, account_id int8, character_id int8, character_name text, message_text text, sent_at timestamptz, filter_id int8
INSERT INTO reports (reason, note, channel_id, message_sequence, account_id, character_id,
                     character_name, message_text, sent_at)
SELECT 7, coalesce((SELECT words FROM word_filters WHERE id = @filter_id), ''), @channel_id, @message_sequence, @account_id, @character_id, @character_name,
       @message_text, @sent_at
WHERE NOT EXISTS (SELECT 1 FROM reports
                  WHERE channel_id = @channel_id AND message_sequence = @message_sequence
                    AND reporter_account_id IS NULL AND message_text = @message_text);
