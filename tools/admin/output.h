/* output.h - what a command answers: rows of named values, as a table or as JSON.
 *
 * A command adds its values row by row, each row with the same names in the same order; they are
 * written at the end, so that a command that fails half-way writes nothing. Text lives in the
 * arena. */
#ifndef WAYSTONE_TOOLS_ADMIN_OUTPUT_H
#define WAYSTONE_TOOLS_ADMIN_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct output_value;

struct output {
    struct arena *arena;
    bool json;
    const char *list; /* name of the JSON array; NULL: one row, an object of its own */
    struct output_value *first, *last;
    size_t rows;
};

void output_row(struct output *output);
/* NULL is no value. */
void output_text(struct output *output, const char *name, const char *text);
void output_number(struct output *output, const char *name, int64_t number);
/* Wall time in microseconds. */
void output_time(struct output *output, const char *name, int64_t wall_us);
void output_none(struct output *output, const char *name);

/* To standard output. */
void output_write(const struct output *output);

#endif
