-- Channels, their members, read markers.

-- name: channels_access :one
-- A channel and what decides whether an account may enter it, and, unless character_id is 0,
-- whether that character of the account may speak. NOT_FOUND if there is no such channel.
-- in: channel_id int8, account_id int8, character_id int8
-- out: kind int2, name text, topic text, key int8, key2 int8, open bool, slow_mode_s int4, member_count int4, last_sequence int8, archived_sequence int8, role int2, member_character_id int8, races int4, factions int4, speaker_name text?, speaker_race int2, speaker_faction int2
SELECT c.kind, c.name, c.topic, c.key, c.key2, c.open, c.slow_mode_s, c.member_count,
       c.last_sequence, c.archived_sequence, coalesce(m.role, 0::smallint),
       coalesce(m.character_id, 0), own.races, own.factions, s.name,
       coalesce(s.race, 0::smallint), coalesce(s.faction, 0::smallint)
FROM channels AS c
CROSS JOIN LATERAL (
    SELECT coalesce(bit_or(1 << h.race), 0) AS races,
           coalesce(bit_or(1 << h.faction), 0) AS factions
    FROM characters AS h
    WHERE h.account_id = @account_id AND h.deleted_at IS NULL
) AS own
LEFT JOIN channel_members AS m
    ON m.channel_id = c.id AND m.account_id = @account_id AND m.left_at IS NULL
LEFT JOIN characters AS s
    ON s.id = @character_id AND s.account_id = @account_id AND s.deleted_at IS NULL
WHERE c.id = @channel_id AND c.closed_at IS NULL;

-- name: channels_facts :one
-- What binds an account to channels: bits of its living characters' races and factions.
-- in: account_id int8
-- out: races int4, factions int4
SELECT coalesce(bit_or(1 << race), 0), coalesce(bit_or(1 << faction), 0)
FROM characters
WHERE account_id = @account_id AND deleted_at IS NULL;

-- name: channels_of_account :many
-- Channels an account may read: those bound to the given pairs of kind and key, and those it is
-- a member of, but for those it is banned from.
-- in: account_id int8, kinds int8[], keys int8[]
-- out: id int8, kind int2
WITH belongs AS (
    SELECT c.id, c.kind
    FROM unnest(@kinds, @keys) AS bound (kind, key)
    JOIN channels AS c ON c.kind = bound.kind::smallint AND c.key = bound.key AND c.kind <> 9
    WHERE c.closed_at IS NULL
    UNION ALL
    SELECT c.id, c.kind
    FROM channel_members AS m
    JOIN channels AS c ON c.id = m.channel_id
    WHERE m.account_id = @account_id AND m.left_at IS NULL AND c.closed_at IS NULL
)
SELECT b.id, b.kind
FROM belongs AS b
WHERE NOT EXISTS (
    SELECT 1
    FROM sanctions AS s
    WHERE s.account_id = @account_id AND s.kind = 2 AND s.channel_id = b.id
      AND s.lifted_at IS NULL AND (s.ends_at IS NULL OR s.ends_at > clock_timestamp())
);

-- name: channels_describe :many
-- Channels as an account sees them: Global first, by kind, then by name; whispers by what was
-- said last. Unread are messages of others, hidden ones aside, after the read marker, or, without one, since the
-- account exists; both counts end at 100, and look at the newest 1,000 messages at most.
-- in: account_id int8, ids int8[], hidden int8[]
-- out: id int8, kind int2, name text, topic text, key int8, open bool, slow_mode_s int4, member_count int4, last_sequence int8, archived_sequence int8, role int2, read_sequence int8, muted bool, unread int8, mentions int8
SELECT c.id, c.kind, coalesce(peer.name, c.name), c.topic, c.key, c.open, c.slow_mode_s,
       c.member_count, c.last_sequence, c.archived_sequence, coalesce(m.role, 0::smallint),
       coalesce(r.read_sequence, 0), coalesce(r.muted, false), unread.count, mentions.count
