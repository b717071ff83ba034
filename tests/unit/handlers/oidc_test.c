/* Keys are made here, and tokens signed with them: right ones, and one wrong thing at a time. */
#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/oidc.h"
#include "server/protocol/base64.h"

TestSuite(oidc, .timeout = 60);

#define ISSUER "https://accounts.example.org"
#define CLIENT "waystone"
#define NONCE "n-0S6_WzA2Mj"
#define NOW 1800000000

struct world {
    struct arena *arena;
    EVP_PKEY *rsa, *ec;
    struct oidc_keys *keys;
};

static const char *url64(struct arena *arena, const void *data, size_t length)
{
    char *text = arena_alloc(arena, base64_encoded_length(length, false) + 1);

    base64_encode_to(text, data, length, BASE64_URL, false);
    return text;
}

static const char *parameter(struct arena *arena, EVP_PKEY *key, const char *name, int length)
{
    BIGNUM *number = NULL;
    unsigned char bytes[1024];

    cr_assert_eq(EVP_PKEY_get_bn_param(key, name, &number), 1);
    if (length == 0)
        length = BN_num_bytes(number);
    cr_assert_eq(BN_bn2binpad(number, bytes, length), length);
    BN_free(number);
    return url64(arena, bytes, (size_t)length);
}

static const char *rsa_jwk(struct arena *arena, EVP_PKEY *key, const char *id, const char *more)
{
    return arena_printf(arena, "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"%s}", id,
                        parameter(arena, key, OSSL_PKEY_PARAM_RSA_N, 0),
                        parameter(arena, key, OSSL_PKEY_PARAM_RSA_E, 0), more);
}

static const char *ec_jwk(struct arena *arena, EVP_PKEY *key, const char *id, const char *more)
{
    return arena_printf(
        arena, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}", id,
        parameter(arena, key, OSSL_PKEY_PARAM_EC_PUB_X, 32),
        parameter(arena, key, OSSL_PKEY_PARAM_EC_PUB_Y, 32), more);
}

static struct oidc_keys *read_keys(const char *json)
{
    const char *error = NULL;

    return oidc_keys_read((struct bytes){(const uint8_t *)json, strlen(json)}, &error);
}

static void world_make(struct world *world)
{
    world->arena = arena_new();
    world->rsa = EVP_RSA_gen(2048);
    world->ec = EVP_EC_gen("P-256");
    cr_assert(world->rsa != NULL && world->ec != NULL);
    world->keys = read_keys(arena_printf(world->arena, "{\"keys\":[%s,%s]}",
                                         rsa_jwk(world->arena, world->rsa, "r", ",\"use\":\"sig\""),
                                         ec_jwk(world->arena, world->ec, "e", "")));
    cr_assert_not_null(world->keys);
}

static void world_endp(struct world *world)
{
    oidc_keys_free(world->keys);
    EVP_PKEY_free(world->rsa);
    EVP_PKEY_free(world->ec);
    arena_free(world->arena);
}

static size_t to_plain(unsigned char *signature, size_t length)
{
    const unsigned char *der = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);

    BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32);
    ECDSA_SIG_free(pair);
    return 64;
}

