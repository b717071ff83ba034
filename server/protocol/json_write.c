/* Messages as JSON. Members and elements are written with a comma behind each; the closing
 * bracket takes the last one's place. */
#include <string.h>

#include "server/protocol/base64.h"
#include "server/protocol/json.h"
#include "server/protocol/json_internal.h"
#include "server/protocol/utf8.h"

#define BYTES(value) (UINT64_C(0x0101010101010101) * (value))
#define ESCAPE_MAX_BYTES 6

enum status json_write_fail(struct json_writer *writer, const char *why)
{
    writer->error = why;
    return STATUS_INTERNAL;
}

void json_put_end(struct json_writer *writer, char bracket)
{
    if (writer->out.at[-1] == ',')
        writer->out.at[-1] = (uint8_t)bracket;
    else
        json_put(writer, &bracket, 1);
}

/* --- strings --- */

static inline bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* The same of eight bytes. */
static inline bool is_plain_word(uint64_t word)
{
    uint64_t quote = word ^ BYTES('"');
    uint64_t backslash = word ^ BYTES('\\');

    return (((word - BYTES(0x20)) | (word + BYTES(1)) | word | (quote - BYTES(1)) |
             (backslash - BYTES(1))) &
            BYTES(0x80)) == 0;
}

static void put_escape(struct writer *out, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    char escape[ESCAPE_MAX_BYTES] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};

    if (byte == '"' || byte == '\\' || byte == '\n') {
        escape[1] = (char)(byte == '\n' ? 'n' : byte);
        writer_append(out, escape, 2);
    } else {
        writer_append(out, escape, sizeof(escape));
    }
}

/* One character that is not plain; returns how many bytes it took. */
static size_t put_special(struct writer *out, const uint8_t *at, size_t length)
{
    size_t size;

    if (*at < 0x80) {
        put_escape(out, *at);
        return 1;
    }
    if (out->keep_nul && length >= KEPT_NUL_BYTES && memcmp(at, KEPT_NUL, KEPT_NUL_BYTES) == 0) {
        put_escape(out, 0);
        return KEPT_NUL_BYTES;
    }
    size = utf8_character_length(at, length);
    if (size == 0) {
        writer_append(out, "\xef\xbf\xbd", 3);
        return 1;
    }
    writer_append(out, at, size);
    return size;
}

void json_put_string(struct writer *out, const char *text, size_t length)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = at + length;
    uint64_t word;

    writer_ensure(out, length + 2); /* always enough for what is left and the quote */
    *out->at++ = '"';
    while (at < end) {
        if (end - at >= 8 && (memcpy(&word, at, 8), is_plain_word(word))) {
            memcpy(out->at, &word, 8);
            out->at += 8;
            at += 8;
        } else if (is_plain(*at)) {
            *out->at++ = *at++;
        } else {
            at += put_special(out, at, (size_t)(end - at));
            writer_ensure(out, (size_t)(end - at) + 1);
        }
    }
    *out->at++ = '"';
}

void json_write_string(struct buffer *out, const char *text, size_t length)
{
    struct writer writer;

    writer_open(&writer, out);
    json_put_string(&writer, text, length);
    writer_flush(&writer);
}

/* --- values --- */

static void write_enum(struct json_writer *writer, const ProtobufCEnumDescriptor *descriptor,
                       int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(descriptor, number);

    if (number == 0 && strcmp(descriptor->name, "google.protobuf.NullValue") == 0) {
        JSON_PUT_LITERAL(writer, "null");
    } else if (value != NULL) {
        json_put_string(&writer->out, value->name, strlen(value->name));
    } else { /* newer than this program */
        writer_ensure(&writer->out, JSON_INTEGER_MAX_BYTES);
        writer->out.at = (uint8_t *)json_format_signed((char *)writer->out.at, number);
    }
}

static void write_bytes(struct json_writer *writer, const ProtobufCBinaryData *bytes)
{
    size_t length = base64_encoded_length(bytes->len, true);

    writer_ensure(&writer->out, length + 2);
    *writer->out.at++ = '"';
    base64_encode_to((char *)writer->out.at, bytes->data, bytes->len, BASE64_STANDARD, true);
    writer->out.at += length;
    *writer->out.at++ = '"';
}

static void write_number(struct json_writer *writer, ProtobufCType type, const void *value)
{
    char *at;

    writer_ensure(&writer->out, JSON_REAL_MAX_BYTES);
    at = (char *)writer->out.at;
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        at = json_format_unsigned(at, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        *at++ = '"';
        at = json_format_signed(at, *(const int64_t *)value);
        *at++ = '"';
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        *at++ = '"';
        at = json_format_unsigned(at, *(const uint64_t *)value);
        *at++ = '"';
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        at = json_format_float(at, *(const float *)value);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        at = json_format_double(at, *(const double *)value);
        break;
    default:
        at = json_format_signed(at, *(const int32_t *)value);
    }
    writer->out.at = (uint8_t *)at;
}

