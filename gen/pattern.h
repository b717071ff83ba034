/* pattern.h - regular expressions, compiled when the build runs.
 *
 * What RE2 (which every protovalidate uses) and ECMAScript have in common and what takes linear
 * time: literals, '.', classes, \d \w \s, alternatives, groups, repetitions, '^' and '$'. A
 * pattern is searched for, not matched from end to end. Where the two disagree on a meaning,
 * RE2's holds: '.' is anything but a line feed, \s is [\t\n\f\r ]. The result is a minimal
 * deterministic automaton over the bytes of UTF-8: struct validate_pattern at run time. */
#ifndef WAYSTONE_GEN_PATTERN_H
#define WAYSTONE_GEN_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* State 0 is dead, state 1 the first. */
struct pattern {
    uint8_t classes[256];
    unsigned class_count;
    uint16_t *next; /* [state * class_count + class] */
    uint8_t *verdicts;
    unsigned state_count;
};

/* Verdicts of a state; those of server/protocol/validate.h. */
#define PATTERN_ENDS 1
#define PATTERN_MATCHES 2

/* False, with a sentence, if the pattern is malformed, not supported or too large. */
bool pattern_compile(struct arena *arena, const char *text, struct pattern *ret,
                     const char **reterr);

#endif
