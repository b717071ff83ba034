/* Messages with a JSON form of their own, both ways. They are reached through their descriptors,
 * so that this file needs no generated code; field numbers are those of google/protobuf. */
#include "server/protocol/json_internal.h"

#include "server/protocol/base64.h"

#include <math.h>
#include <string.h>

/* Indexes of the fields of google.protobuf.Value, in the order of their numbers. */
enum value_field { VALUE_NULL, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

static const ProtobufCFieldDescriptor *field_at(const ProtobufCMessage *message, unsigned index)
{
    return &message->descriptor->fields[index];
}

static void *member_at(const ProtobufCMessage *message, unsigned index)
{
    return field_member(message, field_at(message, index));
}

/* --- reading --- */

bool json_read_bytes(struct json_reader *reader, ProtobufCBinaryData *ret,
                     const struct json_event *event)
{
    *ret = (ProtobufCBinaryData){0};
    if (event->kind != JSON_STRING)
        return json_fail_kind(reader, "base64 in a string", event);
    if (event->length == 0)
        return true;
    ret->data = budget_alloc(&reader->budget, base64_decoded_max(event->length));
    if (ret->data == NULL)
        return json_fail_budget(reader);
    if (!base64_decode_to(ret->data, event->text, event->length, &ret->len))
        return json_fail(reader, "the string is not base64");
    return true;
}

/* Timestamp and Duration are both seconds and nanos. */
static bool read_time(struct json_reader *reader, ProtobufCMessage *message,
                      const struct json_event *event)
{
    bool is_timestamp = message_type_of(message)->wellknown == MESSAGE_TIMESTAMP;
    int64_t *seconds = member_at(message, 0);
    int32_t *nanos = member_at(message, 1);

    if (event->kind != JSON_STRING)
        return json_fail_kind(reader, is_timestamp ? "a time in a string" : "a duration in a string",
                              event);
    if (is_timestamp && !timestamp_parse(event->text, event->length, seconds, nanos))
        return json_fail(reader, "expected a time such as \"2024-05-31T17:45:00Z\"");
    if (!is_timestamp && !duration_parse(event->text, event->length, seconds, nanos))
        return json_fail(reader, "expected a duration such as \"1.5s\"");
    return true;
}

/* "userName" to "user_name". False if it has an underscore: it would not come back. */
static bool to_snake_case(const char *text, size_t length, char *out)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '_' || text[i] == '\0')
            return false;
        if (text[i] >= 'A' && text[i] <= 'Z') {
            *out++ = '_';
            *out++ = (char)(text[i] | 0x20);
        } else {
            *out++ = text[i];
        }
    }
    *out = '\0';
    return true;
}

static bool read_mask_path(struct json_reader *reader, ProtobufCMessage *message, const char *text,
                           size_t length)
{
    char **member = field_reserve(&reader->budget, message, field_at(message, 0), 1);
    char *path = budget_alloc(&reader->budget, 2 * length + 1);

    if (member == NULL || path == NULL)
        return json_fail_budget(reader);
    if (!to_snake_case(text, length, path))
        return json_fail(reader, "a path of a field mask is in lowerCamelCase");
    *member = path;
    ++*field_count(message, field_at(message, 0));
    return true;
}

/* "a,b.c": a comma-separated list. */
static bool read_field_mask(struct json_reader *reader, ProtobufCMessage *message,
                            const struct json_event *event)
{
    const char *at = event->text, *end = event->text + event->length;

    if (event->kind != JSON_STRING)
        return json_fail_kind(reader, "field paths in a string", event);
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        if (!read_mask_path(reader, message, at, (size_t)(stop - at)))
            return false;
        at = comma != NULL ? comma + 1 : end;
    }
    return true;
}

