-- What is said in channels, and what happens to it.

-- name: messages_insert :many
-- Says things, each under the next number of its channel. A row is missing from the answer when
-- its channel is closed or not there, or when its account used its key before (also in this
-- statement: give each key once). ALREADY_EXISTS, and nothing was said, when another call used a
-- key meanwhile: the same again finds out which. `mentions` and `mentioned_accounts` are arrays
-- in PostgreSQL's notation, as are `told_accounts` and `tellings`: accounts that are notified, and the
-- notification of each in hexadecimal; keys '' are none.
-- in: channel_ids int8[], account_ids int8[], character_ids int8[], character_names text[], texts text[], keys text[], request_hashes int8[], reply_tos int8[], mentions text[], mentioned_accounts text[], told_accounts text[], tellings text[]
-- out: position int8, sequence int8, sent_at timestamptz
WITH given AS (
    SELECT i.position, i.channel_id, i.account_id, i.character_id, i.character_name, i.text,
           nullif(i.key, '') AS key, i.request_hash, i.reply_to, i.mentions::bigint[] AS mentions,
           i.mentioned_accounts::bigint[] AS mentioned_accounts,
           i.told_accounts::bigint[] AS told_accounts, i.tellings::text[] AS tellings
    FROM unnest(@channel_ids, @account_ids, @character_ids, @character_names, @texts, @keys,
                @request_hashes, @reply_tos, @mentions, @mentioned_accounts, @told_accounts,
                @tellings) WITH ORDINALITY
        AS i (channel_id, account_id, character_id, character_name, text, key, request_hash, reply_to,
              mentions, mentioned_accounts, told_accounts, tellings, position)
), fresh AS (
    SELECT g.position, g.channel_id, g.account_id, g.character_id, g.character_name, g.text, g.key,
           g.request_hash, g.reply_to, g.mentions, g.mentioned_accounts, g.told_accounts, g.tellings,
           row_number() OVER (PARTITION BY g.channel_id ORDER BY g.position) AS rank
    FROM given AS g
    -- LATERAL and LIMIT: by the index for each row, also in a plan made while the table was small.
    LEFT JOIN LATERAL (
        SELECT true AS used
        FROM messages AS m
        WHERE m.account_id = g.account_id AND m.idempotency_key = g.key
        LIMIT 1
    ) AS earlier ON true
    WHERE earlier.used IS NULL
), wanted AS (
    SELECT channel_id, count(position) AS count
    FROM fresh
    GROUP BY channel_id
), locked AS MATERIALIZED (
    -- In one order everywhere, so that two batches never wait for each other. Not the rows: one that
    -- is locked and then updated by the same statement is looked up twice, by an older version the
    -- second time, and whoever queues for that in between waits in a circle.
    SELECT o.id, pg_advisory_xact_lock(1667784052, o.lock) -- "chat"
    FROM (SELECT c.id, hashint8(c.id) AS lock
          FROM channels AS c
          WHERE c.id IN (SELECT channel_id FROM wanted)
          ORDER BY hashint8(c.id)) AS o
), numbered AS (
    UPDATE channels AS c
    SET last_sequence = c.last_sequence + w.count
    FROM locked AS l
    JOIN wanted AS w ON w.channel_id = l.id
    WHERE c.id = l.id AND c.closed_at IS NULL
    RETURNING c.id, c.last_sequence - w.count AS base, clock_timestamp() AS sent_at
), said AS (
    INSERT INTO messages (channel_id, sequence, account_id, character_id, character_name, text,
                          idempotency_key, request_hash, sent_at, reply_to, mentions)
    SELECT f.channel_id, n.base + f.rank, f.account_id, f.character_id, f.character_name, f.text,
           f.key, f.request_hash, n.sent_at, f.reply_to, f.mentions
    FROM fresh AS f
    JOIN numbered AS n ON n.id = f.channel_id
    ORDER BY f.position
), mentioned AS (
    INSERT INTO message_mentions (account_id, channel_id, sequence)
    SELECT DISTINCT account.id, f.channel_id, n.base + f.rank
    FROM fresh AS f
    JOIN numbered AS n ON n.id = f.channel_id
    CROSS JOIN LATERAL unnest(f.mentioned_accounts) AS account (id)
), told AS ( -- handlers/account_events.h: notify_message_text()
    INSERT INTO outbox (kind, payload)
    SELECT 'notify.message', int8send(t.account_id) || int8send(n.base + f.rank) || decode(t.telling, 'hex')
    FROM fresh AS f
    JOIN numbered AS n ON n.id = f.channel_id
    CROSS JOIN LATERAL unnest(f.told_accounts, f.tellings) AS t (account_id, telling)
)
SELECT f.position, n.base + f.rank, n.sent_at
FROM fresh AS f
JOIN numbered AS n ON n.id = f.channel_id
ORDER BY f.position;

