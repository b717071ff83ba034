/* What handlers do with a call: rpc.h. */
#include "server/call.h"

#include "base/clock.h"
#include "base/limits.h"
#include "google/rpc/error_details.h"
#include "server/protocol/base64.h"
#include "server/violations.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#undef rpc_fail /* the analyzer's, of rpc.h */

enum status rpc_fail(struct rpc_call *call, enum status status, const char *format, ...)
{
    char text[LIMIT_ERROR_MESSAGE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    call->state->outcome.message = arena_strdup(call->state->wire.arena, text);
    return status;
}

void rpc_add_detail(struct rpc_call *call, const char *type_name, const void *value, size_t length)
{
    struct arena *arena = call->state->wire.arena; /* not a message's, which may end first */
    struct error_detail **end = &call->state->outcome.details;
    struct error_detail *detail = arena_alloc(arena, sizeof(*detail));

    detail->type_name = type_name;
    detail->value.data = arena_memdup(arena, value, length);
    detail->value.length = length;
    while (*end != NULL)
        end = &(*end)->next;
    *end = detail;
}

/* Takes a BadRequest apart from the caller's arena into an encoded detail. */
static void add_bad_request(struct rpc_call *call, const struct violation *items, size_t count)
{
    BadRequest *bad = BadRequest_new(call->arena);
    struct buffer encoded = {0};

    bad->field_violations = arena_alloc_array(call->arena, count, sizeof(*bad->field_violations));
    for (size_t i = 0; i < count; i++) {
        BadRequest_FieldViolation *field = BadRequest_FieldViolation_new(call->arena);
        field->field = (char *)items[i].field;
        field->description = (char *)items[i].message;
        field->reason = (char *)items[i].rule;
        bad->field_violations[bad->n_field_violations++] = field;
    }
    message_encode(&bad->base, &encoded);
    rpc_add_detail(call, "google.rpc.BadRequest", buffer_data(&encoded), encoded.length);
    buffer_free(&encoded);
}

enum status rpc_fail_field(struct rpc_call *call, const char *field, const char *format, ...)
{
    struct violation violation = {.field = field, .rule = ""};
    va_list arguments;

    va_start(arguments, format);
    violation.message = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    add_bad_request(call, &violation, 1);
    return rpc_fail(call, STATUS_INVALID_ARGUMENT, "%s: %s", field, violation.message);
}

enum status rpc_fail_reason(struct rpc_call *call, enum status status, const char *reason,
                            const char *format, ...)
{
    ErrorInfo *info = ErrorInfo_new(call->arena);
    struct buffer encoded = {0};
    const char *message;
    va_list arguments;

    info->reason = (char *)reason;
    info->domain = "waystone";
    message_encode(&info->base, &encoded);
    rpc_add_detail(call, "google.rpc.ErrorInfo", buffer_data(&encoded), encoded.length);
    buffer_free(&encoded);
    va_start(arguments, format);
    message = arena_vprintf(call->arena, format, arguments);
    va_end(arguments);
    return rpc_fail(call, status, "%s", message);
}

/* Browsers send each cookie of an HTTP/2 request as a field of its own (RFC 9113, 8.2.3). */
static const char *join_cookies(struct rpc_call *call)
{
    const struct exchange *exchange = call->state->exchange;
    const char *joined = NULL;

    for (size_t i = 0; i < exchange->header_count; i++) {
        const struct http_header *header = &exchange->headers[i];
        if (header->name_length == 6 && memcmp(header->name, "cookie", 6) == 0)
            joined = arena_printf(call->arena, "%s%s%.*s", joined ? joined : "", joined ? "; " : "",
                                  (int)header->value_length, header->value);
    }
    return joined;
}

const char *rpc_header(struct rpc_call *call, const char *name)
{
    const struct http_header *header;

    if (call->state->closed)
        return NULL;
    if (strcmp(name, "cookie") == 0)
        return join_cookies(call);
    header = exchange_header(call->state->exchange, name);
    return header ? arena_strndup(call->arena, header->value, header->value_length) : NULL;
}

bool rpc_header_at(const struct rpc_call *call, size_t index, struct rpc_header *ret)
{
    const struct exchange *exchange = call->state->exchange;
    const struct http_header *header = &exchange->headers[index];

    if (call->state->closed || index >= exchange->header_count)
        return false;
    *ret =
        (struct rpc_header){header->name, header->name_length, header->value, header->value_length};
    return true;
}

bool rpc_header_bin(struct rpc_call *call, const char *name, struct bytes *ret)
{
    const char *text = rpc_header(call, name);
    size_t length = text ? strcspn(text, ",") : 0; /* several may have been joined */
    uint8_t *data;

    if (text == NULL)
        return false;
    data = arena_alloc_uninitialised(call->arena, base64_decoded_max(length));
    *ret = (struct bytes){.data = data};
    return base64_decode_to(data, text, length, &ret->length);
}

bool rpc_request_compressed(const struct rpc_call *call)
{
    return call->state->in_compressed;
}

const char *rpc_query(const struct rpc_call *call)
{
    const struct call_state *state = call->state;

    return state->wire.is_get && !state->closed ? state->exchange->query : NULL;
}

/* Anything else could end the header and start another. */
static bool is_header_value(const char *value)
{
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < 0x20 || (unsigned char)*value > 0x7e)
            return false;
    return true;
}

