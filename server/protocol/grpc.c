/* gRPC over HTTP/2, and what gRPC-Web shares with it.
 * Specification: grpc/doc/PROTOCOL-HTTP2.md. */
#include "server/protocol/grpc.h"

#include "base/limits.h"
#include "google/rpc/status.h"
#include "server/protocol/base64.h"
#include "server/protocol/percent.h"

#include <string.h>

const char *grpc_status_details(struct arena *arena, const struct outcome *outcome)
{
    Status status;
    struct buffer encoded = {0}, text = {0};
    size_t count = 0;
    const char *result;

    if (outcome->details == NULL)
        return NULL;
    Status_type.descriptor.message_init(&status.base);
    status.code = (int32_t)outcome->status;
    if (outcome->message != NULL)
        status.message = arena_strdup(arena, outcome->message);
    for (const struct error_detail *detail = outcome->details; detail; detail = detail->next)
        count++;
    status.details = arena_alloc_array(arena, count, sizeof(*status.details));
    for (const struct error_detail *detail = outcome->details; detail; detail = detail->next) {
        Any *any = Any_new(arena);
        any->type_url = arena_printf(arena, "type.googleapis.com/%s", detail->type_name);
        any->value.data = (uint8_t *)detail->value.data;
        any->value.len = detail->value.length;
        status.details[status.n_details++] = any;
    }
    message_encode(&status.base, &encoded);
    base64_encode(&text, buffer_data(&encoded), encoded.length, BASE64_STANDARD, false);
    result = arena_strndup(arena, (char *)buffer_data(&text), text.length);
    buffer_free(&encoded);
    buffer_free(&text);
    return result;
}

static const char *encode_message(struct arena *arena, const char *message)
{
    struct buffer encoded = {0};
    const char *result;

    percent_encode(&encoded, message, strlen(message));
    result =
        arena_strndup(arena, encoded.length ? (char *)buffer_data(&encoded) : "", encoded.length);
    buffer_free(&encoded);
    return result;
}

void grpc_add_status(struct metadata *out, struct arena *arena, const struct outcome *outcome,
                     const struct metadata *trailers)
{
    static const char *const digits[STATUS_COUNT] = {
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
    const char *details = grpc_status_details(arena, outcome);

    metadata_add(out, arena, "grpc-status", digits[outcome->status]);
    if (outcome->message != NULL)
        metadata_add(out, arena, "grpc-message", encode_message(arena, outcome->message));
    if (details != NULL)
        metadata_add(out, arena, "grpc-status-details-bin", details);
    if (outcome->request_id != NULL)
        metadata_add(out, arena, "x-request-id", outcome->request_id);
    for (size_t i = 0; trailers && i < trailers->count; i++)
        metadata_add(out, arena, trailers->items[i].name, trailers->items[i].value);
}

enum status grpc_open(struct wire *wire, const struct exchange *exchange,
                      const struct rpc_method *method, const char **reterr)
{
    const struct http_header *timeout = exchange_header(exchange, "grpc-timeout");

    if (timeout && !timeout_parse_grpc(timeout->value, timeout->value_length, &wire->timeout_us)) {
        *reterr = "grpc-timeout must be at most eight digits and one of H, M, S, m, u, n";
        return STATUS_INVALID_ARGUMENT;
    }
    return compression_negotiate(wire, exchange, "grpc-encoding", "grpc-accept-encoding", reterr);
}

void grpc_add_head(struct metadata *head, const struct wire *wire, const struct metadata *headers)
{
    metadata_add(head, wire->arena, "content-type", wire->content_type);
    metadata_add(head, wire->arena, "grpc-accept-encoding", COMPRESSION_ACCEPTED);
    if (wire->response_compression != COMPRESSION_IDENTITY)
        metadata_add(head, wire->arena, "grpc-encoding",
                     compression_name(wire->response_compression));
    for (size_t i = 0; i < headers->count; i++)
        metadata_add(head, wire->arena, headers->items[i].name, headers->items[i].value);
}

static void grpc_start(const struct wire *wire, struct exchange *exchange,
                       const struct metadata *headers, const struct metadata *trailers,
                       size_t length)
{
    struct metadata head = {0};

    grpc_add_head(&head, wire, headers);
    exchange->transport->start(exchange, 200, head.items, head.count);
}

static void grpc_end(const struct wire *wire, struct exchange *exchange,
                     const struct outcome *outcome, const struct metadata *trailers)
{
    struct metadata tail = {0};

    grpc_add_status(&tail, wire->arena, outcome, trailers);
    exchange->transport->end(exchange, tail.items, tail.count);
}

/* Trailers-only: one HEADERS frame that ends the stream. Whoever reads one takes all of it for
 * trailers, so that headers of the handler's need a frame of their own. */
static void grpc_fail(const struct wire *wire, struct exchange *exchange,
                      const struct outcome *outcome, const struct metadata *headers,
                      const struct metadata *trailers)
{
    struct metadata head = {0};

    if (headers->count > 0) {
        grpc_start(wire, exchange, headers, trailers, 0);
        grpc_end(wire, exchange, outcome, trailers);
        return;
    }
    grpc_add_head(&head, wire, headers);
    grpc_add_status(&head, wire->arena, outcome, trailers);
    exchange->transport->start(exchange, 200, head.items, head.count);
    exchange->transport->end(exchange, NULL, 0);
}

const struct protocol protocol_grpc = {
    .name = "grpc",
    .open = grpc_open,
    .start = grpc_start,
    .end = grpc_end,
    .fail = grpc_fail,
};
