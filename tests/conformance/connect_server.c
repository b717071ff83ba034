/* connect-server - the server under test of the Connect conformance suite.
 *
 * Reads one ServerCompatRequest from standard input, writes one ServerCompatResponse to standard
 * output (both behind a 4-byte big-endian length) and serves until SIGTERM. The handlers do what
 * the suite's description of its service says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/coro.h"
#include "base/log.h"
#include "connectrpc/conformance/v1/conformance_service.h"
#include "google/protobuf/duration.h"
#include "google/protobuf/empty.h"
#include "google/protobuf/struct.h"
#include "google/protobuf/timestamp.h"
#include "google/protobuf/wrappers.h"
#include "server/protocol/percent.h"
#include "tests/conformance/certificate.h"
#include "tests/support/serve.h"

#define MAX_COMPAT_REQUEST_BYTES (1 << 20)
#define TYPE_URL_PREFIX "type.googleapis.com/"

/* --- what was seen of a request --- */

/* Adds a value to the header of this name, which is added when it is the first. */
static void add_value(struct arena *arena, Header ***headers, size_t *count, const char *name,
                      const char *value)
{
    Header *header = NULL;
    char **values;

    for (size_t i = 0; i < *count && header == NULL; i++)
        if (strcmp((*headers)[i]->name, name) == 0)
            header = (*headers)[i];
    if (header == NULL) {
        Header **grown = arena_alloc_array(arena, *count + 1, sizeof(*grown));
        if (*count > 0)
            memcpy(grown, *headers, *count * sizeof(*grown));
        header = Header_new(arena);
        header->name = arena_strdup(arena, name);
        grown[(*count)++] = header;
        *headers = grown;
    }
    values = arena_alloc_array(arena, header->n_value + 1, sizeof(*values));
    if (header->n_value > 0)
        memcpy(values, header->value, header->n_value * sizeof(*values));
    values[header->n_value++] = arena_strdup(arena, value);
    header->value = values;
}

static char *decode_part(struct arena *arena, const char *text, size_t length)
{
    struct buffer decoded = {0};
    char *result = (char *)"";

    if (percent_decode(&decoded, text, length, true) && decoded.length > 0)
        result = arena_strndup(arena, (const char *)buffer_data(&decoded), decoded.length);
    buffer_free(&decoded);
    return result;
}

static ConformancePayload_ConnectGetInfo *get_info(struct arena *arena, const char *query)
{
    ConformancePayload_ConnectGetInfo *info = ConformancePayload_ConnectGetInfo_new(arena);

    while (*query != '\0') {
        size_t length = strcspn(query, "&");
        const char *equals = memchr(query, '=', length);
        size_t name = equals ? (size_t)(equals - query) : length;
        size_t value = equals ? name + 1 : length;
        add_value(arena, &info->query_params, &info->n_query_params,
                  decode_part(arena, query, name),
                  decode_part(arena, query + value, length - value));
        query += length + (query[length] == '&');
    }
    return info;
}

/* Everything but the requests. */
static ConformancePayload_RequestInfo *request_info(struct rpc_call *call, struct arena *arena)
{
    ConformancePayload_RequestInfo *info = ConformancePayload_RequestInfo_new(arena);
    struct rpc_header header;
    int64_t timeout_ms = rpc_client_timeout_ms(call);
    const char *query = rpc_query(call);

    for (size_t i = 0; rpc_header_at(call, i, &header); i++)
        add_value(arena, &info->request_headers, &info->n_request_headers,
                  arena_strndup(arena, header.name, header.name_length),
                  arena_strndup(arena, header.value, header.value_length));
    info->has_timeout_ms = timeout_ms >= 0;
    info->timeout_ms = timeout_ms;
    if (query != NULL)
        info->connect_get_info = get_info(arena, query);
    return info;
}

static ProtobufCBinaryData packed(struct arena *arena, const ProtobufCMessage *message)
{
    struct buffer encoded = {0};
    ProtobufCBinaryData data = {0};

    message_encode(message, &encoded);
    data.len = encoded.length;
    if (encoded.length > 0)
        data.data = arena_memdup(arena, buffer_data(&encoded), encoded.length);
    buffer_free(&encoded);
    return data;
}

