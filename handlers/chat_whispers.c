/* ChatService: channels of two characters.
 *
 * A whisper that was opened shows at the other side once something is said; a side that left comes
 * back when something is said to it. */
#include <stdlib.h>

#include "db/queries/channels.h"
#include "db/queries/characters.h"
#include "handlers/blocks.h"
#include "handlers/chat_parts.h"

struct pair {
    int64_t low, high; /* characters */
};

static struct pair pair_of(int64_t one, int64_t other)
{
    return one < other ? (struct pair){one, other} : (struct pair){other, one};
}

static enum status check_blocks(struct rpc_call *call, int64_t other_account_id)
{
    bool blocked;

    TRY(blocks_between(call->app->db, call->arena, call->identity.account_id, other_account_id,
                       &blocked));
    if (blocked)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "you do not whisper to each other");
    return STATUS_OK;
}

static enum status find_other(struct rpc_call *call, const OpenWhisperRequest *req,
                              struct character_by_name_row **ret)
{
    struct characters_get_row *own;
    enum status s = characters_get(call->app->db, call->arena, call->identity.account_id,
                                   req->character_id, &own);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no character %lld", (long long)req->character_id);
    TRY(s);
    s = character_by_name(call->app->db, call->arena, req->to_character_name, ret);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no character '%s'", req->to_character_name);
    TRY(s);
    if ((*ret)->account_id == call->identity.account_id)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "%s is a character of your own",
                        (*ret)->name);
    return check_blocks(call, (*ret)->account_id);
}

static enum status enter(struct rpc_call *call, struct db *tx, int64_t channel_id,
                         int64_t character_id, const struct character_by_name_row *other,
                         struct account_events *written)
{
    bool is_new;

    TRY(members_put_absent(tx, channel_id, other->account_id, other->id));
    TRY(chat_put_member(tx, channel_id, call->identity.account_id, character_id,
                        CHANNEL_ROLE_MEMBER, &is_new));
    if (!is_new)
        return STATUS_OK;
    return chat_tell_joined(tx, call->arena, written, call->identity.account_id, channel_id);
}

enum status chat_open_whisper(struct rpc_call *call, const OpenWhisperRequest *req,
                              OpenWhisperResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct account_events written = {0};
    struct character_by_name_row *other;
    struct channels_lock_whisper_row *channel;
    struct pair pair;

    TRY(find_other(call, req, &other));
    pair = pair_of(req->character_id, other->id);
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(channels_insert_whisper(tx, pair.low, pair.high, call->identity.account_id));
    TRY(channels_lock_whisper(tx, call->arena, pair.low, pair.high, &channel));
    TRY(enter(call, tx, channel->id, req->character_id, other, &written));
    TRY(chat_describe_one(call, tx, channel->id, &res->channel));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

static int by_account(const void *a, const void *b)
{
    const struct members_return_row *one = a, *other = b;

    return one->account_id < other->account_id ? -1 : one->account_id > other->account_id;
}

static enum status tell_returned(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                 struct members_return_row *returned, size_t count,
                                 struct account_events *written)
{
    qsort(returned, count, sizeof(*returned), by_account);
    for (size_t i = 0; i < count; i++) {
        TRY(readers_start(tx, returned[i].account_id, channel_id));
        TRY(chat_tell_joined(tx, call->arena, written, returned[i].account_id, channel_id));
    }
    return STATUS_OK;
}

static enum status wake(struct rpc_call *call, const struct channel_access *access)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct account_events written = {0};
    struct channels_lock_row *channel;
    struct members_return_row *returned;
    size_t count;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(channels_lock(tx, call->arena, access->channel_id, &channel));
    TRY(members_return(tx, call->arena, access->channel_id, &returned, &count));
    if (count == 0)
        return channel->member_count >= 2
                   ? STATUS_OK /* somebody else brought it back meanwhile */
                   : rpc_fail(call, STATUS_FAILED_PRECONDITION, "nobody is there to hear it");
    TRY(channels_add_members(tx, access->channel_id, (int32_t)count));
    TRY(tell_returned(call, tx, access->channel_id, returned, count, &written));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

enum status chat_check_whisper(struct rpc_call *call, const struct channel_access *access)
{
    struct whisper_peer_row *peer;
    enum status s;

    if (access->place.kind != CHANNEL_KIND_WHISPER)
        return STATUS_OK;
    s = whisper_peer(call->app->db, call->arena, access->channel_id, call->identity.account_id,
                     &peer);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK; /* it left for good: nobody is there who blocks or is blocked */
    TRY(s);
    return check_blocks(call, peer->account_id);
}

enum status chat_enter_whisper(struct rpc_call *call, const struct channel_access *access)
{
    if (access->place.kind != CHANNEL_KIND_WHISPER)
        return STATUS_OK;
    TRY(chat_check_whisper(call, access));
    return access->member_count >= 2 ? STATUS_OK : wake(call, access);
}
