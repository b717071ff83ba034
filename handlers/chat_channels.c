/* ChatService: channels. */
#include <string.h>

#include "db/queries/channels.h"
#include "db/queries/characters.h"
#include "handlers/audit.h"
#include "handlers/blocks.h"
#include "handlers/chat_parts.h"
#include "handlers/idempotency.h"
#include "handlers/speech.h"

#define DEFAULT_PAGE 50

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

enum status chat_describe(struct db *db, struct arena *arena, int64_t account_id,
                          const int64_t *ids, size_t count, Channel ***ret_channels,
                          size_t *ret_count)
{
    struct channels_describe_row *rows;
    struct channels_facts_row *facts;
    int64_t *hidden;
    size_t hidden_count;

    TRY(channels_facts(db, arena, account_id, &facts));
    TRY(blocks_list(db, arena, account_id, &hidden, &hidden_count));
    TRY(channels_describe(db, arena, account_id, ids, count, hidden, hidden_count, &rows,
                          ret_count));
    *ret_channels = arena_alloc_array(arena, *ret_count, sizeof(**ret_channels));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_channels)[i] = channel_to_api(arena, &rows[i], facts->races != 0);
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
    return chat_describe(call->app->db, call->arena, call->identity.account_id, ids, count,
                         &res->channels, &res->n_channels);
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

enum status chat_no_channel(struct rpc_call *call, int64_t channel_id)
{
    return rpc_fail(call, STATUS_NOT_FOUND, "there is no channel %lld", (long long)channel_id);
}

enum status chat_describe_one(struct rpc_call *call, struct db *db, int64_t channel_id,
                              Channel **ret_channel)
{
    Channel **channels;
    size_t count;

    TRY(chat_describe(db, call->arena, call->identity.account_id, &channel_id, 1, &channels,
                      &count));
    if (count == 0)
        return chat_no_channel(call, channel_id);
    *ret_channel = channels[0];
    return STATUS_OK;
}

enum status chat_get_channel(struct rpc_call *call, const GetChannelRequest *req,
                             GetChannelResponse *res)
{
    struct channel_access access;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    return chat_describe_one(call, call->app->db, req->channel_id, &res->channel);
}

/* --- FindChannels --- */

static int by_position(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return (int)i;
    return -1;
}

enum status chat_find_channels(struct rpc_call *call, const FindChannelsRequest *req,
                               FindChannelsResponse *res)
{
    int64_t page = req->page_size > 0 ? req->page_size : DEFAULT_PAGE;
    struct channels_find_open_row *rows;
    Channel **channels;
    size_t row_count, count;
    int64_t *ids;

    TRY(channels_find_open(call->app->db, call->arena, req->name_contains, page, &rows,
                           &row_count));
    ids = arena_alloc_array(call->arena, row_count, sizeof(*ids));
    for (size_t i = 0; i < row_count; i++)
        ids[i] = rows[i].id;
    TRY(chat_describe(call->app->db, call->arena, call->identity.account_id, ids, row_count,
                      &channels, &count));
    res->channels = arena_alloc_array(call->arena, row_count, sizeof(*res->channels));
    for (size_t i = 0; i < count; i++)
        res->channels[by_position(ids, row_count, channels[i]->id)] = channels[i];
    /* One that was closed meanwhile leaves its place empty. */
    for (size_t i = 0; i < row_count; i++)
        if (res->channels[i] != NULL)
            res->channels[res->n_channels++] = res->channels[i];
    return STATUS_OK;
}

/* Names and topics are speech, too: sanctions and word filters hold. `*text` may be masked. */
static enum status check_words(struct rpc_call *call, int64_t channel_id, ChannelRole role,
                               char **text)
{
    const struct speech speech = {
        .channel_id = channel_id,
        .channel_kind = CHANNEL_KIND_CUSTOM,
        .channel_role = (int)role,
        .is_edit = true, /* the methods have budgets of their own */
        .text = *text,
    };
    struct speech_verdict verdict;

    if (*text == NULL || (*text)[0] == '\0')
        return STATUS_OK;
    TRY(speech_check(call, &speech, &verdict));
    *text = (char *)verdict.text;
    return STATUS_OK;
}

/* --- CreateChannel --- */

static enum status check_room(struct rpc_call *call, struct db *tx)
{
    struct joiners_lock_row *account;

    TRY(joiners_lock(tx, call->arena, call->identity.account_id, &account));
    if (account->owned >= CHAT_MAX_OWNED)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "you own %d channels already",
                        CHAT_MAX_OWNED);
    if (account->joined >= CHAT_MAX_JOINED)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "you are in %d channels already",
                        CHAT_MAX_JOINED);
    return STATUS_OK;
}

static enum status check_character(struct rpc_call *call, struct db *tx, int64_t character_id)
{
    struct characters_get_row *row;
    enum status s = characters_get(tx, call->arena, call->identity.account_id, character_id, &row);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no character %lld", (long long)character_id);
    return s;
}

static enum status name_is_taken(struct rpc_call *call, const char *name)
{
    return rpc_fail(call, STATUS_ALREADY_EXISTS, "a channel named '%s' is there already", name);
}

static enum status insert_channel(struct rpc_call *call, struct db *tx,
                                  const CreateChannelRequest *req, CreateChannelResponse *res,
                                  struct account_events *written)
{
    char *name = req->name, *topic = req->topic;
    struct channels_insert_custom_row *row;
    bool is_new;
    enum status s;