static bool is_header_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.");

    return length > 0 && name[length] == '\0';
}

/* What the protocols write themselves, and what HTTP/2 forbids. */
static bool is_reserved(const char *name)
{
    static const char *const names[] = {
        "connection", "content-encoding", "content-length",    "content-type",
        "host",       "keep-alive",       "proxy-connection",  "te",
        "trailer",    "upgrade",          "transfer-encoding", "accept-encoding",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "grpc-", 5) == 0 || strncmp(name, "connect-", 8) == 0;
}

static bool set(struct rpc_call *call, struct metadata *metadata, const char *name,
                const char *value)
{
    struct arena *arena = call->state->wire.arena;

    return is_header_name(name) && !is_reserved(name) && is_header_value(value) &&
           metadata_add(metadata, arena, arena_strdup(arena, name), arena_strdup(arena, value));
}

bool rpc_set_header(struct rpc_call *call, const char *name, const char *value)
{
    return set(call, &call->state->headers, name, value);
}

bool rpc_set_trailer(struct rpc_call *call, const char *name, const char *value)
{
    return set(call, &call->state->trailers, name, value);
}

static bool set_bin(struct rpc_call *call, struct metadata *metadata, const char *name,
                    struct bytes value)
{
    size_t name_length = strlen(name);
    size_t length = base64_encoded_length(value.length, false);
    char *text = arena_alloc(call->arena, length + 1);

    if (name_length < 4 || strcmp(name + name_length - 4, "-bin") != 0)
        return false;
    base64_encode_to(text, value.data, value.length, BASE64_STANDARD, false);
    return set(call, metadata, name, text);
}

bool rpc_set_header_bin(struct rpc_call *call, const char *name, struct bytes value)
{
    return set_bin(call, &call->state->headers, name, value);
}

bool rpc_set_trailer_bin(struct rpc_call *call, const char *name, struct bytes value)
{
    return set_bin(call, &call->state->trailers, name, value);
}

void rpc_set_compress(struct rpc_call *call, enum rpc_compress compress)
{
    call->state->compress = compress;
}

int64_t rpc_client_timeout_ms(const struct rpc_call *call)
{
    int64_t timeout_us = call->state->wire.timeout_us;

    return timeout_us < 0 ? -1 : timeout_us / 1000;
}

int64_t rpc_remaining_ms(const struct rpc_call *call)
{
    uint64_t deadline_us = call->state->deadline_us;
    uint64_t now_us = clock_monotonic_us();

    if (deadline_us == UINT64_MAX || deadline_us == 0)
        return INT64_MAX;
    return deadline_us > now_us ? (int64_t)((deadline_us - now_us) / 1000) : 0;
}

enum status rpc_interrupted(const struct rpc_call *call)
{
    if (call->state->closed)
        return STATUS_CANCELLED;
    return coro_self() ? coro_interrupted() : STATUS_OK;
}

const void *rpc_request(struct rpc_call *call)
{
    return call->state->request;
}

