/* Connections that are lost, late, or not there at all. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "sample.h"
#include "tests/unit/db/descriptors.h"

struct task {
    struct world *world;
    double seconds;
    enum status status;
};

static void sleep_reading(void *argument)
{
    struct task *task = argument;
    struct read_sleep_row *row;

    task->status = read_sleep(task->world->db, task->world->arena, task->seconds, &row);
}

static void sleep_writing(void *argument)
{
    struct task *task = argument;
    struct write_sleep_row *row;

    task->status = write_sleep(task->world->db, task->world->arena, task->seconds, &row);
}

static void count_reading(void *argument)
{
    struct task *task = argument;
    struct items_count_row *row;

    task->status = items_count(task->world->db, task->world->arena, &row);
}

static enum status run_task(struct world *world, void (*fn)(void *argument))
{
    struct task task = {world, 0, STATUS_UNKNOWN};

    world_start_coro(world, fn, &task);
    world_drain(world);
    return task.status;
}

static void tick_for(struct world *world, uint64_t duration_ms)
{
    uint64_t until_ms = clock_monotonic_ms() + duration_ms;

    while (clock_monotonic_ms() < until_ms)
        loop_tick(world->loop, 5);
}

/* A connection string with another socket directory. */
static char *dsn_at(struct world *world, const char *directory)
{
    return arena_printf(world->arena, "%s host=%s", world->dsn, directory);
}

/* Makes the real server's socket appear in a directory, so that it can vanish again. */
static void show_server(struct world *world, const char *directory)
{
    const char *there = arena_printf(world->arena, "%s/.s.PGSQL.5432", PQhost(world->admin));

    cr_assert_eq(symlink(there, arena_printf(world->arena, "%s/.s.PGSQL.5432", directory)), 0);
}

static void hide_server(struct world *world, const char *directory)
{
    cr_assert_eq(unlink(arena_printf(world->arena, "%s/.s.PGSQL.5432", directory)), 0);
}

static bool is_ready(void *argument)
{
    return db_is_ready(((struct world *)argument)->db);
}

/* --- killed --- */

#define BACKENDS "FROM pg_stat_activity WHERE application_name = 'waystone' AND datname = '%s'"

Test(db_connection, a_killed_write_is_unavailable_and_not_repeated)
{
    CLEANUP(world_stopp) struct world *world = world_start();
    struct task task = {world, 5, STATUS_UNKNOWN};

    world_start_coro(world, sleep_writing, &task);
    tick_for(world, 50);
    world_sql(world, "SELECT pg_terminate_backend(pid) " BACKENDS " AND state = 'active'",
              world->name);
    world_drain(world);
    cr_expect_eq(task.status, STATUS_UNAVAILABLE, "%s", status_name(task.status));
    task.seconds = 0;
    world_start_coro(world, sleep_writing, &task);
    world_drain(world);
    cr_expect_eq(task.status, STATUS_OK);
}

Test(db_connection, a_killed_read_runs_again)
{
    CLEANUP(world_stopp) struct world *world = world_start();
    struct task task = {world, 0.2, STATUS_UNKNOWN};

    world_start_coro(world, sleep_reading, &task);
    tick_for(world, 50);
    world_sql(world, "SELECT pg_terminate_backend(pid) " BACKENDS " AND state = 'active'",
              world->name);
    world_drain(world);
    cr_expect_eq(task.status, STATUS_OK, "%s", status_name(task.status));
}

static bool is_down(void *argument)
{
    struct world *world = argument;
    struct db_stats stats;

    db_stats(world->db, &stats);
    return stats.read_up + stats.write_up == 0;
}

/* What a restart of PostgreSQL does to a pool. */
Test(db_connection, all_of_them_come_back)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = private_directory();
    struct db_stats before, after;
    uint64_t start_ms;

    show_server(world, directory);
    world->config.dsn = dsn_at(world, directory);
    world_open_pool(world);
    cr_assert_eq(run_task(world, count_reading), STATUS_OK);
    db_stats(world->db, &before);
    hide_server(world, directory);
    world_sql(world, "SELECT pg_terminate_backend(pid) " BACKENDS, world->name);
    world_until(world, is_down, world);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(run_task(world, count_reading), STATUS_UNAVAILABLE);
    cr_expect_eq(run_task(world, sleep_writing), STATUS_UNAVAILABLE);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 500, "calls pile up while nothing is there");
    show_server(world, directory);
    world_until(world, is_ready, world);
    cr_expect_eq(run_task(world, count_reading), STATUS_OK, "prepared anew");
    cr_expect_eq(run_task(world, sleep_writing), STATUS_OK);
    db_stats(world->db, &after);
    cr_expect_gt(after.reconnects, before.reconnects);
}

struct lost {
    struct world *world;
    enum status query_status, commit_status;
};

static void lose_transaction(void *argument)
{
    struct lost *lost = argument;
    struct world *world = lost->world;
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct items_insert_row *row;
    struct db_stats before, stats;

    db_stats(world->db, &before);
    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(items_insert(tx, world->arena, "lost", NULL, NULL, &row), STATUS_OK);
    world_sql(world, "SELECT pg_terminate_backend(pid) " BACKENDS, world->name);
    do {
        cr_assert_eq(coro_sleep(10), STATUS_OK);
        db_stats(world->db, &stats);
    } while (stats.reconnects <
             before.reconnects + world->config.read_connections + world->config.write_connections);
    lost->query_status = items_insert(tx, world->arena, "found", NULL, NULL, &row);
    lost->commit_status = db_commit(tx);
}

