#include <criterion/criterion.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <string.h>

#include "handlers/tokens.h"
#include "server/protocol/base64.h"
#include "tests/unit/handlers/key_set.h"

TestSuite(tokens, .timeout = 30);

#define ISSUER "waystone"
#define NOW_S 1700000000

static const struct token_claims claims = {
    .account_id = 42,
    .session_id = INT64_MAX,
    .role = 2,
    .issued_s = NOW_S,
    .expires_s = NOW_S + 900,
};

static enum status verify_at(const struct keys *keys, const char *token, int64_t now_s,
                             struct token_claims *ret, const char **reterr)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    return token_verify(keys, arena, ISSUER, now_s, token, ret, reterr);
}

static void expect_refused(const struct keys *keys, const char *token, const char *what)
{
    struct token_claims read;
    const char *error = NULL;

    cr_expect_eq(verify_at(keys, token, NOW_S, &read, &error), STATUS_UNAUTHENTICATED, "%s", what);
    cr_expect_not_null(error, "%s", what);
}

static void expect_error(const struct keys *keys, const char *token, int64_t now_s,
                         const char *expected)
{
    struct token_claims read;
    const char *error = "accepted";

    cr_expect_eq(verify_at(keys, token, now_s, &read, &error), STATUS_UNAUTHENTICATED);
    cr_expect_not_null(strstr(error, expected), "'%s' does not say '%s'", error, expected);
}

/* --- tokens made by hand --- */

static void append_part(struct buffer *out, const char *json)
{
    base64_encode(out, json, strlen(json), BASE64_URL, false);
}

static const char *finish(struct arena *arena, struct buffer *token, const void *signature,
                          size_t length)
{
    const char *text;

    buffer_append_char(token, '.');
    base64_encode(token, signature, length, BASE64_URL, false);
    text = arena_strndup(arena, (char *)buffer_data(token), token->length);
    buffer_free(token);
    return text;
}

/* Signed as our own, whatever it says. */
static const char *forge(struct arena *arena, const struct keys *keys, const char *head,
                         const char *body)
{
    struct buffer token = {0};
    unsigned char signature[KEY_SIGNATURE_BYTES];

    append_part(&token, head);
    buffer_append_char(&token, '.');
    append_part(&token, body);
    cr_assert(keys_sign(keys, 0, buffer_data(&token), token.length, signature));
    return finish(arena, &token, signature, sizeof(signature));
}

static const char *good_head(struct arena *arena, const struct keys *keys)
{
    return arena_printf(arena, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
                        keys_id(keys, 0));
}

static const char good_body[] =
    "{\"iss\":\"waystone\",\"aud\":\"waystone\",\"sub\":\"42\",\"sid\":\"7\",\"role\":2,"
    "\"iat\":1700000000,\"nbf\":1700000000,\"exp\":1700000900}";

/* --- good ones --- */

Test(tokens, round_trip)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *token = token_sign(keys, arena, ISSUER, &claims);
    struct token_claims read = {0};
    const char *error;

    cr_assert_not_null(token);
    cr_assert_lt(strlen(token), TOKEN_MAX_BYTES);
    cr_assert_eq(token_verify(keys, arena, ISSUER, NOW_S, token, &read, &error), STATUS_OK);
    cr_expect_eq(read.account_id, claims.account_id);
    cr_expect_eq(read.session_id, claims.session_id);
    cr_expect_eq(read.role, claims.role);
    cr_expect_eq(read.issued_s, claims.issued_s);
    cr_expect_eq(read.expires_s, claims.expires_s);
}

/* What the tests below change is otherwise accepted: each refusal has the one reason. */
Test(tokens, forged_by_hand_with_our_key_is_accepted)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    struct token_claims read;
    const char *error = "";

    cr_expect_eq(verify_at(keys, forge(arena, keys, good_head(arena, keys), good_body), NOW_S,
                           &read, &error),
                 STATUS_OK, "%s", error);
    cr_expect_eq(read.session_id, 7);
}

Test(tokens, issuer_is_quoted)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *issuer = "the \"great\" \\ hall";
    struct token_claims read;
    const char *error = "";

    cr_expect_eq(token_verify(keys, arena, issuer, NOW_S, token_sign(keys, arena, issuer, &claims),
                              &read, &error),
                 STATUS_OK, "%s", error);
}

