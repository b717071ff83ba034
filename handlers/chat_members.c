/* ChatService: who is in a channel. */
#include "db/queries/channels.h"
#include "db/queries/characters.h"
#include "handlers/blocks.h"
#include "handlers/chat_parts.h"
#include "handlers/convert.h"
#include "handlers/idempotency.h"
#include "handlers/sanctions.h"

#define DEFAULT_PAGE 50
#define MAX_MEMBERS 20000 /* of a custom channel */

/* A channel held by a transaction, and the caller in it. */
struct managed {
    struct db *tx;
    struct channel_access access;
    struct channels_lock_row *channel;
};

enum status chat_put_member(struct db *tx, int64_t channel_id, int64_t account_id,
                            int64_t character_id, ChannelRole role, bool *ret_new)
{
    size_t count;

    TRY(members_put(tx, channel_id, account_id, character_id, (int16_t)role, &count));
    *ret_new = count > 0;
    if (count == 0)
        return STATUS_OK;
    TRY(channels_add_members(tx, channel_id, 1));
    return readers_start(tx, account_id, channel_id);
}

/* --- JoinChannel --- */

/* The channel is locked before the account: whoever speaks holds the one while it waits for the
 * other. */

static enum status check_room(struct rpc_call *call, struct db *tx, int64_t account_id,
                              const char *who)
{
    struct joiners_lock_row *account;

    TRY(joiners_lock(tx, call->arena, account_id, &account));
    if (account->joined >= CHAT_MAX_JOINED)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "%s in %d channels already", who,
                        CHAT_MAX_JOINED);
    return STATUS_OK;
}

static enum status check_not_full(struct rpc_call *call, const struct channels_lock_row *channel)
{
    if (channel->member_count >= MAX_MEMBERS)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "the channel is full");
    return STATUS_OK;
}

static enum status join(struct rpc_call *call, const JoinChannelRequest *req)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct account_events written = {0};
    struct channels_lock_row *channel;
    bool is_new;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = channels_lock(tx, call->arena, req->channel_id, &channel);
    if (s == STATUS_NOT_FOUND || (s == STATUS_OK && !channel->open))
        return chat_no_channel(call, req->channel_id);
    TRY(s);
    TRY(check_not_full(call, channel));
    TRY(check_room(call, tx, call->identity.account_id, "you are"));
    TRY(chat_put_member(tx, req->channel_id, call->identity.account_id, req->character_id,
                        CHANNEL_ROLE_MEMBER, &is_new));
    if (is_new)
        TRY(chat_tell_joined(tx, call->arena, &written, call->identity.account_id,
                             req->channel_id));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

enum status chat_join_channel(struct rpc_call *call, const JoinChannelRequest *req,
                              JoinChannelResponse *res)
{
    struct channel_access access;
    struct characters_get_row *character;
    enum status s;

    s = channel_access_find(call->app->db, call->arena, req->channel_id, call->identity.account_id,
                            &access);
    if (s == STATUS_NOT_FOUND ||
        (s == STATUS_OK && (!access.rule->has_roles || (!access.open && !access.can_read))))
        return chat_no_channel(call, req->channel_id);
    TRY(s);
    TRY(sanction_check_reading(call, req->channel_id));
    s = characters_get(call->app->db, call->arena, call->identity.account_id, req->character_id,
                       &character);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no character %lld", (long long)req->character_id);
    TRY(s);
    if (!access.can_read)
        TRY(join(call, req));
    return chat_describe_one(call, call->app->db, req->channel_id, &res->channel);
}

/* --- LeaveChannel --- */

/* An owner who left is followed by the longest-standing member; the last one closes the channel.
 * A whisper stays for when one of the two speaks again. */
static enum status find_heir(struct rpc_call *call, struct db *tx,
                             const struct channel_access *left, int64_t *ret_heir)
{
    struct members_heir_row *heir;
    enum status s;

    *ret_heir = 0;
    if (!left->rule->has_roles)
        return STATUS_OK;
    s = members_heir(tx, call->arena, left->channel_id, call->identity.account_id, &heir);
    if (s == STATUS_NOT_FOUND)
        return channels_close(tx, left->channel_id);
    TRY(s);
    if (left->place.role != CHANNEL_ROLE_OWNER)
        return STATUS_OK;
    *ret_heir = heir->account_id;
    return members_set_role(tx, left->channel_id, heir->account_id, CHANNEL_ROLE_OWNER);
}

