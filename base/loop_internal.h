/* loop_internal.h - what loop.c and coro.c share; nobody else includes it. */
#ifndef WAYSTONE_BASE_LOOP_INTERNAL_H
#define WAYSTONE_BASE_LOOP_INTERNAL_H

#include "base/coro.h"
#include "base/loop.h"

/* Coroutines that run in step 3, first in, first out. */
struct ready_queue {
    struct coro *first, *last;
};

struct ready_queue *loop_ready_queue(struct loop *loop);

/* Resumes what is in the queue now; what becomes ready meanwhile waits for the next round. */
void coro_run_ready(struct ready_queue *queue);

/* Frees the calling thread's pool of stacks. */
void coro_free_stacks(void);

#endif
