/* ChatService: how far the caller has read, and of what it wants to hear. */
#include "db/queries/channels.h"
#include "handlers/chat_parts.h"

static enum status move_marker(struct rpc_call *call, int64_t channel_id, int64_t sequence)
{
    size_t moved;

    if (sequence == 0)
        return STATUS_OK;
    return readers_move(call->app->db, call->identity.account_id, channel_id, sequence, &moved);
}

enum status chat_mark_read(struct rpc_call *call, const MarkReadRequest *req, MarkReadResponse *res)
{
    struct channel_access access;
    int64_t sequence = req->sequence;
    Channel *channel;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    if (sequence > access.last_sequence)
        sequence = access.last_sequence; /* what was not said yet cannot have been read */
    TRY(move_marker(call, req->channel_id, sequence));
    TRY(chat_describe_one(call, call->app->db, req->channel_id, &channel));
    res->read_sequence = channel->read_sequence;
    res->unread_count = channel->unread_count;
    res->mention_count = channel->mention_count;
    return STATUS_OK;
}

enum status chat_set_channel_muted(struct rpc_call *call, const SetChannelMutedRequest *req,
                                   SetChannelMutedResponse *res)
{
    struct channel_access access;
    size_t changed;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    return readers_mute(call->app->db, call->identity.account_id, req->channel_id, req->muted,
                        &changed);
}
