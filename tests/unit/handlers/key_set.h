/* key_set.h - signing keys for tests, made with OpenSSL. */
#ifndef WAYSTONE_TESTS_KEY_SET_H
#define WAYSTONE_TESTS_KEY_SET_H

#include <openssl/evp.h>

#include "handlers/keys.h"

/* A new EC key; the caller frees it. `curve` such as "P-256". */
EVP_PKEY *key_set_pair(const char *curve);

/* Its x and y, if it is of P-256. */
struct bytes key_set_point(EVP_PKEY *pair, unsigned char out[KEY_POINT_BYTES]);

/* keys_add() of a whole pair. */
bool key_set_add(struct keys *keys, EVP_PKEY *pair, int64_t signs_from_us);

/* A set of one new key; the caller frees it. */
struct keys *key_set_new(void);

/* For CLEANUP(). */
void keys_freep(struct keys **keys);
void evp_freep(EVP_PKEY **key);

#endif
