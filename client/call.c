#include "client/client.h"

#include "base/clock.h"
#include "base/limits.h"
#include "client/connection.h"
#include "client/details.h"
#include "server/protocol/percent.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENVELOPE_BYTES 5
#define MAX_MESSAGE_BYTES LIMIT_DECODED_BYTES
#define FIXED_HEADERS 8 /* at most, beside the caller's own */

/* --- headers --- */

static bool add_header(struct client_headers *headers, struct arena *arena, const char *name,
                       const char *value)
{
    size_t size_bytes = strlen(name) + strlen(value);

    if (headers->count == LIMIT_HEADERS || headers->total_bytes + size_bytes > LIMIT_HEADER_BYTES)
        return false;
    if (headers->count == headers->capacity) {
        size_t capacity = headers->capacity ? headers->capacity * 2 : 8;
        struct client_header *items = arena_alloc_array(arena, capacity, sizeof(*items));
        if (headers->count > 0)
            memcpy(items, headers->items, headers->count * sizeof(*items));
        headers->items = items;
        headers->capacity = capacity;
    }
    headers->items[headers->count++] =
        (struct client_header){arena_strdup(arena, name), arena_strdup(arena, value)};
    headers->total_bytes += size_bytes;
    return true;
}

static const char *find_header(const struct client_headers *headers, const char *name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (strcmp(headers->items[i].name, name) == 0)
            return headers->items[i].value;
    return NULL;
}

const char *client_call_header(const struct rpc_client_call *call, const char *name)
{
    return find_header(&call->headers, name);
}

/* An answer without messages has its trailers where its headers would be. */
const char *client_call_trailer(const struct rpc_client_call *call, const char *name)
{
    return find_header(call->trailers.count > 0 ? &call->trailers : &call->headers, name);
}

/* --- life --- */

struct rpc_client_call *client_call_new(struct client *client, struct arena *arena)
{
    struct rpc_client_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        abort();
    call->client = client;
    call->arena = arena;
    call->message = "";
    return call;
}

void client_call_free(struct rpc_client_call *call)
{
    if (call == NULL)
        return;
    client_call_cancel(call);
    buffer_free(&call->outgoing);
    buffer_free(&call->received);
    free(call);
}

void client_call_freep(struct rpc_client_call **call)
{
    client_call_free(*call);
}

void client_call_set_timeout(struct rpc_client_call *call, uint32_t timeout_ms)
{
    assert(call->stream_id == 0);
    call->timeout_ms = timeout_ms;
}

void client_call_add_header(struct rpc_client_call *call, const char *name, const char *value)
{
    assert(call->stream_id == 0);
    if (!add_header(&call->request, call->arena, name, value))
        abort(); /* the caller's own headers are as many as the caller wrote */
}

const char *client_call_message(const struct rpc_client_call *call)
{
    return call->message;
}

size_t client_call_detail_count(const struct rpc_client_call *call)
{
    return call->detail_count;
}

const struct client_detail *client_call_detail(const struct rpc_client_call *call, size_t index)
{
    assert(index < call->detail_count);
    return &call->details[index];
}

/* --- the end --- */

static bool is_open(const struct rpc_client_call *call)
{
    return call->stream_id != 0 && !call->ended;
}

static void finish(struct rpc_client_call *call, enum status status, const char *message)
{
    call->ended = true;
    call->status = status;
    call->message = message;
    client_remove_call(call->client, call);
}

void call_end(struct rpc_client_call *call, enum status status, const char *message)
{
    struct client *client = call->client;

    finish(call, status, message);
    nghttp2_session_set_stream_user_data(client->session, call->stream_id, NULL);
    if (client->lost)
        return;
    nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
}

void client_call_cancel(struct rpc_client_call *call)
{
    if (!is_open(call))
        return;
    call_end(call, STATUS_CANCELLED, "the caller cancelled the call");
    client_flush(call->client);
}

static enum status status_of_http(int http_status)
{
    switch (http_status) {
    case 400:
        return STATUS_INTERNAL;
    case 401:
        return STATUS_UNAUTHENTICATED;
    case 403:
        return STATUS_PERMISSION_DENIED;
    case 404:
        return STATUS_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return STATUS_UNAVAILABLE;
    default:
        return STATUS_UNKNOWN;
    }
}

static enum status status_of_error(uint32_t error_code)
{
    switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
        return STATUS_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return STATUS_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return STATUS_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return STATUS_PERMISSION_DENIED;
    default:
        return STATUS_INTERNAL;
    }
}

static enum status parse_status(const char *text)
{
    char *end;
    unsigned long code = strtoul(text, &end, 10);

    return end == text || *end != '\0' || code >= STATUS_COUNT ? STATUS_UNKNOWN : (enum status)code;
}

static const char *decode_message(struct arena *arena, const char *text)
{
    CLEANUP(buffer_free) struct buffer decoded = {0};

    if (text == NULL)
        return "";
    /* A message that is badly encoded is still better than none. */
    if (!percent_decode(&decoded, text, strlen(text), false))
        return text;
    return arena_strndup(arena, (const char *)buffer_data(&decoded), decoded.length);
}

