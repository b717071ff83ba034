#include "handlers/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "server/protocol/base64.h"

#define COORDINATE_BYTES 32

struct key {
    EVP_PKEY *pair;
    char id[KEY_ID_LENGTH + 1];
    unsigned char point[KEY_POINT_BYTES];
    int64_t signs_from_us;
};

struct keys {
    struct key items[KEYS_MAX];
    size_t count;
};

/* --- filling --- */

struct keys *keys_new(void)
{
    struct keys *keys = calloc(1, sizeof(*keys));

    if (keys == NULL)
        abort();
    return keys;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->items[i].pair);
    free(keys);
}

static bool is_p256(EVP_PKEY *pair)
{
    char group[32] = "";

    return EVP_PKEY_get_base_id(pair) == EVP_PKEY_EC &&
           EVP_PKEY_get_utf8_string_param(pair, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                          NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool read_coordinate(EVP_PKEY *pair, const char *name, unsigned char *out)
{
    BIGNUM *number = NULL;
    bool ok = EVP_PKEY_get_bn_param(pair, name, &number) == 1 &&
              BN_bn2binpad(number, out, COORDINATE_BYTES) == COORDINATE_BYTES;

    BN_free(number);
    return ok;
}

static bool fill(struct key *key, const char *id, struct bytes public_point)
{
    if (!is_p256(key->pair) || !read_coordinate(key->pair, OSSL_PKEY_PARAM_EC_PUB_X, key->point) ||
        !read_coordinate(key->pair, OSSL_PKEY_PARAM_EC_PUB_Y, key->point + COORDINATE_BYTES))
        return false;
    key_pair_id(key->point, key->id);
    return strcmp(key->id, id) == 0 && public_point.length == KEY_POINT_BYTES &&
           memcmp(key->point, public_point.data, KEY_POINT_BYTES) == 0;
}

bool keys_add(struct keys *keys, const char *id, struct bytes public_point,
              struct bytes private_key, int64_t signs_from_us)
{
    const unsigned char *der = private_key.data;
    struct key *key = &keys->items[keys->count];

    if (keys->count == KEYS_MAX)
        return false;
    *key = (struct key){.pair = d2i_AutoPrivateKey(NULL, &der, (long)private_key.length),
                        .signs_from_us = signs_from_us};
    ERR_clear_error(); /* the next user of OpenSSL on this thread is not to find ours */
    if (key->pair == NULL || !fill(key, id, public_point)) {
        EVP_PKEY_free(key->pair);
        return false;
    }
    keys->count++;
    return true;
}

size_t keys_signer(const struct keys *keys, int64_t wall_us)
{
    size_t first = 0, latest = SIZE_MAX;

    for (size_t i = 0; i < keys->count; i++) {
        int64_t from_us = keys->items[i].signs_from_us;
        if (from_us < keys->items[first].signs_from_us)
            first = i;
        if (from_us <= wall_us &&
            (latest == SIZE_MAX || from_us > keys->items[latest].signs_from_us))
            latest = i;
    }
    return latest != SIZE_MAX ? latest : first;
}

const char *keys_id(const struct keys *keys, size_t index)
{
    return keys->items[index].id;
}

/* --- signatures --- */

/* OpenSSL speaks DER, tokens carry r and s plain. */
static bool to_plain(const unsigned char *der, size_t length, unsigned char *out)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)length);
    bool ok = pair != NULL &&
              BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, COORDINATE_BYTES) == COORDINATE_BYTES &&
              BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + COORDINATE_BYTES, COORDINATE_BYTES) ==
                  COORDINATE_BYTES;

    ECDSA_SIG_free(pair);
    return ok;
}

static int to_der(const unsigned char *plain, unsigned char **ret_der)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    int length;

    if (pair == NULL ||
        ECDSA_SIG_set0(pair, BN_bin2bn(plain, COORDINATE_BYTES, NULL),
                       BN_bin2bn(plain + COORDINATE_BYTES, COORDINATE_BYTES, NULL)) != 1)
        abort();
    length = i2d_ECDSA_SIG(pair, ret_der);
    ECDSA_SIG_free(pair);
    return length;
}

bool keys_sign(const struct keys *keys, size_t index, const void *data, size_t length,
               unsigned char signature[KEY_SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char der[80];
    size_t der_length = sizeof(der);
    bool ok = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, keys->items[index].pair) == 1 &&
              EVP_DigestSign(context, der, &der_length, data, length) == 1 &&
              to_plain(der, der_length, signature);

    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return ok;
}

static const struct key *find_key(const struct keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->items[i].id, id) == 0)
            return &keys->items[i];
    return NULL;
}

bool keys_verify(const struct keys *keys, const char *id, const void *data, size_t length,
                 const unsigned char signature[KEY_SIGNATURE_BYTES])
{
    const struct key *key = find_key(keys, id);
    EVP_MD_CTX *context;
    unsigned char *der = NULL;
    int der_length;
    bool ok;

    if (key == NULL)
        return false;
    context = EVP_MD_CTX_new();
    der_length = to_der(signature, &der);
    ok = der_length > 0 &&
         EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pair) == 1 &&
         EVP_DigestVerify(context, der, (size_t)der_length, data, length) == 1;
    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    /* A forged signature leaves errors in this thread's queue, where the next user of OpenSSL
     * (a TLS connection) would take them for its own. */
    ERR_clear_error();
    return ok;
}

void keys_write_jwks(const struct keys *keys, struct buffer *out)
{
    buffer_append_string(out, "{\"keys\":[");
    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = &keys->items[i];
        buffer_printf(out,
                      "%s{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\","
                      "\"alg\":\"ES256\",\"kid\":\"%s\",\"x\":\"",
                      i > 0 ? "," : "", key->id);
        base64_encode(out, key->point, COORDINATE_BYTES, BASE64_URL, false);
        buffer_append_string(out, "\",\"y\":\"");
        base64_encode(out, key->point + COORDINATE_BYTES, COORDINATE_BYTES, BASE64_URL, false);
        buffer_append_string(out, "\"}");
    }
    buffer_append_string(out, "]}\n");
}
