/* The well-known types, whose JSON is not that of an ordinary message. Their fields are found
 * by number, so that this file needs none of their generated structs. */
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "server/protocol/json.h"
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

static enum status no_json(const char **reterr, const char *why)
{
    *reterr = why;
    return STATUS_INTERNAL;
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

static enum status write_mask(struct buffer *out, const ProtobufCMessage *message,
                              const char **reterr)
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
        json_write_string(out, text.length ? (char *)buffer_data(&text) : "", text.length);
    buffer_free(&text);
    return ok ? STATUS_OK : no_json(reterr, "a path of the field mask has no JSON form");
}

static char *to_snake(struct json_reader *reader, const char *path, size_t length)
{
    struct buffer text = {0};
    char *copy;

    for (size_t i = 0; i < length; i++) {
        if (path[i] == '_') {
            buffer_free(&text);
            return NULL;
        }
        if (path[i] >= 'A' && path[i] <= 'Z') {
            buffer_append_char(&text, '_');
            buffer_append_char(&text, (char)(path[i] - 'A' + 'a'));
        } else {
            buffer_append_char(&text, path[i]);
        }
    }
    copy =
        budget_string(&reader->budget, text.length ? (char *)buffer_data(&text) : "", text.length);
    buffer_free(&text);
    return copy;
}

static enum status read_mask(struct json_reader *reader, const struct json_path *path,
                             yajl_val value, ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *paths = field_of(message, 1);
    const char *text = YAJL_GET_STRING(value);

    if (text == NULL)
        return json_fail(reader, path, "expected field names with commas between them");
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        char **slot = field_reserve(&reader->budget, message, paths, 1);
        if (slot == NULL)
            return json_out_of_budget(reader);
        *slot = to_snake(reader, text, length);
        if (*slot == NULL)
            return json_fail(reader, path, "field names are written in camelCase here");
        ++*field_count(message, paths);
        text += length + (text[length] == ',');
    }
    return STATUS_OK;
}

/* --- Struct, Value, ListValue --- */

static enum status write_dynamic(struct buffer *out, const ProtobufCMessage *message,
                                 const char **reterr)
{
    uint32_t kind = field_oneof_case(message, field_of(message, VALUE_NULL));

    if (kind == 0)
        return no_json(reterr, "a google.protobuf.Value without a value has no JSON form");
    if (kind == VALUE_NUMBER && !isfinite(*(double *)member_of(message, kind)))
        return no_json(reterr, "a google.protobuf.Value that is no finite number has no JSON form");
    return json_write_value(out, field_of(message, kind), member_of(message, kind), reterr);
}

/* Writes the only field, a map or a list, without its name. */
static enum status write_only_field(struct buffer *out, const ProtobufCMessage *message,
                                    const char **reterr)
{
    static const char name[] = "\"fields\":";
    static const char list_name[] = "\"values\":";
    bool is_list = message_type_of(message)->wellknown == MESSAGE_LIST_VALUE;
    size_t skip = is_list ? sizeof(list_name) - 1 : sizeof(name) - 1;
    struct buffer members = {0};
    enum status status = json_write_members(&members, message, true, reterr);

    if (status == STATUS_OK && members.length > skip)
        buffer_append(out, buffer_data(&members) + skip, members.length - skip);
    else if (status == STATUS_OK)
        buffer_append_string(out, is_list ? "[]" : "{}");
    buffer_free(&members);
    return status;
}

static uint32_t kind_of(yajl_val value)
{
    switch (value->type) {
    case yajl_t_null:
        return VALUE_NULL;
    case yajl_t_number:
        return VALUE_NUMBER;
    case yajl_t_string:
        return VALUE_STRING;
    case yajl_t_object:
        return VALUE_STRUCT;
    case yajl_t_array:
        return VALUE_LIST;
    default:
        return VALUE_BOOL;
    }
}

static enum status read_dynamic(struct json_reader *reader, const struct json_path *path,
                                yajl_val value, ProtobufCMessage *message)
{
    uint32_t kind = kind_of(value);
    const ProtobufCFieldDescriptor *field = field_of(message, kind);

    memset(field_member(message, field), 0, field_element_size(field->type));
    TRY(json_read_value(reader, path, value, field, field_member(message, field)));
    field_mark_present(message, field, extra_of(message, kind));
    return STATUS_OK;
}

