/* Any bytes as a head and, behind a NUL, as a chunked body. */
#include <string.h>

#include "server/http/h1_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h1_chunks chunks = {0};
    struct h1_head head;
    const char *text = (const char *)data;
    enum h1_chunk_result result;
    size_t used, length;
    const char *body;

    (void)h1_head_parse(text, size, 0, &head);
    do {
        result = h1_chunks_next(&chunks, text, size, &used, &body, &length);
        text += used;
        size -= used;
    } while (result == H1_CHUNK_BYTES);
    return 0;
}
