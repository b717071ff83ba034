/* The hub: order, each once, repair, slow subscribers, coalescing, hidden origins, states, resets
 * and ends. Subscribers are real calls whose transport is ours; the source is an array. */
#include "server/live/hub.h"
#include "server/live/internal.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"
#include "server/call.h"
#include "waystone/chat/v1/chat.h"
#include "waystone/event/v1/event.h"

TestSuite(hub, .timeout = 20);

#define LOG 1
#define STATE 2
#define ALERTS 3
#define EVENTS_MAX 20000

/* --- the source: one log of events 1..newest, those up to `archived` are gone --- */

static struct loop *loop;
static struct hub *hub;
static struct rpc_server *server;
static int64_t newest, archived;
static unsigned reads, head_reads, pictures, watched;
static enum status source_status, follow_status;
static bool slow_source, slow_reads;
static struct awaitable source_gate;
static int64_t hidden_origin; /* of account 1; others hide nobody */
static int64_t quoted;        /* by every third event; 0: none quotes */
static unsigned unquotings;
static int following_count;

static struct shared_bytes *text(const char *format, ...)
{
    char words[64];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    return shared_bytes_new(words, strlen(words));
}

/* Odd events are of account 7, even ones of account 8. */
static struct hub_event event_at(int64_t sequence)
{
    bool quotes = quoted != 0 && sequence % 3 == 0;

    return (struct hub_event){.sequence = sequence,
                              .origin = sequence % 2 ? 7 : 8,
                              .quoted = quotes ? quoted : 0,
                              .message = text(quotes ? "e%ld>words " : "e%ld ", (long)sequence)};
}

static struct shared_bytes *without_quote(void *user, const struct shared_bytes *event)
{
    const char *mark = memchr(event->data, '>', event->length);

    unquotings++;
    cr_assert_not_null(mark);
    return text("%.*s ", (int)(mark - (const char *)event->data), event->data);
}

static enum status may_follow(void *user, struct rpc_call *call, int64_t id)
{
    if (slow_source)
        TRY(await(&source_gate));
    return follow_status;
}

static enum status read_events(void *user, struct arena *arena, int64_t id, int64_t after,
                               size_t limit, struct hub_event **ret_events, size_t *ret_count)
{
    reads++;
    TRY(slow_reads ? await(&source_gate) : coro_yield());
    TRY(source_status);
    *ret_count = 0;
    *ret_events = arena_alloc_array(arena, limit, sizeof(**ret_events));
    if (after < archived)
        after = archived;
    while (after < newest && *ret_count < limit)
        (*ret_events)[(*ret_count)++] = event_at(++after);
    return STATUS_OK;
}

static enum status read_heads(void *user, struct arena *arena, const struct hub_head *known,
                              size_t count, struct hub_head **ret_heads, size_t *ret_count)
{
    head_reads++;
    TRY(coro_yield());
    TRY(source_status);
    *ret_count = 0;
    *ret_heads = arena_alloc_array(arena, count, sizeof(**ret_heads));
    for (size_t i = 0; i < count; i++)
        if (newest > known[i].sequence)
            (*ret_heads)[(*ret_count)++] = (struct hub_head){known[i].id, newest};
    return STATUS_OK;
}

static struct shared_bytes *picture(void *user, int64_t id)
{
    pictures++;
    return text("picture ");
}

static void watch(void *user, struct hub_topic topic, bool on)
{
    watched += on ? 1 : -1;
}

static struct shared_bytes *caught_up(struct hub_topic topic, int64_t last)
{
    return text("caught-up:%ld ", (long)last);
}
static struct shared_bytes *reset_to(struct hub_topic topic, int64_t sequence)
{
    return text("reset:%ld ", (long)sequence);
}
static struct shared_bytes *ended(struct hub_topic topic, enum hub_end reason)
{
    return text("ended:%d ", reason);
}
static struct shared_bytes *heartbeat(void)
{
    return text("heartbeat ");
}
static enum status hidden(void *user, struct arena *arena, int64_t account_id,
                          int64_t **ret_origins, size_t *ret_count)
{
    TRY(coro_yield());
    *ret_origins = &hidden_origin;
    *ret_count = account_id == 1 && hidden_origin != 0;
    return STATUS_OK;
}
static void on_following(void *user, struct hub_topic topic, const struct rpc_identity *who,
                         bool on)
{
    following_count += on ? 1 : -1;
}

/* --- a client: a call with a transport of ours --- */

