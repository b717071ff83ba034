/* keys.h - a set of keys that sign and check access tokens, parsed.
 *
 * Filled once and read-only afterwards; each loop has its own (signing_keys.h). Nothing suspends.
 */
#ifndef WAYSTONE_HANDLERS_KEYS_H
#define WAYSTONE_HANDLERS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "handlers/key_pairs.h"

#define KEY_SIGNATURE_BYTES 64 /* r and s of P-256 */
#define KEYS_MAX 16

struct keys;

struct keys *keys_new(void);
void keys_free(struct keys *keys); /* Accepts NULL. */

/* Adds an EC P-256 key, which signs from `signs_from_us` (wall time) until a later one does.
 * `private_key` is PKCS #8 in DER and has to belong to the public point, and that to `id`: a public
 * key alone, which whoever writes to the database could have put there, verifies nothing. False if
 * it does not, or the set is full. */
bool keys_add(struct keys *keys, const char *id, struct bytes public_point,
              struct bytes private_key, int64_t signs_from_us);

/* The key that signs at a time, by its index; the first to sign, if none does yet. The set is not
 * empty. */
size_t keys_signer(const struct keys *keys, int64_t wall_us);

/* Names a key in tokens. */
const char *keys_id(const struct keys *keys, size_t index);

/* False only if OpenSSL fails. */
bool keys_sign(const struct keys *keys, size_t index, const void *data, size_t length,
               unsigned char signature[KEY_SIGNATURE_BYTES]);

/* Whether the key named `id` made the signature; false if there is no such key. */
bool keys_verify(const struct keys *keys, const char *id, const void *data, size_t length,
                 const unsigned char signature[KEY_SIGNATURE_BYTES]);

/* All public keys as a JSON Web Key Set. */
void keys_write_jwks(const struct keys *keys, struct buffer *out);

#endif