-- name: messages_find_by_key :one
-- The message an account sent under a key, and the hash of the call that did.
-- in: account_id int8, idempotency_key text
-- out: channel_id int8, sequence int8, request_hash int8
SELECT channel_id, sequence, request_hash
FROM messages
WHERE account_id = @account_id AND idempotency_key = @idempotency_key;

-- name: messages_get :one
-- As an account reads it: without words of those it blocks (0: nobody's).
-- in: reader_id int8, channel_id int8, sequence int8
-- out: channel_id int8, sequence int8, account_id int8, character_id int8, character_name text, text text, sent_at timestamptz, mentions int8[], edited_at timestamptz?, deleted bool, reply_to int8, quote_name text?, quote_text text?
SELECT m.channel_id, m.sequence, m.account_id, m.character_id, m.character_name, m.text, m.sent_at,
       m.mentions, m.edited_at, m.deleted_at IS NOT NULL, m.reply_to, q.character_name, q.text
FROM messages AS m
LEFT JOIN messages AS q ON q.channel_id = m.channel_id AND q.sequence = m.reply_to
    AND NOT EXISTS (
        SELECT
        FROM account_blocks AS b
        WHERE b.account_id = @reader_id AND b.blocked_account_id = q.account_id
    )
WHERE m.channel_id = @channel_id AND m.sequence = @sequence;

-- name: messages_before :many
-- The newest messages numbered below `before` of authors not hidden, newest first.
-- in: channel_id int8, before int8, hidden int8[], count int8
-- out: channel_id int8, sequence int8, account_id int8, character_id int8, character_name text, text text, sent_at timestamptz, mentions int8[], edited_at timestamptz?, deleted bool, reply_to int8, quote_name text?, quote_text text?
SELECT m.channel_id, m.sequence, m.account_id, m.character_id, m.character_name, m.text, m.sent_at,
       m.mentions, m.edited_at, m.deleted_at IS NOT NULL, m.reply_to, q.character_name, q.text
FROM messages AS m
LEFT JOIN messages AS q ON q.channel_id = m.channel_id AND q.sequence = m.reply_to
    AND q.account_id <> ALL (@hidden)
WHERE m.channel_id = @channel_id AND m.sequence < @before AND m.account_id <> ALL (@hidden)
ORDER BY m.sequence DESC
LIMIT @count;

-- name: messages_after :many
-- Messages numbered above `after` of authors not hidden, oldest first.
-- in: channel_id int8, after int8, hidden int8[], count int8
-- out: channel_id int8, sequence int8, account_id int8, character_id int8, character_name text, text text, sent_at timestamptz, mentions int8[], edited_at timestamptz?, deleted bool, reply_to int8, quote_name text?, quote_text text?
SELECT m.channel_id, m.sequence, m.account_id, m.character_id, m.character_name, m.text, m.sent_at,
       m.mentions, m.edited_at, m.deleted_at IS NOT NULL, m.reply_to, q.character_name, q.text
FROM messages AS m
LEFT JOIN messages AS q ON q.channel_id = m.channel_id AND q.sequence = m.reply_to
    AND q.account_id <> ALL (@hidden)
WHERE m.channel_id = @channel_id AND m.sequence > @after AND m.account_id <> ALL (@hidden)
ORDER BY m.sequence
LIMIT @count;

-- name: channel_events :many
-- All that happened in a channel after a number, in order: messages as they are now, and changes
-- as they were told, which have `change` and nothing of a message. `quoted_account_id`: whose
-- words a message quotes; 0: nobody's.
-- in: channel_id int8, after int8, count int8
-- out: channel_id int8, sequence int8, account_id int8, change bytea?, character_id int8, character_name text, text text, sent_at timestamptz, mentions int8[], edited_at timestamptz?, deleted bool, reply_to int8, quote_name text?, quote_text text?, quoted_account_id int8
SELECT @channel_id, e.sequence, e.account_id, e.change, e.character_id, e.character_name, e.text,
       e.sent_at, e.mentions, e.edited_at, e.deleted, e.reply_to, q.character_name, q.text,
       coalesce(q.account_id, 0)
FROM (
    (SELECT sequence, account_id, NULL::bytea AS change, character_id, character_name, text,
            sent_at, mentions, edited_at, deleted_at IS NOT NULL AS deleted, reply_to
     FROM messages
     WHERE channel_id = @channel_id AND sequence > @after
     ORDER BY sequence
     LIMIT @count)
    UNION ALL
    (SELECT sequence, account_id, event, 0, '', '', 'epoch'::timestamptz, '{}'::bigint[], NULL,
            false, 0
     FROM channel_changes
     WHERE channel_id = @channel_id AND sequence > @after
     ORDER BY sequence
     LIMIT @count)
    ORDER BY sequence
    LIMIT @count
) AS e
LEFT JOIN messages AS q
    ON e.reply_to > 0 AND q.channel_id = @channel_id AND q.sequence = e.reply_to
ORDER BY e.sequence;

-- name: message_quote :one
-- What a reply answers; `hidden`: by somebody the reader blocks. NOT_FOUND if there is no such
-- message.
-- in: reader_id int8, channel_id int8, sequence int8
-- out: account_id int8, character_id int8, character_name text, text text, deleted bool, hidden bool
SELECT m.account_id, m.character_id, m.character_name, m.text, m.deleted_at IS NOT NULL,
       EXISTS (
           SELECT
           FROM account_blocks AS b
           WHERE b.account_id = @reader_id AND b.blocked_account_id = m.account_id
       )
FROM messages AS m
WHERE m.channel_id = @channel_id AND m.sequence = @sequence;

-- name: mentionable :many
-- Living characters among those given, with what decides whether their accounts may read the
-- channel.
-- in: channel_id int8, character_ids int8[]
-- out: character_id int8, account_id int8, races int4, factions int4, role int2
SELECT h.id, h.account_id, own.races, own.factions, coalesce(m.role, 0::smallint)
FROM characters AS h
CROSS JOIN LATERAL (
    SELECT bit_or(1 << o.race) AS races, bit_or(1 << o.faction) AS factions
    FROM characters AS o
    WHERE o.account_id = h.account_id AND o.deleted_at IS NULL
) AS own
LEFT JOIN channel_members AS m
    ON m.channel_id = @channel_id AND m.account_id = h.account_id AND m.left_at IS NULL
WHERE h.id = ANY (@character_ids) AND h.deleted_at IS NULL;

-- name: reactions_list :many
-- Reactions of messages by accounts not hidden, those of one message together, most frequent first.
-- in: account_id int8, channel_ids int8[], sequences int8[], hidden int8[]
-- out: channel_id int8, sequence int8, emoji text, count int8, mine bool
SELECT r.channel_id, r.message_sequence, r.emoji, count(r.account_id),
       bool_or(r.account_id = @account_id)
FROM unnest(@channel_ids, @sequences) AS wanted (channel_id, sequence)
JOIN message_reactions AS r
    ON r.channel_id = wanted.channel_id AND r.message_sequence = wanted.sequence
WHERE r.account_id <> ALL (@hidden)
GROUP BY r.channel_id, r.message_sequence, r.emoji
ORDER BY r.channel_id, r.message_sequence, count(r.account_id) DESC, r.emoji;

-- name: messages_lock :one
-- Holds a message against other changes; `fresh`: said within the last 24 hours.
-- in: channel_id int8, sequence int8
-- out: account_id int8, text text, deleted bool, fresh bool
SELECT account_id, text, deleted_at IS NOT NULL, sent_at > now() - interval '24 hours'
FROM messages
WHERE channel_id = @channel_id AND sequence = @sequence
FOR NO KEY UPDATE;

-- name: messages_edit :one
-- in: channel_id int8, sequence int8, text text
-- out: edited_at timestamptz?
UPDATE messages
SET text = @text, edited_at = clock_timestamp()
WHERE channel_id = @channel_id AND sequence = @sequence
RETURNING edited_at;

-- name: messages_delete :exec
-- Takes a message back: its number stays, without text and what hung on it.
-- in: channel_id int8, sequence int8, by_moderator bool
WITH reactions AS (
    DELETE FROM message_reactions
    WHERE channel_id = @channel_id AND message_sequence = @sequence
), mentions AS (
    DELETE FROM message_mentions
    WHERE channel_id = @channel_id AND sequence = @sequence
)
UPDATE messages
SET text = '', mentions = '{}', deleted_at = clock_timestamp(),
    deleted_by_moderator = @by_moderator
WHERE channel_id = @channel_id AND sequence = @sequence;

-- name: reactions_put :execrows
-- in: channel_id int8, message_sequence int8, emoji text, account_id int8
INSERT INTO message_reactions (channel_id, message_sequence, emoji, account_id)
VALUES (@channel_id, @message_sequence, @emoji, @account_id)
ON CONFLICT (channel_id, message_sequence, emoji, account_id) DO NOTHING;

-- name: reactions_take :execrows
-- in: channel_id int8, message_sequence int8, emoji text, account_id int8
DELETE FROM message_reactions
WHERE channel_id = @channel_id AND message_sequence = @message_sequence AND emoji = @emoji
  AND account_id = @account_id;

-- name: reactions_count :one
-- Accounts who put this reaction on a message, and how many different ones it has.
-- in: channel_id int8, message_sequence int8, emoji text
-- out: count int8, kinds int8
SELECT count(account_id) FILTER (WHERE emoji = @emoji), count(DISTINCT emoji)
FROM message_reactions
WHERE channel_id = @channel_id AND message_sequence = @message_sequence;

-- name: search_words :one
-- What of a search an index can look up; '' or 'T' when there is nothing.
-- in: query text
-- out: words text
SELECT querytree(websearch_to_tsquery('simple', @query));

-- name: search_next :many
-- Of each channel the newest message numbered below; a channel that has none is missing.
-- in: channel_ids int8[], below int8[]
-- out: channel_id int8, sequence int8, sent_at timestamptz
SELECT n.channel_id, m.sequence, m.sent_at
FROM unnest(@channel_ids, @below) AS n (channel_id, below)
CROSS JOIN LATERAL (
    SELECT x.sequence, x.sent_at
    FROM messages AS x
    WHERE x.channel_id = n.channel_id AND x.sequence < n.below
    ORDER BY x.sequence DESC
    LIMIT 1
) AS m;

-- name: search_start :many
-- Of each channel a number below which are its messages before a place in the order of answers:
-- numbers of a channel are in the order of time, so that halving finds it.
-- in: channel_ids int8[], before_at timestamptz, before_channel_id int8, before_sequence int8
-- out: channel_id int8, below int8
WITH RECURSIVE walk AS (
    SELECT c.id, 0::bigint AS low, c.last_sequence AS high
    FROM channels AS c
    WHERE c.id = ANY (@channel_ids)
    UNION ALL
    SELECT w.id,
           CASE WHEN earlier.found THEN w.middle ELSE w.low END,
           CASE WHEN earlier.found THEN w.high ELSE w.middle - 1 END
    FROM (SELECT k.id, k.low, k.high, (k.low + k.high + 1) / 2 AS middle
          FROM walk AS k
          WHERE k.low < k.high) AS w
    CROSS JOIN LATERAL (
        SELECT coalesce((
            SELECT (x.sent_at, w.id, x.sequence)
                   < (@before_at, @before_channel_id, @before_sequence)
            FROM messages AS x
            WHERE x.channel_id = w.id AND x.sequence <= w.middle
            ORDER BY x.sequence DESC
            LIMIT 1
        ), true) AS found
    ) AS earlier
)
SELECT id, low + 1
FROM walk
WHERE low = high;

-- name: search_places :many
-- Messages with the words that are in the given places ("'@17.0' | '@17.1'": a channel and numbers
-- by 2,048), newest first, before a place in the order of answers. `matches` counts what was looked
-- at, at most `most`: then something may be missing. One row has the number 0 if there is none.
-- in: places text, query text, hidden int8[], before_at timestamptz, before_channel_id int8, before_sequence int8, most int8, count int8
-- out: channel_id int8, sequence int8, sent_at timestamptz, matches int8
WITH matching AS MATERIALIZED (
    SELECT m.channel_id, m.sequence, m.sent_at, m.account_id
    FROM messages AS m
    -- From a query of its own: the planner takes no frequent word for a reason to read the table.
    WHERE (to_tsvector('simple', m.text)
           || array_to_tsvector(ARRAY['@' || m.channel_id || '.' || (m.sequence >> 11)]))
          @@ (SELECT @places::tsquery && websearch_to_tsquery('simple', @query))
    LIMIT @most
)
SELECT coalesce(f.channel_id, 0), coalesce(f.sequence, 0), coalesce(f.sent_at, 'epoch'), total.count
FROM (SELECT count(channel_id) AS count FROM matching) AS total
LEFT JOIN LATERAL (
    SELECT k.channel_id, k.sequence, k.sent_at
    FROM matching AS k
    WHERE k.account_id <> ALL (@hidden)
      AND (k.sent_at, k.channel_id, k.sequence)
          < (@before_at, @before_channel_id, @before_sequence)
    ORDER BY k.sent_at DESC, k.channel_id DESC, k.sequence DESC
    LIMIT @count
) AS f ON true;

-- name: search_found :many
-- The messages found, in the order given.
-- in: channel_ids int8[], sequences int8[], hidden int8[]
-- out: channel_id int8, sequence int8, account_id int8, character_id int8, character_name text, text text, sent_at timestamptz, mentions int8[], edited_at timestamptz?, deleted bool, reply_to int8, quote_name text?, quote_text text?
SELECT m.channel_id, m.sequence, m.account_id, m.character_id, m.character_name, m.text, m.sent_at,
       m.mentions, m.edited_at, m.deleted_at IS NOT NULL, m.reply_to, q.character_name, q.text
FROM unnest(@channel_ids, @sequences) WITH ORDINALITY AS found (channel_id, sequence, position)
JOIN messages AS m
    ON m.channel_id = found.channel_id AND m.sequence = found.sequence AND m.deleted_at IS NULL
LEFT JOIN messages AS q ON q.channel_id = m.channel_id AND q.sequence = m.reply_to
    AND q.account_id <> ALL (@hidden)
ORDER BY found.position;
