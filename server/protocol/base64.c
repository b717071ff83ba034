/* Table-driven in both directions; four characters to three bytes at a time. */
#include "server/protocol/base64.h"

#include <stdint.h>

static const char standard_digits[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[64] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a character plus 1, so that 0 (the default) means "not a digit". */
static const uint8_t digit_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['-'] = 63,
    ['/'] = 64, ['_'] = 64,
};

size_t base64_encoded_length(size_t length, bool padded)
{
    size_t rest = length % 3;

    return length / 3 * 4 + (rest == 0 ? 0 : padded ? 4 : rest + 1);
}

void base64_encode_to(char *out, const void *data, size_t length, enum base64_alphabet alphabet,
                      bool padded)
{
    const char *digits = alphabet == BASE64_URL ? url_digits : standard_digits;
    const uint8_t *in = data;

    for (; length >= 3; length -= 3, in += 3) {
        uint32_t bits = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = digits[bits >> 6 & 63];
        *out++ = digits[bits & 63];
    }
    if (length == 0)
        return;

    uint32_t bits = (uint32_t)in[0] << 16 | (length == 2 ? (uint32_t)in[1] << 8 : 0);
    *out++ = digits[bits >> 18];
    *out++ = digits[bits >> 12 & 63];
    if (length == 2)
        *out++ = digits[bits >> 6 & 63];
    for (size_t missing = 3 - length; padded && missing > 0; missing--)
        *out++ = '=';
}

void base64_encode(struct buffer *out, const void *data, size_t length,
                   enum base64_alphabet alphabet, bool padded)
{
    size_t encoded = base64_encoded_length(length, padded);

    if (encoded == 0)
        return;
    base64_encode_to((char *)buffer_reserve(out, encoded), data, length, alphabet, padded);
    buffer_commit(out, encoded);
}

size_t base64_decoded_max(size_t length)
{
    return length / 4 * 3 + 3;
}

/* Length without its padding; false if the padding is wrong. */
static bool strip_padding(const char *text, size_t *length)
{
    size_t padding = 0;

    while (padding < 2 && padding < *length && text[*length - 1 - padding] == '=')
        padding++;
    if (padding > 0 && *length % 4 != 0)
        return false;
    *length -= padding;
    return *length % 4 != 1;
}

bool base64_decode_to(void *out, const char *text, size_t length, size_t *ret_length)
{
    const uint8_t *in = (const uint8_t *)text;
    uint8_t *at = out;

    if (!strip_padding(text, &length))
        return false;
    for (; length >= 4; length -= 4, in += 4) {
        uint8_t a = digit_values[in[0]], b = digit_values[in[1]];
        uint8_t c = digit_values[in[2]], d = digit_values[in[3]];
        if (a == 0 || b == 0 || c == 0 || d == 0)
            return false;
        uint32_t bits = (uint32_t)(a - 1) << 18 | (uint32_t)(b - 1) << 12 | (uint32_t)(c - 1) << 6 |
                        (uint32_t)(d - 1);
        *at++ = (uint8_t)(bits >> 16);
        *at++ = (uint8_t)(bits >> 8);
        *at++ = (uint8_t)bits;
    }
    if (length >= 2) {
        uint8_t a = digit_values[in[0]], b = digit_values[in[1]];
        uint8_t c = length == 3 ? digit_values[in[2]] : 1;
        if (a == 0 || b == 0 || c == 0)
            return false;
        uint32_t bits = (uint32_t)(a - 1) << 18 | (uint32_t)(b - 1) << 12 | (uint32_t)(c - 1) << 6;
        *at++ = (uint8_t)(bits >> 16);
        if (length == 3)
            *at++ = (uint8_t)(bits >> 8);
    }
    *ret_length = (size_t)(at - (uint8_t *)out);
    return true;
}

bool base64_decode(struct buffer *out, const char *text, size_t length)
{
    size_t decoded;

    if (length == 0)
        return true;
    if (!base64_decode_to(buffer_reserve(out, base64_decoded_max(length)), text, length, &decoded))
        return false;
    buffer_commit(out, decoded);
    return true;
}
