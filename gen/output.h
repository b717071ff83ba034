/* output.h - writing C that people like to read. */
#ifndef WAYSTONE_GEN_OUTPUT_H
#define WAYSTONE_GEN_OUTPUT_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"

/* One file of the answer to protoc. */
struct output {
    struct arena *arena;
    const char *path;
    struct buffer text;
};

void emit(struct output *out, const char *format, ...) PRINTF_LIKE(2, 3);

/* A comment, indented by `indent` blanks, on lines of its own. Nothing when the text is NULL. */
void emit_comment(struct output *out, int indent, const char *text);

/* `head` and the comma-separated arguments, broken before column 100 and aligned behind the
 * parenthesis with which `head` ends; then `tail`. */
void emit_call(struct output *out, const char *head, const char *const *arguments, size_t count,
               const char *tail);

/* The bytes as a C string literal with its quotes. */
const char *c_string(struct arena *arena, const void *text, size_t length);

#endif
