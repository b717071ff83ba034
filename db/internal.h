/* internal.h - what the files of db/ share; nobody else includes it.
 *
 * A connection is a libpq connection in pipeline mode with a queue of the requests sent on it.
 * Results come back in the queue's order; a request is answered after the Sync behind it, since
 * what came before is one implicit transaction and not durable until then.
 *
 * A request belongs to its connection. Its waiter is on a coroutine's stack and may go away
 * before the answer: then `waiter` is cleared and the late result dropped. */
#ifndef WAYSTONE_DB_INTERNAL_H
#define WAYSTONE_DB_INTERNAL_H

#include <libpq-fe.h>

#include "base/coro.h"
#include "base/workers.h"
#include "db/db.h"

#define DB_MAX_CONNECTIONS 80  /* what the configuration allows: 16 that read, 64 that write */
#define DB_PREPARED_SLOTS 1024 /* more than twice the queries */

enum db_request_kind { DB_REQUEST_QUERY, DB_REQUEST_PREPARE, DB_REQUEST_COMMAND, DB_REQUEST_SYNC };

struct db_request {
    enum db_request_kind kind;
    const struct db_query *query; /* of QUERY and PREPARE */
    struct db_request *next;
    bool has_result;

    /* What the waiter gets; untouched once it is gone. */
    struct db_outcome *outcome;
};

/* Lives with the waiter. */
struct db_outcome {
    struct awaitable done;
    struct arena *arena;
    struct db_request *request; /* NULL once answered */
    enum status status;
    bool retry; /* aborted by a neighbour's error: nothing happened, run it again */
    void *rows;
    size_t count;
    char tag[16]; /* of a COMMAND: "COMMIT" */
};

enum db_connection_state { DB_DOWN, DB_CONNECTING, DB_UP };

/* A query this connection has prepared, or has tried to. */
struct db_prepared {
    const struct db_query *query;
    bool ready;
};

struct db_connection {
    struct db *pool;
    bool read_only;
    enum db_connection_state state;
    PGconn *pg;
    struct loop_watch *watch;
    struct loop_timer timer; /* bounds connecting and silence; waits before the next try */
    struct loop_task flush;
    uint32_t backoff_ms;
    unsigned generation; /* counts connections: a transaction ends with its own */

    struct db_request *first, *last; /* sent, without an answer */
    struct db_request *answered;     /* with a result, before their Sync */
    size_t in_flight;
    bool needs_sync;
    size_t syncs_awaited;
    uint64_t silent_since_ms; /* when something was heard or, before that, expected */

    /* Of the batch whose results come in: */
    const struct db_query *unprepared; /* the query whose preparation failed */
    enum status unprepared_status;
    bool unconfirmed; /* committed here, but perhaps not on the standby */

    bool taken;       /* write pool: in use */
    unsigned cancels; /* on their way; they would hit whatever runs when they arrive */
    struct db_prepared prepared[DB_PREPARED_SLOTS];
    size_t prepared_count;
};

/* A coroutine that waits for a write connection. */
struct db_waiter {
    struct awaitable done;
    struct db_connection *connection;
    struct loop_timer timer;
    struct db *pool;
    struct db_waiter *next;
};

struct db {
    /* NULL for the pool; else this is a transaction. */
    struct db_connection *transaction;
    unsigned generation; /* of the transaction's connection */
    bool marked;         /* the transaction is: `on_marked` follows its commit */
    struct db *pool;

    struct loop *loop;
    struct db_config config;
    struct workers *workers;
    struct db_connection *connections; /* the read lane's first; NULL in a transaction */
    unsigned connection_count;
    struct db_waiter *waiting_first, *waiting_last;
    struct db_stats stats;
    struct loop_task *on_marked;
    bool closing;
    bool was_up;       /* a connection has been there once: while none is, calls fail at once */
    unsigned failures; /* connection attempts that failed in a row */
};

/* Tells other threads after a connection has come or gone. */
void db_publish_ready(struct db *pool);

/* --- connection.c --- */

void db_connection_open(struct db_connection *connection);
void db_connection_close(struct db_connection *connection);

/* Queues a prepared query, preparing it first where this connection has not. False when the
 * connection broke. */
bool db_connection_query(struct db_connection *connection, const struct db_query *query,
                         const void *parameters, struct db_outcome *outcome);
/* Queues a command without parameters (BEGIN, COMMIT, ROLLBACK). */
bool db_connection_command(struct db_connection *connection, const char *sql,
                           struct db_outcome *outcome);
/* Puts a Sync at the end of the tick behind what was queued. */
void db_connection_sync(struct db_connection *connection);
/* Puts a Sync behind what was queued at once, if anything was. */
void db_connection_end_batch(struct db_connection *connection);
/* Asks PostgreSQL to give up what it runs for this connection. */
void db_connection_cancel(struct db_connection *connection);

/* Waits for the outcome. An interruption abandons the request, cancelling it where the
 * connection is exclusive. */
enum status db_outcome_wait(struct db_outcome *outcome, struct db_connection *connection);

/* --- pool.c, told by connection.c --- */

void db_pool_connected(struct db_connection *connection);
void db_pool_disconnected(struct db_connection *connection);
/* A connection has nothing in flight any more. */
void db_pool_idle(struct db_connection *connection);

/* Takes a write connection; suspends. */
enum status db_pool_acquire(struct db *pool, struct db_connection **ret_connection);
/* Gives it back; it is free once nothing is in flight on it. */
void db_pool_release(struct db_connection *connection);

/* --- values.c --- */

#define DB_MAX_PARAMETERS 32

struct db_encoded {
    const char *values[DB_MAX_PARAMETERS];
    int lengths[DB_MAX_PARAMETERS];
    int formats[DB_MAX_PARAMETERS];
    uint64_t scalars[DB_MAX_PARAMETERS]; /* in network order; `values` points here */
    struct arena *arrays;                /* made when there is one */
};

/* Encodes parameters into `ret`, which may point into them. Free with db_encoded_free(). */
void db_encode(const struct db_query *query, const void *parameters, struct db_encoded *ret);
void db_encoded_free(struct db_encoded *encoded);
Oid db_type_oid(enum db_type type);
/* Rows of a result as an array of the query's struct. INTERNAL if the columns do not fit. */
enum status db_decode(const struct db_query *query, const PGresult *result, struct arena *arena,
                      void **ret_rows);

#endif