struct client {
    struct exchange *exchange;
    struct hub_subscriber *subscriber;
    struct buffer heard; /* what was sent, without envelopes */
    unsigned messages;
    size_t pending; /* what the transport says to have queued */
    size_t room;    /* messages it takes before it is full; 0: any number */
    struct hub_wish wishes[HUB_FOLLOW_MAX + 1];
    size_t wish_count;
    int64_t account_id; /* 0: 1 */
    bool on_coroutine;
    enum status follow_result;
};

static struct client *starting;

static void start_answer(struct exchange *e, int s, const struct http_header *h, size_t n)
{
}
static void write_bytes(struct exchange *e, const void *d, size_t n)
{
}
static struct client *client_of(struct exchange *exchange);
static void write_shared(struct exchange *e, const void *p, size_t n, struct shared_bytes *b)
{
    struct client *client = client_of(e);

    buffer_append(&client->heard, b->data, b->length);
    client->messages++;
    if (client->room > 0 && client->messages >= client->room)
        client->pending = 1 << 20;
}
static void end_answer(struct exchange *e, const struct http_header *t, size_t n)
{
}
static void reset_answer(struct exchange *e, uint32_t code)
{
}
static void consume(struct exchange *e, size_t n)
{
}
static size_t pending(const struct exchange *e)
{
    return client_of((struct exchange *)e)->pending;
}
static void release(struct exchange *e)
{
    arena_free(e->arena);
}

static const struct exchange_transport transport = {
    start_answer, write_bytes, write_shared, end_answer, reset_answer, consume, pending, release};

static struct client *clients[2000];
static size_t client_count;

static struct client *client_of(struct exchange *exchange)
{
    for (size_t i = client_count; i-- > 0;)
        if (clients[i]->exchange == exchange)
            return clients[i];
    cr_assert_fail("an exchange of nobody");
    return NULL;
}

static enum status open_stream(struct rpc_call *call, const void *service)
{
    struct client *client = starting;

    call->identity.account_id = client->account_id != 0 ? client->account_id : 1;
    client->subscriber = hub_subscribe(hub, call, true);
    if (client->on_coroutine) {
        client->follow_result =
            hub_follow(client->subscriber, client->wishes[0].topic, client->wishes[0].after);
        if (client->follow_result != STATUS_OK) {
            hub_unsubscribe(client->subscriber);
            client->subscriber = NULL;
            return client->follow_result;
        }
    }
    hub_subscriber_park(client->subscriber, NULL, NULL);
    return client->on_coroutine
               ? STATUS_OK
               : hub_change(client->subscriber, client->wishes, client->wish_count, NULL, 0);
}

static const struct rpc_method method = {.path = "/a.B/C",
                                         .name = "C",
                                         .shape = RPC_SERVER_STREAM,
                                         .request = &SubscribeRequest_type,
                                         .response = &SubscribeResponse_type,
                                         .access = RPC_ACCESS_PUBLIC,
                                         .invoke = open_stream};
static const struct rpc_service service = {"a.B", &method, 1};

static void settle(void)
{
    for (int i = 0; i < 12; i++)
        loop_tick(loop, 0);
}

/* Until the time in which topics gather is over. */
static void settle_gathered(void)
{
    uint64_t end = loop_now_ms(loop) + HUB_GATHER_MS + 5;

    settle();
    while (loop_now_ms(loop) <= end)
        loop_tick(loop, 5);
    settle();
}

static void run_until_check(void)
{
    uint64_t end = loop_now_ms(loop) + HUB_CHECK_MS + 50;

    while (loop_now_ms(loop) < end)
        loop_tick(loop, 20);
    settle();
}

static void connect_client(struct client *client)
{
    static struct http_header type = {"content-type", 12, "application/grpc-web", 20};
    struct arena *arena = arena_new();
    const uint8_t body[5] = {0};

    client->exchange = arena_alloc(arena, sizeof(*client->exchange));
    *client->exchange = (struct exchange){.transport = &transport,
                                          .loop = loop,
                                          .arena = arena,
                                          .method = "POST",
                                          .path = "/a.B/C",
                                          .peer = "1.2.3.4",
                                          .headers = &type,
                                          .header_count = 1,
                                          .http_major = 1};
    clients[client_count++] = client;
    starting = client;
    cr_assert(rpc_accept(server, client->exchange));
    client->exchange->events->on_body(client->exchange, body, 5, true);
    settle();
}

static struct client *new_client(void)
{
    struct client *client = calloc(1, sizeof(*client));

    cr_assert_not_null(client);
    return client;
}

static void add_wish(struct client *client, uint8_t kind, int64_t id, int64_t after)
{
    client->wishes[client->wish_count++] = (struct hub_wish){{kind, id}, after};
}

static struct client *follow(uint8_t kind, int64_t after)
{
    struct client *client = new_client();

