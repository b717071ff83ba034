/* Waiting with a loop: coroutines suspend, descriptors and timers are the loop's. */
#include <stddef.h>

#include "base/clock.h"
#include "client/internal.h"

static uint64_t delay_ms(uint64_t at_us)
{
    uint64_t now_us = clock_monotonic_us();

    return now_us >= at_us ? 0 : (at_us - now_us + 999) / 1000;
}

/* --- coroutines --- */

static void complete(struct client_waiter *waiter)
{
    if (!awaitable_is_complete(&waiter->done))
        awaitable_complete(&waiter->done, STATUS_OK);
}

static void on_waited(struct loop_timer *timer)
{
    complete(
        (struct client_waiter *)(void *)((char *)timer - offsetof(struct client_waiter, timer)));
}

static void forget_waiter(struct client_waiter **waiters, struct client_waiter *waiter)
{
    while (*waiters != waiter)
        waiters = &(*waiters)->next;
    *waiters = waiter->next;
}

static enum status wait_on_loop(struct client *client, struct client_waiter **waiters,
                                uint64_t until_us)
{
    struct client_waiter waiter = {.timer.fn = on_waited, .next = *waiters};
    enum status status;

    awaitable_init(&waiter.done);
    *waiters = &waiter;
    if (until_us != 0)
        loop_timer_set(client->config.loop, &waiter.timer, delay_ms(until_us));
    status = await(&waiter.done);
    loop_timer_cancel(client->config.loop, &waiter.timer);
    forget_waiter(waiters, &waiter);
    return status;
}

static void wake_all(struct client *client, struct client_waiter **waiters)
{
    for (struct client_waiter *waiter = *waiters; waiter != NULL; waiter = waiter->next)
        complete(waiter);
}

/* --- connections --- */

static void on_ready(void *argument)
{
    client_connection_step(argument);
}

static void on_due(struct loop_timer *timer)
{
    client_connection_step(
        (struct client_connection *)(void *)((char *)timer -
                                             offsetof(struct client_connection, timer)));
}

static void on_flush(struct loop_task *task)
{
    client_connection_flush(
        (struct client_connection *)(void *)((char *)task -
                                             offsetof(struct client_connection, flush)));
}

static void flush_later(struct client_connection *connection)
{
    connection->flush.fn = on_flush;
    loop_defer(connection->client->config.loop, &connection->flush);
}

static void set_timer(struct loop *loop, struct loop_timer *timer, uint64_t at_us)
{
    if (at_us != 0)
        loop_timer_set(loop, timer, delay_ms(at_us));
    else
        loop_timer_cancel(loop, timer);
}

static bool attend(struct client_connection *connection)
{
    struct loop *loop = connection->client->config.loop;
    unsigned generation;
    int fd = client_transport_fd(connection->transport, &generation);

    if (connection->watch == NULL || connection->watched != generation) {
        loop_watch_free(connection->watch);
        connection->watch = loop_watch_new(loop, fd, on_ready, on_ready, connection);
        connection->watched = generation;
    }
    if (connection->watch == NULL)
        return false;
    if (client_connection_wants_write(connection))
        loop_watch_want_write(connection->watch);
    connection->timer.fn = on_due;
    if (connection->read_more)
        loop_timer_set(loop, &connection->timer, 0);
    else if (connection->due_us != connection->armed_us)
        set_timer(loop, &connection->timer, connection->due_us);
    connection->armed_us = connection->read_more ? 0 : connection->due_us;
    return true;
}

static void forget(struct client_connection *connection)
{
    struct loop *loop = connection->client->config.loop;

    loop_watch_free(connection->watch);
    loop_timer_cancel(loop, &connection->timer);
    loop_undefer(loop, &connection->flush);
}

/* --- the client --- */

static void on_client_due(struct loop_timer *timer)
{
    client_look((struct client *)(void *)((char *)timer - offsetof(struct client, timer)));
}

static void remind(struct client *client, uint64_t at_us)
{
    client->timer.fn = on_client_due;
    set_timer(client->config.loop, &client->timer, at_us);
}

const struct client_driver client_loop_driver = {
    .wait = wait_on_loop,
    .wake = wake_all,
    .flush = flush_later,
    .attend = attend,
    .remind = remind,
    .forget = forget,
};
