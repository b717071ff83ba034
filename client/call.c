/* One call: what its owner sets and reads. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "client/internal.h"
#include "server/protocol/base64.h"

/* --- life --- */

struct rpc_client_call *client_call_new(struct client *client, struct arena *arena)
{
    struct rpc_client_call *call = calloc(1, sizeof(*call));

    if (call == NULL)
        abort();
    call->client = client;
    call->arena = call->message_arena = arena;
    call->message = "";
    return call;
}

void client_call_free(struct rpc_client_call *call)
{
    if (call == NULL)
        return;
    client_call_cancel(call);
    assert(call->waiters == NULL);
    buffer_free(&call->outgoing);
    buffer_free(&call->received);
    free(call);
}

void client_call_freep(struct rpc_client_call **call)
{
    client_call_free(*call);
}

void client_call_reset(struct rpc_client_call *call)
{
    call->taken_bytes = 0;
    call->stream_id = 0;
    call->sent = call->started = call->unprocessed = false;
    call->http_status = 0;
    call->compression = COMPRESSION_IDENTITY;
    call->headers = call->trailers = (struct client_metadata){0};
    buffer_free(&call->received);
    call->uncredited = 0;
    call->status = STATUS_OK;
    call->message = "";
    call->details = NULL;
    call->detail_count = 0;
}

/* --- the end --- */

void client_call_finish(struct rpc_client_call *call, enum status status, const char *message)
{
    client_calls_remove(call);
    if (call->connection != NULL)
        nghttp2_session_set_stream_user_data(call->connection->session, call->stream_id, NULL);
    call->connection = NULL;
    call->state = CALL_ENDED;
    call->status = status;
    call->message = message;
    call->client->driver->wake(call->client, &call->waiters);
}

void client_call_end(struct rpc_client_call *call, enum status status, const char *message)
{
    struct client_connection *connection = call->connection;
    int32_t stream_id = call->stream_id;

    client_call_finish(call, status, message);
    if (connection == NULL || connection->state != CONNECTION_UP)
        return;
    nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_CANCEL);
    connection->client->driver->flush(connection);
}

void client_call_cancel(struct rpc_client_call *call)
{
    if (call->state != CALL_NEW && call->state != CALL_ENDED)
        client_call_end(call, STATUS_CANCELLED, "the caller cancelled the call");
}

/* --- what its owner sets --- */

void client_call_set_timeout(struct rpc_client_call *call, uint32_t timeout_ms)
{
    assert(call->state == CALL_NEW);
    call->timeout_ms = timeout_ms;
}

void client_call_add_header(struct rpc_client_call *call, const char *name, const char *value)
{
    assert(call->state == CALL_NEW);
    if (call->flaw == NULL)
        call->flaw = client_metadata_flaw(call->arena, name, value);
    if (call->flaw == NULL &&
        !client_metadata_add(&call->request, call->arena, name, value, strlen(value)))
        call->flaw = "the request's headers are too large";
}

void client_call_add_header_bytes(struct rpc_client_call *call, const char *name,
                                  struct bytes value)
{
    size_t length = base64_encoded_length(value.length, false);
    size_t name_length = strlen(name);
    char *text;

    if (length > LIMIT_HEADER_BYTES) {
        call->flaw = "the request's headers are too large";
        return;
    }
    if (name_length < 5 || strcmp(name + name_length - 4, "-bin") != 0) {
        call->flaw = arena_printf(call->arena,
                                  "the header '%.64s' holds bytes: its name must end "
                                  "in -bin",
                                  name);
        return;
    }
    text = arena_alloc(call->arena, length + 1);
    base64_encode_to(text, value.data, value.length, BASE64_STANDARD, false);
    client_call_add_header(call, name, text);
}

void client_call_set_idempotent(struct rpc_client_call *call)
{
    assert(call->state == CALL_NEW);
    call->idempotent = true;
}

void client_call_wait_for_ready(struct rpc_client_call *call)
{
    assert(call->state == CALL_NEW);
    call->wait_for_ready = true;
}

void client_call_set_message_arena(struct rpc_client_call *call, struct arena *arena)
{
    call->message_arena = arena;
}

/* --- what its owner reads --- */

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

ProtobufCMessage *client_call_find_detail(const struct rpc_client_call *call,
                                          const struct message_type *type)
{
    ProtobufCMessage *message;
    const char *error;

    for (size_t i = 0; i < call->detail_count; i++) {
        const struct client_detail *detail = &call->details[i];
        if (strcmp(detail->type_name, type->descriptor.name) == 0 &&
            message_decode(call->arena, type, detail->value.data, detail->value.length, &message,
                           &error) == STATUS_OK)
            return message;
    }
    return NULL;
}

const struct client_metadata *client_call_headers(const struct rpc_client_call *call)
{
    return &call->headers;
}

/* An answer without messages has its trailers where its headers would be. */
const struct client_metadata *client_call_trailers(const struct rpc_client_call *call)
{
    return call->trailers.count > 0 ? &call->trailers : &call->headers;
}

const char *client_call_header(const struct rpc_client_call *call, const char *name)
{
    return client_metadata_find(&call->headers, name);
}

const char *client_call_trailer(const struct rpc_client_call *call, const char *name)
{
    return client_metadata_find(client_call_trailers(call), name);
}

unsigned client_call_attempts(const struct rpc_client_call *call)
{
    return call->attempts;
}
