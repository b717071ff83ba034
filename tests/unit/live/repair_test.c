/* Repair: what was published and did not arrive is read from the source, whatever arrives
 * meanwhile. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/coro.h"
#include "google/rpc/error_details.h"
#include "server/live/hub.h"
#include "tests/unit/server/fake_exchange.h"

static const struct hub_topic topic = {.kind = 1, .id = 7};

static struct hub *hub;
static struct rpc_server *server;
static struct loop *loop;
static struct exchange *stream;

/* --- a source whose reads can be held up --- */

static int64_t newest; /* number of the last event */
static bool slow;      /* reads wait for `go_on` with what they have found */
static struct awaitable go_on;
static int reads;

static struct shared_bytes *text_of(const char *format, int64_t number)
{
    char text[32];
    int length = snprintf(text, sizeof(text), format, (long long)number);

    return shared_bytes_new(text, (size_t)length);
}

static enum status may_follow(void *user, struct rpc_call *call, int64_t id)
{
    return STATUS_OK;
}

static enum status read_events(void *user, struct arena *arena, int64_t id, int64_t after,
                               size_t limit, struct hub_event **ret_events, size_t *ret_count)
{
    struct hub_event *events = arena_alloc_array(arena, limit, sizeof(*events));
    size_t count = 0;

    reads++;
    for (int64_t number = after + 1; number <= newest && count < limit; number++)
        events[count++] =
            (struct hub_event){.sequence = number, .message = text_of("%lld", number)};
    if (slow)
        (void)await_uninterruptible(&go_on);
    *ret_events = events;
    *ret_count = count;
    return STATUS_OK;
}

/* Never newer ones: nothing here is found by the check once a second. */
static enum status read_heads(void *user, struct arena *arena, const struct hub_head *known,
                              size_t count, struct hub_head **ret_heads, size_t *ret_count)
{
    struct hub_head *heads = arena_alloc_array(arena, count, sizeof(*heads));

    *ret_heads = heads;
    *ret_count = 0;
    for (size_t i = 0; i < count; i++)
        if (known[i].sequence < 0)
            heads[(*ret_count)++] = (struct hub_head){known[i].id, newest};
    return STATUS_OK;
}

static void publish(int64_t number)
{
    const struct hub_event event = {.sequence = number, .message = text_of("%lld", number)};

    hub_publish(hub, topic, &event);
}

/* --- a stream that follows it --- */

static struct shared_bytes *caught_up(struct hub_topic of, int64_t last_sequence)
{
    return text_of("caught up at %lld", last_sequence);
}

static struct shared_bytes *reset(struct hub_topic of, int64_t sequence)
{
    return text_of("reset to %lld", sequence);
}

static struct shared_bytes *ended(struct hub_topic of, enum hub_end reason)
{
    return text_of("ended by %lld", reason);
}

static struct shared_bytes *heartbeat(void)
{
    return text_of("heartbeat", 0);
}

static enum status follow(struct rpc_call *call, const void *service)
{
    struct hub_subscriber *subscriber = hub_subscribe(hub, call, false);
    enum status status = hub_follow(subscriber, topic, 1);

    cr_assert_eq(status, STATUS_OK);
    hub_subscriber_park(subscriber, NULL, NULL);
    return STATUS_OK;
}

static const struct rpc_method method = {.path = "/a.B/Follow",
                                         .name = "Follow",
                                         .shape = RPC_SERVER_STREAM,
                                         .request = &BadRequest_type,
                                         .response = &BadRequest_type,
                                         .access = RPC_ACCESS_PUBLIC,
                                         .invoke = follow};
static const struct rpc_service service = {"a.B", &method, 1};

static void start(void)
{
    const struct rpc_server_config config = {30000, 1000};
    const struct hub_config hub_config = {.message_type = &BadRequest_type,
                                          .caught_up = caught_up,
                                          .reset = reset,
                                          .ended = ended,
                                          .heartbeat = heartbeat};
    const struct hub_source source = {
        .may_follow = may_follow, .read = read_events, .read_heads = read_heads};

    loop = loop_new(0);
    server = rpc_server_new(&config);
    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    hub = hub_new(loop, &hub_config);
    hub_add_source(hub, topic.kind, &source);
    newest = 1;
    stream = fake_exchange_new(loop, method.path);
    cr_assert(rpc_accept(server, stream));
    fake_exchange_send(stream);
}

static void stop(void)
{
    stream->events->on_closed(stream, STATUS_CANCELLED);
    while (coro_count() > 0 || rpc_open_calls() > 0)
        loop_tick(loop, 10);
    hub_free(hub);
    while (coro_count() > 0)
        loop_tick(loop, 10);
    buffer_free(fake_exchange_answer());
    loop_free(loop);
    rpc_server_free(server);
}

TestSuite(repair, .init = start, .fini = stop, .timeout = 30);

/* The messages that were sent, one a line. */
static const char *sent(void)
{
    static char text[8192];
    const struct buffer *answer = fake_exchange_answer();
    const uint8_t *data = answer->length > 0 ? buffer_data(answer) : NULL;
    size_t left = answer->length, at = 0;

    while (left > 0) {
        size_t size = (size_t)data[3] << 8 | data[4];
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%.*s\n", (int)size, data + 5);
        data += 5 + size;
        left -= 5 + size;
    }
    text[at] = '\0';
    return text;
}

/* Until so many lines were sent, or for so long that no more will come. */
static void run_until(size_t lines)
{
    for (int i = 0; i < 100; i++) {
        size_t count = 0;
        for (const char *at = sent(); (at = strchr(at, '\n')) != NULL; at++)
            count++;
        if (count >= lines)
            return;
        loop_tick(loop, 5);
    }
}

/* "caught up", and the numbers from 2 to `last`. */
static void expect_all_to(int64_t last)
{
    char expected[8192];
    size_t at = (size_t)snprintf(expected, sizeof(expected), "caught up at 1\n");

    for (long long number = 2; number <= last; number++)
        at += (size_t)snprintf(expected + at, sizeof(expected) - at, "%lld\n", number);
    run_until((size_t)last);
    cr_expect_str_eq(sent(), expected);
}

Test(repair, a_gap_is_read_from_the_source)
{
    run_until(1);
    reads = 0;
    newest = 4;
    publish(4);
    expect_all_to(4);
}

/* What is being read was asked for before the second gap was there. */
Test(repair, a_gap_that_shows_during_a_repair_is_repaired, .timeout = 30)
{
    run_until(1);
    reads = 0;
    slow = true;
    awaitable_init(&go_on);
    newest = 4;
    publish(4);
    while (reads < 1)
        loop_tick(loop, 5);
    newest = 7;
    publish(7);
    loop_tick(loop, 0);
    slow = false;
    awaitable_complete(&go_on, STATUS_OK);
    expect_all_to(7);
}

/* A copy that comes during a repair and follows what was read is not told twice. */
Test(repair, copies_during_a_repair_are_told_once)
{
    run_until(1);
    reads = 0;
    slow = true;
    awaitable_init(&go_on);
    newest = 4;
    publish(4);
    while (reads < 1)
        loop_tick(loop, 5);
    publish(2);
    publish(3);
    loop_tick(loop, 0);
    slow = false;
    awaitable_complete(&go_on, STATUS_OK);
    expect_all_to(4);
}

/* More than a page, and more than the ring holds. */
Test(repair, a_long_gap_is_read_page_by_page)
{
    run_until(1);
    reads = 0;
    newest = 2 * HUB_PAGE_EVENTS + 50;
    publish(newest);
    expect_all_to(newest);
}
