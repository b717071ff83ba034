#include "handlers/authenticator.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "db/queries/accounts.h"
#include "db/queries/sessions.h"
#include "handlers/api_key_auth.h"
#include "handlers/tokens.h"

/* Verified tokens of a loop: those of some 50,000 players, in memory that is used as they come. */
#define CACHE_SETS 16384 /* a power of two */
#define CACHE_WAYS 4     /* tokens that may have the same start */
#define POLL_MS 500      /* what was taken away is gone within a second */
/* Commits become visible a little after their timestamp. */
#define OVERLAP_US 10000000
/* A change is remembered this much longer than its last token lives: clocks differ, and a token
 * may be signed a moment after the session ended. */
#define MARGIN_US 60000000

#define ENDED "this session has ended; sign in again"

struct cached_token {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct rpc_identity identity;
};

/* A session that ended, or an account whose role changed. */
struct change {
    int64_t id;
    int64_t at_us;
    enum rpc_access role; /* of an account, since then */
};

/* Open addressing; id 0 is free. */
struct change_table {
    struct change *slots;
    size_t size, count;
};

struct token_cache {
    struct app *app;
    struct cached_token *slots;
    EVP_MD *sha256; /* kept: SHA256() looks it up each time, which takes longer than the digest */
    EVP_MD_CTX *digester;
    struct change_table ended, roles;
    int64_t ended_until_us, roles_until_us; /* polled */
    struct loop_timer timer;
    struct loop_task end_streams;
};

/* --- tables of changes --- */

static int64_t oldest_useful_us(const struct app *app)
{
    return clock_wall_us() - (int64_t)app->access_token_s * 1000000 - MARGIN_US;
}

static struct change *find(const struct change_table *table, int64_t id)
{
    size_t slot = (uint64_t)id * 11400714819323198485u % table->size;

    while (table->slots[slot].id != 0 && table->slots[slot].id != id)
        slot = (slot + 1) % table->size;
    return &table->slots[slot];
}

static void allocate(struct change_table *table, size_t size)
{
    assert(size > 0);
    table->slots = calloc(size, sizeof(*table->slots));
    if (table->slots == NULL)
        abort();
    table->size = size;
    table->count = 0;
}

/* Makes room: forgets what no token can be as old as, and doubles the table if that is not
 * enough. */
static void rebuild(struct change_table *table, int64_t oldest_us)
{
    struct change_table old = *table;
    size_t useful = 0;

    for (size_t i = 0; i < old.size; i++)
        useful += old.slots[i].id != 0 && old.slots[i].at_us >= oldest_us;
    allocate(table, useful * 4 > old.size ? old.size * 2 : old.size);
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i].id != 0 && old.slots[i].at_us >= oldest_us) {
            *find(table, old.slots[i].id) = old.slots[i];
            table->count++;
        }
    free(old.slots);
}

/* Whether it was news. */
static bool note(struct change_table *table, const struct change *change, int64_t oldest_us)
{
    struct change *entry;
    bool news;

    if (table->count * 2 >= table->size)
        rebuild(table, oldest_us);
    entry = find(table, change->id);
    table->count += entry->id == 0;
    news = entry->id == 0 || (entry->at_us < change->at_us && entry->role != change->role);
    if (entry->at_us <= change->at_us)
        *entry = *change;
    return news;
}

static void note_ended(struct token_cache *cache, int64_t session_id, int64_t at_us)
{
    struct change change = {.id = session_id, .at_us = at_us};

    if (note(&cache->ended, &change, oldest_useful_us(cache->app)))
        loop_defer(cache->app->loop, &cache->end_streams);
}

static void note_role(struct token_cache *cache, int64_t account_id, enum rpc_access role,
                      int64_t at_us)
{
    struct change change = {account_id, at_us, role};

    if (note(&cache->roles, &change, oldest_useful_us(cache->app)))
        loop_defer(cache->app->loop, &cache->end_streams);
}

