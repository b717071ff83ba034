#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "server/protocol/base64.h"
#include "tests/unit/handlers/key_set.h"

TestSuite(keys, .timeout = 30);

static const char text[] = "the quick brown fox";

/* --- filling --- */

static void expect_refused(const char *id, struct bytes point, struct bytes der, const char *what)
{
    CLEANUP(keys_freep) struct keys *keys = keys_new();

    cr_expect_not(keys_add(keys, id, point, der, 0), "%s", what);
    cr_expect_eq(ERR_peek_error(), 0, "left for the next user of OpenSSL");
}

static struct bytes private_der(EVP_PKEY *pair, unsigned char **ret)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pair);
    int length = i2d_PKCS8_PRIV_KEY_INFO(info, ret);

    cr_assert_gt(length, 0);
    PKCS8_PRIV_KEY_INFO_free(info);
    return (struct bytes){*ret, (size_t)length};
}

/* Whoever can write to the database cannot have a key of their own trusted. */
Test(keys, public_halves_have_to_belong_to_the_private_one)
{
    CLEANUP(evp_freep) EVP_PKEY *own = key_set_pair("P-256");
    CLEANUP(evp_freep) EVP_PKEY *other = key_set_pair("P-256");
    unsigned char own_bytes[KEY_POINT_BYTES], other_bytes[KEY_POINT_BYTES], *der = NULL;
    struct bytes own_point = key_set_point(own, own_bytes);
    struct bytes other_point = key_set_point(other, other_bytes);
    struct bytes private_key = private_der(own, &der), none = {NULL, 0};
    char own_id[KEY_ID_LENGTH + 1], other_id[KEY_ID_LENGTH + 1];
    CLEANUP(keys_freep) struct keys *keys = keys_new();

    key_pair_id(own_bytes, own_id);
    key_pair_id(other_bytes, other_id);
    expect_refused(own_id, other_point, private_key, "another point");
    expect_refused(other_id, own_point, private_key, "another name");
    expect_refused(other_id, other_point, private_key, "another point and its name");
    expect_refused(own_id, own_point, none, "no private key");
    expect_refused(own_id, none, private_key, "no point");
    expect_refused(own_id, own_point, own_point, "no key at all");
    expect_refused(own_id, own_point, (struct bytes){private_key.data, private_key.length / 2},
                   "half a key");
    cr_expect(keys_add(keys, own_id, own_point, private_key, 0), "the right one");
    OPENSSL_free(der);
}

Test(keys, other_kinds_of_keys_are_refused)
{
    CLEANUP(evp_freep) EVP_PKEY *p384 = key_set_pair("P-384");
    CLEANUP(evp_freep) EVP_PKEY *rsa = EVP_RSA_gen(2048);
    unsigned char point_bytes[KEY_POINT_BYTES], *p384_der = NULL, *rsa_der = NULL;
    struct bytes point = key_set_point(p384, point_bytes);
    char id[KEY_ID_LENGTH + 1];

    key_pair_id(point_bytes, id);
    expect_refused(id, point, private_der(p384, &p384_der), "P-384");
    expect_refused(id, point, private_der(rsa, &rsa_der), "RSA");
    OPENSSL_free(p384_der);
    OPENSSL_free(rsa_der);
}

Test(keys, a_set_is_bounded)
{
    CLEANUP(keys_freep) struct keys *keys = keys_new();

    for (int i = 0; i < KEYS_MAX + 1; i++) {
        CLEANUP(evp_freep) EVP_PKEY *pair = key_set_pair("P-256");
        cr_expect_eq(key_set_add(keys, pair, i), i < KEYS_MAX);
    }
}

/* --- signatures --- */

Test(keys, signature_is_verified)
{
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    unsigned char signature[KEY_SIGNATURE_BYTES];

    cr_assert(keys_sign(keys, 0, text, sizeof(text), signature));
    cr_expect(keys_verify(keys, keys_id(keys, 0), text, sizeof(text), signature));
}

/* r and s often have leading zero bytes, which DER leaves out: one in 128 signatures. */
Test(keys, every_signature_has_the_same_length)
{
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    unsigned char signature[KEY_SIGNATURE_BYTES];
    int with_zero = 0;

    for (int i = 0; i < 2000; i++) {
        cr_assert(keys_sign(keys, 0, &i, sizeof(i), signature));
        cr_assert(keys_verify(keys, keys_id(keys, 0), &i, sizeof(i), signature));
        with_zero += signature[0] == 0 || signature[KEY_SIGNATURE_BYTES / 2] == 0;
    }
    cr_expect_gt(with_zero, 0, "the case this test is for did not occur");
}

