#include "handlers/auditor.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "db/queries/accounts.h"

#define QUEUE_RECORDS 1000
#define WRITE_MS 200
#define LAST_WRITE_MS 1000

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
    return audit_insert(queue->app->db, times, count, methods, count, statuses, count, accounts,
                        count, peers, count, ids, count);
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

struct auditor *auditor_interface(void)
{
    static struct auditor auditor = {.record = record_call};

    return &auditor;
}

void auditor_open(struct app *app)
{
    struct audit_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL)
        abort();
    queue->app = app;
    queue->timer.fn = on_timer;
    app->audit = queue;
}

void auditor_close(struct app *app)
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
