/* password_rules.h - which passwords are too easy to guess. Pure.
 *
 * There are no rules on composition: any characters, of any kind. Length is the schema's matter
 * (8 to 128 characters). Refused is what is guessed first: the common ones, what the account's
 * name and address tell, and these with the usual alterations. */
#ifndef WAYSTONE_HANDLERS_PASSWORD_RULES_H
#define WAYSTONE_HANDLERS_PASSWORD_RULES_H

#include "base/arena.h"

/* A sentence for the player, or NULL if the password will do. */
const char *password_fault(struct arena *arena, const char *password, const char *user_name,
                           const char *email);

#endif
