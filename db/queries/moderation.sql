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

-- name: reports_insert_filtered :one
-- What a filter caught; once for each text of a message, else NOT_FOUND.
-- in: filter_id int8, channel_id int8, message_sequence int8, account_id int8, character_id int8, character_name text, message_text text, sent_at timestamptz
-- out: id int8
INSERT INTO reports (reason, note, channel_id, message_sequence, account_id, character_id,
                     character_name, message_text, sent_at)
SELECT 7, coalesce((SELECT words FROM word_filters WHERE id = @filter_id), ''), @channel_id,
       @message_sequence, @account_id, @character_id, @character_name, @message_text, @sent_at
WHERE NOT EXISTS (SELECT 1 FROM reports
                  WHERE channel_id = @channel_id AND message_sequence = @message_sequence
                    AND reporter_account_id IS NULL AND message_text = @message_text)
RETURNING id;

-- name: reports_insert :one
-- NOT_FOUND if the account has reported the message before.
-- in: reason int2, note text, reporter_account_id int8, reporter_character_id int8, channel_id int8, message_sequence int8, account_id int8, character_id int8, character_name text, message_text text, sent_at timestamptz
-- out: id int8
INSERT INTO reports (reason, note, reporter_account_id, reporter_character_id, channel_id,
                     message_sequence, account_id, character_id, character_name, message_text,
                     sent_at)
VALUES (@reason, @note, @reporter_account_id, @reporter_character_id, @channel_id,
        @message_sequence, @account_id, @character_id, @character_name, @message_text, @sent_at)
ON CONFLICT (channel_id, message_sequence, reporter_account_id) DO NOTHING
RETURNING id;

-- name: reports_find :one
-- An account's report of a message.
-- in: channel_id int8, message_sequence int8, reporter_account_id int8
-- out: id int8
-- lane: write
SELECT id
FROM reports
WHERE channel_id = @channel_id AND message_sequence = @message_sequence
  AND reporter_account_id = @reporter_account_id;

-- name: reports_count_message :one
-- Open reports of a message.
-- in: channel_id int8, message_sequence int8
-- out: count int8
SELECT count(*)
FROM reports
WHERE channel_id = @channel_id AND message_sequence = @message_sequence AND state = 1;

-- name: reports_count_open :one
-- out: count int8
SELECT count(*)
FROM reports
WHERE state = 1;

-- name: reports_count_upheld :one
-- Upheld reports of an account, but for those of one message.
-- in: account_id int8, channel_id int8, message_sequence int8
-- out: count int8
SELECT count(*)
FROM reports
WHERE account_id = @account_id AND state = 2
  AND NOT (channel_id = @channel_id AND message_sequence = @message_sequence);

-- name: reports_list :many
-- Oldest first.
-- in: state int2, after int8, count int8
-- out: id int8, state int2, reason int2, note text, reporter_character_id int8, reporter_name text, channel_id int8, channel_name text, message_sequence int8, account_id int8, character_id int8, character_name text, message_text text, sent_at timestamptz, created_at timestamptz, report_count int8, resolved_by text, resolution text, resolved_at timestamptz?
SELECT r.id, r.state, r.reason, r.note, coalesce(r.reporter_character_id, 0),
       coalesce(c.name, 'filter'), r.channel_id, ch.name, r.message_sequence, r.account_id,
       r.character_id, r.character_name, r.message_text, r.sent_at, r.created_at,
       (SELECT count(*) FROM reports s
        WHERE s.channel_id = r.channel_id AND s.message_sequence = r.message_sequence
          AND s.state = 1),
       coalesce(a.user_name, ''), r.resolution, r.resolved_at
FROM reports r
JOIN channels ch ON ch.id = r.channel_id
LEFT JOIN characters c ON c.id = r.reporter_character_id
LEFT JOIN accounts a ON a.id = r.resolved_by
WHERE r.state = @state AND r.id > @after
ORDER BY r.id
LIMIT @count;