    add_wish(client, kind, 1, after);
    connect_client(client);
    return client;
}

static void vanish(struct client *client)
{
    client->exchange->events->on_closed(client->exchange, STATUS_CANCELLED);
    buffer_free(&client->heard);
}

/* What the client has heard since it was last asked. */
static void heard(struct client *client, const char *expected)
{
    static char found[1 << 16];

    cr_assert_lt(client->heard.length, sizeof(found));
    if (client->heard.length > 0)
        memcpy(found, buffer_data(&client->heard), client->heard.length);
    found[client->heard.length] = '\0';
    cr_expect_str_eq(found, expected);
    buffer_clear(&client->heard);
}

static void has_room(struct client *client)
{
    client->pending = 0;
    client->room = 0;
    client->exchange->events->on_writable(client->exchange);
    settle();
}

static void publish(int64_t sequence)
{
    struct hub_event event = event_at(sequence);

    if (sequence > newest)
        newest = sequence;
    hub_publish(hub, (struct hub_topic){LOG, 1}, &event);
}

static void set_up(void)
{
    struct rpc_server_config config = {30000, 1000};
    struct hub_config hub_config = {.message_type = &SubscribeResponse_type,
                                    .caught_up = caught_up,
                                    .reset = reset_to,
                                    .ended = ended,
                                    .heartbeat = heartbeat,
                                    .watch = watch,
                                    .hidden = hidden};
    struct hub_source log = {
        .priority = 1,
        .may_follow = may_follow,
        .read = read_events,
        .read_heads = read_heads,
        .without_quote = without_quote,
    };
    struct hub_source state = {.priority = 2, .may_follow = may_follow, .picture = picture};

    server = rpc_server_new(&config);
    loop = loop_new(0);
    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    hub = hub_new(loop, &hub_config);
    hub_set_following(hub, on_following, NULL);
    hub_add_source(hub, LOG, &log);
    hub_add_source(hub, STATE, &state);
    log.priority = 0;
    hub_add_source(hub, ALERTS, &log);
}

static void tear_down(void)
{
    for (size_t i = 0; i < client_count; i++) {
        if (clients[i]->exchange != NULL)
            vanish(clients[i]);
        clients[i]->exchange = NULL;
    }
    settle_gathered();
    cr_expect_eq(coro_count(), 0);
    cr_expect_eq(rpc_open_calls(), 0);
    cr_expect_eq(watched, 0);
    cr_expect_eq(following_count, 0);
    hub_free(hub);
    loop_free(loop);
    rpc_server_free(server);
    for (size_t i = 0; i < client_count; i++)
        free(clients[i]);
}

#define HUB_TEST(name) Test(hub, name, .init = set_up, .fini = tear_down)

HUB_TEST(what_was_missed_comes_first_then_the_mark_then_what_happens)
{
    struct client *client;

    newest = 5;
    client = follow(LOG, 2);
    heard(client, "e3 e4 e5 caught-up:5 ");
    publish(6);
    settle_gathered();
    heard(client, "e6 ");
}

#define CROWD 600
static unsigned heard_before_the_turn;

static unsigned messages_heard(void)
{
    unsigned sum = 0;

    for (size_t i = 0; i < client_count; i++)
        sum += clients[i]->messages;
    return sum;
}

static void note_turn(void *argument)
{
    heard_before_the_turn = messages_heard();
}

static void ask_for_turn(struct loop_task *task)
{
    coro_start(loop, note_turn, NULL);
}

/* A coroutine that is ready while a crowd is told has its turn after the first piece. */
HUB_TEST(others_have_their_turn_while_a_crowd_is_told)
{
    struct loop_task turn = {ask_for_turn};
    struct hub_event event;
    unsigned before;

    for (int i = 0; i < CROWD; i++) {
        struct client *client = new_client();
        add_wish(client, LOG, 1, -1);
        add_wish(client, LOG, 2, -1);
        add_wish(client, LOG, 3, -1);
        connect_client(client);
    }
    before = messages_heard();
    for (int64_t id = 1; id <= 3; id++) {
        event = event_at(1);
        hub_publish(hub, (struct hub_topic){LOG, id}, &event);
    }
    newest = 1;
    loop_defer(loop, &turn);
    settle_gathered();
    cr_expect_geq(heard_before_the_turn - before, HUB_FOLLOWERS_AT_ONCE);
    cr_expect_leq(heard_before_the_turn - before, HUB_HANDED_AT_ONCE);
    cr_expect_eq(messages_heard() - before, 3 * CROWD);
}

HUB_TEST(without_a_cursor_only_what_happens_from_now_on)
{
    struct client *client;

    newest = 5;
    client = follow(LOG, -1);
    heard(client, "caught-up:5 ");
    publish(6);
    settle_gathered();
    heard(client, "e6 ");
}

