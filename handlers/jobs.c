#include "handlers/jobs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "base/log.h"
#include "db/queries/platform.h"
#include "handlers/background.h"
#include "handlers/leases.h"

#define MAX_JOBS 32
#define LOOK_MS 1000
#define LEASE_MS 60000
#define BATCH_ROWS 1000

struct kind {
    const char *name;
    uint32_t every_s;
    job_fn fn;
};

/* Written before the loops start. */
static struct kind kinds[MAX_JOBS];
static size_t kind_count;

struct job {
    struct app *app;
    const struct kind *kind;
    struct lease lease;
    char lease_name[64];
    struct arena *arena; /* of the transaction that runs */
};

struct jobs {
    struct background background;
    char holder[LEASE_HOLDER_BYTES];
    bool known; /* to the database */
};

void jobs_register(const char *name, uint32_t every_s, job_fn fn)
{
    assert(kind_count < MAX_JOBS);
    kinds[kind_count++] = (struct kind){name, every_s, fn};
}

/* --- for jobs --- */

enum status job_begin(struct job *job, struct arena **ret_arena, struct db **ret_tx)
{
    arena_free(job->arena);
    job->arena = arena_new();
    TRY(db_begin(job->app->db, job->arena, ret_tx));
    *ret_arena = job->arena;
    return lease_hold(*ret_tx, job->arena, &job->lease);
}

static enum status run_batch(struct job *job, job_batch_fn batch, size_t *ret_count)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct arena *arena;

    TRY(job_begin(job, &arena, &tx));
    TRY(batch(arena, tx, BATCH_ROWS, ret_count));
    return db_commit(tx);
}

enum status job_in_batches(struct job *job, job_batch_fn batch)
{
    size_t count;

    do {
        TRY(run_batch(job, batch, &count));
    } while (count >= BATCH_ROWS && !job->app->jobs->background.stopping);
    return STATUS_OK;
}

/* --- a run --- */

static enum status run_under_lease(struct job *job)
{
    size_t started, finished;
    enum status s;

    TRY(jobs_start(job->app->db, job->kind->name, &started));
    if (started == 0)
        return STATUS_OK; /* it was done between the look and the lease */
    s = job->kind->fn(job, job->app);
    if (s != STATUS_OK)
        log_error("job failed", LOG_STRING("job", job->kind->name),
                  LOG_STRING("status", status_name(s)));
    TRY(jobs_finish(job->app->db, job->kind->name, job->lease.name, job->lease.token,
                    status_name(s), &finished));
    if (finished == 0)
        log_warning("job was taken over by another instance", LOG_STRING("job", job->kind->name));
    return STATUS_OK;
}

static enum status run(struct jobs *jobs, const struct kind *kind)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct job job = {.app = jobs->background.app, .kind = kind};
    enum status s;

    snprintf(job.lease_name, sizeof(job.lease_name), "job/%s", kind->name);
    job.lease = (struct lease){.name = job.lease_name, .ttl_ms = LEASE_MS};
    snprintf(job.lease.holder, sizeof(job.lease.holder), "%s", jobs->holder);
    s = lease_take(job.app->db, arena, &job.lease);
    if (s == STATUS_ABORTED)
        return STATUS_OK; /* another runs it */
    TRY(s);
    s = run_under_lease(&job);
    arena_free(job.arena);
    (void)lease_release(job.app->db, &job.lease);
    return s;
}

/* --- the look --- */

static enum status make_known(struct jobs *jobs)
{
    for (size_t i = 0; i < kind_count; i++)
        TRY(jobs_put(jobs->background.app->db, kinds[i].name, (int32_t)kinds[i].every_s));
    jobs->known = true;
    return STATUS_OK;
}

static const struct kind *find(const char *name)
{
    for (size_t i = 0; i < kind_count; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static enum status look(struct jobs *jobs)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *names[MAX_JOBS];
    struct jobs_due_row *due;
    size_t count;

    if (!jobs->known)
        TRY(make_known(jobs));
    for (size_t i = 0; i < kind_count; i++)
        names[i] = kinds[i].name;
    TRY(jobs_due(jobs->background.app->db, arena, names, kind_count, &due, &count));
    for (size_t i = 0; i < count && !jobs->background.stopping; i++)
        TRY(run(jobs, find(due[i].name)));
    return STATUS_OK;
}

/* What fails here (the database is away) is tried again in a second, and told by those who
 * need it more. */
static uint64_t on_turn(struct background *background)
{
    (void)!look(background->app->jobs);
    return LOOK_MS;
}

void jobs_open(struct app *app)
{
    struct jobs *jobs;

    if (loop_index(app->loop) != 0)
        return;
    jobs = calloc(1, sizeof(*jobs));
    if (jobs == NULL)
        abort();
    lease_name_holder(jobs->holder);
    app->jobs = jobs;
    background_start(&jobs->background, app, on_turn, LOOK_MS);
}

void jobs_close(struct app *app)
{
    if (app->jobs == NULL)
        return;
    background_stop(&app->jobs->background);
    free(app->jobs);
    app->jobs = NULL;
}
