#include "base/loop.h"

#include "base/clock.h"
#include "base/kept.h"
#include "base/loop_internal.h"

#include <assert.h>
#include <fcntl.h>
#include <h2o/multithread.h>
#include <h2o/socket.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Rounds of steps 3 and 4 in one tick: coroutines that keep each other ready, and long work done in
 * pieces, must not keep the sockets waiting. */
#define MAX_ROUNDS 16
#define IDLE_WAIT_MS 60000

struct task_list {
    struct loop_task *first, *last;
    struct loop_task end; /* of the round that runs */
};

struct loop {
    h2o_evloop_t *h2o;
    unsigned index;
    uint64_t now_ms;
    uint64_t begun_ms; /* beats count from here, so that instances do not beat together */
    atomic_bool stopping;
    struct ready_queue ready;
    struct task_list beginning, deferred;
    struct loop_timer **timers; /* heap; [1] is the earliest, [0] unused */
    size_t timer_count, timer_capacity;
    h2o_multithread_queue_t *queue;
    h2o_multithread_receiver_t receiver;
};

struct posted {
    h2o_multithread_message_t super;
    void (*fn)(void *argument);
    void *argument;
};

static _Thread_local struct loop *current;

struct loop *loop_current(void)
{
    return current;
}

unsigned loop_index(const struct loop *loop)
{
    return loop->index;
}

h2o_evloop_t *loop_h2o(struct loop *loop)
{
    return loop->h2o;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

struct ready_queue *loop_ready_queue(struct loop *loop)
{
    return &loop->ready;
}

/* --- messages --- */

#ifdef __clang_analyzer__ /* it takes the next in h2o's list for one that was freed */
struct posted *take_message(h2o_linklist_t *messages);
#else
/* The first message, out of the list and the caller's; NULL when there is none. */
static struct posted *take_message(h2o_linklist_t *messages)
{
    struct posted *posted;

    if (h2o_linklist_is_empty(messages))
        return NULL;
    posted = H2O_STRUCT_FROM_MEMBER(struct posted, super.link, messages->next);
    h2o_linklist_unlink(&posted->super.link);
    return posted;
}
#endif

static void on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    struct posted *posted;

    while ((posted = take_message(messages)) != NULL) {
        posted->fn(posted->argument);
        free(posted);
    }
}

void loop_post(struct loop *loop, void (*fn)(void *argument), void *argument)
{
    struct posted *posted = calloc(1, sizeof(*posted));

    if (posted == NULL)
        abort();
    posted->fn = fn;
    posted->argument = argument;
    h2o_multithread_send_message(&loop->receiver, &posted->super);
}

/* --- timers --- */

static void place(struct loop *loop, size_t position, struct loop_timer *timer)
{
    loop->timers[position] = timer;
    timer->position = position;
}

static void sift_up(struct loop *loop, size_t position, struct loop_timer *timer)
{
    while (position > 1 && loop->timers[position / 2]->at_ms > timer->at_ms) {
        place(loop, position, loop->timers[position / 2]);
        position /= 2;
    }
    place(loop, position, timer);
}

static void sift_down(struct loop *loop, size_t position, struct loop_timer *timer)
{
    for (;;) {
        size_t child = position * 2;
        if (child > loop->timer_count)
            break;
        if (child < loop->timer_count &&
            loop->timers[child + 1]->at_ms < loop->timers[child]->at_ms)
            child++;
        if (loop->timers[child]->at_ms >= timer->at_ms)
            break;
        place(loop, position, loop->timers[child]);
        position = child;
    }
    place(loop, position, timer);
}

