/* keys.h - the keys that sign and check access tokens.
 *
 * One PEM file holds them all: the first key is private and signs; those after it, private or
 * public, are its predecessors, whose tokens stay valid until they expire. To change the key,
 * put the new one in front, restart, and drop the old one after the life of a token.
 *
 * Loaded once and read-only afterwards: every loop uses them without locks. Nothing suspends. */
#ifndef WAYSTONE_HANDLERS_KEYS_H
#define WAYSTONE_HANDLERS_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define KEY_SIGNATURE_BYTES 64 /* r and s of P-256 */
#define KEY_ID_LENGTH 16       /* hexadecimal digits */
#define KEYS_MAX 8

struct keys;

/* Reads a PEM file of EC P-256 keys. NULL with one sentence in `reterr`. */
struct keys *keys_load(const char *path, char *reterr, size_t reterr_size);
void keys_free(struct keys *keys); /* Accepts NULL. */

/* Names the signing key in tokens: the start of the SHA-256 of its public point. */
const char *keys_id(const struct keys *keys);

/* Signs with the first key; false only if OpenSSL fails. */
bool keys_sign(const struct keys *keys, const void *data, size_t length,
               unsigned char signature[KEY_SIGNATURE_BYTES]);

/* Whether the key named `id` made the signature; false if there is no such key. */
bool keys_verify(const struct keys *keys, const char *id, const void *data, size_t length,
                 const unsigned char signature[KEY_SIGNATURE_BYTES]);

/* All public keys as a JSON Web Key Set. */
void keys_write_jwks(const struct keys *keys, struct buffer *out);

#endif
