/* Messages as JSON. */
#include <inttypes.h>
#include <string.h>

#include "server/protocol/base64.h"
#include "server/protocol/json.h"
#include "server/protocol/json_internal.h"
#include "server/protocol/utf8.h"

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* One character that is not plain; returns how many bytes it took. */
static size_t write_special(struct buffer *out, const uint8_t *at, size_t length)
{
    static const char hex[] = "0123456789abcdef";
    size_t size;

    if (*at == '"' || *at == '\\') {
        char escape[] = {'\\', (char)*at};
        buffer_append(out, escape, sizeof(escape));
        return 1;
    }
    if (*at < 0x20 || *at == 0x7f) {
        char escape[] = {'\\', 'u', '0', '0', hex[*at >> 4], hex[*at & 15]};
        if (*at == '\n')
            buffer_append(out, "\\n", 2);
        else
            buffer_append(out, escape, sizeof(escape));
        return 1;
    }
    size = utf8_character_length(at, length);
    if (size == 0) {
        buffer_append_string(out, "\xef\xbf\xbd");
        return 1;
    }
    buffer_append(out, at, size);
    return size;
}

void json_write_string(struct buffer *out, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = at + length;

    buffer_append_char(out, '"');
    while (at < end) {
        const uint8_t *start = at;
        while (at < end && is_plain(*at))
            at++;
        buffer_append(out, start, (size_t)(at - start));
        if (at < end)
            at += write_special(out, at, (size_t)(end - at));
    }
    buffer_append_char(out, '"');
}

static void write_enum(struct buffer *out, const ProtobufCEnumDescriptor *descriptor, int value)
{
    if (strcmp(descriptor->name, "google.protobuf.NullValue") == 0) {
        buffer_append_string(out, "null");
        return;
    }
    for (unsigned i = 0; i < descriptor->n_values; i++)
        if (descriptor->values[i].value == value) {
            const char *name = descriptor->values[i].name;
            json_write_string(out, name, strlen(name));
            return;
        }
    buffer_printf(out, "%d", value); /* newer than this program */
}

static void write_bytes(struct buffer *out, const ProtobufCBinaryData *bytes)
{
    buffer_append_char(out, '"');
    base64_encode(out, bytes->data, bytes->len, BASE64_STANDARD, true);
    buffer_append_char(out, '"');
}

enum status json_write_value(struct buffer *out, const ProtobufCFieldDescriptor *field,
                             const void *value, const char **reterr)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buffer_printf(out, "%" PRId32, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buffer_printf(out, "%" PRIu32, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buffer_printf(out, "\"%" PRId64 "\"", *(const int64_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buffer_printf(out, "\"%" PRIu64 "\"", *(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        json_write_float(out, *(const float *)value);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_write_double(out, *(const double *)value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_append_string(out, *(const protobuf_c_boolean *)value ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(out, field->descriptor, *(const int *)value);
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_write_string(out, *(const char *const *)value, strlen(*(const char *const *)value));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(out, value);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        return json_write_message(out, *(const ProtobufCMessage *const *)value, reterr);
    }
    return STATUS_OK;
}

static enum status write_array(struct buffer *out, const ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field, const char **reterr)
{
    const char *items = *(const char *const *)field_member(message, field);
    size_t count = *field_count(message, field);

    buffer_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(out, ',');
        TRY(json_write_value(out, field, items + i * field_element_size(field->type), reterr));
    }
    buffer_append_char(out, ']');
    return STATUS_OK;
}

/* Keys are strings, whatever their type. */
static enum status write_key(struct buffer *out, const ProtobufCFieldDescriptor *field,
                             const void *value, const char **reterr)
{
    size_t start = out->length;
    bool quoted;

    TRY(json_write_value(out, field, value, reterr));
    quoted = buffer_data(out)[start] == '"';
    if (!quoted) {
        struct buffer text = {0};
        buffer_append(&text, buffer_data(out) + start, out->length - start);
        out->length = start;
        json_write_string(out, (char *)buffer_data(&text), text.length);
        buffer_free(&text);
    }
    return STATUS_OK;
}

static enum status write_map(struct buffer *out, const ProtobufCMessage *message,
                             const ProtobufCFieldDescriptor *field, const char **reterr)
{
    ProtobufCMessage *const *entries = *(ProtobufCMessage *const **)field_member(message, field);
    size_t count = *field_count(message, field);

    buffer_append_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *key = field_find(entries[i]->descriptor, 1);
        const ProtobufCFieldDescriptor *value = field_find(entries[i]->descriptor, 2);
        if (i > 0)
            buffer_append_char(out, ',');
        TRY(write_key(out, key, field_member(entries[i], key), reterr));
        buffer_append_char(out, ':');
        if (value->type == PROTOBUF_C_TYPE_MESSAGE &&
            *(ProtobufCMessage *const *)field_member(entries[i], value) == NULL)
            buffer_append_string(out, "{}");
        else
            TRY(json_write_value(out, value, field_member(entries[i], value), reterr));
    }
    buffer_append_char(out, '}');
    return STATUS_OK;
}

static bool is_written(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       const struct message_field *extra)
{
    if (field_is_repeated(field))
        return *field_count(message, field) > 0;
    return field_is_present(message, field, extra);
}

static enum status write_field(struct buffer *out, const ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field,
                               const struct message_field *extra, const char **reterr)
{
    json_write_string(out, extra->json_name, strlen(extra->json_name));
    buffer_append_char(out, ':');
    if (extra->is_map)
        return write_map(out, message, field, reterr);
    if (field_is_repeated(field))
        return write_array(out, message, field, reterr);
    return json_write_value(out, field, field_member(message, field), reterr);
}

enum status json_write_members(struct buffer *out, const ProtobufCMessage *message, bool first,
                               const char **reterr)
{
    const struct message_type *type = message_type_of(message);

    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->descriptor.fields[i];
        if (!is_written(message, field, &type->fields[i]))
            continue;
        if (!first)
            buffer_append_char(out, ',');
        first = false;
        TRY(write_field(out, message, field, &type->fields[i], reterr));
    }
    return STATUS_OK;
}

enum status json_write_message(struct buffer *out, const ProtobufCMessage *message,
                               const char **reterr)
{
    enum message_wellknown wellknown = message_type_of(message)->wellknown;

    if (wellknown != MESSAGE_ORDINARY && wellknown != MESSAGE_EMPTY)
        return json_write_wellknown(out, message, reterr);
    buffer_append_char(out, '{');
    TRY(json_write_members(out, message, true, reterr));
    buffer_append_char(out, '}');
    return STATUS_OK;
}

enum status message_encode_json(const ProtobufCMessage *message, struct buffer *out,
                                const char **reterr)
{
    size_t before = out->length;
    enum status status = json_write_message(out, message, reterr);

    if (status != STATUS_OK)
        out->length = before; /* half a message is none */
    return status;
}
