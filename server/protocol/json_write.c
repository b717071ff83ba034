/* Messages as JSON, without white space. Fields without presence are left out when they have
 * their type's default. */
#include "server/protocol/json_internal.h"

#include "server/protocol/base64.h"
#include "server/protocol/utf8.h"

#include <math.h>
#include <string.h>

/* --- strings --- */

/* Bytes of a character that JSON wants escaped; 0: it stands for itself. */
static inline bool needs_escape(uint8_t byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

static void put_escape(struct writer *writer, uint8_t byte)
{
    static const char digits[16] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char letter = byte < 0x20 ? letters[byte] : (char)byte;

    writer_ensure(writer, 6);
    *writer->at++ = '\\';
    if (letter != '\0') {
        *writer->at++ = (uint8_t)letter;
        return;
    }
    memcpy(writer->at, "u00", 3);
    writer->at[3] = (uint8_t)digits[byte >> 4];
    writer->at[4] = (uint8_t)digits[byte & 15];
    writer->at += 5;
}

static void put_escaped(struct writer *writer, const char *text, size_t length)
{
    size_t plain_from = 0;

    for (size_t i = 0; i < length; i++) {
        if (!needs_escape((uint8_t)text[i]))
            continue;
        writer_append(writer, text + plain_from, i - plain_from);
        put_escape(writer, (uint8_t)text[i]);
        plain_from = i + 1;
    }
    writer_append(writer, text + plain_from, length - plain_from);
}

/* JSON has to be UTF-8 even if a handler's string is not. */
static void put_repaired(struct writer *writer, const char *text, size_t length)
{
    while (length > 0) {
        size_t size = utf8_character_length((const uint8_t *)text, length);
        if (size > 0)
            put_escaped(writer, text, size);
        else
            writer_append(writer, "\xef\xbf\xbd", 3);
        size += size == 0;
        text += size;
        length -= size;
    }
}

void json_put_string(struct writer *writer, const char *text, size_t length)
{
    writer_ensure(writer, length + 2);
    *writer->at++ = '"';
    if (utf8_valid(text, length))
        put_escaped(writer, text, length);
    else
        put_repaired(writer, text, length);
    json_put_char(writer, '"');
}

void json_write_string(struct buffer *out, const char *text, size_t length)
{
    struct writer writer;

    writer_open(&writer, out);
    json_put_string(&writer, text, length);
    writer_flush(&writer);
}

/* --- values --- */

static void put_text(struct writer *writer, const char *text)
{
    writer_append(writer, text, strlen(text));
}

static void put_bytes(struct writer *writer, const ProtobufCBinaryData *bytes)
{
    size_t length = base64_encoded_length(bytes->len, true);

    writer_ensure(writer, length + 2);
    *writer->at++ = '"';
    base64_encode_to((char *)writer->at, bytes->data, bytes->len, BASE64_STANDARD, true);
    writer->at += length;
    *writer->at++ = '"';
}

static void put_real(struct writer *writer, double value, bool is_float)
{
    char *at = (char *)writer->at;

    if (isnan(value))
        put_text(writer, "\"NaN\"");
    else if (isinf(value))
        put_text(writer, value < 0 ? "\"-Infinity\"" : "\"Infinity\"");
    else
        writer->at += is_float ? number_format_float(at, (float)value)
                               : number_format_double(at, value);
}

/* Values are sorted by number. */
static const char *enum_name(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);

    return found != NULL ? found->name : NULL;
}

static void put_enum(struct writer *writer, const ProtobufCEnumDescriptor *descriptor, int value)
{
    const char *name = enum_name(descriptor, value);

    if (name == NULL) {
        writer->at += number_format_signed((char *)writer->at, value);
    } else if (strcmp(descriptor->name, "google.protobuf.NullValue") == 0) {
        put_text(writer, "null");
    } else {
        writer_ensure(writer, strlen(name) + 2);
        *writer->at++ = '"';
        put_text(writer, name);
        json_put_char(writer, '"');
    }
}

static void put_integer(struct writer *writer, ProtobufCType type, const void *member)
{
    char *at = (char *)writer->at;

    switch (type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        writer->at += number_format_unsigned(at, *(const uint64_t *)member);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        writer->at += number_format_signed(at, *(const int64_t *)member);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        writer->at += number_format_unsigned(at, *(const uint32_t *)member);
        break;
    default:
        writer->at += number_format_signed(at, *(const int32_t *)member);
    }
}

