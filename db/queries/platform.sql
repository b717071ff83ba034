-- Leases, jobs, the outbox, expiry.

-- name: leases_take :one
-- Takes a lease that is free or over, or keeps one's own for longer. NOT_FOUND while another
-- holds it. The token is a new one for every new holder.
-- in: name text, holder text, ttl_ms int8
-- out: token int8
INSERT INTO leases AS l (name, holder, expires_at)
VALUES (@name, @holder, clock_timestamp() + @ttl_ms * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE
SET token = l.token + (l.holder <> excluded.holder)::int,
    holder = excluded.holder,
    expires_at = excluded.expires_at
WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()
RETURNING token;

-- name: leases_hold :one
-- Keeps a lease for longer and holds its row until the commit, so that nobody else can take it
-- before what is written with it is there. NOT_FOUND once another had it.
-- in: name text, token int8, ttl_ms int8
-- out: token int8
UPDATE leases
SET expires_at = clock_timestamp() + @ttl_ms * interval '1 millisecond'
WHERE name = @name AND token = @token
RETURNING token;

-- name: leases_release :exec
-- in: name text, token int8
UPDATE leases
SET expires_at = '-infinity', holder = ''
WHERE name = @name AND token = @token;

-- name: jobs_put :exec
-- Makes a job known, or gives it another period.
-- in: name text, every_s int4
INSERT INTO jobs AS j (name, every_s)
VALUES (@name, @every_s)
ON CONFLICT (name) DO UPDATE
SET every_s = excluded.every_s,
    next_at = least(j.next_at, now() + excluded.every_s * interval '1 second')
WHERE j.every_s <> excluded.every_s;

-- name: jobs_due :many
-- Which of the given jobs are due.
-- in: names text[]
-- out: name text
SELECT name
FROM jobs
WHERE name = ANY (@names) AND next_at <= now()
ORDER BY next_at;

-- name: jobs_start :execrows
-- No row when another instance was faster.
-- in: name text
UPDATE jobs
SET started_at = clock_timestamp()
WHERE name = @name AND next_at <= now();

-- name: jobs_finish :execrows
-- Notes a run's end while its lease is held; no row when it was lost.
-- in: name text, lease text, token int8, status text
UPDATE jobs
SET finished_at = clock_timestamp(),
    status = @status,
    runs = runs + 1,
    next_at = clock_timestamp() + every_s * interval '1 second'
WHERE name = @name
  AND EXISTS (SELECT 1 FROM leases l WHERE l.name = @lease AND l.token = @token);

-- name: outbox_insert :exec
-- in: kind text, priority int2, payload bytea
INSERT INTO outbox (kind, priority, payload)
VALUES (@kind, @priority, @payload);

-- name: outbox_any_due :one
-- out: due bool
SELECT EXISTS (SELECT 1 FROM outbox WHERE priority = 0 AND due_at <= now())
    OR EXISTS (SELECT 1 FROM outbox WHERE priority = 1 AND due_at <= now())
    OR EXISTS (SELECT 1 FROM outbox WHERE priority = 2 AND due_at <= now())
    OR EXISTS (SELECT 1 FROM outbox WHERE priority = 3 AND due_at <= now());

-- name: outbox_hand_out :many
-- Takes rows of one priority that are due, and keeps them from being taken again for a while. With a
-- token only while it is the lease's; with 0 without one.
-- in: priority int2, count int8, visibility_ms int8, lease text, token int8
-- out: id int8
UPDATE outbox
SET due_at = clock_timestamp() + @visibility_ms * interval '1 millisecond',
    handed_out = handed_out + 1
WHERE id IN (SELECT id
             FROM outbox
             WHERE priority = @priority AND due_at <= now()
             ORDER BY due_at
             LIMIT @count
             FOR UPDATE SKIP LOCKED)
  AND (@token = 0 OR EXISTS (SELECT 1 FROM leases l WHERE l.name = @lease AND l.token = @token))
RETURNING id;

-- name: outbox_lock :one
-- Holds a row until the commit. NOT_FOUND if it is done, or in another's hands right now.
-- in: id int8
-- out: kind text, priority int2, payload bytea, handed_out int4, attempts int4
SELECT kind, priority, payload, handed_out, attempts
FROM outbox
WHERE id = @id
FOR UPDATE SKIP LOCKED;

-- name: outbox_done :exec
-- in: id int8
DELETE FROM outbox
WHERE id = @id;

-- name: outbox_count_attempt :exec
-- Counts an attempt before it is made: one that ends the process counts as well.
-- in: id int8, attempts int4
UPDATE outbox
SET attempts = @attempts
WHERE id = @id;

-- name: outbox_uncount_attempt :exec
-- Gives an attempt back that was counted before, if nobody has counted another meanwhile.
-- in: id int8, attempts int4
UPDATE outbox
SET attempts = attempts - 1
WHERE id = @id AND attempts = @attempts;

-- name: outbox_fail :exec
-- Notes a failed attempt; it is handed out again after a while.
-- in: id int8, attempts int4, error text, delay_ms int8
UPDATE outbox
SET attempts = @attempts, error = @error,
    due_at = clock_timestamp() + @delay_ms * interval '1 millisecond'
WHERE id = @id;

-- name: outbox_bury :exec
-- Puts a row among the dead letters.
-- in: id int8, attempts int4, error text
WITH gone AS (
    DELETE FROM outbox
    WHERE id = @id
    RETURNING id, kind, priority, payload, created_at
)
INSERT INTO dead_letters (id, kind, priority, payload, created_at, attempts, error)
SELECT id, kind, priority, payload, created_at, @attempts, @error
FROM gone;

-- name: outbox_counts :one
-- For metrics: rows that wait, and dead letters, each counted up to a thousand.
-- out: waiting int8, dead int8
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT 1000) w),
       (SELECT count(*) FROM (SELECT 1 FROM dead_letters LIMIT 1000) d);

