#include "handlers/api_key_auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/queries/api_keys.h"
#include "handlers/api_key_text.h"
#include "handlers/background.h"
#include "handlers/limiter.h"

#define CACHE_SLOTS 1024 /* a power of two; a newer key takes an older one's place */
#define FRESH_MS 500     /* for which a loop believes what it read */
#define TURN_MS 500      /* between looks at the keys of open streams */
#define USED_EVERY_US 60000000
#define USED_MAX 256      /* keys whose use waits to be written; more are written later */
#define FALSE_KEYS 60     /* that an address may show a loop ... */
#define FALSE_PERIOD_S 60 /* ... in this time */

#define ENDED "this API key does not work any more"

struct known_key {
    uint8_t hash[API_KEY_HASH_BYTES];
    uint64_t read_at_ms; /* 0: the slot is free */
    struct rpc_identity identity;
    char *scopes; /* separated by blanks */
    int64_t last_used_us;
    bool is_ended, is_banned; /* ended: revoked, or the account is closed */
};

struct api_key_auth {
    struct app *app;
    struct known_key slots[CACHE_SLOTS];
    int64_t used[USED_MAX]; /* ids */
    size_t used_count;
    bool may_be_open; /* a stream with a key: one was shown since none was found */
    struct background background;
};

bool api_key_is_meant(const char *token)
{
    return strncmp(token, API_KEY_START, sizeof(API_KEY_START) - 1) == 0;
}

/* --- reading --- */

static struct known_key *slot_of(struct api_key_auth *auth, const uint8_t *hash)
{
    uint32_t start;

    memcpy(&start, hash, sizeof(start));
    return &auth->slots[start % CACHE_SLOTS];
}

static void fill(struct known_key *key, const uint8_t *hash, const struct api_keys_find_row *row)
{
    free(key->scopes);
    *key = (struct known_key){
        .read_at_ms = clock_monotonic_ms(),
        .identity = {.account_id = row->account_id,
                     .api_key_id = row->id,
                     .role = row->is_service ? RPC_ACCESS_SERVICE : (enum rpc_access)row->role,
                     .expires_at_us = row->expires_at_is_null ? INT64_MAX : row->expires_at},
        .scopes = strdup(row->scopes),
        .last_used_us = row->last_used_at_is_null ? 0 : row->last_used_at,
        .is_ended = row->is_ended,
        .is_banned = row->is_banned,
    };
    if (key->scopes == NULL)
        abort();
    memcpy(key->hash, hash, sizeof(key->hash));
}

static enum status too_many(struct rpc_call *call, const struct limit_decision *decision)
{
    uint32_t seconds = (decision->retry_after_ms + 999) / 1000;

    rpc_set_header(call, "retry-after", arena_printf(call->arena, "%u", seconds));
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED,
                    "too many false API keys from here; try again in %u s", seconds);
}

static bool is_known(const struct known_key *key, const uint8_t *hash)
{
    return key->read_at_ms != 0 && memcmp(key->hash, hash, sizeof(key->hash)) == 0;
}

/* Each key this loop does not know costs the database a query, so an address that has shown too
 * many false ones waits before it may show new ones. */
static enum status read_key(struct rpc_call *call, struct known_key *slot, const uint8_t *hash)
{
    struct bytes bytes = {(uint8_t *)hash, API_KEY_HASH_BYTES};
    struct limit_budget falses = {arena_printf(call->arena, "false-key:%s", interceptor_peer(call)),
                                  FALSE_KEYS, FALSE_PERIOD_S};
    struct limit_decision decision;
    struct api_keys_find_row *row;
    enum status s;

    limiter_look(call->app, &falses, &decision);
    if (!decision.allowed && !is_known(slot, hash))
        return too_many(call, &decision);
    s = api_keys_find(call->app->db, call->arena, bytes, &row);
    if (s == STATUS_NOT_FOUND) {
        limiter_take_locally(call->app, &falses, &decision);
        return rpc_fail(call, STATUS_UNAUTHENTICATED, "there is no such API key");
    }
    TRY(s);
    fill(slot, hash, row);
    return STATUS_OK;
}

static bool is_fresh(const struct known_key *key, const uint8_t *hash)
{
    return is_known(key, hash) && clock_monotonic_ms() < key->read_at_ms + FRESH_MS;
}

/* --- judging --- */

static bool has_scope(const char *scopes, const char *wanted)
{
    size_t length = strlen(wanted);

    for (const char *at = scopes; *at != '\0'; at += strspn(at, " ")) {
        size_t here = strcspn(at, " ");
        if (here == length && memcmp(at, wanted, length) == 0)
            return true;
        at += here;
    }
    return false;
}

static enum status check_works(struct rpc_call *call, const struct known_key *key)
{
    if (key->is_ended || clock_wall_us() >= key->identity.expires_at_us)
        return rpc_fail(call, STATUS_UNAUTHENTICATED, ENDED);
    if (key->is_banned)
        return rpc_fail_reason(call, STATUS_PERMISSION_DENIED, "BANNED",
                               "the account of this API key is banned");
    return STATUS_OK;
}

