/* Any text as JSON of a message with oneofs, optionals, times; what is taken must survive the
 * way out and back in. */
#include <stdlib.h>

#include "waystone/chat/v1/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct buffer first = {0}, second = {0};
    ProtobufCMessage *message, *again;
    const char *error;

    if (message_decode_json(arena, &ConverseResponse_type, data, size, &message, &error) !=
            STATUS_OK ||
        message_encode_json(message, &first, &error) != STATUS_OK) {
        buffer_free(&first);
        return 0;
    }
    if (message_decode_json(arena, &ConverseResponse_type, buffer_data(&first), first.length,
                            &again, &error) != STATUS_OK ||
        message_encode_json(again, &second, &error) != STATUS_OK || first.length != second.length)
        abort();
    buffer_free(&first);
    buffer_free(&second);
    return 0;
}