/* --- streams that may not go on --- */

/* What the caller may do now: its token tells what it might when it was signed. */
static enum rpc_access current_role(const struct token_cache *cache,
                                    const struct rpc_identity *identity)
{
    const struct change *change = find(&cache->roles, identity->account_id);

    /* What a service may do is its key's, not its account's. */
    return change->id != 0 && identity->role != RPC_ACCESS_SERVICE ? change->role : identity->role;
}

static bool is_ended(const struct rpc_call *call, void *argument)
{
    const struct token_cache *cache = argument;

    return find(&cache->ended, call->identity.session_id)->id != 0;
}

static bool lacks_access(const struct rpc_call *call, void *argument)
{
    return call->identity.account_id != 0 &&
           current_role(argument, &call->identity) < call->method->access;
}

/* What such a stream sees may depend on the role it was opened with. */
static bool lost_role(const struct rpc_call *call, void *argument)
{
    return call->identity.account_id != 0 &&
           current_role(argument, &call->identity) < call->identity.role;
}

/* Streams outlive their token's life, but neither their session nor their role. */
static void end_streams(struct loop_task *task)
{
    struct token_cache *cache =
        (struct token_cache *)((char *)task - offsetof(struct token_cache, end_streams));

    rpc_server_end_streams(is_ended, cache, STATUS_UNAUTHENTICATED, ENDED);
    rpc_server_end_streams(lacks_access, cache, STATUS_PERMISSION_DENIED,
                           "your role does not allow this any more");
    rpc_server_end_streams(lost_role, cache, STATUS_UNAVAILABLE,
                           "your role has changed; open the stream again");
}

void authenticator_session_ended(struct app *app, int64_t session_id)
{
    note_ended(app->token_cache, session_id, clock_wall_us());
}

static struct cached_token *new_slots(void)
{
    struct cached_token *slots =
        calloc((size_t)CACHE_SETS * CACHE_WAYS, sizeof(struct cached_token));

    if (slots == NULL)
        abort();
    return slots;
}

void authenticator_keys_changed(struct app *app)
{
    free(app->token_cache->slots);
    app->token_cache->slots = new_slots();
}

/* --- the poll --- */

static void poll_ended(struct token_cache *cache, struct arena *arena)
{
    struct sessions_revoked_since_row *rows;
    size_t count;

    if (sessions_revoked_since(cache->app->db, arena, cache->ended_until_us - OVERLAP_US, &rows,
                               &count) != STATUS_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        note_ended(cache, rows[i].id, rows[i].revoked_at);
        if (rows[i].revoked_at > cache->ended_until_us)
            cache->ended_until_us = rows[i].revoked_at;
    }
}

static void poll_roles(struct token_cache *cache, struct arena *arena)
{
    struct accounts_roles_changed_since_row *rows;
    size_t count;

    if (accounts_roles_changed_since(cache->app->db, arena, cache->roles_until_us - OVERLAP_US,
                                     &rows, &count) != STATUS_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        note_role(cache, rows[i].id, (enum rpc_access)rows[i].role, rows[i].role_changed_at);
        if (rows[i].role_changed_at > cache->roles_until_us)
            cache->roles_until_us = rows[i].role_changed_at;
    }
}

static void poll_main(void *argument)
{
    struct token_cache *cache = argument;
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    poll_ended(cache, arena);
    poll_roles(cache, arena);
    loop_timer_set_on_beat(cache->app->loop, &cache->timer, POLL_MS);
}

static void on_timer(struct loop_timer *timer)
{
    struct token_cache *cache =
        (struct token_cache *)((char *)timer - offsetof(struct token_cache, timer));

    coro_start(cache->app->loop, poll_main, cache);
}

/* --- tokens --- */

/* Where the token is, or else where it goes: in place of the one of its set that ends first. */
static struct cached_token *slot_of(struct token_cache *cache, const unsigned char *digest)
{
    struct cached_token *set, *oldest;
    uint32_t start;

