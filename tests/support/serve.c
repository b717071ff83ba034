#include "tests/support/serve.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>

#include "base/coro.h"
#include "server/interceptors.h"

#define DRAIN_MS 2000

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

static void block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int fail(const char *error)
{
    fprintf(stderr, "cannot serve: %s\n", error);
    return 2;
}

int serve_until_terminated(struct serve_options *options)
{
    struct rpc_interceptor logging = interceptor_logging();
    struct rpc_server *server;
    struct drain drain = {0};
    pthread_t waiter;
    char error[512];

    block_signals();
    if (http_prepare(&options->http, error, sizeof(error)) != STATUS_OK)
        return fail(error);
    server = rpc_server_new(&options->rpc);
    if (options->log_calls)
        rpc_server_add_interceptor(server, &logging);
    options->add_services(server);
    drain.loop = loop_new(0);
    rpc_server_attach_loop(server, NULL);
    drain.listener = http_listen(drain.loop, server, &options->http, error, sizeof(error));
    if (drain.listener == NULL)
        return fail(error);
    pthread_create(&waiter, NULL, wait_for_signal, &drain);
    options->on_ready(http_port(drain.listener), options->user);
    loop_run(drain.loop);
    pthread_join(waiter, NULL);
    loop_timer_cancel(drain.loop, &drain.timer);
    http_close(drain.listener);
    while (coro_count() > 0)
        loop_tick(drain.loop, 10);
    loop_free(drain.loop);
    rpc_server_free(server);
    http_config_clear(&options->http);
    return 0;
}
