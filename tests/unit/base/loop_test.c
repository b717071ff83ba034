#include "base/clock.h"
#include "base/coro.h"
#include "base/loop.h"

#include <criterion/criterion.h>
#include <h2o/socket.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEMBER_OF(type_, member_, pointer_) \
    ((type_ *)(void *)((char *)(pointer_)-offsetof(type_, member_)))

static struct loop *loop;

static void open_loop(void)
{
    loop = loop_new(3);
}

static void close_loop(void)
{
    loop_free(loop);
}

TestSuite(loop, .init = open_loop, .fini = close_loop, .timeout = 30);

Test(loop, knows_itself)
{
    cr_expect_eq(loop_current(), loop);
    cr_expect_eq(loop_index(loop), 3);
    cr_expect_not_null(loop_h2o(loop));
}

/* --- timers --- */

static unsigned fired[1000];
static size_t fired_count;

struct test_timer {
    struct loop_timer timer;
    unsigned id;
    uint64_t due_us;
};

static void note_fired(struct loop_timer *timer)
{
    struct test_timer *test_timer = MEMBER_OF(struct test_timer, timer, timer);

    cr_expect(!loop_timer_is_set(timer));
    cr_expect_geq(clock_monotonic_us(), test_timer->due_us, "a timer fired early");
    fired[fired_count++] = test_timer->id;
}

static void set_timer(struct test_timer *timer, unsigned id, uint64_t delay_ms)
{
    timer->timer.fn = note_fired;
    timer->id = id;
    timer->due_us = clock_monotonic_us() + delay_ms * 1000;
    loop_timer_set(loop, &timer->timer, delay_ms);
}

static void run_until_fired(size_t count)
{
    while (fired_count < count)
        loop_tick(loop, 1000);
}

/* 500 timers in a scrambled order, every fifth cancelled, every seventh moved to the end. */
Test(loop, timers_fire_in_order)
{
    static struct test_timer timers[500];
    uint64_t last_due_us = 0;
    size_t expected = 0;

    for (unsigned i = 0; i < 500; i++)
        set_timer(&timers[i], i, i * 271 % 100);
    for (unsigned i = 0; i < 500; i += 7)
        set_timer(&timers[i], i, 120 + i % 3);
    for (unsigned i = 0; i < 500; i += 5)
        loop_timer_cancel(loop, &timers[i].timer);
    for (unsigned i = 0; i < 500; i++)
        expected += i % 5 != 0;
    run_until_fired(expected);
    cr_assert_eq(fired_count, expected);
    for (size_t i = 0; i < fired_count; i++) {
        uint64_t due_us = timers[fired[i]].due_us;
        cr_expect_neq(fired[i] % 5, 0, "a cancelled timer fired");
        cr_expect_geq(due_us + 1000, last_due_us, "timers are in order to the millisecond");
        last_due_us = due_us;
    }
}

Test(loop, timer_can_be_set_again_and_cancelled_twice)
{
    struct test_timer timer = {0};

    set_timer(&timer, 1, 100000);
    set_timer(&timer, 1, 5);
    run_until_fired(1);
    set_timer(&timer, 2, 0);
    run_until_fired(2);
    loop_timer_cancel(loop, &timer.timer);
    loop_timer_cancel(loop, &timer.timer);
    cr_expect(!loop_timer_is_set(&timer.timer));
}

/* However far apart they are set, their times are whole periods apart. */
Test(loop, timers_on_the_beat_share_their_ticks)
{
    struct test_timer first = {0}, later = {0}, slower = {0};

    first.timer.fn = slower.timer.fn = note_fired;
    for (unsigned i = 1; i <= 20; i++) {
        uint64_t before_ms = clock_monotonic_ms();
        set_timer(&later, 2, 3); /* some time goes by */
        run_until_fired(fired_count + 1);
        loop_timer_set_on_beat(loop, &first.timer, 40);
        loop_timer_set_on_beat(loop, &later.timer, 40);
        loop_timer_set_on_beat(loop, &slower.timer, 120);
        cr_expect_gt(first.timer.at_ms, before_ms);
        cr_expect_leq(first.timer.at_ms, clock_monotonic_ms() + 40);
        cr_expect_leq(slower.timer.at_ms, clock_monotonic_ms() + 120);
        cr_expect_eq((later.timer.at_ms - first.timer.at_ms) % 40, 0);
        cr_expect_eq((slower.timer.at_ms - first.timer.at_ms) % 40, 0);
    }
    first.due_us = later.due_us = first.timer.at_ms * 1000;
    loop_timer_cancel(loop, &slower.timer);
    fired_count = 0;
    run_until_fired(2);
}

