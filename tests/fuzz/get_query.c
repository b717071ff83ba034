/* Any text as the query of a Connect GET: what is taken must be taken again, the same, when it is
 * written down as the specification has it. */
#include <stdlib.h>
#include <string.h>

#include "server/protocol/base64.h"
#include "server/protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct rpc_method method = {
    .path = "/a.B/C", .name = "C", .shape = RPC_UNARY, .no_side_effects = true};

static enum status open_query(struct arena *arena, const char *query, struct wire *ret)
{
    const struct exchange exchange = {.method = "GET", .path = method.path, .query = query};
    const char *error = NULL;
    enum status status;

    *ret = (struct wire){.arena = arena};
    if (protocol_open(ret, &exchange, &method, &status, &error) != 0)
        abort();
    if ((status == STATUS_OK) != (error == NULL))
        abort();
    return status;
}

static const char *write_query(struct arena *arena, const struct wire *wire)
{
    struct buffer text = {0};
    const char *query;

    buffer_append_string(&text, "message=");
    base64_encode(&text, wire->get_message.data, wire->get_message.length, BASE64_URL, false);
    buffer_append_string(&text, "&base64=1&connect=v1&encoding=");
    buffer_append_string(&text, wire->codec == RPC_CODEC_JSON ? "json" : "proto");
    buffer_append_string(&text, "&compression=");
    buffer_append_string(&text, compression_name(wire->request_compression));
    query = arena_strndup(arena, (const char *)buffer_data(&text), text.length);
    buffer_free(&text);
    return query;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *query = arena_strndup(arena, size > 0 ? (const char *)data : "", size);
    struct wire first, second;

    if (open_query(arena, query, &first) != STATUS_OK)
        return 0;
    if (open_query(arena, write_query(arena, &first), &second) != STATUS_OK)
        abort();
    if (second.codec != first.codec || second.request_compression != first.request_compression ||
        second.get_message.length != first.get_message.length ||
        (first.get_message.length > 0 &&
         memcmp(second.get_message.data, first.get_message.data, first.get_message.length) != 0))
        abort();
    return 0;
}
