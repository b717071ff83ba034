#include "fixture.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define PATIENCE_MS 20000

static const char schema[] =
    "CREATE TABLE items (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " name text NOT NULL UNIQUE CHECK (name <> ''), weight float8, note text);"
    "CREATE TABLE parts (item_id bigint NOT NULL"
    " REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED);"
    "CREATE SEQUENCE numbers;";

const char *world_sql(struct world *world, const char *format, ...)
{
    static char value[256];
    char sql[2048];
    va_list arguments;
    PGresult *result;

    va_start(arguments, format);
    vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    result = PQexec(world->admin, sql);
    cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK ||
                  PQresultStatus(result) == PGRES_TUPLES_OK,
              "%s: %s", sql, PQerrorMessage(world->admin));
    snprintf(value, sizeof(value), "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

static PGconn *connect_blocking(const char *dsn)
{
    PGconn *pg = PQconnectdb(dsn);

    cr_assert_eq(PQstatus(pg), CONNECTION_OK, "%s", PQerrorMessage(pg));
    return pg;
}

struct world *world_new(void)
{
    const char *dsn = getenv("WAYSTONE_TEST_DSN");
    struct world *world = calloc(1, sizeof(*world));

    log_set_level(LOG_LEVEL_ERROR);
    cr_assert_not_null(dsn, "run by tests/support/with_services.py");
    snprintf(world->name, sizeof(world->name), "db_unit_%d", (int)getpid());
    world->admin = connect_blocking(dsn);
    world_sql(world, "SET client_min_messages = warning");
    world_sql(world, "DROP DATABASE IF EXISTS %s WITH (FORCE)", world->name);
    world_sql(world, "CREATE DATABASE %s", world->name);
    PQfinish(world->admin);
    snprintf(world->dsn, sizeof(world->dsn), "%s dbname=%s", dsn, world->name);
    world->admin = connect_blocking(world->dsn);
    world_sql(world, "%s", schema);

    world->loop = loop_new(0);
    world->workers = workers_new(1, 64);
    world->arena = arena_new();
    world->config = (struct db_config){
        .dsn = world->dsn,
        .read_connections = 2,
        .write_connections = 4,
        .connect_timeout_ms = 5000,
        .acquire_timeout_ms = 5000,
        .statement_timeout_ms = 15000,
    };
    return world;
}

static bool is_all_up(void *argument)
{
    struct world *world = argument;
    struct db_stats stats;

    db_stats(world->db, &stats);
    return stats.read_up == world->config.read_connections &&
           stats.write_up == world->config.write_connections;
}

void world_open_pool(struct world *world)
{
    world->db = db_open(world->loop, &world->config, world->workers);
    world_until(world, is_all_up, world);
}

struct world *world_start(void)
{
    struct world *world = world_new();

    world_open_pool(world);
    return world;
}

void world_stopp(struct world **world_pointer)
{
    struct world *world = *world_pointer;
    const char *dsn = getenv("WAYSTONE_TEST_DSN");

    db_close(world->db);
    cr_expect_eq(coro_count(), 0);
    workers_free(world->workers);
    arena_free(world->arena);
    loop_free(world->loop);
    PQfinish(world->admin);
    world->admin = connect_blocking(dsn);
    world_sql(world, "DROP DATABASE %s WITH (FORCE)", world->name);
    PQfinish(world->admin);
    free(world);
}

/* --- coroutines --- */

void world_until(struct world *world, bool (*condition)(void *argument), void *argument)
{
    uint64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

    while (!condition(argument)) {
        cr_assert_lt(clock_monotonic_ms(), until_ms, "it did not happen within 20 s");
        loop_tick(world->loop, 10);
    }
}

struct coro *world_start_coro(struct world *world, void (*fn)(void *argument), void *argument)
{
    return coro_start(world->loop, fn, argument);
}

static bool nothing_runs(void *argument)
{
    return coro_count() == 0;
}

void world_drain(struct world *world)
{
    world_until(world, nothing_runs, NULL);
}

struct body {
    void (*fn)(struct world *world);
    struct world *world;
};

static void run_body(void *argument)
{
    struct body *body = argument;

    body->fn(body->world);
}

void world_run(struct world *world, void (*fn)(struct world *world))
{
    struct body body = {fn, world};

    world_start_coro(world, run_body, &body);
    world_drain(world);
}

static void on_interruption(struct loop_timer *timer)
{
    struct interruption *interruption = (struct interruption *)timer;

    coro_interrupt(interruption->coro, interruption->why);
}

void interrupt_after(struct world *world, struct interruption *interruption, struct coro *coro,
                     uint64_t delay_ms, enum status why)
{
    *interruption = (struct interruption){.timer.fn = on_interruption, .coro = coro, .why = why};
    loop_timer_set(world->loop, &interruption->timer, delay_ms);
}

/* --- files --- */

static char directory[64];

static void remove_directory(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    if (system(command) != 0)
        fprintf(stderr, "%s is left\n", directory);
}

const char *private_directory(void)
{
    strcpy(directory, "/tmp/waystone-unit-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    atexit(remove_directory);
    return directory;
}