static enum status tell_heir(struct rpc_call *call, struct db *tx, int64_t heir, int64_t channel_id,
                             struct account_events *written)
{
    return heir > 0 ? chat_tell_joined(tx, call->arena, written, heir, channel_id) : STATUS_OK;
}

static enum status hand_over(struct rpc_call *call, struct db *tx,
                             const struct channel_access *left, struct account_events *written)
{
    int64_t account_id = call->identity.account_id, heir;

    TRY(find_heir(call, tx, left, &heir));
    if (heir < account_id)
        TRY(tell_heir(call, tx, heir, left->channel_id, written));
    TRY(chat_tell_left(tx, call->arena, written, account_id, left->channel_id));
    if (heir > account_id)
        TRY(tell_heir(call, tx, heir, left->channel_id, written));
    return STATUS_OK;
}

static enum status leave(struct rpc_call *call, struct channel_access *access)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    int64_t account_id = call->identity.account_id;
    struct account_events written = {0};
    struct channels_lock_row *channel;
    struct members_get_row *member;
    size_t count;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = channels_lock(tx, call->arena, access->channel_id, &channel);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK; /* closed meanwhile: nobody is in it */
    TRY(s);
    TRY(members_get(tx, call->arena, access->channel_id, account_id, &member));
    TRY(members_leave(tx, access->channel_id, account_id, &count));
    if (count == 0)
        return STATUS_OK;
    TRY(channels_add_members(tx, access->channel_id, -1));
    access->place.role = (ChannelRole)member->role;
    TRY(hand_over(call, tx, access, &written));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

static enum status has_left_before(struct rpc_call *call, int64_t channel_id)
{
    struct members_get_row *member;
    enum status s =
        members_get(call->app->db, call->arena, channel_id, call->identity.account_id, &member);

    return s == STATUS_NOT_FOUND ? chat_no_channel(call, channel_id) : s;
}

enum status chat_leave_channel(struct rpc_call *call, const LeaveChannelRequest *req,
                               LeaveChannelResponse *res)
{
    struct channel_access access;
    enum status s = channel_access_find(call->app->db, call->arena, req->channel_id,
                                        call->identity.account_id, &access);

    if (s == STATUS_NOT_FOUND || (s == STATUS_OK && !access.can_read))
        return has_left_before(call, req->channel_id);
    TRY(s);
    if (!access.rule->has_members)
        return rpc_fail(call, STATUS_NOT_FOUND, "nobody joins or leaves %s", access.name);
    return leave(call, &access);
}

/* --- ListMembers --- */

static Member *member_to_api(struct arena *arena, int64_t character_id, char *name, int role,
                             int64_t joined_at_us)
{
    Member *member = Member_new(arena);

    member->character_id = character_id;
    member->character_name = name;
    member->role = (ChannelRole)role;
    member->joined_at = timestamp_from_us(arena, joined_at_us);
    return member;
}

enum status chat_list_members(struct rpc_call *call, const ListMembersRequest *req,
                              ListMembersResponse *res)
{
    int64_t page = req->page_size > 0 ? req->page_size : DEFAULT_PAGE;
    struct channel_access access;
    struct members_list_row *rows;
    size_t count;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(members_list(call->app->db, call->arena, req->channel_id, req->after_name, page + 1, &rows,
                     &count));
    res->has_more = count > (size_t)page;
    if (res->has_more)
        count--;
    res->members = arena_alloc_array(call->arena, count, sizeof(*res->members));
    for (size_t i = 0; i < count; i++)
        res->members[res->n_members++] = member_to_api(
            call->arena, rows[i].character_id, rows[i].name, rows[i].role, rows[i].joined_at);
    return STATUS_OK;
}

/* --- AddMember, RemoveMember, SetMemberRole --- */

/* The caller's channel, held, if it has at least the given role there now. */
static enum status manage(struct rpc_call *call, int64_t channel_id, ChannelRole least,
                          struct managed *managed)
{
    struct members_get_row *member;
    enum status s;

    TRY(channel_access_get(call, call->arena, channel_id, &managed->access));
    s = channels_lock(managed->tx, call->arena, channel_id, &managed->channel);
    if (s == STATUS_NOT_FOUND)
        return chat_no_channel(call, channel_id);
    TRY(s);
    s = members_get(managed->tx, call->arena, channel_id, call->identity.account_id, &member);
    if (s != STATUS_OK && s != STATUS_NOT_FOUND)
        return s;
    if (!managed->access.rule->has_roles || s == STATUS_NOT_FOUND || !member->present ||
        member->role < (int)least)
        return rpc_fail(call, STATUS_PERMISSION_DENIED,
                        "your role in the channel does not allow it");
    managed->access.place.role = (ChannelRole)member->role;
    return STATUS_OK;
}