Test(db_connection, a_transaction_ends_with_its_connection)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    struct lost lost = {world, STATUS_UNKNOWN, STATUS_UNKNOWN};

    world->config.write_connections = 1; /* the same slot, connected anew */
    world_open_pool(world);
    world_start_coro(world, lose_transaction, &lost);
    world_drain(world);
    cr_expect_eq(lost.query_status, STATUS_UNAVAILABLE);
    cr_expect_eq(lost.commit_status, STATUS_UNAVAILABLE);
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM items"), "0");
    cr_expect_eq(run_task(world, sleep_writing), STATUS_OK);
}

/* --- not there --- */

Test(db_connection, a_server_that_starts_later_is_found)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = private_directory();
    uint64_t start_ms = clock_monotonic_ms();

    world->config.dsn = dsn_at(world, directory);
    world->db = db_open(world->loop, &world->config, world->workers);
    cr_expect(!db_is_ready(world->db));
    cr_expect_eq(run_task(world, count_reading), STATUS_UNAVAILABLE);
    cr_expect_eq(run_task(world, sleep_writing), STATUS_UNAVAILABLE);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 1000);
    show_server(world, directory);
    world_until(world, is_ready, world);
    cr_expect_eq(run_task(world, count_reading), STATUS_OK);
    cr_expect_eq(run_task(world, sleep_writing), STATUS_OK);
}

static int listen_silently(const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", directory);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 100), 0);
    return fd;
}

Test(db_connection, a_server_that_says_nothing_is_given_up)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = private_directory();
    int fd = listen_silently(directory);
    uint64_t start_ms = clock_monotonic_ms();

    world->config.dsn = dsn_at(world, directory);
    world->config.connect_timeout_ms = 200;
    world->db = db_open(world->loop, &world->config, world->workers);
    cr_expect_eq(run_task(world, count_reading), STATUS_UNAVAILABLE);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 2000);
    close(fd);
}

/* A machine that is gone does not close its connections. */
Test(db_connection, a_server_that_falls_silent_is_given_up)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    struct task task = {world, 0, STATUS_UNKNOWN};
    pid_t backend;

    world->config.statement_timeout_ms = 200;
    world->config.read_connections = 1;
    world->config.write_connections = 1;
    world_open_pool(world);
    cr_assert_eq(run_task(world, count_reading), STATUS_OK);
    backend = (pid_t)atoi(world_sql(
        world, "SELECT pid " BACKENDS " AND query LIKE '%%count(id)%%' AND pid <> pg_backend_pid()",
        world->name));
    cr_assert_gt(backend, 1);
    cr_assert_eq(kill(backend, SIGSTOP), 0);
    world_start_coro(world, count_reading, &task);
    world_drain(world);
    cr_assert_eq(kill(backend, SIGCONT), 0);
    cr_expect_eq(task.status, STATUS_OK, "it ran again on a new connection: %s",
                 status_name(task.status));
}

/* --- the synchronous standby --- */

static void insert_one(void *argument)
{
    struct task *task = argument;
    struct items_insert_row *row;

    task->status = items_insert(task->world->db, task->world->arena, "once", NULL, NULL, &row);
}

/* PostgreSQL reports success with a warning when the wait for its standby is cancelled. */
Test(db_connection, a_commit_without_its_standby_is_not_a_success)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    struct task single = {world, 0, STATUS_UNKNOWN};
    uint64_t until_ms = clock_monotonic_ms() + 5000;

    /* Other databases of the cluster do not wait: the test services commit asynchronously. */
    world_sql(world, "ALTER DATABASE %s SET synchronous_commit = on", world->name);
    world_open_pool(world);
    world_sql(world, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    world_sql(world, "SELECT pg_reload_conf()");
    tick_for(world, 300);
    world_start_coro(world, insert_one, &single);
    while (single.status == STATUS_UNKNOWN && clock_monotonic_ms() < until_ms) {
        tick_for(world, 50);
        world_sql(world, "SELECT pg_cancel_backend(pid) " BACKENDS " AND wait_event = 'SyncRep'",
                  world->name);
    }
    world_sql(world, "ALTER SYSTEM RESET synchronous_standby_names");
    world_sql(world, "SELECT pg_reload_conf()");
    world_drain(world);
    cr_expect_eq(single.status, STATUS_UNAVAILABLE, "%s", status_name(single.status));
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM items"), "1", "it was committed here");
}

/* --- closing --- */

Test(db_connection, closing_answers_whoever_waits)
{
    struct world *world = world_start();
    struct task read = {world, 5, STATUS_UNKNOWN}, write = {world, 5, STATUS_UNKNOWN};
    uint64_t start_ms = clock_monotonic_ms();

    world_start_coro(world, sleep_reading, &read);
    world_start_coro(world, sleep_writing, &write);
    tick_for(world, 50);
    db_close(world->db);
    world->db = NULL;
    cr_expect_eq(read.status, STATUS_UNAVAILABLE);
    cr_expect_eq(write.status, STATUS_UNAVAILABLE);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 2000);
    world_stopp(&world);
}

/* --- no descriptors --- */

/* Each step of connecting meets it once; none may end the process or leave the pool without. */
Test(db_connection, is_made_once_there_are_descriptors_again)
{
    for (unsigned left = 0; left < 8; left++) {
        CLEANUP(world_stopp) struct world *world = world_new();
        descriptors_take(left);
        world->db = db_open(world->loop, &world->config, world->workers);
        tick_for(world, 50);
        descriptors_give_back();
        world_until(world, is_ready, world);
        cr_expect_eq(run_task(world, count_reading), STATUS_OK, "%u were left", left);
    }
}