static enum status check_scope(struct rpc_call *call, const struct known_key *key)
{
    const char *wanted = call->method->scope;

    if (wanted == NULL)
        return rpc_fail_reason(call, STATUS_PERMISSION_DENIED, "API_KEY_REFUSED",
                               "%s takes no API key; it needs somebody who is signed in",
                               call->method->name);
    if (!has_scope(key->scopes, wanted))
        return rpc_fail_reason(call, STATUS_PERMISSION_DENIED, "SCOPE_MISSING",
                               "this API key was not given the scope %s", wanted);
    return STATUS_OK;
}

static void note_use(struct api_key_auth *auth, struct known_key *key)
{
    int64_t now_us = clock_wall_us();

    if (now_us - key->last_used_us < USED_EVERY_US || auth->used_count == USED_MAX)
        return;
    key->last_used_us = now_us;
    auth->used[auth->used_count++] = key->identity.api_key_id;
}

enum status api_key_authenticate(struct rpc_call *call, const char *text,
                                 struct rpc_identity *ret_identity)
{
    struct api_key_auth *auth = call->app->api_keys;
    uint8_t hash[API_KEY_HASH_BYTES];
    struct known_key *key;

    if (!api_key_is_well_formed(text))
        return rpc_fail(call, STATUS_UNAUTHENTICATED,
                        "this is no API key; was it copied as a whole?");
    api_key_hash(text, hash);
    key = slot_of(auth, hash);
    if (!is_fresh(key, hash))
        TRY(read_key(call, key, hash));
    /* Nothing suspends from here on: the slot stays this key's. */
    TRY(check_works(call, key));
    auth->may_be_open = true;
    *ret_identity = key->identity; /* who is refused from here on is known, to the audit log too */
    TRY(check_scope(call, key));
    note_use(auth, key);
    return STATUS_OK;
}

/* --- every half second --- */

static void write_used(struct api_key_auth *auth)
{
    int64_t ids[USED_MAX];
    size_t count = auth->used_count;

    if (count == 0)
        return;
    memcpy(ids, auth->used, count * sizeof(*ids));
    auth->used_count = 0;
    /* What cannot be written is written after the next use. */
    (void)!api_keys_used(auth->app->db, ids, count);
}

struct id_set {
    int64_t *ids;
    size_t count;
};

static bool has_id(const struct id_set *set, int64_t id)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->ids[i] == id)
            return true;
    return false;
}

/* Chooses no stream; notes which keys opened some. */
static bool note_key(const struct rpc_call *call, void *argument)
{
    struct id_set *open = argument;
    int64_t id = call->identity.api_key_id;

    if (id != 0 && !has_id(open, id))
        open->ids[open->count++] = id;
    return false;
}

static bool is_of_ended_key(const struct rpc_call *call, void *argument)
{
    return call->identity.api_key_id != 0 && has_id(argument, call->identity.api_key_id);
}

static void end_streams(struct api_key_auth *auth)
{
    CLEANUP(arena_freep) struct arena *arena = NULL;
    struct api_keys_ended_row *rows;
    struct id_set open, ended;

    if (!auth->may_be_open)
        return; /* spares a look at every stream */
    arena = arena_new();
    open = (struct id_set){arena_alloc_array(arena, rpc_open_calls(), sizeof(*open.ids)), 0};
    rpc_server_end_streams(note_key, &open, STATUS_OK, NULL);
    auth->may_be_open = open.count > 0;
    if (open.count == 0 ||
        api_keys_ended(auth->app->db, arena, open.ids, open.count, &rows, &ended.count) !=
            STATUS_OK ||
        ended.count == 0)
        return;
    ended.ids = arena_alloc_array(arena, ended.count, sizeof(*ended.ids));
    for (size_t i = 0; i < ended.count; i++)
        ended.ids[i] = rows[i].id;
    rpc_server_end_streams(is_of_ended_key, &ended, STATUS_UNAUTHENTICATED, ENDED);
}

static uint64_t turn(struct background *background)
{
    struct api_key_auth *auth = background->app->api_keys;

    write_used(auth);
    end_streams(auth);
    return TURN_MS;
}

static void last(struct background *background)
{
    write_used(background->app->api_keys);
}

/* --- life --- */

void api_key_auth_open(struct app *app)
{
    struct api_key_auth *auth = calloc(1, sizeof(*auth));

    if (auth == NULL)
        abort();
    auth->app = app;
    app->api_keys = auth;
    background_start(&auth->background, app, turn, TURN_MS);
    auth->background.last = last;
}

void api_key_auth_close(struct app *app)
{
    struct api_key_auth *auth = app->api_keys;

    background_stop(&auth->background);
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        free(auth->slots[i].scopes);
    free(auth);
    app->api_keys = NULL;
}
