/* loop.h - one event loop, on one thread.
 *
 * A loop wraps h2o's event loop and adds what it lacks: timers of any duration, coroutines
 * that are ready to run, work put off to the end of the tick, and messages from other
 * threads. One tick is:
 *
 *   1. poll sockets and run their callbacks (h2o),
 *   2. run messages posted by other threads and expired timers,
 *   3. resume every coroutine that became ready, and run the tasks that begin something,
 *   4. run deferred tasks; repeat 3 and 4 with what they brought, for some rounds at most.
 *
 * Callbacks only mark coroutines ready; they run in step 3, so handler code never runs inside
 * a parser's or library's callback. Writers defer their flush to step 4, so that all that a
 * tick produced for one connection leaves in one system call.
 *
 * Everything here belongs to the loop's own thread except loop_post() and loop_stop(). */
#ifndef WAYSTONE_BASE_LOOP_H
#define WAYSTONE_BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct loop;
struct st_h2o_evloop_t;

/* A loop for the calling thread. `index` counts loops from 0 and names it in logs. */
struct loop *loop_new(unsigned index);

/* Only after loop_run() has returned and everything on the loop was closed. Accepts NULL. */
void loop_free(struct loop *loop);

/* Runs ticks until loop_stop(). */
void loop_run(struct loop *loop);

/* Runs one tick, waiting at most `max_wait_ms` for something to happen. */
void loop_tick(struct loop *loop, int max_wait_ms);

/* Makes loop_run() return after the current tick. Any thread. */
void loop_stop(struct loop *loop);

/* The loop of the calling thread, or NULL. */
struct loop *loop_current(void);

unsigned loop_index(const struct loop *loop);

/* h2o's loop, for sockets. */
struct st_h2o_evloop_t *loop_h2o(struct loop *loop);

/* Monotonic milliseconds, read once a tick (after polling). */
uint64_t loop_now_ms(const struct loop *loop);

/* --- timers: a binary heap; setting and cancelling cost O(log n) --- */

struct loop_timer {
    void (*fn)(struct loop_timer *timer); /* set by the owner before loop_timer_set() */
    uint64_t at_ms;
    size_t position; /* in the heap, from 1; 0 when not set */
};

/* Sets or moves the timer; it fires once, on or after `delay_ms`. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);

/* Sets or moves it to the next of the loop's beats that are `period_ms` apart, at most so long from
 * now. What is done every so often then falls into the same ticks: one wake-up for all of it, and
 * one write to each server it asks. */
void loop_timer_set_on_beat(struct loop *loop, struct loop_timer *timer, uint64_t period_ms);

/* No effect when it is not set. */
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

static inline bool loop_timer_is_set(const struct loop_timer *timer)
{
    return timer->position != 0;
}

/* --- work put off to the end of the tick --- */

struct loop_task {
    void (*fn)(struct loop_task *task); /* set by the owner before loop_defer() */
    struct loop_task *next;
    struct loop_task *previous;
    bool queued;
};

/* Runs the task once in step 4 of this tick (of the next one, from outside a tick). Deferring
 * a queued task again has no effect. Long work is done in pieces by a task that defers itself:
 * between two pieces run the coroutines that are ready, and after some of them the sockets. */
void loop_defer(struct loop *loop, struct loop_task *task);

/* No effect when it is not queued. */
void loop_undefer(struct loop *loop, struct loop_task *task);

/* --- work that begins once all that came was read --- */

/* Runs the task once in step 3 of this tick, in order. What the same reading takes back never
 * begins: see loop_unbegin(). A task must not begin itself. */
void loop_begin(struct loop *loop, struct loop_task *task);

/* No effect when it is not queued. */
void loop_unbegin(struct loop *loop, struct loop_task *task);

/* --- messages from any thread --- */

/* Runs `fn(argument)` on the loop's thread, in order of posting. Any thread. */
void loop_post(struct loop *loop, void (*fn)(void *argument), void *argument);

/* --- file descriptors of libraries that do their own reading and writing --- */

struct loop_watch;

/* Tells when `fd` is readable, and, after loop_watch_want_write(), once when it is writable.
 * The descriptor is duplicated: the library keeps its own. Callbacks may free the watch. NULL when
 * the process has no descriptor left. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, void (*on_readable)(void *argument),
                                  void (*on_writable)(void *argument), void *argument);
void loop_watch_want_write(struct loop_watch *watch);
/* Accepts NULL. */
void loop_watch_free(struct loop_watch *watch);

#endif
