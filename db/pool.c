/* The pool of one loop: the read lane, the write pool, queries and transactions on them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/internal.h"

#define MAX_TRIES 3

/* --- life --- */

struct db *db_open(struct loop *loop, const struct db_config *config, struct workers *workers)
{
    struct db *pool = calloc(1, sizeof(*pool));
    unsigned count = config->read_connections + config->write_connections;

    assert(count <= DB_MAX_CONNECTIONS);
    if (pool == NULL || (pool->connections = calloc(count, sizeof(*pool->connections))) == NULL)
        abort();
    pool->pool = pool;
    pool->loop = loop;
    pool->config = *config;
    pool->workers = workers;
    pool->connection_count = count;
    for (unsigned i = 0; i < count; i++) {
        pool->connections[i].pool = pool;
        pool->connections[i].read_only = i < config->read_connections;
        db_connection_open(&pool->connections[i]);
    }
    return pool;
}

static void fail_waiters(struct db *pool);

static bool has_cancels(const struct db *pool)
{
    for (unsigned i = 0; i < pool->connection_count; i++)
        if (pool->connections[i].cancels > 0)
            return true;
    return false;
}

/* Coroutines that waited run in the next ticks and find nothing but their outcome; the pool's
 * memory goes when the loop has none left. */
void db_close(struct db *pool)
{
    if (pool == NULL)
        return;
    pool->closing = true;
    for (unsigned i = 0; i < pool->connection_count; i++)
        db_connection_close(&pool->connections[i]);
    fail_waiters(pool);
    while (coro_count() > 0 || has_cancels(pool))
        loop_tick(pool->loop, 10);
    free(pool->connections);
    free(pool);
}

static unsigned count_up(const struct db *pool, bool read_only)
{
    unsigned count = 0;

    for (unsigned i = 0; i < pool->connection_count; i++)
        count += pool->connections[i].read_only == read_only && pool->connections[i].state == DB_UP;
    return count;
}

bool db_is_ready(const struct db *pool)
{
    return count_up(pool, true) > 0 && count_up(pool, false) > 0;
}

void db_publish_ready(struct db *pool)
{
    if (pool->config.ready != NULL)
        atomic_store(pool->config.ready, db_is_ready(pool));
}

void db_stats(const struct db *pool, struct db_stats *ret)
{
    *ret = pool->stats;
    ret->read_up = count_up(pool, true);
    ret->write_up = count_up(pool, false);
    ret->write_busy = 0;
    ret->write_waiting = 0;
    for (unsigned i = 0; i < pool->connection_count; i++)
        ret->write_busy += !pool->connections[i].read_only && pool->connections[i].taken;
    for (struct db_waiter *waiter = pool->waiting_first; waiter; waiter = waiter->next)
        ret->write_waiting++;
}

/* Nothing is up and the last tries failed: waiting would only pile calls up. */
static bool is_down(const struct db *pool)
{
    if (pool->closing)
        return true;
    return (pool->was_up || pool->failures > 0) && count_up(pool, true) == 0 &&
           count_up(pool, false) == 0;
}

/* --- waiting for a connection --- */

static void unlink_waiter(struct db *pool, struct db_waiter *waiter)
{
    struct db_waiter *previous = NULL;
    struct db_waiter *at = pool->waiting_first;

    while (at != NULL && at != waiter) {
        previous = at;
        at = at->next;
    }
    if (at == NULL)
        return;
    if (previous != NULL)
        previous->next = waiter->next;
    else
        pool->waiting_first = waiter->next;
    if (pool->waiting_last == waiter)
        pool->waiting_last = previous;
}

static void fail_waiters(struct db *pool)
{
    while (pool->waiting_first != NULL) {
        struct db_waiter *waiter = pool->waiting_first;
        unlink_waiter(pool, waiter);
        awaitable_complete(&waiter->done, STATUS_UNAVAILABLE);
    }
}

static void on_waited_too_long(struct loop_timer *timer)
{
    struct db_waiter *waiter =
        (struct db_waiter *)((char *)timer - offsetof(struct db_waiter, timer));

    unlink_waiter(waiter->pool, waiter);
    awaitable_complete(&waiter->done, STATUS_UNAVAILABLE);
}

/* Whether a write connection has nothing to do and nothing to fear from what it did. */
static bool is_free(const struct db_connection *connection)
{
    return connection->state == DB_UP && !connection->read_only && !connection->taken &&
           connection->in_flight == 0 && !connection->needs_sync && connection->cancels == 0 &&
           PQtransactionStatus(connection->pg) == PQTRANS_IDLE;
}

/* A cancel meant for a statement may have hit the ROLLBACK or COMMIT behind it: then the
 * transaction is still open, and would fail whatever came next. */