    TRY(check_words(call, 0, CHANNEL_ROLE_OWNER, &name));
    TRY(check_words(call, 0, CHANNEL_ROLE_OWNER, &topic));
    s = channels_insert_custom(tx, call->arena, name, topic, req->open, call->identity.account_id,
                               &row);
    if (s == STATUS_ALREADY_EXISTS)
        return name_is_taken(call, name);
    TRY(s);
    TRY(chat_put_member(tx, row->id, call->identity.account_id, req->character_id,
                        CHANNEL_ROLE_OWNER, &is_new));
    TRY(chat_tell_joined(tx, call->arena, written, call->identity.account_id, row->id));
    return chat_describe_one(call, tx, row->id, &res->channel);
}

enum status chat_create_channel(struct rpc_call *call, const CreateChannelRequest *req,
                                CreateChannelResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct account_events written = {0};
    struct joiners_lock_row *account;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(joiners_lock(tx, call->arena, call->identity.account_id, &account));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(check_room(call, tx));
    TRY(check_character(call, tx, req->character_id));
    TRY(insert_channel(call, tx, req, res, &written));
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

/* --- UpdateChannel --- */

static bool is_changed(const struct channels_lock_row *old, const UpdateChannelRequest *req)
{
    return (req->name != NULL && strcmp(req->name, old->name) != 0) ||
           (req->topic != NULL && strcmp(req->topic, old->topic) != 0) ||
           (req->has_open && !!req->open != old->open) ||
           (req->has_slow_mode_seconds && req->slow_mode_seconds != old->slow_mode_s);
}

/* As when a moderator of the game sets it. */
static enum status audit_pace(struct rpc_call *call, struct db *tx, int64_t channel_id,
                              int32_t slow_mode_s)
{
    const struct audit_act act = {
        .action = "channel.slow_mode",
        .target_kind = "channel",
        .target_id = channel_id,
        .detail = arena_printf(call->arena, "%d s", slow_mode_s),
    };

    return audit_add(tx, call, &act);
}

static enum status apply_update(struct rpc_call *call, struct db *tx,
                                const struct channels_lock_row *old,
                                const UpdateChannelRequest *req, StreamMessagesResponse *event)
{
    ChannelChanged *changed = ChannelChanged_new(call->arena);
    enum status s;

    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_CHANNEL_CHANGED;
    event->channel_changed = changed;
    changed->channel_id = req->channel_id;
    changed->name = req->name != NULL ? req->name : old->name;
    changed->topic = req->topic != NULL ? req->topic : old->topic;
    changed->slow_mode_seconds =
        req->has_slow_mode_seconds ? req->slow_mode_seconds : old->slow_mode_s;
    s = channels_update(tx, req->channel_id, changed->name, changed->topic,
                        req->has_open ? req->open : old->open, changed->slow_mode_seconds);
    if (s == STATUS_ALREADY_EXISTS)
        return name_is_taken(call, changed->name);
    TRY(s);
    if (changed->slow_mode_seconds != old->slow_mode_s)
        TRY(audit_pace(call, tx, req->channel_id, changed->slow_mode_seconds));
    return chat_record(call, tx, req->channel_id, &changed->sequence, event);
}

/* Within a transaction that holds the channel, so that the role is the caller's until the commit.
 */
static enum status check_manager(struct rpc_call *call, struct db *tx,
                                 const struct channel_access *access, ChannelRole *ret_role)
{
    struct members_get_row *member;
    enum status s =
        members_get(tx, call->arena, access->channel_id, call->identity.account_id, &member);

    if (s != STATUS_OK && s != STATUS_NOT_FOUND)
        return s;
    if (!access->rule->has_roles || s == STATUS_NOT_FOUND || !member->present ||
        member->role < (int)CHANNEL_ROLE_MODERATOR)
        return rpc_fail(call, STATUS_PERMISSION_DENIED,
                        "only its owner and moderators change a channel");
    *ret_role = (ChannelRole)member->role;
    return STATUS_OK;
}

/* As its words may be said by the caller. */
static enum status check_update(struct rpc_call *call, struct db *tx,
                                const struct channel_access *access, UpdateChannelRequest *req)
{
    ChannelRole role;

    TRY(check_manager(call, tx, access, &role));
    TRY(check_words(call, req->channel_id, role, &req->name));
    return check_words(call, req->channel_id, role, &req->topic);
}

enum status chat_update_channel(struct rpc_call *call, const UpdateChannelRequest *given,
                                UpdateChannelResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    StreamMessagesResponse *event = StreamMessagesResponse_new(call->arena);
    UpdateChannelRequest *req = arena_memdup(call->arena, given, sizeof(*given));
    struct channel_access access;
    struct channels_lock_row *old;
    enum status s;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = channels_lock(tx, call->arena, req->channel_id, &old);
    if (s == STATUS_NOT_FOUND)
        return chat_no_channel(call, req->channel_id);
    TRY(s);
    TRY(check_update(call, tx, &access, req));
    if (is_changed(old, req)) {
        TRY(apply_update(call, tx, old, req, event));
        TRY(db_commit(tx));
        chat_publish(call->app, req->channel_id, event->channel_changed->sequence,
                     call->identity.account_id, event);
    }
    return chat_describe_one(call, call->app->db, req->channel_id, &res->channel);
}
