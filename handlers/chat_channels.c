/* ChatService: channels. */
#include "db/queries/channels.h"
#include "handlers/chat_parts.h"

static Channel *channel_to_api(struct arena *arena, const struct channels_describe_row *row,
                               bool can_speak)
{
    Channel *channel = Channel_new(arena);

    channel->id = row->id;
    channel->kind = (ChannelKind)row->kind;
    channel->name = row->name;
    channel->last_sequence = row->last_sequence;
    channel->topic = row->topic;
    channel->role = (ChannelRole)row->role;
    channel->can_speak = can_speak;
    channel->open = row->open;
    channel->read_sequence = row->read_sequence;
    channel->unread_count = (int32_t)row->unread;
    channel->mention_count = (int32_t)row->mentions;
    channel->muted = row->muted;
    channel->slow_mode_seconds = row->slow_mode_s;
    channel->member_count = row->member_count;
    channel->archived_sequence = row->archived_sequence;
    return channel;
}

enum status chat_describe(struct rpc_call *call, struct db *db, const int64_t *ids, size_t count,
                          Channel ***ret_channels, size_t *ret_count)
{
    int64_t account_id = call->identity.account_id;
    struct channels_describe_row *rows;
    struct channels_facts_row *facts;

    TRY(channels_facts(db, call->arena, account_id, &facts));
    TRY(channels_describe(db, call->arena, account_id, ids, count, &rows, ret_count));
    *ret_channels = arena_alloc_array(call->arena, *ret_count, sizeof(**ret_channels));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_channels)[i] = channel_to_api(call->arena, &rows[i], facts->races != 0);
    return STATUS_OK;
}

/* --- ListChannels, GetChannel --- */

static bool has_family(Channel **channels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (channels[i]->kind == CHANNEL_KIND_FAMILY)
            return true;
    return false;
}

static enum status list_channels(struct rpc_call *call, ListChannelsResponse *res)
{
    int64_t *ids;
    size_t count;

    TRY(channel_access_list(call->app->db, call->arena, call->identity.account_id, &ids, &count));
    return chat_describe(call, call->app->db, ids, count, &res->channels, &res->n_channels);
}

enum status chat_list_channels(struct rpc_call *call, const ListChannelsRequest *req,
                               ListChannelsResponse *res)
{
    TRY(list_channels(call, res));
    if (has_family(res->channels, res->n_channels))
        return STATUS_OK;
    /* A house's channel is made when it is first looked for. */
    TRY(channels_ensure_family(call->app->db, call->identity.account_id));
    return list_channels(call, res);
}

enum status chat_get_channel(struct rpc_call *call, const GetChannelRequest *req,
                             GetChannelResponse *res)
{
    struct channel_access access;
    Channel **channels;
    size_t count;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(chat_describe(call, call->app->db, &req->channel_id, 1, &channels, &count));
    if (count == 0)
        return rpc_fail(call, STATUS_NOT_FOUND, "there is no channel %lld",
                        (long long)req->channel_id);
    res->channel = channels[0];
    return STATUS_OK;
}
