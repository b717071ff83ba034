/* JSON to messages: yajl parses, this gives each value its field. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "server/protocol/base64.h"
#include "server/protocol/json_internal.h"
#include "server/protocol/json_scan.h"
#include "server/protocol/utf8.h"

/* --- errors --- */

static void append_path(struct buffer *out, const struct json_path *path)
{
    if (path == NULL)
        return;
    append_path(out, path->parent);
    if (path->index != SIZE_MAX) {
        buffer_printf(out, "[%zu]", path->index);
    } else {
        if (out->length > 0)
            buffer_append_char(out, '.');
        buffer_printf(out, "%.100s", path->name);
    }
}

enum status json_fail(struct json_reader *reader, const struct json_path *path, const char *format,
                      ...)
{
    struct buffer where = {0};
    va_list arguments;
    const char *what;

    va_start(arguments, format);
    what = arena_vprintf(reader->arena, format, arguments);
    va_end(arguments);
    append_path(&where, path);
    if (where.length > 0)
        reader->error = arena_printf(reader->arena, "%.*s: %s", (int)where.length,
                                     (char *)buffer_data(&where), what);
    else
        reader->error = what;
    buffer_free(&where);
    return STATUS_INVALID_ARGUMENT;
}

enum status json_out_of_budget(struct json_reader *reader)
{
    return json_fail(reader, NULL, "the message takes more memory than is allowed");
}

const char *json_kind(yajl_val value)
{
    switch (value->type) {
    case yajl_t_string:
        return "a string";
    case yajl_t_number:
        return "a number";
    case yajl_t_object:
        return "an object";
    case yajl_t_array:
        return "an array";
    case yajl_t_null:
        return "null";
    default:
        return "a boolean";
    }
}

/* --- values --- */

/* Numbers may come as strings: JavaScript has no 64-bit integers. */
static const char *number_text(yajl_val value)
{
    if (YAJL_IS_NUMBER(value))
        return YAJL_GET_NUMBER(value);
    return YAJL_IS_STRING(value) ? YAJL_GET_STRING(value) : NULL;
}

static enum status read_signed(struct json_reader *reader, const struct json_path *path,
                               yajl_val value, int64_t low, int64_t high, int64_t *ret)
{
    const char *text = number_text(value);

    if (text == NULL)
        return json_fail(reader, path, "expected a whole number, got %s", json_kind(value));
    if (!json_parse_signed(text, low, high, ret))
        return json_fail(reader, path, "expected a whole number from %lld to %lld, got %.40s",
                         (long long)low, (long long)high, text);
    return STATUS_OK;
}

static enum status read_unsigned(struct json_reader *reader, const struct json_path *path,
                                 yajl_val value, uint64_t high, uint64_t *ret)
{
    const char *text = number_text(value);

    if (text == NULL)
        return json_fail(reader, path, "expected a whole number, got %s", json_kind(value));
    if (!json_parse_unsigned(text, high, ret))
        return json_fail(reader, path, "expected a whole number from 0 to %llu, got %.40s",
                         (unsigned long long)high, text);
    return STATUS_OK;
}

#define FLOAT_LIMIT 3.4028235677973366e38 /* rounds to infinity from here on */

static enum status read_float(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, bool single, double *ret)
{
    const char *text = number_text(value);
    bool is_name =
        text != NULL && (text[0] == 'N' || text[0] == 'I' || (text[0] == '-' && text[1] == 'I'));

    if (text == NULL)
        return json_fail(reader, path, "expected a number, got %s", json_kind(value));
    if (!json_parse_double(text, ret))
        return json_fail(reader, path, "expected a number, got %.40s", text);
    if (single && !is_name && (*ret >= FLOAT_LIMIT || *ret <= -FLOAT_LIMIT))
        return json_fail(reader, path, "%.40s is too large for a float", text);
    return STATUS_OK;
}

