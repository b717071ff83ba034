/* Any text as percent-encoded, of a query ("+" is a space) and of a header (it is not), against a
 * decoder of one character after the other. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "server/protocol/percent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(const char *text, size_t size, bool plus_is_space, struct buffer *out)
{
    for (size_t i = 0; i < size; i++) {
        char digits[3] = "";
        if (text[i] != '%') {
            buffer_append(out, plus_is_space && text[i] == '+' ? " " : text + i, 1);
            continue;
        }
        if (size - i < 3 || !isxdigit((uint8_t)text[i + 1]) || !isxdigit((uint8_t)text[i + 2]))
            return false;
        memcpy(digits, text + i + 1, 2);
        buffer_append_char(out, (char)strtoul(digits, NULL, 16));
        i += 2;
    }
    return true;
}

static void check(const char *text, size_t size, bool plus_is_space)
{
    struct buffer expected = {0}, decoded = {0};
    bool good = decode(text, size, plus_is_space, &expected);

    if (percent_decode(&decoded, text, size, plus_is_space) != good)
        abort();
    if (good && (decoded.length != expected.length ||
                 (decoded.length > 0 &&
                  memcmp(buffer_data(&decoded), buffer_data(&expected), decoded.length) != 0)))
        abort();
    if (!good && decoded.length > 0)
        abort();
    buffer_free(&expected);
    buffer_free(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check((const char *)data, size, true);
    check((const char *)data, size, false);
    return 0;
}
