/* ChatService: channels and what is said in them.
 *
 * A message is one statement: it takes the channel's next number and is written under it, so
 * that it is durable before anybody hears of it. Then a copy goes to the hub of this loop and,
 * through Redis, to every other loop of every instance; a copy that is lost on the way is
 * found by the hub in the database (server/live/hub.h). */
#include "handlers/chat.h"

#include "base/clock.h"
#include "base/log.h"
#include "db/queries/chat.h"
#include "handlers/convert.h"
#include "waystone/chat/v1/chat_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PAGE 50
#define REDIS_CHANNEL_PREFIX "waystone:chat:"

struct chat {
    struct app *app;
    struct hub_source source;
};

/* --- messages --- */

static Message *message_to_api(struct arena *arena, int64_t channel_id, int64_t sequence,
                               int64_t character_id, const char *character_name, const char *text,
                               int64_t sent_at_us)
{
    Message *message = Message_new(arena);

    message->channel_id = channel_id;
    message->sequence = sequence;
    message->character_id = character_id;
    message->character_name = (char *)character_name;
    message->text = (char *)text;
    message->sent_at = timestamp_from_us(arena, sent_at_us);
    return message;
}

static struct shared_bytes *encode_event(struct arena *arena, Message *message)
{
    StreamMessagesResponse *event = StreamMessagesResponse_new(arena);

    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_MESSAGE;
    event->message = message;
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

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
static void publish(struct app *app, struct arena *arena, Message *message)
{
    struct shared_bytes *event = encode_event(arena, message);
    struct buffer copy = {0};
    uint8_t number[8];
    char name[64];

    put_int64(number, message->sequence);
    buffer_append(&copy, number, sizeof(number));
    buffer_append(&copy, event->data, event->length);
    redis_channel_name(name, sizeof(name), message->channel_id);
    (void)!redis_publish(app->redis, name, buffer_data(&copy), copy.length);
    buffer_free(&copy);
    hub_publish(app->hub, message->channel_id, message->sequence, event);
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

static enum status read_events(void *user, struct arena *arena, int64_t channel_id, int64_t after,
                               size_t limit, struct hub_event **ret_events, size_t *ret_count)
{
    struct chat *chat = user;
    struct messages_after_row *rows;
    struct hub_event *events;

    TRY(messages_after(chat->app->db, arena, channel_id, after, (int64_t)limit, &rows, ret_count));
    events = arena_alloc_array(arena, *ret_count, sizeof(*events));
    for (size_t i = 0; i < *ret_count; i++) {
        const struct messages_after_row *row = &rows[i];
        events[i].sequence = row->sequence;
        events[i].message = encode_event(
            arena, message_to_api(arena, row->channel_id, row->sequence, row->character_id,
                                  row->character_name, row->text, row->sent_at));
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

/* --- handlers --- */

static enum status list_channels(struct rpc_call *call, const ListChannelsRequest *req,
                                 ListChannelsResponse *res)
{
    struct channels_list_row *rows;
    size_t count;

    TRY(channels_list(call->app->db, call->arena, &rows, &count));
    res->channels = arena_alloc_array(call->arena, count, sizeof(*res->channels));
    for (size_t i = 0; i < count; i++) {
        Channel *channel = Channel_new(call->arena);
        channel->id = rows[i].id;
        channel->kind = (ChannelKind)rows[i].kind;
        channel->name = rows[i].name;
        channel->last_sequence = rows[i].last_sequence;
        res->channels[res->n_channels++] = channel;
    }
    return STATUS_OK;
}

/* The first answer, for a repeated call. */
static enum status find_sent(struct rpc_call *call, const SendMessageRequest *req,
                             Message **ret_message)
{
    struct messages_find_by_key_row *row;

    TRY(messages_find_by_key(call->app->db, call->arena, call->identity.account_id,
                             req->idempotency_key, &row));
    if (row->channel_id != req->channel_id || row->character_id != req->character_id ||
        strcmp(row->text, req->text) != 0)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "this idempotency key was used for another message");
    *ret_message = message_to_api(call->arena, row->channel_id, row->sequence, row->character_id,
                                  row->character_name, row->text, row->sent_at);
    return STATUS_OK;
}

static enum status say(struct rpc_call *call, const SendMessageRequest *req, Message **ret_message)
{
    struct app *app = call->app;
    const char *key = req->idempotency_key[0] ? req->idempotency_key : NULL;
    struct chat_speaker_row *speaker;
    struct messages_insert_row *row;
    enum status s;

    s = chat_speaker(app->db, call->arena, call->identity.account_id, req->character_id, &speaker);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no character %lld", (long long)req->character_id);
    TRY(s);

    s = messages_insert(app->db, call->arena, req->channel_id, call->identity.account_id,
                        req->character_id, speaker->name, req->text, key, &row);
    if (s == STATUS_ALREADY_EXISTS && key != NULL)
        return find_sent(call, req, ret_message);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no channel %lld", (long long)req->channel_id);
    TRY(s);

    *ret_message = message_to_api(call->arena, req->channel_id, row->sequence, req->character_id,
                                  speaker->name, req->text, row->sent_at);
    publish(app, call->arena, *ret_message);
    return STATUS_OK;
}

static enum status send_message(struct rpc_call *call, const SendMessageRequest *req,
                                SendMessageResponse *res)
{
    return say(call, req, &res->message);
}

static enum status check_channel(struct rpc_call *call, int64_t channel_id)
{
    struct channels_heads_row *rows;
    size_t count;

    TRY(channels_heads(call->app->db, call->arena, &channel_id, 1, &rows, &count));
    if (count == 0)
        return rpc_fail(call, STATUS_NOT_FOUND, "there is no channel %lld", (long long)channel_id);
    return STATUS_OK;
}

static enum status list_messages(struct rpc_call *call, const ListMessagesRequest *req,
                                 ListMessagesResponse *res)
{
    int64_t page = req->page_size > 0 ? req->page_size : DEFAULT_PAGE;
    int64_t before = req->before_sequence > 0 ? req->before_sequence : INT64_MAX;
    struct messages_before_row *rows;
    size_t count;

    /* One row more than asked for tells whether there are more. */
    TRY(messages_before(call->app->db, call->arena, req->channel_id, before, page + 1, &rows,
                        &count));
    if (count == 0)
        TRY(check_channel(call, req->channel_id));
    res->has_more = count > (size_t)page;
    if (res->has_more)
        count--;
    res->messages = arena_alloc_array(call->arena, count, sizeof(*res->messages));
    for (size_t i = count; i-- > 0;) {
        const struct messages_before_row *row = &rows[i];
        res->messages[res->n_messages++] =
            message_to_api(call->arena, row->channel_id, row->sequence, row->character_id,
                           row->character_name, row->text, row->sent_at);
    }
    return STATUS_OK;
}

static int64_t cursor_of(const StreamMessagesRequest *req)
{
    return req->has_after_sequence ? req->after_sequence : -1;
}

static enum status stream_messages(struct rpc_call *call, const StreamMessagesRequest *req,
                                   struct stream_messages_stream *out)
{
    enum status s = hub_follow_parked(call->app->hub, call, req->channel_id, cursor_of(req));

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
    TRY(say(call, req->send, &res->sent->message));
    return converse_send(stream, res);
}

static enum status converse(struct rpc_call *call, struct converse_stream *stream)
{
    CLEANUP(hub_unfollowp) struct hub_follower *follower = NULL;
    const ConverseRequest *req;
    int64_t channel_id, after;
    enum status s;

    TRY(receive_join(call, stream, &channel_id, &after));
    s = hub_follow(call->app->hub, call, channel_id, after, &follower);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no channel %lld", (long long)channel_id);
    TRY(s);
    while ((s = converse_receive(stream, &req)) == STATUS_OK)
        TRY(converse_step(call, stream, req, channel_id));
    return s == STATUS_OUT_OF_RANGE ? STATUS_OK : s;
}

/* --- registration and life --- */

static const struct chat_service handlers = {
    .list_channels = list_channels,
    .send_message = send_message,
    .list_messages = list_messages,
    .stream_messages = stream_messages,
    .converse = converse,
};

void chat_register(struct rpc_server *server)
{
    chat_service_register(server, &handlers);
}

void chat_open(struct app *app, struct loop *loop)
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

void chat_close(struct app *app)
{
    hub_free(app->hub);
    free(app->chat);
    app->hub = NULL;
    app->chat = NULL;
}