Test(tokens, previous_key_is_accepted_until_it_is_dropped)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(evp_freep) EVP_PKEY *first = key_set_pair("P-256");
    CLEANUP(evp_freep) EVP_PKEY *second = key_set_pair("P-256");
    CLEANUP(keys_freep) struct keys *before = keys_new();
    CLEANUP(keys_freep) struct keys *during = keys_new();
    CLEANUP(keys_freep) struct keys *after = key_set_new();
    struct token_claims read;
    const char *token, *error = "";

    cr_assert(key_set_add(before, first, 1));
    cr_assert(key_set_add(during, first, 1));
    cr_assert(key_set_add(during, second, 2));
    token = token_sign(before, arena, ISSUER, &claims);
    cr_expect_eq(verify_at(during, token, NOW_S, &read, &error), STATUS_OK, "%s", error);
    expect_refused(after, token, "a dropped key");
}

/* --- time --- */

Test(tokens, expired)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *token = token_sign(keys, arena, ISSUER, &claims);
    struct token_claims read;
    const char *error;

    cr_expect_eq(verify_at(keys, token, claims.expires_s - 1, &read, &error), STATUS_OK);
    expect_error(keys, token, claims.expires_s, "expired");
    expect_error(keys, token, INT64_MAX / 2, "expired");
}

Test(tokens, not_yet_valid)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *token = token_sign(keys, arena, ISSUER, &claims);
    struct token_claims read;
    const char *error;

    cr_expect_eq(verify_at(keys, token, NOW_S - 5, &read, &error), STATUS_OK, "clocks differ");
    expect_error(keys, token, NOW_S - 6, "not valid yet");
}

/* --- other keys and algorithms --- */

Test(tokens, signed_by_a_stranger)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    CLEANUP(keys_freep) struct keys *strange = key_set_new();

    expect_refused(keys, token_sign(strange, arena, ISSUER, &claims), "a key we do not know");
    expect_refused(keys, forge(arena, strange, good_head(arena, keys), good_body),
                   "a stranger's signature under our key's name");
    expect_refused(keys, forge(arena, keys, good_head(arena, strange), good_body),
                   "our signature under a stranger's name");
}

Test(tokens, unsigned_ones)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    static const char *const heads[] = {
        "{\"alg\":\"none\",\"typ\":\"JWT\"}",
        "{\"alg\":\"None\",\"kid\":\"\",\"typ\":\"JWT\"}",
        "{\"typ\":\"JWT\"}",
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct buffer token = {0};
        append_part(&token, heads[i]);
        buffer_append_char(&token, '.');
        append_part(&token, good_body);
        expect_refused(keys, finish(arena, &token, "", 0), heads[i]);
    }
}

/* The public key is public: who signs with it by HMAC must not pass (CVE-2015-9235). */
Test(tokens, public_key_as_hs256_secret)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(evp_freep) EVP_PKEY *key = key_set_pair("P-256");
    CLEANUP(keys_freep) struct keys *keys = keys_new();
    static const char *const algorithms[] = {"HS256", "ES256"};
    BIO *pem = BIO_new(BIO_s_mem());
    unsigned char mac[32];
    char *secret;
    long length;

    cr_assert(key_set_add(keys, key, 0));
    cr_assert_eq(PEM_write_bio_PUBKEY(pem, key), 1);
    length = BIO_get_mem_data(pem, &secret);
    for (size_t i = 0; i < 2; i++) {
        struct buffer token = {0};
        append_part(&token, arena_printf(arena, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"JWT\"}",
                                         algorithms[i], keys_id(keys, 0)));
        buffer_append_char(&token, '.');
        append_part(&token, good_body);
        HMAC(EVP_sha256(), secret, (int)length, buffer_data(&token), token.length, mac, NULL);
        expect_refused(keys, finish(arena, &token, mac, sizeof(mac)), algorithms[i]);
    }
    BIO_free(pem);
}

/* Our own signature does not help a head that is not exactly ours. */
Test(tokens, other_heads)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *id = keys_id(keys, 0);
    const char *const heads[] = {
        arena_printf(arena, "{\"alg\":\"HS256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", id),
        arena_printf(arena, "{\"alg\":\"ES384\",\"kid\":\"%s\",\"typ\":\"JWT\"}", id),
        arena_printf(arena, "{\"alg\":\"es256\",\"kid\":\"%s\",\"typ\":\"JWT\"}", id),
        arena_printf(arena, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", id),
        arena_printf(arena, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\",\"crit\":[\"x\"]}",
                     id),
        arena_printf(arena, "{\"alg\":\"ES256\",\"kid\":\"%s\",\"typ\":\"JWT\"} ", id),
        "{\"alg\":\"ES256\",\"kid\":\"0000000000000000\",\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\",\"kid\":\"\",\"typ\":\"JWT\"}",
        "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
        "[]",
        "",
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        expect_refused(keys, forge(arena, keys, heads[i], good_body), heads[i]);
}

/* --- claims --- */

Test(tokens, made_for_something_else)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *token = token_sign(keys, arena, "another-world", &claims);

    expect_error(keys, token, NOW_S, "made for something else");
}

