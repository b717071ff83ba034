/* ApiKeyService: an account's keys for tools and services. */
#include "handlers/api_keys.h"

#include <string.h>

#include "api/scopes.h"
#include "db/queries/accounts.h"
#include "db/queries/api_keys.h"
#include "handlers/account_events.h"
#include "handlers/api_key_text.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/convert.h"
#include "handlers/jobs.h"
#include "waystone/account/v1/api_keys_service.h"

#define MAX_KEYS 50
#define MAX_LISTED 500
#define EXPIRY_EVERY_S 3600

/* --- making one --- */

static enum status check_scopes(struct rpc_call *call, const CreateApiKeyRequest *req)
{
    for (size_t i = 0; i < req->n_scopes; i++)
        if (!api_scope_exists(req->scopes[i]))
            return rpc_fail_field(call, arena_printf(call->arena, "scopes[%zu]", i),
                                  "there is no such scope; ListScopes tells all there are");
    return STATUS_OK;
}

static enum status check_room(struct rpc_call *call, struct db *tx)
{
    struct api_keys_count_working_row *row;

    TRY(api_keys_count_working(tx, call->arena, call->identity.account_id, &row));
    if (row->count >= MAX_KEYS)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED,
                        "you have %d keys that work; revoke one first", MAX_KEYS);
    return STATUS_OK;
}

static const char *joined(struct arena *arena, char *const *words, size_t count)
{
    const char *text = "";

    for (size_t i = 0; i < count; i++)
        text = arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "", words[i]);
    return text;
}

/* Whoever has got hold of a session could go on with a key: its owner is told. */
static enum status tell_owner(struct rpc_call *call, struct db *tx, const char *name)
{
    Notification *notification = Notification_new(call->arena);

    notification->kind = NOTIFICATION_KIND_SECURITY;
    notification->text =
        (char *)arena_printf(call->arena,
                             "An API key called \"%s\" was made for your account. If that was not "
                             "you, revoke it and change your password.",
                             name);
    return notify_later(tx, call->identity.account_id, notification);
}

static enum status insert_key(struct rpc_call *call, struct db *tx, const CreateApiKeyRequest *req,
                              CreateApiKeyResponse *res)
{
    char *key = arena_alloc(call->arena, API_KEY_LENGTH + 1);
    uint8_t hash[API_KEY_HASH_BYTES];
    struct api_keys_insert_row *row;

    api_key_make(key);
    api_key_hash(key, hash);
    res->api_key = ApiKey_new(call->arena);
    res->api_key->prefix = arena_strndup(call->arena, key, API_KEY_PREFIX_LENGTH);
    TRY(api_keys_insert(tx, call->arena, call->identity.account_id, req->name, res->api_key->prefix,
                        (struct bytes){hash, sizeof(hash)}, (const char *const *)req->scopes,
                        req->n_scopes, false, req->days, &row));
    res->api_key->id = row->id;
    res->api_key->name = req->name;
    res->api_key->n_scopes = req->n_scopes;
    res->api_key->scopes = req->scopes;
    res->api_key->created_at = timestamp_from_us(call->arena, row->created_at);
    res->api_key->expires_at = timestamp_from_us(call->arena, row->expires_at);
    res->secret = key;
    return STATUS_OK;
}

static enum status create_api_key(struct rpc_call *call, const CreateApiKeyRequest *req,
                                  CreateApiKeyResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct accounts_lock_row *account;

    TRY(check_scopes(call, req));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(accounts_lock(tx, call->arena, call->identity.account_id, &account));
    TRY(check_room(call, tx));
    TRY(insert_key(call, tx, req, res));
    TRY(tell_owner(call, tx, req->name));
    TRY(audit_add(
        tx, call,
        &(struct audit_act){
            .action = call->method->path,
            .target_kind = "api_key",
            .target_id = res->api_key->id,
            .detail = arena_printf(call->arena, "%s: %s; %d days", res->api_key->prefix,
                                   joined(call->arena, req->scopes, req->n_scopes), (int)req->days),
            .note = req->name}));
    TRY(db_commit(tx));
    rpc_set_compress(call, RPC_COMPRESS_NEVER); /* its length would tell of the key */
    return STATUS_OK;
}

