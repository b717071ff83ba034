/* An interruption that comes between the end of a handler's last wait and its next run must reach
 * a call that the handler then parks. */
#include <criterion/criterion.h>

#include "base/coro.h"
#include "google/rpc/error_details.h"
#include "tests/unit/server/fake_exchange.h"

static struct awaitable looked_up;
static int ended;

static void on_end(struct rpc_call *call, void *argument)
{
    ended++;
}

static enum status park_after_a_wait(struct rpc_call *call, const void *service)
{
    TRY(await(&looked_up));
    rpc_park(call, on_end, NULL);
    return STATUS_OK;
}

static const struct rpc_method method = {.path = "/a.B/C",
                                         .name = "C",
                                         .shape = RPC_SERVER_STREAM,
                                         .request = &BadRequest_type,
                                         .response = &BadRequest_type,
                                         .access = RPC_ACCESS_PUBLIC,
                                         .invoke = park_after_a_wait};
static const struct rpc_service service = {"a.B", &method, 1};

Test(parking, a_drain_that_comes_with_the_end_of_the_last_wait_ends_the_stream)
{
    struct rpc_server_config config = {30000, 1000};
    struct rpc_server *server = rpc_server_new(&config);
    struct loop *loop = loop_new(0);
    struct exchange *exchange = fake_exchange_new(loop, "/a.B/C");

    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    awaitable_init(&looked_up);
    cr_assert(rpc_accept(server, exchange));
    fake_exchange_send(exchange);
    loop_tick(loop, 0);                        /* the handler waits */
    awaitable_complete(&looked_up, STATUS_OK); /* the database's answer is there ... */
    rpc_server_drain_loop();                   /* ... and, in the same tick, the drain */
    for (int i = 0; i < 5; i++)
        loop_tick(loop, 0);
    cr_expect_eq(coro_count(), 0);
    cr_expect_eq(ended, 1, "the parked stream is told");
    exchange->events->on_closed(exchange, STATUS_CANCELLED);
    cr_expect_eq(rpc_open_calls(), 0);
    loop_free(loop);
    rpc_server_free(server);
}
