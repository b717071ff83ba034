#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/internal.h"

#define CHUNK_BYTES (64 * 1024)
/* Read in one go: a fast server must not keep the client from its deadlines. */
#define READ_BYTES (1024 * 1024)

/* --- the end --- */

static void lose(struct client_connection *connection, const char *error)
{
    if (connection->state == CONNECTION_LOST)
        return;
    connection->state = CONNECTION_LOST;
    client_connection_lost(connection, error);
}

static void lose_transport(struct client_connection *connection)
{
    const char *error = client_transport_error(connection->transport);

    lose(connection, *error != '\0' ? error : "the connection was lost");
}

void client_connection_free(struct client_connection *connection)
{
    struct client_connection **link = &connection->client->connections;

    while (*link != connection)
        link = &(*link)->next;
    *link = connection->next;
    if (connection->client->current == connection)
        connection->client->current = NULL;
    connection->client->driver->forget(connection);
    while (connection->calls.first != NULL) {
        connection->calls.first->unprocessed = !connection->calls.first->sent;
        client_call_finish(connection->calls.first, STATUS_UNAVAILABLE, "the connection was lost");
    }
    nghttp2_session_del(connection->session);
    client_transport_free(connection->transport);
    buffer_free(&connection->unsent);
    free(connection);
}

/* --- writing --- */

/* True if the transport took everything. */
static bool send_unsent(struct client_connection *connection)
{
    while (connection->unsent.length > 0) {
        ssize_t sent = client_transport_write(
            connection->transport, buffer_data(&connection->unsent), connection->unsent.length);
        if (sent == TRANSPORT_CLOSED)
            lose_transport(connection);
        if (sent < 0)
            return false;
        buffer_consume(&connection->unsent, (size_t)sent);
    }
    return true;
}

static void send_all(struct client_connection *connection)
{
    const uint8_t *data;
    ssize_t length;

    while (connection->state == CONNECTION_UP && send_unsent(connection)) {
        while (connection->unsent.length < CHUNK_BYTES &&
               (length = nghttp2_session_mem_send(connection->session, &data)) > 0)
            buffer_append(&connection->unsent, data, (size_t)length);
        if (connection->unsent.length == 0)
            return;
    }
}

bool client_connection_wants_write(const struct client_connection *connection)
{
    return connection->unsent.length > 0 || client_transport_wants_write(connection->transport);
}

/* --- reading --- */

static void receive_all(struct client_connection *connection)
{
    uint8_t bytes[CHUNK_BYTES];
    size_t total = 0;

    while (connection->state == CONNECTION_UP && total < READ_BYTES) {
        ssize_t length = client_transport_read(connection->transport, bytes, sizeof(bytes));
        if (length == TRANSPORT_AGAIN)
            break;
        if (length < 0) {
            lose_transport(connection);
            return;
        }
        total += (size_t)length;
        if (!client_session_receive(connection, bytes, (size_t)length))
            lose(connection, "the server does not speak HTTP/2");
    }
    connection->read_more = total >= READ_BYTES;
    if (total > 0) {
        connection->heard_us = clock_monotonic_us();
        connection->pinged_us = 0;
    }
}

/* --- keepalive --- */

/* Silence is looked for only while calls are open: an idle connection may be closed unnoticed. */
static void keep_alive(struct client_connection *connection)
{
    const struct client_config *config = &connection->client->config;
    uint64_t now_us = clock_monotonic_us();
    uint64_t ping_us = connection->heard_us + (uint64_t)config->keepalive_ms * 1000;
    uint64_t lost_us = connection->pinged_us + (uint64_t)config->keepalive_timeout_ms * 1000;

    connection->due_us = 0;
    if (connection->calls.first == NULL)
        connection->pinged_us = 0;
    if (connection->calls.first == NULL || config->keepalive_ms == CLIENT_NEVER)
        return;
    if (connection->pinged_us != 0 && now_us >= lost_us) {
        lose(connection, "the server does not answer");
    } else if (connection->pinged_us != 0) {
        connection->due_us = lost_us;
    } else if (now_us >= ping_us) {
        nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
        connection->pinged_us = now_us;
        connection->due_us = now_us + (uint64_t)config->keepalive_timeout_ms * 1000;
    } else {
        connection->due_us = ping_us;
    }
}

/* --- steps --- */

static void become_up(struct client_connection *connection)
{
    connection->state = CONNECTION_UP;
    connection->heard_us = clock_monotonic_us();
    connection->due_us = 0;
    client_session_open(connection);
    client_connection_up(connection);
}

static void go_on_opening(struct client_connection *connection)
{
    switch (client_transport_advance(connection->transport)) {
    case TRANSPORT_OPENING:
        connection->due_us = client_transport_due_us(connection->transport);
        break;
    case TRANSPORT_READY:
        become_up(connection);
        break;
    case TRANSPORT_FAILED:
        lose(connection, client_transport_error(connection->transport));
        break;
    }
}

/* After anything that may have changed it. */
static void settle(struct client_connection *connection)
{
    bool over =
        connection->state == CONNECTION_UP && nghttp2_session_want_read(connection->session) == 0;
    bool idle = connection->calls.first == NULL && connection->draining;

    if (over && !idle)
        lose(connection, "the server broke the rules of HTTP/2");
    if (connection->state == CONNECTION_LOST || (connection->state == CONNECTION_UP && idle)) {
        client_connection_free(connection);
    } else if (!connection->client->driver->attend(connection)) {
        lose(connection, "no file descriptor is left");
        client_connection_free(connection);
    }
}

void client_connection_step(struct client_connection *connection)
{
    struct client *client = connection->client;

    connection->busy = true;
    if (connection->state == CONNECTION_OPENING)
        go_on_opening(connection);
    if (connection->state == CONNECTION_UP)
        receive_all(connection);
    if (connection->state == CONNECTION_UP)
        keep_alive(connection);
    connection->busy = false;
    client_connection_flush(connection);
    client_look(client);
}

void client_connection_flush(struct client_connection *connection)
{
    if (connection->busy)
        return;
    connection->busy = true;
    if (connection->state == CONNECTION_UP && connection->due_us == 0)
        keep_alive(connection);
    send_all(connection);
    connection->busy = false;
    settle(connection);
}

struct client_connection *client_connection_open(struct client *client)
{
    struct client_connection *connection = calloc(1, sizeof(*connection));
    struct client_target target = {client->host, client->port, client->tls_context};
    uint64_t deadline_us =
        clock_monotonic_us() + (uint64_t)client->config.connect_timeout_ms * 1000;

    if (connection == NULL)
        abort();
    connection->client = client;
    connection->next = client->connections;
    client->connections = connection;
    connection->transport = client_transport_new(&target, deadline_us);
    connection->due_us = deadline_us;
    return connection;
}