static void add_request(struct arena *arena, ConformancePayload_RequestInfo *info,
                        const ProtobufCMessage *request)
{
    Any *any = Any_new(arena);
    Any **grown = arena_alloc_array(arena, info->n_requests + 1, sizeof(*grown));

    any->type_url = arena_printf(arena, TYPE_URL_PREFIX "%s", request->descriptor->name);
    any->value = packed(arena, request);
    if (info->n_requests > 0)
        memcpy(grown, info->requests, info->n_requests * sizeof(*grown));
    grown[info->n_requests++] = any;
    info->requests = grown;
}

/* --- answering --- */

static void set_metadata(struct rpc_call *call, Header *const *headers, size_t count,
                         bool (*set)(struct rpc_call *call, const char *name, const char *value))
{
    for (size_t i = 0; i < count; i++) {
        char *name = arena_strdup(call->arena, headers[i]->name);
        for (char *c = name; *c != '\0'; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c - 'A' + 'a');
        for (size_t k = 0; k < headers[i]->n_value; k++)
            set(call, name, headers[i]->value[k]);
    }
}

static void add_detail(struct rpc_call *call, const Any *detail)
{
    const char *slash = strrchr(detail->type_url, '/');

    rpc_add_detail(call, slash ? slash + 1 : detail->type_url, detail->value.data,
                   detail->value.len);
}

/* `info` joins the details unless it is NULL. */
static enum status end_with(struct rpc_call *call, const Error *error,
                            const ConformancePayload_RequestInfo *info)
{
    enum status status =
        error->code > 0 && error->code < STATUS_COUNT ? (enum status)error->code : STATUS_UNKNOWN;

    for (size_t i = 0; i < error->n_details; i++)
        add_detail(call, error->details[i]);
    if (info != NULL) {
        ProtobufCBinaryData data = packed(call->arena, &info->base);
        rpc_add_detail(call, info->base.descriptor->name, data.data, data.len);
    }
    return rpc_fail(call, status, "%s", error->message ? error->message : "");
}

/* The answer of the methods with a single one. */
static enum status answer_once(struct rpc_call *call, const UnaryResponseDefinition *definition,
                               ConformancePayload_RequestInfo *info, ConformancePayload **ret)
{
    ConformancePayload *payload = ConformancePayload_new(call->arena);

    payload->request_info = info;
    *ret = payload;
    if (definition == NULL)
        return STATUS_OK;
    set_metadata(call, definition->response_headers, definition->n_response_headers,
                 rpc_set_header);
    set_metadata(call, definition->response_trailers, definition->n_response_trailers,
                 rpc_set_trailer);
    if (definition->response_delay_ms > 0)
        TRY(coro_sleep(definition->response_delay_ms));
    if (definition->response_case == UNARY_RESPONSE_DEFINITION_RESPONSE_ERROR)
        return end_with(call, definition->error, info);
    if (definition->response_case == UNARY_RESPONSE_DEFINITION_RESPONSE_RESPONSE_DATA)
        payload->data = definition->response_data;
    return STATUS_OK;
}

static enum status unary(struct rpc_call *call, const UnaryRequest *req, UnaryResponse *res)
{
    ConformancePayload_RequestInfo *info = request_info(call, call->arena);

    add_request(call->arena, info, &req->base);
    return answer_once(call, req->response_definition, info, &res->payload);
}

static enum status idempotent_unary(struct rpc_call *call, const IdempotentUnaryRequest *req,
                                    IdempotentUnaryResponse *res)
{
    ConformancePayload_RequestInfo *info = request_info(call, call->arena);

    add_request(call->arena, info, &req->base);
    return answer_once(call, req->response_definition, info, &res->payload);
}

static enum status server_stream(struct rpc_call *call, const ServerStreamRequest *req,
                                 struct server_stream_stream *out)
{
    const StreamResponseDefinition *definition = req->response_definition;
    ConformancePayload_RequestInfo *info = request_info(call, call->arena);

    if (definition == NULL)
        return STATUS_OK;
    add_request(call->arena, info, &req->base);
    set_metadata(call, definition->response_headers, definition->n_response_headers,
                 rpc_set_header);
    set_metadata(call, definition->response_trailers, definition->n_response_trailers,
                 rpc_set_trailer);
    if (definition->n_response_data > 0)
        rpc_send_headers(call);
    for (size_t i = 0; i < definition->n_response_data; i++) {
        ServerStreamResponse *message = ServerStreamResponse_new(call->arena);
        message->payload = ConformancePayload_new(call->arena);
        message->payload->data = definition->response_data[i];
        message->payload->request_info = i == 0 ? info : NULL;
        if (definition->response_delay_ms > 0)
            TRY(coro_sleep(definition->response_delay_ms));
        TRY(server_stream_send(out, message));
    }
    if (definition->error != NULL)
        return end_with(call, definition->error, definition->n_response_data == 0 ? info : NULL);
    return STATUS_OK;
}

