/* emoji.h - what may be put on a message as a reaction. */
#ifndef WAYSTONE_HANDLERS_RULES_EMOJI_H
#define WAYSTONE_HANDLERS_RULES_EMOJI_H

#include <stdbool.h>

/* Whether UTF-8 text is one emoji (with its modifiers, or joined ones, or a flag), or a short name
 * of the game's own: ":stone:", lower-case letters, digits, "_", "-" and "+". */
bool emoji_is_reaction(const char *text);

#endif
