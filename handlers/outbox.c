#include "handlers/outbox.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "db/queries/platform.h"
#include "handlers/background.h"
#include "handlers/leases.h"
#include "handlers/live.h"

#define MAX_KINDS 32
#define PRIORITIES 4
#define GROUP "waystone"

#define RELAY_LEASE "outbox"
#define RELAY_LEASE_MS 5000
#define RELAY_RENEW_MS 2000
#define RELAY_IDLE_MS 500   /* it is woken when rows are added; some become due, or are not told */
#define RELAY_OTHER_MS 1000 /* another relays, or Redis is away */
#define RELAY_ROWS 200
/* Numbers that wait in a stream; more stay in PostgreSQL. */
#define STREAM_HIGH_WATER 1000
#define STREAM_MAXLEN "10000"
#define CLEAN_MS 600000
#define COUNT_MS 5000

/* Rows a loop works on at a time, each in a transaction of its own: one database connection
 * (database.write_connections, 4) is left to calls. Slow ones hold theirs for long. */
#define CREW_MAX 3
#define CREW_SLOW 1
#define READ_COUNT "16"
#define CONSUMER_IDLE_MS 500 /* it is woken as well */
#define DIRECT_IDLE_MS 200
#define DIRECT_ROWS 16
#define CLAIM_MS 15000
#define CLAIM_IDLE "15000"

/* A row handed out more often has perhaps ended processes: its attempts count before they begin. */
#define CAREFUL_AFTER 3
#define FIRST_PAUSE_MS 200
#define LONGEST_PAUSE_MS 300000

/* Redis channels on which those are woken who would otherwise look only now and then. */
#define CHANNEL_PREFIX "waystone:outbox:"
#define ADDED "added" /* rows, to a relay */
#define READY "ready" /* entries, to consumers */

static const char *const streams[PRIORITIES] = {"waystone:outbox:0", "waystone:outbox:1",
                                                "waystone:outbox:2", "waystone:outbox:3"};

struct kind {
    const char *name;
    outbox_fn fn;
};

/* Written before the loops start. */
static struct kind kinds[MAX_KINDS];
static size_t kind_count;

/* Does the rows of some priorities, `crew` at a time. */
struct consumer {
    struct background background;
    int16_t first, end; /* priorities, the last excluded */
    size_t crew;        /* at most CREW_MAX */
    uint64_t claimed_ms;
};

struct outbox {
    struct consumer quick, slow;
    struct background relay; /* of the process's first loop */
    struct loop_task tell;   /* relays of what was added in this tick */
    struct app *app;
    char name[LEASE_HOLDER_BYTES];
    struct lease lease;
    uint64_t renew_ms; /* the lease, when we hold it; 0: we do not, or are not sure */
    uint64_t cleaned_ms, counted_ms;
    struct outbox_stats stats;
};

enum status outbox_add(struct db *tx, const char *kind, enum outbox_priority priority,
                       struct bytes payload)
{
    db_mark(tx);
    return outbox_insert(tx, kind, (int16_t)priority, payload);
}

void outbox_added(struct app *app)
{
    loop_defer(app->loop, &app->outbox->tell);
}

void outbox_register(const char *kind, outbox_fn fn)
{
    assert(kind_count < MAX_KINDS);
    kinds[kind_count++] = (struct kind){kind, fn};
}

#undef outbox_fail_task /* the analyzer's, of outbox.h */
enum status outbox_fail_task(struct outbox_task *task, enum status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(task->error, sizeof(task->error), format, arguments);
    va_end(arguments);
    return status;
}

/* --- one row --- */

static outbox_fn find(const char *name)
{
    for (size_t i = 0; i < kind_count; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].fn;
    return NULL;
}

static enum status run_task(struct outbox_task *task)
{
    outbox_fn fn = find(task->kind);

    /* Perhaps of a newer version that is being rolled out: another instance may know it. */
    if (fn == NULL)
        return outbox_fail_task(task, STATUS_UNIMPLEMENTED, "no such kind of work here");
    return fn(task);
}

/* What is known of a row after it was tried. */
struct trial {
    struct outbox_task task; /* its kind is NULL if the row was not reached */
    int32_t attempts;        /* that failed before */
    int32_t most;            /* attempts it gets */
    bool counted;            /* this one, before it began */
};

static int32_t most_attempts(int16_t priority)
{
    return priority == OUTBOX_SLOW ? OUTBOX_MAX_ATTEMPTS_SLOW : OUTBOX_MAX_ATTEMPTS;
}

static enum status do_row(struct app *app, struct arena *arena, int64_t id, struct trial *trial)
{
    struct outbox_task *task = &trial->task;
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct account_events written = {0};
    struct outbox_lock_row *row;

