/* interop-server --port N [--tls CERTIFICATE KEY] - the server of gRPC's interoperability tests.
 * Serves until SIGTERM; tells "ready" with its port on standard error. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "base/log.h"
#include "grpc/testing/test_service.h"
#include "tests/support/serve.h"

#define MAX_PAYLOAD_BYTES (16 << 20)
#define ECHO_HEADER "x-grpc-test-echo-initial"
#define ECHO_TRAILER "x-grpc-test-echo-trailing-bin"

/* Gives back the metadata the tests ask to be echoed. */
static void echo_metadata(struct rpc_call *call)
{
    const char *header = rpc_header(call, ECHO_HEADER);
    struct bytes trailer;

    if (header != NULL)
        rpc_set_header(call, ECHO_HEADER, header);
    if (rpc_header_bin(call, ECHO_TRAILER, &trailer))
        rpc_set_trailer_bin(call, ECHO_TRAILER, trailer);
}

static enum status end_with(struct rpc_call *call, const EchoStatus *wanted)
{
    if (wanted == NULL || wanted->code == STATUS_OK)
        return STATUS_OK;
    if (wanted->code < 0 || wanted->code >= STATUS_COUNT)
        return rpc_fail_field(call, "response_status.code", "must be a code of gRPC");
    return rpc_fail(call, (enum status)wanted->code, "%s", wanted->message);
}

static enum status check_compressed(struct rpc_call *call, const GrpcTestingBoolValue *expected)
{
    if (expected != NULL && expected->value != rpc_request_compressed(call))
        return rpc_fail(call, STATUS_INVALID_ARGUMENT, "the request came %s",
                        expected->value ? "uncompressed" : "compressed");
    return STATUS_OK;
}

static void choose_compression(struct rpc_call *call, const GrpcTestingBoolValue *wanted)
{
    rpc_set_compress(call,
                     wanted != NULL && wanted->value ? RPC_COMPRESS_ALWAYS : RPC_COMPRESS_NEVER);
}

static enum status make_payload(struct rpc_call *call, int32_t size_bytes, Payload **ret)
{
    if (size_bytes < 0 || size_bytes > MAX_PAYLOAD_BYTES)
        return rpc_fail_field(call, "size", "must be between 0 and %d", MAX_PAYLOAD_BYTES);
    *ret = Payload_new(call->arena);
    (*ret)->body.len = (size_t)size_bytes;
    (*ret)->body.data = arena_alloc(call->arena, (size_t)size_bytes);
    return STATUS_OK;
}

static enum status empty_call(struct rpc_call *call, const GrpcTestingEmpty *req,
                              GrpcTestingEmpty *res)
{
    echo_metadata(call);
    return STATUS_OK;
}

static enum status unary_call(struct rpc_call *call, const SimpleRequest *req, SimpleResponse *res)
{
    echo_metadata(call);
    TRY(check_compressed(call, req->expect_compressed));
    TRY(end_with(call, req->response_status));
    choose_compression(call, req->response_compressed);
    return make_payload(call, req->response_size, &res->payload);
}

/* --- streams --- */

static enum status send_one(struct rpc_call *call, const ResponseParameters *wanted)
{
    StreamingOutputCallResponse message;

    StreamingOutputCallResponse_type.descriptor.message_init(&message.base);
    if (wanted->interval_us > 0)
        TRY(coro_sleep(((uint64_t)wanted->interval_us + 999) / 1000));
    choose_compression(call, wanted->compressed);
    TRY(make_payload(call, wanted->size, &message.payload));
    return rpc_send(call, &message.base);
}

static enum status send_all(struct rpc_call *call, const StreamingOutputCallRequest *req)
{
    for (size_t i = 0; i < req->n_response_parameters; i++)
        TRY(send_one(call, req->response_parameters[i]));
    return end_with(call, req->response_status);
}

static enum status streaming_output_call(struct rpc_call *call,
                                         const StreamingOutputCallRequest *req,
                                         struct streaming_output_call_stream *out)
{
    echo_metadata(call);
    return send_all(call, req);
}

