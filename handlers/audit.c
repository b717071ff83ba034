#include "handlers/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "db/queries/audit.h"
#include "handlers/audit_chain.h"
#include "handlers/jobs.h"

#define QUEUE_RECORDS 1000
#define WRITE_MS 200
#define LAST_WRITE_MS 1000
#define SEAL_EVERY_S 5
#define SEAL_ROWS 500

struct record {
    int64_t at_us;
    const char *method; /* of the method table */
    const char *status; /* static */
    int64_t account_id;
    char peer[48];
    char request_id[24];
};

struct audit_queue {
    struct app *app;
    struct record records[QUEUE_RECORDS];
    size_t count;
    bool writing;
    struct loop_timer timer;
};

/* --- acts, in their transaction --- */

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

/* What was done with an API key says so. */
static const char *detail_of(struct rpc_call *call, const struct audit_act *act)
{
    const char *detail = or_empty(act->detail);

    if (call == NULL || call->identity.api_key_id == 0)
        return detail;
    return arena_printf(call->arena, "%s%sby API key %lld", detail, detail[0] != '\0' ? "; " : "",
                        (long long)call->identity.api_key_id);
}

enum status audit_add(struct db *tx, struct rpc_call *call, const struct audit_act *act)
{
    TRY(audit_insert(tx, act->action, status_name(STATUS_OK), call ? call->identity.account_id : 0,
                     call ? call->peer : "", call ? call->request_id : "",
                     or_empty(act->target_kind), act->target_id, detail_of(call, act),
                     or_empty(act->note)));
    if (call != NULL)
        call->audited = true;
    return STATUS_OK;
}

/* --- calls, by the queue --- */

/* The first records of the queue as one insert. */
static enum status write_batch(struct audit_queue *queue, size_t count)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    int64_t *times = arena_alloc_array(arena, count, sizeof(*times));
    int64_t *accounts = arena_alloc_array(arena, count, sizeof(*accounts));
    const char **methods = arena_alloc_array(arena, count, sizeof(*methods));
    const char **statuses = arena_alloc_array(arena, count, sizeof(*statuses));
    const char **peers = arena_alloc_array(arena, count, sizeof(*peers));
    const char **ids = arena_alloc_array(arena, count, sizeof(*ids));

    for (size_t i = 0; i < count; i++) {
        struct record *record = &queue->records[i];
        times[i] = record->at_us;
        accounts[i] = record->account_id;
        methods[i] = record->method;
        statuses[i] = record->status;
        peers[i] = arena_strdup(arena, record->peer);
        ids[i] = arena_strdup(arena, record->request_id);
    }
    return audit_insert_calls(queue->app->db, times, count, methods, count, statuses, count,
                              accounts, count, peers, count, ids, count);
}

static void write_main(void *argument)
{
    struct audit_queue *queue = argument;
    size_t count = queue->count;

    if (write_batch(queue, count) == STATUS_OK) {
        queue->count -= count;
        memmove(queue->records, queue->records + count, queue->count * sizeof(struct record));
    }
    queue->writing = false;
    if (queue->count > 0)
        loop_timer_set(queue->app->loop, &queue->timer, WRITE_MS);
}

static void on_timer(struct loop_timer *timer)
{
    struct audit_queue *queue =
        (struct audit_queue *)((char *)timer - offsetof(struct audit_queue, timer));

    if (queue->writing)
        return;
    queue->writing = true;
    coro_start(queue->app->loop, write_main, queue);
}

static void copy_text(char *out, size_t size_bytes, const char *text)
{
    size_t length = strnlen(text, size_bytes - 1);

    memcpy(out, text, length);
    out[length] = '\0';
}

static void record_call(struct rpc_call *call, enum status status, void *user)
{
    struct audit_queue *queue = call->app->audit;
    struct record *record = &queue->records[queue->count];

    if (status == STATUS_OK && call->audited)
        return;
    if (queue->count == QUEUE_RECORDS) {
        log_error("audit record dropped: the queue is full",
                  LOG_STRING("method", call->method->path),
                  LOG_INT("account_id", call->identity.account_id));
        return;
    }
    *record = (struct record){.at_us = clock_wall_us(),
                              .method = call->method->path,
                              .status = status_name(status),
                              .account_id = call->identity.account_id};
    copy_text(record->peer, sizeof(record->peer), call->peer);
    copy_text(record->request_id, sizeof(record->request_id), call->request_id);
    queue->count++;
    if (!loop_timer_is_set(&queue->timer))
        loop_timer_set(call->loop, &queue->timer, WRITE_MS);
}

