/* public_keys.h - public keys from their numbers, and what they signed: ES256 and RS256.
 *
 * Pure; the error queue of OpenSSL is left empty. */
#ifndef WAYSTONE_HANDLERS_PUBLIC_KEYS_H
#define WAYSTONE_HANDLERS_PUBLIC_KEYS_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/buffer.h"

#define PUBLIC_KEY_COORDINATE_BYTES 32

/* A point of P-256. NULL if it is none. */
EVP_PKEY *public_key_p256(struct bytes x, struct bytes y);

/* RSA of 2,048 to 4,096 bits. NULL if it is malformed or of another size. */
EVP_PKEY *public_key_rsa(struct bytes modulus, struct bytes exponent);

/* Whether the signature is the key's over the SHA-256 of these bytes: DER for P-256. */
bool public_key_verify(EVP_PKEY *key, struct bytes text, struct bytes signature);

/* The same for P-256 as JOSE has it: two numbers of 32 bytes. */
bool public_key_verify_plain(EVP_PKEY *key, struct bytes text, struct bytes signature);

/* For CLEANUP. */
void public_key_freep(EVP_PKEY **key);

#endif
