/* Migrations: applied once, in order, and never changed afterwards. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static char error[512];

static void write_file(const char *directory, const char *name, const char *sql)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(sql, file);
    fclose(file);
}

static void remove_file(const char *directory, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    cr_assert_eq(unlink(path), 0);
}

static enum status migrate(struct world *world, const char *directory)
{
    error[0] = '\0';
    return db_migrate(world->dsn, directory, error, sizeof(error));
}

static void expect_refusal(struct world *world, const char *directory, const char *reason)
{
    cr_expect_eq(migrate(world, directory), STATUS_FAILED_PRECONDITION);
    cr_expect_not_null(strstr(error, reason), "'%s' does not say '%s'", error, reason);
    cr_expect_null(strchr(error, '\n'), "one sentence: %s", error);
}

static const char *two_migrations(void)
{
    const char *directory = private_directory();

    write_file(directory, "0001_first.sql", "CREATE TABLE first (id int); -- one\n");
    write_file(directory, "0002_second.sql",
               "CREATE TABLE second (id int);\nINSERT INTO second VALUES (1);\n");
    write_file(directory, "README.md", "no migration");
    return directory;
}

Test(db_migrate, applies_each_once)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = two_migrations();

    cr_assert_eq(migrate(world, directory), STATUS_OK, "%s", error);
    cr_assert_eq(migrate(world, directory), STATUS_OK, "%s", error);
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM second"), "1");
    write_file(directory, "0003_third.sql", "INSERT INTO second VALUES (2);");
    cr_assert_eq(migrate(world, directory), STATUS_OK, "%s", error);
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM second"), "2");
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM schema_migrations"), "3");
}

Test(db_migrate, refuses_a_history_that_changed)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = two_migrations();

    cr_assert_eq(migrate(world, directory), STATUS_OK, "%s", error);
    write_file(directory, "0001_first.sql", "CREATE TABLE first (id int); -- two\n");
    expect_refusal(world, directory, "0001_first.sql was changed");
    remove_file(directory, "0001_first.sql");
    expect_refusal(world, directory, "0001_first.sql, which");
    write_file(directory, "0001_first.sql", "CREATE TABLE first (id int); -- one\n");
    write_file(directory, "0001_between.sql", "CREATE TABLE too_late (id int);");
    expect_refusal(world, directory, "0001_between.sql is older");
    cr_expect_str_eq(world_sql(world, "SELECT to_regclass('too_late') IS NULL"), "t");
}

Test(db_migrate, a_failed_migration_leaves_nothing)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = two_migrations();

    write_file(directory, "0003_bad.sql", "CREATE TABLE third (id int);\nSELECT nonsense;\n");
    expect_refusal(world, directory, "0003_bad.sql failed");
    cr_expect_str_eq(world_sql(world, "SELECT to_regclass('third') IS NULL"), "t");
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM schema_migrations"), "2");
    write_file(directory, "0003_bad.sql", "CREATE TABLE third (id int);");
    cr_expect_eq(migrate(world, directory), STATUS_OK, "%s", error);
}

Test(db_migrate, says_what_is_missing)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = private_directory();

    expect_refusal(world, directory, "no migrations in");
    write_file(directory, "0001_first.sql", "SELECT 1;");
    cr_expect_eq(db_migrate("host=/nowhere/at/all", directory, error, sizeof(error)),
                 STATUS_UNAVAILABLE);
    cr_expect_not_null(strstr(error, "cannot reach the database"), "%s", error);
    cr_expect_null(strchr(error, '\n'), "one sentence: %s", error);
}

struct racer {
    struct world *world;
    const char *directory;
    enum status status;
    char error[256];
};

static void *race(void *argument)
{
    struct racer *racer = argument;

    racer->status =
        db_migrate(racer->world->dsn, racer->directory, racer->error, sizeof(racer->error));
    return NULL;
}

/* Instances that start together. */
Test(db_migrate, two_at_once_take_turns)
{
    CLEANUP(world_stopp) struct world *world = world_new();
    const char *directory = two_migrations();
    struct racer racers[4];
    pthread_t threads[4];

    write_file(directory, "0003_slow.sql", "SELECT pg_sleep(0.2);");
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){world, directory, STATUS_UNKNOWN, ""};
        cr_assert_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        cr_expect_eq(racers[i].status, STATUS_OK, "%s", racers[i].error);
    }
    cr_expect_str_eq(world_sql(world, "SELECT count(*) FROM second"), "1");
}