struct auditor *audit_interface(void)
{
    static struct auditor auditor = {.record = record_call};

    return &auditor;
}

/* --- the chain --- */

/* The links of `rows` behind `position` and `hash`, which become those of the last. */
static enum status add_links(struct arena *arena, struct db *tx,
                             const struct audit_unsealed_list_row *rows, size_t count,
                             int64_t *position, uint8_t hash[AUDIT_HASH_BYTES])
{
    int64_t *positions = arena_alloc_array(arena, count, sizeof(*positions));
    int64_t *ids = arena_alloc_array(arena, count, sizeof(*ids));
    const char **hashes = arena_alloc_array(arena, count, sizeof(*hashes));
    char text[2 * AUDIT_HASH_BYTES + 1];

    for (size_t i = 0; i < count; i++) {
        struct audit_row row = {
            .id = rows[i].id,
            .happened_at_us = rows[i].happened_at,
            .account_id = rows[i].account_id_is_null ? 0 : rows[i].account_id,
            .target_id = rows[i].target_id,
            .action = rows[i].action,
            .status = rows[i].status,
            .request_id = rows[i].request_id,
            .target_kind = rows[i].target_kind,
            .detail = rows[i].detail,
            .personal_hash = rows[i].personal_hash,
        };
        audit_chain_link(hash, ++*position, &row, hash);
        audit_chain_hex(hash, text);
        positions[i] = *position;
        ids[i] = row.id;
        hashes[i] = arena_strdup(arena, text);
    }
    return audit_chain_insert(tx, positions, count, ids, count, hashes, count, &count);
}

static enum status read_head(struct arena *arena, struct db *tx, int64_t *ret_position,
                             uint8_t ret_hash[AUDIT_HASH_BYTES])
{
    struct audit_chain_head_row *head;
    enum status s = audit_chain_head(tx, arena, &head);

    if (s == STATUS_NOT_FOUND) {
        *ret_position = 0;
        memset(ret_hash, 0, AUDIT_HASH_BYTES);
        return STATUS_OK;
    }
    TRY(s);
    if (head->hash.length != AUDIT_HASH_BYTES)
        return STATUS_DATA_LOSS;
    *ret_position = head->position;
    memcpy(ret_hash, head->hash.data, AUDIT_HASH_BYTES);
    return STATUS_OK;
}

/* The head in the log is a copy outside the database: a chain that was cut off or made anew does
 * not lead to it. */
static void log_head(int64_t position, const uint8_t hash[AUDIT_HASH_BYTES])
{
    char text[2 * AUDIT_HASH_BYTES + 1];

    audit_chain_hex(hash, text);
    log_info("audit log sealed", LOG_INT("position", position), LOG_STRING("hash", text));
}

static enum status seal_batch(struct job *job, struct app *app, size_t *ret_count)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    uint8_t hash[AUDIT_HASH_BYTES];
    struct audit_unsealed_list_row *rows;
    struct arena *arena;
    int64_t position;

    TRY(job_begin(job, &arena, &tx));
    TRY(audit_unsealed_list(tx, arena, SEAL_ROWS, &rows, ret_count));
    if (*ret_count == 0)
        return STATUS_OK;
    TRY(read_head(arena, tx, &position, hash));
    TRY(add_links(arena, tx, rows, *ret_count, &position, hash));
    TRY(db_commit(tx));
    log_head(position, hash);
    return STATUS_OK;
}

static enum status seal(struct job *job, struct app *app)
{
    size_t count;

    do {
        TRY(seal_batch(job, app, &count));
    } while (count == SEAL_ROWS);
    return STATUS_OK;
}

void audit_register(void)
{
    jobs_register("audit_seal", SEAL_EVERY_S, seal);
}

/* --- life --- */

void audit_open(struct app *app)
{
    struct audit_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL)
        abort();
    queue->app = app;
    queue->timer.fn = on_timer;
    app->audit = queue;
}

void audit_close(struct app *app)
{
    struct audit_queue *queue = app->audit;
    uint64_t until_ms = clock_monotonic_ms() + LAST_WRITE_MS;

    while (queue->count > 0 && clock_monotonic_ms() < until_ms)
        loop_tick(app->loop, 10);
    if (queue->count > 0)
        log_error("audit records lost at the end", LOG_INT("records", queue->count));
    while (queue->writing)
        loop_tick(app->loop, 10);
    loop_timer_cancel(app->loop, &queue->timer);
    free(queue);
    app->audit = NULL;
}
