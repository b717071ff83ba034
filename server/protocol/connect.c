/* Connect: unary calls as plain HTTP, streams in envelopes.
 * Specification: connectrpc.com/docs/protocol. */
#include "base/limits.h"
#include "server/protocol/base64.h"
#include "server/protocol/percent.h"
#include "server/protocol/protocol.h"

#include <stdio.h>
#include <string.h>

static int http_status(enum status status)
{
    static const int codes[STATUS_COUNT] = {
        [STATUS_OK] = 200,
        [STATUS_CANCELLED] = 499,
        [STATUS_UNKNOWN] = 500,
        [STATUS_INVALID_ARGUMENT] = 400,
        [STATUS_DEADLINE_EXCEEDED] = 504,
        [STATUS_NOT_FOUND] = 404,
        [STATUS_ALREADY_EXISTS] = 409,
        [STATUS_PERMISSION_DENIED] = 403,
        [STATUS_RESOURCE_EXHAUSTED] = 429,
        [STATUS_FAILED_PRECONDITION] = 400,
        [STATUS_ABORTED] = 409,
        [STATUS_OUT_OF_RANGE] = 400,
        [STATUS_UNIMPLEMENTED] = 501,
        [STATUS_INTERNAL] = 500,
        [STATUS_UNAVAILABLE] = 503,
        [STATUS_DATA_LOSS] = 500,
        [STATUS_UNAUTHENTICATED] = 401,
    };

    return codes[status];
}

static void write_details(struct buffer *out, const struct error_detail *details)
{
    buffer_append_string(out, ",\"details\":[");
    for (const struct error_detail *detail = details; detail; detail = detail->next) {
        if (detail != details)
            buffer_append_char(out, ',');
        buffer_append_string(out, "{\"type\":\"");
        buffer_append_string(out, detail->type_name);
        buffer_append_string(out, "\",\"value\":\"");
        base64_encode(out, detail->value.data, detail->value.length, BASE64_STANDARD, false);
        buffer_append_string(out, "\"}");
    }
    buffer_append_char(out, ']');
}

void connect_write_error(struct buffer *out, const struct outcome *outcome)
{
    buffer_append_string(out, "{\"code\":\"");
    buffer_append_string(out, status_connect_name(outcome->status));
    buffer_append_char(out, '"');
    if (outcome->message != NULL) {
        buffer_append_string(out, ",\"message\":");
        json_write_string(out, outcome->message, strlen(outcome->message));
    }
    if (outcome->details != NULL)
        write_details(out, outcome->details);
    buffer_append_char(out, '}');
}

/* --- the request --- */

static enum status read_common(struct wire *wire, const struct exchange *exchange,
                               const char **reterr)
{
    const struct http_header *version = exchange_header(exchange, "connect-protocol-version");
    const struct http_header *timeout = exchange_header(exchange, "connect-timeout-ms");

    if (version && !(version->value_length == 1 && version->value[0] == '1')) {
        *reterr = "connect-protocol-version must be \"1\"";
        return STATUS_INVALID_ARGUMENT;
    }
    if (timeout &&
        !timeout_parse_connect(timeout->value, timeout->value_length, &wire->timeout_us)) {
        *reterr = "connect-timeout-ms must be a number of at most ten digits";
        return STATUS_INVALID_ARGUMENT;
    }
    return STATUS_OK;
}

struct get_query {
    const char *encoding, *message;
    bool base64;
};

static enum status read_query_pair(struct wire *wire, struct get_query *query, const char *name,
                                   const char *value, const char **reterr)
{
    if (strcmp(name, "encoding") == 0)
        query->encoding = value;
    else if (strcmp(name, "message") == 0)
        query->message = value;
    else if (strcmp(name, "base64") == 0)
        query->base64 = strcmp(value, "1") == 0;
    else if (strcmp(name, "connect") == 0 && strcmp(value, "v1") != 0) {
        *reterr = "the parameter connect must be v1";
        return STATUS_INVALID_ARGUMENT;
    } else if (strcmp(name, "compression") == 0 &&
               !compression_find(value, strlen(value), &wire->request_compression)) {
        *reterr = COMPRESSION_UNKNOWN;
        return STATUS_UNIMPLEMENTED;
    }
    return STATUS_OK;
}

static char *decode_part(struct arena *arena, const char *text, size_t length, size_t *ret_length)
{
    struct buffer decoded = {0};
    char *copy = NULL;

    if (percent_decode(&decoded, text, length, true)) {
        *ret_length = decoded.length;
        copy = arena_strndup(arena, decoded.length ? (char *)buffer_data(&decoded) : "",
                             decoded.length);
    }
    buffer_free(&decoded);
    return copy;
}

