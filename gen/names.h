/* names.h - how names of a schema become names of C.
 *
 * Pure functions, but for struct name_set. Results live in the arena given. */
#ifndef WAYSTONE_GEN_NAMES_H
#define WAYSTONE_GEN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* "SendMessage" and "sendMessage" become "send_message", "HTTPServer" "http_server". */
char *name_snake(struct arena *arena, const char *name);

/* The same in capitals. */
char *name_upper(struct arena *arena, const char *name);

/* "waystone.chat.v1" becomes "WaystoneChatV1". */
char *name_camel(struct arena *arena, const char *dotted);

/* A path or dotted name with every other character than letters and digits as '_'. */
char *name_identifier(struct arena *arena, const char *text);

/* Words a program must not use: C's keywords, and of the headers that generated code includes the
 * macros, types and enumerators. reserved.c. */
bool name_is_reserved(const char *name);

/* The name, or with an 'x' in front if it starts as those of compilers, "__FILE__", or of
 * protobuf-c do. */
const char *name_spelled(struct arena *arena, const char *name);

/* Names in use, to find clashes. A zeroed struct with an arena is an empty set. */
struct name_set {
    struct arena *arena;
    const char **slots; /* open addressing; a power of two */
    size_t capacity, count;
};

bool name_set_has(const struct name_set *set, const char *name);
/* False if it was there already. The name is borrowed. */
bool name_set_add(struct name_set *set, const char *name);

#endif
