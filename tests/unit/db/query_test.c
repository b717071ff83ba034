/* Queries on the pool: values, statuses, and neighbours on the read lane. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "sample.h"

static int64_t insert(struct world *world, const char *name)
{
    struct items_insert_row *row = NULL;

    cr_assert_eq(items_insert(world->db, world->arena, name, NULL, NULL, &row), STATUS_OK);
    return row->id;
}

/* --- values --- */

static void insert_and_get(struct world *world)
{
    struct items_get_row *item = NULL;
    struct items_insert_row *sword = NULL;
    double weight = 1.5;

    cr_assert_eq(items_insert(world->db, world->arena, "sword", &weight, "dvě \"ruce\"\n", &sword),
                 STATUS_OK);
    cr_assert_eq(items_get(world->db, world->arena, sword->id, &item), STATUS_OK);
    cr_expect_eq(item->id, sword->id);
    cr_expect_str_eq(item->name, "sword");
    cr_expect(!item->weight_is_null);
    cr_expect_eq(item->weight, 1.5);
    cr_expect_str_eq(item->note, "dvě \"ruce\"\n");

    cr_assert_eq(items_get(world->db, world->arena, insert(world, "shield"), &item), STATUS_OK);
    cr_expect(item->weight_is_null);
    cr_expect_null(item->note);

    item = NULL;
    cr_expect_eq(items_get(world->db, world->arena, 999, &item), STATUS_NOT_FOUND);
    cr_expect_null(item, "a result is set on success only");
}

Test(db_query, one_row_or_not_found)
{
    CLEANUP(world_stopp) struct world *world = world_start();

    world_run(world, insert_and_get);
}

static void read_series(struct world *world)
{
    struct series_row *rows = NULL;
    size_t count = 7;

    cr_assert_eq(series(world->db, world->arena, 5000, &rows, &count), STATUS_OK);
    cr_assert_eq(count, 5000);
    for (size_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof(text), "number %zu", i + 1);
        cr_assert_eq(rows[i].number, (int64_t)i + 1);
        cr_assert_str_eq(rows[i].text, text);
    }
    cr_assert_eq(series(world->db, world->arena, 0, &rows, &count), STATUS_OK);
    cr_expect_eq(count, 0);
}

Test(db_query, many_rows_and_none)
{
    CLEANUP(world_stopp) struct world *world = world_start();

    world_run(world, read_series);
}

static void count_changed_rows(struct world *world)
{
    size_t count = 0;

    insert(world, "axe of ash");
    insert(world, "axe of oak");
    insert(world, "bow");
    cr_assert_eq(items_rename(world->db, "axe", "an axe", &count), STATUS_OK);
    cr_expect_eq(count, 2);
    cr_assert_eq(items_rename(world->db, "spear", "a spear", &count), STATUS_OK);
    cr_expect_eq(count, 0);
}

Test(db_query, execrows_tells_the_rows_affected)
{
    CLEANUP(world_stopp) struct world *world = world_start();

    world_run(world, count_changed_rows);
}

static void echo_types(struct world *world)
{
    static const int64_t numbers[] = {INT64_MIN, 0, INT64_MAX};
    static const char *const names[] = {"a", "", "č"};
    const struct bytes raw = {(const uint8_t *)"\0\xff\\x", 4};
    const struct db_uuid key = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255}};
    struct types_echo_row *row = NULL;

    cr_assert_eq(types_echo(world->db, world->arena, INT16_MIN, INT32_MIN, INT64_MIN, true, -0.1,
                            "Ж", raw, 1234567890123456, key, numbers, 3, names, 3, &row),
                 STATUS_OK);
    cr_expect_eq(row->small, INT16_MIN);
    cr_expect_eq(row->normal, INT32_MIN);
    cr_expect_eq(row->big, INT64_MIN);
    cr_expect_eq(row->yes, true);
    cr_expect_eq(row->real, -0.1);
    cr_expect_str_eq(row->words, "Ж");
    cr_assert_eq(row->raw.length, 4);
    cr_expect_arr_eq(row->raw.data, raw.data, 4);
    cr_expect_eq(row->at, 1234567890123456);
    cr_expect_arr_eq(row->key.bytes, key.bytes, 16);
    cr_assert_eq(row->numbers.count, 3);
    cr_expect_arr_eq(row->numbers.items, numbers, sizeof(numbers));
    cr_expect_str_eq(row->names, "a,,č");

    cr_assert_eq(types_echo(world->db, world->arena, 0, 0, 0, false, INFINITY, "",
                            (struct bytes){0}, -1, key, NULL, 0, NULL, 0, &row),
                 STATUS_OK);
    cr_expect_eq(row->yes, false);
    cr_expect(isinf(row->real));
    cr_expect_str_eq(row->words, "");
    cr_expect_eq(row->raw.length, 0);
    cr_expect_eq(row->at, -1);
    cr_expect_eq(row->numbers.count, 0);
    cr_expect_str_eq(row->names, "");
}

