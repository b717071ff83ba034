/* One connection to PostgreSQL: connecting, the pipeline, results. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/internal.h"

#define FIRST_BACKOFF_MS 50
#define LONGEST_BACKOFF_MS 2000
/* PostgreSQL ends a statement by itself; one that has not been heard of for this long after
 * that is on a machine that is gone. */
#define SILENCE_MARGIN_MS 2000

static void on_ready(void *argument);
static void break_connection(struct db_connection *connection, const char *why);

/* --- the queue --- */

static struct db_request *append_request(struct db_connection *connection,
                                         enum db_request_kind kind, const struct db_query *query,
                                         struct db_outcome *outcome)
{
    struct db_request *request = calloc(1, sizeof(*request));

    if (request == NULL)
        abort();
    request->kind = kind;
    request->query = query;
    request->outcome = outcome;
    if (outcome != NULL)
        outcome->request = request;
    if (connection->last != NULL)
        connection->last->next = request;
    else
        connection->first = request;
    connection->last = request;
    connection->in_flight++;
    return request;
}

static struct db_request *take_first(struct db_connection *connection)
{
    struct db_request *request = connection->first;

    connection->first = request->next;
    if (connection->first == NULL)
        connection->last = NULL;
    connection->in_flight--;
    return request;
}

static void answer(struct db_request *request)
{
    struct db_outcome *outcome = request->outcome;

    if (outcome != NULL) {
        outcome->request = NULL;
        awaitable_complete(&outcome->done, outcome->status);
    }
    free(request);
}

static void set_outcome(struct db_request *request, enum status status)
{
    if (request->outcome != NULL)
        request->outcome->status = status;
}

/* --- prepared statements --- */

static struct db_prepared *find_prepared(struct db_connection *connection,
                                         const struct db_query *query)
{
    size_t slot = ((uintptr_t)query >> 4) % DB_PREPARED_SLOTS;
    struct db_prepared *prepared = &connection->prepared[slot];

    while (prepared->query != NULL && prepared->query != query) {
        slot = (slot + 1) % DB_PREPARED_SLOTS;
        prepared = &connection->prepared[slot];
    }
    if (prepared->query == NULL) {
        prepared->query = query;
        connection->prepared_count++;
        assert(connection->prepared_count <= DB_PREPARED_SLOTS / 2);
    }
    return prepared;
}

static bool prepare(struct db_connection *connection, const struct db_query *query)
{
    struct db_prepared *prepared = find_prepared(connection, query);
    Oid types[DB_MAX_PARAMETERS];

    if (prepared->ready)
        return true;
    for (size_t i = 0; i < query->parameter_count; i++)
        types[i] = db_type_oid(query->parameters[i].type);
    if (!PQsendPrepare(connection->pg, query->name, query->sql, (int)query->parameter_count, types))
        return false;
    append_request(connection, DB_REQUEST_PREPARE, query, NULL);
    prepared->ready = true;
    return true;
}

/* --- sending --- */

bool db_connection_query(struct db_connection *connection, const struct db_query *query,
                         const void *parameters, struct db_outcome *outcome)
{
    struct db_encoded encoded;
    bool sent;

    if (connection->state != DB_UP)
        return false;
    db_encode(query, parameters, &encoded);
    sent = prepare(connection, query) &&
           PQsendQueryPrepared(connection->pg, query->name, (int)query->parameter_count,
                               encoded.values, encoded.lengths, encoded.formats, 1);
    db_encoded_free(&encoded);
    if (!sent) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return false;
    }
    append_request(connection, DB_REQUEST_QUERY, query, outcome);
    connection->pool->stats.queries++;
    return true;
}

bool db_connection_command(struct db_connection *connection, const char *sql,
                           struct db_outcome *outcome)
{
    if (connection->state != DB_UP)
        return false;
    if (!PQsendQueryParams(connection->pg, sql, 0, NULL, NULL, NULL, NULL, 0)) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return false;
    }
    append_request(connection, DB_REQUEST_COMMAND, NULL, outcome);
    return true;
}

void db_connection_sync(struct db_connection *connection)
{
    connection->needs_sync = true;
    loop_defer(connection->pool->loop, &connection->flush);
}

