/* Any bytes as a message; what is taken must survive the way out and back in. */
#include <stdlib.h>
#include <string.h>

#include "waystone/chat/v1/chat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct buffer first = {0}, second = {0};
    ProtobufCMessage *message, *again;
    const char *error;

    if (message_decode(arena, &ConverseResponse_type, data, size, &message, &error) != STATUS_OK)
        return 0;
    message_encode(message, &first);
    if (message_decode(arena, &ConverseResponse_type, first.length ? buffer_data(&first) : data,
                       first.length, &again, &error) != STATUS_OK)
        abort();
    message_encode(again, &second);
    if (first.length != second.length ||
        (first.length > 0 && memcmp(buffer_data(&first), buffer_data(&second), first.length) != 0))
        abort();
    buffer_free(&first);
    buffer_free(&second);
    return 0;
}