    memcpy(&start, digest, sizeof(start));
    set = oldest = &cache->slots[start % CACHE_SETS * CACHE_WAYS];
    for (struct cached_token *each = set; each < set + CACHE_WAYS; each++) {
        if (memcmp(each->digest, digest, sizeof(each->digest)) == 0)
            return each;
        if (each->identity.expires_at_us < oldest->identity.expires_at_us)
            oldest = each;
    }
    return oldest;
}

static enum status verify(struct rpc_call *call, const char *token,
                          struct rpc_identity *ret_identity)
{
    struct app *app = call->app;
    struct token_claims claims;
    const char *error;
    enum status s;

    if (app->keys == NULL)
        return rpc_fail(call, STATUS_UNAVAILABLE, "tokens cannot be checked yet; try again");
    s = token_verify(app->keys, call->arena, app->issuer, clock_wall_us() / 1000000, token, &claims,
                     &error);
    if (s != STATUS_OK)
        return rpc_fail(call, s, "%s", error);
    *ret_identity = (struct rpc_identity){
        .account_id = claims.account_id,
        .session_id = claims.session_id,
        .role = (enum rpc_access)claims.role,
        .expires_at_us = claims.expires_s * 1000000,
    };
    return STATUS_OK;
}

static void digest_of(struct token_cache *cache, const char *token, unsigned char *out)
{
    if (EVP_DigestInit_ex2(cache->digester, cache->sha256, NULL) != 1 ||
        EVP_DigestUpdate(cache->digester, token, strlen(token)) != 1 ||
        EVP_DigestFinal_ex(cache->digester, out, NULL) != 1)
        abort();
}

static enum status authenticate(struct rpc_call *call, const char *token,
                                struct rpc_identity *ret_identity, void *user)
{
    struct token_cache *cache = call->app->token_cache;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct cached_token *cached;

    if (api_key_is_meant(token))
        return api_key_authenticate(call, token, ret_identity);
    digest_of(cache, token, digest);
    cached = slot_of(cache, digest);
    if (memcmp(cached->digest, digest, sizeof(digest)) != 0 ||
        clock_wall_us() >= cached->identity.expires_at_us) {
        struct rpc_identity identity;
        TRY(verify(call, token, &identity));
        memcpy(cached->digest, digest, sizeof(digest));
        cached->identity = identity;
    }
    if (find(&cache->ended, cached->identity.session_id)->id != 0)
        return rpc_fail(call, STATUS_UNAUTHENTICATED, ENDED);
    *ret_identity = cached->identity;
    ret_identity->role = current_role(cache, &cached->identity);
    return STATUS_OK;
}

struct authenticator *authenticator_interface(void)
{
    static struct authenticator authenticator = {.authenticate = authenticate};

    return &authenticator;
}

/* --- life --- */

void authenticator_open(struct app *app)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        abort();
    cache->slots = new_slots();
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    cache->digester = EVP_MD_CTX_new();
    if (cache->sha256 == NULL || cache->digester == NULL)
        abort();
    cache->app = app;
    allocate(&cache->ended, 1024);
    allocate(&cache->roles, 64);
    /* What happened before this instance started counts as well. */
    cache->ended_until_us = cache->roles_until_us = oldest_useful_us(app);
    cache->timer.fn = on_timer;
    cache->end_streams.fn = end_streams;
    loop_timer_set(app->loop, &cache->timer, 0);
    app->token_cache = cache;
}

void authenticator_close(struct app *app)
{
    loop_timer_cancel(app->loop, &app->token_cache->timer);
    loop_undefer(app->loop, &app->token_cache->end_streams);
    free(app->token_cache->slots);
    EVP_MD_CTX_free(app->token_cache->digester);
    EVP_MD_free(app->token_cache->sha256);
    free(app->token_cache->ended.slots);
    free(app->token_cache->roles.slots);
    free(app->token_cache);
    app->token_cache = NULL;
}