FROM channels AS c
JOIN accounts AS a ON a.id = @account_id
LEFT JOIN channel_members AS m
    ON m.channel_id = c.id AND m.account_id = a.id AND m.left_at IS NULL
LEFT JOIN channel_readers AS r ON r.account_id = a.id AND r.channel_id = c.id
LEFT JOIN LATERAL (
    SELECT p.name
    FROM channel_members AS o
    JOIN characters AS p ON p.id = o.character_id
    WHERE c.kind = 8 AND o.channel_id = c.id AND o.account_id <> a.id
    LIMIT 1
) AS peer ON true
CROSS JOIN LATERAL (
    SELECT count(x.sequence) AS count
    FROM (
        SELECT w.sequence
        FROM (
            SELECT n.sequence, n.account_id, n.deleted_at, n.sent_at
            FROM messages AS n
            WHERE n.channel_id = c.id AND n.sequence > coalesce(r.read_sequence, 0)
              AND NOT coalesce(r.muted, false)
            ORDER BY n.sequence DESC
            LIMIT 1000
        ) AS w
        WHERE w.account_id <> a.id AND w.deleted_at IS NULL AND w.account_id <> ALL (@hidden)
          AND (r.account_id IS NOT NULL OR w.sent_at >= a.created_at)
        LIMIT 100
    ) AS x
) AS unread
CROSS JOIN LATERAL (
    SELECT count(x.sequence) AS count
    FROM (
        SELECT t.sequence
        FROM message_mentions AS t
        JOIN messages AS n ON n.channel_id = t.channel_id AND n.sequence = t.sequence
            AND n.account_id <> a.id AND n.account_id <> ALL (@hidden)
        WHERE t.account_id = a.id AND t.channel_id = c.id
          AND t.sequence > coalesce(r.read_sequence, 0) AND NOT coalesce(r.muted, false)
        LIMIT 100
    ) AS x
) AS mentions
WHERE c.id = ANY (@ids) AND c.closed_at IS NULL
ORDER BY c.kind, CASE WHEN c.kind = 8 THEN (
    SELECT -extract(epoch FROM l.sent_at)
    FROM messages AS l
    WHERE l.channel_id = c.id
    ORDER BY l.sequence DESC
    LIMIT 1
) END NULLS LAST, lower(coalesce(peer.name, c.name)), c.id;

-- name: channels_heads :many
-- Newest numbers of those of the channels that have come further than the number given for them.
-- in: ids int8[], known int8[]
-- out: id int8, last_sequence int8
SELECT channels.id, channels.last_sequence
FROM unnest(@ids, @known) AS asked (id, known)
JOIN channels ON channels.id = asked.id AND channels.last_sequence > asked.known;

-- name: channels_ensure_family :exec
-- The family channel of an account, unless it is there.
-- in: account_id int8
INSERT INTO channels (kind, key, name, created_by)
VALUES (5, @account_id, 'Family', @account_id)
ON CONFLICT (kind, key, key2) WHERE kind <> 9 DO NOTHING;

-- name: channels_lock :one
-- Holds a channel against other changes of it and its members. NOT_FOUND if it is closed.
-- in: channel_id int8
-- out: kind int2, name text, topic text, open bool, slow_mode_s int4, member_count int4, last_sequence int8
SELECT kind, name, topic, open, slow_mode_s, member_count, last_sequence
FROM channels
WHERE id = @channel_id AND closed_at IS NULL
FOR NO KEY UPDATE;

-- name: channels_find_open :many
-- Open custom channels whose names contain some text, most members first.
-- in: name_contains text, count int8
-- out: id int8
SELECT id
FROM channels
WHERE kind = 9 AND open AND closed_at IS NULL AND strpos(lower(name), lower(@name_contains)) > 0
ORDER BY member_count DESC, id
LIMIT @count;