/* Replaces the first `from` of the good body. */
static const char *changed_body(struct arena *arena, const char *from, const char *to)
{
    const char *at = strstr(good_body, from);

    cr_assert_not_null(at);
    return arena_printf(arena, "%.*s%s%s", (int)(at - good_body), good_body, to, at + strlen(from));
}

Test(tokens, wrong_or_missing_claims)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    static const char *const changes[][2] = {
        {"\"iss\":\"waystone\"", "\"iss\":\"other\""},
        {"\"iss\":\"waystone\"", "\"x\":1"},
        {"\"aud\":\"waystone\"", "\"aud\":\"other\""},
        {"\"aud\":\"waystone\"", "\"aud\":[\"waystone\"]"},
        {"\"aud\":\"waystone\"", "\"aud\":null"},
        {"\"sub\":\"42\"", "\"sub\":42"},
        {"\"sub\":\"42\"", "\"sub\":\"\""},
        {"\"sub\":\"42\"", "\"sub\":\"0\""},
        {"\"sub\":\"42\"", "\"sub\":\"-42\""},
        {"\"sub\":\"42\"", "\"sub\":\" 42\""},
        {"\"sub\":\"42\"", "\"sub\":\"42x\""},
        {"\"sub\":\"42\"", "\"sub\":\"99999999999999999999\""},
        {"\"sid\":\"7\"", "\"sid\":true"},
        {"\"sid\":\"7\"", "\"y\":\"7\""},
        {"\"role\":2", "\"role\":\"2\""},
        {"\"role\":2", "\"role\":2.5"},
        {"\"role\":2,", ""},
        {"\"iat\":1700000000,", ""},
        {"\"nbf\":1700000000,", ""},
        {",\"exp\":1700000900", ""},
        {"\"exp\":1700000900", "\"exp\":\"1700000900\""},
        {"\"exp\":1700000900", "\"exp\":1e40"},
        {"\"exp\":1700000900", "\"exp\":-1"},
        {"}", ""},
        {"{", "[{"},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        expect_refused(keys,
                       forge(arena, keys, good_head(arena, keys),
                             changed_body(arena, changes[i][0], changes[i][1])),
                       changes[i][1]);
}

Test(tokens, body_is_not_json)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();

    expect_refused(keys, forge(arena, keys, good_head(arena, keys), ""), "nothing");
    expect_refused(keys, forge(arena, keys, good_head(arena, keys), "null"), "null");
    expect_refused(keys, forge(arena, keys, good_head(arena, keys), "\xff\xfe{"), "not UTF-8");
}

/* --- damage --- */

Test(tokens, every_truncation)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *token = token_sign(keys, arena, ISSUER, &claims);

    for (size_t length = 0; length < strlen(token); length++)
        expect_refused(keys, arena_strndup(arena, token, length), "truncated");
    expect_refused(keys, arena_printf(arena, "%s.", token), "a fourth part");
    expect_refused(keys, arena_printf(arena, "%s.x", token), "a fourth part");
    expect_refused(keys, arena_printf(arena, " %s", token), "a space in front");
    expect_refused(keys, arena_printf(arena, "%sAAAA", token), "a longer signature");
}

Test(tokens, every_changed_character_before_the_signature)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    const char *token = token_sign(keys, arena, ISSUER, &claims);
    size_t signed_length = (size_t)(strrchr(token, '.') - token);

    for (size_t i = 0; i < signed_length; i++) {
        char *changed = arena_strdup(arena, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        expect_refused(keys, changed, "changed");
    }
}

Test(tokens, garbage)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    char *long_one = arena_alloc(arena, 100001);
    static const char *const texts[] = {
        "", ".", "..", "...", "a", "a.b.c", "\xff\xff.\xff.\xff", "eyJ.eyJ.AAAA"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect_refused(keys, texts[i], texts[i]);
    memset(long_one, 'A', 100000);
    long_one[1000] = long_one[2000] = '.';
    expect_refused(keys, long_one, "very long");
}
