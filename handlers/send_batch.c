#include "handlers/send_batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db/queries/chat.h"
#include "handlers/outbox.h"

/* Rows of one statement: more of them lock their channels for longer and gain little. */
#define BATCH_ITEMS 256
/* Each try but the last found that another call had just used one of the keys. */
#define MAX_TRIES 3

struct send_batch {
    struct app *app;
    struct send_item *first, **end; /* not on their way yet */
    bool running;
};

/* --- one statement --- */

struct columns {
    int64_t channel_ids[BATCH_ITEMS], account_ids[BATCH_ITEMS], character_ids[BATCH_ITEMS],
        request_hashes[BATCH_ITEMS], reply_tos[BATCH_ITEMS];
    const char *character_names[BATCH_ITEMS], *texts[BATCH_ITEMS], *keys[BATCH_ITEMS],
        *mentions[BATCH_ITEMS], *mentioned_accounts[BATCH_ITEMS], *told_accounts[BATCH_ITEMS],
        *tellings[BATCH_ITEMS];
};

static struct columns *columns_of(struct arena *arena, struct send_item **items, size_t count)
{
    struct columns *columns = arena_alloc_uninitialised(arena, sizeof(*columns));

    for (size_t i = 0; i < count; i++) {
        columns->channel_ids[i] = items[i]->channel_id;
        columns->account_ids[i] = items[i]->account_id;
        columns->character_ids[i] = items[i]->character_id;
        columns->request_hashes[i] = items[i]->request_hash;
        columns->reply_tos[i] = items[i]->reply_to;
        columns->character_names[i] = items[i]->character_name;
        columns->texts[i] = items[i]->text;
        columns->keys[i] = items[i]->key;
        columns->mentions[i] = items[i]->mentions;
        columns->mentioned_accounts[i] = items[i]->mentioned_accounts;
        columns->told_accounts[i] = items[i]->told_accounts;
        columns->tellings[i] = items[i]->tellings;
    }
    return columns;
}

static enum status insert(struct db *db, struct arena *arena, struct send_item **items,
                          size_t count)
{
    struct columns *columns = columns_of(arena, items, count);
    struct messages_insert_row *rows;
    size_t row_count;

    TRY(messages_insert(db, arena, columns->channel_ids, count, columns->account_ids, count,
                        columns->character_ids, count, columns->character_names, count,
                        columns->texts, count, columns->keys, count, columns->request_hashes, count,
                        columns->reply_tos, count, columns->mentions, count,
                        columns->mentioned_accounts, count, columns->told_accounts, count,
                        columns->tellings, count, &rows, &row_count));
    for (size_t i = 0; i < row_count; i++) {
        struct send_item *item = items[rows[i].position - 1];
        item->sequence = rows[i].sequence;
        item->sent_at_us = rows[i].sent_at;
    }
    return STATUS_OK;
}

static bool tells(struct send_item **items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (items[i]->sequence > 0 && strcmp(items[i]->told_accounts, "{}") != 0)
            return true;
    return false;
}

/* A key that was used meanwhile undoes the statement; the next try sees it. */
static enum status insert_again(struct db *db, struct arena *arena, struct send_item **items,
                                size_t count)
{
    enum status s = STATUS_ALREADY_EXISTS;

    for (int tries = 0; tries < MAX_TRIES && s == STATUS_ALREADY_EXISTS; tries++)
        s = insert(db, arena, items, count);
    return s == STATUS_ALREADY_EXISTS ? STATUS_ABORTED : s;
}

/* --- the queue --- */

static void append(struct send_batch *batch, struct send_item *item)
{
    item->next = NULL;
    item->queued = true;
    *batch->end = item;
    batch->end = &item->next;
}

static void unlink_at(struct send_batch *batch, struct send_item **place)
{
    struct send_item *item = *place;

    *place = item->next;
    if (batch->end == &item->next)
        batch->end = place;
    item->queued = false;
}

static void leave(struct send_batch *batch, struct send_item *item)
{
    struct send_item **place = &batch->first;

    while (*place != item)
        place = &(*place)->next;
    unlink_at(batch, place);
}

/* A statement does not see its own rows: a key goes into it once. */
static bool repeats_key(const struct send_item *item, struct send_item **items, size_t count)
{
    if (item->key[0] == '\0')
        return false;
    for (size_t i = 0; i < count; i++)
        if (items[i]->account_id == item->account_id && strcmp(items[i]->key, item->key) == 0)
            return true;
    return false;
}

static size_t take(struct send_batch *batch, struct send_item **items)
{
    struct send_item **place = &batch->first;
    size_t count = 0;

    while (*place != NULL && count < BATCH_ITEMS) {
        if (repeats_key(*place, items, count)) {
            place = &(*place)->next;
        } else {
            items[count++] = *place;
            unlink_at(batch, place);
        }
    }
    return count;
}

/* --- running --- */

static void answer(struct send_batch *batch, struct send_item **items, size_t count,
                   enum status status)
{
    if (status == STATUS_OK && tells(items, count))
        outbox_added(batch->app);
    for (size_t i = 0; i < count; i++) {
        if (status == STATUS_OK && items[i]->sequence > 0 && items[i]->on_said != NULL)
            items[i]->on_said(batch->app, items[i]);
        awaitable_complete(&items[i]->done, status);
    }
}

/* Whether the statement's failure may be the fault of one of its rows alone: an outcome that is
 * not known, or a database that is away, concerns them all. */
static bool may_be_one_row(enum status status)
{
    return status != STATUS_OK && status != STATUS_UNAVAILABLE &&
           status != STATUS_DEADLINE_EXCEEDED && status != STATUS_CANCELLED;
}

static void run_batch(struct send_batch *batch, struct send_item **items, size_t count)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    enum status status = insert_again(batch->app->db, arena, items, count);

    if (count == 1 || !may_be_one_row(status)) {
        answer(batch, items, count, status);
        return;
    }
    for (size_t i = 0; i < count; i++)
        answer(batch, &items[i], 1, insert_again(batch->app->db, arena, &items[i], 1));
}

static void run(void *argument)
{
    struct send_batch *batch = argument;
    struct send_item *items[BATCH_ITEMS];
    size_t count;

    while ((count = take(batch, items)) > 0)
        run_batch(batch, items, count);
    batch->running = false;
}

enum status send_batch_say(struct app *app, struct send_item *item)
{
    struct send_batch *batch = app->sends;
    enum status status;

    TRY(coro_interrupted());
    awaitable_init(&item->done);
    append(batch, item);
    if (!batch->running) {
        batch->running = true;
        coro_start(app->loop, run, batch);
    }
    status = await(&item->done);
    if (awaitable_is_complete(&item->done))
        return item->done.status;
    if (!item->queued)
        return await_uninterruptible(&item->done); /* its memory is in use, its outcome open */
    leave(batch, item);
    return status;
}

/* --- life --- */

void send_batch_open(struct app *app)
{
    struct send_batch *batch = calloc(1, sizeof(*batch));

    if (batch == NULL)
        abort();
    batch->app = app;
    batch->end = &batch->first;
    app->sends = batch;
}

void send_batch_close(struct app *app)
{
    if (app->sends == NULL)
        return;
    assert(app->sends->first == NULL && !app->sends->running);
    free(app->sends);
    app->sends = NULL;
}
