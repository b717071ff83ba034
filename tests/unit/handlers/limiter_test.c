#include <criterion/criterion.h>

#include "handlers/limiter.h"

TestSuite(limiter, .timeout = 10);

#define START_MS 1000000

static struct limit_decision take(int64_t now_ms, uint64_t calls, uint32_t period_s,
                                  int64_t *tat_ms)
{
    struct limit_decision decision = {0};

    limiter_step(now_ms, calls, period_s, tat_ms, &decision);
    return decision;
}

Test(limiter, whole_budget_may_come_at_once)
{
    int64_t tat = 0;

    for (uint32_t i = 0; i < 10; i++) {
        struct limit_decision decision = take(START_MS, 10, 60, &tat);
        cr_expect(decision.allowed, "call %u", i);
        cr_expect_eq(decision.remaining, 9 - i);
    }
    cr_expect_not(take(START_MS, 10, 60, &tat).allowed);
}

Test(limiter, refusal_tells_when_to_come_again)
{
    struct limit_decision decision;
    int64_t tat = 0;

    for (int i = 0; i < 10; i++)
        (void)take(START_MS, 10, 60, &tat);
    decision = take(START_MS + 1000, 10, 60, &tat);
    cr_expect_not(decision.allowed);
    cr_expect_eq(decision.remaining, 0);
    cr_expect_eq(decision.retry_after_ms, 5000); /* 60 s / 10 calls - 1 s gone */

    cr_expect_not(take(START_MS + 5999, 10, 60, &tat).allowed);
    cr_expect(take(START_MS + 6000, 10, 60, &tat).allowed);
    cr_expect_not(take(START_MS + 6000, 10, 60, &tat).allowed);
}

/* Knocking at a closed door must not keep it closed. */
Test(limiter, refused_calls_cost_nothing)
{
    int64_t tat = 0, kept;

    for (int i = 0; i < 10; i++)
        (void)take(START_MS, 10, 60, &tat);
    kept = tat;
    for (int i = 0; i < 1000; i++)
        cr_assert_not(take(START_MS + i, 10, 60, &tat).allowed);
    cr_expect_eq(tat, kept);
}

Test(limiter, budget_is_whole_again_after_the_period)
{
    int64_t tat = 0;

    for (int i = 0; i < 10; i++)
        (void)take(START_MS, 10, 60, &tat);
    for (int i = 0; i < 10; i++)
        cr_expect(take(START_MS + 60000, 10, 60, &tat).allowed, "call %d", i);
    cr_expect_not(take(START_MS + 60000, 10, 60, &tat).allowed);
}

/* Over any long time the rate is the one of the schema, however greedy the caller. */
Test(limiter, long_run_rate_is_exact)
{
    int64_t tat = 0;
    int allowed = 0;

    for (int64_t now = START_MS; now < START_MS + 3600000; now += 10)
        allowed += take(now, 100, 900, &tat).allowed;
    /* The burst of 100, then one every 9 s; the last instant before the hour is not reached. */
    cr_expect_eq(allowed, 100 + 3600 / 9 - 1);
}

Test(limiter, one_call_per_period)
{
    int64_t tat = 0;

    cr_expect(take(START_MS, 1, 5, &tat).allowed);
    cr_expect_eq(take(START_MS, 1, 5, &tat).retry_after_ms, 5000);
    cr_expect(take(START_MS + 5000, 1, 5, &tat).allowed);
}

/* More calls than milliseconds: the finest step is one a millisecond, and nothing overflows. */
Test(limiter, scaled_rates_do_not_overflow)
{
    int64_t tat = 0;
    struct limit_decision decision = take(START_MS, 100ULL * 1000000, 1, &tat);

    cr_expect(decision.allowed);
    cr_expect_eq(decision.remaining, 999);
}
