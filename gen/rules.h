/* rules.h - the values of buf.validate rules, as C and as words.
 *
 * The rules of the twelve number types differ in their types alone, and those of durations and
 * timestamps hardly more: they are read by name through protobuf-c's descriptors. */
#ifndef WAYSTONE_GEN_RULES_H
#define WAYSTONE_GEN_RULES_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct rule_value {
    const char *name;    /* of the rule: "gte" */
    const char *literal; /* in C; of times "seconds, nanos" */
    const char *words;   /* for people */
    long double number;  /* for comparing; of times in seconds */
    bool is_nan;
    bool is_least, is_most; /* the bounds of an integer type */
};

/* The value of a rule that is set; `index` counts those of a repeated one. False if it is not
 * set, or has no more values. */
bool rule_value(struct arena *arena, const ProtobufCMessage *rules, const char *name, size_t index,
                struct rule_value *ret);

/* The first of the two that is set. */
bool rule_either(struct arena *arena, const ProtobufCMessage *rules, const char *name,
                 const char *other, struct rule_value *ret);

#endif