    TRY(db_begin(app->db, arena, &tx));
    TRY(outbox_lock(tx, arena, id, &row));
    *task = (struct outbox_task){.app = app, .arena = arena, .kind = row->kind};
    trial->most = most_attempts(row->priority);
    if (row->attempts >= trial->most) {
        trial->attempts = row->attempts - 1; /* the last was counted when it began */
        return outbox_fail_task(task, STATUS_INTERNAL, "it was begun and never ended");
    }
    if (row->handed_out > CAREFUL_AFTER) {
        TRY(outbox_count_attempt(tx, id, row->attempts + 1));
        TRY(db_commit(tx));
        trial->counted = true;
        trial->attempts = row->attempts;
        TRY(db_begin(app->db, arena, &tx));
        TRY(outbox_lock(tx, arena, id, &row));
        row->attempts--;
    }
    trial->attempts = row->attempts;
    task->tx = tx;
    task->payload = row->payload;
    task->written = &written;
    TRY(run_task(task));
    TRY(outbox_done(tx, id));
    TRY(db_commit(tx));
    account_events_publish(app, arena, &written);
    return STATUS_OK;
}

static uint64_t pause_ms(int32_t attempts)
{
    uint64_t pause = FIRST_PAUSE_MS;

    for (int32_t i = 1; i < attempts && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    if (pause > LONGEST_PAUSE_MS)
        pause = LONGEST_PAUSE_MS;
    return pause / 2 + (uint64_t)random() % (pause / 2 + 1);
}

static enum status note_failure(struct app *app, int64_t id, const struct trial *trial,
                                enum status why)
{
    const struct outbox_task *task = &trial->task;
    int32_t attempts = trial->attempts + 1;
    char error[256];

    snprintf(error, sizeof(error), "%s%s%s", status_name(why), task->error[0] ? ": " : "",
             task->error);
    if (why != STATUS_INVALID_ARGUMENT && attempts < trial->most)
        return outbox_fail(app->db, id, attempts, error, (int64_t)pause_ms(attempts));
    log_error("outbox row became a dead letter", LOG_INT("id", id), LOG_STRING("kind", task->kind),
              LOG_STRING("error", error));
    return outbox_bury(app->db, id, attempts, error);
}

/* Whatever happens here, the row is done, buried, due later, or due again when its time is over. */
static void process(struct app *app, int64_t id)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct trial trial = {.most = 0};
    enum status s = do_row(app, arena, id, &trial);

    if (s == STATUS_OK || trial.task.kind == NULL || coro_interrupted() != STATUS_OK)
        return;
    if (s != STATUS_UNAVAILABLE)
        (void)!note_failure(app, id, &trial, s);
    else if (trial.counted)
        (void)!outbox_uncount_attempt(app->db, id, trial.attempts + 1);
}

/* --- several rows at a time --- */

/* Coroutines that take rows from a list, one after the other. On the stack of whoever waits. */
struct crew {
    const struct consumer *consumer;
    const int64_t *ids;
    size_t count, next;
    struct coro *members[CREW_MAX]; /* NULL: ended */
    size_t working;
    struct awaitable ended;
};

struct crew_member {
    struct crew *crew;
    size_t place;
};

static void crew_main(void *argument)
{
    struct crew_member *member = argument;
    struct crew *crew = member->crew;
    const struct background *background = &crew->consumer->background;

    while (crew->next < crew->count && !background->stopping)
        process(background->app, crew->ids[crew->next++]);
    crew->members[member->place] = NULL;
    if (--crew->working == 0)
        awaitable_complete(&crew->ended, STATUS_OK);
}

static void send_home(struct crew *crew)
{
    for (size_t i = 0; i < CREW_MAX; i++)
        if (crew->members[i] != NULL)
            coro_interrupt(crew->members[i], STATUS_CANCELLED);
}

/* Returns how many were begun; all of these have ended. */
static size_t process_all(const struct consumer *consumer, const int64_t *ids, size_t count)
{
    struct crew crew = {.consumer = consumer, .ids = ids, .count = count};
    size_t size = count < consumer->crew ? count : consumer->crew;
    struct crew_member members[CREW_MAX];

    if (count == 0)
        return 0;
    crew.working = size;
    awaitable_init(&crew.ended);
    for (size_t i = 0; i < size; i++) {
        members[i] = (struct crew_member){&crew, i};
        crew.members[i] = coro_start(consumer->background.app->loop, crew_main, &members[i]);
    }
    if (await(&crew.ended) != STATUS_OK && !awaitable_is_complete(&crew.ended)) {
        send_home(&crew);
        await_uninterruptible(&crew.ended);
    }
    return crew.next;
}

