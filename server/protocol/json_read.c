/* JSON to messages: the text is read from front to back, each value straight into its field. */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/limits.h"
#include "server/protocol/base64.h"
#include "server/protocol/json_internal.h"
#include "server/protocol/utf8.h"

#define DEPTH_MAX 128 /* whatever the options say: each level takes some 500 bytes of stack */
#define SHOWN_NAME_BYTES 100 /* of what a client sent, in an error */
#define SHOWN_VALUE_BYTES 40

/* --- errors --- */

/* For "%.*s". */
#define SHOWN(slice, max_bytes) \
    (int)utf8_truncate((slice).data, (slice).length, max_bytes), (slice).data

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
        buffer_printf(out, "%.*s", SHOWN(path->name, SHOWN_NAME_BYTES));
    }
}

enum status json_fail(struct json_reader *reader, const struct json_path *path, const char *format,
                      ...)
{
    struct buffer where = {0};
    va_list arguments;
    const char *what;

    if (reader->text.error != NULL)
        return json_text_status(reader);
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

enum status json_text_status(struct json_reader *reader)
{
    if (reader->text.error == NULL)
        return STATUS_OK;
    reader->error = reader->text.error;
    return STATUS_INVALID_ARGUMENT;
}

enum status json_out_of_budget(struct json_reader *reader)
{
    return json_fail(reader, NULL, "the message takes more memory than is allowed");
}

enum status json_fail_kind(struct json_reader *reader, const struct json_path *path,
                           const char *expected)
{
    static const char *const names[] = {
        [JSON_NOTHING] = "nothing", [JSON_NULL] = "null",        [JSON_TRUE] = "a boolean",
        [JSON_FALSE] = "a boolean", [JSON_NUMBER] = "a number",  [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
    };

    return json_fail(reader, path, "expected %s, got %s", expected,
                     names[json_text_kind(&reader->text)]);
}

bool json_slice_is(struct json_slice slice, const char *text)
{
    return slice.length == strlen(text) && memcmp(slice.data, text, slice.length) == 0;
}

/* --- numbers --- */

static enum status read_signed(struct json_reader *reader, const struct json_path *path,
                               struct json_slice text, int64_t low, int64_t high, int64_t *ret)
{
    if (json_parse_signed(text, low, high, ret))
        return STATUS_OK;
    return json_fail(reader, path, "expected a whole number from %lld to %lld, got %.*s",
                     (long long)low, (long long)high, SHOWN(text, SHOWN_VALUE_BYTES));
}

static enum status read_unsigned(struct json_reader *reader, const struct json_path *path,
                                 struct json_slice text, uint64_t high, uint64_t *ret)
{
    if (json_parse_unsigned(text, high, ret))
        return STATUS_OK;
    return json_fail(reader, path, "expected a whole number from 0 to %llu, got %.*s",
                     (unsigned long long)high, SHOWN(text, SHOWN_VALUE_BYTES));
}

#define FLOAT_LIMIT 3.4028235677973366e38 /* rounds to infinity from here on */

static enum status read_real(struct json_reader *reader, const struct json_path *path,
                             struct json_slice text, bool single, double *ret)
{
    bool is_name = memchr(text.data, 'I', text.length) || memchr(text.data, 'N', text.length);

    if (!json_parse_double(reader->arena, text, ret))
        return json_fail(reader, path, "expected a number, got %.*s",
                         SHOWN(text, SHOWN_VALUE_BYTES));
    if (single && !is_name && (*ret >= FLOAT_LIMIT || *ret <= -FLOAT_LIMIT))
        return json_fail(reader, path, "%.*s is too large for a float",
                         SHOWN(text, SHOWN_VALUE_BYTES));
    return STATUS_OK;
}

static enum status store_number(struct json_reader *reader, const struct json_path *path,
                                struct json_slice text, ProtobufCType type, void *out)
{
    uint64_t magnitude = 0;
    int64_t number = 0;
    double real = 0;

    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        TRY(read_unsigned(reader, path, text, UINT32_MAX, &magnitude));
        *(uint32_t *)out = (uint32_t)magnitude;
        return STATUS_OK;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return read_unsigned(reader, path, text, UINT64_MAX, out);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return read_signed(reader, path, text, INT64_MIN, INT64_MAX, out);
    case PROTOBUF_C_TYPE_FLOAT:
        TRY(read_real(reader, path, text, true, &real));
        *(float *)out = (float)real;
        return STATUS_OK;
    case PROTOBUF_C_TYPE_DOUBLE:
        return read_real(reader, path, text, false, out);
    default:
        TRY(read_signed(reader, path, text, INT32_MIN, INT32_MAX, &number));
        *(int32_t *)out = (int32_t)number;
        return STATUS_OK;
    }
}

/* Numbers may come as strings: JavaScript has no 64-bit integers. */
static enum status read_number(struct json_reader *reader, const struct json_path *path,
                               ProtobufCType type, void *out)
{
    enum json_kind kind = json_text_kind(&reader->text);
    bool is_real = type == PROTOBUF_C_TYPE_FLOAT || type == PROTOBUF_C_TYPE_DOUBLE;
    struct json_slice text;

    if (kind != JSON_NUMBER && kind != JSON_STRING)
        return json_fail_kind(reader, path, is_real ? "a number" : "a whole number");
    if (!(kind == JSON_NUMBER ? json_text_number : json_text_string)(&reader->text, &text))
        return json_text_status(reader);
    return store_number(reader, path, text, type, out);
}

/* --- other values --- */

static enum status read_bool(struct json_reader *reader, const struct json_path *path,
                             protobuf_c_boolean *ret)
{
    enum json_kind kind = json_text_kind(&reader->text);

    if (kind != JSON_TRUE && kind != JSON_FALSE)
        return json_fail_kind(reader, path, "true or false");
    *ret = kind == JSON_TRUE;
    (void)json_text_literal(&reader->text);
    return json_text_status(reader);
}

/* NULL if the enum has no value of that name. */
static const ProtobufCEnumValue *find_enum_value(const ProtobufCEnumDescriptor *descriptor,
                                                 struct json_slice name)
{
    unsigned low = 0, high = descriptor->n_value_names;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        const ProtobufCEnumValueIndex *known = &descriptor->values_by_name[middle];
        int order = strncmp(known->name, name.data, name.length);
        if (order == 0 && known->name[name.length] == '\0')
            return &descriptor->values[known->index];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* `*ret_known` is false for a name that is passed over as unknown fields are: it may be newer
 * than this program. */
static enum status read_enum(struct json_reader *reader, const struct json_path *path,
                             const ProtobufCEnumDescriptor *descriptor, int *ret, bool *ret_known)
{
    enum json_kind kind = json_text_kind(&reader->text);
    const ProtobufCEnumValue *value;
    struct json_slice name;

    *ret_known = true;
    if (kind == JSON_NUMBER)
        return read_number(reader, path, PROTOBUF_C_TYPE_INT32, ret);
    if (kind == JSON_NULL && strcmp(descriptor->name, "google.protobuf.NullValue") == 0) {
        *ret = 0;
        (void)json_text_literal(&reader->text);
        return json_text_status(reader);
    }
    if (kind != JSON_STRING)
        return json_fail_kind(
            reader, path,
            arena_printf(reader->arena, "the name of a value of %s", descriptor->name));
    if (!json_text_string(&reader->text, &name))
        return json_text_status(reader);
    value = find_enum_value(descriptor, name);
    if (value == NULL && reader->refuse_unknown)
        return json_fail(reader, path, "%s has no value '%.*s'", descriptor->name,
                         SHOWN(name, SHOWN_NAME_BYTES));
    *ret_known = value != NULL;
    *ret = value != NULL ? value->value : 0;
    return STATUS_OK;
}

static enum status read_string(struct json_reader *reader, const struct json_path *path, char **ret)
{
    struct json_slice text;

    if (json_text_kind(&reader->text) != JSON_STRING)
        return json_fail_kind(reader, path, "a string");
    if (!json_text_string(&reader->text, &text))
        return json_text_status(reader);
    *ret = budget_string(&reader->budget, text.data, text.length);
    return *ret ? STATUS_OK : json_out_of_budget(reader);
}

static enum status read_bytes(struct json_reader *reader, const struct json_path *path,
                              ProtobufCBinaryData *ret)
{
    struct json_slice text;
    uint8_t *data;

    if (json_text_kind(&reader->text) != JSON_STRING)
        return json_fail_kind(reader, path, "bytes in base64");
    if (!json_text_string(&reader->text, &text))
        return json_text_status(reader);
    data = budget_alloc(&reader->budget, base64_decoded_max(text.length));
    if (data == NULL)
        return json_out_of_budget(reader);
    if (!base64_decode_to(data, text.data, text.length, &ret->len))
        return json_fail(reader, path, "expected bytes in base64");
    ret->data = data;
    return STATUS_OK;
}

static enum status read_submessage(struct json_reader *reader, const struct json_path *path,
                                   const struct message_type *type, ProtobufCMessage **slot)
{
    if (*slot == NULL)
        *slot = budget_message(&reader->budget, type);
    if (*slot == NULL)
        return json_out_of_budget(reader);
    return json_read_message(reader, path, *slot);
}

/* `*ret_known` is false if there was a value that is to be passed over. */
static enum status read_known(struct json_reader *reader, const struct json_path *path,
                              const ProtobufCFieldDescriptor *field, void *out, bool *ret_known)
{
    *ret_known = true;
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return read_bool(reader, path, out);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(reader, path, field->descriptor, out, ret_known);
    case PROTOBUF_C_TYPE_STRING:
        return read_string(reader, path, out);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reader, path, out);
    case PROTOBUF_C_TYPE_MESSAGE:
        return read_submessage(reader, path, field_type(field), out);
    default:
        return read_number(reader, path, field->type, out);
    }
}

