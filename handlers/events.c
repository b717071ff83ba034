/* EventService: streams of everything a client follows.
 *
 * A stream is a subscriber of the hub. Its name says on which loop it is: Follow, which may reach
 * any loop of any instance, goes there through a Redis channel of that loop, and the answer comes
 * back through one of the caller's. Nothing of a stream is stored: one whose loop is gone is
 * opened anew by its client, with its cursors. */
#include "handlers/events.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "handlers/live.h"
#include "waystone/event/v1/event_service.h"

#define LOOP_PREFIX "waystone:events:"
#define LOOP_ID_BYTES 16
#define LOOP_ID_LENGTH (2 * LOOP_ID_BYTES)
#define SECRET_BYTES 16
#define NUMBER_LENGTH 16
/* Loop, number and secret in hexadecimal. */
#define STREAM_ID_LENGTH (LOOP_ID_LENGTH + NUMBER_LENGTH + 2 * SECRET_BYTES)
#define BUCKETS 4096
#define REMOTE_TIMEOUT_MS 3000

struct stream {
    uint64_t number;
    int64_t account_id;
    struct events *events;
    struct hub_subscriber *subscriber;
    struct stream *next; /* in its bucket */
    uint8_t secret[SECRET_BYTES];
};

/* A Follow that waits for another loop. */
struct asked {
    uint64_t number;
    struct awaitable answered;
    struct loop_timer timeout;
    struct asked *next;
};

struct events {
    struct app *app;
    char loop_id[LOOP_ID_LENGTH + 1];
    uint64_t next_number;
    struct stream *buckets[BUCKETS];
    struct asked *asked;
};

/* --- streams --- */

static struct stream **bucket_of(struct events *events, uint64_t number)
{
    return &events->buckets[number % BUCKETS];
}

static struct stream *open_stream(struct rpc_call *call)
{
    struct events *events = call->app->events;
    struct stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        abort();
    stream->number = events->next_number++;
    stream->account_id = call->identity.account_id;
    stream->events = events;
    randombytes_buf(stream->secret, sizeof(stream->secret));
    stream->subscriber = hub_subscribe(call->app->hub, call, true);
    stream->next = *bucket_of(events, stream->number);
    *bucket_of(events, stream->number) = stream;
    return stream;
}

static void forget_stream(struct stream *stream)
{
    struct stream **link = bucket_of(stream->events, stream->number);

    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    free(stream);
}

static void on_end(struct hub_subscriber *subscriber, void *argument)
{
    forget_stream(argument);
}

static void close_streamp(struct stream **stream)
{
    if (*stream == NULL)
        return;
    hub_unsubscribe((*stream)->subscriber);
    forget_stream(*stream);
}

static void park(struct stream *stream)
{
    hub_subscriber_park(stream->subscriber, on_end, stream);
}

static void send_opened(struct rpc_call *call, const struct stream *stream)
{
    SubscribeResponse *event = SubscribeResponse_new(call->arena);
    char id[STREAM_ID_LENGTH + 1], secret[2 * SECRET_BYTES + 1];
    struct shared_bytes *bytes;

    sodium_bin2hex(secret, sizeof(secret), stream->secret, SECRET_BYTES);
    snprintf(id, sizeof(id), "%s%016llx%s", stream->events->loop_id,
             (unsigned long long)stream->number, secret);
    event->event_case = SUBSCRIBE_RESPONSE_EVENT_OPENED;
    event->opened = Opened_new(call->arena);
    event->opened->subscription_id = id;
    bytes = rpc_encode_shared(&event->base, rpc_codec(call));
    rpc_send_shared(call, bytes); /* nothing was sent before, so there is room */
    shared_bytes_unref(bytes);
}

/* --- changing what is followed --- */

struct change {
    struct hub_wish *follow;
    struct hub_topic *unfollow;
    size_t follow_count, unfollow_count;
};

