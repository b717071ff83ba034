/* passwords.h - argon2id on the worker pool (16 ms and 19 MiB each).
 *
 * The pool and its queue are bounded, so that a flood of sign-ins is refused instead of making
 * everybody wait. A hash is a string with its own parameters and salt: raising ours later leaves
 * old ones valid. On the calling coroutine; what is passed in must live until the return. */
#ifndef WAYSTONE_HANDLERS_PASSWORDS_H
#define WAYSTONE_HANDLERS_PASSWORDS_H

#include "base/arena.h"
#include "base/workers.h"

/* Suspends; RESOURCE_EXHAUSTED when too many wait. The hash lives in the arena. */
enum status password_hash(struct workers *workers, struct arena *arena, const char *password,
                          const char **ret_hash) MUST_CHECK;

/* UNAUTHENTICATED if the password is wrong. A NULL hash takes as long and is always wrong, so
 * that nobody learns by the clock which accounts exist. Suspends. */
enum status password_verify(struct workers *workers, const char *hash, const char *password)
    MUST_CHECK;

#endif
