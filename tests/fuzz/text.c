/* Base64, percent-encoding and UTF-8: decoding what was encoded gives the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "server/protocol/base64.h"
#include "server/protocol/json.h"
#include "server/protocol/percent.h"
#include "server/protocol/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct buffer *buffer, const uint8_t *data, size_t size)
{
    if (buffer->length != size || (size > 0 && memcmp(buffer_data(buffer), data, size) != 0))
        abort();
}

static const char *text_of(const struct buffer *buffer)
{
    return buffer->length > 0 ? (const char *)buffer_data(buffer) : "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = {0}, bytes = {0}, json = {0};

    (void)base64_decode(&bytes, (const char *)data, size);
    buffer_clear(&bytes);
    base64_encode(&text, data, size, size % 2 ? BASE64_URL : BASE64_STANDARD, size % 3 == 0);
    if (!base64_decode(&bytes, text_of(&text), text.length))
        abort();
    check_same(&bytes, data, size);

    buffer_clear(&bytes);
    buffer_clear(&text);
    (void)percent_decode(&bytes, (const char *)data, size, true);
    buffer_clear(&bytes);
    percent_encode(&text, (const char *)data, size);
    if (!percent_decode(&bytes, text_of(&text), text.length, false))
        abort();
    check_same(&bytes, data, size);

    json_write_string(&json, (const char *)data, size);
    if (!utf8_valid(buffer_data(&json), json.length))
        abort();
    buffer_free(&text);
    buffer_free(&bytes);
    buffer_free(&json);
    return 0;
}
