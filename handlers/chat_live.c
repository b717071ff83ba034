/* ChatService: following a channel, and the hub's source for channels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/queries/channels.h"
#include "db/queries/chat.h"
#include "handlers/chat_parts.h"
#include "server/live/hub.h"

#define REDIS_CHANNEL_PREFIX "waystone:chat:"

struct chat {
    struct app *app;
    struct hub_source source;
};

/* --- live copies --- */

static void redis_channel_name(char *out, size_t size_bytes, int64_t channel_id)
{
    snprintf(out, size_bytes, REDIS_CHANNEL_PREFIX "%lld", (long long)channel_id);
}

static void put_int64(uint8_t *out, int64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
}

static int64_t get_int64(const uint8_t *in)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return (int64_t)value;
}

/* To followers on this loop at once, to all others through Redis: the number in eight bytes,
 * then the stream message. Losing it is no error: the truth is written. */
static void publish(struct app *app, int64_t channel_id, int64_t sequence,
                    struct shared_bytes *event)
{
    struct buffer copy = {0};
    uint8_t number[8];
    char name[64];

    put_int64(number, sequence);
    buffer_append(&copy, number, sizeof(number));
    buffer_append(&copy, event->data, event->length);
    redis_channel_name(name, sizeof(name), channel_id);
    (void)!redis_publish(app->redis, name, buffer_data(&copy), copy.length);
    buffer_free(&copy);
    hub_publish(app->hub, channel_id, sequence, event);
}

void chat_publish(struct app *app, int64_t channel_id, int64_t sequence, int64_t origin,
                  const StreamMessagesResponse *event)
{
    publish(app, channel_id, sequence, rpc_encode_shared(&event->base, RPC_CODEC_BINARY));
}

static struct shared_bytes *encode_message(struct arena *arena, Message *message)
{
    StreamMessagesResponse *event = StreamMessagesResponse_new(arena);

    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_MESSAGE;
    event->message = message;
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

void chat_publish_message(struct app *app, struct arena *arena, int64_t origin, Message *message)
{
    publish(app, message->channel_id, message->sequence, encode_message(arena, message));
}

static void on_copy(void *argument, const char *channel, const void *payload, size_t length)
{
    struct chat *chat = argument;
    const uint8_t *bytes = payload;
    int64_t channel_id;

    if (strncmp(channel, REDIS_CHANNEL_PREFIX, strlen(REDIS_CHANNEL_PREFIX)) != 0 || length < 8)
        return;
    channel_id = strtoll(channel + strlen(REDIS_CHANNEL_PREFIX), NULL, 10);
    hub_publish(chat->app->hub, channel_id, get_int64(bytes),
                shared_bytes_new(bytes + 8, length - 8));
}

static void watch_channel(void *user, int64_t channel_id, bool on)
{
    struct chat *chat = user;
    char name[64];

    redis_channel_name(name, sizeof(name), channel_id);
    if (on)
        redis_subscribe(chat->app->redis, name);
    else
        redis_unsubscribe(chat->app->redis, name);
}

/* Messages among the rows, with their reactions; changes have no message. */
static enum status gather_messages(struct chat *chat, struct arena *arena,
                                   const struct channel_events_row *rows, size_t count,
                                   Message **messages)
{
    Message **said = arena_alloc_array(arena, count, sizeof(*said));
    size_t said_count = 0;

    for (size_t i = 0; i < count; i++)
        if (rows[i].change_is_null)
            said[said_count++] = messages[i] = chat_message(arena, MESSAGE_FIELDS(&rows[i]));
    return chat_add_reactions(chat->app->db, arena, 0, said, said_count);
}

static enum status read_events(void *user, struct arena *arena, int64_t channel_id, int64_t after,
                               size_t limit, struct hub_event **ret_events, size_t *ret_count)
{
    struct chat *chat = user;
    struct channel_events_row *rows;
    struct hub_event *events;
    Message **messages;

    TRY(channel_events(chat->app->db, arena, channel_id, after, (int64_t)limit, &rows, ret_count));
    messages = arena_alloc_array(arena, *ret_count, sizeof(*messages));
    TRY(gather_messages(chat, arena, rows, *ret_count, messages));
    events = arena_alloc_array(arena, *ret_count, sizeof(*events));
    for (size_t i = 0; i < *ret_count; i++) {
        events[i].sequence = rows[i].sequence;
        events[i].message = messages[i] != NULL
                                ? encode_message(arena, messages[i])
                                : shared_bytes_new(rows[i].change.data, rows[i].change.length);
    }
    *ret_events = events;
    return STATUS_OK;
}

static enum status read_heads(void *user, struct arena *arena, const int64_t *channel_ids,
                              size_t count, int64_t *ret_heads)
{
    struct chat *chat = user;
    struct channels_heads_row *rows;
    size_t row_count;

    TRY(channels_heads(chat->app->db, arena, channel_ids, count, &rows, &row_count));
    for (size_t i = 0; i < count; i++) {
        ret_heads[i] = -1;
        for (size_t j = 0; j < row_count; j++)
            if (rows[j].id == channel_ids[i])
                ret_heads[i] = rows[j].last_sequence;
    }
    return STATUS_OK;
}

static struct shared_bytes *encode_caught_up(void *user, int64_t last_sequence)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    StreamMessagesResponse *event = StreamMessagesResponse_new(arena);

    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_CAUGHT_UP;
    event->caught_up = CaughtUp_new(arena);
    event->caught_up->last_sequence = last_sequence;
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

static struct shared_bytes *encode_heartbeat(void *user)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    StreamMessagesResponse *event = StreamMessagesResponse_new(arena);

    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_HEARTBEAT;
    event->heartbeat = Heartbeat_new(arena);
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

/* --- streams --- */

static int64_t cursor_of(const StreamMessagesRequest *req)
{
    return req->has_after_sequence ? req->after_sequence : -1;
}

enum status chat_stream_messages(struct rpc_call *call, const StreamMessagesRequest *req,
                                 struct stream_messages_stream *out)
{
    struct channel_access access;
    enum status s;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    s = hub_follow_parked(call->app->hub, call, req->channel_id, cursor_of(req));

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no channel %lld", (long long)req->channel_id);
    return s;
}

static enum status receive_join(struct rpc_call *call, struct converse_stream *stream,
                                int64_t *ret_channel_id, int64_t *ret_after)
{
    const ConverseRequest *req;
    enum status s = converse_receive(stream, &req);

    if (s == STATUS_OUT_OF_RANGE)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "the first request joins a channel");
    TRY(s);
    if (req->action_case != CONVERSE_REQUEST_ACTION_JOIN)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "the first request joins a channel");
    *ret_channel_id = req->join->channel_id;
    *ret_after = cursor_of(req->join);
    return STATUS_OK;
}