bool json_write_value(struct json_writer *writer, const ProtobufCFieldDescriptor *field,
                      const void *member)
{
    struct writer *to = &writer->to;

    writer_ensure(to, NUMBER_TEXT_MAX + 2);
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)member;
        json_put_string(to, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
        break;
    }
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(to, member);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        put_text(to, *(const protobuf_c_boolean *)member ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        put_real(to, (double)*(const float *)member, true);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        put_real(to, *(const double *)member, false);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(to, field->descriptor, *(const int *)member);
        break;
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(const ProtobufCMessage *const *)member;
        if (message == NULL) {
            put_text(to, "{}");
            break;
        }
        return json_write_message(writer, message);
    }
    default: {
        /* 64-bit numbers are strings, since JavaScript would round them. */
        bool quoted = field_element_size(field->type) == 8;
        if (quoted)
            *to->at++ = '"';
        put_integer(to, field->type, member);
        if (quoted)
            *to->at++ = '"';
    }
    }
    return true;
}

/* --- objects and arrays --- */

/* An entry's key; JSON's are strings. */
static void put_key(struct json_writer *writer, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *field = &entry->descriptor->fields[0];
    bool quoted = field->type != PROTOBUF_C_TYPE_STRING && field_element_size(field->type) != 8;

    if (quoted)
        json_put_char(&writer->to, '"');
    (void)json_write_value(writer, field, field_member(entry, field)); /* scalars never fail */
    if (quoted)
        json_put_char(&writer->to, '"');
    json_put_char(&writer->to, ':');
}

bool json_write_repeated(struct json_writer *writer, const ProtobufCMessage *message,
                         const ProtobufCFieldDescriptor *field, bool is_map)
{
    size_t count = *field_count(message, field);
    size_t size = field_element_size(field->type);
    const char *element = *(const char *const *)field_member(message, field);

    json_put_char(&writer->to, is_map ? '{' : '[');
    for (size_t i = 0; i < count; i++, element += size) {
        const ProtobufCFieldDescriptor *value = field;
        const void *member = element;
        if (i > 0)
            json_put_char(&writer->to, ',');
        if (is_map) {
            const ProtobufCMessage *entry = *(const ProtobufCMessage *const *)element;
            put_key(writer, entry);
            value = &entry->descriptor->fields[1];
            member = field_member(entry, value);
        }
        if (!json_write_value(writer, value, member))
            return false;
    }
    json_put_char(&writer->to, is_map ? '}' : ']');
    return true;
}

bool json_write_fields(struct json_writer *writer, const ProtobufCMessage *message, bool first)
{
    const struct message_type *type = message_type_of(message);

    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->descriptor.fields[i];
        const struct message_field *extra = &type->fields[i];
        bool ok;

        if (field_is_repeated(field) ? *field_count(message, field) == 0
                                     : !field_is_present(message, field, extra))
            continue;
        writer_ensure(&writer->to, strlen(extra->json_name) + 4);
        if (!first)
            *writer->to.at++ = ',';
        first = false;
        *writer->to.at++ = '"';
        put_text(&writer->to, extra->json_name);
        writer_append(&writer->to, "\":", 2);
        ok = field_is_repeated(field)
                 ? json_write_repeated(writer, message, field, extra->is_map)
                 : json_write_value(writer, field, field_member(message, field));
        if (!ok)
            return false;
    }
    return true;
}

bool json_write_message(struct json_writer *writer, const ProtobufCMessage *message)
{
    enum message_wellknown wellknown = message_type_of(message)->wellknown;
    bool ok;

    if (writer->depth == JSON_WRITE_DEPTH_MAX)
        return json_write_fail(writer, "the message nests too deep for JSON");
    writer->depth++;
    if (wellknown == MESSAGE_ORDINARY || wellknown == MESSAGE_EMPTY) {
        json_put_char(&writer->to, '{');
        ok = json_write_fields(writer, message, true);
        json_put_char(&writer->to, '}');
    } else {
        ok = json_write_wellknown(writer, message);
    }
    writer->depth--;
    return ok;
}

enum status message_encode_json(const ProtobufCMessage *message, struct buffer *out,
                                const char **reterr)
{
    struct json_writer writer = {0};
    size_t before = out->length;

    writer_open(&writer.to, out);
    if (!json_write_message(&writer, message)) {
        writer_flush(&writer.to);
        out->length = before; /* nothing half-written stays */
        *reterr = writer.error;
        return STATUS_INTERNAL;
    }
    writer_flush(&writer.to);
    return STATUS_OK;
}