static void finish_with_status(struct rpc_client_call *call, const char *grpc_status)
{
    const char *details = client_call_trailer(call, "grpc-status-details-bin");
    enum status status = parse_status(grpc_status);

    if (details != NULL)
        details_read(call->arena, details, &call->details, &call->detail_count);
    if (status == STATUS_OK && call->received.length > 0 && call->received.length < ENVELOPE_BYTES)
        finish(call, STATUS_INTERNAL, "the answer ends within a message");
    else
        finish(call, status,
               decode_message(call->arena, client_call_trailer(call, "grpc-message")));
}

void call_on_close(struct rpc_client_call *call, uint32_t error_code)
{
    const char *grpc_status = client_call_trailer(call, "grpc-status");

    if (grpc_status != NULL)
        finish_with_status(call, grpc_status);
    else if (error_code != NGHTTP2_NO_ERROR)
        finish(call, status_of_error(error_code),
               arena_printf(call->arena, "the stream was reset: %s",
                            nghttp2_http2_strerror(error_code)));
    else if (call->http_status != 200)
        finish(
            call, status_of_http(call->http_status),
            arena_printf(call->arena, "the server answers with HTTP status %d", call->http_status));
    else
        finish(call, STATUS_UNKNOWN, "the answer has no status");
}

/* --- receiving --- */

bool call_on_header(struct rpc_client_call *call, const char *name, const char *value)
{
    if (strcmp(name, ":status") == 0) {
        call->http_status = atoi(value);
        return true;
    }
    return add_header(call->started ? &call->trailers : &call->headers, call->arena, name, value);
}

void call_on_data(struct rpc_client_call *call, const void *data, size_t length)
{
    buffer_append(&call->received, data, length);
    call->uncredited += length;
}

/* Lets the server send as much again. */
static void give_credit(struct rpc_client_call *call)
{
    if (call->uncredited > 0 && is_open(call))
        nghttp2_session_consume_stream(call->client->session, call->stream_id, call->uncredited);
    call->uncredited = 0;
}

static size_t envelope_length(const uint8_t *envelope)
{
    size_t length = 0;

    for (int i = 1; i < ENVELOPE_BYTES; i++)
        length = length << 8 | envelope[i];
    return length;
}

static enum status refuse(struct rpc_client_call *call, enum status status, const char *message)
{
    if (is_open(call))
        call_end(call, status, message);
    call->status = status;
    call->message = message;
    buffer_free(&call->received);
    return status;
}

/* Takes a whole message; `*ret_message` is NULL if there is none yet. */
static enum status take_message(struct rpc_client_call *call, ProtobufCMessage **ret_message)
{
    const uint8_t *data = buffer_data(&call->received);
    const char *error;
    size_t length;

    *ret_message = NULL;
    if (call->received.length < ENVELOPE_BYTES)
        return STATUS_OK;
    length = envelope_length(data);
    if (data[0] != 0)
        return refuse(call, STATUS_INTERNAL, "the server compressed what may not be compressed");
    if (length > MAX_MESSAGE_BYTES)
        return refuse(call, STATUS_RESOURCE_EXHAUSTED, "a message is too large");
    if (call->received.length - ENVELOPE_BYTES < length)
        return STATUS_OK;
    if (message_decode(call->arena, call->response_type, data + ENVELOPE_BYTES, length, ret_message,
                       &error) != STATUS_OK)
        return refuse(call, STATUS_INTERNAL, error);
    buffer_consume(&call->received, ENVELOPE_BYTES + length);
    return STATUS_OK;
}

/* Pumps once; ends the call when its time is over. */
static void wait_for_more(struct rpc_client_call *call)
{
    if (call->deadline_us != 0 && clock_monotonic_us() >= call->deadline_us) {
        call_end(call, STATUS_DEADLINE_EXCEEDED, "the deadline has passed");
        client_flush(call->client);
        return;
    }
    client_pump(call->client, call->deadline_us);
}

static enum status end_status(const struct rpc_client_call *call)
{
    return call->status == STATUS_OK ? STATUS_OUT_OF_RANGE : call->status;
}

enum status client_receive(struct rpc_client_call *call, ProtobufCMessage **ret_message)
{
    assert(call->stream_id != 0);
    for (;;) {
        TRY(take_message(call, ret_message));
        give_credit(call);
        if (*ret_message != NULL)
            return STATUS_OK;
        if (!call->ended) {
            wait_for_more(call);
            continue;
        }
        if (call->status == STATUS_OK && call->received.length > 0)
            return refuse(call, STATUS_INTERNAL, "the answer ends within a message");
        return end_status(call);
    }
}

/* --- sending --- */

