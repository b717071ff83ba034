/* key create, list, revoke: API keys, those of the studio's services among them. */
#include <stdlib.h>
#include <string.h>

#include "api/scopes.h"
#include "db/queries/accounts.h"
#include "db/queries/api_keys.h"
#include "handlers/api_key_text.h"
#include "tools/admin/admin.h"

#define MAX_SCOPES 64
#define MAX_NAME_BYTES 64

/* --- create --- */

/* "chat.read,chat.write". */
static enum status read_scopes(struct admin *admin, const char **scopes, size_t *ret_count)
{
    char *rest = arena_strdup(admin->arena, admin->scopes != NULL ? admin->scopes : ""), *word;
    size_t count = 0;

    while ((word = strsep(&rest, ",")) != NULL) {
        if (*word == '\0')
            continue;
        if (!api_scope_exists(word))
            return admin_fail(admin, STATUS_INVALID_ARGUMENT,
                              "there is no scope '%s'; see waystone-admin key scopes", word);
        for (size_t i = 0; i < count; i++)
            if (strcmp(scopes[i], word) == 0)
                return admin_fail(admin, STATUS_INVALID_ARGUMENT, "scope '%s' comes twice", word);
        if (count == MAX_SCOPES)
            return admin_fail(admin, STATUS_INVALID_ARGUMENT, "a key has at most %d scopes",
                              MAX_SCOPES);
        scopes[count++] = word;
    }
    if (count == 0)
        return admin_fail(admin, STATUS_INVALID_ARGUMENT,
                          "say what the key may do: --scopes chat.read,chat.write");
    *ret_count = count;
    return STATUS_OK;
}

static enum status check_name(struct admin *admin)
{
    if (admin->name == NULL || admin->name[0] == '\0' || strlen(admin->name) > MAX_NAME_BYTES)
        return admin_fail(admin, STATUS_INVALID_ARGUMENT,
                          "a key needs a name of 1 to %d bytes: --name TEXT", MAX_NAME_BYTES);
    return STATUS_OK;
}

static enum status insert(struct admin *admin, struct db *tx, int64_t account_id,
                          const char *const *scopes, size_t count)
{
    struct output *output = &admin->output;
    char *key = arena_alloc(admin->arena, API_KEY_LENGTH + 1);
    uint8_t hash[API_KEY_HASH_BYTES];
    struct api_keys_insert_row *row;
    const char *prefix;

    api_key_make(key);
    api_key_hash(key, hash);
    prefix = arena_strndup(admin->arena, key, API_KEY_PREFIX_LENGTH);
    TRY(api_keys_insert(tx, admin->arena, account_id, admin->name, prefix,
                        (struct bytes){hash, sizeof(hash)}, scopes, count, admin->service,
                        admin->days, &row));
    TRY(admin_audit(admin, tx, "admin.key.create", "account", account_id,
                    arena_printf(admin->arena, "API key %lld, %s: %s%s", (long long)row->id, prefix,
                                 admin->service ? "service; " : "", admin->scopes)));
    output_row(output);
    output_number(output, "id", row->id);
    output_text(output, "key", key);
    output_time(output, "created_at", row->created_at);
    if (row->expires_at_is_null)
        output_none(output, "expires_at");
    else
        output_time(output, "expires_at", row->expires_at);
    return STATUS_OK;
}

enum status key_create(struct admin *admin)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    const char *scopes[MAX_SCOPES];
    struct accounts_find_row *account;
    size_t count;

    TRY(check_name(admin));
    TRY(read_scopes(admin, scopes, &count));
    TRY(db_begin(admin->db, admin->arena, &tx));
    TRY(admin_find_account(admin, tx, admin->words[0], &account));
    TRY(insert(admin, tx, account->id, scopes, count));
    return db_commit(tx);
}

/* --- list, revoke --- */

static void add_time(struct output *output, const char *name, bool is_null, int64_t wall_us)
{
    if (is_null)
        output_none(output, name);
    else
        output_time(output, name, wall_us);
}

enum status key_list(struct admin *admin)
{
    int64_t before = admin->from_id > 0 ? admin->from_id : INT64_MAX;
    struct output *output = &admin->output;
    struct api_keys_list_row *rows;
    int64_t account_id;
    size_t count;

    TRY(admin_account_id(admin, &account_id));
    TRY(api_keys_list(admin->db, admin->arena, account_id, before, admin->limit, &rows, &count));
    output->list = "keys";
    for (size_t i = 0; i < count; i++) {
        output_row(output);
        output_number(output, "id", rows[i].id);
        output_number(output, "account_id", rows[i].account_id);
        output_text(output, "user_name", rows[i].user_name);
        output_text(output, "name", rows[i].name);
        output_text(output, "prefix", rows[i].prefix);
        output_text(output, "role", rows[i].is_service ? "service" : "the account's");
        output_text(output, "scopes", rows[i].scopes);
        output_time(output, "created_at", rows[i].created_at);
        add_time(output, "expires_at", rows[i].expires_at_is_null, rows[i].expires_at);
        add_time(output, "last_used_at", rows[i].last_used_at_is_null, rows[i].last_used_at);
        add_time(output, "revoked_at", rows[i].revoked_at_is_null, rows[i].revoked_at);
    }
    return STATUS_OK;
}

/* Doing it again changes and records nothing. */
enum status key_revoke(struct admin *admin)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct api_keys_lock_row *key;
    int64_t id;
    enum status s;

    TRY(admin_number(admin, admin->words[0], &id));
    TRY(db_begin(admin->db, admin->arena, &tx));
    s = api_keys_lock(tx, admin->arena, id, -1, &key);
    if (s == STATUS_NOT_FOUND)
        return admin_fail(admin, s, "there is no API key %lld", (long long)id);
    TRY(s);
    if (!key->is_revoked) {
        TRY(api_keys_revoke(tx, id));
        TRY(admin_audit(
            admin, tx, "admin.key.revoke", "account", key->account_id,
            arena_printf(admin->arena, "API key %lld, %s", (long long)id, key->prefix)));
    }
    TRY(db_commit(tx));
    output_row(&admin->output);
    output_number(&admin->output, "id", id);
    output_text(&admin->output, "prefix", key->prefix);
    output_text(&admin->output, "was", key->is_revoked ? "revoked" : "not revoked");
    return STATUS_OK;
}

enum status key_scopes(struct admin *admin)
{
    struct output *output = &admin->output;

    output->list = "scopes";
    for (size_t i = 0; i < api_scope_count; i++) {
        output_row(output);
        output_text(output, "scope", api_scopes[i].name);
        output_number(output, "methods", (int64_t)api_scopes[i].method_count);
    }
    return STATUS_OK;
}