/* False for an account other than the caller's. */
static bool topic_from_api(int64_t account_id, const Topic *topic, struct hub_topic *ret)
{
    bool account = topic->kind == TOPIC_KIND_ACCOUNT;

    *ret = (struct hub_topic){(uint8_t)topic->kind, account ? account_id : topic->id};
    return !account || topic->id == 0;
}

static enum status fail_topic(struct rpc_call *call, const char *list, size_t index)
{
    return rpc_fail_field(call, arena_printf(call->arena, "%s[%zu].topic.id", list, index),
                          "the account's topic has the id 0");
}

static enum status read_change(struct rpc_call *call, size_t follow_count, Following **follow,
                               size_t unfollow_count, Topic **unfollow, struct change *ret)
{
    int64_t account_id = call->identity.account_id;

    ret->follow = arena_alloc_array(call->arena, follow_count, sizeof(*ret->follow));
    ret->unfollow = arena_alloc_array(call->arena, unfollow_count, sizeof(*ret->unfollow));
    ret->follow_count = follow_count;
    ret->unfollow_count = unfollow_count;
    for (size_t i = 0; i < follow_count; i++) {
        if (!topic_from_api(account_id, follow[i]->topic, &ret->follow[i].topic))
            return fail_topic(call, "follow", i);
        ret->follow[i].after = follow[i]->has_after ? follow[i]->after : -1;
    }
    for (size_t i = 0; i < unfollow_count; i++)
        if (!topic_from_api(account_id, unfollow[i], &ret->unfollow[i]))
            return fail_topic(call, "unfollow", i);
    return STATUS_OK;
}

static enum status apply(struct stream *stream, const struct change *change)
{
    return hub_change(stream->subscriber, change->follow, change->follow_count, change->unfollow,
                      change->unfollow_count);
}

static enum status fail_changes(struct rpc_call *call)
{
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED,
                    "too many topics were changed at once, or what the stream tells of them is not "
                    "read: wait a little");
}

/* --- Subscribe and Exchange --- */

static enum status subscribe(struct rpc_call *call, const SubscribeRequest *req,
                             struct subscribe_stream *out)
{
    struct change change;
    struct stream *stream;

    TRY(read_change(call, req->n_follow, req->follow, 0, NULL, &change));
    stream = open_stream(call);
    send_opened(call, stream);
    park(stream);
    return apply(stream, &change);
}

static enum status exchange(struct rpc_call *call, struct exchange_stream *requests)
{
    CLEANUP(close_streamp) struct stream *stream = open_stream(call);
    const ExchangeRequest *req;
    struct change change;
    enum status s;

    send_opened(call, stream);
    while ((s = exchange_receive(requests, &req)) == STATUS_OK) {
        TRY(read_change(call, req->n_follow, req->follow, req->n_unfollow, req->unfollow, &change));
        s = apply(stream, &change);
        if (s == STATUS_RESOURCE_EXHAUSTED)
            return fail_changes(call);
    }
    if (s != STATUS_OUT_OF_RANGE)
        return s;
    park(stream); /* the client has no more to ask for, and listens on */
    stream = NULL;
    return STATUS_OK;
}

/* --- Follow --- */

struct stream_name {
    char loop_id[LOOP_ID_LENGTH + 1];
    uint64_t number;
    uint8_t secret[SECRET_BYTES];
};

static bool parse_name(const char *id, struct stream_name *ret)
{
    uint8_t bytes[STREAM_ID_LENGTH / 2];
    size_t length;

    if (strlen(id) != STREAM_ID_LENGTH ||
        sodium_hex2bin(bytes, sizeof(bytes), id, STREAM_ID_LENGTH, NULL, &length, NULL) != 0 ||
        length != sizeof(bytes))
        return false;
    memcpy(ret->loop_id, id, LOOP_ID_LENGTH);
    ret->loop_id[LOOP_ID_LENGTH] = '\0';
    ret->number = 0;
    for (int i = 0; i < NUMBER_LENGTH / 2; i++)
        ret->number = ret->number << 8 | bytes[LOOP_ID_BYTES + i];
    memcpy(ret->secret, bytes + LOOP_ID_BYTES + NUMBER_LENGTH / 2, SECRET_BYTES);
    return true;
}

