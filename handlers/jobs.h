/* jobs.h - what has to be done every so often, once, however many instances there are.
 *
 * A job is registered under a name before the server starts. When it is due, one instance takes
 * its lease and runs it on a coroutine of its first loop. An instance that dies in it is replaced
 * when the lease is over; one that is merely slow loses the lease, and with it every transaction
 * begun by job_begin(). */
#ifndef WAYSTONE_HANDLERS_JOBS_H
#define WAYSTONE_HANDLERS_JOBS_H

#include "handlers/app.h"

struct job; /* a run */

/* One run. Does its work in transactions of job_begin(), each bounded (thousands of rows, not
 * millions), and returns how it ended; what fails is tried again in the next period. */
typedef enum status (*job_fn)(struct job *job, struct app *app);

/* `name` in letters, digits and "_", at most 56; static. */
void jobs_register(const char *name, uint32_t every_s, job_fn fn);

/* Begins a transaction under the job's lease. The arena is a fresh one, freed when the next begins
 * or the run ends. ABORTED once another instance has taken the job over. Suspends. */
enum status job_begin(struct job *job, struct arena **ret_arena, struct db **ret_tx) MUST_CHECK;

/* Deletes or changes rows in bounded batches, a transaction each, until one is not full. `batch`
 * tells how many rows it took of at most `limit`. */
typedef enum status (*job_batch_fn)(struct arena *arena, struct db *tx, int64_t limit,
                                    size_t *ret_count);
enum status job_in_batches(struct job *job, job_batch_fn batch) MUST_CHECK;

/* On the process's first loop only; others do nothing. `app->db` must be open. */
void jobs_open(struct app *app);
void jobs_close(struct app *app);

#endif
