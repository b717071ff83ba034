/* json_text.h - JSON text, read value by value from front to back.
 *
 * Takes what RFC 8259 allows and nothing else; the caller has checked that the text is UTF-8.
 * What is read decides what is asked for next, so that no tree is built: strings and numbers
 * are pieces of the text (strings with escapes are unescaped into the arena). The first error
 * ends the text: from then on there is nothing more to be had, and `error` says why.
 *
 * Bounded: nesting by `max_depth`, values by LIMIT_JSON_VALUES, memory by the text's length. */
#ifndef WAYSTONE_SERVER_PROTOCOL_JSON_TEXT_H
#define WAYSTONE_SERVER_PROTOCOL_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum json_kind {
    JSON_NOTHING, /* an error, or no value */
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

/* Text without a NUL behind it, and without one inside. */
struct json_slice {
    const char *data;
    size_t length;
};

struct json_text {
    const char *at, *end, *start;
    struct arena *arena;
    const char *error; /* a sentence; NULL: none */
    unsigned depth, max_depth;
    unsigned values;
    bool is_fresh; /* the innermost array or object was just entered */
    bool keep_nul; /* U+0000 becomes KEPT_NUL instead of an error */
};

void json_text_open(struct json_text *text, struct arena *arena, const char *data, size_t length,
                    unsigned max_depth);

/* What comes next. */
enum json_kind json_text_kind(struct json_text *text);

/* Take the value of the kind that json_text_kind() has told; `ret` may be NULL. False on an
 * error. */
bool json_text_string(struct json_text *text, struct json_slice *ret);
bool json_text_number(struct json_text *text, struct json_slice *ret);
bool json_text_literal(struct json_text *text); /* null, true or false */
/* Into an array or object; go on with json_text_item() or json_text_member() until false. */
bool json_text_enter(struct json_text *text);

/* Whether there is one more item, which has to be taken next; else the array is left. */
bool json_text_item(struct json_text *text);

/* The same for a member of an object: takes its name (NULL: nobody wants it). */
bool json_text_member(struct json_text *text, struct json_slice *ret_name);

/* Takes any value, without memory for it. */
bool json_text_skip(struct json_text *text);

/* Whether all has been read and was well. */
bool json_text_close(struct json_text *text);

/* Behind the number at the start of the text; NULL if there is none. */
const char *json_number_end(const char *at, const char *end);

#endif