/* A Struct's object, or a ListValue's array, is its only field. */
static enum status read_only_field(struct json_reader *reader, const struct json_path *path,
                                   yajl_val value, ProtobufCMessage *message)
{
    const char *name = field_of(message, 1)->name;
    yajl_val values[] = {value};
    const char *keys[] = {name};
    struct yajl_val_s wrapped = {.type = yajl_t_object};

    if (YAJL_IS_NULL(value))
        return json_fail(reader, path, "expected a value, got null");
    wrapped.u.object.keys = keys;
    wrapped.u.object.values = values;
    wrapped.u.object.len = 1;
    return json_read_members(reader, path ? path->parent : NULL, &wrapped, message, NULL);
}

/* --- Any --- */

static const struct message_type *type_of_url(const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash ? message_registry_find(slash + 1, strlen(slash + 1)) : NULL;
}

/* Anys within Anys that are being written. Each is bytes to the decoder, which therefore cannot
 * bound how deep they nest. Writing never suspends, so that a thread has one such descent. */
static _Thread_local unsigned any_depth;

static enum status write_packed(struct buffer *out, const ProtobufCMessage *inner,
                                const char **reterr)
{
    enum message_wellknown wellknown = message_type_of(inner)->wellknown;
    enum status status;

    if (any_depth == LIMIT_MESSAGE_DEPTH)
        return no_json(reterr, "google.protobuf.Any nests too deep");
    any_depth++;
    /* Empty has no "value", as protobuf-es and C++ have it; reading takes both forms. */
    if (wellknown == MESSAGE_ORDINARY || wellknown == MESSAGE_EMPTY) {
        status = json_write_members(out, inner, false, reterr);
    } else {
        buffer_append_string(out, ",\"value\":");
        status = json_write_message(out, inner, reterr);
    }
    any_depth--;
    return status;
}

static enum status write_any(struct buffer *out, const ProtobufCMessage *message,
                             const char **reterr)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *url = *(char *const *)member_of(message, 1);
    const ProtobufCBinaryData *packed = member_of(message, 2);
    const struct message_type *type = type_of_url(url);
    ProtobufCMessage *inner;
    const char *error;

    if (url[0] == '\0' && packed->len == 0) {
        buffer_append_string(out, "{}");
        return STATUS_OK;
    }
    if (type == NULL || message_decode(arena, type, packed->data, packed->len, &inner, &error))
        return no_json(reterr, "a google.protobuf.Any holds a type this server does not know");
    buffer_append_string(out, "{\"@type\":");
    json_write_string(out, url, strlen(url));
    TRY(write_packed(out, inner, reterr));
    buffer_append_char(out, '}');
    return STATUS_OK;
}

static yajl_val member_named(yajl_val object, const char *name)
{
    for (size_t i = 0; i < YAJL_GET_OBJECT(object)->len; i++)
        if (strcmp(YAJL_GET_OBJECT(object)->keys[i], name) == 0)
            return YAJL_GET_OBJECT(object)->values[i];
    return NULL;
}

static enum status pack(struct json_reader *reader, const char *url, const ProtobufCMessage *inner,
                        ProtobufCMessage *message)
{
    ProtobufCBinaryData *packed = member_of(message, 2);
    struct buffer encoded = {0};

    *(char **)member_of(message, 1) = budget_string(&reader->budget, url, strlen(url));
    message_encode(inner, &encoded);
    packed->len = encoded.length;
    packed->data = budget_alloc(&reader->budget, encoded.length);
    if (packed->data != NULL && encoded.length > 0)
        memcpy(packed->data, buffer_data(&encoded), encoded.length);
    buffer_free(&encoded);
    return packed->data ? STATUS_OK : json_out_of_budget(reader);
}