-- name: channels_insert_custom :one
-- ALREADY_EXISTS if a custom channel has the name.
-- in: name text, topic text, open bool, account_id int8
-- out: id int8
INSERT INTO channels (kind, name, topic, open, created_by)
VALUES (9, @name, @topic, @open, @account_id)
RETURNING id;

-- name: channels_update :exec
-- ALREADY_EXISTS if another custom channel has the name.
-- in: channel_id int8, name text, topic text, open bool, slow_mode_s int4
UPDATE channels
SET name = @name, topic = @topic, open = @open, slow_mode_s = @slow_mode_s
WHERE id = @channel_id;

-- name: channels_insert_whisper :exec
-- The channel between two characters, unless it is there.
-- in: low_character_id int8, high_character_id int8, account_id int8
INSERT INTO channels (kind, key, key2, name, created_by)
VALUES (8, @low_character_id, @high_character_id, 'Whisper', @account_id)
ON CONFLICT (kind, key, key2) WHERE kind <> 9 DO NOTHING;

-- name: channels_lock_whisper :one
-- in: low_character_id int8, high_character_id int8
-- out: id int8
SELECT id
FROM channels
WHERE kind = 8 AND key = @low_character_id AND key2 = @high_character_id
FOR NO KEY UPDATE;

-- name: channels_add_members :exec
-- Counts members who came (or, below 0, left).
-- in: channel_id int8, difference int4
UPDATE channels
SET member_count = member_count + @difference
WHERE id = @channel_id;

-- name: channels_close :exec
-- in: channel_id int8
UPDATE channels
SET closed_at = now()
WHERE id = @channel_id;

-- name: channels_take_number :one
-- The next number of a channel, which is the caller's when its transaction commits.
-- in: channel_id int8
-- out: last_sequence int8
UPDATE channels
SET last_sequence = last_sequence + 1
WHERE id = @channel_id AND closed_at IS NULL
RETURNING last_sequence;

-- name: channel_changes_insert :exec
-- in: channel_id int8, sequence int8, account_id int8, event bytea
INSERT INTO channel_changes (channel_id, sequence, account_id, event)
VALUES (@channel_id, @sequence, @account_id, @event);

-- name: joiners_lock :one
-- Holds an account against joining two channels at a time, and tells how many custom channels it
-- is in and how many of these it owns.
-- in: account_id int8
-- out: joined int8, owned int8
SELECT (SELECT count(m.channel_id)
        FROM channel_members AS m
        JOIN channels AS c ON c.id = m.channel_id
        WHERE m.account_id = a.id AND m.left_at IS NULL AND c.kind = 9),
       (SELECT count(m.channel_id)
        FROM channel_members AS m
        JOIN channels AS c ON c.id = m.channel_id
        WHERE m.account_id = a.id AND m.left_at IS NULL AND c.kind = 9 AND m.role = 3)
FROM accounts AS a
WHERE a.id = @account_id
FOR NO KEY UPDATE OF a;

-- name: members_put :execrows
-- Makes an account a member, unless it is one: then nothing changes and no row is counted.
-- in: channel_id int8, account_id int8, character_id int8, role int2
INSERT INTO channel_members (channel_id, account_id, character_id, role)
VALUES (@channel_id, @account_id, @character_id, @role)
ON CONFLICT (channel_id, account_id) DO UPDATE
SET character_id = excluded.character_id, role = excluded.role, joined_at = now(), left_at = NULL
WHERE channel_members.left_at IS NOT NULL;

-- name: members_put_absent :exec
-- A whisper's other side, who is not in it before something is said.
-- in: channel_id int8, account_id int8, character_id int8
INSERT INTO channel_members (channel_id, account_id, character_id, role, left_at)
VALUES (@channel_id, @account_id, @character_id, 1, now())
ON CONFLICT (channel_id, account_id) DO NOTHING;