void *rpc_response(struct rpc_call *call)
{
    return call->state->response;
}

enum status rpc_unimplemented(struct rpc_call *call)
{
    return rpc_fail(call, STATUS_UNIMPLEMENTED, "%s is not implemented", call->method->name);
}

enum rpc_codec rpc_codec(const struct rpc_call *call)
{
    return call->state->wire.codec;
}

const char *rpc_bearer_token(struct rpc_call *call)
{
    const char *value = rpc_header(call, "authorization");

    if (value == NULL || strncasecmp(value, "bearer ", 7) != 0)
        return NULL;
    return value + 7;
}

void rpc_call_summarise(const struct rpc_call *call, struct rpc_call_summary *ret)
{
    const struct call_state *state = call->state;

    *ret = (struct rpc_call_summary){
        .duration_us = clock_monotonic_us() - state->started_us,
        .protocol = state->wire.protocol->name,
        .codec = state->wire.codec == RPC_CODEC_JSON ? "json" : "proto",
        .message = state->outcome.message,
        .received_bytes = state->received_bytes,
        .sent_bytes = state->sent_bytes,
    };
}

/* --- messages --- */

enum envelope_result call_first_message(struct call_state *state, struct envelope *ret)
{
    if (state->in.length == 0)
        return ENVELOPE_MORE;
    return envelope_read(buffer_data(&state->in), state->in.length, state->max_request_bytes, ret);
}

static size_t content_length(const struct exchange *exchange)
{
    const struct http_header *header = exchange_header(exchange, "content-length");
    size_t length = 0;

    for (size_t i = 0; header != NULL && i < header->value_length; i++)
        if (header->value[i] < '0' || header->value[i] > '9' ||
            __builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, header->value[i] - '0', &length))
            return 0;
    return length;
}

size_t call_missing_bytes(const struct call_state *state)
{
    struct envelope envelope;
    size_t size = 0;

    if (!state->wire.enveloped)
        size = content_length(state->exchange);
    else if (state->in.length > 0 &&
             envelope_read(buffer_data(&state->in), state->in.length, state->max_request_bytes,
                           &envelope) == ENVELOPE_MORE)
        size = envelope.size;
    return size > state->in.length && size <= ENVELOPE_BYTES + state->max_request_bytes
               ? size - state->in.length
               : 0;
}

enum status call_input_failure(struct call_state *state, enum envelope_result result)
{
    if (result == ENVELOPE_TOO_LARGE)
        return rpc_fail(&state->call, STATUS_RESOURCE_EXHAUSTED,
                        "message is larger than the %zu bytes this method takes",
                        state->max_request_bytes);
    return rpc_fail(&state->call, STATUS_INTERNAL, "message has unknown flags");
}

static enum status decode(struct call_state *state, struct bytes bytes, struct buffer *owner,
                          const ProtobufCMessage **ret)
{
    struct rpc_call *call = &state->call;
    const struct message_type *type = call->method->request;
    bool borrowed = false;
    struct message_options options = {.ret_borrowed = owner != NULL ? &borrowed : NULL};
    const char *error = NULL;
    ProtobufCMessage *message;
    enum status status;

    if (state->wire.codec == RPC_CODEC_JSON)
        status = message_decode_json(call->arena, type, bytes.data, bytes.length, &message, &error);
    else
        status = message_decode_with(call->arena, type, bytes.data, bytes.length, &options,
                                     &message, &error);
    if (status != STATUS_OK)
        return rpc_fail(call, status, "%s", error ? error : "the message cannot be decoded");
    if (borrowed)
        arena_take_buffer(call->arena, owner);
    *ret = message;
    return STATUS_OK;
}

enum status call_decode(struct call_state *state, struct bytes bytes, bool compressed,
                        struct buffer *owner, const ProtobufCMessage **ret)
{
    struct buffer plain = {0};
    const char *error = NULL;
    enum status status;

