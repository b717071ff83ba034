/* Waiting without a loop: a poll over the client's connections. */
#include <poll.h>

#include "base/clock.h"
#include "client/internal.h"

static uint64_t earlier(uint64_t left_us, uint64_t right_us)
{
    if (left_us == 0 || right_us == 0)
        return left_us + right_us;
    return left_us < right_us ? left_us : right_us;
}

static int wait_time_ms(uint64_t until_us)
{
    uint64_t now_us = clock_monotonic_us();

    if (until_us == 0)
        return -1;
    if (now_us >= until_us)
        return 0;
    return until_us - now_us > 60000000 ? 60000 : (int)((until_us - now_us + 999) / 1000);
}

/* A step may free any connection: so the list is begun anew after each. */
static struct client_connection *find_ready(const struct client *client)
{
    for (struct client_connection *each = client->connections; each != NULL; each = each->next)
        if (each->ready)
            return each;
    return NULL;
}

static enum status wait_by_poll(struct client *client, struct client_waiter **waiters,
                                uint64_t until_us)
{
    struct pollfd fds[CLIENT_MAX_CONNECTIONS];
    nfds_t count = 0;
    unsigned generation;
    struct client_connection *connection;

    until_us = earlier(until_us, client->due_us);
    for (connection = client->connections; connection != NULL; connection = connection->next) {
        bool write = client_connection_wants_write(connection);
        fds[count++] = (struct pollfd){
            .fd = client_transport_fd(connection->transport, &generation),
            .events = (short)(POLLIN | (write ? POLLOUT : 0)),
        };
        until_us = earlier(until_us, connection->due_us);
        if (connection->read_more)
            until_us = 1;
    }
    /* An interrupted or failed poll is noticed by what follows. */
    (void)poll(fds, count, wait_time_ms(until_us));
    for (connection = client->connections; connection != NULL; connection = connection->next)
        connection->ready = true;
    while ((connection = find_ready(client)) != NULL) {
        connection->ready = false;
        client_connection_step(connection);
    }
    client_look(client);
    return STATUS_OK;
}

static void wake_nobody(struct client *client, struct client_waiter **waiters)
{
}

static void flush_now(struct client_connection *connection)
{
    client_connection_flush(connection);
}

static bool attend_later(struct client_connection *connection)
{
    return true;
}

static void forget_nothing(struct client_connection *connection)
{
}

static void remind_later(struct client *client, uint64_t at_us)
{
}

const struct client_driver client_poll_driver = {
    .wait = wait_by_poll,
    .wake = wake_nobody,
    .flush = flush_now,
    .attend = attend_later,
    .remind = remind_later,
    .forget = forget_nothing,
};
