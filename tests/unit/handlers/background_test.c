/* Work that a loop does again and again, and sooner when it is woken. */
#include "handlers/background.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/coro.h"

#define LONG_MS 3600000 /* nothing comes by itself */

struct bench {
    struct background background;
    struct app app;
    unsigned begun, ended;
    uint64_t lasts_ms;
    uint64_t begun_ms[4];
};

static uint64_t turn(struct background *background)
{
    struct bench *bench = (struct bench *)background;

    cr_assert_lt(bench->begun, 4);
    bench->begun_ms[bench->begun++] = clock_monotonic_ms();
    if (bench->lasts_ms > 0)
        (void)!coro_sleep(bench->lasts_ms);
    bench->ended++;
    return LONG_MS;
}

static void start(struct bench *bench)
{
    bench->app.loop = loop_new(0);
    background_start(&bench->background, &bench->app, turn, 0);
}

static void stop(struct bench *bench)
{
    background_stop(&bench->background);
    loop_free(bench->app.loop);
}

static void until(struct bench *bench, const unsigned *count, unsigned wanted)
{
    uint64_t until_ms = clock_monotonic_ms() + 20000;

    while (*count < wanted) {
        cr_assert_lt(clock_monotonic_ms(), until_ms, "it did not happen within 20 s");
        loop_tick(bench->app.loop, 10);
    }
}

Test(background, is_woken_before_its_time)
{
    struct bench bench = {0};

    start(&bench);
    until(&bench, &bench.ended, 1);
    background_wake(&bench.background);
    background_wake(&bench.background);
    until(&bench, &bench.ended, 2);
    cr_expect_geq(bench.begun_ms[1] - bench.begun_ms[0], BACKGROUND_GAP_MS - 1);
    cr_expect(loop_timer_is_set(&bench.background.timer), "the next one comes in its time");
    loop_tick(bench.app.loop, 0);
    cr_expect_eq(bench.begun, 2, "two at once are one");
    stop(&bench);
}

Test(background, a_wake_during_a_turn_is_not_lost)
{
    struct bench bench = {.lasts_ms = 30};

    start(&bench);
    until(&bench, &bench.begun, 1);
    background_wake(&bench.background);
    cr_expect_eq(bench.ended, 0);
    until(&bench, &bench.ended, 2);
    loop_tick(bench.app.loop, 0);
    cr_expect_eq(bench.begun, 2);
    stop(&bench);
}

Test(background, a_stopped_one_is_not_woken)
{
    struct bench bench = {0};

    start(&bench);
    until(&bench, &bench.ended, 1);
    background_stop(&bench.background);
    background_wake(&bench.background);
    cr_expect_not(loop_timer_is_set(&bench.background.timer));
    loop_tick(bench.app.loop, 0);
    cr_expect_eq(bench.begun, 1);
    loop_free(bench.app.loop);
}
