/* auth-bench - what it costs to know who calls: tokens seen before, and tokens seen first.
 *
 * The authenticator itself on one thread, without a server around it, since what it takes is a
 * small part of a call. One JSON line for each figure: CPU of this thread by call. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "handlers/authenticator.h"
#include "handlers/key_pairs.h"
#include "handlers/tokens.h"
#include "server/call.h"

#define SESSIONS 10000 /* players of a loop; the cache has room for 16,384 */
#define ROUNDS 100
#define ISSUER "waystone"

static struct app app;
static struct arena *lasting;
static struct call_state state;

static void die(const char *what)
{
    fprintf(stderr, "auth-bench: %s\n", what);
    exit(1);
}

static struct keys *new_keys(void)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pair);
    unsigned char point[KEY_POINT_BYTES + 1], *der = NULL;
    int length = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    struct keys *keys = keys_new();
    char id[KEY_ID_LENGTH + 1];
    size_t point_length;

    if (EVP_PKEY_get_octet_string_param(pair, "pub", point, sizeof(point), &point_length) != 1)
        die("no key");
    key_pair_id(point + 1, id);
    if (!keys_add(keys, id, (struct bytes){point + 1, KEY_POINT_BYTES},
                  (struct bytes){der, (size_t)length}, 0))
        die("the key is refused");
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_free(der);
    EVP_PKEY_free(pair);
    return keys;
}

static const char *new_token(int64_t session_id)
{
    int64_t now_s = clock_wall_us() / 1000000;
    struct token_claims claims = {
        .account_id = session_id,
        .session_id = session_id,
        .role = RPC_ACCESS_PLAYER,
        .issued_s = now_s,
        .expires_s = now_s + 3600,
    };

    return token_sign(app.keys, lasting, ISSUER, &claims);
}

static double cpu_us(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* Each token once. Returns the CPU of one, in microseconds. */
static double round_of(const char *const *tokens)
{
    struct authenticator *authenticator = authenticator_interface();
    struct arena *arena = arena_new();
    struct rpc_identity identity;
    double start_us = cpu_us(), each_us;

    state.wire.arena = arena;
    state.call = (struct rpc_call){.app = &app, .arena = arena, .loop = app.loop, .state = &state};
    for (int i = 0; i < SESSIONS; i++)
        if (authenticator->authenticate(&state.call, tokens[i], &identity, NULL) != STATUS_OK ||
            identity.session_id != i + 1)
            die("a good token is refused");
    each_us = (cpu_us() - start_us) / SESSIONS;
    arena_free(arena);
    return each_us;
}

int main(void)
{
    const char **tokens = calloc(SESSIONS, sizeof(*tokens));
    double first_us, again_us = 0;

    lasting = arena_new();
    app = (struct app){
        .loop = loop_new(0), .keys = new_keys(), .issuer = ISSUER, .access_token_s = 600};
    authenticator_open(&app);
    for (int i = 0; i < SESSIONS; i++)
        tokens[i] = new_token(i + 1);
    first_us = round_of(tokens);
    for (int i = 0; i < ROUNDS; i++)
        again_us += round_of(tokens) / ROUNDS;
    printf("{\"figure\": \"auth_first_cpu_us\", \"value\": %.3f, \"unit\": \"us\"}\n", first_us);
    printf("{\"figure\": \"auth_again_cpu_us\", \"value\": %.3f, \"unit\": \"us\", "
           "\"sessions\": %d}\n",
           again_us, SESSIONS);
    return 0;
}