enum status json_read_value(struct json_reader *reader, const struct json_path *path,
                            const ProtobufCFieldDescriptor *field, void *out)
{
    bool is_known = true;

    return read_known(reader, path, field, out, &is_known);
}

/* --- fields --- */

enum status json_read_array(struct json_reader *reader, const struct json_path *path,
                            ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    size_t size = field_element_size(field->type);
    struct json_path here = {.parent = path};
    bool is_known = true;

    if (json_text_kind(&reader->text) != JSON_ARRAY)
        return json_fail_kind(reader, path, "an array");
    if (!json_text_enter(&reader->text))
        return json_text_status(reader);
    for (; json_text_item(&reader->text); here.index++) {
        void *item = field_reserve(&reader->budget, message, field, 1);
        if (item == NULL)
            return json_out_of_budget(reader);
        if (json_text_kind(&reader->text) == JSON_NULL && !json_takes_null(field))
            return json_fail(reader, &here, "null cannot be an element");
        memset(item, 0, size);
        TRY(read_known(reader, &here, field, item, &is_known));
        *field_count(message, field) += is_known;
    }
    return json_text_status(reader);
}

/* A key is a string in JSON, whatever its type. */
static enum status store_key(struct json_reader *reader, const struct json_path *path,
                             const ProtobufCFieldDescriptor *field, void *out)
{
    struct json_slice text = path->name;
    char *copy;

    if (field->type == PROTOBUF_C_TYPE_STRING) {
        copy = budget_string(&reader->budget, text.data, text.length);
        *(char **)out = copy;
        return copy ? STATUS_OK : json_out_of_budget(reader);
    }
    if (field->type != PROTOBUF_C_TYPE_BOOL)
        return store_number(reader, path, text, field->type, out);
    if (!json_slice_is(text, "true") && !json_slice_is(text, "false"))
        return json_fail(reader, path, "a key must be \"true\" or \"false\"");
    *(protobuf_c_boolean *)out = text.data[0] == 't';
    return STATUS_OK;
}

