-- The audit log and its chain.

-- name: audit_insert :exec
-- Writes one act. An account_id of 0 is nobody's; empty peer and note are none.
-- in: action text, status text, account_id int8, peer text, request_id text, target_kind text, target_id int8, detail text, note text
INSERT INTO audit_log (action, status, account_id, peer, request_id, target_kind, target_id, detail,
                       note)
VALUES (@action, @status, nullif(@account_id, 0), nullif(@peer, ''), @request_id, @target_kind,
        @target_id, @detail, nullif(@note, ''));

-- name: audit_insert_calls :exec
-- Writes a batch of calls; the arrays have the same length. An account_id of 0 is anonymous.
-- in: happened_at_us int8[], actions text[], statuses text[], account_ids int8[], peers text[], request_ids text[]
INSERT INTO audit_log (happened_at, action, status, account_id, peer, request_id)
SELECT to_timestamp(t / 1000000.0), m, s, nullif(a, 0), p, r
FROM unnest(@happened_at_us, @actions, @statuses, @account_ids, @peers, @request_ids)
     AS batch (t, m, s, a, p, r);

-- name: audit_unsealed_list :many
-- Committed rows that are not in the chain yet, oldest first.
-- in: count int8
-- out: id int8, happened_at timestamptz, action text, status text, account_id int8?, request_id text, target_kind text, target_id int8, detail text, personal_hash bytea
-- lane: write
SELECT l.id, l.happened_at, l.action, l.status, l.account_id, l.request_id, l.target_kind,
       l.target_id, l.detail, l.personal_hash
FROM audit_unsealed u
JOIN audit_log l ON l.id = u.audit_id
ORDER BY u.audit_id
LIMIT @count;

-- name: audit_chain_head :one
-- The last link. NOT_FOUND while there is none.
-- out: position int8, audit_id int8, hash bytea
-- lane: write
SELECT position, audit_id, hash
FROM audit_chain
ORDER BY position DESC
LIMIT 1;

-- name: audit_chain_insert :execrows
-- Adds links, and takes their rows out of those that wait; the arrays have the same length, hashes are
-- in hex. ALREADY_EXISTS if somebody else added them.
-- in: positions int8[], audit_ids int8[], hashes text[]
WITH links AS (
    SELECT p, a, decode(h, 'hex') AS h
    FROM unnest(@positions, @audit_ids, @hashes) AS batch (p, a, h)
), sealed AS (
    DELETE FROM audit_unsealed
    WHERE audit_id IN (SELECT a FROM links)
)
INSERT INTO audit_chain (position, audit_id, hash)
SELECT p, a, h
FROM links;

-- name: audit_chain_read :many
-- The chain with its rows, behind a position. A link whose row is gone has nulls.
-- in: after int8, count int8
-- out: position int8, audit_id int8, hash bytea, id int8?, happened_at timestamptz?, action text?, status text?, account_id int8?, request_id text?, target_kind text?, target_id int8?, detail text?, peer text?, note text?, salt bytea?, personal_hash bytea?
SELECT c.position, c.audit_id, c.hash, l.id, l.happened_at, l.action, l.status, l.account_id,
       l.request_id, l.target_kind, l.target_id, l.detail, l.peer, l.note, l.salt, l.personal_hash
FROM audit_chain c
LEFT JOIN audit_log l ON l.id = c.audit_id
WHERE c.position > @after
ORDER BY c.position
LIMIT @count;

-- name: audit_strays :many
-- Rows that neither are in the chain nor wait for it: written behind the database's back.
-- in: count int8
-- out: id int8
SELECT l.id
FROM audit_log l
WHERE NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.audit_id = l.id)
  AND NOT EXISTS (SELECT 1 FROM audit_unsealed u WHERE u.audit_id = l.id)
ORDER BY l.id
LIMIT @count;

-- name: audit_waiting :one
-- out: waiting int8, missing int8
SELECT count(*), count(*) FILTER (WHERE l.id IS NULL)
FROM audit_unsealed u
LEFT JOIN audit_log l ON l.id = u.audit_id;

-- name: audit_list :many
-- Newest first, below an id. Account -1 is any, 0 nobody; an empty action is any, one that ends with
-- % a beginning.
-- in: before int8, account_id int8, action text, count int8
-- out: id int8, happened_at timestamptz, action text, status text, account_id int8?, user_name text?, peer text?, request_id text, target_kind text, target_id int8, detail text, note text?, position int8?
SELECT l.id, l.happened_at, l.action, l.status, l.account_id, a.user_name, l.peer, l.request_id,
       l.target_kind, l.target_id, l.detail, l.note, c.position
FROM audit_log l
LEFT JOIN accounts a ON a.id = l.account_id
LEFT JOIN audit_chain c ON c.audit_id = l.id
WHERE l.id < @before
  AND (@account_id = -1 OR coalesce(l.account_id, 0) = @account_id)
  AND (@action = '' OR l.action LIKE @action)
ORDER BY l.id DESC
LIMIT @count;

-- name: audit_security_events :many
-- What happened to an account, newest first: acts of its owner that were done, `tries` whether or not
-- they were, and what others did to it. `by_owner` tells these apart.
-- in: account_id int8, before_id int8, acts text[], tries text[], count int8
-- out: id int8, happened_at timestamptz, action text, status text, peer text?, by_owner bool
SELECT id, happened_at, action, status, peer, by_owner
FROM ((SELECT id, happened_at, action, status, peer, true AS by_owner
       FROM audit_log
       WHERE account_id = @account_id AND id < @before_id
         AND (action = ANY (@tries) OR (action = ANY (@acts) AND status = 'OK'))
       ORDER BY id DESC
       LIMIT @count)
      UNION ALL
      (SELECT id, happened_at, action, status, peer, false
       FROM audit_log
       WHERE target_kind = 'account' AND target_id = @account_id AND id < @before_id
         AND account_id IS DISTINCT FROM @account_id AND action = ANY (@acts) AND status = 'OK'
       ORDER BY id DESC
       LIMIT @count)) AS events
ORDER BY id DESC
LIMIT @count;
