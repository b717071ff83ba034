/* folding.h - text as the eye takes it, to compare words that somebody disguised.
 *
 * Case, accents, width and ligatures are taken away (Unicode NFKD and case folding), letters of
 * other scripts and signs that look like a Latin letter become it, and what cannot be seen is
 * dropped. Pure: no locale, no state. */
#ifndef WAYSTONE_HANDLERS_RULES_FOLDING_H
#define WAYSTONE_HANDLERS_RULES_FOLDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct folded_char {
    int32_t letter;      /* what it looks like; 0 for what separates words */
    int32_t other;       /* what it looks like as well ("1": "i" and "l"); 0: nothing else */
    int32_t plain;       /* without case and accent, but what it is; '.' stays '.' */
    bool is_digit;       /* a number that may stand for a letter */
    bool may_separate;   /* "!" is "i" within a word, and ends a word */
    uint32_t start, end; /* bytes of the text it came from; several may share them */
};

struct folded_text {
    struct folded_char *chars;
    size_t count;
};

/* `text` is valid UTF-8; the result lives in the arena. */
void fold_text(struct arena *arena, const char *text, struct folded_text *ret);

/* The same for two texts whose letters are the same in the same order, whatever stands between
 * them. 0 for texts too short to tell spam from "ok". */
uint64_t folded_fingerprint(const struct folded_text *text);

#endif
