/* workers.h - a bounded pool of threads for what would block a loop: password hashing,
 * libpq's blocking cancel.
 *
 * One pool serves all loops. The queue is bounded: when it is full the caller is refused at
 * once, since waiting behind it would only miss the deadline. */
#ifndef WAYSTONE_BASE_WORKERS_H
#define WAYSTONE_BASE_WORKERS_H

#include <stddef.h>

#include "base/status.h"

struct workers;

struct workers *workers_new(unsigned threads, size_t queue_length);

/* Finishes what is queued, then ends the threads. Accepts NULL. */
void workers_free(struct workers *workers);

/* Runs `fn(argument)` on a worker while the calling coroutine is suspended; cannot be
 * interrupted, so `argument` may live on the caller's stack. RESOURCE_EXHAUSTED if the queue
 * is full. */
enum status workers_run(struct workers *workers, void (*fn)(void *argument), void *argument)
    MUST_CHECK;

/* Runs `fn(argument)` on a worker and tells nobody. Any thread. RESOURCE_EXHAUSTED if full. */
enum status workers_post(struct workers *workers, void (*fn)(void *argument), void *argument)
    MUST_CHECK;

/* Jobs waiting for a thread. Any thread. */
size_t workers_queued(struct workers *workers);

#endif