static enum status read_any(struct json_reader *reader, const struct json_path *path,
                            yajl_val value, ProtobufCMessage *message)
{
    const struct message_type *type;
    ProtobufCMessage *inner;
    yajl_val url, wrapped;
    const char *name;

    if (!YAJL_IS_OBJECT(value))
        return json_fail(reader, path, "expected an object, got %s", json_kind(value));
    if (YAJL_GET_OBJECT(value)->len == 0)
        return STATUS_OK;
    url = member_named(value, "@type");
    name = YAJL_GET_STRING(url); /* NULL when it is absent or no string */
    type = name != NULL ? type_of_url(name) : NULL;
    if (type == NULL)
        return json_fail(reader, path, "\"@type\" must name a type this server knows");
    inner = budget_message(&reader->budget, type);
    if (inner == NULL)
        return json_out_of_budget(reader);
    wrapped = member_named(value, "value");
    if (type->wellknown == MESSAGE_ORDINARY) {
        TRY(json_read_members(reader, path, value, inner, "@type"));
    } else if (wrapped != NULL || type->wellknown != MESSAGE_EMPTY) {
        if (wrapped == NULL)
            return json_fail(reader, path, "\"value\" is missing");
        TRY(json_read_message(reader, path, wrapped, inner));
    }
    return pack(reader, name, inner, message);
}

/* --- times --- */

static enum status write_time(struct buffer *out, const ProtobufCMessage *message,
                              const char **reterr)
{
    bool is_timestamp = message_type_of(message)->wellknown == MESSAGE_TIMESTAMP;
    int64_t seconds = *(int64_t *)member_of(message, 1);
    int32_t nanos = *(int32_t *)member_of(message, 2);
    bool ok = is_timestamp ? json_write_timestamp(out, seconds, nanos)
                           : json_write_duration(out, seconds, nanos);

    return ok ? STATUS_OK : no_json(reterr, "a time is outside the range that JSON has");
}

static enum status read_time(struct json_reader *reader, const struct json_path *path,
                             yajl_val value, ProtobufCMessage *message)
{
    bool is_timestamp = message_type_of(message)->wellknown == MESSAGE_TIMESTAMP;
    const char *text = YAJL_GET_STRING(value);
    int64_t *seconds = member_of(message, 1);
    int32_t *nanos = member_of(message, 2);

    if (text == NULL || !(is_timestamp ? json_read_timestamp(text, strlen(text), seconds, nanos)
                                       : json_read_duration(text, strlen(text), seconds, nanos)))
        return json_fail(reader, path, "expected %s",
                         is_timestamp ? "a time such as \"2026-01-31T12:00:00Z\""
                                      : "a duration such as \"1.5s\"");
    return STATUS_OK;
}

/* --- all of them --- */

enum status json_write_wellknown(struct buffer *out, const ProtobufCMessage *message,
                                 const char **reterr)
{
    switch (message_type_of(message)->wellknown) {
    case MESSAGE_TIMESTAMP:
    case MESSAGE_DURATION:
        return write_time(out, message, reterr);
    case MESSAGE_FIELD_MASK:
        return write_mask(out, message, reterr);
    case MESSAGE_STRUCT:
    case MESSAGE_LIST_VALUE:
        return write_only_field(out, message, reterr);
    case MESSAGE_VALUE:
        return write_dynamic(out, message, reterr);
    case MESSAGE_ANY:
        return write_any(out, message, reterr);
    default:
        return json_write_value(out, field_of(message, 1), member_of(message, 1), reterr);
    }
}

enum status json_read_wellknown(struct json_reader *reader, const struct json_path *path,
                                yajl_val value, ProtobufCMessage *message)
{
    switch (message_type_of(message)->wellknown) {
    case MESSAGE_TIMESTAMP:
    case MESSAGE_DURATION:
        return read_time(reader, path, value, message);
    case MESSAGE_FIELD_MASK:
        return read_mask(reader, path, value, message);
    case MESSAGE_STRUCT:
    case MESSAGE_LIST_VALUE:
        return read_only_field(reader, path, value, message);
    case MESSAGE_VALUE:
        return read_dynamic(reader, path, value, message);
    case MESSAGE_ANY:
        return read_any(reader, path, value, message);
    default: /* wrappers */
        return json_read_value(reader, path, value, field_of(message, 1), member_of(message, 1));
    }
}