static void grow_timers(struct loop *loop)
{
    if (loop->timer_count + 1 < loop->timer_capacity)
        return;
    loop->timer_capacity = loop->timer_capacity ? loop->timer_capacity * 2 : 64;
    loop->timers = realloc(loop->timers, loop->timer_capacity * sizeof(struct loop_timer *));
    if (loop->timers == NULL)
        abort();
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
    size_t position = timer->position;
    struct loop_timer *last;

    if (position == 0)
        return;
    assert(loop->timers[position] == timer);
    timer->position = 0;
    last = loop->timers[loop->timer_count--];
    if (last == timer)
        return;
    if (position > 1 && loop->timers[position / 2]->at_ms > last->at_ms)
        sift_up(loop, position, last);
    else
        sift_down(loop, position, last);
}

/* Read anew: the tick's time would make the timer fire early. Rounded up, since a part of the
 * current millisecond is already gone. */
static uint64_t timer_due_ms(uint64_t delay_ms)
{
    uint64_t due_ms;

    if (delay_ms == 0)
        return clock_monotonic_ms();
    if (__builtin_add_overflow((clock_monotonic_us() + 999) / 1000, delay_ms, &due_ms))
        return UINT64_MAX;
    return due_ms;
}

static void add_timer(struct loop *loop, struct loop_timer *timer, uint64_t at_ms)
{
    loop_timer_cancel(loop, timer);
    grow_timers(loop);
    timer->at_ms = at_ms;
    loop->timer_count++;
    sift_up(loop, loop->timer_count, timer);
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
    add_timer(loop, timer, timer_due_ms(delay_ms));
}

void loop_timer_set_on_beat(struct loop *loop, struct loop_timer *timer, uint64_t period_ms)
{
    uint64_t since_ms = clock_monotonic_ms() - loop->begun_ms;

    add_timer(loop, timer, loop->begun_ms + (since_ms / period_ms + 1) * period_ms);
}

static void run_timers(struct loop *loop)
{
    while (loop->timer_count > 0 && loop->timers[1]->at_ms <= loop->now_ms) {
        struct loop_timer *timer = loop->timers[1];
        loop_timer_cancel(loop, timer);
        timer->fn(timer);
    }
}

/* --- tasks --- */

static void add_task(struct task_list *list, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    task->previous = list->last;
    if (list->last != NULL)
        list->last->next = task;
    else
        list->first = task;
    list->last = task;
}

static void remove_task(struct task_list *list, struct loop_task *task)
{
    if (!task->queued)
        return;
    task->queued = false;
    if (task->previous != NULL)
        task->previous->next = task->next;
    else
        list->first = task->next;
    if (task->next != NULL)
        task->next->previous = task->previous;
    else
        list->last = task->previous;
}

/* Those that are there: what they add runs in the next round, behind the coroutines that became
 * ready meanwhile. A task may add itself, to go on later. */
static void run_tasks(struct task_list *list)
{
    add_task(list, &list->end);
    while (list->first != &list->end) {
        struct loop_task *task = list->first;
        remove_task(list, task);
        task->fn(task);
    }
    remove_task(list, &list->end);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    add_task(&loop->deferred, task);
}

void loop_undefer(struct loop *loop, struct loop_task *task)
{
    remove_task(&loop->deferred, task);
}

void loop_begin(struct loop *loop, struct loop_task *task)
{
    add_task(&loop->beginning, task);
}

void loop_unbegin(struct loop *loop, struct loop_task *task)
{
    remove_task(&loop->beginning, task);
}

/* --- ticks --- */

static bool has_work(const struct loop *loop)
{
    return loop->ready.first != NULL || loop->beginning.first != NULL ||
           loop->deferred.first != NULL;
}

/* A write in step 4 that needs no waiting leaves its callback with h2o, which looks at it only
 * after having polled: such a poll must not wait. */
static bool has_pending_callbacks(const struct loop *loop)
{
    return loop->h2o->_pending_as_client != NULL || loop->h2o->_pending_as_server != NULL;
}