static enum status change_here(struct events *events, int64_t account_id,
                               const struct stream_name *name, const struct change *change)
{
    struct stream *stream = *bucket_of(events, name->number);

    while (stream != NULL && stream->number != name->number)
        stream = stream->next;
    if (stream == NULL || stream->account_id != account_id ||
        sodium_memcmp(stream->secret, name->secret, SECRET_BYTES) != 0)
        return STATUS_NOT_FOUND;
    return apply(stream, change);
}

/* Messages between loops: a fixed head, then the wishes and the topics to leave. Loops of one
 * release speak to each other; others are told NOT_FOUND, and the client opens a new stream. */
enum { MESSAGE_ASK = 0xa1, MESSAGE_ANSWER = 0xb1 };

struct message_head {
    uint8_t type;
    uint8_t status; /* of an answer */
    uint16_t follow_count, unfollow_count;
    uint64_t asked;
    int64_t account_id;
    struct stream_name name;
    char reply_to[LOOP_ID_LENGTH + 1];
};

static void loop_channel(char *out, size_t size_bytes, const char *loop_id)
{
    snprintf(out, size_bytes, LOOP_PREFIX "%s", loop_id);
}

static void answer(struct events *events, const struct message_head *ask, enum status status)
{
    struct message_head head = {
        .type = MESSAGE_ANSWER, .status = (uint8_t)status, .asked = ask->asked};
    char channel[64];

    loop_channel(channel, sizeof(channel), ask->reply_to);
    (void)!redis_publish(events->app->redis, channel, &head, sizeof(head));
}

static void hear_ask(struct events *events, const struct message_head *head, const uint8_t *rest,
                     size_t length)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct change change = {.follow_count = head->follow_count,
                            .unfollow_count = head->unfollow_count};
    size_t follow_bytes = change.follow_count * sizeof(*change.follow);
    size_t unfollow_bytes = change.unfollow_count * sizeof(*change.unfollow);

    if (length != follow_bytes + unfollow_bytes)
        return;
    change.follow = arena_memdup(arena, rest, follow_bytes);
    change.unfollow = arena_memdup(arena, rest + follow_bytes, unfollow_bytes);
    answer(events, head, change_here(events, head->account_id, &head->name, &change));
}

static void hear_answer(struct events *events, const struct message_head *head)
{
    for (struct asked *asked = events->asked; asked != NULL; asked = asked->next)
        if (asked->number == head->asked && !awaitable_is_complete(&asked->answered)) {
            awaitable_complete(&asked->answered, (enum status)head->status);
            return;
        }
}

static void hear(void *user, const char *rest, const void *payload, size_t length)
{
    struct events *events = user;
    struct message_head head;

    if (length < sizeof(head))
        return;
    memcpy(&head, payload, sizeof(head));
    head.reply_to[LOOP_ID_LENGTH] = '\0';
    if (head.type == MESSAGE_ASK)
        hear_ask(events, &head, (const uint8_t *)payload + sizeof(head), length - sizeof(head));
    else if (head.type == MESSAGE_ANSWER)
        hear_answer(events, &head);
}

static void on_timeout(struct loop_timer *timer)
{
    struct asked *asked = (struct asked *)((char *)timer - offsetof(struct asked, timeout));

    if (!awaitable_is_complete(&asked->answered))
        awaitable_complete(&asked->answered, STATUS_UNAVAILABLE);
}