/* --- the consumer: by Redis --- */

static enum status command(struct app *app, struct arena *arena, size_t count,
                           const char *const *words, struct redis_value *ret)
{
    return redis_command(app->redis, arena, count, words, NULL, ret);
}

/* Also after Redis has forgotten everything. One that exists answers with an error. */
static void make_groups(struct app *app, struct arena *arena)
{
    struct redis_value value;

    for (size_t i = 0; i < PRIORITIES; i++) {
        const char *words[] = {"XGROUP", "CREATE", streams[i], GROUP, "0", "MKSTREAM"};
        (void)!command(app, arena, 6, words, &value);
    }
}

/* The number an entry ["1-0", ["id", "17"]] carries; 0 when it is none. */
static int64_t entry_number(const struct redis_value *entry)
{
    const struct redis_value *fields = entry->item_count == 2 ? &entry->items[1] : NULL;

    if (fields == NULL || fields->type != REDIS_ARRAY || fields->item_count != 2 ||
        fields->items[1].type != REDIS_STRING)
        return 0;
    return strtoll(fields->items[1].string, NULL, 10);
}

/* What comes next is PostgreSQL's matter: the entries have done their work however it went. */
static void forget(struct app *app, struct arena *arena, const char *stream,
                   const struct redis_value *entries, size_t count)
{
    const char **words = arena_alloc_array(arena, count + 3, sizeof(*words));
    struct redis_value value;

    words[0] = "XACK";
    words[1] = stream;
    words[2] = GROUP;
    for (size_t i = 0; i < count; i++)
        words[3 + i] = entries[i].items[0].string;
    (void)!command(app, arena, count + 3, words, &value);
    words[1] = "XDEL";
    words[2] = stream;
    (void)!command(app, arena, count + 2, words + 1, &value);
}

/* Returns how many were done. */
static size_t process_entries(const struct consumer *consumer, struct arena *arena,
                              const char *stream, const struct redis_value *entries)
{
    size_t done;
    int64_t *ids;

    if (entries->type != REDIS_ARRAY)
        return 0;
    ids = arena_alloc_array(arena, entries->item_count, sizeof(*ids));
    for (size_t i = 0; i < entries->item_count; i++)
        ids[i] = entry_number(&entries->items[i]);
    done = process_all(consumer, ids, entries->item_count);
    if (done > 0)
        forget(consumer->background.app, arena, stream, entries->items, done);
    return done;
}

/* Entries that a consumer was given and never forgot: it is gone. Their rows were handed out anew
 * long ago, but the entries have to go. */
static void claim_left(struct consumer *consumer, struct arena *arena)
{
    struct app *app = consumer->background.app;
    struct redis_value value;

    consumer->claimed_ms = clock_monotonic_ms();
    for (int16_t p = consumer->first; p < consumer->end; p++) {
        const char *words[] = {"XAUTOCLAIM", streams[p], GROUP,   app->outbox->name,
                               CLAIM_IDLE,   "0-0",      "COUNT", "100"};
        if (command(app, arena, 8, words, &value) == STATUS_OK && value.item_count >= 2)
            process_entries(consumer, arena, streams[p], &value.items[1]);
    }
}

static enum status read_group(const struct consumer *consumer, struct arena *arena,
                              struct redis_value *ret)
{
    struct app *app = consumer->background.app;
    const char *words[7 + 2 * PRIORITIES] = {"XREADGROUP", "GROUP",    GROUP,    app->outbox->name,
                                             "COUNT",      READ_COUNT, "STREAMS"};
    size_t count = 7;
    enum status s;

    for (int16_t p = consumer->first; p < consumer->end; p++)
        words[count++] = streams[p];
    for (int16_t p = consumer->first; p < consumer->end; p++)
        words[count++] = ">";
    s = command(app, arena, count, words, ret);
    if (s == STATUS_INTERNAL)
        make_groups(app, arena); /* NOGROUP */
    return s;
}

static enum status consume(struct consumer *consumer, struct arena *arena, size_t *ret_done)
{
    struct redis_value value;

    *ret_done = 0;
    TRY(read_group(consumer, arena, &value));
    for (int16_t p = consumer->first; p < consumer->end; p++)
        for (size_t i = 0; i < value.item_count; i++) {
            const struct redis_value *part = &value.items[i];
            if (part->item_count == 2 && strcmp(part->items[0].string, streams[p]) == 0)
                *ret_done += process_entries(consumer, arena, streams[p], &part->items[1]);
        }
    if (clock_monotonic_ms() - consumer->claimed_ms > CLAIM_MS)
        claim_left(consumer, arena);
    return STATUS_OK;
}

