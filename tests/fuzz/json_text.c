/* Any bytes to the reader of JSON text, which must take nothing that yajl refuses. */
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "server/protocol/json_text.h"
#include "server/protocol/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_taken_by_yajl(const uint8_t *data, size_t size)
{
    static yajl_callbacks none;
    yajl_handle handle = yajl_alloc(&none, NULL, NULL);
    bool ok = yajl_parse(handle, data, size) == yajl_status_ok &&
              yajl_complete_parse(handle) == yajl_status_ok;

    yajl_free(handle);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct json_text text;

    json_text_open(&text, arena, (const char *)data, size, 64);
    (void)json_text_skip(&text);
    if (json_text_close(&text) && utf8_valid(data, size) && !is_taken_by_yajl(data, size))
        abort();
    return 0;
}
