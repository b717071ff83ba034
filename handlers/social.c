/* SocialService: whom an account blocks. */
#include "handlers/social.h"

#include "db/queries/social.h"
#include "handlers/account_events.h"
#include "handlers/app.h"
#include "handlers/blocks.h"
#include "handlers/convert.h"
#include "waystone/social/v1/social_service.h"

static Block *block_to_api(struct arena *arena, int64_t character_id, const char *character_name,
                           int64_t created_at_us)
{
    Block *block = Block_new(arena);

    block->character_id = character_id;
    block->character_name = (char *)character_name;
    block->created_at = timestamp_from_us(arena, created_at_us);
    return block;
}

static enum status find_block(struct rpc_call *call, struct db *db, int64_t character_id,
                              Block **ret_block)
{
    struct social_blocks_get_row *row;

    TRY(social_blocks_get(db, call->arena, call->identity.account_id, character_id, &row));
    *ret_block = block_to_api(call->arena, row->character_id, row->character_name, row->created_at);
    return STATUS_OK;
}

static enum status check_room(struct rpc_call *call, struct db *tx)
{
    struct social_blocks_count_row *row;

    TRY(social_blocks_count(tx, call->arena, call->identity.account_id, &row));
    if (row->count >= BLOCKS_MAX)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "an account blocks at most %d characters",
                        BLOCKS_MAX);
    return STATUS_OK;
}

static enum status find_character(struct rpc_call *call, int64_t character_id,
                                  struct social_character_row **ret_character)
{
    enum status s = social_character(call->app->db, call->arena, character_id, ret_character);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no character %lld", (long long)character_id);
    TRY(s);
    if ((*ret_character)->account_id == call->identity.account_id)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this character is your own");
    return STATUS_OK;
}

/* Ends a change: open streams and the account's other devices are told. */
static enum status commit_change(struct rpc_call *call, struct db *tx, int64_t other_id)
{
    AccountEvent *event = AccountEvent_new(call->arena);
    struct account_events written = {0};

    event->event_case = ACCOUNT_EVENT_EVENT_BLOCKS_CHANGED;
    event->blocks_changed = BlocksChanged_new(call->arena);
    TRY(social_blocks_touch(tx, call->identity.account_id, other_id));
    TRY(account_event_add(tx, call->arena, &written, call->identity.account_id, event));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

static enum status block_character(struct rpc_call *call, const BlockCharacterRequest *req,
                                   BlockCharacterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    int64_t account_id = call->identity.account_id;
    struct social_character_row *character;
    struct social_account_lock_row *locked;
    enum status s;

    TRY(find_character(call, req->character_id, &character));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(social_account_lock(tx, call->arena, account_id, &locked)); /* one change at a time */
    s = find_block(call, tx, req->character_id, &res->block);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(check_room(call, tx));
    TRY(social_blocks_insert(tx, account_id, req->character_id, character->account_id));
    TRY(find_block(call, tx, req->character_id, &res->block));
    return commit_change(call, tx, character->account_id);
}

static enum status unblock_character(struct rpc_call *call, const UnblockCharacterRequest *req,
                                     UnblockCharacterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    int64_t account_id = call->identity.account_id;
    struct social_account_lock_row *locked;
    struct social_blocks_delete_row *gone;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(social_account_lock(tx, call->arena, account_id, &locked));
    s = social_blocks_delete(tx, call->arena, account_id, req->character_id, &gone);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(s);
    return commit_change(call, tx, gone->blocked_account_id);
}

static enum status list_blocks(struct rpc_call *call, const ListBlocksRequest *req,
                               ListBlocksResponse *res)
{
    struct social_blocks_list_row *rows;
    size_t count;

    TRY(social_blocks_list(call->app->db, call->arena, call->identity.account_id, &rows, &count));
    res->blocks = arena_alloc_array(call->arena, count, sizeof(*res->blocks));
    for (size_t i = 0; i < count; i++)
        res->blocks[res->n_blocks++] = block_to_api(call->arena, rows[i].character_id,
                                                    rows[i].character_name, rows[i].created_at);
    return STATUS_OK;
}

void social_register(struct rpc_server *server)
{
    static const struct social_service handlers = {
        .block_character = block_character,
        .unblock_character = unblock_character,
        .list_blocks = list_blocks,
    };

    social_service_register(server, &handlers);
}
