/* The binary encoder.
 *
 * libprotobuf-c's would work on our structs, but it measures every nested message before it
 * writes it, leaves out -0.0, and cannot write a map entry's default key. This one writes once:
 * one byte is kept for a length, and the rare content longer than 127 bytes is moved. */
#include "base/limits.h"
#include "server/protocol/codec.h"

#include <string.h>

#define VARINT_MAX_BYTES 10

static void encode_fields(struct writer *writer, const ProtobufCMessage *message);

/* The caller has made sure of the room. */
static inline void put_varint(struct writer *writer, uint64_t value)
{
    uint8_t *at = writer->at;

    /* The analyzer does not know that a buffer that was written to has memory. */
    /* NOLINTBEGIN(clang-analyzer-core.NullDereference) */
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    /* NOLINTEND(clang-analyzer-core.NullDereference) */
    writer->at = at;
}

static inline void put_tag(struct writer *writer, uint32_t number, unsigned wire_type)
{
    put_varint(writer, (uint64_t)number << 3 | wire_type);
}

/* Where something begins whose length comes before it. */
struct mark {
    size_t position;
    unsigned pieces; /* that come before */
};

/* Keeps a byte for the length of what follows. */
static struct mark begin_length(struct writer *writer)
{
    writer_ensure(writer, 1);
    writer->at++;
    return (struct mark){writer_position(writer), writer->pieces ? writer->pieces->count : 0};
}

/* Of the pieces from the mark on, which move by `extra`. */
static size_t move_pieces(struct writer *writer, struct mark begin, size_t extra)
{
    size_t length = 0;

    for (unsigned i = begin.pieces; writer->pieces != NULL && i < writer->pieces->count; i++) {
        writer->pieces->items[i].position += extra;
        length += writer->pieces->items[i].bytes->length;
    }
    return length;
}

static void end_length(struct writer *writer, struct mark begin)
{
    size_t copied = writer_position(writer) - begin.position;
    size_t length = copied + move_pieces(writer, begin, 0);
    size_t extra = 0;
    uint8_t *content;

    for (size_t rest = length >> 7; rest > 0; rest >>= 7)
        extra++;
    writer_ensure(writer, extra);
    content = buffer_data(writer->out) + begin.position;
    if (extra > 0) {
        memmove(content + extra, content, copied);
        move_pieces(writer, begin, extra);
    }
    writer->at = content - 1;
    put_varint(writer, length);
    writer->at += copied;
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* Needs at most VARINT_MAX_BYTES, which the caller has made sure of. */
static void put_number(struct writer *writer, ProtobufCType type, const void *member)
{
    uint32_t bits32;
    uint64_t bits64;

    if (field_element_size(type) == 8) {
        memcpy(&bits64, member, 8);
        if (wire_type_of(type) == PROTOBUF_C_WIRE_TYPE_64BIT) {
            memcpy(writer->at, &bits64, 8);
            writer->at += 8;
            return;
        }
        if (type == PROTOBUF_C_TYPE_SINT64)
            bits64 = bits64 << 1 ^ (bits64 >> 63 ? UINT64_MAX : 0);
        put_varint(writer, bits64);
        return;
    }
    memcpy(&bits32, member, 4);
    if (wire_type_of(type) == PROTOBUF_C_WIRE_TYPE_32BIT) {
        memcpy(writer->at, &bits32, 4);
        writer->at += 4;
    } else if (type == PROTOBUF_C_TYPE_SINT32) {
        put_varint(writer, bits32 << 1 ^ (bits32 >> 31 ? UINT32_MAX : 0));
    } else if (type == PROTOBUF_C_TYPE_BOOL) {
        put_varint(writer, bits32 != 0);
    } else if (type == PROTOBUF_C_TYPE_UINT32) {
        put_varint(writer, bits32);
    } else { /* negative ones take ten bytes on the wire */
        put_varint(writer, (uint64_t)(int64_t)(int32_t)bits32);
    }
}

/* Puts the length of what need not be copied; false if it must be. */
static bool leave_out(struct writer *writer, const void *data, size_t length)
{
    struct message_pieces *pieces = writer->pieces;
    struct shared_bytes *whole = pieces != NULL && pieces->count < MESSAGE_PIECES_MAX
                                     ? arena_find_taken(pieces->arena, data, length)
                                     : NULL;

    if (whole == NULL)
        return false;
    writer_ensure(writer, VARINT_MAX_BYTES);
    put_varint(writer, length);
    pieces->items[pieces->count++] = (struct message_piece){
        .position = writer_position(writer),
        .bytes = shared_bytes_part(whole, data, length),
    };
    return true;
}

static void put_bytes(struct writer *writer, const void *data, size_t length)
{
    if (length >= LIMIT_COPIED_BYTES && leave_out(writer, data, length))
        return;
    writer_ensure(writer, VARINT_MAX_BYTES + length);
    put_varint(writer, length);
    if (length > 0)
        memcpy(writer->at, data, length);
    writer->at += length;
}

/* Text in which U+0000 may be kept. */
static void put_text(struct writer *writer, const char *text, size_t length)
{
    /* There may be no text at all, which memmem() does not take. */
    const char *kept =
        writer->keep_nul && length > 0 ? memmem(text, length, KEPT_NUL, KEPT_NUL_BYTES) : NULL;
    struct mark begin;

    if (kept == NULL) {
        put_bytes(writer, text, length);
        return;
    }
    begin = begin_length(writer);
    for (; kept != NULL; kept = memmem(text, length, KEPT_NUL, KEPT_NUL_BYTES)) {
        writer_append(writer, text, (size_t)(kept - text));
        writer_append(writer, "", 1);
        length -= (size_t)(kept - text) + KEPT_NUL_BYTES;
        text = kept + KEPT_NUL_BYTES;
    }
    writer_append(writer, text, length);
    end_length(writer, begin);
}

/* A tag and a value. */
static void encode_value(struct writer *writer, const ProtobufCFieldDescriptor *field,
                         const void *member)
{
    writer_ensure(writer, 2 * VARINT_MAX_BYTES);
    put_tag(writer, field->id, wire_type_of(field->type));
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)member;
        put_text(writer, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = member;
        put_bytes(writer, bytes->data, bytes->len);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(const ProtobufCMessage *const *)member;
        struct mark begin = begin_length(writer);
        if (message != NULL)
            encode_fields(writer, message);
        end_length(writer, begin);
        break;
    }
    default:
        put_number(writer, field->type, member);
    }
}

