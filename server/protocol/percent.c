#include "server/protocol/percent.h"

#include <stdint.h>
#include <string.h>

static bool needs_encoding(uint8_t byte)
{
    return byte < 0x20 || byte > 0x7e || byte == '%';
}

void percent_encode(struct buffer *out, const char *text, size_t length)
{
    static const char digits[16] = "0123456789ABCDEF";
    size_t plain_from = 0;

    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)text[i];
        if (!needs_encoding(byte))
            continue;
        char encoded[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        if (i > plain_from)
            buffer_append(out, text + plain_from, i - plain_from);
        buffer_append(out, encoded, sizeof(encoded));
        plain_from = i + 1;
    }
    if (length > plain_from)
        buffer_append(out, text + plain_from, length - plain_from);
}

/* -1 if it is none. */
static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool percent_decode(struct buffer *out, const char *text, size_t length, bool plus_is_space)
{
    uint8_t *at, *start;

    if (length == 0)
        return true;
    at = start = buffer_reserve(out, length);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%') {
            int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
            int low = length - i > 2 ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            *at++ = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (text[i] == '+' && plus_is_space) {
            *at++ = ' ';
        } else {
            *at++ = (uint8_t)text[i];
        }
    }
    buffer_commit(out, (size_t)(at - start));
    return true;
}
