/* coro.h - stackful coroutines, so that a handler that waits is still a straight line.
 *
 * A coroutine runs on a pooled stack with a guard page, on the loop that started it, and never
 * moves. It gives up the thread only in await() and what is built on it. Nothing suspended is
 * ever freed: to end a coroutine early, interrupt it; every await then returns the given
 * status and the stack unwinds normally.
 *
 * To build something that can be awaited:
 *
 *     struct awaitable done;                   // on the waiter's stack, or in its request
 *     awaitable_init(&done);
 *     start_something(..., &done);             // whose callback calls awaitable_complete()
 *     enum status s = await(&done);
 *     if (!awaitable_is_complete(&done))       // interrupted: the callback is still to come
 *         forget_something(...);               // so make sure that it never touches `done`
 *
 * Everything belongs to the loop's thread. */
#ifndef WAYSTONE_BASE_CORO_H
#define WAYSTONE_BASE_CORO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "base/status.h"

struct coro;

/* Whether the process has a stack left for what a client asks for. Ask before coro_start() where
 * clients choose how many there are, and refuse when there is none. */
bool coro_can_start(void);

/* Starts `fn(argument)` on a stack of its own, in step 3 of the current tick (loop.h). */
struct coro *coro_start(struct loop *loop, void (*fn)(void *argument), void *argument);

/* The same, but runs it at once until it first waits: a stack goes from one short coroutine to the
 * next while it is still in the processor's cache. Not from a coroutine or a library's callback. */
void coro_run(struct loop *loop, void (*fn)(void *argument), void *argument);

/* The running coroutine, or NULL on the loop's own stack. */
struct coro *coro_self(void);

/* Makes the coroutine's pending await, and every later one, return `why` (not STATUS_OK). The
 * first interruption stays. Returns at once; the coroutine runs in step 3. The coroutine must not
 * have ended: owners forget their pointer when `fn` returns. */
void coro_interrupt(struct coro *coro, enum status why);

/* What interrupted the running coroutine; STATUS_OK if nothing did, or off a coroutine. */
enum status coro_interrupted(void);

/* Bytes of stack a coroutine may use. */
#define CORO_STACK_BYTES (128 * 1024)

/* Coroutines alive on this thread, for metrics and leak checks. */
size_t coro_count(void);

struct awaitable {
    struct coro *waiter; /* NULL while nobody waits */
    enum status status;
    bool complete;
};

void awaitable_init(struct awaitable *awaitable);

/* Suspends until the awaitable is complete and returns its status; returns at once if it is.
 * When the coroutine is interrupted first, returns that status instead. Only on a coroutine. */
enum status await(struct awaitable *awaitable) MUST_CHECK;

/* As await(), but an interruption does not wake it: for what cannot be forgotten half-way, such
 * as work on another thread that writes to the waiter's memory. */
enum status await_uninterruptible(struct awaitable *awaitable);

/* Completes it and readies its waiter, if any. Once only. */
void awaitable_complete(struct awaitable *awaitable, enum status status);

static inline bool awaitable_is_complete(const struct awaitable *awaitable)
{
    return awaitable->complete;
}

/* Suspends for at least `delay_ms`. */
enum status coro_sleep(uint64_t delay_ms) MUST_CHECK;

/* Lets every other ready coroutine run first. */
enum status coro_yield(void) MUST_CHECK;

#endif
