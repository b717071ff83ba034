/* Tokens and ended sessions, without a database: the loop does not run. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/authenticator.h"
#include "handlers/tokens.h"
#include "server/call.h"
#include "tests/unit/handlers/key_set.h"

TestSuite(authenticator, .timeout = 60);

#define ISSUER "waystone"

struct fixture {
    struct app app;
    struct keys *keys;
    struct arena *arena;
    struct call_state state;
};

static void open_fixture(struct fixture *fixture)
{
    memset(fixture, 0, sizeof(*fixture));
    fixture->keys = key_set_new();
    fixture->arena = arena_new();
    fixture->app = (struct app){
        .loop = loop_new(0),
        .keys = fixture->keys,
        .issuer = ISSUER,
        .access_token_s = 900,
    };
    authenticator_open(&fixture->app);
    fixture->state.wire.arena = fixture->arena;
    fixture->state.call = (struct rpc_call){
        .app = &fixture->app,
        .arena = fixture->arena,
        .loop = fixture->app.loop,
        .state = &fixture->state,
    };
}

static void close_fixture(struct fixture *fixture)
{
    authenticator_close(&fixture->app);
    loop_free(fixture->app.loop);
    arena_free(fixture->arena);
    keys_free(fixture->keys);
}

static const char *token_of(struct fixture *fixture, int64_t session_id, int64_t life_s)
{
    int64_t now_s = clock_wall_us() / 1000000;
    struct token_claims claims = {
        .account_id = 1000 + session_id,
        .session_id = session_id,
        .role = RPC_ACCESS_MODERATOR,
        .issued_s = now_s,
        .expires_s = now_s + life_s,
    };

    return token_sign(fixture->keys, fixture->arena, ISSUER, &claims);
}

static enum status authenticate(struct fixture *fixture, const char *token,
                                struct rpc_identity *ret)
{
    struct authenticator *authenticator = authenticator_interface();

    fixture->state.outcome.message = NULL;
    return authenticator->authenticate(&fixture->state.call, token, ret, authenticator->user);
}

static void expect_ended(struct fixture *fixture, const char *token)
{
    struct rpc_identity identity;

    cr_expect_eq(authenticate(fixture, token, &identity), STATUS_UNAUTHENTICATED);
    cr_expect_str_eq(fixture->state.outcome.message, "this session has ended; sign in again");
}

Test(authenticator, token_tells_who_calls)
{
    struct fixture fixture;
    struct rpc_identity identity;
    const char *token;

    open_fixture(&fixture);
    token = token_of(&fixture, 7, 900);
    for (int i = 0; i < 2; i++) { /* verified, then from the cache */
        memset(&identity, 0, sizeof(identity));
        cr_assert_eq(authenticate(&fixture, token, &identity), STATUS_OK);
        cr_expect_eq(identity.account_id, 1007);
        cr_expect_eq(identity.session_id, 7);
        cr_expect_eq(identity.role, RPC_ACCESS_MODERATOR);
        cr_expect_gt(identity.expires_at_us, clock_wall_us());
    }
    close_fixture(&fixture);
}

Test(authenticator, refusal_says_why)
{
    struct fixture fixture;
    struct rpc_identity identity;

    open_fixture(&fixture);
    cr_expect_eq(authenticate(&fixture, "nonsense", &identity), STATUS_UNAUTHENTICATED);
    cr_expect_not_null(strstr(fixture.state.outcome.message, "not one of ours"));
    cr_expect_eq(authenticate(&fixture, token_of(&fixture, 7, -1), &identity),
                 STATUS_UNAUTHENTICATED);
    cr_expect_not_null(strstr(fixture.state.outcome.message, "expired"));
    close_fixture(&fixture);
}

/* The cache must not keep a token alive. */
Test(authenticator, cached_token_expires)
{
    struct fixture fixture;
    struct rpc_identity identity;
    const char *token;
    int64_t second_s = clock_wall_us() / 1000000;

    open_fixture(&fixture);
    while (clock_wall_us() / 1000000 == second_s)
        ; /* a whole second lies ahead */
    token = token_of(&fixture, 7, 1);
    cr_assert_eq(authenticate(&fixture, token, &identity), STATUS_OK);
    while (clock_wall_us() < identity.expires_at_us)
        ;
    cr_expect_eq(authenticate(&fixture, token, &identity), STATUS_UNAUTHENTICATED);
    close_fixture(&fixture);
}

Test(authenticator, ended_session_is_refused_cached_or_not)
{
    struct fixture fixture;
    struct rpc_identity identity;
    const char *cached, *fresh, *other;

    open_fixture(&fixture);
    cached = token_of(&fixture, 7, 900);
    fresh = token_of(&fixture, 7, 901);
    other = token_of(&fixture, 8, 900);
    cr_assert_eq(authenticate(&fixture, cached, &identity), STATUS_OK);
    authenticator_session_ended(&fixture.app, 7);
    expect_ended(&fixture, cached);
    expect_ended(&fixture, fresh);
    cr_expect_eq(authenticate(&fixture, other, &identity), STATUS_OK);
    close_fixture(&fixture);
}

/* The set grows, and forgets nothing while a token could still be valid. */
Test(authenticator, many_sessions_end)
{
    struct fixture fixture;
    struct rpc_identity identity;

    open_fixture(&fixture);
    for (int64_t id = 2; id <= 100000; id += 2) {
        authenticator_session_ended(&fixture.app, id);
        authenticator_session_ended(&fixture.app, id); /* as the poll repeats it */
    }
    for (int64_t id = 1000; id <= 100000; id += 1000) {
        expect_ended(&fixture, token_of(&fixture, id, 900));
        cr_expect_eq(authenticate(&fixture, token_of(&fixture, id + 1, 900), &identity), STATUS_OK);
    }
    close_fixture(&fixture);
}

/* A key that is gone takes its tokens along, also those that were verified before. */
Test(authenticator, changed_keys_empty_the_cache)
{
    struct fixture fixture;
    struct rpc_identity identity;
    struct keys *before;
    const char *token;

    open_fixture(&fixture);
    token = token_of(&fixture, 7, 900);
    cr_assert_eq(authenticate(&fixture, token, &identity), STATUS_OK);
    before = fixture.keys;
    fixture.app.keys = fixture.keys = key_set_new();
    cr_expect_eq(authenticate(&fixture, token, &identity), STATUS_OK, "from the cache");
    authenticator_keys_changed(&fixture.app);
    cr_expect_eq(authenticate(&fixture, token, &identity), STATUS_UNAUTHENTICATED);
    keys_free(before);
    close_fixture(&fixture);
}

Test(authenticator, without_keys_nothing_can_be_told)
{
    struct fixture fixture;
    struct rpc_identity identity;
    const char *token;

    open_fixture(&fixture);
    token = token_of(&fixture, 7, 900);
    fixture.app.keys = NULL;
    cr_expect_eq(authenticate(&fixture, token, &identity), STATUS_UNAVAILABLE);
    close_fixture(&fixture);
}