static const char *sign(struct world *world, EVP_PKEY *key, const char *head, const char *claims)
{
    const char *text = arena_printf(world->arena, "%s.%s", url64(world->arena, head, strlen(head)),
                                    url64(world->arena, claims, strlen(claims)));
    unsigned char signature[512];
    size_t length = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    cr_assert_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    cr_assert_eq(
        EVP_DigestSign(context, signature, &length, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    if (key == world->ec)
        length = to_plain(signature, length);
    return arena_printf(world->arena, "%s.%s", text, url64(world->arena, signature, length));
}

/* Claims that hold, with members behind that count more than those. */
static const char *claims_with(struct world *world, const char *behind)
{
    return arena_printf(world->arena,
                        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE
                        "\",\"sub\":\"248289761001\",\"exp\":%d,\"iat\":%d%s}",
                        NOW + 600, NOW - 5, behind);
}

static enum oidc_result verify(struct world *world, const char *token, struct oidc_identity *ret,
                               const char **reterr)
{
    struct oidc_expected expected = {ISSUER, CLIENT, NONCE, NOW};

    return oidc_verify(world->arena, world->keys, &expected, token, ret, reterr);
}

static void expect_token(struct world *world, const char *token, enum oidc_result result,
                         const char *words)
{
    struct oidc_identity who = {0};
    const char *error = "";
    enum oidc_result found = verify(world, token, &who, &error);

    cr_expect_eq(found, result, "%d, %s: %s", found, error, words);
    if (result != OIDC_OK)
        cr_expect(strstr(error, words) != NULL, "'%s' is not in '%s'", words, error);
}

/* By the RSA key, with the claims changed. */
static void expect_claims(struct world *world, const char *behind, enum oidc_result result,
                          const char *words)
{
    expect_token(
        world,
        sign(world, world->rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}", claims_with(world, behind)),
        result, words);
}

Test(oidc, both_algorithms)
{
    CLEANUP(world_endp) struct world world;
    struct oidc_identity who;
    const char *error;

    world_make(&world);
    cr_assert_eq(verify(&world,
                        sign(&world, world.rsa, "{\"alg\":\"RS256\",\"kid\":\"r\",\"typ\":\"JWT\"}",
                             claims_with(&world, ",\"email\":\"ada@example.org\","
                                                 "\"email_verified\":true,\"name\":\"Ada\"")),
                        &who, &error),
                 OIDC_OK);
    cr_expect_str_eq(who.subject, "248289761001");
    cr_expect_str_eq(who.email, "ada@example.org");
    cr_expect(who.email_verified);
    cr_expect_str_eq(who.name, "Ada");
    cr_expect_str_eq(who.nickname, "");
    expect_token(
        &world,
        sign(&world, world.ec, "{\"kid\":\"e\",\"alg\":\"ES256\"}", claims_with(&world, "")),
        OIDC_OK, "");
    /* There is one key for each algorithm, so that it need not be named. */
    expect_token(&world, sign(&world, world.ec, "{\"alg\":\"ES256\"}", claims_with(&world, "")),
                 OIDC_OK, "");
}

Test(oidc, algorithms_are_the_keys)
{
    CLEANUP(world_endp) struct world world;
    const char *claims, *head = "{\"alg\":\"HS256\",\"kid\":\"r\"}";
    unsigned char mac[32];
    const char *text, *modulus;

    world_make(&world);
    claims = claims_with(&world, "");
    expect_token(&world,
                 arena_printf(world.arena, "%s.%s.", url64(world.arena, "{\"alg\":\"none\"}", 14),
                              url64(world.arena, claims, strlen(claims))),
                 OIDC_REFUSED, "malformed");
    expect_token(&world, sign(&world, world.rsa, "{\"alg\":\"none\",\"kid\":\"r\"}", claims),
                 OIDC_REFUSED, "algorithm");
    expect_token(&world, sign(&world, world.rsa, "{\"kid\":\"r\"}", claims), OIDC_REFUSED,
                 "algorithm");
    expect_token(&world, sign(&world, world.rsa, "{\"alg\":\"ES256\",\"kid\":\"r\"}", claims),
                 OIDC_REFUSED, "not signed");
    expect_token(&world, sign(&world, world.ec, "{\"alg\":\"RS256\",\"kid\":\"e\"}", claims),
                 OIDC_REFUSED, "not signed");
    expect_token(&world, sign(&world, world.ec, "{\"alg\":\"ES256\",\"kid\":\"r\"}", claims),
                 OIDC_REFUSED, "not signed");
    /* With what everybody knows as the secret. */
    text = arena_printf(world.arena, "%s.%s", url64(world.arena, head, strlen(head)),
                        url64(world.arena, claims, strlen(claims)));
    modulus = parameter(world.arena, world.rsa, OSSL_PKEY_PARAM_RSA_N, 0);
    HMAC(EVP_sha256(), modulus, (int)strlen(modulus), (const unsigned char *)text, strlen(text),
         mac, NULL);
    expect_token(&world, arena_printf(world.arena, "%s.%s", text, url64(world.arena, mac, 32)),
                 OIDC_REFUSED, "algorithm");
}

Test(oidc, keys_that_are_not_there)
{
    CLEANUP(world_endp) struct world world;
    EVP_PKEY *stranger = EVP_RSA_gen(2048);

    world_make(&world);
    expect_token(
        &world,
        sign(&world, world.rsa, "{\"alg\":\"RS256\",\"kid\":\"x\"}", claims_with(&world, "")),
        OIDC_UNKNOWN_KEY, "unknown key");
    expect_token(
        &world,
        sign(&world, stranger, "{\"alg\":\"RS256\",\"kid\":\"r\"}", claims_with(&world, "")),
        OIDC_REFUSED, "not signed");
    expect_token(&world,
                 sign(&world, world.rsa, "{\"alg\":\"RS256\",\"kid\":\"r\",\"crit\":[\"b64\"]}",
                      claims_with(&world, "")),
                 OIDC_REFUSED, "malformed");
    EVP_PKEY_free(stranger);
}

Test(oidc, claims_one_wrong_at_a_time)
{
    CLEANUP(world_endp) struct world world;
    char subject[300], behind[400];

    world_make(&world);
    expect_claims(&world, "", OIDC_OK, "");
    expect_claims(&world, ",\"iss\":\"https://accounts.example.org/\"", OIDC_REFUSED, "issuer");
    expect_claims(&world, ",\"iss\":\"https://evil.example.org\"", OIDC_REFUSED, "issuer");
    expect_claims(&world, ",\"nonce\":\"n-0S6_WzA2Mk\"", OIDC_REFUSED, "nonce");
    expect_claims(&world, ",\"nonce\":\"\"", OIDC_REFUSED, "nonce");
    expect_claims(&world, ",\"sub\":\"\"", OIDC_REFUSED, "subject");
    expect_claims(&world, ",\"sub\":1", OIDC_REFUSED, "malformed");
    expect_claims(&world, ",\"email_verified\":\"true\"", OIDC_OK, "");
    expect_claims(&world, ",\"email_verified\":1", OIDC_REFUSED, "malformed");
    memset(subject, 'x', sizeof(subject));
    subject[256] = '\0';
    snprintf(behind, sizeof(behind), ",\"sub\":\"%s\"", subject);
    expect_claims(&world, behind, OIDC_REFUSED, "subject");
    subject[255] = '\0';
    snprintf(behind, sizeof(behind), ",\"sub\":\"%s\"", subject);
    expect_claims(&world, behind, OIDC_OK, "");
}

Test(oidc, audience)
{
    CLEANUP(world_endp) struct world world;

    world_make(&world);
    expect_claims(&world, ",\"aud\":\"somebody\"", OIDC_REFUSED, "somebody else");
    expect_claims(&world, ",\"aud\":[]", OIDC_REFUSED, "somebody else");
    expect_claims(&world, ",\"aud\":[\"waystone\"]", OIDC_OK, "");
    expect_claims(&world, ",\"aud\":[\"waystone\",\"other\"]", OIDC_REFUSED, "somebody else");
    expect_claims(&world, ",\"aud\":[\"other\",\"waystone\"],\"azp\":\"waystone\"", OIDC_OK, "");
    expect_claims(&world, ",\"aud\":[\"other\",\"waystone\"],\"azp\":\"other\"", OIDC_REFUSED,
                  "somebody else");
    expect_claims(&world, ",\"azp\":\"other\"", OIDC_REFUSED, "somebody else");
    expect_claims(&world, ",\"aud\":[\"other\"],\"azp\":\"waystone\"", OIDC_REFUSED,
                  "somebody else");
}

Test(oidc, times)
{
    CLEANUP(world_endp) struct world world;

    world_make(&world);
    expect_claims(&world, ",\"exp\":1799999941", OIDC_OK, ""); /* 59 s ago */
    expect_claims(&world, ",\"exp\":1799999940", OIDC_REFUSED, "expired");
    expect_claims(&world, ",\"exp\":1800000600.5", OIDC_OK, "");
    expect_claims(&world, ",\"exp\":-1", OIDC_REFUSED, "malformed");
    expect_claims(&world, ",\"exp\":1e300", OIDC_REFUSED, "malformed");
    expect_claims(&world, ",\"exp\":\"1800000600\"", OIDC_REFUSED, "malformed");
    expect_claims(&world, ",\"iat\":1800000060", OIDC_OK, "");
    expect_claims(&world, ",\"iat\":1800000061", OIDC_REFUSED, "future");
    expect_claims(&world, ",\"nbf\":1800000061", OIDC_REFUSED, "future");
    expect_claims(&world, ",\"iat\":1799999340", OIDC_OK, "");
    expect_claims(&world, ",\"iat\":1799999339", OIDC_REFUSED, "too long ago");
    expect_token(&world,
                 sign(&world, world.rsa, "{\"alg\":\"RS256\",\"kid\":\"r\"}",
                      "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"nonce\":\"" NONCE
                      "\",\"sub\":\"1\",\"exp\":1800000600}"),
                 OIDC_REFUSED, "how old");
}

/* Every byte of a token matters. */
Test(oidc, changed_anywhere)
{
    CLEANUP(world_endp) struct world world;
    const char *token;
    char *changed;

    world_make(&world);
    token = sign(&world, world.ec, "{\"alg\":\"ES256\",\"kid\":\"e\"}", claims_with(&world, ""));
    changed = arena_strdup(world.arena, token);
    for (size_t i = 0; token[i] != '\0'; i++) {
        struct oidc_identity who;
        const char *error;
        changed[i] = token[i] == 'A' ? 'B' : 'A';
        /* The last character of a part has bits that say nothing. */
        if (token[i + 1] != '.' && token[i + 1] != '\0')
            cr_expect_neq(verify(&world, changed, &who, &error), OIDC_OK, "byte %zu", i);
        changed[i] = token[i];
        cr_expect_neq(verify(&world, arena_strndup(world.arena, token, i), &who, &error), OIDC_OK,
                      "cut at %zu", i);
    }
    expect_token(&world, token, OIDC_OK, "");
}

Test(oidc, sizes)
{
    CLEANUP(world_endp) struct world world;
    char *huge, *deep;

    world_make(&world);
    huge = arena_alloc(world.arena, OIDC_TOKEN_MAX_BYTES + 2);
    memset(huge, 'A', OIDC_TOKEN_MAX_BYTES + 1);
    huge[4] = huge[8] = '.';
    expect_token(&world, huge, OIDC_REFUSED, "malformed");
    deep = arena_alloc(world.arena, 8001);
    memset(deep, '[', 8000);
    expect_claims(&world, arena_printf(world.arena, ",\"x\":%s", deep), OIDC_REFUSED, "malformed");
}

/* --- keys --- */

Test(oidc, keys_that_fit)
{
    CLEANUP(world_endp) struct world world;
    EVP_PKEY *small = EVP_RSA_gen(1024);
    struct oidc_keys *keys;
    const char *x;

    world_make(&world);
    x = url64(world.arena, "01234567890123456789012345678901", 32);
    cr_expect_null(read_keys(""));
    cr_expect_null(read_keys("[]"));
    cr_expect_null(read_keys("{}"));
    cr_expect_null(read_keys("{\"keys\":[]}"));
    cr_expect_null(read_keys("{\"keys\":[1]}"));
    cr_expect_null(read_keys("{\"keys\":[{\"kty\":\"oct\",\"kid\":\"r\",\"k\":\"AAAA\"}]}"));
    cr_expect_null(read_keys(
        arena_printf(world.arena, "{\"keys\":[%s]}", rsa_jwk(world.arena, small, "r", ""))));
    cr_expect_null(read_keys(arena_printf(
        world.arena, "{\"keys\":[%s]}", rsa_jwk(world.arena, world.rsa, "r", ",\"use\":\"enc\""))));
    cr_expect_null(
        read_keys(arena_printf(world.arena, "{\"keys\":[%s]}",
                               rsa_jwk(world.arena, world.rsa, "r", ",\"alg\":\"PS256\""))));
    cr_expect_null(read_keys(arena_printf(
        world.arena, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}]}", x,
        x)));
    keys = read_keys(arena_printf(world.arena, "{\"more\":[{}],\"keys\":[{\"kty\":\"OKP\"},%s]}",
                                  ec_jwk(world.arena, world.ec, "e", ",\"alg\":\"ES256\"")));
    cr_expect_not_null(keys);
    oidc_keys_free(keys);
    EVP_PKEY_free(small);
}

