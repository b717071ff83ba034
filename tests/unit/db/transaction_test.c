/* Transactions and the write pool. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/internal.h"
#include "fixture.h"
#include "sample.h"

static enum status insert(struct db *db, struct world *world, const char *name)
{
    struct items_insert_row *row;

    return items_insert(db, world->arena, name, NULL, NULL, &row);
}

static int64_t count_items(struct world *world)
{
    return strtoll(world_sql(world, "SELECT count(*) FROM items"), NULL, 10);
}

/* --- commit and rollback --- */

static void commit_two(struct world *world)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(insert(tx, world, "helmet"), STATUS_OK);
    cr_assert_eq(insert(tx, world, "boots"), STATUS_OK);
    cr_expect_eq(count_items(world), 0, "nobody sees it before the commit");
    cr_assert_eq(db_commit(tx), STATUS_OK);
    cr_expect_eq(count_items(world), 2);
    cr_expect_eq(insert(tx, world, "gloves"), STATUS_FAILED_PRECONDITION, "it is over");
    cr_expect_eq(db_commit(tx), STATUS_FAILED_PRECONDITION);
}

static void roll_back_by_leaving(struct world *world)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(insert(tx, world, "cape"), STATUS_OK);
}

static void begin_and_do_nothing(struct world *world)
{
    CLEANUP(db_rollbackp) struct db *left = NULL;
    struct db *committed = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &left), STATUS_OK);
    cr_assert_eq(coro_sleep(20), STATUS_OK);
    cr_assert_eq(db_begin(world->db, world->arena, &committed), STATUS_OK);
    cr_assert_eq(db_commit(committed), STATUS_OK);
}

Test(db_transaction, commit_keeps_and_leaving_undoes)
{
    CLEANUP(world_stopp) struct world *world = world_start();
    struct db_stats stats;

    world_run(world, commit_two);
    for (int i = 0; i < 10; i++) /* more often than there are connections */
        world_run(world, roll_back_by_leaving);
    for (int i = 0; i < 10; i++)
        world_run(world, begin_and_do_nothing);
    cr_expect_eq(count_items(world), 2);
    db_stats(world->db, &stats);
    cr_expect_eq(stats.write_busy, 0);
    cr_expect_str_eq(world_sql(world,
                               "SELECT count(*) FROM pg_stat_activity WHERE datname = '%s' "
                               "AND state LIKE 'idle in transaction%%'",
                               world->name),
                     "0");
}

/* --- marked transactions --- */

static unsigned told;

static void count_task(struct loop_task *task)
{
    told++;
}

static void commit_one(struct world *world, bool mark)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(insert(tx, world, "ring"), STATUS_OK);
    if (mark)
        db_mark(tx);
    cr_expect_eq(told, 0, "not before the commit");
    cr_assert_eq(db_commit(tx), STATUS_OK);
}

static void commit_marked(struct world *world)
{
    commit_one(world, true);
}

static void commit_unmarked(struct world *world)
{
    commit_one(world, false);
}

static void mark_and_leave(struct world *world)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(insert(tx, world, "amulet"), STATUS_OK);
    db_mark(tx);
}

static void mark_what_fails(struct world *world)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    db_mark(tx);
    cr_assert_eq(insert(tx, world, "orb"), STATUS_OK);
    cr_assert_eq(insert(tx, world, "orb"), STATUS_ALREADY_EXISTS);
    cr_assert_eq(db_commit(tx), STATUS_ABORTED);
}

Test(db_transaction, a_marked_commit_is_told)
{
    CLEANUP(world_stopp) struct world *world = world_start();
    struct loop_task task = {.fn = count_task};

    db_on_marked_commit(world->db, &task);
    world_run(world, commit_unmarked);
    world_run(world, mark_and_leave);
    world_run(world, mark_what_fails);
    loop_tick(world->loop, 0);
    cr_expect_eq(told, 0);
    world_sql(world, "DELETE FROM items");
    world_run(world, commit_marked);
    loop_tick(world->loop, 0);
    cr_expect_eq(told, 1);
    db_on_marked_commit(world->db, NULL);
    told = 0;
    world_sql(world, "DELETE FROM items");
    world_run(world, commit_marked);
    loop_tick(world->loop, 0);
    cr_expect_eq(told, 0);
}

