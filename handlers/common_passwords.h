/* common_passwords.h - the passwords that are tried first, by anybody.
 *
 * Some 40,000, made at build time from a published list (common_passwords.py). Pure. */
#ifndef WAYSTONE_HANDLERS_COMMON_PASSWORDS_H
#define WAYSTONE_HANDLERS_COMMON_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether it is one of them; `length` bytes in lower case. As many steps for every password. */
bool password_is_common(const char *lower, size_t length);

/* The table: FNV-1a hashes, sorted. */
extern const uint64_t common_password_hashes[];
extern const size_t common_password_count;

#endif