static enum status read_bool(struct json_reader *reader, const struct json_path *path,
                             yajl_val value, protobuf_c_boolean *ret)
{
    if (!YAJL_IS_TRUE(value) && !YAJL_IS_FALSE(value))
        return json_fail(reader, path, "expected true or false, got %s", json_kind(value));
    *ret = YAJL_IS_TRUE(value);
    return STATUS_OK;
}

static enum status read_enum(struct json_reader *reader, const struct json_path *path,
                             yajl_val value, const ProtobufCEnumDescriptor *descriptor, int *ret)
{
    int64_t number = 0;

    if (YAJL_IS_NULL(value) && strcmp(descriptor->name, "google.protobuf.NullValue") == 0) {
        *ret = 0;
        return STATUS_OK;
    }
    if (YAJL_IS_STRING(value)) {
        const char *name = YAJL_GET_STRING(value);
        const ProtobufCEnumValue *known =
            protobuf_c_enum_descriptor_get_value_by_name(descriptor, name);
        if (known == NULL)
            return json_fail(reader, path, "%s has no value '%.100s'", descriptor->name, name);
        *ret = known->value;
        return STATUS_OK;
    }
    if (!YAJL_IS_NUMBER(value))
        return json_fail(reader, path, "expected the name of a value of %s, got %s",
                         descriptor->name, json_kind(value));
    TRY(read_signed(reader, path, value, INT32_MIN, INT32_MAX, &number));
    *ret = (int)number;
    return STATUS_OK;
}

static enum status read_string(struct json_reader *reader, const struct json_path *path,
                               yajl_val value, char **ret)
{
    const char *text = YAJL_GET_STRING(value);

    if (text == NULL)
        return json_fail(reader, path, "expected a string, got %s", json_kind(value));
    *ret = budget_string(&reader->budget, text, strlen(text));
    return *ret ? STATUS_OK : json_out_of_budget(reader);
}

static enum status read_bytes(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, ProtobufCBinaryData *ret)
{
    const char *text = YAJL_GET_STRING(value);
    struct buffer decoded = {0};
    bool ok;

    if (text == NULL)
        return json_fail(reader, path, "expected bytes in base64, got %s", json_kind(value));
    ok = base64_decode(&decoded, text, strlen(text));
    ret->len = decoded.length;
    ret->data = ok ? budget_alloc(&reader->budget, decoded.length) : NULL;
    if (ret->data != NULL && decoded.length > 0)
        memcpy(ret->data, buffer_data(&decoded), decoded.length);
    buffer_free(&decoded);
    if (!ok)
        return json_fail(reader, path, "expected bytes in base64");
    return ret->data ? STATUS_OK : json_out_of_budget(reader);
}

static enum status read_submessage(struct json_reader *reader, const struct json_path *path,
                                   yajl_val value, const struct message_type *type,
                                   ProtobufCMessage **slot)
{
    if (*slot == NULL)
        *slot = budget_message(&reader->budget, type);
    if (*slot == NULL)
        return json_out_of_budget(reader);
    return json_read_message(reader, path, value, *slot);
}

static enum status read_number(struct json_reader *reader, const struct json_path *path,
                               yajl_val value, ProtobufCType type, void *out)
{
    uint64_t magnitude = 0;
    int64_t number = 0;
    double real = 0;

    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        TRY(read_unsigned(reader, path, value, UINT32_MAX, &magnitude));
        *(uint32_t *)out = (uint32_t)magnitude;
        return STATUS_OK;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(reader, path, value, UINT64_MAX, out);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_signed(reader, path, value, INT64_MIN, INT64_MAX, out);
    case PROTOBUF_C_TYPE_FLOAT:
        TRY(read_float(reader, path, value, true, &real));
        *(float *)out = (float)real;
        return STATUS_OK;
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_float(reader, path, value, false, out);
    default:
        TRY(read_signed(reader, path, value, INT32_MIN, INT32_MAX, &number));
        *(int32_t *)out = (int32_t)number;
        return STATUS_OK;
    }
}