static enum status converse_step(struct rpc_call *call, struct converse_stream *stream,
                                 const ConverseRequest *req, int64_t channel_id)
{
    ConverseResponse *res = ConverseResponse_new(call->arena);

    if (req->action_case != CONVERSE_REQUEST_ACTION_SEND || req->send->channel_id != channel_id)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "after the join, each request says something in channel %lld",
                        (long long)channel_id);
    res->event_case = CONVERSE_RESPONSE_EVENT_SENT;
    res->sent = SendMessageResponse_new(call->arena);
    TRY(chat_say(call, req->send, &res->sent->message));
    return converse_send(stream, res);
}

enum status chat_converse(struct rpc_call *call, struct converse_stream *stream)
{
    CLEANUP(hub_unfollowp) struct hub_follower *follower = NULL;
    const ConverseRequest *req;
    struct channel_access access;
    int64_t channel_id, after;
    enum status s;

    TRY(receive_join(call, stream, &channel_id, &after));
    TRY(channel_access_get(call, call->arena, channel_id, &access));
    s = hub_follow(call->app->hub, call, channel_id, after, &follower);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no channel %lld", (long long)channel_id);
    TRY(s);
    while ((s = converse_receive(stream, &req)) == STATUS_OK)
        TRY(converse_step(call, stream, req, channel_id));
    return s == STATUS_OUT_OF_RANGE ? STATUS_OK : s;
}

/* --- life --- */

void chat_live_open(struct app *app, struct loop *loop)
{
    struct chat *chat = calloc(1, sizeof(*chat));

    if (chat == NULL)
        abort();
    chat->app = app;
    chat->source = (struct hub_source){
        .message_type = &StreamMessagesResponse_type,
        .read = read_events,
        .read_heads = read_heads,
        .watch = watch_channel,
        .caught_up = encode_caught_up,
        .heartbeat = encode_heartbeat,
        .user = chat,
    };
    app->chat = chat;
    app->hub = hub_new(loop, &chat->source);
    redis_set_listener(app->redis, on_copy, NULL, chat);
}

void chat_live_close(struct app *app)
{
    hub_free(app->hub);
    free(app->chat);
    app->hub = NULL;
    app->chat = NULL;
}
