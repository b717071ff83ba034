/* JSON decoder: what it takes must be encodable in binary, and be taken from there. */
#include <stdlib.h>

#include "codec_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct buffer binary = {0}, json = {0};
    ProtobufCMessage *message, *again;
    const char *error = NULL;

    codec_test_register_types();
    if (message_decode_json(arena, &Everything_type, data, size, &message, &error) != STATUS_OK) {
        if (error == NULL)
            abort();
        return 0;
    }
    message_encode(message, &binary);
    if (message_decode(arena, &Everything_type, binary.length > 0 ? buffer_data(&binary) : NULL,
                       binary.length, &again, &error) != STATUS_OK)
        abort();
    /* Everything that came from JSON has a JSON form. */
    if (message_encode_json(again, &json, &error) != STATUS_OK)
        abort();
    buffer_free(&binary);
    buffer_free(&json);
    return 0;
}
