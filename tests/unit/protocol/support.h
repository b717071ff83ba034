/* support.h - what the tests of the encodings share. */
#ifndef WAYSTONE_TESTS_UNIT_PROTOCOL_SUPPORT_H
#define WAYSTONE_TESTS_UNIT_PROTOCOL_SUPPORT_H

#include "server/protocol/message.h"

/* Decodes JSON, which must work. Memory lives until the test's process ends. */
ProtobufCMessage *from_json(const struct message_type *type, const char *json);

/* The sentence that JSON is refused with; fails the test if it is taken. */
const char *json_refusal(const struct message_type *type, const char *json);

/* A message as JSON, and as hexadecimal digits of its binary form. */
const char *to_json(const ProtobufCMessage *message);
const char *to_hex(const ProtobufCMessage *message);

/* Decodes binary, given as hexadecimal digits (spaces are ignored). */
ProtobufCMessage *from_hex(const struct message_type *type, const char *hex);
const char *hex_refusal(const struct message_type *type, const char *hex);

/* Decodes binary bytes; NULL and `*ret_status` when refused. */
ProtobufCMessage *from_bytes(const struct message_type *type, const void *data, size_t length,
                             enum status *ret_status, const char **reterr);

/* One arena for all of a test. */
struct arena *test_arena(void);

void expect_text(const char *actual, const char *expected, const char *file, int line);
#define EXPECT_TEXT(actual, expected) expect_text(actual, expected, __FILE__, __LINE__)

/* JSON in, JSON out. */
#define EXPECT_JSON(type, in, out) EXPECT_TEXT(to_json(from_json(&(type), in)), out)
#define EXPECT_JSON_REFUSED(type, in, sentence) EXPECT_TEXT(json_refusal(&(type), in), sentence)

#endif