-- name: members_return :many
-- Brings back who left a whisper, whose characters still live.
-- in: channel_id int8
-- out: account_id int8
UPDATE channel_members AS m
SET left_at = NULL, joined_at = now()
FROM characters AS h
WHERE m.channel_id = @channel_id AND m.left_at IS NOT NULL
  AND h.id = m.character_id AND h.deleted_at IS NULL
RETURNING m.account_id;

-- name: members_leave :execrows
-- in: channel_id int8, account_id int8
UPDATE channel_members
SET left_at = clock_timestamp()
WHERE channel_id = @channel_id AND account_id = @account_id AND left_at IS NULL;

-- name: members_get :one
-- A member by account, also one who left. NOT_FOUND if it never was one.
-- in: channel_id int8, account_id int8
-- out: role int2, present bool
SELECT role, left_at IS NULL
FROM channel_members
WHERE channel_id = @channel_id AND account_id = @account_id;

-- name: members_find :one
-- A member by character.
-- in: channel_id int8, character_id int8
-- out: account_id int8, role int2, joined_at timestamptz, name text
SELECT m.account_id, m.role, m.joined_at, h.name
FROM channel_members AS m
JOIN characters AS h ON h.id = m.character_id
WHERE m.channel_id = @channel_id AND m.character_id = @character_id AND m.left_at IS NULL;

-- name: members_find_account :one
-- A member by account.
-- in: channel_id int8, account_id int8
-- out: character_id int8, role int2, joined_at timestamptz, name text
SELECT m.character_id, m.role, m.joined_at, h.name
FROM channel_members AS m
JOIN characters AS h ON h.id = m.character_id
WHERE m.channel_id = @channel_id AND m.account_id = @account_id AND m.left_at IS NULL;

-- name: members_heir :one
-- Who has been in the channel for longest, the given account aside.
-- in: channel_id int8, account_id int8
-- out: account_id int8
SELECT account_id
FROM channel_members
WHERE channel_id = @channel_id AND account_id <> @account_id AND left_at IS NULL
ORDER BY joined_at, account_id
LIMIT 1;

-- name: members_set_role :exec
-- in: channel_id int8, account_id int8, role int2
UPDATE channel_members
SET role = @role
WHERE channel_id = @channel_id AND account_id = @account_id;

-- name: members_list :many
-- Members whose names come after the given one, by name.
-- in: channel_id int8, after_name text, count int8
-- out: character_id int8, name text, role int2, joined_at timestamptz
SELECT m.character_id, h.name, m.role, m.joined_at
FROM channel_members AS m
JOIN characters AS h ON h.id = m.character_id
WHERE m.channel_id = @channel_id AND m.left_at IS NULL AND lower(h.name) > lower(@after_name)
ORDER BY lower(h.name)
LIMIT @count;

-- name: character_by_name :one
-- A living character, without regard to case.
-- in: name text
-- out: id int8, account_id int8, name text
SELECT id, account_id, name
FROM characters
WHERE lower(name) = lower(@name) AND deleted_at IS NULL;

-- name: readers_start :exec
-- A new member has nothing unread.
-- in: account_id int8, channel_id int8
INSERT INTO channel_readers (account_id, channel_id, read_sequence)
SELECT @account_id, id, last_sequence
FROM channels
WHERE id = @channel_id
ON CONFLICT (account_id, channel_id) DO UPDATE
SET read_sequence = greatest(channel_readers.read_sequence, excluded.read_sequence);

-- name: readers_move :execrows
-- Moves a read marker forward; no row is counted when it is there already.
-- in: account_id int8, channel_id int8, sequence int8
INSERT INTO channel_readers (account_id, channel_id, read_sequence)
VALUES (@account_id, @channel_id, @sequence)
ON CONFLICT (account_id, channel_id) DO UPDATE
SET read_sequence = excluded.read_sequence
WHERE channel_readers.read_sequence < excluded.read_sequence;

