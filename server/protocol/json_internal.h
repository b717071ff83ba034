/* json_internal.h - what the files of the JSON codec share. */
#ifndef WAYSTONE_SERVER_PROTOCOL_JSON_INTERNAL_H
#define WAYSTONE_SERVER_PROTOCOL_JSON_INTERNAL_H

#include <string.h>

#include "server/protocol/codec.h"
#include "server/protocol/json_text.h"

/* --- json_write.c --- */

struct json_writer {
    struct writer out;
    const struct message_options *options;
    const char *error;
    unsigned any_depth; /* Anys within Anys; each is bytes to the decoder, which cannot bound it */
};

/* Notes why a value has no JSON form; INTERNAL. */
enum status json_write_fail(struct json_writer *writer, const char *why);

static inline void json_put(struct json_writer *writer, const char *text, size_t length)
{
    writer_ensure(&writer->out, length);
    memcpy(writer->out.at, text, length);
    writer->out.at += length;
}

#define JSON_PUT_LITERAL(writer, literal) json_put(writer, literal, sizeof(literal) - 1)

/* Quoted and escaped. */
void json_put_string(struct writer *out, const char *text, size_t length);

enum status json_write_message(struct json_writer *writer, const ProtobufCMessage *message)
    MUST_CHECK;
enum status json_write_value(struct json_writer *writer, const ProtobufCFieldDescriptor *field,
                             const void *value) MUST_CHECK;
enum status json_write_array(struct json_writer *writer, const ProtobufCMessage *message,
                             const ProtobufCFieldDescriptor *field) MUST_CHECK;
enum status json_write_map(struct json_writer *writer, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field) MUST_CHECK;
/* The members of an ordinary message, each with a comma behind it. */
enum status json_write_members(struct json_writer *writer, const ProtobufCMessage *message)
    MUST_CHECK;
/* Ends an object or array: the bracket takes the place of the last comma. */
void json_put_end(struct json_writer *writer, char bracket);

/* --- json_read.c --- */

/* Where a value stands, for errors; the innermost comes first. */
struct json_path {
    const struct json_path *parent;
    struct json_slice name;
    size_t index; /* of an element; SIZE_MAX: none */
};

struct json_reader {
    struct json_text text;
    struct budget budget;
    struct arena *arena; /* for errors */
    const char *error;
    bool refuse_unknown;
    unsigned depth, max_depth;
};

/* Notes what is wrong, unless the text itself is: that is said then. INVALID_ARGUMENT. */
enum status json_fail(struct json_reader *reader, const struct json_path *path, const char *format,
                      ...) PRINTF_LIKE(3, 4);
enum status json_fail_kind(struct json_reader *reader, const struct json_path *path,
                           const char *expected);
enum status json_out_of_budget(struct json_reader *reader);
/* After a step of the text has failed, or to see whether one has. */
enum status json_text_status(struct json_reader *reader) MUST_CHECK;

/* Each takes one value from the text. */
enum status json_read_message(struct json_reader *reader, const struct json_path *path,
                              ProtobufCMessage *message) MUST_CHECK;
enum status json_read_value(struct json_reader *reader, const struct json_path *path,
                            const ProtobufCFieldDescriptor *field, void *out) MUST_CHECK;
enum status json_read_array(struct json_reader *reader, const struct json_path *path,
                            ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
    MUST_CHECK;
enum status json_read_map(struct json_reader *reader, const struct json_path *path,
                          ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
    MUST_CHECK;
/* The members of an object; the one called `skip` (NULL: none) is left out. */
enum status json_read_members(struct json_reader *reader, const struct json_path *path,
                              ProtobufCMessage *message, const char *skip) MUST_CHECK;
bool json_slice_is(struct json_slice slice, const char *text);

/* --- json_number.c --- */

#define JSON_INTEGER_MAX_BYTES 20
#define JSON_REAL_MAX_BYTES 32

/* Whole numbers, also as "1e3" or "1.0". False if malformed or out of range. */
bool json_parse_signed(struct json_slice text, int64_t low, int64_t high, int64_t *ret);
bool json_parse_unsigned(struct json_slice text, uint64_t high, uint64_t *ret);
/* Finite numbers, "NaN", "Infinity" and "-Infinity". The arena is for very long ones. */
bool json_parse_double(struct arena *arena, struct json_slice text, double *ret);
/* Write the digits and return where they end. */
char *json_format_unsigned(char *out, uint64_t value);
char *json_format_signed(char *out, int64_t value);
/* Exactly `digits` of them, with zeros in front. */
char *json_format_padded(char *out, uint64_t value, int digits);
/* The shortest text that reads back as the same value; a quoted name for what is not finite. */
char *json_format_double(char *out, double value);
char *json_format_float(char *out, float value);

/* --- json_wellknown.c --- */

enum status json_write_wellknown(struct json_writer *writer, const ProtobufCMessage *message)
    MUST_CHECK;
enum status json_read_wellknown(struct json_reader *reader, const struct json_path *path,
                                ProtobufCMessage *message) MUST_CHECK;
/* Whether null is a value of the field rather than its absence. */
bool json_takes_null(const ProtobufCFieldDescriptor *field);

#endif
