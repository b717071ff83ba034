#include "client/client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "client/internal.h"

#define CONNECT_TIMEOUT_MS 10000
#define KEEPALIVE_MS 30000
#define KEEPALIVE_TIMEOUT_MS 10000
#define MAX_ATTEMPTS 5
#define FIRST_BACKOFF_MS 100
#define LONGEST_BACKOFF_MS 5000

/* --- lists of calls --- */

void client_calls_add(struct client_calls *calls, struct rpc_client_call *call)
{
    call->list = calls;
    call->next = NULL;
    call->previous = calls->last;
    if (calls->last != NULL)
        calls->last->next = call;
    else
        calls->first = call;
    calls->last = call;
}

void client_calls_remove(struct rpc_client_call *call)
{
    struct client_calls *calls = call->list;

    if (calls == NULL)
        return;
    call->list = NULL;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        calls->first = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    else
        calls->last = call->previous;
}

/* --- calls that wait for a connection --- */

static void set_error(struct client *client, const char *error)
{
    snprintf(client->error, sizeof(client->error), "%s", error);
}

/* There is none, and none is being made: all but the patient are told. */
static void fail_waiting(struct client *client)
{
    struct rpc_client_call *call = client->waiting.first;

    while (call != NULL) {
        struct rpc_client_call *next = call->next;
        if (!call->wait_for_ready) {
            call->unprocessed = true;
            client_call_finish(call, STATUS_UNAVAILABLE, arena_strdup(call->arena, client->error));
        }
        call = next;
    }
}

static void submit_waiting(struct client *client)
{
    while (client->waiting.first != NULL) {
        struct rpc_client_call *call = client->waiting.first;
        client_calls_remove(call);
        client_session_submit(client->current, call);
    }
    client->driver->flush(client->current);
}

/* A server that goes away again and again, while calls stay open, must not pile up connections. */
static void drop_oldest(struct client *client)
{
    struct client_connection *oldest = client->connections;
    unsigned count = 0;

    for (struct client_connection *each = client->connections; each != NULL; each = each->next) {
        oldest = each;
        count++;
    }
    if (count >= CLIENT_MAX_CONNECTIONS && !oldest->busy)
        client_connection_free(oldest);
}

static void connect_now(struct client *client)
{
    drop_oldest(client);
    client->current = client_connection_open(client);
    client_connection_step(client->current);
}

static bool takes_calls(const struct client_connection *connection)
{
    return connection->state == CONNECTION_UP && !connection->draining &&
           client_session_takes_calls(connection);
}

static void remind(struct client *client, uint64_t at_us)
{
    client->due_us = at_us;
    client->driver->remind(client, at_us);
}

void client_look(struct client *client)
{
    struct client_connection *current = client->current;

    if (current != NULL && current->state == CONNECTION_UP && !takes_calls(current))
        client_connection_draining(current);
    if (client->waiting.first == NULL && client->due_us != 0)
        remind(client, 0);
    if (client->waiting.first == NULL)
        return;
    if (client->current == NULL && clock_monotonic_us() < client->not_before_us) {
        fail_waiting(client);
        remind(client, client->waiting.first != NULL ? client->not_before_us : 0);
    } else if (client->current == NULL) {
        remind(client, 0);
        connect_now(client);
    } else if (client->current->state == CONNECTION_UP) {
        submit_waiting(client);
    }
}

void client_queue(struct rpc_client_call *call)
{
    struct client *client = call->client;

    call->state = CALL_WAITING;
    call->attempts++;
    client_calls_add(&client->waiting, call);
    /* Without a loop nobody has looked since the last call: the connection may be gone. */
    if (client->config.loop == NULL && client->current != NULL)
        client_connection_step(client->current);
    else
        client_look(client);
}

/* --- told by connections --- */

void client_connection_up(struct client_connection *connection)
{
    client_look(connection->client);
    connection->client->driver->wake(connection->client, &connection->client->waiters);
}

void client_connection_proven(struct client_connection *connection)
{
    if (connection->proven)
        return;
    connection->proven = true;
    connection->client->failures = 0;
    connection->client->not_before_us = 0;
}

void client_connection_draining(struct client_connection *connection)
{
    struct client *client = connection->client;

    connection->draining = true;
    if (client->current == connection)
        client->current = NULL;
}

void client_connection_lost(struct client_connection *connection, const char *error)
{
    struct client *client = connection->client;
    bool was_current = client->current == connection;

    set_error(client, error);
    if (was_current)
        client->current = NULL;
    if (was_current && !connection->proven) {
        client->not_before_us =
            clock_monotonic_us() + client_backoff_us(client->config.retry.first_backoff_ms,
                                                     client->config.retry.longest_backoff_ms,
                                                     client->failures++);
        client->total_failures++;
        fail_waiting(client);
    }
    while (connection->calls.first != NULL) {
        struct rpc_client_call *call = connection->calls.first;
        call->unprocessed = !call->sent;
        client_call_finish(call, STATUS_UNAVAILABLE, arena_strdup(call->arena, error));
    }
    client->driver->wake(client, &client->waiters);
}