static enum status read_query(struct wire *wire, const char *text, struct get_query *query,
                              size_t *ret_message_length, const char **reterr)
{
    while (*text != '\0') {
        size_t pair_length = strcspn(text, "&");
        const char *equals = memchr(text, '=', pair_length);
        size_t name_length = equals ? (size_t)(equals - text) : pair_length;
        size_t value_start = equals ? name_length + 1 : pair_length;
        size_t value_length = 0, unused;
        char *name = decode_part(wire->arena, text, name_length, &unused);
        char *value =
            decode_part(wire->arena, text + value_start, pair_length - value_start, &value_length);

        if (name == NULL || value == NULL) {
            *reterr = "the query is not percent-encoded";
            return STATUS_INVALID_ARGUMENT;
        }
        if (strcmp(name, "message") == 0)
            *ret_message_length = value_length;
        TRY(read_query_pair(wire, query, name, value, reterr));
        text += pair_length + (text[pair_length] == '&');
    }
    return STATUS_OK;
}

static enum status take_get_message(struct wire *wire, const struct get_query *query,
                                    size_t message_length, const char **reterr)
{
    struct buffer decoded = {0};

    if (!query->base64) {
        wire->get_message = (struct bytes){(const uint8_t *)query->message, message_length};
        return STATUS_OK;
    }
    if (!base64_decode(&decoded, query->message, message_length)) {
        buffer_free(&decoded);
        *reterr = "the message parameter is not base64";
        return STATUS_INVALID_ARGUMENT;
    }
    if (decoded.length > 0)
        wire->get_message = (struct bytes){
            arena_memdup(wire->arena, buffer_data(&decoded), decoded.length), decoded.length};
    buffer_free(&decoded);
    return STATUS_OK;
}

static enum status open_get(struct wire *wire, const struct exchange *exchange, const char **reterr)
{
    struct get_query query = {0};
    size_t message_length = 0;

    wire->content_type = "application/proto";
    TRY(compression_negotiate(wire, exchange, "", "accept-encoding", reterr));
    TRY(read_query(wire, exchange->query ? exchange->query : "", &query, &message_length, reterr));
    if (query.encoding == NULL || query.message == NULL) {
        *reterr = "a GET needs the parameters encoding and message";
        return STATUS_INVALID_ARGUMENT;
    }
    if (strcmp(query.encoding, "json") == 0) {
        wire->codec = RPC_CODEC_JSON;
        wire->content_type = "application/json";
    } else if (strcmp(query.encoding, "proto") != 0) {
        *reterr = "encoding must be json or proto";
        return STATUS_INVALID_ARGUMENT;
    }
    return take_get_message(wire, &query, message_length, reterr);
}

static enum status connect_open(struct wire *wire, const struct exchange *exchange,
                                const struct rpc_method *method, const char **reterr)
{
    TRY(read_common(wire, exchange, reterr));
    if (wire->is_get)
        return open_get(wire, exchange, reterr);
    return compression_negotiate(wire, exchange, "content-encoding", "accept-encoding", reterr);
}

static enum status connect_stream_open(struct wire *wire, const struct exchange *exchange,
                                       const struct rpc_method *method, const char **reterr)
{
    TRY(read_common(wire, exchange, reterr));
    return compression_negotiate(wire, exchange, "connect-content-encoding",
                                 "connect-accept-encoding", reterr);
}

/* --- the answer --- */

/* Unary answers carry trailers as headers with a prefix. */
static void add_prefixed_trailers(struct arena *arena, struct metadata *head,
                                  const struct metadata *trailers)
{
    for (size_t i = 0; i < trailers->count; i++)
        metadata_add(head, arena, arena_printf(arena, "trailer-%s", trailers->items[i].name),
                     trailers->items[i].value);
}

static void start_unary(const struct wire *wire, struct exchange *exchange, int status,
                        const char *content_type, enum compression compression,
                        const struct metadata *headers, const struct metadata *trailers,
                        size_t length, const char *request_id)
{
    struct metadata head = {0};
    char *text = arena_printf(wire->arena, "%zu", length);

    metadata_add(&head, wire->arena, "content-type", content_type);
    metadata_add(&head, wire->arena, "content-length", text);
    metadata_add(&head, wire->arena, "accept-encoding", COMPRESSION_ACCEPTED);
    if (compression != COMPRESSION_IDENTITY)
        metadata_add(&head, wire->arena, "content-encoding", compression_name(compression));
    if (request_id != NULL)
        metadata_add(&head, wire->arena, "x-request-id", request_id);
    if (wire->is_get)
        metadata_add(&head, wire->arena, "vary", "accept-encoding");
    for (size_t i = 0; i < headers->count; i++)
        metadata_add(&head, wire->arena, headers->items[i].name, headers->items[i].value);
    add_prefixed_trailers(wire->arena, &head, trailers);
    exchange->transport->start(exchange, status, head.items, head.count);
}

