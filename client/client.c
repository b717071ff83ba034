#include "client/client.h"

#include "base/clock.h"
#include "client/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 10000
#define CHUNK_BYTES (64 * 1024)
#define STREAM_WINDOW_BYTES (256 * 1024) /* of messages nobody has received yet */
#define CONNECTION_WINDOW_BYTES (16 * 1024 * 1024)

/* --- what the session tells --- */

static struct rpc_client_call *call_of(nghttp2_session *session, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(session, stream_id);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user)
{
    struct rpc_client_call *call = call_of(session, frame->hd.stream_id);

    if (call != NULL && !call_on_header(call, (const char *)name, (const char *)value))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct rpc_client_call *call;

    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    call = call_of(session, frame->hd.stream_id);
    /* An informational response is not the one waited for. */
    if (call != NULL && call->http_status >= 200)
        call->started = true;
    return 0;
}

/* The connection's window is always open; each stream's follows its reader. */
static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                         const uint8_t *data, size_t length, void *user)
{
    struct rpc_client_call *call = call_of(session, stream_id);

    nghttp2_session_consume_connection(session, length);
    if (call != NULL)
        call_on_data(call, data, length);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *user)
{
    struct rpc_client_call *call = call_of(session, stream_id);

    if (call != NULL)
        call_on_close(call, error_code);
    return 0;
}

static nghttp2_session *new_session(struct client *client)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
    };
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    nghttp2_option *option;

    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    if (nghttp2_session_client_new2(&session, callbacks, client, option) != 0)
        abort();
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW_BYTES);
    return session;
}

/* --- bytes --- */

static void lose(struct client *client)
{
    client->lost = true;
    buffer_free(&client->unsent);
    while (client->calls != NULL)
        call_end(client->calls, STATUS_UNAVAILABLE, "the connection was lost");
}

/* True if the transport took everything. */
static bool send_unsent(struct client *client)
{
    while (client->unsent.length > 0) {
        ssize_t sent =
            transport_write(client->transport, buffer_data(&client->unsent), client->unsent.length);
        if (sent == TRANSPORT_CLOSED)
            lose(client);
        if (sent < 0)
            return false;
        buffer_consume(&client->unsent, (size_t)sent);
    }
    return true;
}

void client_flush(struct client *client)
{
    const uint8_t *data;
    ssize_t length;

    while (!client->lost && send_unsent(client)) {
        while (client->unsent.length < CHUNK_BYTES &&
               (length = nghttp2_session_mem_send(client->session, &data)) > 0)
            buffer_append(&client->unsent, data, (size_t)length);
        if (client->unsent.length == 0)
            return;
    }
}

/* True if something came. */
static bool receive_all(struct client *client)
{
    uint8_t bytes[CHUNK_BYTES];
    bool came = false;

    while (!client->lost) {
        ssize_t length = transport_read(client->transport, bytes, sizeof(bytes));
        if (length == TRANSPORT_AGAIN)
            break;
        came = true;
        if (length < 0 || nghttp2_session_mem_recv(client->session, bytes, (size_t)length) < 0)
            lose(client);
    }
    return came;
}

static int wait_time_ms(uint64_t deadline_us)
{
    uint64_t now_us = clock_monotonic_us();

    if (deadline_us == 0)
        return -1;
    return now_us >= deadline_us ? 0 : (int)((deadline_us - now_us + 999) / 1000);
}

void client_pump(struct client *client, uint64_t deadline_us)
{
    client_flush(client);
    /* TLS may hold bytes that poll() knows nothing of: read before waiting. */
    if (!receive_all(client) && !client->lost) {
        transport_wait(client->transport, client->unsent.length > 0, wait_time_ms(deadline_us));
        receive_all(client);
    }
    client_flush(client);
}

/* --- open calls --- */

void client_add_call(struct client *client, struct rpc_client_call *call)
{
    call->previous = NULL;
    call->next = client->calls;
    if (call->next != NULL)
        call->next->previous = call;
    client->calls = call;
}

void client_remove_call(struct client *client, struct rpc_client_call *call)
{
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        client->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
}

/* --- life --- */

struct address {
    bool tls;
    char authority[512]; /* "host:port" as written */
    char host[256], port[8];
};

/* "https://[::1]:443" and the like. */
static bool parse_target(const char *target, struct address *ret)
{
    const char *rest, *colon;
    size_t length;

    *ret = (struct address){.tls = strncmp(target, "https://", 8) == 0};
    if (!ret->tls && strncmp(target, "http://", 7) != 0)
        return false;
    rest = target + (ret->tls ? 8 : 7);
    colon = strrchr(rest, ':');
    if (colon == NULL || colon == rest || strlen(colon + 1) == 0 ||
        strlen(colon + 1) >= sizeof(ret->port) || strchr(colon, '/') != NULL)
        return false;
    length = (size_t)(colon - rest);
    if (rest[0] == '[' && rest[length - 1] == ']') {
        rest++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof(ret->host))
        return false;
    memcpy(ret->host, rest, length);
    snprintf(ret->port, sizeof(ret->port), "%s", colon + 1);
    snprintf(ret->authority, sizeof(ret->authority), "%s", target + (ret->tls ? 8 : 7));
    return true;
}

enum status client_connect(const char *target, const struct client_config *config,
                           struct client **ret_client, char *reterr, size_t reterr_size)
{
    struct client_config defaults = {0};
    struct transport *transport;
    struct address address;
    struct client *client;
    uint32_t timeout_ms;

    config = config != NULL ? config : &defaults;
    timeout_ms = config->connect_timeout_ms != 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    if (!parse_target(target, &address)) {
        snprintf(reterr, reterr_size,
                 "'%s' is no target; write http://host:port or https://host:port", target);
        return STATUS_INVALID_ARGUMENT;
    }
    TRY(transport_open(&(struct transport_target){.tls = address.tls,
                                                  .host = address.host,
                                                  .port = address.port,
                                                  .ca_file = config->ca_file},
                       clock_monotonic_us() + (uint64_t)timeout_ms * 1000, &transport, reterr,
                       reterr_size));
    client = calloc(1, sizeof(*client));
    if (client == NULL || (client->authority = strdup(address.authority)) == NULL)
        abort();
    client->transport = transport;
    client->scheme = address.tls ? "https" : "http";
    client->session = new_session(client);
    client_flush(client);
    *ret_client = client;
    return STATUS_OK;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    while (client->calls != NULL)
        call_end(client->calls, STATUS_CANCELLED, "the client was closed");
    nghttp2_session_terminate_session(client->session, NGHTTP2_NO_ERROR);
    client_flush(client); /* a peer that takes nothing is not waited for */
    nghttp2_session_del(client->session);
    transport_free(client->transport);
    buffer_free(&client->unsent);
    free(client->authority);
    free(client);
}

void client_freep(struct client **client)
{
    client_free(*client);
}

bool client_is_usable(const struct client *client)
{
    return !client->lost && nghttp2_session_check_request_allowed(client->session);
}