Test(db_query, every_type_comes_back_as_it_went)
{
    CLEANUP(world_stopp) struct world *world = world_start();

    world_run(world, echo_types);
}

static void echo_nulls(struct world *world)
{
    struct types_echo_null_row *row = NULL;

    cr_assert_eq(types_echo_null(world->db, world->arena, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                                 NULL, NULL, &row),
                 STATUS_OK);
    cr_expect(row->small_is_null && row->normal_is_null && row->big_is_null && row->yes_is_null &&
              row->real_is_null && row->raw_is_null && row->at_is_null && row->key_is_null);
    cr_expect_null(row->words);
}

Test(db_query, nulls_stay_nulls)
{
    CLEANUP(world_stopp) struct world *world = world_start();

    world_run(world, echo_nulls);
}

static void write_times(struct world *world)
{
    struct time_text_row *row = NULL;

    cr_assert_eq(time_text(world->db, world->arena, 0, &row), STATUS_OK);
    cr_expect_str_eq(row->text, "1970-01-01 00:00:00");
    cr_assert_eq(time_text(world->db, world->arena, 1767225599999999, &row), STATUS_OK);
    cr_expect_str_eq(row->text, "2025-12-31 23:59:59.999999");
}

Test(db_query, times_count_from_1970)
{
    CLEANUP(world_stopp) struct world *world = world_start();

    world_run(world, write_times);
}

/* --- statuses --- */

static void break_rules(struct world *world)
{
    struct items_insert_row *row = NULL;
    struct next_number_row *number = NULL;
    struct write_sleep_row *slept = NULL;

    insert(world, "crown");
    cr_expect_eq(items_insert(world->db, world->arena, "crown", NULL, NULL, &row),
                 STATUS_ALREADY_EXISTS);
    cr_expect_eq(items_insert(world->db, world->arena, "", NULL, NULL, &row),
                 STATUS_FAILED_PRECONDITION, "the check refuses an empty name");
    cr_expect_eq(parts_insert(world->db, 12345), STATUS_FAILED_PRECONDITION,
                 "the foreign key is checked at the commit, which is the Sync");
    cr_expect_eq(next_number(world->db, world->arena, &number), STATUS_INTERNAL,
                 "the read lane takes no writes");
    cr_expect_eq(write_sleep(world->db, world->arena, 10, &slept), STATUS_DEADLINE_EXCEEDED,
                 "PostgreSQL's own timeout");
    insert(world, "after all that");
}

Test(db_query, errors_have_statuses)
{
    CLEANUP(world_stopp) struct world *world = world_new();

    world->config.statement_timeout_ms = 300;
    world->config.write_connections = 1;
    world_open_pool(world);
    world_run(world, break_rules);
}

/* --- neighbours on the read lane --- */

#define NEIGHBOURS 20

struct division {
    struct world *world;
    int32_t dividend, divisor, quotient;
    enum status status;
};

static void divide(void *argument)
{
    struct division *division = argument;
    struct quotient_row *row = NULL;

    division->status = quotient(division->world->db, division->world->arena, division->dividend,
                                division->divisor, &row);
    if (division->status == STATUS_OK)
        division->quotient = row->quotient;
}

/* All in one tick, on one connection; those whose index is in `bad` divide by zero. */
static void divide_together(struct world *world, uint32_t bad)
{
    struct division divisions[NEIGHBOURS];

    for (int i = 0; i < NEIGHBOURS; i++) {
        divisions[i] = (struct division){world, i * 6, bad >> i & 1 ? 0 : 3, 0, STATUS_UNKNOWN};
        world_start_coro(world, divide, &divisions[i]);
    }
    world_drain(world);
    for (int i = 0; i < NEIGHBOURS; i++) {
        if (bad >> i & 1) {
            cr_expect_eq(divisions[i].status, STATUS_INTERNAL, "%d: division by zero", i);
        } else {
            cr_expect_eq(divisions[i].status, STATUS_OK, "%d: %s", i,
                         status_name(divisions[i].status));
            cr_expect_eq(divisions[i].quotient, i * 2);
        }
    }
}

