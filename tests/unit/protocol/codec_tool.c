/* codec-tool - turns messages from one encoding into another, for comparisons with other
 * implementations.
 *
 * Reads frames from standard input and answers each on standard output, until the input ends:
 *   request  1 byte direction ('b': binary to JSON, 'j': JSON to binary), 4 bytes length in
 *            little endian, content: a waystone.testing.codec.v1.Everything
 *   answer   1 byte ('+': the other encoding follows, '-': a sentence follows), length, content */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec_test.h"
#include "google/protobuf/duration.h"
#include "google/protobuf/empty.h"
#include "google/protobuf/wrappers.h"

static bool read_exactly(void *data, size_t length)
{
    return length == 0 || fread(data, length, 1, stdin) == 1;
}

static void answer(char kind, const void *data, size_t length)
{
    uint32_t size = (uint32_t)length;

    fwrite(&kind, 1, 1, stdout);
    fwrite(&size, sizeof(size), 1, stdout);
    if (length > 0)
        fwrite(data, length, 1, stdout);
    fflush(stdout);
}

static enum status convert(struct arena *arena, char direction, const uint8_t *data, size_t length,
                           struct buffer *out, const char **reterr)
{
    ProtobufCMessage *message;

    if (direction == 'b') {
        TRY(message_decode(arena, &Everything_type, data, length, &message, reterr));
        return message_encode_json(message, out, reterr);
    }
    TRY(message_decode_json(arena, &Everything_type, data, length, &message, reterr));
    message_encode(message, out);
    return STATUS_OK;
}

int main(void)
{
    char direction;
    uint32_t length;

    /* What the messages' google.protobuf.Any may hold. */
    codec_test_register_types();
    google_protobuf_duration_register_types();
    google_protobuf_empty_register_types();
    google_protobuf_wrappers_register_types();
    while (fread(&direction, 1, 1, stdin) == 1 && read_exactly(&length, sizeof(length))) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        struct buffer out = {0};
        const char *error = "";
        uint8_t *data = malloc(length > 0 ? length : 1);

        if (data == NULL || !read_exactly(data, length))
            return 1;
        if (convert(arena, direction, data, length, &out, &error) == STATUS_OK)
            answer('+', out.length > 0 ? buffer_data(&out) : NULL, out.length);
        else
            answer('-', error, strlen(error));
        buffer_free(&out);
        free(data);
    }
    return 0;
}