/* Publishes an ask; NOT_FOUND when its loop does not listen. */
static enum status send_ask(struct rpc_call *call, const char *loop_id,
                            const struct buffer *message)
{
    char channel[64];
    const char *arguments[] = {"PUBLISH", channel, (const char *)buffer_data(message)};
    const size_t lengths[] = {7, strlen(LOOP_PREFIX) + LOOP_ID_LENGTH, message->length};
    struct redis_value heard;

    loop_channel(channel, sizeof(channel), loop_id);
    TRY(redis_command(call->app->redis, call->arena, 3, arguments, lengths, &heard));
    return heard.integer > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status await_answer(struct rpc_call *call, struct asked *asked, const char *loop_id,
                                const struct buffer *message)
{
    TRY(send_ask(call, loop_id, message));
    loop_timer_set(call->loop, &asked->timeout, REMOTE_TIMEOUT_MS);
    return await(&asked->answered);
}

static void forget_asked(struct events *events, struct asked *asked)
{
    struct asked **link = &events->asked;

    loop_timer_cancel(events->app->loop, &asked->timeout);
    while (*link != asked)
        link = &(*link)->next;
    *link = asked->next;
}

static enum status change_there(struct rpc_call *call, const struct stream_name *name,
                                const struct change *change)
{
    struct events *events = call->app->events;
    struct asked asked = {.number = events->next_number++, .timeout.fn = on_timeout};
    struct message_head head = {.type = MESSAGE_ASK,
                                .follow_count = (uint16_t)change->follow_count,
                                .unfollow_count = (uint16_t)change->unfollow_count,
                                .asked = asked.number,
                                .account_id = call->identity.account_id,
                                .name = *name};
    struct buffer message = {0};
    enum status status;

    memcpy(head.reply_to, events->loop_id, LOOP_ID_LENGTH);
    buffer_append(&message, &head, sizeof(head));
    buffer_append(&message, change->follow, change->follow_count * sizeof(*change->follow));
    buffer_append(&message, change->unfollow, change->unfollow_count * sizeof(*change->unfollow));
    awaitable_init(&asked.answered);
    asked.next = events->asked;
    events->asked = &asked;
    status = await_answer(call, &asked, name->loop_id, &message);
    forget_asked(events, &asked);
    buffer_free(&message);
    return status;
}

static enum status follow(struct rpc_call *call, const FollowRequest *req, FollowResponse *res)
{
    struct events *events = call->app->events;
    struct stream_name name = {0};
    struct change change;
    enum status s = STATUS_NOT_FOUND;

    TRY(read_change(call, req->n_follow, req->follow, req->n_unfollow, req->unfollow, &change));
    if (parse_name(req->subscription_id, &name))
        s = strcmp(name.loop_id, events->loop_id) == 0
                ? change_here(events, call->identity.account_id, &name, &change)
                : change_there(call, &name, &change);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "no such stream is open");
    if (s == STATUS_RESOURCE_EXHAUSTED)
        return fail_changes(call);
    if (s == STATUS_UNAVAILABLE)
        return rpc_fail(call, s, "the stream cannot be reached now: try again, or open another");
    return s;
}

/* --- registration and life --- */

static const struct event_service handlers = {
    .subscribe = subscribe,
    .follow = follow,
    .exchange = exchange,
};

void events_register(struct rpc_server *server)
{
    event_service_register(server, &handlers);
}

void events_open(struct app *app)
{
    struct events *events = calloc(1, sizeof(*events));
    uint8_t id[LOOP_ID_BYTES];
    char channel[64];

    if (events == NULL)
        abort();
    events->app = app;
    randombytes_buf(id, sizeof(id));
    sodium_bin2hex(events->loop_id, sizeof(events->loop_id), id, sizeof(id));
    app->events = events;
    live_listen(app, LOOP_PREFIX, hear, events);
    loop_channel(channel, sizeof(channel), events->loop_id);
    redis_subscribe(app->redis, channel);
}

void events_close(struct app *app)
{
    free(app->events);
    app->events = NULL;
}
