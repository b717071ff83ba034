#include "handlers/word_filters.h"

#include <stdlib.h>

#include "base/coro.h"
#include "db/queries/moderation.h"

#define POLL_MS 500

struct word_filters {
    struct app *app;
    struct filter_set *set; /* NULL: not read yet */
    int64_t version;
    struct loop_timer timer;
};

/* The version comes first: a change between the two queries is read again, never missed. */
static enum status load(struct word_filters *filters, struct arena *arena, int64_t version)
{
    struct filters_list_row *rows;
    struct filter_rule *rules;
    size_t count;

    TRY(filters_list(filters->app->db, arena, &rows, &count));
    rules = arena_alloc_array(arena, count, sizeof(*rules));
    for (size_t i = 0; i < count; i++)
        rules[i] = (struct filter_rule){.id = rows[i].id,
                                        .words = rows[i].words,
                                        .action = rows[i].action,
                                        .channel_kind = rows[i].channel_kind,
                                        .exempt_from = rows[i].exempt_from};
    if (filters->set != NULL && version < filters->version)
        return STATUS_OK; /* another coroutine has read a newer one meanwhile */
    filter_set_free(filters->set);
    filters->set = filter_set_new(rules, count);
    filters->version = version;
    return STATUS_OK;
}

static enum status refresh(struct word_filters *filters)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct filters_version_row *row;

    TRY(filters_version(filters->app->db, arena, &row));
    if (filters->set != NULL && row->version == filters->version)
        return STATUS_OK;
    return load(filters, arena, row->version);
}

static void poll_main(void *argument)
{
    struct word_filters *filters = argument;

    (void)!refresh(filters);
    loop_timer_set_on_beat(filters->app->loop, &filters->timer, POLL_MS);
}

static void on_timer(struct loop_timer *timer)
{
    struct word_filters *filters =
        (struct word_filters *)((char *)timer - offsetof(struct word_filters, timer));

    coro_start(filters->app->loop, poll_main, filters);
}

enum status word_filters_get(struct app *app, const struct filter_set **ret)
{
    if (app->word_filters->set == NULL)
        TRY(refresh(app->word_filters));
    *ret = app->word_filters->set;
    return STATUS_OK;
}

void word_filters_changed(struct app *app)
{
    (void)!refresh(app->word_filters);
}

void word_filters_open(struct app *app)
{
    struct word_filters *filters = calloc(1, sizeof(*filters));

    if (filters == NULL)
        abort();
    filters->app = app;
    filters->timer.fn = on_timer;
    loop_timer_set(app->loop, &filters->timer, 0);
    app->word_filters = filters;
}

void word_filters_close(struct app *app)
{
    loop_timer_cancel(app->loop, &app->word_filters->timer);
    filter_set_free(app->word_filters->set);
    free(app->word_filters);
    app->word_filters = NULL;
}