/* --- life --- */

/* "https://[::1]:443" and the like. False if it is none. */
static bool parse_target(struct client *client, const char *target)
{
    const char *rest, *colon;
    size_t length, digits;

    client->tls = strncmp(target, "https://", 8) == 0;
    if (!client->tls && strncmp(target, "http://", 7) != 0)
        return false;
    rest = target + (client->tls ? 8 : 7);
    colon = strrchr(rest, ':');
    if (colon == NULL)
        return false;
    digits = strspn(colon + 1, "0123456789");
    length = (size_t)(colon - rest);
    if (digits == 0 || digits > 5 || colon[1 + digits] != '\0' || length > 255)
        return false;
    client->authority = strdup(rest);
    client->port = strdup(colon + 1);
    if (length > 2 && rest[0] == '[' && rest[length - 1] == ']') {
        rest++;
        length -= 2;
    }
    client->host = strndup(rest, length);
    if (client->authority == NULL || client->port == NULL || client->host == NULL)
        abort();
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)rest[i]) && strchr(".-_:%", rest[i]) == NULL)
            return false;
    return length > 0;
}

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value != 0 ? value : standard;
}

static void set_config(struct client *client, const struct client_config *config)
{
    struct client_config *own = &client->config;

    own->loop = config->loop;
    own->connect_timeout_ms = or_default(config->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    own->keepalive_ms = or_default(config->keepalive_ms, KEEPALIVE_MS);
    own->keepalive_timeout_ms = or_default(config->keepalive_timeout_ms, KEEPALIVE_TIMEOUT_MS);
    own->max_message_bytes =
        config->max_message_bytes != 0 ? config->max_message_bytes : LIMIT_REQUEST_BYTES;
    own->retry.max_attempts = or_default(config->retry.max_attempts, MAX_ATTEMPTS);
    own->retry.first_backoff_ms = or_default(config->retry.first_backoff_ms, FIRST_BACKOFF_MS);
    own->retry.longest_backoff_ms =
        or_default(config->retry.longest_backoff_ms, LONGEST_BACKOFF_MS);
}

static enum status prepare(struct client *client, const char *target,
                           const struct client_config *config, char *reterr, size_t reterr_size)
{
    if (!parse_target(client, target)) {
        snprintf(reterr, reterr_size,
                 "'%s' is no target; write http://host:port or https://host:port", target);
        return STATUS_INVALID_ARGUMENT;
    }
    set_config(client, config);
    client->driver = config->loop != NULL ? &client_loop_driver : &client_poll_driver;
    if (!client->tls)
        return STATUS_OK;
    client->tls_context = client_tls_new(config, reterr, reterr_size);
    return client->tls_context != NULL ? STATUS_OK : STATUS_INVALID_ARGUMENT;
}

static void free_parts(struct client *client)
{
    SSL_CTX_free(client->tls_context);
    free(client->authority);
    free(client->host);
    free(client->port);
    free(client);
}

enum status client_new(const char *target, const struct client_config *config,
                       struct client **ret_client, char *reterr, size_t reterr_size)
{
    static const struct client_config defaults;
    struct client *client = calloc(1, sizeof(*client));
    enum status status;

    if (client == NULL)
        abort();
    status = prepare(client, target, config != NULL ? config : &defaults, reterr, reterr_size);
    if (status != STATUS_OK) {
        free_parts(client);
        return status;
    }
    *ret_client = client;
    return STATUS_OK;
}

/* A peer that takes nothing is not waited for. */
static void say_goodbye(struct client_connection *connection)
{
    if (connection->state != CONNECTION_UP)
        return;
    connection->draining = true;
    nghttp2_session_terminate_session(connection->session, NGHTTP2_NO_ERROR);
    client_connection_flush(connection);
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    while (client->waiting.first != NULL)
        client_call_end(client->waiting.first, STATUS_CANCELLED, "the client was closed");
    while (client->connections != NULL) {
        struct client_connection *connection = client->connections;
        while (connection->calls.first != NULL)
            client_call_end(connection->calls.first, STATUS_CANCELLED, "the client was closed");
        say_goodbye(connection);
        if (client->connections == connection)
            client_connection_free(connection);
    }
    client->driver->remind(client, 0);
    free_parts(client);
}

void client_freep(struct client **client)
{
    client_free(*client);
}

enum status client_connect(struct client *client)
{
    unsigned failures = client->total_failures;

    while (client->total_failures == failures) {
        if (client->current == NULL)
            connect_now(client);
        if (client_is_connected(client))
            return STATUS_OK;
        if (client->total_failures == failures)
            TRY(client->driver->wait(client, &client->waiters, 0));
    }
    return STATUS_UNAVAILABLE;
}

const char *client_error(const struct client *client)
{
    return client->error;
}

bool client_is_connected(const struct client *client)
{
    return client->current != NULL && takes_calls(client->current);
}