static ssize_t read_outgoing(nghttp2_session *session, int32_t stream_id, uint8_t *out,
                             size_t size_bytes, uint32_t *flags, nghttp2_data_source *source,
                             void *user)
{
    struct rpc_client_call *call = nghttp2_session_get_stream_user_data(session, stream_id);
    size_t length;

    if (call == NULL) /* ended here; its reset is about to leave */
        return NGHTTP2_ERR_DEFERRED;
    length = call->outgoing.length < size_bytes ? call->outgoing.length : size_bytes;
    if (length == 0 && !call->send_closed)
        return NGHTTP2_ERR_DEFERRED;
    if (length > 0) {
        memcpy(out, buffer_data(&call->outgoing), length);
        buffer_consume(&call->outgoing, length);
    }
    if (call->outgoing.length == 0 && call->send_closed)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)length;
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static size_t write_headers(const struct rpc_client_call *call, const char *path,
                            nghttp2_nv *headers)
{
    size_t count = 0;

    headers[count++] = header(":method", "POST");
    headers[count++] = header(":scheme", call->client->scheme);
    headers[count++] = header(":path", path);
    headers[count++] = header(":authority", call->client->authority);
    headers[count++] = header("content-type", "application/grpc+proto");
    headers[count++] = header("te", "trailers");
    if (call->timeout_ms != 0)
        headers[count++] = header(
            "grpc-timeout",
            arena_printf(call->arena, "%" PRIu32 "%s",
                         call->timeout_ms < 100000000 ? call->timeout_ms : call->timeout_ms / 1000,
                         call->timeout_ms < 100000000 ? "m" : "S"));
    for (size_t i = 0; i < call->request.count; i++)
        headers[count++] = header(call->request.items[i].name, call->request.items[i].value);
    return count;
}

/* A call that could not be opened has ended all the same. */
static enum status fail_opening(struct rpc_client_call *call, const char *message)
{
    call->ended = true;
    call->status = STATUS_UNAVAILABLE;
    call->message = message;
    return STATUS_UNAVAILABLE;
}

enum status client_open(struct rpc_client_call *call, const char *path,
                        const struct message_type *response_type)
{
    nghttp2_data_provider provider = {.read_callback = read_outgoing};
    nghttp2_nv headers[FIXED_HEADERS + LIMIT_HEADERS];
    size_t count;
    int32_t id;

    assert(call->stream_id == 0 && !call->ended);
    call->response_type = response_type;
    if (call->client->lost)
        return fail_opening(call, "the connection was lost");
    if (!client_is_usable(call->client))
        return fail_opening(call, "the server takes no more calls on this connection");
    count = write_headers(call, path, headers);
    id = nghttp2_submit_request(call->client->session, NULL, headers, count, &provider, call);
    if (id < 0)
        return fail_opening(call, nghttp2_strerror(id));
    call->stream_id = id;
    if (call->timeout_ms != 0)
        call->deadline_us = clock_monotonic_us() + (uint64_t)call->timeout_ms * 1000;
    client_add_call(call->client, call);
    return STATUS_OK;
}

static void write_envelope(struct buffer *out, const ProtobufCMessage *message)
{
    size_t start = out->length;
    uint8_t *envelope;
    size_t length;

    buffer_append(out, "\0\0\0\0\0", ENVELOPE_BYTES);
    message_encode(message, out);
    length = out->length - start - ENVELOPE_BYTES;
    envelope = buffer_data(out) + start;
    for (int i = ENVELOPE_BYTES - 1; i > 0; i--, length >>= 8)
        envelope[i] = (uint8_t)length;
}

enum status client_send(struct rpc_client_call *call, const ProtobufCMessage *message)
{
    assert(call->stream_id != 0 && !call->send_closed);
    if (call->ended)
        return end_status(call);
    write_envelope(&call->outgoing, message);
    nghttp2_session_resume_data(call->client->session, call->stream_id);
    client_flush(call->client);
    while (!call->ended && call->outgoing.length > LIMIT_STREAM_QUEUE_BYTES)
        wait_for_more(call);
    return call->ended ? end_status(call) : STATUS_OK;
}

enum status client_close_send(struct rpc_client_call *call)
{
    assert(call->stream_id != 0);
    call->send_closed = true;
    /* The server may have ended the call before: its answer tells how. */
    if (call->ended)
        return STATUS_OK;
    nghttp2_session_resume_data(call->client->session, call->stream_id);
    client_flush(call->client);
    return STATUS_OK;
}

/* --- unary --- */

/* Sends the request whole before anything leaves, so that it is one write. */
static enum status start_unary(struct rpc_client_call *call, const char *path,
                               const ProtobufCMessage *request,
                               const struct message_type *response_type)
{
    TRY(client_open(call, path, response_type));
    write_envelope(&call->outgoing, request);
    return client_close_send(call);
}

enum status client_unary(struct rpc_client_call *call, const char *path,
                         const ProtobufCMessage *request, const struct message_type *response_type,
                         ProtobufCMessage **ret_response)
{
    ProtobufCMessage *response, *second;
    enum status status;

    TRY(start_unary(call, path, request, response_type));
    status = client_receive(call, &response);
    if (status == STATUS_OUT_OF_RANGE && call->status == STATUS_OK)
        return refuse(call, STATUS_INTERNAL, "the answer has no message");
    TRY(status);
    status = client_receive(call, &second);
    if (status == STATUS_OK)
        return refuse(call, STATUS_INTERNAL, "the answer has more than one message");
    if (status != STATUS_OUT_OF_RANGE || call->status != STATUS_OK)
        return status;
    *ret_response = response;
    return STATUS_OK;
}