HUB_TEST(copies_in_any_order_and_twice_are_told_once_and_in_order)
{
    struct client *client = follow(LOG, -1);

    heard(client, "caught-up:0 ");
    publish(1);
    publish(1);
    newest = 4;
    publish(4);
    publish(2);
    publish(3);
    publish(4);
    settle_gathered();
    heard(client, "e1 e2 e3 e4 ");
}

HUB_TEST(a_missing_number_is_read_from_the_source)
{
    struct client *client = follow(LOG, -1);

    heard(client, "caught-up:0 ");
    newest = 2;
    publish(3);
    settle_gathered();
    heard(client, "e1 e2 e3 ");
    cr_expect_gt(reads, 0);
}

HUB_TEST(a_lost_last_copy_is_found_by_the_check)
{
    struct client *client = follow(LOG, -1);

    heard(client, "caught-up:0 ");
    newest = 2;
    run_until_check();
    heard(client, "e1 e2 ");
}

HUB_TEST(a_source_that_fails_is_asked_again)
{
    struct client *client;

    newest = 3;
    client = follow(LOG, -1);
    heard(client, "caught-up:3 ");
    source_status = STATUS_UNAVAILABLE;
    newest = 4;
    publish(5);
    settle_gathered();
    heard(client, "");
    source_status = STATUS_OK;
    run_until_check();
    heard(client, "e4 e5 ");
}

HUB_TEST(events_gather_after_the_first)
{
    struct client *client = follow(LOG, -1);

    heard(client, "caught-up:0 ");
    run_until_check();
    publish(1);
    settle();
    heard(client, "e1 ");
    publish(2);
    loop_tick(loop, 0);
    publish(3);
    loop_tick(loop, 0);
    heard(client, "");
    settle_gathered();
    heard(client, "e2 e3 ");
}

HUB_TEST(a_slow_subscriber_costs_a_cursor_and_goes_on_where_it_was)
{
    struct client *slow = new_client(), *quick;
    char expected[8192] = "", expected_slow[8192] = "";

    slow->room = 1; /* the mark */
    add_wish(slow, LOG, 1, -1);
    connect_client(slow);
    heard(slow, "caught-up:0 ");
    quick = follow(LOG, -1);
    heard(quick, "caught-up:0 ");
    for (int64_t i = 1; i <= 3 * HUB_RING_EVENTS; i++) {
        publish(i);
        snprintf(expected + strlen(expected), 16, "e%ld ", (long)i);
        settle();
    }
    memcpy(expected_slow, expected, sizeof(expected));
    settle_gathered();
    heard(quick, expected);
    heard(slow, "");
    reads = 0;
    has_room(slow);
    settle();
    heard(slow, expected_slow);
    cr_expect_gt(reads, 0, "the ring has moved on: the source has it");
}

HUB_TEST(a_cursor_too_far_behind_is_reset)
{
    struct client *client;

    newest = HUB_REPLAY_MAX + 11;
    client = follow(LOG, 10);
    heard(client, "reset:10011 caught-up:10011 ");
    publish(newest + 1);
    settle_gathered();
    heard(client, "e10012 ");
}

HUB_TEST(events_no_longer_kept_are_reset)
{
    struct client *client;

    newest = 9;
    archived = 6;
    client = follow(LOG, 2);
    heard(client, "reset:6 e7 e8 e9 caught-up:9 ");
    archived = 9;
    client = follow(LOG, 2);
    heard(client, "reset:9 caught-up:9 ");
}

HUB_TEST(a_cursor_beyond_the_newest_is_reset)
{
    struct client *client;

    newest = 3;
    client = follow(LOG, 8);
    heard(client, "reset:3 caught-up:3 ");
}

HUB_TEST(a_cursor_ahead_of_what_this_loop_has_heard_is_believed)
{
    struct client *first, *second;

    newest = 3;
    first = follow(LOG, -1);
    heard(first, "caught-up:3 ");
    newest = 5; /* written elsewhere, the copies are still under way */
    second = follow(LOG, 5);
    settle();
    heard(second, "caught-up:5 ");
    settle_gathered();
    heard(first, "e4 e5 ");
}

HUB_TEST(hidden_origins_are_passed_over_live_and_read)
{
    struct client *client;

    hidden_origin = 7;
    newest = 4;
    client = follow(LOG, 0);
    heard(client, "e2 e4 caught-up:4 ");
    publish(5);
    publish(6);
    settle_gathered();
    heard(client, "e6 ");
    hidden_origin = 8;
    hub_reload_hidden(hub, 1);
    settle();
    publish(7);
    publish(8);
    settle_gathered();
    heard(client, "e7 ");
}