static void encode_repeated(struct writer *writer, const ProtobufCMessage *message,
                            const ProtobufCFieldDescriptor *field)
{
    size_t count = *field_count(message, field);
    size_t size = field_element_size(field->type);
    const char *element = *(const char *const *)field_member(message, field);

    if (count == 0)
        return;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) == 0) {
        for (size_t i = 0; i < count; i++, element += size)
            encode_value(writer, field, element);
        return;
    }

    writer_ensure(writer, VARINT_MAX_BYTES);
    put_tag(writer, field->id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
    if (wire_type_of(field->type) != PROTOBUF_C_WIRE_TYPE_VARINT) {
        put_bytes(writer, element, count * size);
        return;
    }
    struct mark begin = begin_length(writer);
    for (size_t i = 0; i < count; i++, element += size) {
        writer_ensure(writer, VARINT_MAX_BYTES);
        put_number(writer, field->type, element);
    }
    end_length(writer, begin);
}

static void encode_unknown(struct writer *writer, const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *kept = &message->unknown_fields[i];
        writer_ensure(writer, VARINT_MAX_BYTES);
        put_tag(writer, kept->tag, kept->wire_type);
        writer_append(writer, kept->data, kept->len);
    }
}

static void encode_fields(struct writer *writer, const ProtobufCMessage *message)
{
    const struct message_type *type = message_type_of(message);

    for (unsigned i = 0; i < type->descriptor.n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->descriptor.fields[i];
        if (field_is_repeated(field))
            encode_repeated(writer, message, field);
        else if (type->is_map_entry || field_is_present(message, field, &type->fields[i]))
            encode_value(writer, field, field_member(message, field));
    }
    if (message->n_unknown_fields > 0)
        encode_unknown(writer, message);
}

size_t message_pieces_length(const struct message_pieces *pieces)
{
    size_t length = 0;

    for (unsigned i = 0; i < pieces->count; i++)
        length += pieces->items[i].bytes->length;
    return length;
}

void message_pieces_free(struct message_pieces *pieces)
{
    for (unsigned i = 0; i < pieces->count; i++)
        shared_bytes_unref(pieces->items[i].bytes);
    pieces->count = 0;
}

void message_encode_around(const ProtobufCMessage *message, struct buffer *out,
                           struct message_pieces *pieces)
{
    struct writer writer;

    writer_open(&writer, out);
    writer.pieces = pieces;
    encode_fields(&writer, message);
    writer_flush(&writer);
}

void message_encode(const ProtobufCMessage *message, struct buffer *out)
{
    static const struct message_options defaults;

    message_encode_with(message, &defaults, out);
}

void message_encode_with(const ProtobufCMessage *message, const struct message_options *options,
                         struct buffer *out)
{
    struct writer writer;

    writer_open(&writer, out);
    writer.keep_nul = options->keep_nul;
    encode_fields(&writer, message);
    writer_flush(&writer);
}
