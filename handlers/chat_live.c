/* ChatService: following a channel, and the hub's source for channels. */
#include "db/queries/channels.h"
#include "db/queries/chat.h"
#include "handlers/channel_changes.h"
#include "handlers/chat_parts.h"
#include "handlers/live.h"
#include "handlers/sanctions.h"

void chat_publish(struct app *app, int64_t channel_id, int64_t sequence, int64_t account_id,
                  const StreamMessagesResponse *event)
{
    struct hub_event told = {.sequence = sequence,
                             .origin = channel_change_origin(event, account_id),
                             .message = rpc_encode_shared(&event->base, RPC_CODEC_BINARY)};

    live_publish(app, (struct hub_topic){TOPIC_KIND_CHANNEL, channel_id}, &told);
}

static struct shared_bytes *encode_message(struct arena *arena, Message *message)
{
    StreamMessagesResponse *event = StreamMessagesResponse_new(arena);

    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_MESSAGE;
    event->message = message;
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

void chat_publish_message(struct app *app, struct arena *arena, int64_t origin, int64_t quoted,
                          Message *message)
{
    struct hub_event told = {.sequence = message->sequence,
                             .origin = origin,
                             .quoted = quoted,
                             .message = encode_message(arena, message)};

    live_publish(app, (struct hub_topic){TOPIC_KIND_CHANNEL, message->channel_id}, &told);
}

/* --- the source --- */

static enum status may_follow(void *user, struct rpc_call *call, int64_t channel_id)
{
    struct app *app = user;
    struct channel_access access;
    struct sanction_state sanctions;
    int64_t account_id = call->identity.account_id;

    TRY(channel_access_find(app->db, call->arena, channel_id, account_id, &access));
    if (!access.can_read)
        return STATUS_NOT_FOUND;
    TRY(sanction_state(app, account_id, channel_id, &sanctions));
    return sanctions.ban_id == 0 ? STATUS_OK : STATUS_PERMISSION_DENIED;
}

/* A change as it was told: our own bytes, perhaps of a newer version. */
static int64_t origin_of_change(struct arena *arena, const struct channel_events_row *row)
{
    ProtobufCMessage *decoded;
    const char *error;

    if (message_decode(arena, &StreamMessagesResponse_type, row->change.data, row->change.length,
                       &decoded, &error) != STATUS_OK)
        return row->account_id;
    return channel_change_origin((StreamMessagesResponse *)decoded, row->account_id);
}

/* A message has no reactions, as when it was told live: all that were put on it since are changes,
 * which come after it, each to those who hear the account that caused it. */
static struct hub_event event_of(struct arena *arena, const struct channel_events_row *row)
{
    if (row->change_is_null)
        return (struct hub_event){
            .sequence = row->sequence,
            .origin = row->account_id,
            .quoted = row->quoted_account_id,
            .message = encode_message(arena, chat_message(arena, MESSAGE_FIELDS(row)))};
    return (struct hub_event){.sequence = row->sequence,
                              .origin = origin_of_change(arena, row),
                              .message = shared_bytes_new(row->change.data, row->change.length)};
}

static enum status read_events(void *user, struct arena *arena, int64_t channel_id, int64_t after,
                               size_t limit, struct hub_event **ret_events, size_t *ret_count)
{
    struct app *app = user;
    struct channel_events_row *rows;
    struct hub_event *events;

    TRY(channel_events(app->db, arena, channel_id, after, (int64_t)limit, &rows, ret_count));
    events = arena_alloc_array(arena, *ret_count, sizeof(*events));
    for (size_t i = 0; i < *ret_count; i++)
        events[i] = event_of(arena, &rows[i]);
    *ret_events = events;
    return STATUS_OK;
}

/* As history shows it: which message is answered, and nothing of it. */
static struct shared_bytes *without_quote(void *user, const struct shared_bytes *event)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    ProtobufCMessage *decoded;
    StreamMessagesResponse *said;
    const char *error;

