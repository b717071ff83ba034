#include "base/coro.h"
#include "base/workers.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

TestSuite(workers, .timeout = 30);

static atomic_int done_count;
static atomic_bool gate_open;

static void wait_at_gate(void *argument)
{
    while (!atomic_load(&gate_open))
        usleep(1000);
    atomic_fetch_add(&done_count, 1);
}

static void wait_until_queued(struct workers *workers, size_t count)
{
    while (workers_queued(workers) != count)
        usleep(1000);
}

Test(workers, full_queue_refuses_at_once)
{
    struct workers *workers = workers_new(2, 3);

    for (int i = 0; i < 2; i++)
        cr_assert_eq(workers_post(workers, wait_at_gate, NULL), STATUS_OK);
    wait_until_queued(workers, 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(workers_post(workers, wait_at_gate, NULL), STATUS_OK);
    cr_expect_eq(workers_post(workers, wait_at_gate, NULL), STATUS_RESOURCE_EXHAUSTED);
    cr_expect_eq(workers_queued(workers), 3);

    atomic_store(&gate_open, true);
    workers_free(workers);
    cr_expect_eq(atomic_load(&done_count), 5, "what was queued is finished first");
}

Test(workers, free_accepts_null)
{
    workers_free(NULL);
}

/* --- from coroutines --- */

static struct workers *pool;
static pthread_t loop_thread;
static int refused, answered;

struct sum {
    int left, right, result;
};

static void add(void *argument)
{
    struct sum *sum = argument;

    cr_assert(!pthread_equal(pthread_self(), loop_thread));
    usleep(2000);
    sum->result = sum->left + sum->right;
}

static void ask_for_sum(void *argument)
{
    struct sum sum = {.left = (int)(intptr_t)argument, .right = 1000};
    enum status status = workers_run(pool, add, &sum);

    cr_assert(pthread_equal(pthread_self(), loop_thread));
    if (status == STATUS_RESOURCE_EXHAUSTED) {
        refused++;
        return;
    }
    cr_assert_eq(status, STATUS_OK);
    cr_expect_eq(sum.result, sum.left + 1000);
    answered++;
}

static void interrupt_and_ask(void *argument)
{
    coro_interrupt(coro_self(), STATUS_CANCELLED);
    ask_for_sum(argument);
}

Test(workers, coroutines_wait_for_their_results)
{
    struct loop *loop = loop_new(0);

    loop_thread = pthread_self();
    pool = workers_new(3, 10);
    for (intptr_t i = 0; i < 50; i++)
        coro_start(loop, ask_for_sum, (void *)i);
    while (coro_count() > 0)
        loop_tick(loop, 1000);
    cr_expect_eq(answered + refused, 50);
    cr_expect_geq(answered, 10);
    cr_expect_geq(refused, 1, "50 at once do not fit in a queue of 10");

    /* The worker writes to the coroutine's stack: an interruption must wait for it. */
    coro_start(loop, interrupt_and_ask, NULL);
    while (coro_count() > 0)
        loop_tick(loop, 1000);
    cr_expect_eq(answered + refused, 51);
    workers_free(pool);
    loop_free(loop);
}