static void commit_after_an_error(struct world *world)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(insert(tx, world, "ring"), STATUS_OK);
    cr_expect_eq(insert(tx, world, "ring"), STATUS_ALREADY_EXISTS);
    cr_expect_eq(insert(tx, world, "amulet"), STATUS_ABORTED, "the transaction has failed");
    cr_expect_eq(db_commit(tx), STATUS_ABORTED, "PostgreSQL rolls back what failed");
    cr_expect_eq(count_items(world), 0);
    cr_expect_eq(insert(world->db, world, "ring"), STATUS_OK);
}

Test(db_transaction, a_failed_statement_fails_the_commit)
{
    CLEANUP(world_stopp) struct world *world = world_new();

    world->config.write_connections = 1;
    world_open_pool(world);
    world_run(world, commit_after_an_error);
}

static void break_deferred_rule(struct world *world)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(parts_insert(tx, 4711), STATUS_OK);
    cr_expect_eq(db_commit(tx), STATUS_FAILED_PRECONDITION);
}

Test(db_transaction, a_deferred_rule_fails_the_commit)
{
    CLEANUP(world_stopp) struct world *world = world_start();

    world_run(world, break_deferred_rule);
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM parts"), "0");
}

/* --- deadlock --- */

struct party {
    struct world *world;
    int64_t first, second;
    enum status status;
};

static void lock_both(void *argument)
{
    struct party *party = argument;
    struct world *world = party->world;
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct items_lock_row *row;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(items_lock(tx, world->arena, party->first, &row), STATUS_OK);
    cr_assert_eq(coro_sleep(50), STATUS_OK);
    party->status = items_lock(tx, world->arena, party->second, &row);
}

Test(db_transaction, a_deadlock_aborts_one)
{
    CLEANUP(world_stopp) struct world *world = world_start();
    struct party a = {world, 1, 2, STATUS_UNKNOWN}, b = {world, 2, 1, STATUS_UNKNOWN};

    world_sql(world, "INSERT INTO items (name) VALUES ('left'), ('right')");
    world_start_coro(world, lock_both, &a);
    world_start_coro(world, lock_both, &b);
    world_drain(world);
    cr_expect(a.status == STATUS_ABORTED || b.status == STATUS_ABORTED);
    cr_expect(a.status == STATUS_OK || b.status == STATUS_OK);
}

/* --- interruptions --- */

struct sleeper {
    struct world *world;
    enum status status;
};

static void sleep_in_transaction(void *argument)
{
    struct sleeper *sleeper = argument;
    struct world *world = sleeper->world;
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct write_sleep_row *row;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(insert(tx, world, "dream"), STATUS_OK);
    sleeper->status = write_sleep(tx, world->arena, 10, &row);
}

Test(db_transaction, a_deadline_cancels_the_statement)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    struct sleeper sleeper = {world, STATUS_UNKNOWN};
    struct interruption interruption;
    uint64_t start_ms = clock_monotonic_ms();

    world->config.write_connections = 1;
    world_open_pool(world);
    interrupt_after(world, &interruption, world_start_coro(world, sleep_in_transaction, &sleeper),
                    100, STATUS_DEADLINE_EXCEEDED);
    world_drain(world);
    cr_expect_eq(sleeper.status, STATUS_DEADLINE_EXCEEDED);
    world_run(world, commit_two); /* on the same connection */
    cr_expect_lt(clock_monotonic_ms() - start_ms, 5000, "PostgreSQL slept to the end");
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM items WHERE name = 'dream'"), "0");
}

static void sleep_a_moment(void *argument)
{
    struct sleeper *sleeper = argument;
    struct write_sleep_row *row;

    sleeper->status = write_sleep(sleeper->world->db, sleeper->world->arena, 0.002, &row);
}

