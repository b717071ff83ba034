#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "base/coro.h"
#include "handlers/passwords.h"

TestSuite(passwords, .timeout = 60);

static struct workers *workers;

/* Runs `fn` on a coroutine until it ends. */
static void run(void (*fn)(void *argument), unsigned threads, size_t queue_length, int times)
{
    struct loop *loop = loop_new(0);

    workers = workers_new(threads, queue_length);
    for (int i = 0; i < times; i++)
        coro_start(loop, fn, NULL);
    do {
        loop_tick(loop, 10);
    } while (coro_count() > 0);
    workers_free(workers);
    loop_free(loop);
}

static void check_round_trip(void *argument)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *hash, *again;

    cr_assert_eq(password_hash(workers, arena, "correct horse", &hash), STATUS_OK);
    cr_expect_eq(password_verify(workers, hash, "correct horse"), STATUS_OK);
    cr_expect_eq(password_verify(workers, hash, "correct horsf"), STATUS_UNAUTHENTICATED);
    cr_expect_eq(password_verify(workers, hash, "correct hors"), STATUS_UNAUTHENTICATED);
    cr_expect_eq(password_verify(workers, hash, ""), STATUS_UNAUTHENTICATED);

    cr_assert_eq(password_hash(workers, arena, "correct horse", &again), STATUS_OK);
    cr_expect_str_neq(hash, again, "each has a salt of its own");
}

Test(passwords, round_trip)
{
    run(check_round_trip, 1, 4, 1);
}

static void check_parameters(void *argument)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *hash;

    cr_assert_eq(password_hash(workers, arena, "correct horse", &hash), STATUS_OK);
    cr_expect_eq(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0, "%s", hash);
}

Test(passwords, are_argon2id_with_19_mib_and_two_passes)
{
    run(check_parameters, 1, 4, 1);
}

/* A row somebody damaged locks its account and does nothing worse. */
static void check_malformed(void *argument)
{
    cr_expect_eq(password_verify(workers, "", "x"), STATUS_UNAUTHENTICATED);
    cr_expect_eq(password_verify(workers, "$argon2id$", "x"), STATUS_UNAUTHENTICATED);
    cr_expect_eq(password_verify(workers, "plain", "plain"), STATUS_UNAUTHENTICATED);
}

Test(passwords, malformed_hash_is_wrong)
{
    run(check_malformed, 1, 4, 1);
}

/* Of the processor: other programs' load does not count. */
static uint64_t cpu_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static uint64_t least_us(const char *hash)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < 5; i++) {
        uint64_t start = cpu_us(), elapsed;
        cr_assert_eq(password_verify(workers, hash, "wrong"), STATUS_UNAUTHENTICATED);
        elapsed = cpu_us() - start;
        least = elapsed < least ? elapsed : least;
    }
    return least;
}

static void check_times(void *argument)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    uint64_t known, unknown;
    const char *hash;

    cr_assert_eq(password_hash(workers, arena, "correct horse", &hash), STATUS_OK);
    known = least_us(hash);
    unknown = least_us(NULL);
    cr_expect(unknown > known / 2 && unknown < known * 2, "known %llu us, unknown %llu us",
              (unsigned long long)known, (unsigned long long)unknown);
}

/* The clock must not tell which accounts exist. */
Test(passwords, unknown_account_takes_as_long)
{
    run(check_times, 1, 4, 1);
}

static int hashed, refused;

static void hash_one(void *argument)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *hash;
    enum status status = password_hash(workers, arena, "correct horse", &hash);

    hashed += status == STATUS_OK;
    refused += status == STATUS_RESOURCE_EXHAUSTED;
}

Test(passwords, flood_is_refused)
{
    run(hash_one, 1, 2, 50);
    cr_expect_eq(hashed + refused, 50);
    cr_expect_geq(hashed, 2);
    cr_expect_geq(refused, 40);
}