    state->in_compressed = compressed;
    if (!compressed)
        return decode(state, bytes, owner, ret);
    if (state->wire.request_compression == COMPRESSION_IDENTITY)
        return rpc_fail(&state->call, STATUS_INTERNAL,
                        "message is compressed, which its head did not announce");
    status = decompress_bytes(state->wire.request_compression, bytes, state->max_request_bytes,
                              &plain, &error);
    state->held_bytes += plain.length;
    if (status == STATUS_OK && !call_charge(state)) {
        status = STATUS_RESOURCE_EXHAUSTED;
        error = NO_REQUEST_MEMORY;
    }
    if (status == STATUS_OK)
        status =
            decode(state, (struct bytes){plain.length ? buffer_data(&plain) : NULL, plain.length},
                   &plain, ret);
    else
        rpc_fail(&state->call, status, "%s", error);
    buffer_free(&plain);
    return status;
}

/* The same for those who know the rules, as clients with protovalidate do. */
static void add_violations(struct rpc_call *call, const struct violations *violations)
{
    struct buffer encoded = {0};

    violations_encode(violations, &encoded);
    rpc_add_detail(call, VIOLATIONS_TYPE_NAME, buffer_data(&encoded), encoded.length);
    buffer_free(&encoded);
}

/* "name: must be ..."; of the message itself the sentence alone. */
static enum status fail_validation(struct rpc_call *call, const struct violation *first)
{
    const char *separator = *first->field != '\0' ? ": " : "";

    return rpc_fail(call, STATUS_INVALID_ARGUMENT, "%s%s%s", first->field, separator,
                    first->message);
}

enum status call_validate(struct call_state *state, const ProtobufCMessage *message)
{
    struct violations violations = {.arena = state->call.arena};

    if (message_type_of(message)->validate == NULL)
        return STATUS_OK;
    message_validate(message, &violations);
    if (violations.count == 0)
        return STATUS_OK;
    add_bad_request(&state->call, violations.items, violations.count);
    add_violations(&state->call, &violations);
    return fail_validation(&state->call, &violations.items[0]);
}

static bool may_compress(const struct call_state *state)
{
    return state->wire.response_compression != COMPRESSION_IDENTITY &&
           state->compress != RPC_COMPRESS_NEVER;
}

static enum status encode(struct call_state *state, const ProtobufCMessage *message,
                          struct encoded *ret)
{
    const char *error = NULL;
    enum status status;

    if (state->wire.codec == RPC_CODEC_BINARY) {
        ret->pieces.arena = state->call.arena;
        if (state->wire.text || may_compress(state))
            message_encode(message, &ret->copied); /* in one piece */
        else
            message_encode_around(message, &ret->copied, &ret->pieces);
        return STATUS_OK;
    }
    status = message_encode_json(message, &ret->copied, &error);
    if (status != STATUS_OK)
        return rpc_fail(&state->call, status, "%s", error ? error : "the answer has no JSON form");
    return STATUS_OK;
}

static bool is_worth_compressing(const struct call_state *state, size_t length)
{
    return may_compress(state) &&
           (state->compress == RPC_COMPRESS_ALWAYS || length >= LIMIT_COMPRESS_BYTES);
}

enum status call_encode(struct call_state *state, const ProtobufCMessage *message,
                        struct encoded *ret)
{
    struct buffer *plain = &ret->copied;
    struct buffer packed = {0};

    TRY(encode(state, message, ret));
    if (!is_worth_compressing(state, plain->length))
        return STATUS_OK;
    if (compress_bytes(state->wire.response_compression,
                       (struct bytes){buffer_data(plain), plain->length}, &packed)) {
        buffer_free(plain);
        *plain = packed;
        ret->compressed = true;
    } else {
        buffer_free(&packed);
    }
    return STATUS_OK;
}

struct shared_bytes *rpc_encode_shared(const ProtobufCMessage *message, enum rpc_codec codec)
{
    struct buffer encoded = {0};
    struct shared_bytes *bytes = NULL;
    const char *error;

    if (codec == RPC_CODEC_BINARY)
        message_encode(message, &encoded);
    if (codec == RPC_CODEC_BINARY || message_encode_json(message, &encoded, &error) == STATUS_OK)
        bytes = shared_bytes_new(encoded.length ? buffer_data(&encoded) : NULL, encoded.length);
    buffer_free(&encoded);
    return bytes;
}
