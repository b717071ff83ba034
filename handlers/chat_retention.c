/* How long messages stay: older ones are archived or deleted, as channel_retention says of their
 * kind of channel. A reader whose cursor is older is told to begin anew. */
#include "db/queries/channels.h"
#include "handlers/chat_parts.h"
#include "handlers/jobs.h"

#define EVERY_S 900
#define BATCH_CHANNELS 50
#define BATCH_MESSAGES 500 /* of one channel, whose sends wait meanwhile */

/* Never two channels in a transaction: those who send to several hold them in another order. */
static enum status archive_one(struct job *job, const struct retention_due_row *due)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct arena *arena;

    TRY(job_begin(job, &arena, &tx));
    TRY(retention_archive(tx, due->channel_id, due->up_to, due->archive));
    return db_commit(tx);
}

static enum status archive_some(struct job *job, struct app *app, size_t *ret_count)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct retention_due_row *due;

    TRY(retention_due(app->db, arena, BATCH_CHANNELS, BATCH_MESSAGES, &due, ret_count));
    for (size_t i = 0; i < *ret_count; i++)
        TRY(archive_one(job, &due[i]));
    return STATUS_OK;
}

static enum status archive(struct job *job, struct app *app)
{
    size_t count = 1;

    while (count > 0)
        TRY(archive_some(job, app, &count));
    return STATUS_OK;
}

void chat_retention_register(void)
{
    jobs_register("chat_retention", EVERY_S, archive);
}