/* A cancellation that arrives when its statement is over must not hit the next one. */
Test(db_write_pool, a_late_cancel_hits_nobody)
{
    CLEANUP(world_stopp) struct world *world = world_new();

    world->config.write_connections = 1;
    world_open_pool(world);
    for (int i = 0; i < 150; i++) {
        struct sleeper first = {world, STATUS_UNKNOWN}, second = {world, STATUS_UNKNOWN};
        struct interruption interruption;
        struct coro *coro = world_start_coro(world, sleep_a_moment, &first);

        world_start_coro(world, sleep_a_moment, &second);
        for (int tick = 0; tick < i % 3; tick++)
            loop_tick(world->loop, 1);
        if (first.status == STATUS_UNKNOWN)
            interrupt_after(world, &interruption, coro, 0, STATUS_CANCELLED);
        world_drain(world);
        cr_assert_eq(second.status, STATUS_OK, "round %d: %s", i, status_name(second.status));
    }
}

/* --- waiting for a connection --- */

struct holder {
    struct world *world;
    uint64_t hold_ms;
    enum status status;
    int *order, place;
};

static void hold(void *argument)
{
    struct holder *holder = argument;
    CLEANUP(db_rollbackp) struct db *tx = NULL;

    holder->status = db_begin(holder->world->db, holder->world->arena, &tx);
    if (holder->status != STATUS_OK)
        return;
    holder->place = ++*holder->order;
    cr_assert_eq(coro_sleep(holder->hold_ms), STATUS_OK);
}

Test(db_write_pool, who_comes_first_is_served_first)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    struct holder holders[8];
    int order = 0;

    world->config.write_connections = 2;
    world_open_pool(world);
    for (int i = 0; i < 8; i++) {
        holders[i] = (struct holder){world, 20, STATUS_UNKNOWN, &order, 0};
        world_start_coro(world, hold, &holders[i]);
    }
    world_drain(world);
    for (int i = 0; i < 8; i++) {
        cr_expect_eq(holders[i].status, STATUS_OK);
        cr_expect_eq(holders[i].place, i + 1);
    }
}

Test(db_write_pool, waiting_ends_with_its_timeout_or_the_waiter)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    int order = 0;
    struct holder long_one = {world, 600, STATUS_UNKNOWN, &order, 0};
    struct holder waiting = {world, 0, STATUS_UNKNOWN, &order, 0};
    struct holder cancelled = {world, 0, STATUS_UNKNOWN, &order, 0};
    struct holder late = {world, 0, STATUS_UNKNOWN, &order, 0};
    struct interruption interruption;
    struct db_stats stats;
    struct coro *coro;

    world->config.write_connections = 1;
    world->config.acquire_timeout_ms = 200;
    world_open_pool(world);
    world_start_coro(world, hold, &long_one);
    world_start_coro(world, hold, &waiting);
    coro = world_start_coro(world, hold, &cancelled);
    loop_tick(world->loop, 0);
    db_stats(world->db, &stats);
    cr_expect_eq(stats.write_waiting, 2);
    interrupt_after(world, &interruption, coro, 50, STATUS_CANCELLED);
    world_drain(world);
    cr_expect_eq(long_one.status, STATUS_OK);
    cr_expect_eq(waiting.status, STATUS_UNAVAILABLE);
    cr_expect_eq(cancelled.status, STATUS_CANCELLED);

    world_start_coro(world, hold, &late);
    world_drain(world);
    cr_expect_eq(late.status, STATUS_OK, "the connection came back");
}

/* What a cancel leaves behind that hits a ROLLBACK or COMMIT: a transaction nobody ends. */
static void leave_open(struct world *world)
{
    struct db_connection *connection;
    struct db_outcome outcome = {0};

    cr_assert_eq(db_pool_acquire(world->db, &connection), STATUS_OK);
    awaitable_init(&outcome.done);
    cr_assert(db_connection_command(connection, "BEGIN", &outcome));
    db_connection_sync(connection);
    cr_assert_eq(db_outcome_wait(&outcome, connection), STATUS_OK);
    db_pool_release(connection);
    cr_assert_eq(insert(world->db, world, "sword"), STATUS_OK);
    cr_expect_eq(count_items(world), 1, "the write was not swallowed by the open transaction");
}

Test(db_write_pool, an_open_transaction_poisons_nobody)
{
    CLEANUP(world_stopp) struct world *world = world_new();

    world->config.write_connections = 1;
    world_open_pool(world);
    world_run(world, leave_open);
}
