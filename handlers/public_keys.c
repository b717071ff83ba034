#include "handlers/public_keys.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#define COORDINATE_BYTES PUBLIC_KEY_COORDINATE_BYTES
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 4096
#define RSA_EXPONENT_MAX_BYTES 4

void public_key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void pkey_context_freep(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

static void digest_freep(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void number_freep(BIGNUM **number)
{
    BN_free(*number);
}

static void builder_freep(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

static void parameters_freep(OSSL_PARAM **parameters)
{
    OSSL_PARAM_free(*parameters);
}

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM *parameters)
{
    CLEANUP(pkey_context_freep)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (context == NULL || parameters == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        key = NULL;
    ERR_clear_error(); /* the next user of OpenSSL would take it for its own */
    return key;
}

EVP_PKEY *public_key_p256(struct bytes x, struct bytes y)
{
    char group[] = "prime256v1";
    uint8_t point[1 + 2 * COORDINATE_BYTES] = {4}; /* not compressed */
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };

    if (x.length != COORDINATE_BYTES || y.length != COORDINATE_BYTES)
        return NULL;
    memcpy(point + 1, x.data, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, y.data, COORDINATE_BYTES);
    return from_parameters("EC", parameters);
}

EVP_PKEY *public_key_rsa(struct bytes modulus_bytes, struct bytes exponent_bytes)
{
    CLEANUP(number_freep) BIGNUM *modulus = NULL;
    CLEANUP(number_freep) BIGNUM *exponent = NULL;
    CLEANUP(builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    CLEANUP(parameters_freep) OSSL_PARAM *parameters = NULL;

    if (modulus_bytes.length > RSA_MAX_BITS / 8 || exponent_bytes.length == 0 ||
        exponent_bytes.length > RSA_EXPONENT_MAX_BYTES)
        return NULL;
    modulus = BN_bin2bn(modulus_bytes.data, (int)modulus_bytes.length, NULL);
    exponent = BN_bin2bn(exponent_bytes.data, (int)exponent_bytes.length, NULL);
    if (builder == NULL || modulus == NULL || exponent == NULL ||
        BN_num_bits(modulus) < RSA_MIN_BITS || !BN_is_odd(modulus) || !BN_is_odd(exponent) ||
        BN_is_one(exponent))
        return NULL;
    if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return NULL;
    parameters = OSSL_PARAM_BLD_to_param(builder);
    return from_parameters("RSA", parameters);
}

bool public_key_verify(EVP_PKEY *key, struct bytes text, struct bytes signature)
{
    CLEANUP(digest_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok =
        context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(context, signature.data, signature.length, text.data, text.length) == 1;

    ERR_clear_error();
    return ok;
}

bool public_key_verify_plain(EVP_PKEY *key, struct bytes text, struct bytes signature)
{
    ECDSA_SIG *pair;
    unsigned char *der = NULL;
    int length;
    bool ok;

    if (signature.length != 2 * COORDINATE_BYTES)
        return false;
    pair = ECDSA_SIG_new();
    if (pair == NULL ||
        ECDSA_SIG_set0(pair, BN_bin2bn(signature.data, COORDINATE_BYTES, NULL),
                       BN_bin2bn(signature.data + COORDINATE_BYTES, COORDINATE_BYTES, NULL)) != 1)
        abort();
    length = i2d_ECDSA_SIG(pair, &der);
    ok = length > 0 && public_key_verify(key, text, (struct bytes){der, (size_t)length});
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return ok;
}