    /* Our own bytes, perhaps of a newer version, whose fields are kept. Should they be no message
     * all the same, nothing of them is shown. */
    if (message_decode(arena, &StreamMessagesResponse_type, event->data, event->length, &decoded,
                       &error) != STATUS_OK)
        return shared_bytes_new(NULL, 0);
    said = (StreamMessagesResponse *)decoded;
    if (said->event_case == STREAM_MESSAGES_RESPONSE_EVENT_MESSAGE && said->message->reply_to)
        said->message->reply_to = chat_quote(arena, said->message->reply_to->sequence, NULL, NULL);
    return rpc_encode_shared(&said->base, RPC_CODEC_BINARY);
}

static enum status read_heads(void *user, struct arena *arena, const struct hub_head *known,
                              size_t count, struct hub_head **ret_heads, size_t *ret_count)
{
    struct app *app = user;
    int64_t *ids, *sequences;
    struct channels_heads_row *rows;

    live_split_heads(arena, known, count, &ids, &sequences);
    TRY(channels_heads(app->db, arena, ids, count, sequences, count, &rows, ret_count));
    *ret_heads = arena_alloc_array(arena, *ret_count, sizeof(**ret_heads));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_heads)[i] = (struct hub_head){rows[i].id, rows[i].last_sequence};
    return STATUS_OK;
}

void chat_live_open(struct app *app)
{
    const struct hub_source source = {
        .priority = 1,
        .may_follow = may_follow,
        .read = read_events,
        .read_heads = read_heads,
        .without_quote = without_quote,
        .user = app,
    };

    hub_add_source(app->hub, TOPIC_KIND_CHANNEL, &source);
}

/* --- streams --- */

static int64_t cursor_of(const StreamMessagesRequest *req)
{
    return req->has_after_sequence ? req->after_sequence : -1;
}

static enum status follow(struct rpc_call *call, const StreamMessagesRequest *req,
                          struct hub_subscriber **ret_subscriber)
{
    struct hub_subscriber *subscriber = hub_subscribe(call->app->hub, call, false);
    struct hub_topic topic = {TOPIC_KIND_CHANNEL, req->channel_id};
    enum status s = hub_follow(subscriber, topic, cursor_of(req));

    if (s == STATUS_OK) {
        *ret_subscriber = subscriber;
        return s;
    }
    hub_unsubscribe(subscriber);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no channel %lld", (long long)req->channel_id);
    return s;
}

enum status chat_stream_messages(struct rpc_call *call, const StreamMessagesRequest *req,
                                 struct stream_messages_stream *out)
{
    struct hub_subscriber *subscriber;

    TRY(follow(call, req, &subscriber));
    hub_subscriber_park(subscriber, NULL, NULL);
    return STATUS_OK;
}

/* The first request; it lives until the next one is received. */
static enum status receive_join(struct rpc_call *call, struct converse_stream *stream,
                                const StreamMessagesRequest **ret_join)
{
    const ConverseRequest *req;
    enum status s = converse_receive(stream, &req);

    if (s == STATUS_OUT_OF_RANGE)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "the first request joins a channel");
    TRY(s);
    if (req->action_case != CONVERSE_REQUEST_ACTION_JOIN)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "the first request joins a channel");
    *ret_join = req->join;
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
    CLEANUP(hub_unsubscribep) struct hub_subscriber *subscriber = NULL;
    const StreamMessagesRequest *join;
    const ConverseRequest *req;
    int64_t channel_id;
    enum status s;

    TRY(receive_join(call, stream, &join));
    channel_id = join->channel_id;
    TRY(follow(call, join, &subscriber));
    while ((s = converse_receive(stream, &req)) == STATUS_OK)
        TRY(converse_step(call, stream, req, channel_id));
    return s == STATUS_OUT_OF_RANGE ? STATUS_OK : s;
}
