/* json_fields.h - the members of a JSON object that somebody wants, by a table.
 *
 * For texts that others wrote: bounded in depth and values, UTF-8, no tree is built. Members that
 * the table does not name are skipped, null is as good as absent, and one of another type than the
 * table's makes the whole text wrong. Of two with one name the last counts. */
#ifndef WAYSTONE_HANDLERS_JSON_FIELDS_H
#define WAYSTONE_HANDLERS_JSON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "server/protocol/json_text.h"

#define JSON_TEXTS_MAX 16

struct json_texts {
    const char *items[JSON_TEXTS_MAX];
    size_t count;
};

enum json_field_kind {
    JSON_FIELD_TEXT,    /* const char *; in the arena */
    JSON_FIELD_TEXTS,   /* struct json_texts: an array of strings, or one string; further are left
                           out */
    JSON_FIELD_SECONDS, /* int64_t: a number, without its fraction */
    JSON_FIELD_FLAG,    /* bool: true or false, or, since some say it so, "true" or "false" */
    JSON_FIELD_ANY,     /* bool: it is there */
};

struct json_field {
    const char *name;
    enum json_field_kind kind;
    void *target; /* what is absent leaves it as it is */
};

/* Opens a text. False if it is not UTF-8. */
bool json_fields_open(struct json_text *text, struct arena *arena, struct bytes json);

/* Takes the object that comes next. `ret_unknown` (NULL: not wanted) is the first member that the
 * table does not name, or NULL. */
bool json_fields_take(struct json_text *text, const struct json_field *fields, size_t count,
                      const char **ret_unknown);

/* A whole text that is one object. */
bool json_fields_read(struct arena *arena, struct bytes json, const struct json_field *fields,
                      size_t count);

bool json_name_is(struct json_slice slice, const char *text);

#endif
