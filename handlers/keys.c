#include "handlers/keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/protocol/base64.h"

#define COORDINATE_BYTES 32

struct keys {
    EVP_PKEY *pair;
    char id[17];
    unsigned char x[COORDINATE_BYTES], y[COORDINATE_BYTES];
};

static bool read_coordinate(EVP_PKEY *pair, const char *name, unsigned char *out)
{
    BIGNUM *number = NULL;
    bool ok = EVP_PKEY_get_bn_param(pair, name, &number) == 1 &&
              BN_bn2binpad(number, out, COORDINATE_BYTES) == COORDINATE_BYTES;

    BN_free(number);
    return ok;
}

static bool is_p256(EVP_PKEY *pair)
{
    char group[32] = "";

    return EVP_PKEY_get_base_id(pair) == EVP_PKEY_EC &&
           EVP_PKEY_get_utf8_string_param(pair, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group),
                                          NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static void set_id(struct keys *keys)
{
    unsigned char point[2 * COORDINATE_BYTES], digest[SHA256_DIGEST_LENGTH];

    memcpy(point, keys->x, COORDINATE_BYTES);
    memcpy(point + COORDINATE_BYTES, keys->y, COORDINATE_BYTES);
    SHA256(point, sizeof(point), digest);
    for (int i = 0; i < 8; i++)
        snprintf(keys->id + 2 * i, 3, "%02x", digest[i]);
}

struct keys *keys_load(const char *path, char *reterr, size_t reterr_size)
{
    FILE *file = path[0] ? fopen(path, "re") : NULL;
    struct keys *keys = calloc(1, sizeof(*keys));

    if (keys == NULL)
        abort();
    if (file != NULL) {
        keys->pair = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        fclose(file);
    }
    if (keys->pair == NULL || !is_p256(keys->pair) ||
        !read_coordinate(keys->pair, OSSL_PKEY_PARAM_EC_PUB_X, keys->x) ||
        !read_coordinate(keys->pair, OSSL_PKEY_PARAM_EC_PUB_Y, keys->y)) {
        snprintf(reterr, reterr_size,
                 "auth.signing_key = '%s' must be a PEM file with an EC P-256 private key; make "
                 "one with: openssl ecparam -genkey -name prime256v1 -noout -out FILE",
                 path);
        keys_free(keys);
        return NULL;
    }
    set_id(keys);
    return keys;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    EVP_PKEY_free(keys->pair);
    free(keys);
}

const char *keys_id(const struct keys *keys)
{
    return keys->id;
}

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

    if (pair == NULL || ECDSA_SIG_set0(pair, BN_bin2bn(plain, COORDINATE_BYTES, NULL),
                                       BN_bin2bn(plain + COORDINATE_BYTES, COORDINATE_BYTES,
                                                 NULL)) != 1)
        abort();
    length = i2d_ECDSA_SIG(pair, ret_der);
    ECDSA_SIG_free(pair);
    return length;
}

bool keys_sign(const struct keys *keys, const void *data, size_t length,
               unsigned char signature[KEY_SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char der[80];
    size_t der_length = sizeof(der);
    bool ok = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, keys->pair) == 1 &&
              EVP_DigestSign(context, der, &der_length, data, length) == 1 &&
              to_plain(der, der_length, signature);

    EVP_MD_CTX_free(context);
    return ok;
}

bool keys_verify(const struct keys *keys, const void *data, size_t length,
                 const unsigned char signature[KEY_SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *der = NULL;
    int der_length = to_der(signature, &der);
    bool ok = der_length > 0 &&
              EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, keys->pair) == 1 &&
              EVP_DigestVerify(context, der, (size_t)der_length, data, length) == 1;

    OPENSSL_free(der);
    EVP_MD_CTX_free(context);
    return ok;
}

void keys_write_jwks(const struct keys *keys, struct buffer *out)
{
    buffer_printf(out,
                  "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\","
                  "\"alg\":\"ES256\",\"kid\":\"%s\",\"x\":\"",
                  keys->id);
    base64_encode(out, keys->x, COORDINATE_BYTES, BASE64_URL, false);
    buffer_append_string(out, "\",\"y\":\"");
    base64_encode(out, keys->y, COORDINATE_BYTES, BASE64_URL, false);
    buffer_append_string(out, "\"}]}\n");
}