static bool is_left_open(const struct db_connection *connection)
{
    PGTransactionStatusType status;

    if (connection->state != DB_UP || connection->read_only || connection->taken ||
        connection->in_flight > 0 || connection->needs_sync || connection->cancels > 0)
        return false;
    status = PQtransactionStatus(connection->pg);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

/* Hands a free connection to who has waited longest. */
static void offer(struct db_connection *connection)
{
    struct db *pool = connection->pool;
    struct db_waiter *waiter = pool->waiting_first;

    if (is_left_open(connection)) {
        if (db_connection_command(connection, "ROLLBACK", NULL))
            db_connection_sync(connection); /* db_pool_idle() follows */
        return;
    }
    if (waiter == NULL || !is_free(connection))
        return;
    unlink_waiter(pool, waiter);
    connection->taken = true;
    waiter->connection = connection;
    awaitable_complete(&waiter->done, STATUS_OK);
}

void db_pool_connected(struct db_connection *connection)
{
    log_info("database connection up", LOG_BOOL("read_only", connection->read_only));
    offer(connection);
}

void db_pool_disconnected(struct db_connection *connection)
{
    if (is_down(connection->pool))
        fail_waiters(connection->pool);
}

void db_pool_idle(struct db_connection *connection)
{
    offer(connection);
}

void db_pool_release(struct db_connection *connection)
{
    connection->taken = false;
    offer(connection);
}

static struct db_connection *free_connection(struct db *pool)
{
    for (unsigned i = pool->config.read_connections; i < pool->connection_count; i++)
        if (is_free(&pool->connections[i]))
            return &pool->connections[i];
    return NULL;
}

enum status db_pool_acquire(struct db *pool, struct db_connection **ret_connection)
{
    struct db_waiter waiter = {.pool = pool, .timer.fn = on_waited_too_long};
    struct db_connection *connection = free_connection(pool);
    enum status status;

    if (connection != NULL) {
        connection->taken = true;
        *ret_connection = connection;
        return STATUS_OK;
    }
    if (is_down(pool))
        return STATUS_UNAVAILABLE;
    awaitable_init(&waiter.done);
    if (pool->waiting_last != NULL)
        pool->waiting_last->next = &waiter;
    else
        pool->waiting_first = &waiter;
    pool->waiting_last = &waiter;
    loop_timer_set(pool->loop, &waiter.timer, pool->config.acquire_timeout_ms);
    status = await(&waiter.done);
    loop_timer_cancel(pool->loop, &waiter.timer);
    if (!awaitable_is_complete(&waiter.done))
        unlink_waiter(pool, &waiter);
    *ret_connection = waiter.connection;
    return status;
}

/* --- the read lane --- */

static struct db_connection *least_busy_reader(struct db *pool)
{
    struct db_connection *best = NULL;

    for (unsigned i = 0; i < pool->config.read_connections; i++) {
        struct db_connection *connection = &pool->connections[i];
        if (connection->state == DB_UP && (best == NULL || connection->in_flight < best->in_flight))
            best = connection;
    }
    return best;
}

/* Only at the start, before the first connection is there. */
static enum status wait_for_reader(struct db *pool, struct db_connection **ret_connection)
{
    uint64_t until_ms = loop_now_ms(pool->loop) + pool->config.acquire_timeout_ms;

    while ((*ret_connection = least_busy_reader(pool)) == NULL) {
        if (is_down(pool) || loop_now_ms(pool->loop) >= until_ms)
            return STATUS_UNAVAILABLE;
        TRY(coro_sleep(5));
    }
    return STATUS_OK;
}

/* `alone`: in a batch of its own, so that no neighbour's error aborts it again. */
static enum status run_read(struct db *pool, const struct db_query *query, const void *parameters,
                            bool alone, struct db_outcome *outcome)
{
    struct db_connection *connection;

    TRY(wait_for_reader(pool, &connection));
    if (alone)
        db_connection_end_batch(connection);
    if (!db_connection_query(connection, query, parameters, outcome))
        return STATUS_UNAVAILABLE;
    db_connection_sync(connection);
    if (alone)
        db_connection_end_batch(connection);
    return db_outcome_wait(outcome, connection);
}

/* --- single writes --- */

static enum status run_write(struct db *pool, const struct db_query *query, const void *parameters,
                             struct db_outcome *outcome)
{
    struct db_connection *connection;
    enum status status = STATUS_UNAVAILABLE;

    TRY(db_pool_acquire(pool, &connection));
    if (db_connection_query(connection, query, parameters, outcome)) {
        db_connection_sync(connection);
        status = db_outcome_wait(outcome, connection);
    }
    db_pool_release(connection);
    return status;
}

/* --- transactions --- */

enum status db_begin(struct db *pool, struct arena *arena, struct db **ret_tx)
{
    struct db_connection *connection;
    struct db *tx;

    assert(pool->transaction == NULL);
    TRY(db_pool_acquire(pool, &connection));
    /* BEGIN goes out with the first statement; its failure aborts that. */
    if (!db_connection_command(connection, "BEGIN", NULL)) {
        db_pool_release(connection);
        return STATUS_UNAVAILABLE;
    }
    tx = arena_alloc(arena, sizeof(*tx));
    tx->pool = pool;
    tx->transaction = connection;
    tx->generation = connection->generation;
    *ret_tx = tx;
    return STATUS_OK;
}

/* A connection that was lost and is up again knows nothing of the transaction. */
static bool is_alive(const struct db *tx)
{
    return tx->transaction->state == DB_UP && tx->transaction->generation == tx->generation;
}

static enum status run_in_transaction(struct db *tx, const struct db_query *query,
                                      const void *parameters, struct db_outcome *outcome)
{
    struct db_connection *connection = tx->transaction;

    if (!is_alive(tx))
        return STATUS_UNAVAILABLE;
    if (!db_connection_query(connection, query, parameters, outcome))
        return STATUS_UNAVAILABLE;
    db_connection_sync(connection);
    return db_outcome_wait(outcome, connection);
}

enum status db_commit(struct db *tx)
{
    struct db_connection *connection = tx->transaction;
    struct db_outcome outcome = {.status = STATUS_UNAVAILABLE};
    enum status status = coro_interrupted();

    if (connection == NULL)
        return STATUS_FAILED_PRECONDITION;
    if (status != STATUS_OK) {
        db_rollbackp(&tx); /* nobody waits any more: better a known outcome */
        return status;
    }
    status = STATUS_UNAVAILABLE;
    awaitable_init(&outcome.done);
    if (is_alive(tx) && db_connection_command(connection, "COMMIT", &outcome)) {
        db_connection_sync(connection);
        status = db_outcome_wait(&outcome, connection);
    }
    tx->transaction = NULL;
    db_pool_release(connection);
    if (status == STATUS_OK && strcmp(outcome.tag, "COMMIT") != 0)
        return STATUS_ABORTED; /* a statement had failed: PostgreSQL rolled back */
    if (status == STATUS_OK && tx->marked && tx->pool->on_marked != NULL)
        loop_defer(tx->pool->loop, tx->pool->on_marked);
    return status;
}

void db_on_marked_commit(struct db *pool, struct loop_task *task)
{
    pool->on_marked = task;
}

void db_mark(struct db *tx)
{
    tx->marked = true;
}

void db_rollbackp(struct db **tx)
{
    struct db_connection *connection = *tx ? (*tx)->transaction : NULL;

    if (connection == NULL)
        return;
    if (is_alive(*tx) && db_connection_command(connection, "ROLLBACK", NULL))
        db_connection_sync(connection);
    (*tx)->transaction = NULL;
    db_pool_release(connection);
}

/* --- queries --- */

static enum status run_once(struct db *db, const struct db_query *query, const void *parameters,
                            bool alone, struct db_outcome *outcome)
{
    if (db->pool != db)
        return db->transaction ? run_in_transaction(db, query, parameters, outcome)
                               : STATUS_FAILED_PRECONDITION;
    if (query->read_only)
        return run_read(db, query, parameters, alone, outcome);
    return run_write(db, query, parameters, outcome);
}

/* A read may run again: after a neighbour's error, and once when its connection was lost. */
static bool may_try_again(struct db *db, const struct db_query *query,
                          const struct db_outcome *outcome, enum status status)
{
    if (db->pool != db || !query->read_only || coro_interrupted() != STATUS_OK)
        return false;
    return outcome->retry || (status == STATUS_UNAVAILABLE && !is_down(db));
}

enum status db_run(struct db *db, struct arena *arena, const struct db_query *query,
                   const void *parameters, void **ret_rows, size_t *ret_count)
{
    struct db_outcome outcome;
    enum status status;

    TRY(coro_interrupted());
    for (int tries = 1;; tries++) {
        outcome = (struct db_outcome){.arena = arena};
        awaitable_init(&outcome.done);
        status = run_once(db, query, parameters, tries > 1, &outcome);
        if (status == STATUS_OK || tries == MAX_TRIES ||
            !may_try_again(db, query, &outcome, status))
            break;
    }
    if (status != STATUS_OK)
        return status;
    if (query->shape == DB_ONE && outcome.count == 0)
        return STATUS_NOT_FOUND;
    if (ret_rows != NULL)
        *ret_rows = outcome.rows;
    *ret_count = outcome.count;
    return STATUS_OK;
}
