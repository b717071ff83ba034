/* passwords.h - argon2id on the worker pool (16 ms and 19 MiB each, unless configured otherwise).
 *
 * The pool and its queue are bounded, so that a flood of sign-ins is refused instead of making
 * everybody wait; its threads give way to those that serve. A hash is a string with its own
 * parameters and salt: raising ours later leaves old ones valid. What is hashed is the password's
 * normal form (NFKC), so that keyboards that write the same character differently agree. On the
 * calling coroutine; what is passed in must live until the return. */
#ifndef WAYSTONE_HANDLERS_PASSWORDS_H
#define WAYSTONE_HANDLERS_PASSWORDS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/workers.h"

/* OWASP's second recommendation for argon2id. */
#define PASSWORD_DEFAULT_PASSES 2
#define PASSWORD_DEFAULT_MEMORY_KIB (19 * 1024)

/* Of new hashes; before the loops start. */
void passwords_configure(unsigned passes, unsigned memory_kib);

/* Suspends; RESOURCE_EXHAUSTED when too many wait. The hash lives in the arena. */
enum status password_hash(struct workers *workers, struct arena *arena, const char *password,
                          const char **ret_hash) MUST_CHECK;

/* UNAUTHENTICATED if the password is wrong. A NULL hash takes as long and is always wrong, so
 * that nobody learns by the clock which accounts exist. Suspends. */
enum status password_verify(struct workers *workers, const char *hash, const char *password)
    MUST_CHECK;

/* Whether a hash was made with other parameters than those configured now. */
bool password_hash_is_outdated(const char *hash);

#endif
