/* The C client on an event loop: many coroutines, one connection. */
#include "base/clock.h"
#include "base/coro.h"
#include "client/client.h"
#include "client/internal.h"
#include "echo_client.h"
#include "tests/unit/client/server_process.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct server_process server;
static struct loop *loop;
static struct client *client;
static struct arena *arena;

static void open_client(void)
{
    struct client_config config = {.loop = loop_new(0)};
    char error[256] = "";

    server_start(&server, false);
    loop = config.loop;
    cr_assert_eq(client_new(server.target, &config, &client, error, sizeof(error)), STATUS_OK, "%s",
                 error);
    arena = arena_new();
}

static void close_client(void)
{
    client_free(client);
    cr_expect_eq(coro_count(), 0);
    server_stop(&server);
    arena_free(arena);
    loop_free(loop);
}

TestSuite(client_on_loop, .init = open_client, .fini = close_client, .timeout = 60);

static void run_until_done(void)
{
    uint64_t end_ms = clock_monotonic_ms() + 30000;

    while (coro_count() > 0 && clock_monotonic_ms() < end_ms)
        loop_tick(loop, 100);
    cr_assert_eq(coro_count(), 0, "coroutines still wait");
}

static int connections(void)
{
    int count = 0;

    for (struct client_connection *each = client->connections; each != NULL; each = each->next)
        count++;
    return count;
}

/* --- many calls --- */

static int succeeded, most_connections;

static void sleep_a_while(void *argument)
{
    CLEANUP(arena_freep) struct arena *own = arena_new();
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, own);
    SleepRequest *request = SleepRequest_new(own);
    SleepResponse *response;

    request->duration_ms = 200;
    if (echo_client_sleep(call, request, &response) == STATUS_OK)
        succeeded++;
    if (connections() > most_connections)
        most_connections = connections();
}

/* More than the server takes at a time (256): the others wait their turn. */
Test(client_on_loop, many_calls_share_one_connection)
{
    uint64_t begun_ms = clock_monotonic_ms();

    for (int i = 0; i < 600; i++)
        coro_start(loop, sleep_a_while, NULL);
    run_until_done();
    cr_expect_eq(succeeded, 600);
    cr_expect_eq(most_connections, 1);
    cr_expect_lt(clock_monotonic_ms() - begun_ms, 20000, "one after another takes 120 s");
}

/* --- two coroutines, one call --- */

static struct rpc_client_call *shared;
static int words_received;
static enum status shared_end;

static void talk(void *argument)
{
    ChatRequest *request = ChatRequest_new(arena);

    for (int i = 0; i < 500; i++) {
        request->text = arena_printf(arena, "word %d", i);
        cr_assert_eq(echo_client_chat_send(shared, request), STATUS_OK);
        if (i % 50 == 0)
            cr_assert_eq(coro_sleep(1), STATUS_OK);
    }
    cr_assert_eq(echo_client_chat_close_send(shared), STATUS_OK);
}

static void listen_to_it(void *argument)
{
    ChatResponse *response;
    char expected[32];

    while ((shared_end = echo_client_chat_receive(shared, &response)) == STATUS_OK) {
        snprintf(expected, sizeof(expected), "word %d", words_received++);
        cr_assert_str_eq(response->text, expected);
    }
}

static void converse(void *argument)
{
    shared = client_call_new(client, arena);
    cr_assert_eq(echo_client_chat(shared), STATUS_OK);
    coro_start(loop, listen_to_it, NULL);
    coro_start(loop, talk, NULL);
}

Test(client_on_loop, one_sends_while_another_receives)
{
    coro_start(loop, converse, NULL);
    run_until_done();
    cr_expect_eq(words_received, 500);
    cr_expect_eq(shared_end, STATUS_OUT_OF_RANGE);
    client_call_free(shared);
}

/* --- ends --- */

static void wait_long(void *argument)
{
    SleepRequest *request = SleepRequest_new(arena);
    SleepResponse *response;

    request->duration_ms = 20000;
    shared = client_call_new(client, arena);
    client_call_set_timeout(shared, *(uint32_t *)argument);
    shared_end = echo_client_sleep(shared, request, &response);
}

/* One tick after another until the server has the call. */
static void let_it_begin(void)
{
    while (shared == NULL || !shared->sent)
        loop_tick(loop, 10);
}

