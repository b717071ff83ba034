/* json_internal.h - what the files of the JSON codec share. */
#ifndef WAYSTONE_SERVER_PROTOCOL_JSON_INTERNAL_H
#define WAYSTONE_SERVER_PROTOCOL_JSON_INTERNAL_H

#include <yajl/yajl_tree.h>

#include "server/protocol/codec.h"

/* --- json_write.c --- */

enum status json_write_message(struct buffer *out, const ProtobufCMessage *message,
                               const char **reterr) MUST_CHECK;
enum status json_write_value(struct buffer *out, const ProtobufCFieldDescriptor *field,
                             const void *value, const char **reterr) MUST_CHECK;
/* The members of an ordinary message, without braces; `first` tells whether a comma is due. */
enum status json_write_members(struct buffer *out, const ProtobufCMessage *message, bool first,
                               const char **reterr) MUST_CHECK;

/* --- json_read.c --- */

/* Where a value stands, for errors; the innermost comes first. */
struct json_path {
    const struct json_path *parent;
    const char *name;
    size_t index; /* of an element; SIZE_MAX: none */
};

struct json_reader {
    struct budget budget;
    struct arena *arena; /* for errors */
    const char *error;
    int depth;
};

enum status json_fail(struct json_reader *reader, const struct json_path *path, const char *format,
                      ...) PRINTF_LIKE(3, 4);
enum status json_out_of_budget(struct json_reader *reader);
const char *json_kind(yajl_val value);

enum status json_read_message(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, ProtobufCMessage *message) MUST_CHECK;
/* One value into `out`. */
enum status json_read_value(struct json_reader *reader, const struct json_path *path,
                            yajl_val value, const ProtobufCFieldDescriptor *field, void *out)
    MUST_CHECK;
/* The members of an object; `skip` (NULL: none) is left out. */
enum status json_read_members(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, ProtobufCMessage *message, const char *skip)
    MUST_CHECK;

/* --- json_number.c --- */

/* Whole numbers, also as "1e3" or "1.0". False if malformed or out of range. */
bool json_parse_signed(const char *text, int64_t low, int64_t high, int64_t *ret);
bool json_parse_unsigned(const char *text, uint64_t high, uint64_t *ret);
/* Finite numbers, "NaN", "Infinity" and "-Infinity". */
bool json_parse_double(const char *text, double *ret);
/* Shortest text that reads back as the same value. */
void json_write_double(struct buffer *out, double value);
void json_write_float(struct buffer *out, float value);

/* --- json_wellknown.c --- */

enum status json_write_wellknown(struct buffer *out, const ProtobufCMessage *message,
                                 const char **reterr) MUST_CHECK;
enum status json_read_wellknown(struct json_reader *reader, const struct json_path *path,
                                yajl_val value, ProtobufCMessage *message) MUST_CHECK;
/* Whether null is a value of the field rather than its absence. */
bool json_takes_null(const ProtobufCFieldDescriptor *field);

#endif
