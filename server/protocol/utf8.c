/* Most text is ASCII: that is checked eight bytes at a time, and the rest by the table of
 * well-formed sequences in the Unicode standard (3.9, table 3-7). */
#include "server/protocol/utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

size_t utf8_character_length(const uint8_t *text, size_t length)
{
    if (length == 0)
        return 0;

    uint8_t lead = text[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2)
        return 0; /* a continuation, or an overlong form of ASCII */
    if (lead < 0xe0)
        return length >= 2 && is_continuation(text[1]) ? 2 : 0;
    if (lead < 0xf0) {
        if (length < 3 || !is_continuation(text[1]) || !is_continuation(text[2]))
            return 0;
        if (lead == 0xe0 && text[1] < 0xa0)
            return 0;                                  /* overlong */
        return lead == 0xed && text[1] > 0x9f ? 0 : 3; /* surrogates */
    }
    if (lead > 0xf4 || length < 4 || !is_continuation(text[1]) || !is_continuation(text[2]) ||
        !is_continuation(text[3]))
        return 0;
    if (lead == 0xf0 && text[1] < 0x90)
        return 0;                                  /* overlong */
    return lead == 0xf4 && text[1] > 0x8f ? 0 : 4; /* above U+10FFFF */
}

bool utf8_valid(const void *text, size_t length)
{
    const uint8_t *at = text;
    const uint8_t *end = at + length;

    while (at < end) {
        uint64_t word;
        while (end - at >= 8 && (memcpy(&word, at, 8), (word & HIGH_BITS) == 0))
            at += 8;
        while (at < end && *at < 0x80)
            at++;
        if (at == end)
            break;
        size_t size = utf8_character_length(at, (size_t)(end - at));
        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

size_t utf8_truncate(const char *text, size_t length, size_t max_bytes)
{
    if (length <= max_bytes)
        return length;
    while (max_bytes > 0 && is_continuation((uint8_t)text[max_bytes]))
        max_bytes--;
    return max_bytes;
}

size_t utf8_count(const char *text, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += !is_continuation((uint8_t)text[i]);
    return count;
}
