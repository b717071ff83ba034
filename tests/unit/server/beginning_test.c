/* Calls begin once all that came with them was read. */
#include <criterion/criterion.h>

#include "base/coro.h"
#include "google/rpc/error_details.h"
#include "tests/unit/server/fake_exchange.h"

static int handled, told;
static const void *frame; /* of the last handler */
static struct awaitable never;

static enum status handle(struct rpc_call *call, const void *service)
{
    if (handled++ > 0)
        cr_expect_eq(__builtin_frame_address(0), frame, "another stack was taken");
    frame = __builtin_frame_address(0);
    return STATUS_OK;
}

static enum status wait_for_ever(struct rpc_call *call, const void *service)
{
    handled++;
    return await(&never);
}

static void note_end(struct rpc_call *call, enum status status, void *user)
{
    cr_expect_eq(status, STATUS_CANCELLED);
    told++;
}

#define METHOD(name_, shape_, invoke_)                                                          \
    {                                                                                           \
        .path = "/a.B/" name_, .name = (name_), .shape = (shape_), .request = &BadRequest_type, \
        .response = &BadRequest_type, .access = RPC_ACCESS_PUBLIC, .invoke = (invoke_)          \
    }

static const struct rpc_method methods[] = {
    METHOD("Short", RPC_UNARY, handle),
    METHOD("Long", RPC_UNARY, wait_for_ever),
    METHOD("Stream", RPC_BIDI, wait_for_ever),
};
static const struct rpc_service service = {"a.B", methods, 3};

static struct rpc_server *server;
static struct loop *loop;

static void open_server(void)
{
    struct rpc_server_config config = {30000, 1000};

    loop = loop_new(0);
    server = rpc_server_new(&config);
    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    awaitable_init(&never);
}

static void close_server(void)
{
    cr_expect_eq(rpc_open_calls(), 0);
    cr_expect_eq(coro_count(), 0);
    loop_free(loop);
    rpc_server_free(server);
}

TestSuite(beginning, .init = open_server, .fini = close_server, .timeout = 30);

static struct exchange *accept_call(const char *path)
{
    struct exchange *exchange = fake_exchange_new(loop, path);

    cr_assert(rpc_accept(server, exchange));
    return exchange;
}

Test(beginning, a_call_that_is_reset_with_its_request_never_runs)
{
    static const struct rpc_interceptor ends = {.name = "ends", .after = note_end};
    struct exchange *exchange;

    rpc_server_add_interceptor(server, &ends);
    exchange = accept_call("/a.B/Short");
    fake_exchange_send(exchange);
    exchange->events->on_closed(exchange, STATUS_CANCELLED);
    exchange = accept_call("/a.B/Stream");
    exchange->events->on_closed(exchange, STATUS_CANCELLED);
    cr_expect_eq(rpc_open_calls(), 0);
    loop_tick(loop, 0);
    cr_expect_eq(handled, 0);
    cr_expect_eq(told, 2, "interceptors hear of the end all the same");
}

Test(beginning, a_call_that_is_reset_later_is_interrupted)
{
    struct exchange *exchange = accept_call("/a.B/Long");

    fake_exchange_send(exchange);
    loop_tick(loop, 0);
    cr_expect_eq(handled, 1);
    exchange->events->on_closed(exchange, STATUS_CANCELLED);
    loop_tick(loop, 0);
}

Test(beginning, the_drain_ends_a_stream_that_has_not_begun)
{
    struct exchange *exchange = accept_call("/a.B/Stream");

    rpc_server_drain_loop();
    loop_tick(loop, 0);
    cr_expect_eq(handled, 0);
    exchange->events->on_closed(exchange, STATUS_OK);
}

/* However many come at once, those that do not wait share one stack. */
Test(beginning, short_calls_share_a_stack)
{
    struct exchange *exchanges[1000];

    for (size_t i = 0; i < 1000; i++) {
        exchanges[i] = accept_call("/a.B/Short");
        fake_exchange_send(exchanges[i]);
    }
    cr_expect_eq(coro_count(), 0);
    loop_tick(loop, 0);
    cr_expect_eq(handled, 1000);
    cr_expect_eq(coro_count(), 0);
    for (size_t i = 0; i < 1000; i++)
        exchanges[i]->events->on_closed(exchanges[i], STATUS_OK);
}