enum status json_write_value(struct json_writer *writer, const ProtobufCFieldDescriptor *field,
                             const void *value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        if (*(const protobuf_c_boolean *)value)
            JSON_PUT_LITERAL(writer, "true");
        else
            JSON_PUT_LITERAL(writer, "false");
        return STATUS_OK;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(writer, field->descriptor, *(const int *)value);
        return STATUS_OK;
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)value;
        json_put_string(&writer->out, text, strlen(text));
        return STATUS_OK;
    }
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(writer, value);
        return STATUS_OK;
    case PROTOBUF_C_TYPE_MESSAGE:
        return json_write_message(writer, *(const ProtobufCMessage *const *)value);
    default:
        write_number(writer, field->type, value);
        return STATUS_OK;
    }
}

/* --- fields --- */

enum status json_write_array(struct json_writer *writer, const ProtobufCMessage *message,
                             const ProtobufCFieldDescriptor *field)
{
    const char *item = *(const char *const *)field_member(message, field);
    size_t count = *field_count(message, field), size = field_element_size(field->type);

    JSON_PUT_LITERAL(writer, "[");
    for (size_t i = 0; i < count; i++, item += size) {
        TRY(json_write_value(writer, field, item));
        JSON_PUT_LITERAL(writer, ",");
    }
    json_put_end(writer, ']');
    return STATUS_OK;
}

/* Keys are strings, whatever their type; numbers of 64 bits are written as such anyway. */
static enum status write_key(struct json_writer *writer, const ProtobufCFieldDescriptor *field,
                             const void *value)
{
    bool is_string = field->type == PROTOBUF_C_TYPE_STRING || field_element_size(field->type) == 8;

    if (!is_string)
        JSON_PUT_LITERAL(writer, "\"");
    TRY(json_write_value(writer, field, value));
    if (!is_string)
        JSON_PUT_LITERAL(writer, "\"");
    return STATUS_OK;
}

static enum status write_entry(struct json_writer *writer, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *key = field_find(entry->descriptor, 1);
    const ProtobufCFieldDescriptor *value = field_find(entry->descriptor, 2);

    TRY(write_key(writer, key, field_member(entry, key)));
    JSON_PUT_LITERAL(writer, ":");
    if (value->type != PROTOBUF_C_TYPE_MESSAGE ||
        *(ProtobufCMessage *const *)field_member(entry, value) != NULL)
        return json_write_value(writer, value, field_member(entry, value));
    JSON_PUT_LITERAL(writer, "{}");
    return STATUS_OK;
}

enum status json_write_map(struct json_writer *writer, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field)
{
    ProtobufCMessage *const *entries = *(ProtobufCMessage *const **)field_member(message, field);
    size_t count = *field_count(message, field);

    JSON_PUT_LITERAL(writer, "{");
    for (size_t i = 0; i < count; i++) {
        TRY(write_entry(writer, entries[i]));
        JSON_PUT_LITERAL(writer, ",");
    }
    json_put_end(writer, '}');
    return STATUS_OK;
}

static bool is_written(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       const struct message_field *extra)
{
    if (field_is_repeated(field))
        return *field_count(message, field) > 0;
    return field_is_present(message, field, extra);
}

static enum status write_field(struct json_writer *writer, const ProtobufCMessage *message,
                               const ProtobufCFieldDescriptor *field,
                               const struct message_field *extra)
{
    json_put(writer, extra->json_key, extra->json_key_length);
    if (extra->is_map)
        return json_write_map(writer, message, field);
    if (field_is_repeated(field))
        return json_write_array(writer, message, field);
    return json_write_value(writer, field, field_member(message, field));
}

enum status json_write_members(struct json_writer *writer, const ProtobufCMessage *message)
{
    const struct message_type *type = message_type_of(message);

    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->descriptor.fields[i];
        if (!is_written(message, field, &type->fields[i]))
            continue;
        TRY(write_field(writer, message, field, &type->fields[i]));
        JSON_PUT_LITERAL(writer, ",");
    }
    return STATUS_OK;
}

enum status json_write_message(struct json_writer *writer, const ProtobufCMessage *message)
{
    enum message_wellknown wellknown = message_type_of(message)->wellknown;

    if (wellknown != MESSAGE_ORDINARY && wellknown != MESSAGE_EMPTY)
        return json_write_wellknown(writer, message);
    JSON_PUT_LITERAL(writer, "{");
    TRY(json_write_members(writer, message));
    json_put_end(writer, '}');
    return STATUS_OK;
}

/* --- all of it --- */

enum status message_encode_json_with(const ProtobufCMessage *message,
                                     const struct message_options *options, struct buffer *out,
                                     const char **reterr)
{
    struct json_writer writer = {.options = options};
    size_t before = out->length;
    enum status status;

    writer_open(&writer.out, out);
    writer.out.keep_nul = options->keep_nul;
    status = json_write_message(&writer, message);
    writer_flush(&writer.out);
    if (status != STATUS_OK) {
        out->length = before; /* half a message is none */
        *reterr = writer.error;
    }
    return status;
}

enum status message_encode_json(const ProtobufCMessage *message, struct buffer *out,
                                const char **reterr)
{
    static const struct message_options defaults;

    return message_encode_json_with(message, &defaults, out, reterr);
}
