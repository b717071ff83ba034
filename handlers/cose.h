/* cose.h - the public keys of authenticators: COSE_Key (RFC 9052, 9053) to SubjectPublicKeyInfo.
 *
 * Three algorithms: ES256 (P-256), EdDSA (Ed25519) and RS256 (2,048 to 4,096 bits). Pure. */
#ifndef WAYSTONE_HANDLERS_COSE_H
#define WAYSTONE_HANDLERS_COSE_H

#include "base/arena.h"
#include "handlers/cbor.h"

enum cose_algorithm {
    COSE_ES256 = -7,
    COSE_EDDSA = -8,
    COSE_RS256 = -257,
};

struct cose_key {
    enum cose_algorithm algorithm;
    struct bytes der; /* SubjectPublicKeyInfo */
};

/* Takes a key from the input; its DER lies in the arena. False if it is malformed, of another
 * algorithm, too weak or no key at all (a point that is not on the curve). */
bool cose_read_key(struct cbor *cbor, struct arena *arena, struct cose_key *ret);

/* Whether the signature is the key's over these bytes. */
bool cose_verify(const struct cose_key *key, struct bytes text, struct bytes signature);

#endif