Test(keys, every_changed_bit_is_noticed)
{
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    unsigned char signature[KEY_SIGNATURE_BYTES];

    cr_assert(keys_sign(keys, 0, text, sizeof(text), signature));
    for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
        signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
        cr_expect_not(keys_verify(keys, keys_id(keys, 0), text, sizeof(text), signature), "bit %zu",
                      bit);
        signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    cr_expect_not(keys_verify(keys, keys_id(keys, 0), text, sizeof(text) - 1, signature));
    cr_expect_eq(ERR_peek_error(), 0, "left for the next user of OpenSSL");
}

/* CVE-2022-21449: zeros for r and s were taken for a signature of anything. */
Test(keys, zero_signature_is_refused)
{
    CLEANUP(keys_freep) struct keys *keys = key_set_new();
    unsigned char signature[KEY_SIGNATURE_BYTES] = {0};

    cr_expect_not(keys_verify(keys, keys_id(keys, 0), text, sizeof(text), signature));
    memset(signature, 0xff, sizeof(signature));
    cr_expect_not(keys_verify(keys, keys_id(keys, 0), text, sizeof(text), signature));
}

/* --- rotation --- */

Test(keys, the_latest_that_is_not_ahead_signs)
{
    CLEANUP(keys_freep) struct keys *keys = keys_new();
    static const int64_t from_us[] = {200, 100, 300};

    for (int i = 0; i < 3; i++) {
        CLEANUP(evp_freep) EVP_PKEY *pair = key_set_pair("P-256");
        cr_assert(key_set_add(keys, pair, from_us[i]));
    }
    cr_expect_eq(keys_signer(keys, 50), 1, "none signs yet: the first that will");
    cr_expect_eq(keys_signer(keys, 100), 1);
    cr_expect_eq(keys_signer(keys, 199), 1);
    cr_expect_eq(keys_signer(keys, 200), 0);
    cr_expect_eq(keys_signer(keys, 300), 2);
    cr_expect_eq(keys_signer(keys, INT64_MAX), 2);
}

Test(keys, each_key_answers_for_its_own_signatures)
{
    CLEANUP(evp_freep) EVP_PKEY *first = key_set_pair("P-256");
    CLEANUP(evp_freep) EVP_PKEY *second = key_set_pair("P-256");
    CLEANUP(keys_freep) struct keys *both = keys_new();
    CLEANUP(keys_freep) struct keys *old = keys_new();
    unsigned char signature[KEY_SIGNATURE_BYTES];

    cr_assert(key_set_add(old, first, 1));
    cr_assert(key_set_add(both, first, 1));
    cr_assert(key_set_add(both, second, 2));
    cr_assert(keys_sign(old, 0, text, sizeof(text), signature));
    cr_expect(keys_verify(both, keys_id(both, 0), text, sizeof(text), signature));
    cr_expect_not(keys_verify(both, keys_id(both, 1), text, sizeof(text), signature));
    cr_assert(keys_sign(both, 1, text, sizeof(text), signature));
    cr_expect(keys_verify(both, keys_id(both, 1), text, sizeof(text), signature));
    cr_expect_not(keys_verify(old, keys_id(both, 1), text, sizeof(text), signature));
}

/* --- JWKS --- */

static size_t count_of(const char *haystack, const char *needle)
{
    size_t count = 0;

    for (; (haystack = strstr(haystack, needle)) != NULL; haystack++)
        count++;
    return count;
}

/* Reads one of our own members back. */
static void decode_member(const char *json, const char *name, struct buffer *out)
{
    char start[8];
    const char *value;

    snprintf(start, sizeof(start), "\"%s\":\"", name);
    value = strstr(json, start);
    cr_assert_not_null(value);
    value += strlen(start);
    cr_assert(base64_decode(out, value, strcspn(value, "\"")));
}

Test(keys, jwks_holds_the_public_keys)
{
    CLEANUP(evp_freep) EVP_PKEY *first = key_set_pair("P-256");
    CLEANUP(evp_freep) EVP_PKEY *second = key_set_pair("P-256");
    CLEANUP(keys_freep) struct keys *keys = keys_new();
    struct buffer json = {0}, point = {0};
    unsigned char expected[KEY_POINT_BYTES];
    const char *start;

    cr_assert(key_set_add(keys, first, 0));
    cr_assert(key_set_add(keys, second, 1));
    keys_write_jwks(keys, &json);
    buffer_append_char(&json, '\0');
    start = (const char *)buffer_data(&json);

    cr_expect_eq(count_of(start, "\"kty\":\"EC\""), 2);
    cr_expect_eq(count_of(start, keys_id(keys, 0)), 1);
    cr_expect_eq(count_of(start, keys_id(keys, 1)), 1);
    cr_expect_eq(count_of(start, "\"d\":"), 0, "the private half is nobody's business");
    decode_member(start, "x", &point);
    decode_member(start, "y", &point);
    key_set_point(first, expected);
    cr_assert_eq(point.length, KEY_POINT_BYTES);
    cr_expect_arr_eq(buffer_data(&point), expected, KEY_POINT_BYTES);
    buffer_free(&json);
    buffer_free(&point);
}