Test(client_on_loop, interruption_ends_the_call)
{
    uint32_t timeout_ms = 0;
    struct coro *coro = coro_start(loop, wait_long, &timeout_ms);

    let_it_begin();
    coro_interrupt(coro, STATUS_UNAVAILABLE);
    run_until_done();
    cr_expect_eq(shared_end, STATUS_UNAVAILABLE);
    cr_expect_str_eq(client_call_message(shared), "the caller was interrupted");
    client_call_free(shared);
}

Test(client_on_loop, cancelling_wakes_who_waits)
{
    uint32_t timeout_ms = 0;

    coro_start(loop, wait_long, &timeout_ms);
    let_it_begin();
    client_call_cancel(shared);
    run_until_done();
    cr_expect_eq(shared_end, STATUS_CANCELLED);
    client_call_free(shared);
}

Test(client_on_loop, deadline_wakes_who_waits)
{
    uint32_t timeout_ms = 150;
    uint64_t begun_ms = clock_monotonic_ms();

    coro_start(loop, wait_long, &timeout_ms);
    run_until_done();
    cr_expect_eq(shared_end, STATUS_DEADLINE_EXCEEDED);
    cr_expect_lt(clock_monotonic_ms() - begun_ms, 5000);
    client_call_free(shared);
}

Test(client_on_loop, loss_wakes_who_waits)
{
    uint32_t timeout_ms = 0;

    coro_start(loop, wait_long, &timeout_ms);
    let_it_begin();
    server_kill(&server);
    run_until_done();
    cr_expect_eq(shared_end, STATUS_UNAVAILABLE);
    cr_expect_not(client_is_connected(client));
    client_call_free(shared);
}

/* What was interrupted while it rested before another attempt is over as well. */
Test(client_on_loop, interruption_ends_a_pause)
{
    uint32_t timeout_ms = 0;
    struct coro *coro;

    server_kill(&server);
    coro = coro_start(loop, wait_long, &timeout_ms);
    while (shared == NULL || shared->state != CALL_RESTING)
        loop_tick(loop, 10);
    coro_interrupt(coro, STATUS_CANCELLED);
    run_until_done();
    cr_expect_eq(shared_end, STATUS_CANCELLED);
    client_call_free(shared);
}

/* --- early connecting, and closing in the middle --- */

static enum status connected;

static void connect_early(void *argument)
{
    connected = client_connect(client);
}

Test(client_on_loop, connecting_tells_early)
{
    coro_start(loop, connect_early, NULL);
    run_until_done();
    cr_expect_eq(connected, STATUS_OK);
    cr_expect(client_is_connected(client));
    server_kill(&server);
    while (client_is_connected(client))
        loop_tick(loop, 10);
    coro_start(loop, connect_early, NULL);
    run_until_done();
    cr_expect_eq(connected, STATUS_UNAVAILABLE);
    cr_expect_not_null(strstr(client_error(client), "Connection refused"));
}

static void open_and_leave(void *argument)
{
    EchoManyRequest *request = EchoManyRequest_new(arena);

    request->count = 1000;
    request->interval_ms = 1000;
    shared = client_call_new(client, arena);
    cr_assert_eq(echo_client_echo_many(shared, request), STATUS_OK);
}

/* Nobody waits for it; its stream is open when the client goes. */
Test(client_on_loop, closes_with_an_open_stream)
{
    coro_start(loop, open_and_leave, NULL);
    run_until_done();
    let_it_begin();
    client_call_free(shared);
    cr_expect_eq(connections(), 1);
}

static size_t kept, thrown_away;

static void receive_into(void *argument)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    EchoManyRequest *request = EchoManyRequest_new(arena);
    EchoManyResponse *response;
    enum status status;

    request->text = (char *)"once";
    request->count = 10;
    cr_assert_eq(echo_client_echo_many(call, request), STATUS_OK);
    do {
        CLEANUP(arena_freep) struct arena *passing = arena_new();
        client_call_set_message_arena(call, passing);
        status = echo_client_echo_many_receive(call, &response);
        if (status == STATUS_OK && strcmp(response->text, "once") == 0)
            thrown_away++;
    } while (status == STATUS_OK);
    kept = client_call_trailers(call)->count;
}

/* Under the sanitizers: nothing of a message is looked for in an arena that is gone. */
Test(client_on_loop, messages_in_arenas_of_their_own)
{
    coro_start(loop, receive_into, NULL);
    run_until_done();
    cr_expect_eq(thrown_away, 10);
    cr_expect_gt(kept, 0);
}
