/* Any text as base64: the decoder must take what RFC 4648 takes in either alphabet, padded or not,
 * and give the bytes that a decoder of one bit after the other gives. */
#include <stdlib.h>
#include <string.h>

#include "server/protocol/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int digit_value(uint8_t digit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = digit != '\0' ? strchr(digits, digit) : NULL;

    if (digit == '-' || digit == '_')
        return digit == '-' ? 62 : 63;
    return at != NULL ? (int)(at - digits) : -1;
}

/* What is left of `size` without padding; -1 when its length can be none's. */
static long digits_of(const uint8_t *data, size_t size)
{
    size_t digits = size;

    while (digits > 0 && size - digits < 2 && data[digits - 1] == '=')
        digits--;
    if ((digits < size && size % 4 != 0) || digits % 4 == 1)
        return -1;
    return (long)digits;
}

/* Bits left over at the end are dropped. */
static bool decode(const uint8_t *data, size_t size, struct buffer *out)
{
    long digits = digits_of(data, size);
    unsigned bits = 0, value = 0;

    for (long i = 0; i < digits; i++) {
        int digit = digit_value(data[i]);
        if (digit < 0)
            return false;
        value = (value << 6 | (unsigned)digit) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buffer_append_char(out, (char)(value >> bits));
        }
    }
    return digits >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer expected = {0}, decoded = {0};
    bool good = decode(data, size, &expected);

    if (base64_decode(&decoded, (const char *)data, size) != good)
        abort();
    if (good && (decoded.length != expected.length ||
                 (decoded.length > 0 &&
                  memcmp(buffer_data(&decoded), buffer_data(&expected), decoded.length) != 0)))
        abort();
    if (!good && decoded.length > 0)
        abort();
    buffer_free(&expected);
    buffer_free(&decoded);
    return 0;
}