/* Struct is an object and ListValue an array of their only field. */
static bool open_container(struct json_reader *reader, ProtobufCMessage *message, unsigned depth,
                           const struct json_event *event)
{
    bool is_struct = message_type_of(message)->wellknown == MESSAGE_STRUCT;
    struct json_frame *frame;

    if (event->kind != (is_struct ? JSON_OBJECT : JSON_ARRAY))
        return json_fail_kind(reader, is_struct ? "an object" : "an array", event);
    frame = json_push(reader, is_struct ? FRAME_MAP : FRAME_ARRAY, message, depth);
    if (frame == NULL)
        return false;
    frame->field = field_at(message, 0);
    frame->extra = &message_type_of(message)->fields[0];
    return true;
}

static bool read_any_value(struct json_reader *reader, ProtobufCMessage *message, unsigned depth,
                           const struct json_event *event)
{
    static const enum value_field fields[] = {
        [JSON_NULL] = VALUE_NULL,     [JSON_BOOL] = VALUE_BOOL,     [JSON_NUMBER] = VALUE_NUMBER,
        [JSON_STRING] = VALUE_STRING, [JSON_OBJECT] = VALUE_STRUCT, [JSON_ARRAY] = VALUE_LIST};
    unsigned index = fields[event->kind];

    field_mark_present(message, field_at(message, index), &message_type_of(message)->fields[index]);
    return json_read_value(reader, field_at(message, index), member_at(message, index), depth,
                           event);
}

static bool open_any(struct json_reader *reader, ProtobufCMessage *message, unsigned depth,
                     const struct json_event *event)
{
    struct json_frame *frame;

    if (event->kind != JSON_OBJECT)
        return json_fail_kind(reader, "an object", event);
    frame = json_push(reader, FRAME_ANY, message, depth);
    if (frame == NULL)
        return false;
    frame->begin = json_offset(reader) - 1;
    return true;
}

bool json_read_wellknown(struct json_reader *reader, ProtobufCMessage *message, unsigned depth,
                         const struct json_event *event)
{
    switch (message_type_of(message)->wellknown) {
    case MESSAGE_TIMESTAMP:
    case MESSAGE_DURATION:
        return read_time(reader, message, event);
    case MESSAGE_FIELD_MASK:
        return read_field_mask(reader, message, event);
    case MESSAGE_STRUCT:
    case MESSAGE_LIST_VALUE:
        return open_container(reader, message, depth, event);
    case MESSAGE_VALUE:
        return read_any_value(reader, message, depth, event);
    case MESSAGE_ANY:
        return open_any(reader, message, depth, event);
    default: /* a wrapper */
        return json_read_scalar(reader, field_at(message, 0), member_at(message, 0), event);
    }
}

/* --- writing --- */

static bool write_time(struct json_writer *writer, const ProtobufCMessage *message)
{
    bool is_timestamp = message_type_of(message)->wellknown == MESSAGE_TIMESTAMP;
    int64_t seconds = *(const int64_t *)member_at(message, 0);
    int32_t nanos = *(const int32_t *)member_at(message, 1);
    size_t length;

    writer_ensure(&writer->to, TIME_TEXT_MAX + 2);
    *writer->to.at = '"';
    length = is_timestamp ? timestamp_format((char *)writer->to.at + 1, seconds, nanos)
                          : duration_format((char *)writer->to.at + 1, seconds, nanos);
    if (length == 0)
        return json_write_fail(writer, is_timestamp
                                           ? "a Timestamp is out of range or malformed"
                                           : "a Duration is out of range or malformed");
    writer->to.at[length + 1] = '"';
    writer->to.at += length + 2;
    return true;
}

/* "user_name" as "userName". False if that could not be read back. */
static bool put_camel_case(struct writer *to, const char *path)
{
    for (; *path != '\0'; path++) {
        if (*path >= 'A' && *path <= 'Z')
            return false;
        if (*path != '_') {
            json_put_char(to, *path);
            continue;
        }
        path++;
        if (*path < 'a' || *path > 'z')
            return false;
        json_put_char(to, (char)(*path & ~0x20));
    }
    return true;
}

