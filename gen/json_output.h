/* json_output.h - writing JSON that people can read. */
#ifndef WAYSTONE_GEN_JSON_OUTPUT_H
#define WAYSTONE_GEN_JSON_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "gen/output.h"

/* A document being written: one member or item a line, two blanks an indent. */
struct json {
    struct output *out;
    int depth;
    bool has_members; /* the innermost object or list */
    bool after_key;
};

/* '{' or '[', as a value; then its end. */
void json_open(struct json *json, char bracket);
void json_close(struct json *json, char bracket);

void json_key(struct json *json, const char *key);

/* Values. A text that is JSON already, such as a number, is copied. */
void json_string(struct json *json, const char *text);
void json_text(struct json *json, const char *text);
void json_integer(struct json *json, int64_t number);
void json_bool(struct json *json, bool value);

/* A key with its value. */
void json_open_member(struct json *json, const char *key, char bracket);
void json_string_member(struct json *json, const char *key, const char *text);
void json_raw_member(struct json *json, const char *key, const char *text);
void json_integer_member(struct json *json, const char *key, int64_t number);
void json_bool_member(struct json *json, const char *key, bool value);

/* The text as a JSON string with its quotes. */
const char *json_quoted(struct arena *arena, const char *text);

#endif
