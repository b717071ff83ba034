/* echo_server PORT [CERTIFICATE KEY] [NAME=VALUE...] - EchoService on the real engine, without a
 * database: for tests of transports, protocols and generated code. Runs until SIGTERM, then drains.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "base/log.h"
#include "echo_service.h"
#include "tests/support/serve.h"

static enum status echo(struct rpc_call *call, const EchoRequest *req, EchoResponse *res)
{
    res->text = req->text;
    res->payload = req->payload;
    rpc_set_header(call, "x-echo-header", "head");
    rpc_set_trailer(call, "x-echo-trailer", "tail");
    return STATUS_OK;
}

static enum status echo_get(struct rpc_call *call, const EchoGetRequest *req, EchoGetResponse *res)
{
    res->text = req->text;
    return STATUS_OK;
}

static enum status echo_many(struct rpc_call *call, const EchoManyRequest *req,
                             struct echo_many_stream *out)
{
    for (int32_t i = 0; i < req->count; i++) {
        EchoManyResponse message;
        EchoManyResponse_type.descriptor.message_init(&message.base);
        message.index = i;
        message.text = req->text;
        TRY(echo_many_send(out, &message));
        if (req->interval_ms > 0)
            TRY(coro_sleep((uint64_t)req->interval_ms));
    }
    if (req->end_code != STATUS_OK)
        return rpc_fail(call, (enum status)req->end_code, "asked to fail");
    return STATUS_OK;
}

static enum status collect(struct rpc_call *call, struct collect_stream *in, CollectResponse *res)
{
    const CollectRequest *req;
    struct buffer joined = {0};
    enum status s;

    while ((s = collect_receive(in, &req)) == STATUS_OK) {
        res->count++;
        buffer_append_string(&joined, req->text);
    }
    if (s == STATUS_OUT_OF_RANGE) {
        res->text = arena_strndup(call->arena, joined.length ? (char *)buffer_data(&joined) : "",
                                  joined.length);
        s = STATUS_OK;
    }
    buffer_free(&joined);
    return s;
}

static enum status chat(struct rpc_call *call, struct chat_stream *stream)
{
    const ChatRequest *req;
    enum status s;

    while ((s = chat_receive(stream, &req)) == STATUS_OK) {
        ChatResponse message;
        ChatResponse_type.descriptor.message_init(&message.base);
        message.text = req->text;
        TRY(chat_send(stream, &message));
    }
    return s == STATUS_OUT_OF_RANGE ? STATUS_OK : s;
}

static enum status fail(struct rpc_call *call, const FailRequest *req, FailResponse *res)
{
    if (req->code <= 0 || req->code >= STATUS_COUNT)
        return rpc_fail_field(call, "code", "must be a code of gRPC");
    return rpc_fail(call, (enum status)req->code, "%s", req->message);
}

static enum status sleep_a_while(struct rpc_call *call, const SleepRequest *req, SleepResponse *res)
{
    return coro_sleep((uint64_t)req->duration_ms);
}

static const struct echo_service handlers = {
    .echo = echo,
    .echo_get = echo_get,
    .echo_many = echo_many,
    .collect = collect,
    .chat = chat,
    .fail = fail,
    .sleep = sleep_a_while,
};

static void add_services(struct rpc_server *server)
{
    echo_service_register(server, &handlers);
}

static void on_ready(uint16_t port, void *user)
{
    log_info("ready", LOG_INT("port", port));
}

/* Bounds shorter than the defaults, so that tests need not wait for these. */
static bool set_option(struct serve_options *options, const char *option)
{
    struct http_config *http = &options->http;
    const struct {
        const char *name;
        uint32_t *target;
    } numbers[] = {
        {"header_ms", &http->header_ms},
        {"body_ms", &http->body_ms},
        {"write_ms", &http->write_ms},
        {"idle_ms", &http->idle_ms},
        {"linger_ms", &http->linger_ms},
        {"keepalive_ms", &http->keepalive_ms},
        {"keepalive_timeout_ms", &http->keepalive_timeout_ms},
        {"max_connections", &http->max_connections},
    };
    const char *value = strchr(option, '=');

    for (size_t i = 0; value != NULL && i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (strlen(numbers[i].name) == (size_t)(value - option) &&
            memcmp(option, numbers[i].name, (size_t)(value - option)) == 0) {
            *numbers[i].target = (uint32_t)atoi(value + 1);
            return true;
        }
    if (value != NULL && strncmp(option, "request_memory_bytes=", 21) == 0)
        options->rpc.request_memory_bytes = strtoul(value + 1, NULL, 10);
    else if (strncmp(option, "proxies=", 8) == 0)
        http->proxies = value + 1;
    else
        return false;
    return true;
}

static bool read_arguments(struct serve_options *options, int argc, char **argv)
{
    struct http_config *http = &options->http;
    int next = 2;

    if (argc < 2)
        return false;
    http->port = (uint16_t)atoi(argv[1]);
    if (argc >= 4 && strchr(argv[2], '=') == NULL) {
        http->tls_certificate = argv[2];
        http->tls_key = argv[3];
        next = 4;
    }
    for (; next < argc; next++)
        if (!set_option(options, argv[next]))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct serve_options options = {
        .http = {.address = "127.0.0.1",
                 .web_root = "/nonexistent",
                 .origins = "https://allowed.example"},
        .log_calls = true,
        .add_services = add_services,
        .on_ready = on_ready,
    };

    if (!read_arguments(&options, argc, argv)) {
        fprintf(stderr, "usage: echo_server PORT [CERTIFICATE KEY] [NAME=VALUE...]\n");
        return 2;
    }
    return serve_until_terminated(&options);
}
