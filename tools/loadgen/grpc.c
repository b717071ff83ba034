#include "tools/loadgen/grpc.h"

#include "tools/loadgen/link.h"

#define ENVELOPE_BYTES 5

void grpc_write(struct buffer *out, const ProtobufCMessage *message)
{
    size_t start = out->length;
    uint8_t *envelope;
    size_t length;

    buffer_append(out, "\0\0\0\0\0", ENVELOPE_BYTES);
    message_encode(message, out);
    length = out->length - start - ENVELOPE_BYTES;
    envelope = buffer_data(out) + start;
    for (int i = 4; i > 0; i--, length >>= 8)
        envelope[i] = (uint8_t)length;
}

ProtobufCMessage *grpc_take(struct buffer *received, struct arena *arena,
                            const struct message_type *type)
{
    const uint8_t *data = buffer_data(received);
    ProtobufCMessage *message;
    const char *error;
    size_t length = 0;

    if (received->length < ENVELOPE_BYTES)
        return NULL;
    for (int i = 1; i < ENVELOPE_BYTES; i++)
        length = length << 8 | data[i];
    if (data[0] != 0)
        fail("a message has the flags %u", data[0]);
    if (received->length - ENVELOPE_BYTES < length)
        return NULL;
    if (message_decode(arena, type, data + ENVELOPE_BYTES, length, &message, &error) != STATUS_OK)
        fail("a message is malformed: %s", error);
    buffer_consume(received, ENVELOPE_BYTES + length);
    return message;
}