static enum status streaming_input_call(struct rpc_call *call,
                                        struct streaming_input_call_stream *in,
                                        StreamingInputCallResponse *res)
{
    const StreamingInputCallRequest *req;
    enum status status;

    while ((status = streaming_input_call_receive(in, &req)) == STATUS_OK) {
        TRY(check_compressed(call, req->expect_compressed));
        if (req->payload != NULL)
            res->aggregated_payload_size += (int32_t)req->payload->body.len;
    }
    return status == STATUS_OUT_OF_RANGE ? STATUS_OK : status;
}

static enum status full_duplex_call(struct rpc_call *call, struct full_duplex_call_stream *stream)
{
    const StreamingOutputCallRequest *req;
    enum status status;

    echo_metadata(call);
    while ((status = full_duplex_call_receive(stream, &req)) == STATUS_OK)
        TRY(send_all(call, req));
    return status == STATUS_OUT_OF_RANGE ? STATUS_OK : status;
}

/* Encodings of the requests, one behind the other, each behind its length. */
static enum status answer_kept(struct rpc_call *call, struct buffer *kept)
{
    while (kept->length > 0) {
        ProtobufCMessage *message;
        const char *error;
        size_t length;

        memcpy(&length, buffer_data(kept), sizeof(length));
        TRY(message_decode(call->arena, &StreamingOutputCallRequest_type,
                           buffer_data(kept) + sizeof(length), length, &message, &error));
        buffer_consume(kept, sizeof(length) + length);
        TRY(send_all(call, (const StreamingOutputCallRequest *)message));
    }
    return STATUS_OK;
}

static enum status read_then_answer(struct rpc_call *call, struct half_duplex_call_stream *stream,
                                    struct buffer *kept)
{
    const StreamingOutputCallRequest *req;
    struct buffer encoded = {0};
    enum status status;

    while ((status = half_duplex_call_receive(stream, &req)) == STATUS_OK) {
        message_encode(&req->base, &encoded);
        buffer_append(kept, &encoded.length, sizeof(encoded.length));
        if (encoded.length > 0)
            buffer_append(kept, buffer_data(&encoded), encoded.length);
        buffer_free(&encoded);
    }
    return status == STATUS_OUT_OF_RANGE ? answer_kept(call, kept) : status;
}

static enum status half_duplex_call(struct rpc_call *call, struct half_duplex_call_stream *stream)
{
    struct buffer kept = {0};
    enum status status = read_then_answer(call, stream, &kept);

    buffer_free(&kept);
    return status;
}

static const struct test_service handlers = {
    .empty_call = empty_call,
    .unary_call = unary_call,
    .cacheable_unary_call = unary_call,
    .streaming_output_call = streaming_output_call,
    .streaming_input_call = streaming_input_call,
    .full_duplex_call = full_duplex_call,
    .half_duplex_call = half_duplex_call,
};

/* --- the process --- */

static void add_services(struct rpc_server *server)
{
    test_service_register(server, &handlers);
}

static void on_ready(uint16_t port, void *user)
{
    log_info("ready", LOG_INT("port", port));
}

static int usage(void)
{
    fprintf(stderr, "usage: interop-server --port N [--tls CERTIFICATE KEY]\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'}, {"tls", required_argument, NULL, 't'}, {0}};
    struct serve_options options = {
        .http = {.address = "127.0.0.1", .web_root = "/nonexistent"},
        .rpc = {.max_request_bytes = MAX_PAYLOAD_BYTES},
        .add_services = add_services,
        .on_ready = on_ready,
    };
    bool has_port = false;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (option == 'p') {
            has_port = true;
            options.http.port = (uint16_t)atoi(optarg);
        } else if (option == 't' && optind < argc) {
            options.http.tls_certificate = optarg;
            options.http.tls_key = argv[optind++];
        } else {
            return usage();
        }
    }
    if (!has_port || optind != argc)
        return usage();
    return serve_until_terminated(&options);
}