static enum status read_entry(struct json_reader *reader, const struct json_path *path,
                              ProtobufCMessage *entry, bool *ret_known)
{
    const ProtobufCFieldDescriptor *key = field_find(entry->descriptor, 1);
    const ProtobufCFieldDescriptor *value = field_find(entry->descriptor, 2);

    if (json_text_kind(&reader->text) == JSON_NULL && !json_takes_null(value))
        return json_fail(reader, path, "null cannot be a value of a map");
    TRY(store_key(reader, path, key, field_member(entry, key)));
    return read_known(reader, path, value, field_member(entry, value), ret_known);
}

enum status json_read_map(struct json_reader *reader, const struct json_path *path,
                          ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    struct json_path here = {.parent = path, .index = SIZE_MAX};
    bool is_known = true;

    if (json_text_kind(&reader->text) != JSON_OBJECT)
        return json_fail_kind(reader, path, "an object");
    if (!json_text_enter(&reader->text))
        return json_text_status(reader);
    while (json_text_member(&reader->text, &here.name)) {
        ProtobufCMessage **slot = field_reserve(&reader->budget, message, field, 1);
        ProtobufCMessage *entry = budget_message(&reader->budget, field_type(field));
        if (slot == NULL || entry == NULL)
            return json_out_of_budget(reader);
        *slot = entry;
        TRY(read_entry(reader, &here, entry, &is_known));
        *field_count(message, field) += is_known;
    }
    TRY(json_text_status(reader));
    if (map_remove_duplicates(message, field))
        return json_fail(reader, path, "a key occurs twice");
    return STATUS_OK;
}