Test(loop, timer_of_for_ever_does_not_overflow)
{
    struct test_timer timer = {0};

    set_timer(&timer, 1, 1);
    timer.due_us = 0;
    loop_timer_set(loop, &timer.timer, UINT64_MAX);
    loop_tick(loop, 10);
    cr_expect_eq(fired_count, 0);
    loop_timer_cancel(loop, &timer.timer);
}

/* --- deferred tasks --- */

struct test_task {
    struct loop_task task;
    char name;
    struct test_task *then;
};

static char trace[64];

static void note_task(struct loop_task *task)
{
    struct test_task *test_task = MEMBER_OF(struct test_task, task, task);

    trace[strlen(trace)] = test_task->name;
    if (test_task->then != NULL)
        loop_defer(loop, &test_task->then->task);
}

Test(loop, deferred_tasks_run_once_in_order_in_the_same_tick)
{
    struct test_task d = {{note_task}, 'd', NULL}, c = {{note_task}, 'c', NULL};
    struct test_task b = {{note_task}, 'b', NULL}, a = {{note_task}, 'a', &d};

    loop_defer(loop, &a.task);
    loop_defer(loop, &b.task);
    loop_defer(loop, &c.task);
    loop_defer(loop, &a.task);
    loop_undefer(loop, &b.task);
    loop_undefer(loop, &b.task);
    loop_tick(loop, 0);
    cr_expect_str_eq(trace, "acd");
}

/* Long work, done in pieces. */
struct pieces {
    struct loop_task task;
    unsigned done, left;
};

static void do_piece(struct loop_task *task)
{
    struct pieces *pieces = MEMBER_OF(struct pieces, task, task);

    if (strlen(trace) < sizeof(trace) - 1)
        trace[strlen(trace)] = 'p';
    pieces->done++;
    if (--pieces->left > 0)
        loop_defer(loop, task);
}

static void note_coroutine(void *argument)
{
    trace[strlen(trace)] = 'c';
}

static void start_coroutine(struct loop_task *task)
{
    coro_start(loop, note_coroutine, NULL);
}

Test(loop, coroutines_do_not_wait_for_work_in_pieces)
{
    struct pieces pieces = {{do_piece}, .left = 4};
    struct test_task a = {{note_task}, 'a', NULL};
    struct loop_task starts = {start_coroutine};

    loop_defer(loop, &pieces.task);
    loop_defer(loop, &starts);
    loop_defer(loop, &a.task);
    loop_tick(loop, 0);
    cr_expect_str_eq(trace, "pacppp");
}

Test(loop, sockets_do_not_wait_for_work_in_pieces)
{
    struct pieces pieces = {{do_piece}, .left = 1000};
    unsigned ticks = 0;

    loop_defer(loop, &pieces.task);
    for (; pieces.left > 0; ticks++) {
        unsigned before = pieces.done;
        loop_tick(loop, 1000); /* does not wait: there is work */
        cr_assert_gt(pieces.done, before);
        cr_assert_leq(pieces.done - before, 16);
    }
    cr_expect_geq(ticks, 1000 / 16);
}

/* --- posted messages --- */

#define POSTERS 4
#define POSTS 5000

static int last_seen[POSTERS];
static int posts_seen;

static void note_post(void *argument)
{
    intptr_t value = (intptr_t)argument;
    int poster = (int)(value / POSTS), number = (int)(value % POSTS);

    cr_assert_eq(loop_current(), loop);
    cr_expect_eq(last_seen[poster], number, "one thread's messages are in order");
    last_seen[poster]++;
    if (++posts_seen == POSTERS * POSTS)
        loop_stop(loop);
}

static void *post_all(void *argument)
{
    intptr_t poster = (intptr_t)argument;

    for (intptr_t i = 0; i < POSTS; i++)
        loop_post(loop, note_post, (void *)(poster * POSTS + i));
    return NULL;
}

Test(loop, messages_of_other_threads_arrive_in_order)
{
    pthread_t threads[POSTERS];

    for (intptr_t i = 0; i < POSTERS; i++)
        pthread_create(&threads[i], NULL, post_all, (void *)i);
    loop_run(loop);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(posts_seen, POSTERS * POSTS);
}

static void *stop_later(void *argument)
{
    usleep(20000);
    loop_stop(loop);
    return NULL;
}

Test(loop, stop_wakes_a_waiting_loop)
{
    uint64_t start_ms = clock_monotonic_ms();
    pthread_t thread;

    pthread_create(&thread, NULL, stop_later, NULL);
    loop_run(loop);
    pthread_join(thread, NULL);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 5000);
}

