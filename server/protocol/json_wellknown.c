/* The well-known types, whose JSON is not that of an ordinary message. Their fields are found
 * by number, so that this file needs none of their generated structs. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "server/protocol/json_internal.h"
#include "server/protocol/json_time.h"

/* Field numbers of google.protobuf.Value's kinds. */
enum { VALUE_NULL = 1, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessage *message, uint32_t number)
{
    return field_find(message->descriptor, number);
}

static void *member_of(const ProtobufCMessage *message, uint32_t number)
{
    return field_member(message, field_of(message, number));
}

/* The value field of wrappers and of Timestamp's like: which struct_field has `extra`. */
static const struct message_field *extra_of(const ProtobufCMessage *message, uint32_t number)
{
    const struct message_type *type = message_type_of(message);

    return &type->fields[field_of(message, number) - type->descriptor.fields];
}

bool json_takes_null(const ProtobufCFieldDescriptor *field)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return field_type(field)->wellknown == MESSAGE_VALUE;
    return field->type == PROTOBUF_C_TYPE_ENUM &&
           strcmp(((const ProtobufCEnumDescriptor *)field->descriptor)->name,
                  "google.protobuf.NullValue") == 0;
}

/* --- field masks: snake_case paths, camelCase in JSON --- */

static bool append_camel(struct buffer *out, const char *path)
{
    for (; *path != '\0'; path++) {
        if (*path >= 'A' && *path <= 'Z')
            return false;
        if (*path != '_') {
            buffer_append_char(out, *path);
            continue;
        }
        if (path[1] < 'a' || path[1] > 'z')
            return false;
        buffer_append_char(out, (char)(*++path - 'a' + 'A'));
    }
    return true;
}

static enum status write_mask(struct json_writer *writer, const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *paths = field_of(message, 1);
    char *const *items = *(char *const **)field_member(message, paths);
    struct buffer text = {0};
    bool ok = true;

    for (size_t i = 0; ok && i < *field_count(message, paths); i++) {
        if (i > 0)
            buffer_append_char(&text, ',');
        ok = append_camel(&text, items[i]);
    }
    if (ok)
        json_put_string(&writer->out, text.length ? (char *)buffer_data(&text) : "", text.length);
    buffer_free(&text);
    return ok ? STATUS_OK : json_write_fail(writer, "a path of the field mask has no JSON form");
}

/* The path with an underscore before each small letter that was a capital, in memory for twice
 * its length. False if it has underscores: it would not come back the same. */
static bool to_snake(char *out, const char *path, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (path[i] == '_')
            return false;
        if (path[i] >= 'A' && path[i] <= 'Z') {
            *out++ = '_';
            *out++ = (char)(path[i] - 'A' + 'a');
        } else {
            *out++ = path[i];
        }
    }
    *out = '\0';
    return true;
}

static enum status read_mask(struct json_reader *reader, const struct json_path *path,
                             ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *paths = field_of(message, 1);
    struct json_slice text;

    if (json_text_kind(&reader->text) != JSON_STRING)
        return json_fail_kind(reader, path, "field names with commas between them");
    if (!json_text_string(&reader->text, &text))
        return json_text_status(reader);
    while (text.length > 0) {
        const char *comma = memchr(text.data, ',', text.length);
        size_t length = comma ? (size_t)(comma - text.data) : text.length;
        char **slot = field_reserve(&reader->budget, message, paths, 1);
        char *copy = budget_alloc(&reader->budget, 2 * length + 1);
        if (slot == NULL || copy == NULL)
            return json_out_of_budget(reader);
        if (!to_snake(copy, text.data, length))
            return json_fail(reader, path, "field names are written in camelCase here");
        *slot = copy;
        ++*field_count(message, paths);
        length += comma != NULL;
        text.data += length;
        text.length -= length;
    }
    return STATUS_OK;
}

/* --- Struct, Value, ListValue --- */

static enum status write_dynamic(struct json_writer *writer, const ProtobufCMessage *message)
{
    uint32_t kind = field_oneof_case(message, field_of(message, VALUE_NULL));

    if (kind == 0)
        return json_write_fail(writer, "a google.protobuf.Value without a value has no JSON form");
    if (kind == VALUE_NUMBER && !isfinite(*(double *)member_of(message, kind)))
        return json_write_fail(writer,
                               "a google.protobuf.Value that is no finite number has no JSON form");
    return json_write_value(writer, field_of(message, kind), member_of(message, kind));
}