static struct client *follow_as(int64_t account_id, int64_t after)
{
    struct client *client = new_client();

    client->account_id = account_id;
    add_wish(client, LOG, 1, after);
    connect_client(client);
    return client;
}

HUB_TEST(quotes_of_hidden_accounts_are_left_out_live_read_and_repaired)
{
    struct client *hides, *sees;

    quoted = hidden_origin = 9;
    newest = 4;
    hides = follow_as(1, 0);
    sees = follow_as(2, 0);
    heard(hides, "e1 e2 e3 e4 caught-up:4 ");
    heard(sees, "e1 e2 e3>words e4 caught-up:4 ");
    for (int64_t i = 5; i <= 7; i++)
        publish(i);
    settle_gathered();
    heard(hides, "e5 e6 e7 ");
    heard(sees, "e5 e6>words e7 ");
    newest = 9;
    publish(10);
    settle_gathered();
    heard(hides, "e8 e9 e10 ");
    heard(sees, "e8 e9>words e10 ");
    hidden_origin = 0;
    hub_reload_hidden(hub, 1);
    settle();
    publish(11);
    publish(12);
    settle_gathered();
    heard(hides, "e11 e12>words ");
}

HUB_TEST(an_event_loses_its_quote_once_for_all_who_need_that)
{
    struct client *hide[3], *sees = follow_as(2, -1);

    quoted = 9;
    for (int i = 0; i < 3; i++)
        hide[i] = follow_as(1, -1);
    publish(1);
    publish(2);
    publish(3);
    settle_gathered();
    cr_expect_eq(unquotings, 0, "nobody hides anybody");
    hidden_origin = 9;
    hub_reload_hidden(hub, 1);
    settle();
    for (int64_t i = 4; i <= 6; i++)
        publish(i);
    settle_gathered();
    for (int i = 0; i < 3; i++)
        heard(hide[i], "caught-up:0 e1 e2 e3>words e4 e5 e6 ");
    heard(sees, "caught-up:0 e1 e2 e3>words e4 e5 e6>words ");
    cr_expect_eq(unquotings, 1);
}

HUB_TEST(a_state_begins_with_a_picture_and_goes_on_with_changes)
{
    struct client *client = follow(STATE, 3);

    heard(client, "picture caught-up:0 ");
    hub_publish_state(hub, (struct hub_topic){STATE, 1}, text("change1 "));
    settle_gathered();
    hub_publish_state(hub, (struct hub_topic){STATE, 1}, text("change2 "));
    settle_gathered();
    heard(client, "change1 change2 ");
    cr_expect_eq(pictures, 1);
}

HUB_TEST(a_slow_reader_of_a_state_gets_one_picture)
{
    struct client *client = new_client();

    client->room = 2;
    add_wish(client, STATE, 1, -1);
    connect_client(client);
    heard(client, "picture caught-up:0 ");
    for (int i = 0; i < 50; i++) {
        hub_publish_state(hub, (struct hub_topic){STATE, 1}, text("change "));
        settle_gathered();
    }
    heard(client, "");
    has_room(client);
    heard(client, "picture ");
}

HUB_TEST(one_stream_follows_several_topics_and_kinds_by_priority)
{
    struct client *client = new_client();

    add_wish(client, STATE, 1, -1);
    add_wish(client, LOG, 1, -1);
    client->room = 3;
    connect_client(client);
    settle();
    buffer_clear(&client->heard);
    cr_expect_eq(client->messages, 3);
    hub_publish_state(hub, (struct hub_topic){STATE, 1}, text("change "));
    publish(1);
    settle_gathered();
    heard(client, "");
    has_room(client);
    heard(client, "e1 change ");
}

HUB_TEST(of_one_tick_alerts_go_before_chat_and_chat_before_presence)
{
    struct client *client = new_client();
    struct hub_event alert;

    add_wish(client, STATE, 1, -1);
    add_wish(client, LOG, 1, -1);
    add_wish(client, ALERTS, 1, -1);
    connect_client(client);
    settle_gathered();
    buffer_clear(&client->heard);
    alert = (struct hub_event){.sequence = 1, .message = text("alert ")};
    hub_publish_state(hub, (struct hub_topic){STATE, 1}, text("change "));
    publish(1);
    hub_publish(hub, (struct hub_topic){ALERTS, 1}, &alert);
    settle();
    heard(client, "alert e1 change ");
}

