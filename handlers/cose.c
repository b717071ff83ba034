#include "handlers/cose.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "handlers/public_keys.h"

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

#define ED25519_BYTES 32
#define MAX_MEMBERS 16

/* What a key is made of: numbers and strings by label. */
struct members {
    int64_t type, algorithm, curve;
    struct bytes x, y, modulus, exponent;
};

static void digest_freep(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
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

static EVP_PKEY *ed25519_key(const struct members *members)
{
    if (members->type != TYPE_OKP || members->curve != CURVE_ED25519 ||
        members->x.length != ED25519_BYTES)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, members->x.data, members->x.length);
}

static EVP_PKEY *make_key(const struct members *members)
{
    switch (members->algorithm) {
    case COSE_ES256:
        return members->type == TYPE_EC2 && members->curve == CURVE_P256
                   ? public_key_p256(members->x, members->y)
                   : NULL;
    case COSE_EDDSA:
        return ed25519_key(members);
    case COSE_RS256:
        return members->type == TYPE_RSA ? public_key_rsa(members->modulus, members->exponent)
                                         : NULL;
    default:
        return NULL;
    }
}

bool cose_read_key(struct cbor *cbor, struct arena *arena, struct cose_key *ret)
{
    CLEANUP(public_key_freep) EVP_PKEY *key = NULL;
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
    CLEANUP(public_key_freep) EVP_PKEY *public = d2i_PUBKEY(NULL, &der, (long)key->der.length);
    CLEANUP(digest_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    /* Ed25519 hashes by itself. */
    const EVP_MD *digest = key->algorithm == COSE_EDDSA ? NULL : EVP_sha256();

    return public != NULL && context != NULL &&
           EVP_DigestVerifyInit(context, NULL, digest, NULL, public) == 1 &&
           EVP_DigestVerify(context, signature.data, signature.length, text.data, text.length) == 1;
}
