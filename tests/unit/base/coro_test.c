#include "base/clock.h"
#include "base/coro.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

static struct loop *loop;
static char trace[64];

static void open_loop(void)
{
    loop = loop_new(0);
}

static void close_loop(void)
{
    cr_expect_eq(coro_count(), 0, "a coroutine is left over");
    loop_free(loop);
}

TestSuite(coro, .init = open_loop, .fini = close_loop, .timeout = 30);

static void note(char letter)
{
    trace[strlen(trace)] = letter;
}

static void run_all(void)
{
    while (coro_count() > 0)
        loop_tick(loop, 1000);
}

/* --- order --- */

static void yield_twice(void *argument)
{
    const char *letters = argument;

    for (int i = 0; i < 3; i++) {
        note(letters[i]);
        cr_expect_eq(coro_yield(), STATUS_OK);
    }
}

Test(coro, ready_coroutines_take_turns)
{
    coro_start(loop, yield_twice, "abc");
    coro_start(loop, yield_twice, "123");
    cr_expect_str_eq(trace, "", "nothing runs before the tick");
    cr_expect_eq(coro_count(), 2);
    run_all();
    cr_expect_str_eq(trace, "a1b2c3");
    cr_expect_null(coro_self());
}

/* --- awaiting --- */

struct waiting {
    struct awaitable awaitable;
    enum status status;
    bool complete;
    struct coro *coro;
};

static void wait_for_it(void *argument)
{
    struct waiting *waiting = argument;

    cr_expect_eq(coro_self(), waiting->coro);
    waiting->status = await(&waiting->awaitable);
    waiting->complete = awaitable_is_complete(&waiting->awaitable);
    note('w');
}

static void start_waiting(struct waiting *waiting)
{
    *waiting = (struct waiting){.status = STATUS_UNKNOWN};
    awaitable_init(&waiting->awaitable);
    waiting->coro = coro_start(loop, wait_for_it, waiting);
}

Test(coro, completion_resumes_in_the_tick)
{
    struct waiting waiting;

    start_waiting(&waiting);
    loop_tick(loop, 0);
    awaitable_complete(&waiting.awaitable, STATUS_NOT_FOUND);
    cr_expect_str_eq(trace, "", "completing only makes it ready");
    loop_tick(loop, 0);
    cr_expect_str_eq(trace, "w");
    cr_expect_eq(waiting.status, STATUS_NOT_FOUND);
    cr_expect(waiting.complete);
}

Test(coro, complete_awaitable_does_not_suspend)
{
    struct waiting waiting;

    start_waiting(&waiting);
    awaitable_complete(&waiting.awaitable, STATUS_OK);
    loop_tick(loop, 0);
    cr_expect_str_eq(trace, "w");
    cr_expect_eq(waiting.status, STATUS_OK);
}

Test(coro, interruption_ends_the_wait)
{
    struct waiting waiting;

    start_waiting(&waiting);
    loop_tick(loop, 0);
    coro_interrupt(waiting.coro, STATUS_DEADLINE_EXCEEDED);
    coro_interrupt(waiting.coro, STATUS_CANCELLED);
    loop_tick(loop, 0);
    cr_expect_eq(waiting.status, STATUS_DEADLINE_EXCEEDED, "the first interruption stays");
    cr_expect_not(waiting.complete);
    awaitable_complete(&waiting.awaitable, STATUS_OK); /* late: wakes nobody */
    loop_tick(loop, 0);
    cr_expect_str_eq(trace, "w");
}

Test(coro, interruption_before_the_start)
{
    struct waiting waiting;

    start_waiting(&waiting);
    coro_interrupt(waiting.coro, STATUS_CANCELLED);
    loop_tick(loop, 0);
    cr_expect_eq(waiting.status, STATUS_CANCELLED);
}

/* Both in one tick: what was waited for has happened, and is not thrown away. */
Test(coro, completion_beats_interruption)
{
    struct waiting waiting;

    start_waiting(&waiting);
    loop_tick(loop, 0);
    coro_interrupt(waiting.coro, STATUS_CANCELLED);
    awaitable_complete(&waiting.awaitable, STATUS_OK);
    loop_tick(loop, 0);
    cr_expect_eq(waiting.status, STATUS_OK);
    cr_expect(waiting.complete);
}