-- name: dead_letters_list :many
-- Oldest first, behind an id; an empty kind is any.
-- in: kind text, after int8, count int8
-- out: id int8, kind text, priority int2, payload bytea, created_at timestamptz, attempts int4, error text, died_at timestamptz
SELECT id, kind, priority, payload, created_at, attempts, error, died_at
FROM dead_letters
WHERE id > @after AND (@kind = '' OR kind = @kind)
ORDER BY id
LIMIT @count;

-- name: dead_letters_replay :execrows
-- Puts letters back into the outbox as if they were new. No ids: all of the kind; an empty kind is
-- any.
-- in: ids int8[], kind text
WITH back AS (
    DELETE FROM dead_letters
    WHERE (id = ANY (@ids) OR cardinality(@ids) = 0) AND (@kind = '' OR kind = @kind)
    RETURNING kind, priority, payload, created_at
)
INSERT INTO outbox (kind, priority, payload, created_at)
SELECT kind, priority, payload, created_at
FROM back;

-- name: dead_letters_drop :execrows
-- No ids: all of the kind; an empty kind is any.
-- in: ids int8[], kind text
DELETE FROM dead_letters
WHERE (id = ANY (@ids) OR cardinality(@ids) = 0) AND (@kind = '' OR kind = @kind);

-- name: expire_idempotency_keys :execrows
-- in: count int8
DELETE FROM idempotency_keys
WHERE ctid IN (SELECT ctid
               FROM idempotency_keys
               WHERE created_at < now() - interval '24 hours'
               LIMIT @count);

-- name: expire_refresh_tokens :many
-- Two days after they stopped working, since an access token may live for one; gives their sessions.
-- in: count int8
-- out: session_id int8
DELETE FROM refresh_tokens
WHERE hash IN (SELECT hash
               FROM refresh_tokens
               WHERE expires_at < now() - interval '2 days'
               LIMIT @count)
RETURNING session_id;

-- name: expire_sessions :exec
-- Those of the given sessions that have no token left.
-- in: ids int8[]
DELETE FROM sessions s
WHERE s.id = ANY (@ids)
  AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.session_id = s.id);

-- name: expire_notifications :execrows
-- Read for 30 days, or there for 180.
-- in: count int8
DELETE FROM notifications
WHERE id IN ((SELECT id FROM notifications
              WHERE read_at < now() - interval '30 days' LIMIT @count)
             UNION ALL
             (SELECT id FROM notifications
              WHERE created_at < now() - interval '180 days' LIMIT @count));

-- name: expire_account_events :one
-- Deletes events of 30 days ago, and notes for each account up to where. Heads are locked in their
-- order, as those who add events do.
-- in: at_most int8
-- out: deleted int8
WITH old AS (
    SELECT account_id, sequence
    FROM account_events
    WHERE created_at < now() - interval '30 days'
    ORDER BY created_at
    LIMIT @at_most
), held AS (
    SELECT account_id
    FROM account_heads
    WHERE account_id IN (SELECT account_id FROM old)
    ORDER BY account_id
    FOR UPDATE
), gone AS (
    DELETE FROM account_events e
    USING old, held
    WHERE e.account_id = old.account_id AND e.sequence = old.sequence
      AND held.account_id = old.account_id
    RETURNING e.account_id, e.sequence
), noted AS (
    UPDATE account_heads h
    SET archived_sequence = greatest(h.archived_sequence, g.newest)
    FROM (SELECT account_id, max(sequence) AS newest FROM gone GROUP BY account_id) g
    WHERE h.account_id = g.account_id
    RETURNING h.account_id
)
SELECT count(*) FROM gone;