/* --- the consumer: without Redis --- */

static int64_t *row_ids(struct arena *arena, const struct outbox_hand_out_row *rows, size_t count)
{
    int64_t *ids = arena_alloc_array(arena, count, sizeof(*ids));

    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].id;
    return ids;
}

static enum status take_directly(struct consumer *consumer, struct arena *arena, size_t *ret_done)
{
    struct app *app = consumer->background.app;
    struct outbox_any_due_row *any;
    struct outbox_hand_out_row *rows;
    size_t count;

    *ret_done = 0;
    TRY(outbox_any_due(app->db, arena, &any));
    for (int16_t p = consumer->first; any->due && p < consumer->end && *ret_done == 0; p++) {
        TRY(outbox_hand_out(app->db, arena, p, DIRECT_ROWS, OUTBOX_VISIBILITY_MS, RELAY_LEASE, 0,
                            &rows, &count));
        *ret_done = process_all(consumer, row_ids(arena, rows, count), count);
    }
    return STATUS_OK;
}

static uint64_t consumer_turn(struct background *background)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct consumer *consumer =
        (struct consumer *)((char *)background - offsetof(struct consumer, background));
    size_t done;

    if (redis_is_ready(background->app->redis)) {
        enum status s = consume(consumer, arena, &done);
        return s == STATUS_OK && done > 0 ? 0 : CONSUMER_IDLE_MS;
    }
    if (take_directly(consumer, arena, &done) == STATUS_OK && done > 0)
        return 0;
    return DIRECT_IDLE_MS;
}

/* --- the relay --- */

static const char add_script[] =
    "for i = 1, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', " STREAM_MAXLEN
    ", '*', 'id', ARGV[i]) end";

static enum status add_entries(struct app *app, struct arena *arena, const char *stream,
                               const struct outbox_hand_out_row *rows, size_t count)
{
    const char **words = arena_alloc_array(arena, count + 2, sizeof(*words));
    struct redis_value value;

    words[0] = "1";
    words[1] = stream;
    for (size_t i = 0; i < count; i++)
        words[2 + i] = arena_printf(arena, "%lld", (long long)rows[i].id);
    return redis_run_script(app->redis, arena, add_script, count + 2, words, &value);
}

static enum status relay_priority(struct outbox *outbox, struct arena *arena, int16_t priority,
                                  size_t *ret_count)
{
    struct app *app = outbox->relay.app;
    const char *words[] = {"XLEN", streams[priority]};
    struct outbox_hand_out_row *rows;
    struct redis_value length;

    *ret_count = 0;
    TRY(command(app, arena, 2, words, &length));
    if (length.integer >= STREAM_HIGH_WATER)
        return STATUS_OK;
    TRY(outbox_hand_out(app->db, arena, priority, RELAY_ROWS, OUTBOX_VISIBILITY_MS, RELAY_LEASE,
                        outbox->lease.token, &rows, ret_count));
    return *ret_count > 0 ? add_entries(app, arena, streams[priority], rows, *ret_count)
                          : STATUS_OK;
}

static void publish(struct app *app, const char *channel)
{
    (void)!redis_publish(app->redis, channel, "", 0);
}

/* Consumers that were not seen for long and left nothing: their processes are gone. */
static void clean_group(struct app *app, struct arena *arena, const char *stream)
{
    const char *list[] = {"XINFO", "CONSUMERS", stream, GROUP};
    struct redis_value consumers, value;

    if (command(app, arena, 4, list, &consumers) != STATUS_OK)
        return;
    for (size_t i = 0; i < consumers.item_count; i++) {
        const struct redis_value *one = &consumers.items[i];
        const char *drop[] = {"XGROUP", "DELCONSUMER", stream, GROUP, NULL};
        if (one->item_count < 6 || one->items[3].integer != 0 || one->items[5].integer < CLEAN_MS)
            continue;
        drop[4] = one->items[1].string;
        (void)!command(app, arena, 5, drop, &value);
    }
}

static void clean(struct outbox *outbox, struct arena *arena)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms - outbox->cleaned_ms < CLEAN_MS)
        return;
    outbox->cleaned_ms = now_ms;
    for (size_t i = 0; i < PRIORITIES; i++)
        clean_group(outbox->relay.app, arena, streams[i]);
}

static enum status hold_lease(struct outbox *outbox, struct arena *arena)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (now_ms < outbox->renew_ms)
        return STATUS_OK;
    TRY(lease_take(outbox->relay.app->db, arena, &outbox->lease));
    outbox->renew_ms = now_ms + RELAY_RENEW_MS;
    return STATUS_OK;
}