HUB_TEST(following_again_starts_again_and_leaving_is_told)
{
    struct hub_topic topic = {LOG, 1};
    struct hub_wish again = {{LOG, 1}, 1};
    struct client *client;

    newest = 3;
    client = follow(LOG, -1);
    heard(client, "caught-up:3 ");
    cr_expect_eq(hub_change(client->subscriber, &again, 1, NULL, 0), STATUS_OK);
    settle();
    heard(client, "e2 e3 caught-up:3 ");
    cr_expect_eq(hub_change(client->subscriber, NULL, 0, &topic, 1), STATUS_OK);
    settle();
    heard(client, "ended:3 ");
    publish(4);
    settle_gathered();
    heard(client, "");
    cr_expect_eq(watched, 0, "nobody listens to its copies");
}

HUB_TEST(what_cannot_be_followed_is_told)
{
    struct client *client;

    follow_status = STATUS_NOT_FOUND;
    client = follow(LOG, -1);
    heard(client, "ended:1 ");
    follow_status = STATUS_PERMISSION_DENIED;
    client = follow(LOG, -1);
    heard(client, "ended:2 ");
    follow_status = STATUS_UNAVAILABLE;
    client = follow(LOG, -1);
    heard(client, "ended:5 ");
    follow_status = STATUS_OK;
    client = follow(6, -1); /* a kind nobody is the source of */
    heard(client, "ended:1 ");
}

HUB_TEST(a_topic_that_is_taken_away_ends)
{
    struct client *client = follow(LOG, -1);

    heard(client, "caught-up:0 ");
    hub_recheck(hub, (struct hub_topic){LOG, 1}, 1);
    settle();
    heard(client, "");
    follow_status = STATUS_PERMISSION_DENIED;
    hub_recheck(hub, (struct hub_topic){LOG, 1}, 2); /* somebody else */
    settle();
    heard(client, "");
    hub_recheck(hub, (struct hub_topic){LOG, 1}, 1);
    settle();
    heard(client, "ended:2 ");
    publish(1);
    settle_gathered();
    heard(client, "");
}

/* When many leave a large channel each is asked for several times: that must not look at everybody
 * who stays. A thousand followers were 100 million steps here. */
HUB_TEST(asking_again_costs_what_the_account_has)
{
    clock_t started;

    for (int i = 0; i < 1100; i++) /* more than the first table has places */
        follow(LOG, -1);
    started = clock();
    for (int64_t account_id = 2; account_id < 100000; account_id++) {
        hub_recheck(hub, (struct hub_topic){LOG, 1}, account_id);
        hub_reload_hidden(hub, account_id);
        hub_recheck_account(hub, account_id);
    }
    cr_expect_lt(clock() - started, CLOCKS_PER_SEC / 4);
    follow_status = STATUS_NOT_FOUND;
    hub_recheck_account(hub, 1);
    for (int i = 0; i < 40; i++)
        settle();
    for (int i = 0; i < 1100; i++)
        heard(clients[i], "caught-up:0 ended:1 ");
}

/* One whose transport had room for the mark alone, and has refused the first two events. */
static struct client *follow_slowly(void)
{
    struct client *client = new_client();

    client->room = 1;
    add_wish(client, LOG, 1, -1);
    connect_client(client);
    heard(client, "caught-up:0 ");
    publish(1);
    publish(2);
    settle_gathered();
    heard(client, "");
    return client;
}

HUB_TEST(what_was_taken_away_from_a_slow_subscriber_is_not_sent_later)
{
    struct client *client = follow_slowly();

    follow_status = STATUS_NOT_FOUND;
    hub_recheck(hub, (struct hub_topic){LOG, 1}, 1);
    publish(3);
    settle_gathered();
    heard(client, "");
    has_room(client);
    heard(client, "ended:1 ");
}

HUB_TEST(what_is_read_for_a_subscriber_while_it_is_taken_away_is_not_sent)
{
    struct client *client;

    newest = 3;
    follow(LOG, -1); /* so that the newest number is known */
    slow_reads = true;
    awaitable_init(&source_gate);
    client = follow(LOG, 1);
    follow_status = STATUS_NOT_FOUND;
    hub_recheck(hub, (struct hub_topic){LOG, 1}, 1);
    awaitable_complete(&source_gate, STATUS_OK);
    settle();
    heard(client, "ended:1 ");
}

HUB_TEST(who_was_hidden_from_a_slow_subscriber_meanwhile_is_not_heard_later)
{
    struct client *client = follow_slowly();

    hidden_origin = 7;
    hub_reload_hidden(hub, 1);
    publish(3);
    publish(4);
    settle_gathered();
    heard(client, "");
    has_room(client);
    heard(client, "e2 e4 ");
}