static enum status read_field(struct json_reader *reader, const struct json_path *path,
                              ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                              const struct message_field *extra)
{
    void *member = field_member(message, field);
    bool is_known = true;

    if (json_text_kind(&reader->text) == JSON_NULL &&
        (field_is_repeated(field) || !json_takes_null(field))) {
        (void)json_text_literal(&reader->text); /* absent */
        return json_text_status(reader);
    }
    if (extra->is_map)
        return json_read_map(reader, path, message, field);
    if (field_is_repeated(field))
        return json_read_array(reader, path, message, field);
    if (field_is_oneof(field) && field_oneof_case(message, field) != 0)
        return json_fail(reader, path, "another field of the same oneof is set");
    if (field_is_oneof(field))
        memset(member, 0, field_element_size(field->type));
    TRY(read_known(reader, path, field, member, &is_known));
    if (is_known)
        field_mark_present(message, field, extra);
    return STATUS_OK;
}

/* --- members --- */

static bool key_is(const struct message_field *field, struct json_slice name)
{
    return field->json_key_length == name.length + 3 &&
           memcmp(field->json_key + 1, name.data, name.length) == 0;
}

/* Both spellings of a name are taken. Most objects have their fields in the schema's order:
 * `guess` is tried first. UINT_MAX if there is none. */
static unsigned find_field(const struct message_type *type, struct json_slice name, unsigned guess)
{
    unsigned low = 0, high = type->name_count;

    if (guess < type->descriptor.n_fields && key_is(&type->fields[guess], name))
        return guess;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct message_name *known = &type->names[middle];
        int order = known->length < name.length   ? -1
                    : known->length > name.length ? 1
                                                  : memcmp(known->name, name.data, name.length);
        if (order == 0)
            return known->index;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT_MAX;
}

static enum status skip_unknown(struct json_reader *reader, const struct json_path *path)
{
    if (reader->refuse_unknown)
        return json_fail(reader, path, "there is no such field");
    (void)json_text_skip(&reader->text);
    return json_text_status(reader);
}

/* Fields that an object has had: one bit each, and one for the member that is left out. */
struct seen {
    uint64_t few[2];
    uint64_t *bits;
};

static void seen_init(struct seen *seen, struct arena *arena, unsigned count)
{
    *seen = (struct seen){{0}, NULL};
    seen->bits = seen->few;
    if (count > 128)
        seen->bits = arena_alloc(arena, (count + 63) / 64 * sizeof(uint64_t));
}

