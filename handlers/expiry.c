#include "handlers/expiry.h"

#include "db/queries/credentials.h"
#include "db/queries/factors.h"
#include "db/queries/platform.h"
#include "handlers/jobs.h"
#include "handlers/totp.h"

#define EVERY_S 600

static enum status idempotency_batch(struct arena *arena, struct db *tx, int64_t limit,
                                     size_t *ret_count)
{
    return expire_idempotency_keys(tx, limit, ret_count);
}

static enum status run_idempotency(struct job *job, struct app *app)
{
    return job_in_batches(job, idempotency_batch);
}

/* A session ends with its last token. */
static enum status sessions_batch(struct arena *arena, struct db *tx, int64_t limit,
                                  size_t *ret_count)
{
    struct expire_refresh_tokens_row *rows;
    int64_t *ids;

    TRY(expire_refresh_tokens(tx, arena, limit, &rows, ret_count));
    ids = arena_alloc_array(arena, *ret_count, sizeof(*ids));
    for (size_t i = 0; i < *ret_count; i++)
        ids[i] = rows[i].session_id;
    return expire_sessions(tx, ids, *ret_count);
}

static enum status run_sessions(struct job *job, struct app *app)
{
    return job_in_batches(job, sessions_batch);
}

static enum status notifications_batch(struct arena *arena, struct db *tx, int64_t limit,
                                       size_t *ret_count)
{
    return expire_notifications(tx, limit, ret_count);
}

static enum status run_notifications(struct job *job, struct app *app)
{
    return job_in_batches(job, notifications_batch);
}

static enum status account_events_batch(struct arena *arena, struct db *tx, int64_t limit,
                                        size_t *ret_count)
{
    struct expire_account_events_row *row;

    TRY(expire_account_events(tx, arena, limit, &row));
    *ret_count = (size_t)row->deleted;
    return STATUS_OK;
}

static enum status run_account_events(struct job *job, struct app *app)
{
    return job_in_batches(job, account_events_batch);
}

static enum status challenges_batch(struct arena *arena, struct db *tx, int64_t limit,
                                    size_t *ret_count)
{
    return expire_challenges(tx, limit, ret_count);
}

static enum status pending_totp_batch(struct arena *arena, struct db *tx, int64_t limit,
                                      size_t *ret_count)
{
    return expire_pending_totp(tx, limit, TOTP_PENDING_LIFE_S, ret_count);
}

static enum status run_challenges(struct job *job, struct app *app)
{
    TRY(job_in_batches(job, challenges_batch));
    return job_in_batches(job, pending_totp_batch);
}

static enum status account_tokens_batch(struct arena *arena, struct db *tx, int64_t limit,
                                        size_t *ret_count)
{
    return expire_account_tokens(tx, limit, ret_count);
}

static enum status run_account_tokens(struct job *job, struct app *app)
{
    return job_in_batches(job, account_tokens_batch);
}

static enum status reserved_names_batch(struct arena *arena, struct db *tx, int64_t limit,
                                        size_t *ret_count)
{
    return expire_reserved_names(tx, limit, ret_count);
}

static enum status run_reserved_names(struct job *job, struct app *app)
{
    return job_in_batches(job, reserved_names_batch);
}

void expiry_register(void)
{
    jobs_register("expire_idempotency_keys", EVERY_S, run_idempotency);
    jobs_register("expire_sessions", EVERY_S, run_sessions);
    jobs_register("expire_challenges", EVERY_S, run_challenges);
    jobs_register("expire_notifications", EVERY_S, run_notifications);
    jobs_register("expire_account_tokens", EVERY_S, run_account_tokens);
    jobs_register("expire_reserved_names", EVERY_S, run_reserved_names);
    jobs_register("expire_account_events", EVERY_S, run_account_events);
}