static uint64_t silence_limit_ms(const struct db_connection *connection)
{
    return (uint64_t)connection->pool->config.statement_timeout_ms + SILENCE_MARGIN_MS;
}

static void expect_answer(struct db_connection *connection)
{
    struct loop *loop = connection->pool->loop;

    if (connection->syncs_awaited++ == 0)
        connection->silent_since_ms = loop_now_ms(loop);
    if (!loop_timer_is_set(&connection->timer))
        loop_timer_set(loop, &connection->timer, silence_limit_ms(connection));
}

void db_connection_end_batch(struct db_connection *connection)
{
    if (!connection->needs_sync || connection->state != DB_UP)
        return;
    connection->needs_sync = false;
    if (!PQpipelineSync(connection->pg)) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return;
    }
    append_request(connection, DB_REQUEST_SYNC, NULL, NULL);
    expect_answer(connection);
}

static void flush_output(struct db_connection *connection)
{
    int left = PQflush(connection->pg);

    if (left < 0)
        break_connection(connection, PQerrorMessage(connection->pg));
    else if (left > 0)
        loop_watch_want_write(connection->watch);
}

static void on_flush(struct loop_task *task)
{
    struct db_connection *connection =
        (struct db_connection *)((char *)task - offsetof(struct db_connection, flush));

    db_connection_end_batch(connection);
    if (connection->state == DB_UP)
        flush_output(connection);
}

/* --- errors --- */

static enum status status_of(const char *state)
{
    static const struct {
        const char *state; /* a class of two characters, or all five */
        enum status status;
    } map[] = {
        {"23505", STATUS_ALREADY_EXISTS},
        {"23", STATUS_FAILED_PRECONDITION},
        {"40", STATUS_ABORTED},
        {"25P02", STATUS_ABORTED}, /* a statement of the transaction had failed */
        {"55P03", STATUS_ABORTED}, /* a lock was not to be had */
        {"57014", STATUS_DEADLINE_EXCEEDED},
        {"57P", STATUS_UNAVAILABLE},
        {"08", STATUS_UNAVAILABLE},
        {"53", STATUS_UNAVAILABLE},
    };

    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        if (strncmp(state, map[i].state, strlen(map[i].state)) == 0)
            return map[i].status;
    return STATUS_INTERNAL;
}

static bool has_state(const PGresult *result, const char *state)
{
    const char *actual = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return actual != NULL && strcmp(actual, state) == 0;
}