HUB_TEST(hiding_again_while_it_is_looked_up_counts)
{
    struct client *client = follow(LOG, -1);

    heard(client, "caught-up:0 ");
    hidden_origin = 7;
    hub_reload_hidden(hub, 1);
    loop_tick(loop, 0); /* asks */
    hub_reload_hidden(hub, 1);
    publish(1);
    publish(2);
    settle_gathered();
    heard(client, "e2 ");
}

HUB_TEST(more_topics_than_allowed_are_told)
{
    struct client *client = new_client();
    unsigned marks;

    for (int64_t i = 0; i <= HUB_FOLLOW_MAX; i++)
        add_wish(client, LOG, 100 + i, -1);
    connect_client(client);
    for (int i = 0; i < 40; i++)
        settle();
    marks = client->messages;
    cr_expect_eq(marks, HUB_FOLLOW_MAX + 1);
    cr_expect_not_null(memmem(buffer_data(&client->heard), client->heard.length, "ended:4", 7));
}

static enum status follow_many(struct client *client, size_t count)
{
    struct hub_wish wishes[HUB_FOLLOW_MAX];

    for (size_t i = 0; i < count; i++)
        wishes[i] = (struct hub_wish){{LOG, 100 + (int64_t)i}, -1};
    return hub_change(client->subscriber, wishes, count, NULL, 0);
}

HUB_TEST(a_client_that_changes_too_much_has_to_wait)
{
    struct client *client = follow(LOG, -1);
    uint64_t until_ms = clock_monotonic_ms() + 20000;
    size_t changed = 0;

    while (follow_many(client, HUB_FOLLOW_MAX) == STATUS_OK) {
        changed += HUB_FOLLOW_MAX;
        cr_assert_leq(changed, HUB_CHANGES_AT_ONCE);
    }
    cr_expect_gt(changed, HUB_CHANGES_AT_ONCE - 2 * HUB_FOLLOW_MAX);
    while (follow_many(client, 1) == STATUS_OK)
        changed++;
    cr_expect_lt(changed, HUB_CHANGES_AT_ONCE + 10 * HUB_CHANGES_PER_S);
    while (follow_many(client, 1) != STATUS_OK) {
        cr_assert_lt(clock_monotonic_ms(), until_ms, "nothing is forgotten");
        loop_tick(loop, 10);
    }
}

HUB_TEST(a_client_that_asks_and_does_not_read_is_refused)
{
    struct client *client = new_client();
    enum status status = STATUS_OK;
    int rounds = 0;

    client->room = 1;
    add_wish(client, LOG, 1, -1);
    connect_client(client);
    while (status == STATUS_OK && rounds < 1000) {
        struct hub_topic topic = {LOG, 1000 + rounds++};
        status = hub_change(client->subscriber, NULL, 0, &topic, 1);
    }
    cr_expect_eq(status, STATUS_RESOURCE_EXHAUSTED);
    cr_expect_lt(rounds, 1000);
}

HUB_TEST(a_client_that_leaves_while_something_is_looked_up)
{
    struct client *client;

    slow_source = true;
    awaitable_init(&source_gate);
    client = follow(LOG, 0);
    heard(client, "");
    vanish(client);
    client->exchange = NULL;
    settle();
    cr_expect_eq(coro_count(), 0);
}

HUB_TEST(a_topic_that_is_left_while_it_is_looked_up)
{
    struct hub_topic topic = {LOG, 1};
    struct client *client;

    slow_source = true;
    awaitable_init(&source_gate);
    client = follow(LOG, 0);
    cr_expect_eq(hub_change(client->subscriber, NULL, 0, &topic, 1), STATUS_OK);
    settle();
    heard(client, "ended:3 ");
    awaitable_complete(&source_gate, STATUS_OK);
    settle();
    heard(client, "");
}

HUB_TEST(one_topic_on_the_calls_own_coroutine)
{
    struct client *client = new_client();

    newest = 3;
    client->on_coroutine = true;
    add_wish(client, LOG, 1, 1);
    connect_client(client);
    settle();
    heard(client, "e2 e3 caught-up:3 ");
    publish(4);
    settle_gathered();
    heard(client, "e4 ");
    follow_status = STATUS_NOT_FOUND;
    client = new_client();
    client->on_coroutine = true;
    add_wish(client, LOG, 1, 1);
    connect_client(client);
    cr_expect_eq(client->follow_result, STATUS_NOT_FOUND);
}

/* --- the four streams that carry channels' events --- */

static struct shared_bytes *encode(const ProtobufCMessage *message, enum rpc_codec codec)
{
    struct shared_bytes *bytes = rpc_encode_shared(message, codec);

    cr_assert_not_null(bytes);
    return bytes;
}

/* The same event as each type that has it: bytes that one encodes the others understand, and
 * write the same. */
