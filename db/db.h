/* db.h - PostgreSQL for handlers: a pool per loop, transactions, prepared queries.
 *
 * Handlers call the functions that db/querygen writes from the files in db/queries; this header
 * holds what those and transactions need. Every query suspends the calling coroutine. Its deadline
 * is that of the coroutine's call: an interrupted query is abandoned (read lane) or cancelled
 * (exclusive connection), and the interruption's status returned.
 *
 * Reads (`:one`, `:many` queries whose SQL starts with SELECT) go to the read lane: two shared
 * pipelined read-only connections per loop. Everything else takes a connection from the write
 * pool for one statement, or for a transaction. A read whose connection is lost, or which a
 * neighbour's error aborted, runs again by itself; a write never does.
 *
 * Statuses: UNAVAILABLE when the database cannot be reached or the pool has no connection
 * within the acquire timeout; ALREADY_EXISTS for a unique violation; FAILED_PRECONDITION for a
 * foreign-key or check violation; ABORTED for serialization failures and deadlocks, and for
 * statements of a transaction that has failed; DEADLINE_EXCEEDED after statement_timeout; NOT_FOUND
 * when a `:one` query finds no row; INTERNAL for the rest (logged with the query's name). */
#ifndef WAYSTONE_DB_DB_H
#define WAYSTONE_DB_DB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/loop.h"
#include "base/status.h"

/* The pool of one loop, or a transaction taken from it: queries run on either. */
struct db;

#define DB_DEFAULT_DSN "host=/run/postgresql dbname=waystone"

struct db_config {
    const char *dsn;            /* libpq connection string */
    unsigned read_connections;  /* per loop; default 2 */
    unsigned write_connections; /* per loop; default 4 */
    uint32_t connect_timeout_ms;
    uint32_t acquire_timeout_ms;   /* waiting for a free write connection */
    uint32_t statement_timeout_ms; /* PostgreSQL's own, a backstop behind the call's deadline */
    atomic_bool *ready;            /* kept equal to db_is_ready() for other threads; may be NULL */
};

struct workers;

/* Starts connecting; never fails: queries answer UNAVAILABLE until a connection is there, and
 * lost ones are made anew with back-off. `workers` run blocking cancels. */
struct db *db_open(struct loop *loop, const struct db_config *config, struct workers *workers);

/* Closes all connections; pending queries return UNAVAILABLE. Accepts NULL. */
void db_close(struct db *pool);

/* Whether a connection of either kind is up. */
bool db_is_ready(const struct db *db);

struct db_stats {
    unsigned read_up, write_up, write_busy, write_waiting;
    uint64_t queries, errors, reconnects;
};
void db_stats(const struct db *pool, struct db_stats *ret);

/* --- transactions --- */

/* Begins a transaction on a connection of its own. */
enum status db_begin(struct db *pool, struct arena *arena, struct db **ret_tx) MUST_CHECK;

/* Commits. OK only when the commit is durable. After any other status the transaction is over;
 * UNAVAILABLE may mean that the outcome is unknown. */
enum status db_commit(struct db *tx) MUST_CHECK;

/* For rows that others wait for: once a transaction is committed that db_mark() was called for, the
 * task given for its pool is deferred. One task for a pool; NULL for none. */
void db_on_marked_commit(struct db *pool, struct loop_task *task);
void db_mark(struct db *tx);

/* For CLEANUP(db_rollbackp): no-op on NULL and once committed; never suspends (the pool sends
 * the ROLLBACK). */
void db_rollbackp(struct db **tx);

/* --- for generated queries --- */

enum db_shape { DB_ONE, DB_MANY, DB_EXEC };

/* How a column or parameter travels, all in PostgreSQL's binary format. */
enum db_type {
    DB_INT2,
    DB_INT4,
    DB_INT8,
    DB_BOOL,
    DB_FLOAT8,
    DB_TEXT,        /* char *, NUL-terminated */
    DB_BYTES,       /* struct bytes */
    DB_TIMESTAMPTZ, /* int64_t, microseconds since 1970 UTC */
    DB_UUID,        /* 16 bytes, struct db_uuid */
    DB_INT8_ARRAY,  /* struct db_int8_array */
    DB_TEXT_ARRAY,  /* struct db_text_array */
};

struct db_uuid {
    uint8_t bytes[16];
};
struct db_int8_array {
    const int64_t *items;
    size_t count;
};
struct db_text_array {
    const char *const *items;
    size_t count;
};

/* A nullable parameter or column of a scalar type carries a bool beside it; nullable text is
 * NULL. See the querygen header comment for the annotations. */
struct db_field {
    const char *name;
    enum db_type type;
    bool nullable;
    size_t offset;      /* of the value in the parameter or row struct */
    size_t null_offset; /* of the `bool <name>_is_null`; only for nullable non-text types */
};

struct db_query {
    const char *name;
    const char *sql; /* with $1, $2, ... */
    enum db_shape shape;
    bool read_only;
    const struct db_field *parameters;
    size_t parameter_count;
    const struct db_field *columns;
    size_t column_count;
    size_t row_size_bytes;
};

/* Runs a query on the pool or a transaction. For DB_ONE `*ret_rows` is the row; for DB_MANY an
 * array of `*ret_count` rows; for DB_EXEC rows are NULL and the count is rows affected. */
enum status db_run(struct db *db, struct arena *arena, const struct db_query *query,
                   const void *parameters, void **ret_rows, size_t *ret_count) MUST_CHECK;

/* Every query linked into the program (generated), for the prepare test. */
extern const struct db_query *const db_all_queries[];
extern const size_t db_query_count;

/* --- migrations --- */

/* Brings the schema up to date under an advisory lock; blocking, before the loops start.
 * Files NNNN_name.sql of `directory`, each in a transaction of its own, recorded with a
 * checksum; a changed or missing old file is an error. One sentence in `reterr`. */
enum status db_migrate(const char *dsn, const char *directory, char *reterr, size_t reterr_size)
    MUST_CHECK;

#endif