static enum status error_status(struct db_connection *connection, struct db_request *request,
                                const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    enum status status = status_of(state ? state : "08000");

    /* A server that takes no writes is a standby, or was made one. */
    if (!connection->read_only && has_state(result, "25006"))
        status = STATUS_UNAVAILABLE;
    connection->pool->stats.errors++;
    if (status == STATUS_INTERNAL)
        log_error("query failed", LOG_STRING("query", request->query ? request->query->name : ""),
                  LOG_STRING("sqlstate", state),
                  LOG_STRING("error", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
    return status;
}

/* --- receiving --- */

static void take_rows(struct db_request *request, const PGresult *result)
{
    struct db_outcome *outcome = request->outcome;

    if (outcome == NULL)
        return;
    outcome->count = (size_t)PQntuples(result);
    outcome->status = STATUS_OK;
    if (request->query != NULL && request->query->column_count > 0)
        outcome->status = db_decode(request->query, result, outcome->arena, &outcome->rows);
}

static void take_command(struct db_request *request, PGresult *result)
{
    struct db_outcome *outcome = request->outcome;

    if (outcome == NULL)
        return;
    outcome->status = STATUS_OK;
    outcome->count = (size_t)strtoull(PQcmdTuples(result), NULL, 10);
    snprintf(outcome->tag, sizeof(outcome->tag), "%s", PQcmdStatus(result));
}

static void take_prepare_error(struct db_connection *connection, struct db_request *request,
                               const PGresult *result)
{
    /* Prepared twice, after an abort was known for one batch and not yet for the next. */
    if (has_state(result, "42P05"))
        return;
    find_prepared(connection, request->query)->ready = false;
    connection->unprepared = request->query;
    connection->unprepared_status = error_status(connection, request, result);
}

/* What comes after an error was not run. A transaction's statements fail with it; single reads
 * did nothing and run again, alone. */
static void take_aborted(struct db_connection *connection, struct db_request *request)
{
    if (request->kind == DB_REQUEST_PREPARE)
        find_prepared(connection, request->query)->ready = false;
    if (request->outcome == NULL)
        return;
    if (request->query != NULL && request->query == connection->unprepared) {
        request->outcome->status = connection->unprepared_status;
        return;
    }
    request->outcome->status = STATUS_ABORTED;
    request->outcome->retry = connection->read_only;
}

static void take_error(struct db_connection *connection, struct db_request *request,
                       const PGresult *result)
{
    if (request->kind == DB_REQUEST_PREPARE) {
        take_prepare_error(connection, request, result);
    } else if (request->query != NULL && has_state(result, "26000")) {
        /* Its preparation was aborted with an earlier batch: as if this one had been, too. */
        find_prepared(connection, request->query)->ready = false;
        take_aborted(connection, request);
    } else {
        set_outcome(request, error_status(connection, request, result));
    }
}

static void take_result(struct db_connection *connection, struct db_request *request,
                        PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
        take_rows(request, result);
        break;
    case PGRES_COMMAND_OK:
        take_command(request, result);
        break;
    case PGRES_PIPELINE_ABORTED:
        take_aborted(connection, request);
        break;
    default:
        take_error(connection, request, result);
        break;
    }
}

/* The Sync is through: what came before it is final. */
static void finish_batch(struct db_connection *connection)
{
    struct db_request *request = connection->answered;
    bool unconfirmed = connection->unconfirmed;

    connection->answered = NULL;
    connection->unprepared = NULL;
    connection->unconfirmed = false;
    while (request != NULL) {
        struct db_request *next = request->next;
        if (unconfirmed)
            set_outcome(request, STATUS_UNAVAILABLE);
        answer(request);
        request = next;
    }
}

static void keep_answered(struct db_connection *connection, struct db_request *request)
{
    struct db_request **end = &connection->answered;

    while (*end != NULL)
        end = &(*end)->next;
    request->next = NULL;
    *end = request;
}

/* Errors of the implicit commit come where the Sync is awaited: they undo the batch. */
static void fail_batch(struct db_connection *connection, const PGresult *result)
{
    enum status status = error_status(connection, connection->first, result);

    for (struct db_request *request = connection->answered; request; request = request->next)
        set_outcome(request, status);
}

/* The end of a request's results. False when there were none: libpq has no more. */
static bool take_end(struct db_connection *connection, struct db_request *request)
{
    if (!request->has_result)
        return false;
    request->has_result = false;
    if (request->kind != DB_REQUEST_SYNC) {
        take_first(connection);
        keep_answered(connection, request);
    }
    return true;
}

/* False when nothing more can be taken now. */
static bool take_next(struct db_connection *connection)
{
    struct db_request *request = connection->first;
    PGresult *result;

    if (connection->state != DB_UP || request == NULL || PQisBusy(connection->pg))
        return false;
    result = PQgetResult(connection->pg);
    if (result == NULL)
        return take_end(connection, request);
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        free(take_first(connection));
        connection->syncs_awaited--;
        finish_batch(connection);
    } else if (request->kind == DB_REQUEST_SYNC) {
        request->has_result = true;
        fail_batch(connection, result);
    } else {
        request->has_result = true;
        take_result(connection, request, result);
    }
    PQclear(result);
    return true;
}

static void receive(struct db_connection *connection)
{
    if (!PQconsumeInput(connection->pg)) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return;
    }
    connection->silent_since_ms = loop_now_ms(connection->pool->loop);
    while (take_next(connection))
        ;
    if (connection->state != DB_UP)
        return;
    if (PQstatus(connection->pg) == CONNECTION_BAD) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return;
    }
    flush_output(connection);
    if (connection->state == DB_UP && connection->in_flight == 0 && !connection->needs_sync)
        db_pool_idle(connection);
}

/* --- connecting --- */

static void set_timer(struct db_connection *connection, uint64_t delay_ms)
{
    loop_timer_set(connection->pool->loop, &connection->timer, delay_ms);
}