/* --- streams of requests: what they say is kept in an arena of their own, since each message
 *     ends the one before --- */

static const void *kept(struct arena *arena, const struct message_type *type,
                        const ProtobufCMessage *message)
{
    ProtobufCBinaryData data = packed(arena, message);
    ProtobufCMessage *copy;
    const char *error;

    if (message_decode(arena, type, data.data, data.len, &copy, &error) != STATUS_OK)
        abort(); /* it was just encoded */
    return copy;
}

static enum status collect(struct rpc_call *call, struct client_stream_stream *in,
                           struct arena *arena, ClientStreamResponse *res)
{
    ConformancePayload_RequestInfo *info = request_info(call, arena);
    const ClientStreamRequest *first = NULL, *req;
    enum status status;

    while ((status = client_stream_receive(in, &req)) == STATUS_OK) {
        if (first == NULL)
            first = kept(arena, &ClientStreamRequest_type, &req->base);
        add_request(arena, info, &req->base);
    }
    if (status != STATUS_OUT_OF_RANGE)
        return status;
    return answer_once(call, first ? first->response_definition : NULL, info, &res->payload);
}

/* The answer points into the arena, which has to live until it was sent. */
static void free_arena(void *arena)
{
    arena_free(arena);
}

static enum status client_stream(struct rpc_call *call, struct client_stream_stream *in,
                                 ClientStreamResponse *res)
{
    struct arena *arena = arena_new();
    enum status status = collect(call, in, arena, res);

    arena_on_free(call->arena, free_arena, arena);
    return status;
}

struct conversation {
    struct arena *arena;
    const StreamResponseDefinition *definition;
    ConformancePayload_RequestInfo *info; /* what was seen since the last answer */
    size_t sent;
    bool full_duplex;
};

static enum status send_next(struct rpc_call *call, struct conversation *talk,
                             struct bidi_stream_stream *stream)
{
    BidiStreamResponse *message = BidiStreamResponse_new(talk->arena);

    message->payload = ConformancePayload_new(talk->arena);
    message->payload->data = talk->definition->response_data[talk->sent];
    if (talk->full_duplex || talk->sent == 0)
        message->payload->request_info = talk->info;
    if (talk->definition->response_delay_ms > 0)
        TRY(coro_sleep(talk->definition->response_delay_ms));
    TRY(bidi_stream_send(stream, message));
    talk->sent++;
    talk->info = ConformancePayload_RequestInfo_new(talk->arena);
    return STATUS_OK;
}

static void begin(struct rpc_call *call, struct conversation *talk, const BidiStreamRequest *req)
{
    const BidiStreamRequest *copy = kept(talk->arena, &BidiStreamRequest_type, &req->base);

    talk->full_duplex = copy->full_duplex;
    talk->definition = copy->response_definition;
    if (talk->definition == NULL)
        return;
    set_metadata(call, talk->definition->response_headers, talk->definition->n_response_headers,
                 rpc_set_header);
    set_metadata(call, talk->definition->response_trailers, talk->definition->n_response_trailers,
                 rpc_set_trailer);
    if (talk->full_duplex && talk->definition->n_response_data > 0)
        rpc_send_headers(call);
}

static size_t answers(const struct conversation *talk)
{
    return talk->definition ? talk->definition->n_response_data : 0;
}

/* STATUS_OUT_OF_RANGE once there is nothing more to read or to answer. */
static enum status listen_and_answer(struct rpc_call *call, struct conversation *talk,
                                     struct bidi_stream_stream *stream)
{
    const BidiStreamRequest *req;

    for (bool first = true;; first = false) {
        TRY(bidi_stream_receive(stream, &req));
        if (first)
            begin(call, talk, req);
        add_request(talk->arena, talk->info, &req->base);
        if (!talk->full_duplex)
            continue;
        if (talk->sent >= answers(talk))
            return STATUS_OUT_OF_RANGE;
        TRY(send_next(call, talk, stream));
    }
}

static enum status converse(struct rpc_call *call, struct conversation *talk,
                            struct bidi_stream_stream *stream)
{
    enum status status = listen_and_answer(call, talk, stream);

