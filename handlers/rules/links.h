/* links.h - whether a text holds an address that leads out of the game. Pure. */
#ifndef WAYSTONE_HANDLERS_RULES_LINKS_H
#define WAYSTONE_HANDLERS_RULES_LINKS_H

#include "handlers/rules/folding.h"

/* A scheme ("x://"), "www.", or a name that ends in a known top-level domain or goes on with a
 * path ("bit.ly", "shop.example/gold"); full-width letters and stops count as plain ones. */
bool text_has_link(const struct folded_text *text);

#endif