static void wait_stubbornly(void *argument)
{
    struct waiting *waiting = argument;
    struct awaitable never;

    waiting->status = await_uninterruptible(&waiting->awaitable);
    cr_expect_eq(coro_interrupted(), STATUS_CANCELLED);
    awaitable_init(&never);
    cr_expect_eq(await(&never), STATUS_CANCELLED, "every later wait returns at once");
    cr_expect_eq(coro_yield(), STATUS_CANCELLED);
    cr_expect_eq(coro_sleep(100000), STATUS_CANCELLED);
    note('w');
}

Test(coro, uninterruptible_wait_goes_on)
{
    struct waiting waiting = {.status = STATUS_UNKNOWN};

    awaitable_init(&waiting.awaitable);
    waiting.coro = coro_start(loop, wait_stubbornly, &waiting);
    loop_tick(loop, 0);
    coro_interrupt(waiting.coro, STATUS_CANCELLED);
    for (int i = 0; i < 3; i++)
        loop_tick(loop, 0);
    cr_expect_str_eq(trace, "");
    awaitable_complete(&waiting.awaitable, STATUS_ABORTED);
    run_all();
    cr_expect_str_eq(trace, "w");
    cr_expect_eq(waiting.status, STATUS_ABORTED);
}

/* --- sleeping --- */

static void sleep_and_note(void *argument)
{
    uint64_t start_us = clock_monotonic_us();
    uint64_t delay_ms = (uint64_t)(uintptr_t)argument;

    cr_expect_eq(coro_sleep(delay_ms), STATUS_OK);
    cr_expect_geq(clock_monotonic_us() - start_us, delay_ms * 1000);
    note((char)('a' + delay_ms / 10));
}

Test(coro, sleepers_wake_in_order)
{
    for (uintptr_t i = 5; i > 0; i--)
        coro_start(loop, sleep_and_note, (void *)(i * 10));
    run_all();
    cr_expect_str_eq(trace, "bcdef");
}

/* --- stacks --- */

/* Uses about `depth` times 256 bytes of stack, and says whether they kept their content. */
static __attribute__((noinline)) unsigned use_stack(unsigned depth)
{
    volatile unsigned char bytes[160];
    unsigned sum = depth;

    memset((void *)(uintptr_t)bytes, (int)depth, sizeof(bytes));
    if (depth > 0)
        sum += use_stack(depth - 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        if (bytes[i] != (unsigned char)depth)
            return 0;
    return sum;
}

static void recurse(void *argument)
{
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(use_stack(150), 150 * 151 / 2);
        cr_expect_eq(coro_yield(), STATUS_OK);
    }
}

Test(coro, stacks_are_deep_and_apart)
{
    for (int i = 0; i < 20; i++)
        coro_start(loop, recurse, NULL);
    run_all();
}

/* More at once than the pool keeps; several times, so that pooled stacks are used again. */
Test(coro, thousands_at_once)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2000; i++)
            coro_start(loop, recurse, NULL);
        cr_expect_eq(coro_count(), 2000);
        run_all();
    }
}

static void start_another(void *argument)
{
    int left = (int)(intptr_t)argument;

    if (left > 0)
        coro_start(loop, start_another, (void *)(intptr_t)(left - 1));
}

Test(coro, coroutines_start_coroutines)
{
    coro_start(loop, start_another, (void *)(intptr_t)1000);
    run_all();
}

/* The frames are larger than what is left, but the guard page is hit before anything else. */
static __attribute__((noinline)) int overflow(volatile int depth)
{
    volatile char bytes[1024];

    bytes[0] = (char)depth;
    return depth > 1000000 ? bytes[0] : overflow(depth + 1) + bytes[0];
}

static void overflow_stack(void *argument)
{
    (void)overflow(0);
}

static void die_plainly(int signal_number)
{
    _Exit(77); /* not by a handler's report, whose wording is the sanitizer's */
}

static char alternate_stack[64 * 1024];

Test(coro, overflow_hits_the_guard_page, .exit_code = 77)
{
    stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof(alternate_stack)};
    struct sigaction action = {.sa_handler = die_plainly, .sa_flags = SA_ONSTACK};

    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    coro_start(loop, overflow_stack, NULL);
    run_all();
}