-- name: reports_get :one
-- in: id int8
-- out: id int8, state int2, reason int2, note text, reporter_character_id int8, reporter_name text, channel_id int8, channel_name text, message_sequence int8, account_id int8, character_id int8, character_name text, message_text text, sent_at timestamptz, created_at timestamptz, report_count int8, resolved_by text, resolution text, resolved_at timestamptz?
SELECT r.id, r.state, r.reason, r.note, coalesce(r.reporter_character_id, 0),
       coalesce(c.name, 'filter'), r.channel_id, ch.name, r.message_sequence, r.account_id,
       r.character_id, r.character_name, r.message_text, r.sent_at, r.created_at,
       (SELECT count(*) FROM reports s
        WHERE s.channel_id = r.channel_id AND s.message_sequence = r.message_sequence
          AND s.state = 1),
       coalesce(a.user_name, ''), r.resolution, r.resolved_at
FROM reports r
JOIN channels ch ON ch.id = r.channel_id
LEFT JOIN characters c ON c.id = r.reporter_character_id
LEFT JOIN accounts a ON a.id = r.resolved_by
WHERE r.id = @id;

-- name: reports_lock_message :many
-- Holds all open reports of a message, in the order of their ids; two moderators meet here.
-- in: channel_id int8, message_sequence int8
-- out: id int8, reporter_account_id int8
SELECT id, coalesce(reporter_account_id, 0)
FROM reports
WHERE channel_id = @channel_id AND message_sequence = @message_sequence AND state = 1
ORDER BY id
FOR UPDATE;

-- name: reports_resolve_message :exec
-- Closes the given reports.
-- in: ids int8[], state int2, resolution text, resolved_by int8
UPDATE reports
SET state = @state, resolution = @resolution, resolved_by = @resolved_by,
    resolved_at = clock_timestamp()
WHERE id = ANY (@ids) AND state = 1;

-- name: appeals_insert :one
-- ALREADY_EXISTS if the sanction was appealed.
-- in: sanction_id int8, text text
-- out: id int8, created_at timestamptz
INSERT INTO appeals (sanction_id, text)
VALUES (@sanction_id, @text)
RETURNING id, created_at;

-- name: appeals_lock :one
-- in: id int8
-- out: sanction_id int8, decided bool
SELECT sanction_id, decided_at IS NOT NULL
FROM appeals
WHERE id = @id
FOR UPDATE;

-- name: appeals_decide :exec
-- in: id int8, granted bool, decision text, decided_by int8
UPDATE appeals
SET granted = @granted, decision = @decision, decided_by = @decided_by,
    decided_at = clock_timestamp()
WHERE id = @id;

-- name: appeals_list :many
-- Oldest first.
-- in: include_decided bool, after int8, count int8
-- out: appeal_id int8, text text, appealed_at timestamptz, decided bool, granted bool, decision text, id int8, account_id int8, kind int2, channel_id int8, channel_name text, character_id int8, character_name text, reason text, created_at timestamptz, ends_at timestamptz?, lifted_at timestamptz?, is_active bool, is_appealed bool
SELECT p.id, p.text, p.created_at, p.decided_at IS NOT NULL, coalesce(p.granted, false),
       p.decision, s.id, s.account_id, s.kind, coalesce(s.channel_id, 0), coalesce(ch.name, ''),
       s.character_id, c.name, s.reason, s.created_at, s.ends_at, s.lifted_at,
       s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp()), true
FROM appeals p
JOIN sanctions s ON s.id = p.sanction_id
JOIN characters c ON c.id = s.character_id
LEFT JOIN channels ch ON ch.id = s.channel_id
WHERE (@include_decided OR p.decided_at IS NULL) AND p.id > @after
ORDER BY p.id
LIMIT @count;

-- name: appeals_get :one
-- in: id int8
-- out: appeal_id int8, text text, appealed_at timestamptz, decided bool, granted bool, decision text, id int8, account_id int8, kind int2, channel_id int8, channel_name text, character_id int8, character_name text, reason text, created_at timestamptz, ends_at timestamptz?, lifted_at timestamptz?, is_active bool, is_appealed bool
-- lane: write
SELECT p.id, p.text, p.created_at, p.decided_at IS NOT NULL, coalesce(p.granted, false),
       p.decision, s.id, s.account_id, s.kind, coalesce(s.channel_id, 0), coalesce(ch.name, ''),
       s.character_id, c.name, s.reason, s.created_at, s.ends_at, s.lifted_at,
       s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp()), true
FROM appeals p
JOIN sanctions s ON s.id = p.sanction_id
JOIN characters c ON c.id = s.character_id
LEFT JOIN channels ch ON ch.id = s.channel_id
WHERE p.id = @id;
