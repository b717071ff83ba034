/* HTTP/2 on one connection: what nghttp2 tells becomes events of calls. No input or output. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "client/internal.h"

#define STREAM_WINDOW_BYTES (256 * 1024) /* of messages nobody has received yet */
#define CONNECTION_WINDOW_BYTES (16 * 1024 * 1024)
#define FIXED_HEADERS 8 /* at most, beside the caller's own */
#define LONGEST_KEEPALIVE_MS (2 * 60 * 60 * 1000)

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

    if (call != NULL)
        client_call_on_header(call, (const char *)name, (const char *)value, value_length);
    return 0;
}

static void on_goaway(struct client_connection *connection, const nghttp2_goaway *goaway)
{
    struct client_config *config = &connection->client->config;

    /* "too_many_pings", in gRPC's words. */
    if (goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
        config->keepalive_ms < LONGEST_KEEPALIVE_MS)
        config->keepalive_ms *= 2;
    client_connection_draining(connection);
    /* What waits for a free stream will never get one. */
    for (struct rpc_client_call *call = connection->calls.first, *next; call != NULL; call = next) {
        next = call->next;
        if (call->sent)
            continue;
        call->unprocessed = true;
        client_call_end(call, STATUS_UNAVAILABLE, "the server takes no more calls");
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct client_connection *connection = user;
    struct rpc_client_call *call;

    client_connection_proven(connection);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        on_goaway(connection, &frame->goaway);
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    call = call_of(session, frame->hd.stream_id);
    if (call != NULL)
        client_call_on_headers_end(call);
    return 0;
}

/* The connection's window is always open; each stream's follows its reader. */
static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                         const uint8_t *data, size_t length, void *user)
{
    struct rpc_client_call *call = call_of(session, stream_id);

    nghttp2_session_consume_connection(session, length);
    if (call != NULL)
        client_call_on_data(call, data, length);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *user)
{
    struct rpc_client_call *call = call_of(session, stream_id);

    if (call != NULL)
        client_call_on_close(call, error_code);
    return 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct rpc_client_call *call;

    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    call = call_of(session, frame->hd.stream_id);
    if (call != NULL)
        call->sent = true;
    return 0;
}

/* A request that waited for a free stream when the server began to go away. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user)
{
    struct rpc_client_call *call;

    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    call = call_of(session, frame->hd.stream_id);
    if (call != NULL)
        client_call_on_close(call, NGHTTP2_REFUSED_STREAM);
    return 0;
}

static ssize_t read_request(nghttp2_session *session, int32_t stream_id, uint8_t *out,
                            size_t size_bytes, uint32_t *flags, nghttp2_data_source *source,
                            void *user)
{
    struct rpc_client_call *call = call_of(session, stream_id);
    bool end = false;
    size_t length;

    if (call == NULL) /* ended here; its reset is about to leave */
        return NGHTTP2_ERR_DEFERRED;
    length = client_call_read(call, out, size_bytes, &end);
    if (end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return length == 0 && !end ? NGHTTP2_ERR_DEFERRED : (ssize_t)length;
}

/* --- life --- */

static nghttp2_session_callbacks *new_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;

    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    return callbacks;
}

void client_session_open(struct client_connection *connection)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HEADER_BYTES},
    };
    nghttp2_session_callbacks *callbacks = new_callbacks();
    nghttp2_option *option;

    if (nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_option_set_no_auto_window_update(option, 1);
    if (nghttp2_session_client_new2(&connection->session, callbacks, connection, option) != 0)
        abort();
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
                            sizeof(settings) / sizeof(settings[0]));
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
                                          CONNECTION_WINDOW_BYTES);
}

bool client_session_receive(struct client_connection *connection, const uint8_t *data,
                            size_t length)
{
    return nghttp2_session_mem_recv(connection->session, data, length) >= 0;
}

bool client_session_takes_calls(const struct client_connection *connection)
{
    return nghttp2_session_check_request_allowed(connection->session) != 0;
}

/* --- requests --- */

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

/* At most eight digits and a unit, of what is left now. */
static const char *timeout_text(const struct rpc_client_call *call, uint64_t now_us)
{
    uint64_t left_us = call->deadline_us > now_us ? call->deadline_us - now_us : 1;

    if (left_us < 100000000)
        return arena_printf(call->arena, "%lluu", (unsigned long long)left_us);
    if (left_us / 1000 < 100000000)
        return arena_printf(call->arena, "%llum", (unsigned long long)(left_us / 1000));
    return arena_printf(call->arena, "%lluS", (unsigned long long)(left_us / 1000000));
}

static size_t write_headers(const struct rpc_client_call *call, nghttp2_nv *headers)
{
    const struct client *client = call->client;
    size_t count = 0;

    headers[count++] = header(":method", "POST");
    headers[count++] = header(":scheme", client->tls ? "https" : "http");
    headers[count++] = header(":path", call->method->path);
    headers[count++] = header(":authority", client->authority);
    headers[count++] = header("content-type", "application/grpc+proto");
    headers[count++] = header("te", "trailers");
    headers[count++] = header("grpc-accept-encoding", COMPRESSION_ACCEPTED);
    if (call->deadline_us != 0)
        headers[count++] = header("grpc-timeout", timeout_text(call, clock_monotonic_us()));
    for (size_t i = 0; i < call->request.count; i++)
        headers[count++] = header(call->request.items[i].name, call->request.items[i].value);
    return count;
}

void client_session_submit(struct client_connection *connection, struct rpc_client_call *call)
{
    nghttp2_data_provider provider = {.read_callback = read_request};
    nghttp2_nv headers[FIXED_HEADERS + LIMIT_HEADERS];
    size_t count = write_headers(call, headers);
    int32_t id = nghttp2_submit_request(connection->session, NULL, headers, count, &provider, call);

    if (id < 0) {
        call->unprocessed = true;
        client_call_finish(call, STATUS_UNAVAILABLE, nghttp2_strerror(id));
        return;
    }
    call->state = CALL_OPEN;
    call->stream_id = id;
    call->connection = connection;
    client_calls_add(&connection->calls, call);
}