/* --- discovery --- */

#define ENDPOINTS                                                       \
    "\"authorization_endpoint\":\"https://accounts.example.org/auth\"," \
    "\"token_endpoint\":\"https://accounts.example.org/token\","        \
    "\"jwks_uri\":\"https://accounts.example.org/jwks\""

static bool read_metadata(struct arena *arena, const char *json, struct oidc_metadata *ret,
                          const char **reterr)
{
    return oidc_read_metadata(arena, (struct bytes){(const uint8_t *)json, strlen(json)}, ISSUER,
                              ret, reterr);
}

Test(oidc, discovery)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct oidc_metadata metadata;
    const char *error = "";

    cr_assert(read_metadata(arena, "{\"issuer\":\"" ISSUER "\"," ENDPOINTS ",\"scopes\":[\"x\"]}",
                            &metadata, &error));
    cr_expect_str_eq(metadata.token_endpoint, "https://accounts.example.org/token");
    cr_expect_not(metadata.secret_in_form);
    cr_expect_not(metadata.issuer_in_answer);
    cr_assert(read_metadata(
        arena,
        "{\"issuer\":\"" ISSUER "\"," ENDPOINTS
        ",\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\",\"client_secret_post\"],"
        "\"authorization_response_iss_parameter_supported\":true}",
        &metadata, &error));
    cr_expect(metadata.secret_in_form);
    cr_expect(metadata.issuer_in_answer);

    cr_expect_not(read_metadata(arena, "{\"issuer\":\"https://evil.example.org\"," ENDPOINTS "}",
                                &metadata, &error));
    cr_expect_str_eq(error, "the discovery document names another issuer");
    cr_expect_not(read_metadata(arena, "{" ENDPOINTS "}", &metadata, &error));
    cr_expect_not(read_metadata(arena, "{\"issuer\":\"" ISSUER "\"}", &metadata, &error));
    cr_expect_str_eq(error, "the discovery document lacks an endpoint");
    cr_expect_not(read_metadata(arena, "<html>", &metadata, &error));
    cr_expect_not(read_metadata(arena, "", &metadata, &error));
}

Test(oidc, answers_of_the_token_endpoint)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct bytes good = {(const uint8_t *)"{\"id_token\":\"a.b.c\",\"expires_in\":3600}", 38};
    struct bytes refusal = {(const uint8_t *)"{\"error\":\"invalid_grant\"}", 25};

    cr_expect_str_eq(oidc_read_answer(arena, good), "a.b.c");
    cr_expect_null(oidc_read_answer(arena, refusal));
    cr_expect_str_eq(oidc_read_refusal(arena, refusal), "invalid_grant");
    cr_expect_str_eq(oidc_read_refusal(arena, (struct bytes){(const uint8_t *)"no", 2}), "");
}
