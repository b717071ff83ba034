/* How long messages stay: older ones are archived or deleted, as channel_retention says of their
 * kind of channel. A reader whose cursor is older is told to begin anew. */
#include "db/queries/channels.h"
#include "handlers/chat_parts.h"
#include "handlers/jobs.h"

#define EVERY_S 900
#define BATCH_CHANNELS 50
#define BATCH_MESSAGES 500 /* of one channel, whose sends wait meanwhile */

/* One transaction of a few channels. */
static enum status archive_some(struct job *job, size_t *ret_count)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct retention_due_row *due;
    struct arena *arena;

    TRY(job_begin(job, &arena, &tx));
    TRY(retention_due(tx, arena, BATCH_CHANNELS, BATCH_MESSAGES, &due, ret_count));
    for (size_t i = 0; i < *ret_count; i++)
        TRY(retention_archive(tx, due[i].channel_id, due[i].up_to, due[i].archive));
    return db_commit(tx);
}

static enum status archive(struct job *job, struct app *app)
{
    size_t count = 1;

    while (count > 0)
        TRY(archive_some(job, &count));
    return STATUS_OK;
}

void chat_retention_register(void)
{
    jobs_register("chat_retention", EVERY_S, archive);
}
