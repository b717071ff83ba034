/* model.h - schemas as the emitters see them.
 *
 * model_read() takes protoc's request apart into plain structs with C names chosen, comments
 * and positions attached, options read. Everything lives in the model's arena. What is wrong
 * is collected in `model->errors`, one "file:line:column: sentence" each. */
#ifndef WAYSTONE_GEN_MODEL_H
#define WAYSTONE_GEN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "buf/validate/validate.pb-c.h"
#include "google/protobuf/compiler/plugin.pb-c.h"
#include "waystone/options/v1/options.pb-c.h"

/* The numbers of google.protobuf.FieldDescriptorProto.Type. */
enum field_type {
    FIELD_DOUBLE = 1,
    FIELD_FLOAT = 2,
    FIELD_INT64 = 3,
    FIELD_UINT64 = 4,
    FIELD_INT32 = 5,
    FIELD_FIXED64 = 6,
    FIELD_FIXED32 = 7,
    FIELD_BOOL = 8,
    FIELD_STRING = 9,
    FIELD_MESSAGE = 11,
    FIELD_BYTES = 12,
    FIELD_UINT32 = 13,
    FIELD_ENUM = 14,
    FIELD_SFIXED32 = 15,
    FIELD_SFIXED64 = 16,
    FIELD_SINT32 = 17,
    FIELD_SINT64 = 18,
};

struct model_file;
struct model_message;
struct source_location;

/* Where something is declared, from 1; 0 when unknown. */
struct location {
    const struct model_file *file;
    int line, column;
};

struct model_value {
    const char *name;
    const char *c_name;
    const char *comment; /* NULL when there is none; so everywhere */
    int32_t number;
};

struct model_enum {
    const struct model_file *file;
    const char *full_name; /* "waystone.chat.v1.ChannelKind" */
    const char *name;      /* "ChannelKind" */
    const char *joined;    /* with the messages around it: "Outer_Kind" */
    const char *c_name;
    const char *comment;
    struct model_value *values;
    size_t value_count;
};

struct model_oneof {
    const char *name;
    const char *c_name;
    const char *case_type; /* "StreamMessagesResponse_EventCase" */
    const char *none;      /* "STREAM_MESSAGES_RESPONSE_EVENT_NOT_SET" */
    const char *comment;
    struct location location;
    int index; /* among those of the message that are not there for an `optional` */
    bool required;
};

struct model_field;

/* Fields of which one at most is set, by a rule of their message. */
struct model_choice {
    const struct model_field **fields;
    size_t field_count;
    bool required;
};

struct model_field {
    const struct model_message *parent;
    const char *name;
    const char *c_name;
    const char *json_name;
    const char *comment;
    struct location location;
    int32_t number;
    enum field_type type;
    const struct model_message *message;  /* of FIELD_MESSAGE */
    const struct model_enum *enumeration; /* of FIELD_ENUM */
    const struct model_oneof *oneof;      /* NULL: in none */
    const char *case_value;               /* enumerator, when in a oneof */
    bool repeated;                        /* maps too */
    bool packed;
    bool is_optional;                       /* declared so */
    bool is_chosen;                         /* in a choice */
    const Buf__Validate__FieldRules *rules; /* NULL: none */
    struct location rules_location;
};

struct model_message {
    const struct model_file *file;
    const char *full_name;
    const char *name;
    const char *joined;
    const char *c_name;
    const char *comment;
    struct location location;
    const struct model_message *around; /* the message it is declared in */
    struct model_field *fields;         /* as declared */
    size_t field_count;
    struct model_oneof *oneofs;
    size_t oneof_count;
    struct model_choice *choices;
    size_t choice_count;
    bool is_map_entry;
    bool validates; /* it, or what it contains, has rules */
};

#define RATE_LIMITS_MAX 4 /* RPC_RATE_LIMITS_MAX of server/rpc.h */

struct model_method {
    const char *name;
    const char *c_name;      /* "send_message", of the member of the struct */
    const char *base;        /* the same before reserved words were avoided */
    const char *stream_name; /* "converse": prefix of its stream's functions */
    const char *constant;    /* "CHAT_SERVICE_SEND_MESSAGE" */
    const char *comment;
    struct location location;
    const struct model_message *request, *response;
    bool request_streams, response_streams;
    bool no_side_effects;
    bool idempotent; /* may be done twice: NO_SIDE_EFFECTS or IDEMPOTENT */
    const Waystone__Options__V1__MethodRules *rules;
};

struct model_service {
    const struct model_file *file;
    const char *full_name;
    const char *name;
    const char *c_name;      /* "chat_service" */
    const char *client_name; /* "chat_client" */
    const char *comment;
    struct location location;
    struct model_method *methods;
    size_t method_count;
};

struct model_file {
    const char *path; /* "waystone/chat/v1/chat.proto" */
    const char *stem; /* the same without ".proto" */
    const char *package;
    const char *comment;
    bool wanted;                    /* protoc asks for its output */
    bool is_proto3;                 /* others are read for their options and have no C names */
    struct model_message *messages; /* nested ones too, before the one around them */
    size_t message_count;
    struct model_enum *enums;
    size_t enum_count;
    struct model_service *services;
    size_t service_count;
    const Google__Protobuf__FileDescriptorProto *proto;
    const struct source_location *locations; /* sorted by path; see source.h */
    size_t location_count;
};

struct model {
    struct arena *arena;
    struct model_file *files; /* those depended on come first */
    size_t file_count;
    struct buffer errors; /* lines */
};

/* Reads the request. False if anything is wrong; see model->errors. `only` restricts output to
 * one file, though names are chosen for all; NULL: every file protoc asks for. */
bool model_read(struct model *model,
                const Google__Protobuf__Compiler__CodeGeneratorRequest *request, const char *only);

/* Adds an error at a position; nothing when the position is in a file whose output is not
 * wanted, for which it is reported when that file is generated. */
void model_fail(struct model *model, struct location location, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* --- questions about a field --- */

bool field_is_map(const struct model_field *field);

/* Whether absent and zero are told apart. */
bool field_has_presence(const struct model_field *field);

/* Whether the struct has a `has_` member for it. */
bool field_has_flag(const struct model_field *field);

/* "int64_t" or "Timestamp *": of one value. */
const char *field_c_type(struct arena *arena, const struct model_field *field);

/* "int64": as the schema writes a scalar type. */
const char *field_type_name(enum field_type type);

#endif