static void drop(struct db_connection *connection)
{
    loop_watch_free(connection->watch);
    connection->watch = NULL;
    PQfinish(connection->pg);
    connection->pg = NULL;
    connection->state = DB_DOWN;
    db_publish_ready(connection->pool);
    connection->needs_sync = false;
    connection->syncs_awaited = 0;
    connection->unprepared = NULL;
    connection->unconfirmed = false;
    memset(connection->prepared, 0, sizeof(connection->prepared));
    connection->prepared_count = 0;
    loop_timer_cancel(connection->pool->loop, &connection->timer);
}

/* Everything that waits for this connection learns that it is gone. */
static void fail_requests(struct db_connection *connection)
{
    finish_batch(connection); /* results that came; not durable without their Sync */
    while (connection->first != NULL) {
        struct db_request *request = take_first(connection);
        set_outcome(request, STATUS_UNAVAILABLE);
        answer(request);
    }
}

static void break_connection(struct db_connection *connection, const char *why)
{
    struct db *pool = connection->pool;
    bool was_up = connection->state == DB_UP;

    if (connection->state == DB_DOWN)
        return;
    if (was_up || pool->failures == 0)
        log_warning("database connection lost", LOG_STRING("error", why));
    for (struct db_request *request = connection->answered; request; request = request->next)
        set_outcome(request, STATUS_UNAVAILABLE);
    drop(connection);
    fail_requests(connection);
    if (!was_up)
        pool->failures++;
    db_pool_disconnected(connection);
    if (pool->closing)
        return;
    connection->backoff_ms = connection->backoff_ms ? connection->backoff_ms * 2 : FIRST_BACKOFF_MS;
    if (connection->backoff_ms > LONGEST_BACKOFF_MS)
        connection->backoff_ms = LONGEST_BACKOFF_MS;
    /* Apart from each other, so that a database that comes back is not stormed. */
    set_timer(connection,
              connection->backoff_ms / 2 + arc4random_uniform(connection->backoff_ms / 2 + 1));
}

/* A cancelled wait for the synchronous standby is a success with a warning. The function's name
 * tells it apart in every language; the message would not. */
static void on_notice(void *argument, const PGresult *result)
{
    struct db_connection *connection = argument;
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

    if (function != NULL && strcmp(function, "SyncRepWaitForLSN") == 0)
        connection->unconfirmed = true;
    log_debug("database notice",
              LOG_STRING("notice", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)));
}

static void become_up(struct db_connection *connection)
{
    if (PQsetnonblocking(connection->pg, 1) != 0 || !PQenterPipelineMode(connection->pg)) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return;
    }
    loop_timer_cancel(connection->pool->loop, &connection->timer);
    connection->state = DB_UP;
    db_publish_ready(connection->pool);
    connection->generation++;
    connection->backoff_ms = 0;
    connection->pool->failures = 0;
    connection->pool->was_up = true;
    connection->pool->stats.reconnects++;
    db_pool_connected(connection);
}

/* libpq may change its descriptor between two polls. False when the connection was broken off,
 * for want of one. */
static bool watch(struct db_connection *connection)
{
    loop_watch_free(connection->watch);
    connection->watch = loop_watch_new(connection->pool->loop, PQsocket(connection->pg), on_ready,
                                       on_ready, connection);
    if (connection->watch == NULL)
        break_connection(connection, "no file descriptor is left");
    return connection->watch != NULL;
}

static void poll_connecting(struct db_connection *connection)
{
    PostgresPollingStatusType status = PQconnectPoll(connection->pg);

    if (status == PGRES_POLLING_FAILED) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return;
    }
    if (!watch(connection))
        return;
    if (status == PGRES_POLLING_WRITING)
        loop_watch_want_write(connection->watch);
    else if (status == PGRES_POLLING_OK)
        become_up(connection);
}

static void on_ready(void *argument)
{
    struct db_connection *connection = argument;

    if (connection->state == DB_CONNECTING)
        poll_connecting(connection);
    else if (connection->state == DB_UP)
        receive(connection);
}

