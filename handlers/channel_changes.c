#include "handlers/channel_changes.h"

#include "db/queries/channels.h"
#include "db/queries/chat.h"
#include "handlers/live.h"

int64_t channel_change_origin(const StreamMessagesResponse *event, int64_t account_id)
{
    switch (event->event_case) {
    case STREAM_MESSAGES_RESPONSE_EVENT_DELETED:
        return event->deleted->by_moderator ? 0 : account_id;
    case STREAM_MESSAGES_RESPONSE_EVENT_CHANNEL_CHANGED:
        return 0;
    default:
        return account_id;
    }
}

enum status channel_change_record(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                  const StreamMessagesResponse *event, int64_t *sequence)
{
    struct channels_take_number_row *number;
    struct buffer encoded = {0};
    enum status s;

    TRY(channels_take_number(tx, call->arena, channel_id, &number));
    *sequence = number->last_sequence;
    message_encode(&event->base, &encoded);
    s = channel_changes_insert(tx, channel_id, *sequence, call->identity.account_id,
                               (struct bytes){buffer_data(&encoded), encoded.length});
    buffer_free(&encoded);
    return s;
}

static enum status record(struct rpc_call *call, struct db *tx, int64_t channel_id,
                          const StreamMessagesResponse *event, int64_t *sequence,
                          struct channel_change *ret)
{
    TRY(channel_change_record(call, tx, channel_id, event, sequence));
    *ret = (struct channel_change){channel_id, *sequence,
                                   channel_change_origin(event, call->identity.account_id), event};
    return STATUS_OK;
}

enum status channel_change_delete(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                  int64_t message_sequence, struct channel_change *ret)
{
    StreamMessagesResponse *event = StreamMessagesResponse_new(call->arena);
    MessageDeleted *deleted = MessageDeleted_new(call->arena);
    struct messages_lock_row *message;
    enum status s = messages_lock(tx, call->arena, channel_id, message_sequence, &message);

    *ret = (struct channel_change){0};
    if (s == STATUS_NOT_FOUND || (s == STATUS_OK && message->deleted))
        return STATUS_OK;
    TRY(s);
    TRY(messages_delete(tx, channel_id, message_sequence, true));
    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_DELETED;
    event->deleted = deleted;
    deleted->channel_id = channel_id;
    deleted->message_sequence = message_sequence;
    deleted->by_moderator = true;
    return record(call, tx, channel_id, event, &deleted->sequence, ret);
}

enum status channel_change_slow_mode(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                     int32_t slow_mode_s, struct channel_change *ret)
{
    StreamMessagesResponse *event = StreamMessagesResponse_new(call->arena);
    ChannelChanged *changed = ChannelChanged_new(call->arena);
    struct channels_lock_row *channel;

    *ret = (struct channel_change){0};
    TRY(channels_lock(tx, call->arena, channel_id, &channel));
    if (channel->slow_mode_s == slow_mode_s)
        return STATUS_OK;
    TRY(channels_update(tx, channel_id, channel->name, channel->topic, channel->open, slow_mode_s));
    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_CHANNEL_CHANGED;
    event->channel_changed = changed;
    changed->channel_id = channel_id;
    changed->name = channel->name;
    changed->topic = channel->topic;
    changed->slow_mode_seconds = slow_mode_s;
    return record(call, tx, channel_id, event, &changed->sequence, ret);
}

void channel_change_publish(struct app *app, const struct channel_change *change)
{
    if (change->sequence != 0)
        live_publish(app, (struct hub_topic){TOPIC_KIND_CHANNEL, change->channel_id},
                     &(struct hub_event){
                         .sequence = change->sequence,
                         .origin = change->origin,
                         .message = rpc_encode_shared(&change->event->base, RPC_CODEC_BINARY)});
}
