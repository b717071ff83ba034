/* CharacterService: the characters of the calling account; nobody else's are reachable. */
#include "handlers/characters.h"

#include "db/queries/accounts.h"
#include "db/queries/characters.h"
#include "handlers/app.h"
#include "handlers/convert.h"
#include "handlers/idempotency.h"
#include "waystone/character/v1/character_service.h"

#define MAX_CHARACTERS 12

static Character *character_to_api(struct arena *arena, int64_t id, const char *name, int race,
                                   int faction, int32_t level, int64_t created_at_us)
{
    Character *character = Character_new(arena);

    character->id = id;
    character->name = (char *)name;
    character->race = (Race)race;
    character->faction = (Faction)faction;
    character->level = level;
    character->created_at = timestamp_from_us(arena, created_at_us);
    return character;
}

static enum status insert_character(struct rpc_call *call, struct db *tx,
                                    const CreateCharacterRequest *req, CreateCharacterResponse *res)
{
    struct characters_insert_row *row;
    enum status s = characters_insert(tx, call->arena, call->identity.account_id, req->name,
                                      (int16_t)req->race, (int16_t)req->faction, &row);

    if (s == STATUS_ALREADY_EXISTS)
        return rpc_fail(call, s, "the name '%s' is taken", req->name);
    TRY(s);
    res->character = character_to_api(call->arena, row->id, req->name, req->race, req->faction,
                                      row->level, row->created_at);
    return STATUS_OK;
}

static enum status check_room(struct rpc_call *call, struct db *tx)
{
    struct characters_count_row *row;

    TRY(characters_count(tx, call->arena, call->identity.account_id, &row));
    if (row->count >= MAX_CHARACTERS)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "a house holds at most %d characters",
                        MAX_CHARACTERS);
    return STATUS_OK;
}

static enum status create_character(struct rpc_call *call, const CreateCharacterRequest *req,
                                    CreateCharacterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct accounts_lock_row *account;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    /* One call of an account at a time: two cannot both take the last place, and a repetition
     * finds the answer of the call it repeats. */
    TRY(accounts_lock(tx, call->arena, call->identity.account_id, &account));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(check_room(call, tx));
    TRY(insert_character(call, tx, req, res));
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    return db_commit(tx);
}

static enum status list_characters(struct rpc_call *call, const ListCharactersRequest *req,
                                   ListCharactersResponse *res)
{
    struct characters_list_row *rows;
    size_t count;

    TRY(characters_list(call->app->db, call->arena, call->identity.account_id, &rows, &count));
    res->characters = arena_alloc_array(call->arena, count, sizeof(*res->characters));
    for (size_t i = 0; i < count; i++)
        res->characters[res->n_characters++] =
            character_to_api(call->arena, rows[i].id, rows[i].name, rows[i].race, rows[i].faction,
                             rows[i].level, rows[i].created_at);
    return STATUS_OK;
}

static enum status no_such_character(struct rpc_call *call, int64_t id)
{
    return rpc_fail(call, STATUS_NOT_FOUND, "you have no character %lld", (long long)id);
}

static enum status get_character(struct rpc_call *call, const GetCharacterRequest *req,
                                 GetCharacterResponse *res)
{
    struct characters_get_row *row;
    enum status s =
        characters_get(call->app->db, call->arena, call->identity.account_id, req->id, &row);

    if (s == STATUS_NOT_FOUND)
        return no_such_character(call, req->id);
    TRY(s);
    res->character = character_to_api(call->arena, row->id, row->name, row->race, row->faction,
                                      row->level, row->created_at);
    return STATUS_OK;
}

static enum status delete_character(struct rpc_call *call, const DeleteCharacterRequest *req,
                                    DeleteCharacterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    size_t count;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(characters_delete(tx, call->identity.account_id, req->id, &count));
    if (count == 0)
        return no_such_character(call, req->id);
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    return db_commit(tx);
}

void characters_register(struct rpc_server *server)
{
    static const struct character_service handlers = {
        .create_character = create_character,
        .list_characters = list_characters,
        .get_character = get_character,
        .delete_character = delete_character,
    };

    character_service_register(server, &handlers);
}
