#include "handlers/keys.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/protocol/base64.h"

#define COORDINATE_BYTES 32

struct key {
    EVP_PKEY *pair;
    char id[KEY_ID_LENGTH + 1];
    unsigned char x[COORDINATE_BYTES], y[COORDINATE_BYTES];
};

struct keys {
    struct key items[KEYS_MAX]; /* the first signs */
    size_t count;
};

/* --- reading --- */

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

static void set_id(struct key *key)
{
    unsigned char point[2 * COORDINATE_BYTES], digest[SHA256_DIGEST_LENGTH];

    memcpy(point, key->x, COORDINATE_BYTES);
    memcpy(point + COORDINATE_BYTES, key->y, COORDINATE_BYTES);
    SHA256(point, sizeof(point), digest);
    for (int i = 0; i < KEY_ID_LENGTH / 2; i++)
        snprintf(key->id + 2 * i, 3, "%02x", digest[i]);
}

/* Takes over `pair`, which may be NULL. */
static bool add_key(struct keys *keys, EVP_PKEY *pair)
{
    struct key *key = &keys->items[keys->count];

    if (pair == NULL || keys->count == KEYS_MAX || !is_p256(pair) ||
        !read_coordinate(pair, OSSL_PKEY_PARAM_EC_PUB_X, key->x) ||
        !read_coordinate(pair, OSSL_PKEY_PARAM_EC_PUB_Y, key->y)) {
        EVP_PKEY_free(pair);
        return false;
    }
    key->pair = pair;
    set_id(key);
    keys->count++;
    return true;
}

/* PEM_read_PrivateKey() is not used: it asks the terminal for the password of an encrypted key
 * and skips what it does not want. */
static bool add_block(struct keys *keys, const char *name, const char *head,
                      const unsigned char *data, long length)
{
    if (strcmp(name, "EC PARAMETERS") == 0)
        return true; /* `openssl ecparam -genkey` writes it in front of the key */
    if (head[0] != '\0')
        return false;
    if (strcmp(name, "PRIVATE KEY") == 0 || strcmp(name, "EC PRIVATE KEY") == 0)
        return add_key(keys, d2i_AutoPrivateKey(NULL, &data, length));
    return keys->count > 0 && strcmp(name, "PUBLIC KEY") == 0 &&
           add_key(keys, d2i_PUBKEY(NULL, &data, length));
}

static bool read_blocks(struct keys *keys, FILE *file)
{
    char *name, *head;
    unsigned char *data;
    long length;
    bool ok = true, at_end;

    while (ok && PEM_read(file, &name, &head, &data, &length) == 1) {
        ok = add_block(keys, name, head, data, length);
        OPENSSL_free(name);
        OPENSSL_free(head);
        OPENSSL_clear_free(data, (size_t)length);
    }
    at_end = !ok || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return ok && at_end && keys->count > 0;
}

struct keys *keys_load(const char *path, char *reterr, size_t reterr_size)
{
    FILE *file = path[0] ? fopen(path, "re") : NULL;
    struct keys *keys = calloc(1, sizeof(*keys));
    const char *reason = path[0] && file == NULL ? strerror(errno) : NULL;
    bool ok;

    if (keys == NULL)
        abort();
    ok = file != NULL && read_blocks(keys, file);
    if (file != NULL)
        fclose(file);
    if (ok)
        return keys;
    if (reason != NULL)
        snprintf(reterr, reterr_size, "auth.signing_key = '%s' cannot be read: %s", path, reason);
    else
        snprintf(reterr, reterr_size,
                 "auth.signing_key = '%s' must be a PEM file with an EC P-256 private key, not "
                 "encrypted; make one with: openssl ecparam -genkey -name prime256v1 -noout "
                 "-out FILE",
                 path);
    keys_free(keys);
    return NULL;
}

void keys_free(struct keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->items[i].pair);
    free(keys);
}

const char *keys_id(const struct keys *keys)
{
    return keys->items[0].id;
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

bool keys_sign(const struct keys *keys, const void *data, size_t length,
               unsigned char signature[KEY_SIGNATURE_BYTES])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char der[80];
    size_t der_length = sizeof(der);
    bool ok = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, keys->items[0].pair) == 1 &&
              EVP_DigestSign(context, der, &der_length, data, length) == 1 &&
              to_plain(der, der_length, signature);

    EVP_MD_CTX_free(context);
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
        base64_encode(out, key->x, COORDINATE_BYTES, BASE64_URL, false);
        buffer_append_string(out, "\",\"y\":\"");
        base64_encode(out, key->y, COORDINATE_BYTES, BASE64_URL, false);
        buffer_append_string(out, "\"}");
    }
    buffer_append_string(out, "]}\n");
}