static void expect_interchangeable(const ProtobufCMessage *event,
                                   const struct message_type *const *types, size_t count)
{
    for (int codec = 0; codec < RPC_CODEC_COUNT; codec++) {
        struct shared_bytes *bytes = encode(event, codec);
        for (size_t i = 0; i < count; i++) {
            CLEANUP(arena_freep) struct arena *arena = arena_new();
            struct message_options strict = {.refuse_unknown = true};
            ProtobufCMessage *read = NULL;
            struct shared_bytes *again;
            const char *error = "";
            enum status status =
                codec == RPC_CODEC_JSON
                    ? message_decode_json_with(arena, types[i], bytes->data, bytes->length, &strict,
                                               &read, &error)
                    : message_decode_with(arena, types[i], bytes->data, bytes->length, &strict,
                                          &read, &error);
            cr_assert_eq(status, STATUS_OK, "%s", error);
            cr_expect_eq(read->n_unknown_fields, 0);
            again = encode(read, codec);
            cr_expect_eq(again->length, bytes->length);
            cr_expect_eq(memcmp(again->data, bytes->data, bytes->length), 0);
            shared_bytes_unref(again);
        }
        shared_bytes_unref(bytes);
    }
}

static const char *const samples[] = {
    "{\"message\":{\"channelId\":\"3\",\"sequence\":\"9\",\"characterId\":\"4\",\"characterName\":"
    "\"A\",\"text\":\"hear\",\"sentAt\":\"2026-01-02T03:04:05Z\",\"replyTo\":{\"sequence\":\"2\"},"
    "\"mentionedCharacterIds\":[\"5\"],\"deleted\":true,\"reactions\":[{\"emoji\":\"x\"}]}}",
    "{\"caughtUp\":{\"lastSequence\":\"7\",\"topic\":{\"kind\":\"TOPIC_KIND_CHANNEL\",\"id\":"
    "\"3\"}}}",
    "{\"heartbeat\":{}}",
    "{\"reset\":{\"sequence\":\"8\",\"topic\":{\"kind\":\"TOPIC_KIND_CHANNEL\",\"id\":\"3\"}}}",
    "{\"ended\":{\"topic\":{\"kind\":\"TOPIC_KIND_CHANNEL\",\"id\":\"3\"},\"reason\":"
    "\"END_REASON_NOT_ALLOWED\"}}",
    "{\"edited\":{\"channelId\":\"3\",\"sequence\":\"9\",\"messageSequence\":\"2\",\"text\":\"t\"}"
    "}",
    "{\"deleted\":{\"channelId\":\"3\",\"sequence\":\"9\",\"byModerator\":true}}",
    "{\"reaction\":{\"channelId\":\"3\",\"sequence\":\"9\",\"emoji\":\"y\",\"count\":2,\"on\":true}"
    "}",
    "{\"channelChanged\":{\"channelId\":\"3\",\"sequence\":\"9\",\"name\":\"n\",\"topic\":\"t\"}}",
};

Test(hub_events, bytes_of_a_channels_events_fit_all_four_streams)
{
    static const struct message_type *const types[] = {
        &SubscribeResponse_type, &ExchangeResponse_type, &StreamMessagesResponse_type,
        &ConverseResponse_type};

    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        for (size_t from = 0; from < 4; from++) {
            CLEANUP(arena_freep) struct arena *arena = arena_new();
            ProtobufCMessage *event;
            const char *error = "";
            cr_assert_eq(message_decode_json(arena, types[from], (const uint8_t *)samples[i],
                                             strlen(samples[i]), &event, &error),
                         STATUS_OK, "%s: %s", samples[i], error);
            expect_interchangeable(event, types, 4);
        }
}

/* Every field that one of the channel's streams has, EventService's streams have under the same
 * number and name, and of the same type; but for Converse's acknowledgement, which is no event. */
Test(hub_events, fields_of_channels_streams_are_those_of_event_streams)
{
    static const struct message_type *const types[] = {
        &ExchangeResponse_type, &StreamMessagesResponse_type, &ConverseResponse_type};

    for (size_t i = 0; i < 3; i++)
        for (unsigned f = 0; f < types[i]->descriptor.n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &types[i]->descriptor.fields[f];
            const ProtobufCFieldDescriptor *same = protobuf_c_message_descriptor_get_field(
                &SubscribeResponse_type.descriptor, field->id);
            if (strcmp(field->name, "sent") == 0) {
                cr_expect_null(same);
                continue;
            }
            cr_assert_not_null(same, "%s", field->name);
            cr_expect_str_eq(same->name, field->name);
            cr_expect_eq(same->descriptor, field->descriptor);
        }
}
