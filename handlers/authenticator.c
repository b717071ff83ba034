#include "handlers/authenticator.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "db/queries/accounts.h"
#include "handlers/tokens.h"

#define CACHE_SLOTS 16384 /* a power of two; a newer token takes an older one's place */
#define POLL_MS 1000
/* Commits become visible a little after their timestamp. */
#define OVERLAP_US 10000000
/* A session is remembered this much longer than its last token lives: clocks differ, and a token
 * may be signed a moment after the session ended. */
#define MARGIN_US 60000000

#define ENDED "this session has ended; sign in again"

struct cached_token {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct rpc_identity identity;
};

struct ended_session {
    int64_t id;
    int64_t at_us;
};

struct token_cache {
    struct app *app;
    struct cached_token *slots;
    struct ended_session *ended; /* open addressing; id 0 is free */
    size_t ended_size, ended_count;
    int64_t polled_until_us;
    struct loop_timer timer;
    struct loop_task end_streams;
};

/* --- ended sessions --- */

static int64_t oldest_useful_us(const struct app *app)
{
    return clock_wall_us() - (int64_t)app->access_token_s * 1000000 - MARGIN_US;
}

static struct ended_session *find_ended(struct token_cache *cache, int64_t id)
{
    size_t slot = (uint64_t)id * 11400714819323198485u % cache->ended_size;

    while (cache->ended[slot].id != 0 && cache->ended[slot].id != id)
        slot = (slot + 1) % cache->ended_size;
    return &cache->ended[slot];
}

static void allocate_ended(struct token_cache *cache, size_t size)
{
    cache->ended = calloc(size, sizeof(*cache->ended));
    if (cache->ended == NULL)
        abort();
    cache->ended_size = size;
    cache->ended_count = 0;
}

static void add_ended(struct token_cache *cache, int64_t id, int64_t at_us);

/* Makes room, forgetting sessions whose last access token has expired. */
static void rebuild_ended(struct token_cache *cache)
{
    struct ended_session *old = cache->ended;
    size_t old_size = cache->ended_size;
    int64_t oldest_us = oldest_useful_us(cache->app);

    allocate_ended(cache, old_size);
    for (size_t i = 0; i < old_size; i++)
        if (old[i].id != 0 && old[i].at_us >= oldest_us)
            add_ended(cache, old[i].id, old[i].at_us);
    if (cache->ended_count * 4 > old_size) {
        struct ended_session *kept = cache->ended;
        allocate_ended(cache, old_size * 2);
        for (size_t i = 0; i < old_size; i++)
            if (kept[i].id != 0)
                add_ended(cache, kept[i].id, kept[i].at_us);
        free(kept);
    }
    free(old);
}

static void add_ended(struct token_cache *cache, int64_t id, int64_t at_us)
{
    struct ended_session *entry;

    if (cache->ended_count * 2 >= cache->ended_size)
        rebuild_ended(cache);
    entry = find_ended(cache, id);
    if (entry->id == 0) {
        cache->ended_count++;
        loop_defer(cache->app->loop, &cache->end_streams);
    }
    *entry = (struct ended_session){id, at_us};
}

static bool is_ended(const struct rpc_call *call, void *argument)
{
    return find_ended(argument, call->identity.session_id)->id != 0;
}

/* Streams outlive their token's life, but not their session. */
static void end_streams(struct loop_task *task)
{
    struct token_cache *cache =
        (struct token_cache *)((char *)task - offsetof(struct token_cache, end_streams));

    rpc_server_end_streams(is_ended, cache, STATUS_UNAUTHENTICATED, ENDED);
}

void authenticator_session_ended(struct app *app, int64_t session_id)
{
    add_ended(app->token_cache, session_id, clock_wall_us());
}

static void poll_main(void *argument)
{
    struct token_cache *cache = argument;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct sessions_revoked_since_row *rows;
    size_t count;

    if (sessions_revoked_since(cache->app->db, arena, cache->polled_until_us - OVERLAP_US, &rows,
                               &count) == STATUS_OK) {
        for (size_t i = 0; i < count; i++) {
            add_ended(cache, rows[i].id, rows[i].revoked_at);
            if (rows[i].revoked_at > cache->polled_until_us)
                cache->polled_until_us = rows[i].revoked_at;
        }
    }
    loop_timer_set(cache->app->loop, &cache->timer, POLL_MS);
}

static void on_timer(struct loop_timer *timer)
{
    struct token_cache *cache =
        (struct token_cache *)((char *)timer - offsetof(struct token_cache, timer));

    coro_start(cache->app->loop, poll_main, cache);
}

/* --- tokens --- */

static struct cached_token *slot_of(struct token_cache *cache, const unsigned char *digest)
{
    uint32_t start;

    memcpy(&start, digest, sizeof(start));
    return &cache->slots[start % CACHE_SLOTS];
}

static enum status verify(struct rpc_call *call, const char *token,
                          struct rpc_identity *ret_identity)
{
    struct app *app = call->app;
    struct token_claims claims;
    const char *error;
    enum status s = token_verify(app->keys, call->arena, app->issuer, clock_wall_us() / 1000000,
                                 token, &claims, &error);

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

static enum status authenticate(struct rpc_call *call, const char *token,
                                struct rpc_identity *ret_identity, void *user)
{
    struct token_cache *cache = call->app->token_cache;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct cached_token *cached;

    SHA256((const unsigned char *)token, strlen(token), digest);
    cached = slot_of(cache, digest);
    if (memcmp(cached->digest, digest, sizeof(digest)) != 0 ||
        clock_wall_us() >= cached->identity.expires_at_us) {
        struct rpc_identity identity;
        TRY(verify(call, token, &identity));
        memcpy(cached->digest, digest, sizeof(digest));
        cached->identity = identity;
    }
    if (find_ended(cache, cached->identity.session_id)->id != 0)
        return rpc_fail(call, STATUS_UNAUTHENTICATED, ENDED);
    *ret_identity = cached->identity;
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

    if (cache == NULL || (cache->slots = calloc(CACHE_SLOTS, sizeof(*cache->slots))) == NULL)
        abort();
    cache->app = app;
    allocate_ended(cache, 1024);
    /* Sessions that ended before this instance started count as well. */
    cache->polled_until_us = oldest_useful_us(app);
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
    free(app->token_cache->ended);
    free(app->token_cache);
    app->token_cache = NULL;
}
