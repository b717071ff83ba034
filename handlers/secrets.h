/* secrets.h - what the database keeps and must not give away: encrypted with the master key.
 *
 * The master key (32 bytes) comes from a file, `auth.master_key`: a line of base64, made with
 * `openssl rand -base64 32`. Further lines are its predecessors, which open what they sealed and
 * seal nothing. Without a file a key is used that everybody knows, for development on one machine.
 *
 * AES-256-GCM. What was sealed is nonce (12 bytes), ciphertext, tag (16); purpose and id are
 * authenticated with it, so that a value moved to another row or column does not open.
 *
 * Read-only after loading: every loop and thread uses it without locks. Nothing suspends. */
#ifndef WAYSTONE_HANDLERS_SECRETS_H
#define WAYSTONE_HANDLERS_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

struct secrets;

/* `path` empty: the development key. NULL with one sentence in `reterr`. */
struct secrets *secrets_load(const char *path, char *reterr, size_t reterr_size);
void secrets_free(struct secrets *secrets); /* Accepts NULL. */

/* Whether it is the key that everybody knows. */
bool secrets_are_for_development(const struct secrets *secrets);

/* `purpose` names table and column ("totp.secret"), `id` the row. The results lie in the arena.
 * Sealing fails only if OpenSSL does; opening when it is not what was sealed there. */
bool secrets_seal(const struct secrets *secrets, struct arena *arena, const char *purpose,
                  int64_t id, struct bytes plain, struct bytes *ret_sealed) MUST_CHECK;
bool secrets_open(const struct secrets *secrets, struct arena *arena, const char *purpose,
                  int64_t id, struct bytes sealed, struct bytes *ret_plain) MUST_CHECK;

#endif