/* Messages nobody took are freed with the loop (the leak checker watches). */
Test(loop, unread_messages_are_dropped)
{
    loop_post(loop, note_post, NULL);
}

/* --- watches --- */

struct watched {
    struct loop_watch *watch;
    int fd;
    int readable, writable;
    bool free_on_readable;
};

static void on_readable(void *argument)
{
    struct watched *watched = argument;
    char byte;

    watched->readable++;
    cr_expect_eq(read(watched->fd, &byte, 1), 1, "h2o must leave the bytes alone");
    if (watched->free_on_readable) {
        loop_watch_free(watched->watch);
        watched->watch = NULL;
    }
}

static void on_writable(void *argument)
{
    struct watched *watched = argument;

    watched->writable++;
}

Test(loop, watch_tells_reading_and_writing)
{
    struct watched watched = {0};
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    watched.fd = ends[0];
    watched.watch = loop_watch_new(loop, ends[0], on_readable, on_writable, &watched);
    loop_tick(loop, 0);
    cr_expect_eq(watched.writable, 0, "nobody asked");

    loop_watch_want_write(watched.watch);
    loop_watch_want_write(watched.watch);
    for (int i = 0; i < 5; i++)
        loop_tick(loop, 10);
    cr_expect_eq(watched.writable, 1);

    for (int i = 1; i <= 3; i++) {
        cr_assert_eq(write(ends[1], "x", 1), 1);
        while (watched.readable < i)
            loop_tick(loop, 1000);
    }
    watched.free_on_readable = true;
    cr_assert_eq(write(ends[1], "xy", 2), 2);
    while (watched.watch != NULL)
        loop_tick(loop, 1000);
    loop_tick(loop, 10);
    cr_expect_eq(watched.readable, 4, "a freed watch is silent");
    cr_expect_eq(write(ends[0], "z", 1), 1, "the library's own descriptor stays open");
    close(ends[0]);
    close(ends[1]);
}

Test(loop, watch_needs_a_descriptor)
{
    struct rlimit limit;
    struct watched watched = {0};

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 0; /* those that are open stay */
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect_null(loop_watch_new(loop, 0, on_readable, on_writable, &watched));
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* --- tasks --- */

static char order[16];

struct lettered {
    struct loop_task task;
    char letter;
};

static void note_letter(struct loop_task *task)
{
    order[strlen(order)] = MEMBER_OF(struct lettered, task, task)->letter;
}

Test(loop, tasks_begin_before_the_deferred_ones_and_can_be_taken_back)
{
    struct lettered tasks[] = {{{note_letter}, 'a'},
                               {{note_letter}, 'b'},
                               {{note_letter}, 'c'},
                               {{note_letter}, 'd'},
                               {{note_letter}, 'e'}};

    loop_defer(loop, &tasks[0].task);
    for (int i = 1; i < 5; i++)
        loop_begin(loop, &tasks[i].task);
    loop_begin(loop, &tasks[2].task); /* it is queued */
    loop_unbegin(loop, &tasks[1].task);
    loop_unbegin(loop, &tasks[3].task);
    loop_unbegin(loop, &tasks[3].task);
    cr_expect_str_eq(order, "");
    loop_tick(loop, 1000);
    cr_expect_str_eq(order, "cea");
    loop_begin(loop, &tasks[3].task);
    loop_tick(loop, 1000);
    cr_expect_str_eq(order, "cead");
}

/* --- h2o's own callbacks --- */

struct writer {
    struct loop_task task;
    h2o_socket_t *socket;
    int written;
};

static void on_written(h2o_socket_t *socket, const char *error)
{
    struct writer *writer = socket->data;

    cr_expect_null(error);
    writer->written++;
}

static void write_some(struct loop_task *task)
{
    struct writer *writer = MEMBER_OF(struct writer, task, task);
    h2o_iovec_t bytes = h2o_iovec_init("hello", 5);

    h2o_socket_write(writer->socket, &bytes, 1, on_written);
}

/* A write that a deferred task starts, and that the kernel takes at once, must not wait for
 * the next event to be called complete. */
Test(loop, write_from_a_deferred_task_completes_at_once)
{
    struct writer writer = {.task.fn = write_some};
    uint64_t start_ms = clock_monotonic_ms();
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    writer.socket = h2o_evloop_socket_create(loop_h2o(loop), ends[0], 0);
    writer.socket->data = &writer;
    loop_tick(loop, 0);
    loop_defer(loop, &writer.task);
    loop_tick(loop, 0);
    loop_tick(loop, 3000);
    cr_expect_eq(writer.written, 1);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 2000);
    h2o_socket_close(writer.socket);
    close(ends[1]);
}
