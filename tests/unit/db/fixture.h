/* fixture.h - a database of its own for each test, and coroutines to run on it.
 *
 * Failures end the test at once, so that nothing has to be checked twice. */
#ifndef WAYSTONE_TESTS_UNIT_DB_FIXTURE_H
#define WAYSTONE_TESTS_UNIT_DB_FIXTURE_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/coro.h"
#include "base/loop.h"
#include "base/workers.h"
#include "db/db.h"

struct world {
    struct loop *loop;
    struct workers *workers;
    struct arena *arena;
    PGconn *admin; /* blocking, for what goes on behind the pool's back */
    char dsn[512];
    char name[64];
    struct db_config config; /* may be changed before world_open_pool() */
    struct db *db;
};

/* A fresh database with the schema of sample.sql, and a loop. */
struct world *world_new(void);
/* Opens the pool and waits until all its connections are up. */
void world_open_pool(struct world *world);
/* Both. */
struct world *world_start(void);
void world_stopp(struct world **world);

/* Runs SQL behind the pool's back and returns the first value, or "". Valid until the next. */
const char *world_sql(struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);

/* Runs a function on a coroutine of its own and ticks until it has ended. */
void world_run(struct world *world, void (*fn)(struct world *world));
/* Starts one and returns; `*running` counts those alive. */
struct coro *world_start_coro(struct world *world, void (*fn)(void *argument), void *argument);
/* Ticks until `condition(argument)`; fails the test after 20 s. */
void world_until(struct world *world, bool (*condition)(void *argument), void *argument);
/* Ticks until no coroutine is left. */
void world_drain(struct world *world);

/* Interrupts the coroutine after a while. */
struct interruption {
    struct loop_timer timer;
    struct coro *coro;
    enum status why;
};
void interrupt_after(struct world *world, struct interruption *interruption, struct coro *coro,
                     uint64_t delay_ms, enum status why);

/* A private directory, removed when the test ends. */
const char *private_directory(void);

#endif
