/* An interruption that comes between the end of a handler's last wait and its next run must reach
 * a call that the handler then parks. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/coro.h"
#include "google/rpc/error_details.h"
#include "server/call.h"

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

static void start(struct exchange *e, int s, const struct http_header *h, size_t n)
{
}
static void write_bytes(struct exchange *e, const void *d, size_t n)
{
}
static void write_shared(struct exchange *e, const void *p, size_t n, struct shared_bytes *b)
{
}
static void end(struct exchange *e, const struct http_header *t, size_t n)
{
}
static void reset(struct exchange *e, uint32_t code)
{
}
static void consume(struct exchange *e, size_t n)
{
}
static size_t pending(const struct exchange *e)
{
    return 0;
}
static void release(struct exchange *e)
{
    arena_free(e->arena);
}

static const struct exchange_transport transport = {start, write_bytes, write_shared, end,
                                                    reset, consume,     pending,      release};

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
    struct arena *arena = arena_new();
    struct exchange *exchange = arena_alloc(arena, sizeof(*exchange));
    struct http_header type = {"content-type", 12, "application/grpc-web", 20};
    const uint8_t body[5] = {0};

    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    *exchange = (struct exchange){.transport = &transport,
                                  .loop = loop,
                                  .arena = arena,
                                  .method = "POST",
                                  .path = "/a.B/C",
                                  .peer = "1.2.3.4",
                                  .headers = &type,
                                  .header_count = 1,
                                  .http_major = 1};
    awaitable_init(&looked_up);
    cr_assert(rpc_accept(server, exchange));
    exchange->events->on_body(exchange, body, 5, true);
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