static void connect_start(const struct wire *wire, struct exchange *exchange,
                          const struct metadata *headers, const struct metadata *trailers,
                          size_t length)
{
    start_unary(wire, exchange, 200, wire->content_type, wire->response_compression, headers,
                trailers, length, NULL);
}

static void connect_end(const struct wire *wire, struct exchange *exchange,
                        const struct outcome *outcome, const struct metadata *trailers)
{
    exchange->transport->end(exchange, NULL, 0);
}

static void connect_fail(const struct wire *wire, struct exchange *exchange,
                         const struct outcome *outcome, const struct metadata *headers,
                         const struct metadata *trailers)
{
    struct buffer body = {0};

    connect_write_error(&body, outcome);
    start_unary(wire, exchange, wire->no_method ? 404 : http_status(outcome->status),
                "application/json", COMPRESSION_IDENTITY, headers, trailers, body.length,
                outcome->request_id);
    exchange->transport->write(exchange, buffer_data(&body), body.length);
    exchange->transport->end(exchange, NULL, 0);
    buffer_free(&body);
}

static void start_stream(const struct wire *wire, struct exchange *exchange,
                         const struct metadata *headers, const char *request_id)
{
    struct metadata head = {0};

    metadata_add(&head, wire->arena, "content-type", wire->content_type);
    metadata_add(&head, wire->arena, "connect-accept-encoding", COMPRESSION_ACCEPTED);
    if (wire->response_compression != COMPRESSION_IDENTITY)
        metadata_add(&head, wire->arena, "connect-content-encoding",
                     compression_name(wire->response_compression));
    if (request_id != NULL)
        metadata_add(&head, wire->arena, "x-request-id", request_id);
    for (size_t i = 0; i < headers->count; i++)
        metadata_add(&head, wire->arena, headers->items[i].name, headers->items[i].value);
    exchange->transport->start(exchange, 200, head.items, head.count);
}

static void connect_stream_start(const struct wire *wire, struct exchange *exchange,
                                 const struct metadata *headers, const struct metadata *trailers,
                                 size_t length)
{
    start_stream(wire, exchange, headers, NULL);
}

static void write_metadata_value(struct buffer *out, const struct metadata *trailers, size_t from)
{
    const struct http_header *entry = &trailers->items[from];

    json_write_string(out, entry->name, entry->name_length);
    buffer_append_string(out, ":[");
    json_write_string(out, entry->value, entry->value_length);
    for (size_t i = from + 1; i < trailers->count; i++) {
        if (strcmp(trailers->items[i].name, entry->name) != 0)
            continue;
        buffer_append_char(out, ',');
        json_write_string(out, trailers->items[i].value, trailers->items[i].value_length);
    }
    buffer_append_char(out, ']');
}

static bool is_repeat(const struct metadata *trailers, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(trailers->items[i].name, trailers->items[index].name) == 0)
            return true;
    return false;
}

static void write_metadata(struct buffer *out, const struct metadata *trailers)
{
    bool first = true;

    buffer_append_string(out, "\"metadata\":{");
    for (size_t i = 0; i < trailers->count; i++) {
        if (is_repeat(trailers, i))
            continue;
        if (!first)
            buffer_append_char(out, ',');
        first = false;
        write_metadata_value(out, trailers, i);
    }
    buffer_append_char(out, '}');
}

static void connect_stream_end(const struct wire *wire, struct exchange *exchange,
                               const struct outcome *outcome, const struct metadata *trailers)
{
    struct buffer body = {0};

    buffer_append_char(&body, '{');
    if (outcome->status != STATUS_OK) {
        buffer_append_string(&body, "\"error\":");
        connect_write_error(&body, outcome);
    }
    if (trailers->count > 0) {
        if (outcome->status != STATUS_OK)
            buffer_append_char(&body, ',');
        write_metadata(&body, trailers);
    }
    buffer_append_char(&body, '}');
    envelope_write(wire, exchange, ENVELOPE_CONNECT_END, buffer_data(&body), body.length);
    exchange->transport->end(exchange, NULL, 0);
    buffer_free(&body);
}

static void connect_stream_fail(const struct wire *wire, struct exchange *exchange,
                                const struct outcome *outcome, const struct metadata *headers,
                                const struct metadata *trailers)
{
    start_stream(wire, exchange, headers, outcome->request_id);
    connect_stream_end(wire, exchange, outcome, trailers);
}

const struct protocol protocol_connect = {
    .name = "connect",
    .open = connect_open,
    .start = connect_start,
    .end = connect_end,
    .fail = connect_fail,
};

const struct protocol protocol_connect_stream = {
    .name = "connect",
    .open = connect_stream_open,
    .start = connect_stream_start,
    .end = connect_stream_end,
    .fail = connect_stream_fail,
};
