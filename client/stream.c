/* The messages of a call, there and back. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "client/internal.h"

#define ENVELOPE_BYTES 5
#define ENVELOPE_COMPRESSED 0x01

/* --- told by the session --- */

void client_call_on_header(struct rpc_client_call *call, const char *name, const char *value,
                           size_t value_length)
{
    struct client_metadata *metadata = call->started ? &call->trailers : &call->headers;

    if (strcmp(name, ":status") == 0)
        call->http_status = (int)strtol(value, NULL, 10);
    else if (!client_metadata_add(metadata, call->arena, name, value, value_length))
        client_call_end(call, STATUS_RESOURCE_EXHAUSTED, "the answer's headers are too large");
}

void client_call_on_headers_end(struct rpc_client_call *call)
{
    if (call->started)
        return;
    if (call->http_status < 200) { /* informational: not the answer, but within its bounds */
        call->headers.count = 0;
        return;
    }
    /* With a status in it, it is all there is, and may be asked for again. */
    call->started = client_metadata_find(&call->headers, "grpc-status") == NULL;
    client_call_check_headers(call);
    call->client->driver->wake(call->client, &call->waiters);
}

void client_call_on_data(struct rpc_client_call *call, const void *data, size_t length)
{
    buffer_append(&call->received, data, length);
    call->uncredited += length;
    call->client->driver->wake(call->client, &call->waiters);
}

size_t client_call_read(struct rpc_client_call *call, uint8_t *out, size_t size_bytes,
                        bool *ret_end)
{
    size_t left = call->outgoing.length - call->taken_bytes;
    size_t length = left < size_bytes ? left : size_bytes;

    if (length > 0)
        memcpy(out, buffer_data(&call->outgoing) + call->taken_bytes, length);
    if (call->single) {
        call->taken_bytes += length;
    } else if (length > 0) {
        buffer_consume(&call->outgoing, length);
        call->client->driver->wake(call->client, &call->waiters);
    }
    *ret_end = call->send_closed && length == left;
    return length;
}

/* --- waiting --- */

/* Waits once; ends the call when its time is over, or its coroutine interrupted. */
static void wait_for_more(struct rpc_client_call *call)
{
    enum status status;

    if (call->deadline_us != 0 && clock_monotonic_us() >= call->deadline_us) {
        client_call_end(call, STATUS_DEADLINE_EXCEEDED, "the deadline has passed");
        return;
    }
    status = call->client->driver->wait(call->client, &call->waiters, call->deadline_us);
    if (status != STATUS_OK && call->state != CALL_ENDED)
        client_call_end(call, status, "the caller was interrupted");
}

/* Repeats the call that has ended if that is allowed. True if it goes on. */
static bool try_again(struct rpc_client_call *call)
{
    enum status status = STATUS_OK;
    uint64_t at_us;

    if (!client_retry_allowed(call, &at_us))
        return false;
    call->state = CALL_RESTING;
    while (call->state == CALL_RESTING && clock_monotonic_us() < at_us && status == STATUS_OK)
        status = call->client->driver->wait(call->client, &call->waiters, at_us);
    if (status != STATUS_OK && call->state == CALL_RESTING)
        client_call_end(call, status, "the caller was interrupted");
    if (call->state != CALL_RESTING)
        return false;
    client_call_reset(call);
    client_queue(call);
    return true;
}

static enum status end_status(const struct rpc_client_call *call)
{
    return call->status == STATUS_OK ? STATUS_OUT_OF_RANGE : call->status;
}

/* --- receiving --- */

/* Lets the server send as much again. */
static void give_credit(struct rpc_client_call *call)
{
    if (call->uncredited > 0 && call->state == CALL_OPEN) {
        nghttp2_session_consume_stream(call->connection->session, call->stream_id,
                                       call->uncredited);
        call->client->driver->flush(call->connection);
    }
    call->uncredited = 0;
}

static enum status refuse(struct rpc_client_call *call, enum status status, const char *message)
{
    if (call->state != CALL_ENDED)
        client_call_end(call, status, message);
    call->status = status;
    call->message = message;
    buffer_free(&call->received);
    return status;
}

static enum status decompress(struct rpc_client_call *call, struct bytes message,
                              struct buffer *out)
{
    size_t max_bytes = call->client->config.max_message_bytes;
    const char *error;
    enum status status;

    if (call->compression == COMPRESSION_IDENTITY)
        return refuse(call, STATUS_INTERNAL, "the server compressed and did not say how");
    status = decompress_bytes(call->compression, message, max_bytes, out, &error);
    if (status == STATUS_RESOURCE_EXHAUSTED)
        return refuse(call, status, "a message is too large once decompressed");
    return status == STATUS_OK ? STATUS_OK : refuse(call, STATUS_INTERNAL, error);
}