enum status json_read_value(struct json_reader *reader, const struct json_path *path,
                            yajl_val value, const ProtobufCFieldDescriptor *field, void *out)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(reader, path, value, out);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(reader, path, value, field->descriptor, out);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(reader, path, value, out);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reader, path, value, out);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_submessage(reader, path, value, field_type(field), out);
    default:
        return read_number(reader, path, value, field->type, out);
    }
}

/* --- fields --- */

static enum status read_array(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field)
{
    size_t size = field_element_size(field->type);
    size_t count;
    char *items;

    if (!YAJL_IS_ARRAY(value))
        return json_fail(reader, path, "expected an array, got %s", json_kind(value));
    count = YAJL_GET_ARRAY(value)->len;
    items = count > 0 ? field_reserve(&reader->budget, message, field, count) : NULL;
    if (count > 0 && items == NULL)
        return json_out_of_budget(reader);
    for (size_t i = 0; i < count; i++) {
        yajl_val item = YAJL_GET_ARRAY(value)->values[i];
        struct json_path here = {path, NULL, i};
        if (YAJL_IS_NULL(item) && !json_takes_null(field))
            return json_fail(reader, &here, "null cannot be an element");
        memset(items + i * size, 0, size);
        TRY(json_read_value(reader, &here, item, field, items + i * size));
        ++*field_count(message, field);
    }
    return STATUS_OK;
}

/* A key is a string in JSON, whatever its type. */
static enum status read_key(struct json_reader *reader, const struct json_path *path,
                            const char *text, const ProtobufCFieldDescriptor *field, void *out)
{
    struct yajl_val_s value = {.type = yajl_t_string};

    value.u.string = (char *)text;
    if (field->type != PROTOBUF_C_TYPE_BOOL)
        return json_read_value(reader, path, &value, field, out);
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return json_fail(reader, path, "a key must be \"true\" or \"false\"");
    *(protobuf_c_boolean *)out = text[0] == 't';
    return STATUS_OK;
}

static enum status read_entry(struct json_reader *reader, const struct json_path *path,
                              const char *key_text, yajl_val item, ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *key = field_find(entry->descriptor, 1);
    const ProtobufCFieldDescriptor *value = field_find(entry->descriptor, 2);

    if (YAJL_IS_NULL(item) && !json_takes_null(value))
        return json_fail(reader, path, "null cannot be a value of a map");
    TRY(read_key(reader, path, key_text, key, field_member(entry, key)));
    return json_read_value(reader, path, item, value, field_member(entry, value));
}

static enum status read_map(struct json_reader *reader, const struct json_path *path,
                            yajl_val value, ProtobufCMessage *message,
                            const ProtobufCFieldDescriptor *field)
{
    ProtobufCMessage **entries;
    size_t count;

    if (!YAJL_IS_OBJECT(value))
        return json_fail(reader, path, "expected an object, got %s", json_kind(value));
    count = YAJL_GET_OBJECT(value)->len;
    entries = count > 0 ? field_reserve(&reader->budget, message, field, count) : NULL;
    if (count > 0 && entries == NULL)
        return json_out_of_budget(reader);
    for (size_t i = 0; i < count; i++) {
        const char *key = YAJL_GET_OBJECT(value)->keys[i];
        struct json_path here = {path, key, SIZE_MAX};
        entries[i] = budget_message(&reader->budget, field_type(field));
        if (entries[i] == NULL)
            return json_out_of_budget(reader);
        TRY(read_entry(reader, &here, key, YAJL_GET_OBJECT(value)->values[i], entries[i]));
        ++*field_count(message, field);
    }
    if (map_remove_duplicates(message, field))
        return json_fail(reader, path, "a key occurs twice");
    return STATUS_OK;
}

