#include "handlers/cose.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <string.h>

/* Labels of a COSE_Key; those below zero depend on its type. */
enum {
    LABEL_TYPE = 1,
    LABEL_ALGORITHM = 3,
    LABEL_CURVE = -1,
    LABEL_X = -2,
    LABEL_Y = -3,
    LABEL_MODULUS = -1,
    LABEL_EXPONENT = -2,
};
enum { TYPE_OKP = 1, TYPE_EC2 = 2, TYPE_RSA = 3 };
enum { CURVE_P256 = 1, CURVE_ED25519 = 6 };

#define COORDINATE_BYTES 32
#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 4096
#define MAX_MEMBERS 16

/* What a key is made of: numbers and strings by label. */
struct members {
    int64_t type, algorithm, curve;
    struct bytes x, y, modulus, exponent;
};

static void pkey_freep(EVP_PKEY **key)
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

/* --- reading --- */

/* A label's value: -1 is a curve or a modulus, -2 a coordinate or an exponent. */
static bool read_member(struct cbor *cbor, int64_t label, struct members *members)
{
    bool is_string = cbor_kind(cbor) == CBOR_BYTES;

    switch (label) {
    case LABEL_TYPE:
        return cbor_int(cbor, &members->type);
    case LABEL_ALGORITHM:
        return cbor_int(cbor, &members->algorithm);
    case LABEL_CURVE:
        return is_string ? cbor_bytes(cbor, &members->modulus) : cbor_int(cbor, &members->curve);
    case LABEL_X:
        return cbor_bytes(cbor, &members->x);
    case LABEL_Y:
        return cbor_bytes(cbor, &members->y);
    default:
        return cbor_skip(cbor);
    }
}

static bool read_members(struct cbor *cbor, struct members *members)
{
    int64_t seen[MAX_MEMBERS];
    uint64_t count;

    if (!cbor_map(cbor, &count) || count > MAX_MEMBERS)
        return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!cbor_int(cbor, &seen[i]))
            return false;
        for (uint64_t k = 0; k < i; k++)
            if (seen[k] == seen[i])
                return false; /* two readers could take another one each */
        if (!read_member(cbor, seen[i], members))
            return false;
    }
    members->exponent = members->x;
    return true;
}

/* --- keys --- */

static EVP_PKEY *from_parameters(const char *type, OSSL_PARAM *parameters)
{
    CLEANUP(pkey_context_freep)
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (context == NULL || parameters == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return NULL;
    return key;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *p256_key(const struct members *members)
{
    unsigned char point[1 + 2 * COORDINATE_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char[]){"P-256"}, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };

    if (members->type != TYPE_EC2 || members->curve != CURVE_P256 ||
        members->x.length != COORDINATE_BYTES || members->y.length != COORDINATE_BYTES)
        return NULL;
    memcpy(point + 1, members->x.data, COORDINATE_BYTES);
    memcpy(point + 1 + COORDINATE_BYTES, members->y.data, COORDINATE_BYTES);
    return from_parameters("EC", parameters);
}

static EVP_PKEY *ed25519_key(const struct members *members)
{
    if (members->type != TYPE_OKP || members->curve != CURVE_ED25519 ||
        members->x.length != COORDINATE_BYTES)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, members->x.data, members->x.length);
}

static EVP_PKEY *rsa_key(const struct members *members)
{
    CLEANUP(number_freep) BIGNUM *modulus = NULL;
    CLEANUP(number_freep) BIGNUM *exponent = NULL;
    CLEANUP(builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    CLEANUP(parameters_freep) OSSL_PARAM *parameters = NULL;

    if (members->type != TYPE_RSA || members->modulus.length > RSA_MAX_BITS / 8 ||
        members->exponent.length == 0 || members->exponent.length > 4)
        return NULL;
    modulus = BN_bin2bn(members->modulus.data, (int)members->modulus.length, NULL);
    exponent = BN_bin2bn(members->exponent.data, (int)members->exponent.length, NULL);
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

static EVP_PKEY *make_key(const struct members *members)
{
    switch (members->algorithm) {
    case COSE_ES256:
        return p256_key(members);
    case COSE_EDDSA:
        return ed25519_key(members);
    case COSE_RS256:
        return rsa_key(members);
    default:
        return NULL;
    }
}

bool cose_read_key(struct cbor *cbor, struct arena *arena, struct cose_key *ret)
{
    CLEANUP(pkey_freep) EVP_PKEY *key = NULL;
    struct members members = {0};
    unsigned char *der, *end;
    int length;

    if (!read_members(cbor, &members))
        return false;
    key = make_key(&members);
    length = key != NULL ? i2d_PUBKEY(key, NULL) : -1;
    if (length <= 0)
        return false;
    der = end = arena_alloc(arena, (size_t)length);
    i2d_PUBKEY(key, &end);
    ret->algorithm = (enum cose_algorithm)members.algorithm;
    ret->der = (struct bytes){der, (size_t)length};
    return true;
}

bool cose_verify(const struct cose_key *key, struct bytes text, struct bytes signature)
{
    const unsigned char *der = key->der.data;
    CLEANUP(pkey_freep) EVP_PKEY *public = d2i_PUBKEY(NULL, &der, (long)key->der.length);
    CLEANUP(digest_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    /* Ed25519 hashes by itself. */
    const EVP_MD *digest = key->algorithm == COSE_EDDSA ? NULL : EVP_sha256();

    return public != NULL && context != NULL &&
           EVP_DigestVerifyInit(context, NULL, digest, NULL, public) == 1 &&
           EVP_DigestVerify(context, signature.data, signature.length, text.data, text.length) == 1;
}
