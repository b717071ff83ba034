/* Calls are bounded by stacks: past LIMIT_STACKS a call is refused and the server lives on, where
 * it would otherwise meet the kernel's bound on mappings and end. */
#include <criterion/criterion.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#include "base/coro.h"
#include "base/limits.h"
#include "google/rpc/error_details.h"
#include "tests/unit/server/fake_exchange.h"

/* What the server starts for itself beyond the bound; nobody may refuse that. */
#define OWN_COROUTINES 100

static int handled;

static enum status handle(struct rpc_call *call, const void *service)
{
    handled++;
    return STATUS_OK;
}

static const struct rpc_method method = {.path = "/a.B/C",
                                         .name = "C",
                                         .shape = RPC_UNARY,
                                         .request = &BadRequest_type,
                                         .response = &BadRequest_type,
                                         .access = RPC_ACCESS_PUBLIC,
                                         .invoke = handle};
static const struct rpc_service service = {"a.B", &method, 1};

struct waiter {
    struct awaitable released;
};

static void wait_for_release(void *argument)
{
    struct waiter *waiter = argument;

    cr_assert_eq(await(&waiter->released), STATUS_OK);
}

static void occupy(struct loop *loop, struct waiter *waiter)
{
    awaitable_init(&waiter->released);
    coro_start(loop, wait_for_release, waiter);
}

Test(stacks, past_the_bound_calls_are_refused_until_some_have_ended, .timeout = 60)
{
    static struct waiter waiters[LIMIT_STACKS + OWN_COROUTINES];
    struct rpc_server_config config = {30000, 1000};
    struct rpc_server *server = rpc_server_new(&config);
    struct loop *loop = loop_new(0);
    size_t count = 0;

    if (RUNNING_ON_VALGRIND) /* which takes fewer mappings than the kernel */
        cr_skip_test("valgrind has not enough segments");
    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    while (count < LIMIT_STACKS && coro_can_start())
        occupy(loop, &waiters[count++]);
    loop_tick(loop, 0);
    cr_assert_eq(count, LIMIT_STACKS);
    cr_expect_not(coro_can_start());
    cr_expect_eq(fake_exchange_call(server, loop, "/a.B/C"), STATUS_RESOURCE_EXHAUSTED);
    cr_expect_eq(handled, 0);

    while (count < LIMIT_STACKS + OWN_COROUTINES)
        occupy(loop, &waiters[count++]);
    loop_tick(loop, 0);
    cr_expect_eq(coro_count(), LIMIT_STACKS + OWN_COROUTINES);

    for (size_t i = 0; i < count; i++)
        awaitable_complete(&waiters[i].released, STATUS_OK);
    loop_tick(loop, 0);
    cr_expect_eq(coro_count(), 0);
    cr_expect_eq(fake_exchange_call(server, loop, "/a.B/C"), STATUS_OK);
    cr_expect_eq(handled, 1);
    loop_free(loop);
    rpc_server_free(server);
}
