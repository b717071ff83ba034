#include "base/limits.h"
#include "server/protocol/base64.h"
#include "server/protocol/protocol.h"

#include <string.h>

static void put_length(uint8_t *out, size_t length)
{
    out[0] = (uint8_t)(length >> 24);
    out[1] = (uint8_t)(length >> 16);
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
}

/* gRPC-Web-text: each frame is one padded base64 text, so that a reader can decode as it
 * arrives. */
static void write_text(struct exchange *exchange, const uint8_t *prefix, const void *data,
                       size_t length)
{
    struct buffer raw = {0};
    struct buffer text = {0};

    buffer_append(&raw, prefix, ENVELOPE_BYTES);
    buffer_append(&raw, data, length);
    base64_encode(&text, buffer_data(&raw), raw.length, BASE64_STANDARD, true);
    exchange->transport->write(exchange, buffer_data(&text), text.length);
    buffer_free(&raw);
    buffer_free(&text);
}

void envelope_write(const struct wire *wire, struct exchange *exchange, uint8_t flags,
                    const void *data, size_t length)
{
    uint8_t prefix[ENVELOPE_BYTES] = {flags};

    put_length(prefix + 1, length);
    if (wire->text) {
        write_text(exchange, prefix, data, length);
        return;
    }
    exchange->transport->write(exchange, prefix, sizeof(prefix));
    if (length > 0)
        exchange->transport->write(exchange, data, length);
}

size_t encoded_length(const struct encoded *message)
{
    return message->copied.length + message_pieces_length(&message->pieces);
}

void encoded_free(struct encoded *message)
{
    buffer_free(&message->copied);
    message_pieces_free(&message->pieces);
}

/* Each piece goes to the socket from where it is. */
static void send_pieces(struct exchange *exchange, struct encoded *message)
{
    const struct message_pieces *pieces = &message->pieces;
    const uint8_t *copied = buffer_data(&message->copied);
    size_t at = 0;

    for (unsigned i = 0; i < pieces->count; i++) {
        exchange->transport->write_shared(exchange, copied + at, pieces->items[i].position - at,
                                          pieces->items[i].bytes);
        at = pieces->items[i].position;
    }
    if (message->copied.length > at)
        exchange->transport->write(exchange, copied + at, message->copied.length - at);
}

static void send_whole(struct exchange *exchange, struct encoded *message)
{
    struct shared_bytes *bytes;

    if (message->copied.length >= LIMIT_COPIED_BYTES) {
        bytes = shared_bytes_take(&message->copied);
        exchange->transport->write_shared(exchange, NULL, 0, bytes);
        shared_bytes_unref(bytes);
    } else if (message->copied.length > 0) {
        exchange->transport->write(exchange, buffer_data(&message->copied), message->copied.length);
    }
}

void protocol_send(const struct wire *wire, struct exchange *exchange, struct encoded *message)
{
    uint8_t prefix[ENVELOPE_BYTES] = {message->compressed ? ENVELOPE_COMPRESSED : 0};

    put_length(prefix + 1, encoded_length(message));
    if (wire->text) {
        write_text(exchange, prefix, buffer_data(&message->copied), message->copied.length);
    } else {
        if (wire->enveloped)
            exchange->transport->write(exchange, prefix, sizeof(prefix));
        if (message->pieces.count > 0)
            send_pieces(exchange, message);
        else
            send_whole(exchange, message);
    }
    encoded_free(message);
}

void protocol_send_shared(const struct wire *wire, struct exchange *exchange,
                          struct shared_bytes *message)
{
    uint8_t prefix[ENVELOPE_BYTES] = {0};

    put_length(prefix + 1, message->length);
    if (wire->text)
        write_text(exchange, prefix, message->data, message->length);
    else
        exchange->transport->write_shared(exchange, prefix, sizeof(prefix), message);
}

enum envelope_result envelope_read(const uint8_t *data, size_t length, size_t max_bytes,
                                   struct envelope *ret)
{
    size_t size;

    ret->size = 0;
    if (length < ENVELOPE_BYTES)
        return ENVELOPE_MORE;
    if ((data[0] & ~ENVELOPE_COMPRESSED) != 0)
        return ENVELOPE_BAD_FLAGS;
    size = (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
    if (size > max_bytes)
        return ENVELOPE_TOO_LARGE;
    ret->size = ENVELOPE_BYTES + size;
    if (length < ret->size)
        return ENVELOPE_MORE;
    *ret = (struct envelope){
        .message = {data + ENVELOPE_BYTES, size},
        .size = ENVELOPE_BYTES + size,
        .compressed = data[0] != 0,
    };
    return ENVELOPE_MESSAGE;
}

bool text_decode(struct text_decoder *decoder, const uint8_t *data, size_t length, bool end,
                 struct buffer *out)
{
    for (size_t i = 0; i < length; i++) {
        decoder->group[decoder->length++] = (char)data[i];
        if (decoder->length < sizeof(decoder->group))
            continue;
        decoder->length = 0;
        if (!base64_decode(out, decoder->group, sizeof(decoder->group)))
            return false;
    }
    return !end || decoder->length == 0;
}