-- name: readers_mute :execrows
-- No row is counted when it is so already. Whoever never read the channel has then read it.
-- in: account_id int8, channel_id int8, muted bool
INSERT INTO channel_readers (account_id, channel_id, read_sequence, muted)
SELECT @account_id, id, last_sequence, @muted
FROM channels
WHERE id = @channel_id
ON CONFLICT (account_id, channel_id) DO UPDATE
SET muted = excluded.muted
WHERE channel_readers.muted <> excluded.muted;

-- name: whisper_peer :one
-- The account at the other side of a whisper.
-- in: channel_id int8, account_id int8
-- out: account_id int8
SELECT account_id
FROM channel_members
WHERE channel_id = @channel_id AND account_id <> @account_id
LIMIT 1;

-- name: notifiable :many
-- Of the accounts given those who want to hear of a channel and of what an account says there.
-- in: account_ids int8[], channel_id int8, author_id int8
-- out: account_id int8
SELECT a.id
FROM unnest(@account_ids) AS a (id)
WHERE a.id <> @author_id
  AND NOT EXISTS (
      SELECT FROM channel_readers AS r
      WHERE r.account_id = a.id AND r.channel_id = @channel_id AND r.muted
  )
  AND NOT EXISTS (
      SELECT FROM account_blocks AS b
      WHERE b.account_id = a.id AND b.blocked_account_id = @author_id
  );

-- name: retention_due :many
-- Channels with messages older than their kind keeps, and the number up to which a batch of at
-- most `batch` messages can go.
-- in: count int8, batch int8
-- out: channel_id int8, up_to int8, archive bool
SELECT c.id, old.up_to, r.archive
FROM channel_retention AS r
JOIN channels AS c ON c.kind = r.kind
CROSS JOIN LATERAL (
    SELECT m.sent_at
    FROM messages AS m
    WHERE m.channel_id = c.id
    ORDER BY m.sequence
    LIMIT 1
) AS first
CROSS JOIN LATERAL (
    SELECT max(w.sequence) FILTER (WHERE w.sent_at < now() - make_interval(days => r.keep_days))
        AS up_to
    FROM (
        SELECT m.sequence, m.sent_at
        FROM messages AS m
        WHERE m.channel_id = c.id
        ORDER BY m.sequence
        LIMIT @batch
    ) AS w
) AS old
WHERE r.keep_days IS NOT NULL AND first.sent_at < now() - make_interval(days => r.keep_days)
LIMIT @count;

-- name: retention_archive :exec
-- Ends what happened in a channel up to a number; its messages are kept aside or gone for good.
-- in: channel_id int8, up_to int8, archive bool
WITH gone AS (
    DELETE FROM messages
    WHERE channel_id = @channel_id AND sequence <= @up_to
    RETURNING channel_id, sequence, account_id, character_id, character_name, text, sent_at,
              reply_to, mentions, edited_at, deleted_at, deleted_by_moderator
), kept AS (
    INSERT INTO archived_messages (channel_id, sequence, account_id, character_id, character_name,
                                   text, sent_at, reply_to, mentions, edited_at, deleted_at,
                                   deleted_by_moderator)
    SELECT channel_id, sequence, account_id, character_id, character_name, text, sent_at, reply_to,
           mentions, edited_at, deleted_at, deleted_by_moderator
    FROM gone
    WHERE @archive
), changes AS (
    DELETE FROM channel_changes
    WHERE channel_id = @channel_id AND sequence <= @up_to
), reactions AS (
    DELETE FROM message_reactions
    WHERE channel_id = @channel_id AND message_sequence <= @up_to
), mentioned AS (
    DELETE FROM message_mentions
    WHERE channel_id = @channel_id AND sequence <= @up_to
)
-- The channel after the messages: whoever changes one holds it when it takes the next number.
UPDATE channels
SET archived_sequence = @up_to
FROM (SELECT count(sequence) FROM gone) AS first
WHERE id = @channel_id AND archived_sequence < @up_to;
