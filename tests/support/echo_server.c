/* echo_server PORT [CERTIFICATE KEY] [NAME=VALUE...] - EchoService on the real engine, without a
 * database: for tests of transports, protocols and generated code. Runs until SIGTERM, then drains.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "base/log.h"
#include "base/loop.h"
#include "echo_service.h"
#include "server/http/http.h"
#include "server/interceptors.h"
#include "server/server.h"

#define DRAIN_MS 2000

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

/* --- the process --- */

struct drain {
    struct loop *loop;
    struct http_listener *listener;
    struct loop_timer timer;
};

static void stop(void *argument)
{
    struct drain *drain = argument;

    loop_stop(drain->loop);
}

static void on_drain_timer(struct loop_timer *timer)
{
    stop((char *)timer - offsetof(struct drain, timer));
}

static void start_drain(void *argument)
{
    struct drain *drain = argument;

    drain->timer.fn = on_drain_timer;
    loop_timer_set(drain->loop, &drain->timer, DRAIN_MS);
    http_drain(drain->listener, stop, drain);
    rpc_server_drain_loop();
}

static void *wait_for_signal(void *argument)
{
    struct drain *drain = argument;
    sigset_t signals;
    int number;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &number);
    loop_post(drain->loop, start_drain, drain);
    return NULL;
}

static int usage(const char *error)
{
    fprintf(stderr, "echo_server: %s\nusage: echo_server PORT [CERTIFICATE KEY] [NAME=VALUE...]\n",
            error);
    return 2;
}

/* Bounds shorter than the defaults, so that tests need not wait for these. */
static bool set_option(struct http_config *http, const char *option)
{
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
    if (strncmp(option, "proxies=", 8) != 0)
        return false;
    http->proxies = value + 1;
    return true;
}

static bool read_arguments(struct http_config *http, int argc, char **argv)
{
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
        if (!set_option(http, argv[next]))
            return false;
    return true;
}

int main(int argc, char **argv)
{
    struct rpc_server_config rpc = {0};
    struct http_config http = {
        .address = "127.0.0.1", .web_root = "/nonexistent", .origins = "https://allowed.example"};
    struct rpc_interceptor logging = interceptor_logging();
    struct rpc_server *server;
    struct drain drain = {0};
    pthread_t waiter;
    sigset_t signals;
    char error[512];

    if (!read_arguments(&http, argc, argv))
        return usage("wrong arguments");
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (http_prepare(&http, error, sizeof(error)) != STATUS_OK)
        return usage(error);
    server = rpc_server_new(&rpc);
    rpc_server_add_interceptor(server, &logging);
    echo_service_register(server, &handlers);
    drain.loop = loop_new(0);
    rpc_server_attach_loop(server, NULL);
    drain.listener = http_listen(drain.loop, server, &http, error, sizeof(error));
    if (drain.listener == NULL)
        return usage(error);
    pthread_create(&waiter, NULL, wait_for_signal, &drain);
    log_info("ready", LOG_INT("port", http.port));
    loop_run(drain.loop);
    pthread_join(waiter, NULL);
    loop_timer_cancel(drain.loop, &drain.timer);
    http_close(drain.listener);
    while (coro_count() > 0)
        loop_tick(drain.loop, 10);
    loop_free(drain.loop);
    rpc_server_free(server);
    http_config_clear(&http);
    return 0;
}
