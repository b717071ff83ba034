/* gRPC-Web: gRPC for peers that cannot see HTTP trailers; the status travels in a last frame.
 * Specification: grpc/doc/PROTOCOL-WEB.md. */
#include "server/protocol/grpc.h"

static void grpc_web_start(const struct wire *wire, struct exchange *exchange,
                           const struct metadata *headers, const struct metadata *trailers,
                           size_t length)
{
    struct metadata head = {0};

    grpc_add_head(&head, wire, headers);
    exchange->transport->start(exchange, 200, head.items, head.count);
}

static void grpc_web_end(const struct wire *wire, struct exchange *exchange,
                         const struct outcome *outcome, const struct metadata *trailers)
{
    struct metadata tail = {0};
    struct buffer frame = {0};

    grpc_add_status(&tail, wire->arena, outcome, trailers);
    for (size_t i = 0; i < tail.count; i++) {
        buffer_append(&frame, tail.items[i].name, tail.items[i].name_length);
        buffer_append_string(&frame, ": ");
        buffer_append(&frame, tail.items[i].value, tail.items[i].value_length);
        buffer_append_string(&frame, "\r\n");
    }
    envelope_write(wire, exchange, ENVELOPE_GRPC_WEB_TRAILERS, buffer_data(&frame), frame.length);
    exchange->transport->end(exchange, NULL, 0);
    buffer_free(&frame);
}

static void grpc_web_fail(const struct wire *wire, struct exchange *exchange,
                          const struct outcome *outcome, const struct metadata *headers,
                          const struct metadata *trailers)
{
    grpc_web_start(wire, exchange, headers, trailers, 0);
    grpc_web_end(wire, exchange, outcome, trailers);
}

const struct protocol protocol_grpc_web = {
    .name = "grpc-web",
    .open = grpc_open,
    .start = grpc_web_start,
    .end = grpc_web_end,
    .fail = grpc_web_fail,
};