static enum status find_member(struct rpc_call *call, struct db *tx, int64_t channel_id,
                               int64_t character_id, struct members_find_row **ret)
{
    enum status s = members_find(tx, call->arena, channel_id, character_id, ret);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "character %lld is not a member", (long long)character_id);
    return s;
}

static enum status find_character(struct rpc_call *call, struct db *db, const char *name,
                                  struct character_by_name_row **ret)
{
    enum status s = character_by_name(db, call->arena, name, ret);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no character '%s'", name);
    return s;
}

static enum status answer_added(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                int64_t account_id, AddMemberResponse *res)
{
    struct members_find_account_row *row;

    TRY(members_find_account(tx, call->arena, channel_id, account_id, &row));
    res->member =
        member_to_api(call->arena, row->character_id, row->name, row->role, row->joined_at);
    return STATUS_OK;
}

static enum status check_blocks(struct rpc_call *call,
                                const struct character_by_name_row *character)
{
    bool blocked;

    TRY(blocks_between(call->app->db, call->arena, call->identity.account_id, character->account_id,
                       &blocked));
    if (blocked)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "%s cannot be added by you",
                        character->name);
    return STATUS_OK;
}

enum status chat_add_member(struct rpc_call *call, const AddMemberRequest *req,
                            AddMemberResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct account_events written = {0};
    struct character_by_name_row *character;
    struct managed managed;
    bool is_new;

    TRY(find_character(call, call->app->db, req->character_name, &character));
    TRY(check_blocks(call, character));
    TRY(db_begin(call->app->db, call->arena, &tx));
    managed.tx = tx;
    TRY(manage(call, req->channel_id, CHANNEL_ROLE_MODERATOR, &managed));
    TRY(check_not_full(call, managed.channel));
    TRY(check_room(call, tx, character->account_id, "that player is"));
    TRY(chat_put_member(tx, req->channel_id, character->account_id, character->id,
                        CHANNEL_ROLE_MEMBER, &is_new));
    TRY(answer_added(call, tx, req->channel_id, character->account_id, res));
    if (is_new) {
        TRY(chat_notify_added(call, tx, character->account_id, &managed.access));
        TRY(chat_tell_joined(tx, call->arena, &written, character->account_id, req->channel_id));
    }
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

enum status chat_remove_member(struct rpc_call *call, const RemoveMemberRequest *req,
                               RemoveMemberResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct account_events written = {0};
    struct managed managed;
    struct members_find_row *member;
    size_t count;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    managed.tx = tx;
    TRY(manage(call, req->channel_id, CHANNEL_ROLE_MODERATOR, &managed));
    TRY(find_member(call, tx, req->channel_id, req->character_id, &member));
    if (member->role >= (int)managed.access.place.role)
        return rpc_fail(call, STATUS_PERMISSION_DENIED, "%s has as high a role as you",
                        member->name);
    TRY(members_leave(tx, req->channel_id, member->account_id, &count));
    TRY(channels_add_members(tx, req->channel_id, -(int32_t)count));
    TRY(chat_tell_left(tx, call->arena, &written, member->account_id, req->channel_id));
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

enum status chat_set_member_role(struct rpc_call *call, const SetMemberRoleRequest *req,
                                 SetMemberRoleResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    struct account_events written = {0};
    struct managed managed;
    struct members_find_row *member;

    TRY(db_begin(call->app->db, call->arena, &tx));
    managed.tx = tx;
    TRY(manage(call, req->channel_id, CHANNEL_ROLE_OWNER, &managed));
    TRY(find_member(call, tx, req->channel_id, req->character_id, &member));
    if (member->account_id == call->identity.account_id)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "an owner stays owner until it leaves");
    TRY(members_set_role(tx, req->channel_id, member->account_id, (int16_t)req->role));
    res->member =
        member_to_api(call->arena, req->character_id, member->name, req->role, member->joined_at);
    if (member->role != (int)req->role)
        TRY(chat_tell_joined(tx, call->arena, &written, member->account_id, req->channel_id));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}