static enum status read_field(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field,
                              const struct message_field *extra)
{
    if (YAJL_IS_NULL(value) && (field_is_repeated(field) || !json_takes_null(field)))
        return STATUS_OK; /* absent */
    if (extra->is_map)
        return read_map(reader, path, value, message, field);
    if (field_is_repeated(field))
        return read_array(reader, path, value, message, field);
    if (field_is_oneof(field) && field_oneof_case(message, field) != 0)
        return json_fail(reader, path, "another field of the same oneof is set");
    if (field_is_oneof(field))
        memset(field_member(message, field), 0, field_element_size(field->type));
    TRY(json_read_value(reader, path, value, field, field_member(message, field)));
    field_mark_present(message, field, extra);
    return STATUS_OK;
}

/* Both spellings of a name are taken. */
static const struct message_field *find_by_name(const struct message_type *type, const char *name)
{
    for (unsigned i = 0; i < type->descriptor.n_fields; i++)
        if (strcmp(type->fields[i].json_name, name) == 0 ||
            strcmp(type->descriptor.fields[i].name, name) == 0)
            return &type->fields[i];
    return NULL;
}

enum status json_read_members(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, ProtobufCMessage *message, const char *skip)
{
    const struct message_type *type = message_type_of(message);
    bool *seen = arena_alloc_array(reader->arena, type->descriptor.n_fields, sizeof(*seen));

    for (size_t i = 0; i < YAJL_GET_OBJECT(value)->len; i++) {
        const char *name = YAJL_GET_OBJECT(value)->keys[i];
        const struct message_field *extra = find_by_name(type, name);
        struct json_path here = {path, name, SIZE_MAX};
        size_t index;
        if (extra == NULL || (skip != NULL && strcmp(name, skip) == 0))
            continue; /* unknown fields are ignored */
        index = (size_t)(extra - type->fields);
        if (seen[index])
            return json_fail(reader, &here, "the field is given twice");
        seen[index] = true;
        TRY(read_field(reader, &here, YAJL_GET_OBJECT(value)->values[i], message,
                       &type->descriptor.fields[index], extra));
    }
    return STATUS_OK;
}

enum status json_read_message(struct json_reader *reader, const struct json_path *path,
                              yajl_val value, ProtobufCMessage *message)
{
    enum message_wellknown wellknown = message_type_of(message)->wellknown;
    enum status status;

    if (++reader->depth > LIMIT_MESSAGE_DEPTH)
        return json_fail(reader, NULL, "the message nests deeper than %d", LIMIT_MESSAGE_DEPTH);
    if (wellknown != MESSAGE_ORDINARY && wellknown != MESSAGE_EMPTY)
        status = json_read_wellknown(reader, path, value, message);
    else if (!YAJL_IS_OBJECT(value))
        status = json_fail(reader, path, "expected an object, got %s", json_kind(value));
    else
        status = json_read_members(reader, path, value, message, NULL);
    reader->depth--;
    return status;
}

enum status message_decode_json(struct arena *arena, const struct message_type *type,
                                const uint8_t *data, size_t length, ProtobufCMessage **ret,
                                const char **reterr)
{
    struct json_reader reader = {.budget = {arena, LIMIT_DECODED_BYTES}, .arena = arena};
    const char *text = arena_strndup(arena, (const char *)data, length);
    ProtobufCMessage *message;
    char error[256] = "";
    enum status status;
    yajl_val tree;

    *reterr = utf8_valid(data, length) ? json_scan(text, length) : "the JSON is not valid UTF-8";
    if (*reterr != NULL)
        return STATUS_INVALID_ARGUMENT;
    tree = yajl_tree_parse(text, error, sizeof(error));
    if (tree == NULL) {
        error[strcspn(error, "\n")] = '\0';
        *reterr = arena_printf(arena, "malformed JSON: %s", error[0] ? error : "no value");
        return STATUS_INVALID_ARGUMENT;
    }
    message = budget_message(&reader.budget, type);
    status = json_read_message(&reader, NULL, tree, message);
    yajl_tree_free(tree);
    *reterr = reader.error;
    *ret = message;
    return status;
}
