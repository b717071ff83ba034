#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "server/protocol/base64.h"
#include "tests/unit/handlers/key_file.h"

TestSuite(keys, .timeout = 30);

static const char text[] = "the quick brown fox";

static void expect_refused(const char *path, const char *reason)
{
    char error[512] = "";

    cr_expect_null(keys_load(path, error, sizeof(error)));
    cr_expect_not_null(strstr(error, reason), "'%s' does not say '%s'", error, reason);
    cr_expect_not_null(strstr(error, "auth.signing_key"));
    cr_expect_eq(ERR_peek_error(), 0, "left for the next user of OpenSSL");
}

/* --- files --- */

Test(keys, no_path_is_refused)
{
    expect_refused("", "must be a PEM file");
}

Test(keys, missing_file_is_named)
{
    expect_refused("/nonexistent/key.pem", "No such file");
}

Test(keys, directory_is_refused)
{
    expect_refused("/", "must be a PEM file");
}

Test(keys, garbage_is_refused)
{
    CLEANUP(key_file_closep) struct key_file file;

    key_file_open(&file);
    expect_refused(file.path, "must be a PEM file");
    key_file_add_text(&file, "-----BEGIN EC PRIVATE KEY-----\nnot base64\n");
    expect_refused(file.path, "must be a PEM file");
}

