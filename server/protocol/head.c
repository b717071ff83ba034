/* The parts of a request's head that the protocols share: choosing one, timeouts, encodings. */
#include "base/limits.h"
#include "server/protocol/protocol.h"

#include <string.h>
#include <strings.h>

bool metadata_add(struct metadata *metadata, struct arena *arena, const char *name,
                  const char *value)
{
    size_t name_length = strlen(name);
    size_t value_length = strlen(value);

    if (metadata->total_bytes + name_length + value_length > LIMIT_METADATA_BYTES)
        return false;
    if (metadata->count == metadata->capacity) {
        size_t capacity = metadata->capacity ? metadata->capacity * 2 : 8;
        struct http_header *items = arena_alloc_array(arena, capacity, sizeof(*items));
        if (metadata->count > 0)
            memcpy(items, metadata->items, metadata->count * sizeof(*items));
        metadata->items = items;
        metadata->capacity = capacity;
    }
    metadata->items[metadata->count++] =
        (struct http_header){name, name_length, value, value_length};
    metadata->total_bytes += name_length + value_length;
    return true;
}

enum status compression_negotiate(struct wire *wire, const struct exchange *exchange,
                                  const char *encoding_name, const char *accept_name,
                                  const char **reterr)
{
    const struct http_header *encoding = exchange_header(exchange, encoding_name);
    const struct http_header *accept = exchange_header(exchange, accept_name);

    if (accept != NULL)
        wire->response_compression = compression_choose(accept->value, accept->value_length);
    if (encoding == NULL)
        return STATUS_OK;
    if (!compression_find(encoding->value, encoding->value_length, &wire->request_compression)) {
        *reterr = COMPRESSION_UNKNOWN;
        return STATUS_UNIMPLEMENTED;
    }
    return STATUS_OK;
}

static bool parse_digits(const char *text, size_t length, size_t most, int64_t *ret)
{
    int64_t value = 0;

    if (length == 0 || length > most)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret = value;
    return true;
}

bool timeout_parse_connect(const char *value, size_t length, int64_t *ret_us)
{
    int64_t milliseconds;

    if (!parse_digits(value, length, 10, &milliseconds))
        return false;
    *ret_us = milliseconds * 1000;
    return true;
}

bool timeout_parse_grpc(const char *value, size_t length, int64_t *ret_us)
{
    int64_t amount;

    if (length < 2 || !parse_digits(value, length - 1, 8, &amount))
        return false;
    switch (value[length - 1]) {
    case 'H':
        *ret_us = amount * 3600 * 1000000;
        return true;
    case 'M':
        *ret_us = amount * 60 * 1000000;
        return true;
    case 'S':
        *ret_us = amount * 1000000;
        return true;
    case 'm':
        *ret_us = amount * 1000;
        return true;
    case 'u':
        *ret_us = amount;
        return true;
    case 'n':
        *ret_us = (amount + 999) / 1000;
        return true;
    default:
        return false;
    }
}

struct content_type {
    const char *name; /* without parameters */
    const struct protocol *protocol;
    enum rpc_codec codec;
    bool enveloped;
    bool text;
};

static const struct content_type content_types[] = {
    {"application/grpc", &protocol_grpc, RPC_CODEC_BINARY, true, false},
    {"application/grpc+proto", &protocol_grpc, RPC_CODEC_BINARY, true, false},
    {"application/grpc+json", &protocol_grpc, RPC_CODEC_JSON, true, false},
    {"application/grpc-web", &protocol_grpc_web, RPC_CODEC_BINARY, true, false},
    {"application/grpc-web+proto", &protocol_grpc_web, RPC_CODEC_BINARY, true, false},
    {"application/grpc-web+json", &protocol_grpc_web, RPC_CODEC_JSON, true, false},
    {"application/grpc-web-text", &protocol_grpc_web, RPC_CODEC_BINARY, true, true},
    {"application/grpc-web-text+proto", &protocol_grpc_web, RPC_CODEC_BINARY, true, true},
    {"application/proto", &protocol_connect, RPC_CODEC_BINARY, false, false},
    {"application/json", &protocol_connect, RPC_CODEC_JSON, false, false},
    {"application/connect+proto", &protocol_connect_stream, RPC_CODEC_BINARY, true, false},
    {"application/connect+json", &protocol_connect_stream, RPC_CODEC_JSON, true, false},
};

/* Parameters such as "; charset=utf-8" are allowed and ignored. */
static const struct content_type *find_content_type(const char *value, size_t length)
{
    const char *semicolon = memchr(value, ';', length);

    if (semicolon != NULL)
        length = (size_t)(semicolon - value);
    while (length > 0 && value[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < sizeof(content_types) / sizeof(content_types[0]); i++) {
        const char *name = content_types[i].name;
        if (strlen(name) == length && strncasecmp(name, value, length) == 0)
            return &content_types[i];
    }
    return NULL;
}

bool protocol_is_rpc_content_type(const char *value, size_t length)
{
    static const char grpc[] = "application/grpc";
    static const char connect[] = "application/connect+";

    return (length >= sizeof(grpc) - 1 && strncasecmp(value, grpc, sizeof(grpc) - 1) == 0) ||
           (length >= sizeof(connect) - 1 && strncasecmp(value, connect, sizeof(connect) - 1) == 0);
}

/* A stream cannot be spoken as Connect unary, nor a unary method as a Connect stream. An
 * unknown method (NULL) can be refused in either. */
static bool shape_fits(const struct content_type *type, const struct rpc_method *method)
{
    if (method == NULL)
        return true;
    if (type->protocol == &protocol_connect)
        return method->shape == RPC_UNARY;
    if (type->protocol == &protocol_connect_stream)
        return method->shape != RPC_UNARY;
    return true;
}

static int open_get(struct wire *wire, const struct exchange *exchange,
                    const struct rpc_method *method, enum status *ret_status, const char **reterr)
{
    if (method == NULL || !method->no_side_effects || method->shape != RPC_UNARY)
        return 405;
    wire->protocol = &protocol_connect;
    wire->is_get = true;
    *ret_status = wire->protocol->open(wire, exchange, method, reterr);
    return 0;
}

int protocol_open(struct wire *wire, const struct exchange *exchange,
                  const struct rpc_method *method, enum status *ret_status, const char **reterr)
{
    const struct http_header *header = exchange_header(exchange, "content-type");
    const struct content_type *type;

    wire->timeout_us = -1;
    wire->no_method = method == NULL;
    if (strcmp(exchange->method, "GET") == 0)
        return open_get(wire, exchange, method, ret_status, reterr);
    if (strcmp(exchange->method, "POST") != 0)
        return 405;
    type = header ? find_content_type(header->value, header->value_length) : NULL;
    if (type == NULL || !shape_fits(type, method))
        return 415;
    if (type->protocol == &protocol_grpc && !exchange->has_trailers)
        return 505;
    wire->protocol = type->protocol;
    wire->content_type = type->name;
    wire->codec = type->codec;
    wire->enveloped = type->enveloped;
    wire->text = type->text;
    *ret_status = wire->protocol->open(wire, exchange, method, reterr);
    return 0;
}