/* True if it was there before. */
static bool seen_add(struct seen *seen, unsigned index)
{
    uint64_t bit = UINT64_C(1) << (index & 63);
    bool before = (seen->bits[index >> 6] & bit) != 0;

    seen->bits[index >> 6] |= bit;
    return before;
}

enum status json_read_members(struct json_reader *reader, const struct json_path *path,
                              ProtobufCMessage *message, const char *skip)
{
    const struct message_type *type = message_type_of(message);
    unsigned count = type->descriptor.n_fields, index = UINT_MAX;
    struct json_path here = {.parent = path, .index = SIZE_MAX};
    struct seen seen;

    seen_init(&seen, reader->arena, count + 1);
    if (!json_text_enter(&reader->text))
        return json_text_status(reader);
    while (json_text_member(&reader->text, &here.name)) {
        bool is_skipped = skip != NULL && json_slice_is(here.name, skip);
        unsigned found = is_skipped ? count : find_field(type, here.name, index + 1);
        if (found == UINT_MAX) {
            TRY(skip_unknown(reader, &here));
            continue;
        }
        if (seen_add(&seen, found))
            return json_fail(reader, &here, "the field is given twice");
        if (is_skipped) {
            (void)json_text_skip(&reader->text);
            continue;
        }
        index = found;
        TRY(read_field(reader, &here, message, &type->descriptor.fields[index],
                       &type->fields[index]));
    }
    return json_text_status(reader);
}

enum status json_read_message(struct json_reader *reader, const struct json_path *path,
                              ProtobufCMessage *message)
{
    enum message_wellknown wellknown = message_type_of(message)->wellknown;
    enum status status;

    if (++reader->depth > reader->max_depth)
        return json_fail(reader, NULL, "the message nests deeper than %u", reader->max_depth);
    if (wellknown != MESSAGE_ORDINARY && wellknown != MESSAGE_EMPTY)
        status = json_read_wellknown(reader, path, message);
    else if (json_text_kind(&reader->text) != JSON_OBJECT)
        status = json_fail_kind(reader, path, "an object");
    else
        status = json_read_members(reader, path, message, NULL);
    reader->depth--;
    return status;
}

/* --- all of it --- */

static enum status decode(struct json_reader *reader, ProtobufCMessage *message)
{
    TRY(json_read_message(reader, NULL, message));
    (void)json_text_close(&reader->text);
    return json_text_status(reader);
}

enum status message_decode_json_with(struct arena *arena, const struct message_type *type,
                                     const uint8_t *data, size_t length,
                                     const struct message_options *options, ProtobufCMessage **ret,
                                     const char **reterr)
{
    struct json_reader reader = {
        .budget = {arena, LIMIT_DECODED_BYTES},
        .arena = arena,
        .refuse_unknown = options->refuse_unknown,
        .max_depth = options->max_depth > 0 ? options->max_depth : LIMIT_MESSAGE_DEPTH,
    };
    ProtobufCMessage *message;
    enum status status;

    assert(reader.max_depth <= DEPTH_MAX);
    if (length == 0)
        data = (const uint8_t *)""; /* an empty body has no pointer to add to */
    if (!utf8_valid(data, length)) {
        *reterr = "the JSON is not valid UTF-8";
        return STATUS_INVALID_ARGUMENT;
    }
    /* A message is an object, and may stand in an array: two levels each. */
    json_text_open(&reader.text, arena, (const char *)data, length, 2 * reader.max_depth);
    reader.text.keep_nul = options->keep_nul;
    message = budget_message(&reader.budget, type);
    status = decode(&reader, message);
    if (status == STATUS_OK)
        *ret = message;
    else
        *reterr = reader.error;
    return status;
}

enum status message_decode_json(struct arena *arena, const struct message_type *type,
                                const uint8_t *data, size_t length, ProtobufCMessage **ret,
                                const char **reterr)
{
    static const struct message_options defaults;

    return message_decode_json_with(arena, type, data, length, &defaults, ret, reterr);
}
