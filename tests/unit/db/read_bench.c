/* Client CPU of a one-row read on the read lane: 64 coroutines on two connections.
 *
 * Prints queries a second and microseconds of this process's CPU per query, then what pgbench
 * does on the same table and number of connections, and its CPU seconds. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/workers.h"
#include "db/db.h"
#include "sample.h"

#define COROUTINES 64
#define QUERIES_EACH 5000

static struct db *db;
static uint64_t failures;

static uint64_t cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void read_many(void *argument)
{
    int64_t id = (int64_t)(intptr_t)argument;

    for (int i = 0; i < QUERIES_EACH; i++) {
        struct arena *arena = arena_new();
        struct items_get_row *row;

        id = id * 48271 % 100000 + 1;
        failures += items_get(db, arena, id, &row) != STATUS_OK;
        arena_free(arena);
    }
}

static void make_table(const char *dsn)
{
    PGconn *pg = PQconnectdb(dsn);
    PGresult *result = PQexec(pg, "CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL,"
                                  " weight float8, note text);"
                                  "INSERT INTO items SELECT n, 'item ' || n, n, NULL FROM"
                                  " generate_series(1, 100000) AS n; ANALYZE items");

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s", PQerrorMessage(pg));
        exit(1);
    }
    PQclear(result);
    PQfinish(pg);
}

static void report(uint64_t wall_us, uint64_t used_us)
{
    double count = (double)COROUTINES * QUERIES_EACH;

    printf("read_lane: %.0f queries/s, %.2f us of client CPU each, %llu failures\n",
           count * 1e6 / (double)wall_us, (double)used_us / count, (unsigned long long)failures);
}

/* The same table and connections with pgbench, one query in flight on each. */
static int run_pgbench(const char *dsn)
{
    char command[1024];

    setenv("PGOPTIONS", "", 1);
    snprintf(command, sizeof(command),
             "printf '\\\\set id random(1, 100000)\\n"
             "SELECT id, name, weight, note FROM items WHERE id = :id;\\n' |"
             " (time -p /usr/lib/postgresql/15/bin/pgbench -n -M prepared -c 2 -j 1 -T 5"
             " -f /dev/stdin \"%s\") 2>&1 | grep -E 'tps|actually|user|sys'",
             dsn);
    fflush(stdout);
    return system(command);
}

int main(void)
{
    const char *dsn = getenv("WAYSTONE_TEST_DSN");
    struct loop *loop = loop_new(0);
    struct workers *workers = workers_new(1, 16);
    struct db_config config = {.dsn = dsn,
                               .read_connections = 2,
                               .write_connections = 1,
                               .connect_timeout_ms = 5000,
                               .acquire_timeout_ms = 5000,
                               .statement_timeout_ms = 10000};
    uint64_t start_us, start_cpu_us;

    if (dsn == NULL) {
        fprintf(stderr, "run by tests/support/with_services.py --durable\n");
        return 1;
    }
    make_table(dsn);
    db = db_open(loop, &config, workers);
    while (!db_is_ready(db))
        loop_tick(loop, 10);
    start_us = clock_monotonic_us();
    start_cpu_us = cpu_us();
    for (intptr_t i = 0; i < COROUTINES; i++)
        coro_start(loop, read_many, (void *)(i * 1000 + 1));
    while (coro_count() > 0)
        loop_tick(loop, 1000);
    report(clock_monotonic_us() - start_us, cpu_us() - start_cpu_us);
    db_close(db);
    workers_free(workers);
    loop_free(loop);
    return run_pgbench(dsn) == 0 && failures == 0 ? 0 : 1;
}