static enum status relay(struct outbox *outbox, struct arena *arena, size_t *ret_count)
{
    struct outbox_any_due_row *any;
    size_t count;

    *ret_count = 0;
    TRY(hold_lease(outbox, arena));
    clean(outbox, arena);
    TRY(outbox_any_due(outbox->relay.app->db, arena, &any));
    for (int16_t p = 0; any->due && p < PRIORITIES; p++) {
        TRY(relay_priority(outbox, arena, p, &count));
        *ret_count += count;
    }
    if (*ret_count > 0)
        publish(outbox->app, CHANNEL_PREFIX READY);
    return STATUS_OK;
}

static void count_rows(struct outbox *outbox, struct arena *arena)
{
    uint64_t now_ms = clock_monotonic_ms();
    struct outbox_counts_row *row;

    if (now_ms - outbox->counted_ms < COUNT_MS)
        return;
    outbox->counted_ms = now_ms;
    if (outbox_counts(outbox->relay.app->db, arena, &row) == STATUS_OK)
        outbox->stats = (struct outbox_stats){row->waiting, row->dead};
}

static void hand_over(struct background *background)
{
    struct outbox *outbox = background->app->outbox;

    if (outbox->lease.token != 0)
        (void)lease_release(background->app->db, &outbox->lease);
}

static uint64_t relay_turn(struct background *background)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct outbox *outbox = background->app->outbox;
    size_t count;

    count_rows(outbox, arena);
    if (!redis_is_ready(background->app->redis) || relay(outbox, arena, &count) != STATUS_OK) {
        outbox->renew_ms = 0;
        return RELAY_OTHER_MS;
    }
    return count > 0 ? 0 : RELAY_IDLE_MS;
}

/* --- waking --- */

static void tell(struct loop_task *task)
{
    struct outbox *outbox = (struct outbox *)((char *)task - offsetof(struct outbox, tell));

    publish(outbox->app, CHANNEL_PREFIX ADDED);
}

static void hear(void *user, const char *rest, const void *payload, size_t length)
{
    struct outbox *outbox = ((struct app *)user)->outbox;

    if (outbox == NULL)
        return; /* closed */
    if (strcmp(rest, READY) == 0) {
        background_wake(&outbox->quick.background);
        background_wake(&outbox->slow.background);
    } else if (strcmp(rest, ADDED) == 0 && outbox->renew_ms > 0) {
        background_wake(&outbox->relay);
    }
}

static void listen_for_wakes(struct outbox *outbox)
{
    struct app *app = outbox->app;

    outbox->tell.fn = tell;
    db_on_marked_commit(app->db, &outbox->tell);
    live_listen(app, CHANNEL_PREFIX, hear, app);
    redis_subscribe(app->redis, CHANNEL_PREFIX READY);
    if (loop_index(app->loop) == 0)
        redis_subscribe(app->redis, CHANNEL_PREFIX ADDED);
}

/* --- life --- */

void outbox_stats(const struct app *app, struct outbox_stats *ret)
{
    *ret = app->outbox->stats;
}

void outbox_open(struct app *app)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));

    if (outbox == NULL)
        abort();
    lease_name_holder(outbox->name);
    outbox->lease = (struct lease){.name = RELAY_LEASE, .ttl_ms = RELAY_LEASE_MS};
    memcpy(outbox->lease.holder, outbox->name, sizeof(outbox->name));
    outbox->app = app;
    app->outbox = outbox;
    outbox->quick = (struct consumer){.first = OUTBOX_URGENT, .end = OUTBOX_SLOW, .crew = CREW_MAX};
    outbox->slow = (struct consumer){.first = OUTBOX_SLOW, .end = PRIORITIES, .crew = CREW_SLOW};
    background_start(&outbox->quick.background, app, consumer_turn, CONSUMER_IDLE_MS);
    background_start(&outbox->slow.background, app, consumer_turn, CONSUMER_IDLE_MS);
    if (loop_index(app->loop) == 0)
        background_start(&outbox->relay, app, relay_turn, RELAY_IDLE_MS);
    outbox->relay.last = hand_over;
    listen_for_wakes(outbox);
}

void outbox_close(struct app *app)
{
    struct outbox *outbox = app->outbox;

    if (outbox->relay.app != NULL)
        background_stop(&outbox->relay);
    background_stop(&outbox->quick.background);
    background_stop(&outbox->slow.background);
    db_on_marked_commit(app->db, NULL);
    loop_undefer(app->loop, &outbox->tell);
    free(outbox);
    app->outbox = NULL;
}
