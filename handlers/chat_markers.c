/* ChatService: how far the caller has read, and of what it wants to hear. */
#include "db/queries/channels.h"
#include "handlers/chat_parts.h"

static enum status move_marker(struct rpc_call *call, int64_t channel_id, int64_t sequence)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    int64_t account_id = call->identity.account_id;
    struct account_events written = {0};
    size_t moved;

    if (sequence == 0)
        return STATUS_OK;
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(readers_move(tx, account_id, channel_id, sequence, &moved));
    if (moved == 0)
        return STATUS_OK;
    TRY(chat_tell_read(tx, call->arena, &written, account_id, channel_id, sequence));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
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
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    int64_t account_id = call->identity.account_id;
    struct account_events written = {0};
    struct channel_access access;
    size_t changed;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(readers_mute(tx, account_id, req->channel_id, req->muted, &changed));
    if (changed == 0)
        return STATUS_OK;
    TRY(chat_tell_joined(tx, call->arena, &written, account_id, req->channel_id));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}