    if (status != STATUS_OUT_OF_RANGE)
        return status;
    if (answers(talk) > 0)
        rpc_send_headers(call);
    while (talk->sent < answers(talk))
        TRY(send_next(call, talk, stream));
    if (talk->definition != NULL && talk->definition->error != NULL)
        return end_with(call, talk->definition->error, talk->sent == 0 ? talk->info : NULL);
    return STATUS_OK;
}

static enum status bidi_stream(struct rpc_call *call, struct bidi_stream_stream *stream)
{
    struct conversation talk = {.arena = arena_new()};
    enum status status;

    talk.info = request_info(call, talk.arena);
    status = converse(call, &talk, stream);
    arena_free(talk.arena);
    return status;
}

static const struct conformance_service handlers = {
    .unary = unary,
    .server_stream = server_stream,
    .client_stream = client_stream,
    .bidi_stream = bidi_stream,
    .idempotent_unary = idempotent_unary,
};

/* --- the process --- */

static void add_services(struct rpc_server *server)
{
    connectrpc_conformance_v1_conformance_register_types();
    google_protobuf_any_register_types();
    google_protobuf_duration_register_types();
    google_protobuf_empty_register_types();
    google_protobuf_struct_register_types();
    google_protobuf_timestamp_register_types();
    google_protobuf_wrappers_register_types();
    conformance_service_register(server, &handlers);
}

static bool read_exactly(void *data, size_t length)
{
    return fread(data, 1, length, stdin) == length;
}

static const ServerCompatRequest *read_request(struct arena *arena)
{
    uint8_t head[4];
    size_t length;
    uint8_t *data;
    ProtobufCMessage *request;
    const char *error;

    if (!read_exactly(head, sizeof(head)))
        return NULL;
    length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (length > MAX_COMPAT_REQUEST_BYTES)
        return NULL;
    data = arena_alloc(arena, length);
    if (!read_exactly(data, length) || message_decode(arena, &ServerCompatRequest_type, data,
                                                      length, &request, &error) != STATUS_OK)
        return NULL;
    return (const ServerCompatRequest *)request;
}

static void on_ready(uint16_t port, void *user)
{
    ServerCompatResponse *response = user;
    struct buffer encoded = {0};
    uint8_t head[4];

    response->port = port;
    message_encode(&response->base, &encoded);
    for (int i = 0; i < 4; i++)
        head[i] = (uint8_t)(encoded.length >> (24 - 8 * i));
    fwrite(head, 1, sizeof(head), stdout);
    fwrite(buffer_data(&encoded), 1, encoded.length, stdout);
    fflush(stdout);
    buffer_free(&encoded);
}

static struct bytes pem(ProtobufCBinaryData data)
{
    return (struct bytes){data.data, data.len};
}

static void use_tls(const ServerCompatRequest *request, struct arena *arena,
                    struct http_config *http, ServerCompatResponse *response)
{
    struct buffer certificate = {0}, key = {0};

    if (request->server_creds != NULL && request->server_creds->cert.len > 0) {
        buffer_append(&certificate, request->server_creds->cert.data,
                      request->server_creds->cert.len);
        buffer_append(&key, request->server_creds->key.data, request->server_creds->key.len);
    } else {
        make_certificate(&certificate, &key);
    }
    http->tls_certificate =
        file_in_memory((struct bytes){buffer_data(&certificate), certificate.length});
    http->tls_key = file_in_memory((struct bytes){buffer_data(&key), key.length});
    if (request->client_tls_cert.len > 0)
        http->tls_client_ca = file_in_memory(pem(request->client_tls_cert));
    response->pem_cert.len = certificate.length;
    response->pem_cert.data = arena_memdup(arena, buffer_data(&certificate), certificate.length);
    buffer_free(&certificate);
    buffer_free(&key);
}

int main(void)
{
    struct arena *arena = arena_new();
    const ServerCompatRequest *request = read_request(arena);
    ServerCompatResponse *response = ServerCompatResponse_new(arena);
    struct serve_options options = {
        .http = {.address = "127.0.0.1", .web_root = "/nonexistent"},
        .add_services = add_services,
        .on_ready = on_ready,
        .user = response,
    };
    int code;

    if (request == NULL) {
        fprintf(stderr, "connect-server: standard input must have a ServerCompatRequest behind "
                        "its length in four bytes\n");
        return 2;
    }
    log_set_level(LOG_LEVEL_ERROR);
    response->host = (char *)"127.0.0.1";
    options.rpc.max_request_bytes = request->message_receive_limit;
    if (request->use_tls)
        use_tls(request, arena, &options.http, response);
    code = serve_until_terminated(&options);
    arena_free(arena);
    return code;
}
