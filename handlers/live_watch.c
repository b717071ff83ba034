#include "handlers/live_watch.h"

#include <stdlib.h>

#include "db/queries/live.h"
#include "handlers/background.h"
#include "handlers/live.h"

#define PERIOD_MS 1000
/* Rows carry the time at which their transaction began, and are seen when it has ended. Seeing one
 * several times costs a question each. */
#define OVERLAP_MS 5000

struct live_watch {
    struct background background;
    uint64_t looked_ms; /* when it last succeeded; all before is known */
};

static void recheck(struct hub *hub, const struct live_taken_away_row *row)
{
    if (row->channel_id == 0) {
        hub_recheck_account(hub, row->account_id);
        return;
    }
    hub_recheck(hub, (struct hub_topic){TOPIC_KIND_CHANNEL, row->channel_id}, row->account_id);
    hub_recheck(hub, (struct hub_topic){TOPIC_KIND_PRESENCE, row->channel_id}, row->account_id);
}

static enum status look(struct app *app, int64_t seconds)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct live_taken_away_row *taken;
    struct live_blocks_changed_row *blocks;
    size_t taken_count, block_count;

    TRY(live_taken_away(app->db, arena, seconds, &taken, &taken_count));
    TRY(live_blocks_changed(app->db, arena, seconds, &blocks, &block_count));
    for (size_t i = 0; i < taken_count; i++)
        recheck(app->hub, &taken[i]);
    for (size_t i = 0; i < block_count; i++)
        hub_reload_hidden(app->hub, blocks[i].account_id);
    return STATUS_OK;
}

static uint64_t turn(struct background *background)
{
    struct live_watch *watch = (struct live_watch *)background;
    uint64_t now_ms = loop_now_ms(background->app->loop);
    int64_t seconds = (int64_t)(now_ms - watch->looked_ms + OVERLAP_MS) / 1000 + 1;

    /* What could not be asked for now is asked for later, from where this began. */
    if (look(background->app, seconds) == STATUS_OK)
        watch->looked_ms = now_ms;
    return PERIOD_MS;
}

void live_watch_open(struct app *app)
{
    struct live_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        abort();
    watch->looked_ms = loop_now_ms(app->loop);
    background_start(&watch->background, app, turn, PERIOD_MS);
    app->live_watch = watch;
}

void live_watch_close(struct app *app)
{
    background_stop(&app->live_watch->background);
    free(app->live_watch);
    app->live_watch = NULL;
}