static void connect_now(struct db_connection *connection)
{
    const struct db_config *config = &connection->pool->config;
    char options[160];
    /* Later ones win. A host that is gone is noticed while a query waits for it. */
    const char *const keywords[] = {"tcp_user_timeout", "keepalives_idle", "keepalives_interval",
                                    "keepalives_count", "dbname",          "options",
                                    "application_name", "client_encoding", NULL};
    const char *const values[] = {"5000",  "5",        "2",    "3", config->dsn,
                                  options, "waystone", "UTF8", NULL};

    snprintf(options, sizeof(options),
             "-c statement_timeout=%u -c default_transaction_read_only=%s",
             config->statement_timeout_ms, connection->read_only ? "on" : "off");
    connection->pg = PQconnectStartParams(keywords, values, 1);
    if (connection->pg == NULL)
        abort();
    connection->state = DB_CONNECTING;
    PQsetNoticeReceiver(connection->pg, on_notice, connection);
    if (PQstatus(connection->pg) == CONNECTION_BAD || PQsocket(connection->pg) < 0) {
        break_connection(connection, PQerrorMessage(connection->pg));
        return;
    }
    set_timer(connection, config->connect_timeout_ms);
    if (watch(connection))
        loop_watch_want_write(connection->watch);
}

static void check_silence(struct db_connection *connection)
{
    uint64_t limit_ms = silence_limit_ms(connection);
    uint64_t silent_ms = loop_now_ms(connection->pool->loop) - connection->silent_since_ms;

    if (connection->syncs_awaited == 0)
        return;
    if (silent_ms >= limit_ms)
        break_connection(connection, "the server does not answer");
    else
        set_timer(connection, limit_ms - silent_ms);
}

static void on_timer(struct loop_timer *timer)
{
    struct db_connection *connection =
        (struct db_connection *)((char *)timer - offsetof(struct db_connection, timer));

    if (connection->state == DB_DOWN)
        connect_now(connection);
    else if (connection->state == DB_CONNECTING)
        break_connection(connection, "connecting took too long");
    else
        check_silence(connection);
}

void db_connection_open(struct db_connection *connection)
{
    connection->flush.fn = on_flush;
    connection->timer.fn = on_timer;
    connect_now(connection);
}

void db_connection_close(struct db_connection *connection)
{
    for (struct db_request *request = connection->answered; request; request = request->next)
        set_outcome(request, STATUS_UNAVAILABLE);
    drop(connection);
    fail_requests(connection);
    loop_undefer(connection->pool->loop, &connection->flush);
}

/* --- waiting and giving up --- */

struct cancel {
    PGcancel *handle;
    struct db_connection *connection;
    struct loop *loop;
};

static void free_cancel(struct cancel *cancel)
{
    PQfreeCancel(cancel->handle);
    free(cancel);
}

static void on_cancelled(void *argument)
{
    struct cancel *cancel = argument;
    struct db_connection *connection = cancel->connection;

    connection->cancels--;
    db_pool_idle(connection);
    free_cancel(cancel);
}

/* PQcancel() connects and blocks: 3 ms, on a worker. It returns after the signal was sent, so
 * that it cannot hit what the connection runs later; but what is pipelined already it may. */
static void cancel_on_worker(void *argument)
{
    struct cancel *cancel = argument;
    char error[256];

    (void)PQcancel(cancel->handle, error, sizeof(error)); /* the statement timeout is behind it */
    loop_post(cancel->loop, on_cancelled, cancel);
}

void db_connection_cancel(struct db_connection *connection)
{
    struct cancel *cancel;

    if (connection->state != DB_UP)
        return;
    cancel = calloc(1, sizeof(*cancel));
    if (cancel == NULL)
        abort();
    *cancel = (struct cancel){PQgetCancel(connection->pg), connection, connection->pool->loop};
    if (cancel->handle == NULL ||
        workers_post(connection->pool->workers, cancel_on_worker, cancel) != STATUS_OK)
        free_cancel(cancel);
    else
        connection->cancels++;
}

enum status db_outcome_wait(struct db_outcome *outcome, struct db_connection *connection)
{
    enum status status = await(&outcome->done);

    if (awaitable_is_complete(&outcome->done))
        return outcome->status;
    outcome->request->outcome = NULL;
    if (!connection->read_only)
        db_connection_cancel(connection);
    return status;
}
