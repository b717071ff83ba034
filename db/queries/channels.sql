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
-- a member of.
-- in: account_id int8, kinds int8[], keys int8[]
-- out: id int8, kind int2
SELECT c.id, c.kind
FROM unnest(@kinds, @keys) AS bound (kind, key)
JOIN channels AS c ON c.kind = bound.kind::smallint AND c.key = bound.key AND c.kind <> 9
WHERE c.closed_at IS NULL
UNION ALL
SELECT c.id, c.kind
FROM channel_members AS m
JOIN channels AS c ON c.id = m.channel_id
WHERE m.account_id = @account_id AND m.left_at IS NULL AND c.closed_at IS NULL;

-- name: channels_describe :many
-- Channels as an account sees them: Global first, by kind, then by name; whispers by what was
-- said last. Unread are messages of others after the read marker, or, without one, since the
-- account exists; both counts end at 100, and look at the newest 1,000 messages at most.
-- in: account_id int8, ids int8[]
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
        WHERE w.account_id <> a.id AND w.deleted_at IS NULL
          AND (r.account_id IS NOT NULL OR w.sent_at >= a.created_at)
        LIMIT 100
    ) AS x
) AS unread
CROSS JOIN LATERAL (
    SELECT count(x.sequence) AS count
    FROM (
        SELECT t.sequence
        FROM message_mentions AS t
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