static enum status read_dynamic(struct json_reader *reader, const struct json_path *path,
                                ProtobufCMessage *message)
{
    static const uint32_t kinds[] = {
        [JSON_NULL] = VALUE_NULL,     [JSON_TRUE] = VALUE_BOOL,     [JSON_FALSE] = VALUE_BOOL,
        [JSON_NUMBER] = VALUE_NUMBER, [JSON_STRING] = VALUE_STRING, [JSON_ARRAY] = VALUE_LIST,
        [JSON_OBJECT] = VALUE_STRUCT,
    };
    uint32_t kind = kinds[json_text_kind(&reader->text)];
    const ProtobufCFieldDescriptor *field;

    if (kind == 0)
        return json_fail_kind(reader, path, "a value");
    field = field_of(message, kind);
    memset(field_member(message, field), 0, field_element_size(field->type));
    TRY(json_read_value(reader, path, field, field_member(message, field)));
    field_mark_present(message, field, extra_of(message, kind));
    return STATUS_OK;
}

/* --- Any --- */

static const struct message_type *type_of_url(struct json_slice url)
{
    const char *slash = url.length > 0 ? memrchr(url.data, '/', url.length) : NULL;

    if (slash == NULL)
        return NULL;
    return message_registry_find(slash + 1, (size_t)(url.data + url.length - slash - 1));
}

static enum status write_packed(struct json_writer *writer, const ProtobufCMessage *inner)
{
    enum message_wellknown wellknown = message_type_of(inner)->wellknown;

    /* Empty has no "value", as protobuf-es and C++ have it; reading takes both forms. */
    if (wellknown == MESSAGE_ORDINARY || wellknown == MESSAGE_EMPTY)
        return json_write_members(writer, inner);
    JSON_PUT_LITERAL(writer, "\"value\":");
    return json_write_message(writer, inner);
}

static enum status write_any(struct json_writer *writer, const ProtobufCMessage *message)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *url = *(char *const *)member_of(message, 1);
    const ProtobufCBinaryData *packed = member_of(message, 2);
    const struct message_type *type = type_of_url((struct json_slice){url, strlen(url)});
    ProtobufCMessage *inner;
    const char *error;

    if (url[0] == '\0' && packed->len == 0) {
        JSON_PUT_LITERAL(writer, "{}");
        return STATUS_OK;
    }
    if (type == NULL)
        return json_write_fail(writer,
                               "a google.protobuf.Any holds a type this server does not know");
    if (message_decode_with(arena, type, packed->data, packed->len, writer->options, &inner,
                            &error) != STATUS_OK)
        return json_write_fail(writer, "a google.protobuf.Any holds bytes that cannot be decoded");
    if (writer->any_depth == LIMIT_MESSAGE_DEPTH)
        return json_write_fail(writer, "google.protobuf.Any nests too deep");
    writer->any_depth++;
    JSON_PUT_LITERAL(writer, "{\"@type\":");
    json_put_string(&writer->out, url, strlen(url));
    JSON_PUT_LITERAL(writer, ",");
    TRY(write_packed(writer, inner));
    json_put_end(writer, '}');
    writer->any_depth--;
    return STATUS_OK;
}

static enum status pack(struct json_reader *reader, struct json_slice url,
                        const ProtobufCMessage *inner, ProtobufCMessage *message)
{
    struct message_options options = {.keep_nul = reader->text.keep_nul};
    ProtobufCBinaryData *packed = member_of(message, 2);
    struct buffer encoded = {0};

    *(char **)member_of(message, 1) = budget_string(&reader->budget, url.data, url.length);
    message_encode_with(inner, &options, &encoded);
    packed->len = encoded.length;
    packed->data = budget_alloc(&reader->budget, encoded.length);
    if (packed->data != NULL && encoded.length > 0)
        memcpy(packed->data, buffer_data(&encoded), encoded.length);
    buffer_free(&encoded);
    return packed->data && *(char **)member_of(message, 1) ? STATUS_OK : json_out_of_budget(reader);
}

/* Looks ahead for "@type" among the members of the object that is next, where it usually comes
 * first. What is looked at counts against the number of values once more. */
static bool find_type_url(struct json_text *text, struct json_slice *ret_url, bool *ret_empty)
{
    struct json_text ahead = *text;
    struct json_slice name;
    bool found = false;

    *ret_empty = true;
    (void)json_text_enter(&ahead);
    while (!found && json_text_member(&ahead, &name)) {
        *ret_empty = false;
        if (!json_slice_is(name, "@type"))
            (void)json_text_skip(&ahead);
        else if (json_text_kind(&ahead) != JSON_STRING)
            break;
        else
            found = json_text_string(&ahead, ret_url);
    }
    text->values = ahead.values;
    text->error = ahead.error;
    return found;
}

