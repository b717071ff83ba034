/* background.h - what a loop does without being called: one coroutine, again and again.
 *
 * Each turn runs on a coroutine of its own and says when the next one comes. Everything belongs
 * to the loop's thread. */
#ifndef WAYSTONE_HANDLERS_BACKGROUND_H
#define WAYSTONE_HANDLERS_BACKGROUND_H

#include "handlers/app.h"

struct background {
    struct app *app;
    /* One turn; suspends. Returns the milliseconds until the next, at most: it comes on a beat of
     * the loop. */
    uint64_t (*turn)(struct background *background);
    /* Runs once at the end, on a coroutine as well. NULL: nothing to be done. */
    void (*last)(struct background *background);
    struct loop_timer timer;
    struct coro *running;
    uint64_t begun_ms; /* when the last turn began */
    bool woken;        /* while a turn ran */
    bool stopping;     /* a turn that sees it ends soon */
};

/* `background` lives until background_stop(). */
void background_start(struct background *background, struct app *app,
                      uint64_t (*turn)(struct background *background), uint64_t first_ms);

/* The next turn comes at once, or as soon as BACKGROUND_GAP_MS have gone by since the last began:
 * what wakes often is done together. */
#define BACKGROUND_GAP_MS 10
void background_wake(struct background *background);

/* No turn comes any more, but the last. What runs may go on for a second, and is then interrupted;
 * ticks the loop until it has ended. */
void background_stop(struct background *background);

#endif
