-- Queries of the tests on a schema of their own (fixture.c).

-- name: items_insert :one
-- ALREADY_EXISTS if the name is taken.
-- in: name text, weight float8?, note text?
-- out: id int8
INSERT INTO items (name, weight, note) VALUES (@name, @weight, @note)
RETURNING id;

-- name: items_get :one
-- in: id int8
-- out: id int8, name text, weight float8?, note text?
SELECT id, name, weight, note FROM items WHERE id = @id;

-- name: items_count :one
-- out: count int8
SELECT count(id) FROM items;

-- name: items_lock :one
-- in: id int8
-- out: name text
SELECT name FROM items WHERE id = @id FOR UPDATE;

-- name: items_rename :execrows
-- in: prefix text, name text
UPDATE items SET note = @name WHERE starts_with(name, @prefix);

-- name: parts_insert :exec
-- FAILED_PRECONDITION if there is no such item, but only at the commit.
-- in: item_id int8
INSERT INTO parts (item_id) VALUES (@item_id);

-- name: series :many
-- in: count int8
-- out: number int8, text text
WITH numbers AS (SELECT n FROM generate_series(1, @count) AS n)
SELECT n, 'number ' || n FROM numbers ORDER BY n;

-- name: quotient :one
-- in: dividend int4, divisor int4
-- out: quotient int4
SELECT @dividend / @divisor;

-- name: doubled :one
-- in: value int4
-- out: value int4
SELECT 2 * @value;

-- name: late :one
-- From a table that is not there at first.
-- out: id int8
SELECT id FROM late LIMIT 1;

-- name: next_number :one
-- Takes a number, which the read lane must refuse.
-- out: number int8
SELECT nextval('numbers');

-- name: read_sleep :one
-- in: seconds float8
-- out: backend int4
SELECT CASE WHEN pg_sleep(@seconds) IS NULL THEN 0 ELSE pg_backend_pid() END;

-- name: write_sleep :one
-- lane: write
-- in: seconds float8
-- out: backend int4
SELECT CASE WHEN pg_sleep(@seconds) IS NULL THEN 0 ELSE pg_backend_pid() END;

-- name: types_echo :one
-- in: small int2, normal int4, big int8, yes bool, real float8, words text, raw bytea, at timestamptz, key uuid, numbers int8[], names text[]
-- out: small int2, normal int4, big int8, yes bool, real float8, words text, raw bytea, at timestamptz, key uuid, numbers int8[], names text
SELECT @small, @normal, @big, @yes, @real, @words, @raw, @at, @key,
       @numbers, array_to_string(@names, ',');

-- name: types_echo_null :one
-- in: small int2?, normal int4?, big int8?, yes bool?, real float8?, words text?, raw bytea?, at timestamptz?, key uuid?
-- out: small int2?, normal int4?, big int8?, yes bool?, real float8?, words text?, raw bytea?, at timestamptz?, key uuid?
SELECT @small, @normal, @big, @yes, @real, @words, @raw, @at, @key;

-- name: time_text :one
-- How PostgreSQL writes a time, to see that both mean the same one.
-- in: at timestamptz
-- out: text text
SELECT (@at AT TIME ZONE 'UTC')::text;