/* {"@type": ..., "value": the form of a well-known type} */
static enum status read_wrapped(struct json_reader *reader, const struct json_path *path,
                                ProtobufCMessage *inner)
{
    struct json_path here = {.parent = path, .index = SIZE_MAX};
    bool had_type = false, had_value = false;

    if (!json_text_enter(&reader->text))
        return json_text_status(reader);
    while (json_text_member(&reader->text, &here.name)) {
        bool is_type = json_slice_is(here.name, "@type");
        bool is_value = json_slice_is(here.name, "value");
        if ((is_type && had_type) || (is_value && had_value))
            return json_fail(reader, &here, "the field is given twice");
        had_type |= is_type;
        had_value |= is_value;
        if (is_value)
            TRY(json_read_message(reader, &here, inner));
        else if (!is_type && reader->refuse_unknown)
            return json_fail(reader, &here, "there is no such field");
        else
            (void)json_text_skip(&reader->text);
    }
    if (!had_value && message_type_of(inner)->wellknown != MESSAGE_EMPTY)
        return json_fail(reader, path, "\"value\" is missing");
    return json_text_status(reader);
}

static enum status read_any(struct json_reader *reader, const struct json_path *path,
                            ProtobufCMessage *message)
{
    const struct message_type *type = NULL;
    struct json_slice url;
    ProtobufCMessage *inner;
    bool is_empty;

    if (json_text_kind(&reader->text) != JSON_OBJECT)
        return json_fail_kind(reader, path, "an object");
    if (find_type_url(&reader->text, &url, &is_empty))
        type = type_of_url(url);
    TRY(json_text_status(reader));
    if (is_empty) {
        (void)json_text_skip(&reader->text);
        return json_text_status(reader);
    }
    if (type == NULL)
        return json_fail(reader, path, "\"@type\" must name a type this server knows");
    inner = budget_message(&reader->budget, type);
    if (inner == NULL)
        return json_out_of_budget(reader);
    if (type->wellknown == MESSAGE_ORDINARY)
        TRY(json_read_members(reader, path, inner, "@type"));
    else
        TRY(read_wrapped(reader, path, inner));
    return pack(reader, url, inner, message);
}

/* --- times --- */

static enum status write_time(struct json_writer *writer, const ProtobufCMessage *message)
{
    bool is_timestamp = message_type_of(message)->wellknown == MESSAGE_TIMESTAMP;
    int64_t seconds = *(int64_t *)member_of(message, 1);
    int32_t nanos = *(int32_t *)member_of(message, 2);
    char *end;

    writer_ensure(&writer->out, JSON_TIME_MAX_BYTES);
    end = (is_timestamp ? json_format_timestamp : json_format_duration)((char *)writer->out.at,
                                                                        seconds, nanos);
    if (end == NULL)
        return json_write_fail(writer, "a time is outside the range that JSON has");
    writer->out.at = (uint8_t *)end;
    return STATUS_OK;
}

static enum status read_time(struct json_reader *reader, const struct json_path *path,
                             ProtobufCMessage *message)
{
    bool is_timestamp = message_type_of(message)->wellknown == MESSAGE_TIMESTAMP;
    const char *expected =
        is_timestamp ? "a time such as \"2026-01-31T12:00:00Z\"" : "a duration such as \"1.5s\"";
    struct json_slice text;

    if (json_text_kind(&reader->text) != JSON_STRING)
        return json_fail_kind(reader, path, expected);
    if (!json_text_string(&reader->text, &text))
        return json_text_status(reader);
    if (!(is_timestamp ? json_read_timestamp : json_read_duration)(
            text.data, text.length, member_of(message, 1), member_of(message, 2)))
        return json_fail(reader, path, "expected %s", expected);
    return STATUS_OK;
}

/* --- all of them --- */

enum status json_write_wellknown(struct json_writer *writer, const ProtobufCMessage *message)
{
    switch (message_type_of(message)->wellknown) {
    case MESSAGE_TIMESTAMP:
    case MESSAGE_DURATION:
        return write_time(writer, message);
    case MESSAGE_FIELD_MASK:
        return write_mask(writer, message);
    case MESSAGE_STRUCT:
        return json_write_map(writer, message, field_of(message, 1));
    case MESSAGE_LIST_VALUE:
        return json_write_array(writer, message, field_of(message, 1));
    case MESSAGE_VALUE:
        return write_dynamic(writer, message);
    case MESSAGE_ANY:
        return write_any(writer, message);
    default: /* wrappers */
        return json_write_value(writer, field_of(message, 1), member_of(message, 1));
    }
}

enum status json_read_wellknown(struct json_reader *reader, const struct json_path *path,
                                ProtobufCMessage *message)
{
    switch (message_type_of(message)->wellknown) {
    case MESSAGE_TIMESTAMP:
    case MESSAGE_DURATION:
        return read_time(reader, path, message);
    case MESSAGE_FIELD_MASK:
        return read_mask(reader, path, message);
    case MESSAGE_STRUCT:
        return json_read_map(reader, path, message, field_of(message, 1));
    case MESSAGE_LIST_VALUE:
        return json_read_array(reader, path, message, field_of(message, 1));
    case MESSAGE_VALUE:
        return read_dynamic(reader, path, message);
    case MESSAGE_ANY:
        return read_any(reader, path, message);
    default: /* wrappers */
        return json_read_value(reader, path, field_of(message, 1), member_of(message, 1));
    }
}
