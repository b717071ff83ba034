#include "handlers/background.h"

#include "base/clock.h"
#include "base/coro.h"

#define GRACE_MS 1000

void background_wake(struct background *background)
{
    uint64_t since_ms = loop_now_ms(background->app->loop) - background->begun_ms;

    if (background->stopping)
        return;
    background->woken = background->running != NULL;
    if (!background->woken)
        loop_timer_set(background->app->loop, &background->timer,
                       since_ms < BACKGROUND_GAP_MS ? BACKGROUND_GAP_MS - since_ms : 0);
}

static void turn_main(void *argument)
{
    struct background *background = argument;
    uint64_t delay_ms = background->turn(background);

    background->running = NULL;
    if (background->stopping)
        return;
    if (delay_ms > 0)
        loop_timer_set_on_beat(background->app->loop, &background->timer, delay_ms);
    else
        loop_timer_set(background->app->loop, &background->timer, 0);
    if (background->woken)
        background_wake(background);
}

static void on_timer(struct loop_timer *timer)
{
    struct background *background =
        (struct background *)((char *)timer - offsetof(struct background, timer));

    background->begun_ms = loop_now_ms(background->app->loop);
    background->running = coro_start(background->app->loop, turn_main, background);
}

void background_start(struct background *background, struct app *app,
                      uint64_t (*turn)(struct background *background), uint64_t first_ms)
{
    *background = (struct background){.app = app, .turn = turn, .timer.fn = on_timer};
    loop_timer_set(app->loop, &background->timer, first_ms);
}

static void last_main(void *argument)
{
    struct background *background = argument;

    background->last(background);
    background->running = NULL;
}

static void wait_for_end(struct background *background)
{
    uint64_t until_ms = clock_monotonic_ms() + GRACE_MS;

    while (background->running != NULL && clock_monotonic_ms() < until_ms)
        loop_tick(background->app->loop, 10);
    if (background->running != NULL)
        coro_interrupt(background->running, STATUS_CANCELLED);
    while (background->running != NULL)
        loop_tick(background->app->loop, 10);
}

void background_stop(struct background *background)
{
    background->stopping = true;
    loop_timer_cancel(background->app->loop, &background->timer);
    wait_for_end(background);
    if (background->last == NULL)
        return;
    background->running = coro_start(background->app->loop, last_main, background);
    wait_for_end(background);
}
