/* pattern_syntax.h - the syntax tree of a regular expression. Private to pattern*.c. */
#ifndef WAYSTONE_GEN_PATTERN_SYNTAX_H
#define WAYSTONE_GEN_PATTERN_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define CODE_POINT_MAX 0x10ffff

/* Code points from `first` to `last`. */
struct code_range {
    uint32_t first, last;
};

enum pattern_kind {
    PATTERN_EMPTY,
    PATTERN_SET,         /* one of `ranges` */
    PATTERN_SEQUENCE,    /* left, then right */
    PATTERN_ALTERNATIVE, /* left or right */
    PATTERN_REPEAT,      /* left, `least` to `most` times */
    PATTERN_BEGIN,
    PATTERN_END,
};

#define PATTERN_NO_LIMIT (-1)

struct pattern_node {
    enum pattern_kind kind;
    const struct pattern_node *left, *right;
    struct code_range *ranges; /* sorted, apart from each other */
    size_t range_count;
    int least, most;
};

/* NULL, with a sentence, if the text is not a pattern we support. */
const struct pattern_node *pattern_parse(struct arena *arena, const char *text,
                                         const char **reterr);

#endif
