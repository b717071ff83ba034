#include "gen/nesting.h"

struct reader {
    const uint8_t *at, *end;
};

enum { WIRE_VARINT, WIRE_64_BITS, WIRE_LENGTH, WIRE_32_BITS = 5 };

static bool take_varint(struct reader *reader, uint64_t *ret)
{
    *ret = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t byte = *reader->at++;
        *ret |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool take_bytes(struct reader *reader, uint64_t length, struct reader *ret)
{
    if (length > (size_t)(reader->end - reader->at))
        return false;
    *ret = (struct reader){reader->at, reader->at + length};
    reader->at += length;
    return true;
}

/* Takes the value behind a tag. False if there is none. `*ret` is what has a length. */
static bool take_value(struct reader *reader, uint64_t tag, struct reader *ret)
{
    struct reader fixed;
    uint64_t number;

    *ret = (struct reader){NULL, NULL};
    switch (tag & 7) {
    case WIRE_VARINT:
        return take_varint(reader, &number);
    case WIRE_64_BITS:
        return take_bytes(reader, 8, &fixed);
    case WIRE_LENGTH:
        return take_varint(reader, &number) && take_bytes(reader, number, ret);
    case WIRE_32_BITS:
        return take_bytes(reader, 4, &fixed);
    default:
        return false;
    }
}

static bool is_bounded(const ProtobufCMessageDescriptor *type, struct reader reader, int depth)
{
    struct reader value;
    uint64_t tag;

    if (depth > NESTING_MAX)
        return false;
    while (take_varint(&reader, &tag) && take_value(&reader, tag, &value)) {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        if (value.at != NULL && field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE &&
            !is_bounded(field->descriptor, value, depth + 1))
            return false;
    }
    return true;
}

bool nesting_is_bounded(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t length)
{
    return is_bounded(type, (struct reader){data, data + length}, 0);
}