Test(db_read_lane, an_error_is_its_own)
{
    CLEANUP(world_stopp) struct world *world = world_new();

    world->config.read_connections = 1;
    world_open_pool(world);
    divide_together(world, 1u << 7);
    divide_together(world, 1u << 0);
    divide_together(world, 1u << 19);
    divide_together(world, 0x5a5a5);
    divide_together(world, 0xfffff);
    divide_together(world, 0);
}

struct reader {
    struct world *world;
    enum status status;
};

static void read_late(void *argument)
{
    struct reader *reader = argument;
    struct late_row *row = NULL;

    reader->status = late(reader->world->db, reader->world->arena, &row);
}

static void read_doubled(void *argument)
{
    struct reader *reader = argument;
    struct doubled_row *row = NULL;

    reader->status = doubled(reader->world->db, reader->world->arena, 21, &row);
    if (reader->status == STATUS_OK)
        cr_expect_eq(row->value, 42);
}

/* A query that cannot be prepared aborts what comes behind it, the preparation of others
 * included; neither must last. */
Test(db_read_lane, a_broken_query_harms_nobody_else)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    struct db_stats before, after;

    world->config.read_connections = 1;
    world_open_pool(world);
    db_stats(world->db, &before);
    for (int round = 0; round < 3; round++) {
        struct reader broken = {world, STATUS_UNKNOWN}, good = {world, STATUS_UNKNOWN};
        world_start_coro(world, read_late, &broken);
        world_start_coro(world, read_doubled, &good);
        world_drain(world);
        cr_expect_eq(broken.status, STATUS_INTERNAL, "%s", status_name(broken.status));
        cr_expect_eq(good.status, STATUS_OK, "%s", status_name(good.status));
    }
    world_sql(world, "CREATE TABLE late (id bigint); INSERT INTO late VALUES (1)");
    struct reader repaired = {world, STATUS_UNKNOWN};
    world_start_coro(world, read_late, &repaired);
    world_drain(world);
    cr_expect_eq(repaired.status, STATUS_OK, "%s", status_name(repaired.status));
    db_stats(world->db, &after);
    cr_expect_eq(after.reconnects, before.reconnects, "no connection was given up for it");
}

/* --- interruptions --- */

static void read_slowly(void *argument)
{
    struct reader *reader = argument;
    struct read_sleep_row *row = NULL;

    reader->status = read_sleep(reader->world->db, reader->world->arena, 0.4, &row);
}

Test(db_read_lane, an_abandoned_read_is_dropped)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    struct reader slow = {world, STATUS_UNKNOWN}, next = {world, STATUS_UNKNOWN};
    struct interruption interruption;
    struct coro *coro;
    uint64_t start_ms;

    world->config.read_connections = 1;
    world_open_pool(world);
    start_ms = loop_now_ms(world->loop);
    coro = world_start_coro(world, read_slowly, &slow);
    interrupt_after(world, &interruption, coro, 50, STATUS_DEADLINE_EXCEEDED);
    world_drain(world);
    cr_expect_eq(slow.status, STATUS_DEADLINE_EXCEEDED);
    cr_expect_lt(loop_now_ms(world->loop) - start_ms, 300, "it did not wait for PostgreSQL");

    world_start_coro(world, read_doubled, &next);
    world_drain(world);
    cr_expect_eq(next.status, STATUS_OK, "the late result was taken for another's");
}

struct sleepless {
    struct world *world;
    enum status status, commit_status;
};

static void query_after_interruption(void *argument)
{
    struct sleepless *sleepless = argument;
    struct world *world = sleepless->world;
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct items_insert_row *row = NULL;
    struct interruption interruption;

    cr_assert_eq(db_begin(world->db, world->arena, &tx), STATUS_OK);
    cr_assert_eq(items_insert(tx, world->arena, "too late", NULL, NULL, &row), STATUS_OK);
    interrupt_after(world, &interruption, coro_self(), 10, STATUS_CANCELLED);
    cr_assert_eq(coro_sleep(10000), STATUS_CANCELLED);
    sleepless->status = items_insert(world->db, world->arena, "later yet", NULL, NULL, &row);
    sleepless->commit_status = db_commit(tx);
}

Test(db_query, nothing_is_sent_for_whom_nobody_waits)
{
    CLEANUP(world_stopp) struct world *world = world_start();
    struct sleepless sleepless = {world, STATUS_UNKNOWN, STATUS_UNKNOWN};

    world_start_coro(world, query_after_interruption, &sleepless);
    world_drain(world);
    cr_expect_eq(sleepless.status, STATUS_CANCELLED);
    cr_expect_eq(sleepless.commit_status, STATUS_CANCELLED);
    for (int i = 0; i < 10; i++)
        loop_tick(world->loop, 10);
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM items"), "0");
}
