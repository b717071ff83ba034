-- What live delivery has to know beside events: who may no longer follow what.

-- name: live_taken_away :many
-- Who left or lost a channel in the last seconds; channel 0: an account lost a character, and with
-- it perhaps any channel.
-- in: seconds int8
-- out: account_id int8, channel_id int8
SELECT account_id, channel_id
FROM channel_members
WHERE left_at > now() - make_interval(secs => @seconds)
UNION ALL
SELECT account_id, 0
FROM characters
WHERE deleted_at > now() - make_interval(secs => @seconds)
UNION ALL
SELECT account_id, channel_id
FROM sanctions
WHERE changed_at > now() - make_interval(secs => @seconds) AND kind = 2
    AND channel_id IS NOT NULL AND lifted_at IS NULL;

-- name: live_blocks_changed :many
-- Accounts whose blocks changed in the last seconds.
-- in: seconds int8
-- out: account_id int8
SELECT account_id
FROM account_block_changes
WHERE changed_at > now() - make_interval(secs => @seconds);

-- name: live_oldest_characters :many
-- The oldest living character of each of the accounts that have one.
-- in: account_ids int8[]
-- out: account_id int8, id int8, name text
SELECT DISTINCT ON (account_id) account_id, id, name
FROM characters
WHERE account_id = ANY (@account_ids) AND deleted_at IS NULL
ORDER BY account_id, id;
