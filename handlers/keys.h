/* keys.h - the key that signs access tokens.
 *
 * Loaded once and read-only afterwards: every loop uses it without locks. */
#ifndef WAYSTONE_HANDLERS_KEYS_H
#define WAYSTONE_HANDLERS_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define KEY_SIGNATURE_BYTES 64 /* r and s of P-256 */

struct keys;

/* A PEM file with an EC P-256 private key. NULL with one sentence in `reterr`. */
struct keys *keys_load(const char *path, char *reterr, size_t reterr_size);
void keys_free(struct keys *keys); /* Accepts NULL. */

/* Names the key in tokens: the start of its SHA-256. */
const char *keys_id(const struct keys *keys);

bool keys_sign(const struct keys *keys, const void *data, size_t length,
               unsigned char signature[KEY_SIGNATURE_BYTES]);
bool keys_verify(const struct keys *keys, const void *data, size_t length,
                 const unsigned char signature[KEY_SIGNATURE_BYTES]);

/* The public key as a JSON Web Key Set. */
void keys_write_jwks(const struct keys *keys, struct buffer *out);

#endif