/* --- looking, ending --- */

static void split_scopes(struct arena *arena, char *text, ApiKey *ret)
{
    size_t count = 1;
    char *word;

    for (const char *at = text; *at != '\0'; at++)
        count += *at == ' ';
    ret->scopes = arena_alloc_array(arena, count, sizeof(*ret->scopes));
    while ((word = strsep(&text, " ")) != NULL)
        ret->scopes[ret->n_scopes++] = word;
}

static ApiKey *key_to_api(struct arena *arena, const struct api_keys_list_row *row)
{
    ApiKey *key = ApiKey_new(arena);

    key->id = row->id;
    key->name = row->name;
    key->prefix = row->prefix;
    split_scopes(arena, row->scopes, key);
    key->created_at = timestamp_from_us(arena, row->created_at);
    if (!row->expires_at_is_null)
        key->expires_at = timestamp_from_us(arena, row->expires_at);
    if (!row->last_used_at_is_null)
        key->last_used_at = timestamp_from_us(arena, row->last_used_at);
    if (!row->revoked_at_is_null)
        key->revoked_at = timestamp_from_us(arena, row->revoked_at);
    return key;
}

static enum status list_api_keys(struct rpc_call *call, const ListApiKeysRequest *req,
                                 ListApiKeysResponse *res)
{
    struct api_keys_list_row *rows;
    size_t count;

    TRY(api_keys_list(call->app->db, call->arena, call->identity.account_id, INT64_MAX, MAX_LISTED,
                      &rows, &count));
    res->api_keys = arena_alloc_array(call->arena, count, sizeof(*res->api_keys));
    for (size_t i = 0; i < count; i++)
        res->api_keys[res->n_api_keys++] = key_to_api(call->arena, &rows[i]);
    return STATUS_OK;
}

static enum status revoke_api_key(struct rpc_call *call, const RevokeApiKeyRequest *req,
                                  RevokeApiKeyResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct api_keys_lock_row *key;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = api_keys_lock(tx, call->arena, req->api_key_id, call->identity.account_id, &key);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no API key %lld", (long long)req->api_key_id);
    TRY(s);
    if (key->is_revoked)
        return STATUS_OK;
    TRY(api_keys_revoke(tx, req->api_key_id));
    TRY(audit_add(tx, call,
                  &(struct audit_act){.action = call->method->path,
                                      .target_kind = "api_key",
                                      .target_id = req->api_key_id,
                                      .detail = key->prefix}));
    return db_commit(tx);
}

/* --- scopes --- */

static enum status list_scopes(struct rpc_call *call, const ListScopesRequest *req,
                               ListScopesResponse *res)
{
    res->scopes = arena_alloc_array(call->arena, api_scope_count, sizeof(*res->scopes));
    for (size_t i = 0; i < api_scope_count; i++) {
        Scope *scope = Scope_new(call->arena);
        scope->name = (char *)api_scopes[i].name;
        scope->n_methods = api_scopes[i].method_count;
        scope->methods = (char **)api_scopes[i].methods;
        res->scopes[res->n_scopes++] = scope;
    }
    return STATUS_OK;
}

/* --- registration --- */

static enum status expiry_batch(struct arena *arena, struct db *tx, int64_t limit,
                                size_t *ret_count)
{
    return expire_api_keys(tx, limit, ret_count);
}

static enum status run_expiry(struct job *job, struct app *app)
{
    return job_in_batches(job, expiry_batch);
}

void api_keys_register(struct rpc_server *server)
{
    static const struct api_key_service handlers = {
        .create_api_key = create_api_key,
        .list_api_keys = list_api_keys,
        .revoke_api_key = revoke_api_key,
        .list_scopes = list_scopes,
    };

    api_key_service_register(server, &handlers);
    jobs_register("expire_api_keys", EXPIRY_EVERY_S, run_expiry);
}
