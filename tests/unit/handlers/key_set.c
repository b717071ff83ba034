#include "tests/unit/handlers/key_set.h"

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/status.h"

EVP_PKEY *key_set_pair(const char *curve)
{
    EVP_PKEY *pair = EVP_EC_gen(curve);

    cr_assert_not_null(pair);
    return pair;
}

struct bytes key_set_point(EVP_PKEY *pair, unsigned char out[KEY_POINT_BYTES])
{
    unsigned char encoded[200];
    size_t length;

    cr_assert_eq(EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_PUB_KEY, encoded,
                                                 sizeof(encoded), &length),
                 1);
    memcpy(out, encoded + 1, KEY_POINT_BYTES);
    return (struct bytes){out, KEY_POINT_BYTES};
}

bool key_set_add(struct keys *keys, EVP_PKEY *pair, int64_t signs_from_us)
{
    unsigned char point_bytes[KEY_POINT_BYTES], *der = NULL;
    struct bytes point = key_set_point(pair, point_bytes);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pair);
    int length = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    char id[KEY_ID_LENGTH + 1];
    bool added;

    cr_assert_gt(length, 0);
    key_pair_id(point_bytes, id);
    added = keys_add(keys, id, point, (struct bytes){der, (size_t)length}, signs_from_us);
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_free(der);
    return added;
}

struct keys *key_set_new(void)
{
    CLEANUP(evp_freep) EVP_PKEY *pair = key_set_pair("P-256");
    struct keys *keys = keys_new();

    cr_assert(key_set_add(keys, pair, 0));
    return keys;
}

void keys_freep(struct keys **keys)
{
    keys_free(*keys);
}

void evp_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
