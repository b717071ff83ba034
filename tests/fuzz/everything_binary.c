/* Binary decoder: what it takes must come back the same after encoding, and its JSON, if it has
 * one, must be taken. */
#include <stdlib.h>
#include <string.h>

#include "codec_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct arena *arena, const ProtobufCMessage *message)
{
    struct buffer json = {0};
    ProtobufCMessage *again;
    const char *error;

    /* What has no JSON (a Timestamp out of range) and what JSON spells in more memory is
     * refused; the rest has only to be handled. */
    if (message_encode_json(message, &json, &error) == STATUS_OK)
        (void)!message_decode_json(arena, &Everything_type, buffer_data(&json), json.length, &again,
                                   &error);
    buffer_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct buffer first = {0}, second = {0};
    ProtobufCMessage *message, *again;
    const char *error;

    codec_test_register_types();
    if (message_decode(arena, &Everything_type, data, size, &message, &error) != STATUS_OK)
        return 0;
    message_encode(message, &first);
    if (message_decode(arena, &Everything_type, first.length > 0 ? buffer_data(&first) : NULL,
                       first.length, &again, &error) != STATUS_OK)
        abort();
    message_encode(again, &second);
    if (first.length != second.length ||
        (first.length > 0 && memcmp(buffer_data(&first), buffer_data(&second), first.length) != 0))
        abort();
    check_json(arena, message);
    buffer_free(&first);
    buffer_free(&second);
    return 0;
}