static int wait_time_ms(const struct loop *loop, int max_wait_ms)
{
    uint64_t now_ms, at_ms;

    if (has_work(loop) || has_pending_callbacks(loop) ||
        atomic_load_explicit(&loop->stopping, memory_order_relaxed))
        return 0;
    if (loop->timer_count == 0)
        return max_wait_ms;
    now_ms = clock_monotonic_ms();
    at_ms = loop->timers[1]->at_ms;
    if (at_ms <= now_ms)
        return 0;
    return at_ms - now_ms < (uint64_t)max_wait_ms ? (int)(at_ms - now_ms) : max_wait_ms;
}

void loop_tick(struct loop *loop, int max_wait_ms)
{
    h2o_evloop_run(loop->h2o, wait_time_ms(loop, max_wait_ms));
    loop->now_ms = clock_monotonic_ms();
    run_timers(loop);
    for (int round = 0; round < MAX_ROUNDS && has_work(loop); round++) {
        coro_run_ready(&loop->ready);
        run_tasks(&loop->beginning);
        run_tasks(&loop->deferred);
    }
}

void loop_run(struct loop *loop)
{
    while (!atomic_load_explicit(&loop->stopping, memory_order_relaxed))
        loop_tick(loop, IDLE_WAIT_MS);
}

static void note_stop(void *argument)
{
    struct loop *loop = argument;

    atomic_store(&loop->stopping, true);
}

void loop_stop(struct loop *loop)
{
    /* By message, so that a waiting loop wakes up. */
    loop_post(loop, note_stop, loop);
}

/* --- life --- */

struct loop *loop_new(unsigned index)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        abort();
    assert(current == NULL);
    current = loop;
    kept_open();
    loop->h2o = h2o_evloop_create();
    loop->index = index;
    loop->now_ms = loop->begun_ms = clock_monotonic_ms();
    loop->queue = h2o_multithread_create_queue(loop->h2o);
    h2o_multithread_register_receiver(loop->queue, &loop->receiver, on_messages);
    return loop;
}

static void drop_messages(struct loop *loop)
{
    struct posted *posted;

    while ((posted = take_message(&loop->receiver._messages)) != NULL)
        free(posted);
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    drop_messages(loop);
    h2o_multithread_unregister_receiver(loop->queue, &loop->receiver);
    h2o_multithread_destroy_queue(loop->queue);
    free(loop->queue);            /* h2o closes it and forgets its memory */
    h2o_evloop_run(loop->h2o, 0); /* lets h2o free the sockets that were closed last */
    h2o_evloop_destroy(loop->h2o);
    coro_free_stacks();
    kept_close();
    free(loop->timers);
    free(loop);
    current = NULL;
}

/* --- watches --- */

struct loop_watch {
    h2o_socket_t *socket;
    void (*on_readable)(void *argument);
    void (*on_writable)(void *argument);
    void *argument;
};

static void watch_readable(h2o_socket_t *socket, const char *error)
{
    struct loop_watch *watch = socket->data;

    watch->on_readable(watch->argument);
}

static void watch_writable(h2o_socket_t *socket, const char *error)
{
    struct loop_watch *watch = socket->data;

    watch->on_writable(watch->argument);
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, void (*on_readable)(void *argument),
                                  void (*on_writable)(void *argument), void *argument)
{
    int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* h2o closes what it is given */
    struct loop_watch *watch;

    if (own_fd < 0)
        return NULL;
    watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        abort();
    watch->on_readable = on_readable;
    watch->on_writable = on_writable;
    watch->argument = argument;
    watch->socket = h2o_evloop_socket_create(loop->h2o, own_fd, H2O_SOCKET_FLAG_DONT_READ);
    watch->socket->data = watch;
    h2o_socket_read_start(watch->socket, watch_readable);
    return watch;
}

void loop_watch_want_write(struct loop_watch *watch)
{
    /* A second pending notification would abort. */
    if (!h2o_socket_is_writing(watch->socket))
        h2o_socket_notify_write(watch->socket, watch_writable);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch == NULL)
        return;
    h2o_socket_read_stop(watch->socket);
    h2o_socket_close(watch->socket);
    free(watch);
}