static enum status decode(struct rpc_client_call *call, uint8_t flags, struct bytes message,
                          ProtobufCMessage **ret_message)
{
    CLEANUP(buffer_free) struct buffer decompressed = {0};
    const char *error;

    if (flags == ENVELOPE_COMPRESSED) {
        TRY(decompress(call, message, &decompressed));
        message = (struct bytes){buffer_data(&decompressed), decompressed.length};
    }
    if (message_decode(call->message_arena, call->method->response, message.data, message.length,
                       ret_message, &error) != STATUS_OK)
        return refuse(call, STATUS_INTERNAL, error);
    return STATUS_OK;
}

static size_t envelope_length(const uint8_t *envelope)
{
    size_t length = 0;

    for (int i = 1; i < ENVELOPE_BYTES; i++)
        length = length << 8 | envelope[i];
    return length;
}

/* Takes a whole message; `*ret_message` is NULL if there is none yet. */
static enum status take_message(struct rpc_client_call *call, ProtobufCMessage **ret_message)
{
    const uint8_t *data = buffer_data(&call->received);
    size_t length;

    *ret_message = NULL;
    if (call->received.length < ENVELOPE_BYTES)
        return STATUS_OK;
    length = envelope_length(data);
    if ((data[0] & ~ENVELOPE_COMPRESSED) != 0)
        return refuse(call, STATUS_INTERNAL, "a message has unknown flags");
    if (length > call->client->config.max_message_bytes)
        return refuse(call, STATUS_RESOURCE_EXHAUSTED, "a message is too large");
    if (call->received.length - ENVELOPE_BYTES < length)
        return STATUS_OK;
    TRY(decode(call, data[0], (struct bytes){data + ENVELOPE_BYTES, length}, ret_message));
    buffer_consume(&call->received, ENVELOPE_BYTES + length);
    return STATUS_OK;
}

enum status client_receive(struct rpc_client_call *call, ProtobufCMessage **ret_message)
{
    assert(call->state != CALL_NEW);
    for (;;) {
        TRY(take_message(call, ret_message));
        give_credit(call);
        if (*ret_message != NULL)
            return STATUS_OK;
        if (call->state != CALL_ENDED) {
            wait_for_more(call);
            continue;
        }
        if (call->received.length > 0 && call->status == STATUS_OK)
            return refuse(call, STATUS_INTERNAL, "the answer ends within a message");
        if (!try_again(call))
            return end_status(call);
    }
}

enum status client_receive_headers(struct rpc_client_call *call)
{
    assert(call->state != CALL_NEW);
    while (!call->started) {
        if (call->state != CALL_ENDED)
            wait_for_more(call);
        else if (!try_again(call))
            return end_status(call);
    }
    return STATUS_OK;
}

/* --- sending --- */

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

enum status client_open(struct rpc_client_call *call, const struct client_method *method)
{
    assert(call->state == CALL_NEW);
    call->method = method;
    if (call->flaw != NULL) {
        client_call_finish(call, STATUS_INVALID_ARGUMENT, call->flaw);
        return STATUS_INVALID_ARGUMENT;
    }
    call->idempotent = call->idempotent || method->idempotent;
    if (call->timeout_ms != 0)
        call->deadline_us = clock_monotonic_us() + (uint64_t)call->timeout_ms * 1000;
    client_queue(call);
    return STATUS_OK;
}

/* What is sent twice with a key has an effect once. */
static bool has_idempotency_key(const ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(request->descriptor, "idempotency_key");
    const char *key;

    if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING ||
        field->label == PROTOBUF_C_LABEL_REPEATED || (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return false;
    memcpy(&key, (const char *)request + field->offset, sizeof(key));
    return key != NULL && *key != '\0';
}

enum status client_start(struct rpc_client_call *call, const struct client_method *method,
                         const ProtobufCMessage *request)
{
    assert(call->state == CALL_NEW);
    write_envelope(&call->outgoing, request);
    call->single = call->send_closed = true;
    call->idempotent = call->idempotent || has_idempotency_key(request);
    return client_open(call, method);
}

enum status client_send(struct rpc_client_call *call, const ProtobufCMessage *message)
{
    assert(call->state != CALL_NEW && !call->send_closed);
    if (call->state == CALL_ENDED)
        return end_status(call);
    write_envelope(&call->outgoing, message);
    if (call->state == CALL_OPEN) {
        nghttp2_session_resume_data(call->connection->session, call->stream_id);
        call->client->driver->flush(call->connection);
    }
    while (call->state != CALL_ENDED && call->outgoing.length > LIMIT_STREAM_QUEUE_BYTES)
        wait_for_more(call);
    return call->state == CALL_ENDED ? end_status(call) : STATUS_OK;
}

enum status client_close_send(struct rpc_client_call *call)
{
    assert(call->state != CALL_NEW);
    call->send_closed = true;
    /* Otherwise the server may have ended the call before: its answer tells how. */
    if (call->state == CALL_OPEN) {
        nghttp2_session_resume_data(call->connection->session, call->stream_id);
        call->client->driver->flush(call->connection);
    }
    return STATUS_OK;
}

/* --- unary --- */

enum status client_unary(struct rpc_client_call *call, const struct client_method *method,
                         const ProtobufCMessage *request, ProtobufCMessage **ret_response)
{
    ProtobufCMessage *response, *second;
    enum status status;

    TRY(client_start(call, method, request));
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