Test(keys, garbage_after_a_good_key_is_refused)
{
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *key = key_file_new_key("P-256");

    key_file_open(&file);
    key_file_add_private(&file, key);
    key_file_add_text(&file, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
    expect_refused(file.path, "must be a PEM file");
}

Test(keys, other_curve_is_refused)
{
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *key = key_file_new_key("P-384");

    key_file_open(&file);
    key_file_add_private(&file, key);
    expect_refused(file.path, "P-256");
}

Test(keys, other_kind_of_key_is_refused)
{
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *key = EVP_RSA_gen(2048);

    key_file_open(&file);
    key_file_add_private(&file, key);
    expect_refused(file.path, "P-256");
}

/* Without a private key in front nothing could be signed. */
Test(keys, public_key_alone_is_refused)
{
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *key = key_file_new_key("P-256");

    key_file_open(&file);
    key_file_add_public(&file, key);
    expect_refused(file.path, "private key");
}

/* Nobody sits at the terminal of a server: it must not ask for a password there. */
Test(keys, encrypted_key_is_refused_without_a_question)
{
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *key = key_file_new_key("P-256");

    key_file_open(&file);
    key_file_add_encrypted(&file, key, "secret");
    expect_refused(file.path, "not encrypted");
}

Test(keys, too_many_are_refused)
{
    CLEANUP(key_file_closep) struct key_file file;

    key_file_open(&file);
    for (int i = 0; i < KEYS_MAX + 1; i++) {
        CLEANUP(evp_freep) EVP_PKEY *key = key_file_new_key("P-256");
        key_file_add_private(&file, key);
    }
    expect_refused(file.path, "must be a PEM file");
}

/* `openssl ecparam -genkey` without -noout writes the curve in front of the key. */
Test(keys, curve_parameters_in_front_are_skipped)
{
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *key = key_file_new_key("P-256");
    CLEANUP(keys_freep) struct keys *keys = NULL;

    key_file_open(&file);
    key_file_add_text(&file, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                             "-----END EC PARAMETERS-----\n");
    key_file_add_private(&file, key);
    keys = key_file_load(&file);
    cr_expect_eq(strlen(keys_id(keys)), KEY_ID_LENGTH);
}

/* --- signatures --- */

Test(keys, signature_is_verified)
{
    CLEANUP(keys_freep) struct keys *keys = key_file_new_keys();
    unsigned char signature[KEY_SIGNATURE_BYTES];

    cr_assert(keys_sign(keys, text, sizeof(text), signature));
    cr_expect(keys_verify(keys, keys_id(keys), text, sizeof(text), signature));
}

/* r and s often have leading zero bytes, which DER leaves out: one in 128 signatures. */
Test(keys, every_signature_has_the_same_length)
{
    CLEANUP(keys_freep) struct keys *keys = key_file_new_keys();
    unsigned char signature[KEY_SIGNATURE_BYTES];
    int with_zero = 0;

    for (int i = 0; i < 2000; i++) {
        cr_assert(keys_sign(keys, &i, sizeof(i), signature));
        cr_assert(keys_verify(keys, keys_id(keys), &i, sizeof(i), signature));
        with_zero += signature[0] == 0 || signature[KEY_SIGNATURE_BYTES / 2] == 0;
    }
    cr_expect_gt(with_zero, 0, "the case this test is for did not occur");
}

Test(keys, every_changed_bit_is_noticed)
{
    CLEANUP(keys_freep) struct keys *keys = key_file_new_keys();
    unsigned char signature[KEY_SIGNATURE_BYTES];

    cr_assert(keys_sign(keys, text, sizeof(text), signature));
    for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
        signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
        cr_expect_not(keys_verify(keys, keys_id(keys), text, sizeof(text), signature), "bit %zu",
                      bit);
        signature[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    cr_expect_not(keys_verify(keys, keys_id(keys), text, sizeof(text) - 1, signature));
    cr_expect_eq(ERR_peek_error(), 0, "left for the next user of OpenSSL");
}

/* CVE-2022-21449: zeros for r and s were taken for a signature of anything. */
Test(keys, zero_signature_is_refused)
{
    CLEANUP(keys_freep) struct keys *keys = key_file_new_keys();
    unsigned char signature[KEY_SIGNATURE_BYTES] = {0};

    cr_expect_not(keys_verify(keys, keys_id(keys), text, sizeof(text), signature));
    memset(signature, 0xff, sizeof(signature));
    cr_expect_not(keys_verify(keys, keys_id(keys), text, sizeof(text), signature));
}

/* --- rotation --- */

Test(keys, previous_keys_still_verify)
{
    CLEANUP(key_file_closep) struct key_file old_file;
    CLEANUP(key_file_closep) struct key_file new_file;
    CLEANUP(evp_freep) EVP_PKEY *first = key_file_new_key("P-256");
    CLEANUP(evp_freep) EVP_PKEY *second = key_file_new_key("P-256");
    CLEANUP(keys_freep) struct keys *before = NULL;
    CLEANUP(keys_freep) struct keys *after = NULL;
    unsigned char signature[KEY_SIGNATURE_BYTES];

    key_file_open(&old_file);
    key_file_add_private(&old_file, first);
    before = key_file_load(&old_file);
    key_file_open(&new_file);
    key_file_add_private(&new_file, second);
    key_file_add_public(&new_file, first);
    after = key_file_load(&new_file);

    cr_expect_str_neq(keys_id(before), keys_id(after), "the first of a file signs");
    cr_assert(keys_sign(before, text, sizeof(text), signature));
    cr_expect(keys_verify(after, keys_id(before), text, sizeof(text), signature));
    cr_expect_not(keys_verify(after, keys_id(after), text, sizeof(text), signature),
                  "each key answers for its own signatures only");
    cr_assert(keys_sign(after, text, sizeof(text), signature));
    cr_expect_not(keys_verify(before, keys_id(after), text, sizeof(text), signature));
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
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *first = key_file_new_key("P-256");
    CLEANUP(evp_freep) EVP_PKEY *second = key_file_new_key("P-256");
    CLEANUP(keys_freep) struct keys *keys = NULL;
    struct buffer json = {0}, point = {0};
    unsigned char expected[65];
    const char *start;
    size_t length;

    key_file_open(&file);
    key_file_add_private(&file, first);
    key_file_add_public(&file, second);
    keys = key_file_load(&file);
    keys_write_jwks(keys, &json);
    buffer_append_char(&json, '\0');
    start = (const char *)buffer_data(&json);

    cr_expect_eq(count_of(start, "\"kty\":\"EC\""), 2);
    cr_expect_eq(count_of(start, keys_id(keys)), 1);
    cr_expect_eq(count_of(start, "\"d\":"), 0, "the private half is nobody's business");
    decode_member(start, "x", &point);
    decode_member(start, "y", &point);
    cr_assert_eq(EVP_PKEY_get_octet_string_param(first, "encoded-pub-key", expected,
                                                 sizeof(expected), &length),
                 1);
    cr_assert_eq(point.length, 64);
    cr_expect_arr_eq(buffer_data(&point), expected + 1, 64);
    buffer_free(&json);
    buffer_free(&point);
}