static bool write_field_mask(struct json_writer *writer, const ProtobufCMessage *message)
{
    char *const *paths = *(char **const *)member_at(message, 0);
    size_t count = *field_count(message, field_at(message, 0));
    struct buffer joined = {0};
    struct writer to;
    bool ok = true;

    writer_open(&to, &joined);
    for (size_t i = 0; i < count && ok; i++) {
        if (i > 0)
            json_put_char(&to, ',');
        ok = put_camel_case(&to, paths[i]);
    }
    writer_flush(&to);
    if (ok)
        json_put_string(&writer->to, joined.length > 0 ? (const char *)buffer_data(&joined) : "",
                        joined.length);
    buffer_free(&joined);
    return ok || json_write_fail(writer, "a FieldMask has a path that JSON cannot spell");
}

static bool write_any_value(struct json_writer *writer, const ProtobufCMessage *message)
{
    uint32_t set = field_oneof_case(message, field_at(message, 0));

    if (set == 0 || set > VALUE_LIST + 1)
        return json_write_fail(writer, "a Value is not set");
    if (set == VALUE_NUMBER + 1 && !isfinite(*(const double *)member_at(message, VALUE_NUMBER)))
        return json_write_fail(writer, "a Value is not a finite number");
    return json_write_value(writer, field_at(message, set - 1), member_at(message, set - 1));
}

static bool write_any_content(struct json_writer *writer, const char *type_url,
                              const ProtobufCMessage *content)
{
    static const char value_name[] = ",\"value\":";

    writer_append(&writer->to, "{\"@type\":", 9);
    json_put_string(&writer->to, type_url, strlen(type_url));
    if (message_type_of(content)->wellknown == MESSAGE_ORDINARY) {
        if (!json_write_fields(writer, content, false))
            return false;
    } else {
        writer_append(&writer->to, value_name, sizeof(value_name) - 1);
        if (!json_write_message(writer, content))
            return false;
    }
    json_put_char(&writer->to, '}');
    return true;
}

static bool write_any(struct json_writer *writer, const ProtobufCMessage *message)
{
    const char *type_url = *(const char *const *)member_at(message, 0);
    const ProtobufCBinaryData *value = member_at(message, 1);
    const struct message_type *type;
    CLEANUP(arena_freep) struct arena *arena = NULL;
    ProtobufCMessage *content;
    const char *slash, *ignored;

    if (type_url[0] == '\0' && value->len == 0) {
        writer_append(&writer->to, "{}", 2);
        return true;
    }
    slash = strrchr(type_url, '/');
    type = slash != NULL ? message_registry_find(slash + 1, strlen(slash + 1)) : NULL;
    if (type == NULL)
        return json_write_fail(writer, "an Any has an unknown type");
    arena = arena_new();
    if (message_decode(arena, type, value->data, value->len, &content, &ignored) != STATUS_OK)
        return json_write_fail(writer, "an Any holds what its type cannot be decoded from");
    return write_any_content(writer, type_url, content);
}

bool json_write_wellknown(struct json_writer *writer, const ProtobufCMessage *message)
{
    switch (message_type_of(message)->wellknown) {
    case MESSAGE_TIMESTAMP:
    case MESSAGE_DURATION:
        return write_time(writer, message);
    case MESSAGE_FIELD_MASK:
        return write_field_mask(writer, message);
    case MESSAGE_STRUCT:
    case MESSAGE_LIST_VALUE:
        return json_write_repeated(writer, message, field_at(message, 0),
                                   message_type_of(message)->wellknown == MESSAGE_STRUCT);
    case MESSAGE_VALUE:
        return write_any_value(writer, message);
    case MESSAGE_ANY:
        return write_any(writer, message);
    default: /* a wrapper */
        return json_write_value(writer, field_at(message, 0), member_at(message, 0));
    }
}
