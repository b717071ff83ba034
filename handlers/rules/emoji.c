#include "handlers/rules/emoji.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JOINER 0x200D
#define VARIATION 0xFE0F
#define KEYCAP 0x20E3

/* --- short names --- */

static bool is_short_name(const char *text)
{
    size_t length = strlen(text);

    if (length < 3 || text[0] != ':' || text[length - 1] != ':')
        return false;
    return strspn(text + 1, "abcdefghijklmnopqrstuvwxyz0123456789_-+") == length - 2;
}

/* --- emoji --- */

/* The next code point of valid UTF-8; 0 at the end. */
static uint32_t next_point(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    uint32_t point = at[0];
    int more = point >= 0xF0 ? 3 : point >= 0xE0 ? 2 : point >= 0xC0 ? 1 : 0;

    if (point == 0)
        return 0;
    if (more > 0)
        point &= 0x3Fu >> more;
    for (int i = 1; i <= more; i++)
        point = point << 6 | (at[i] & 0x3F);
    *text += 1 + more;
    return point;
}

static uint32_t peek_point(const char *text)
{
    return next_point(&text);
}

static bool is_regional(uint32_t point)
{
    return point >= 0x1F1E6 && point <= 0x1F1FF;
}

static bool is_keycap_base(uint32_t point)
{
    return (point >= '0' && point <= '9') || point == '#' || point == '*';
}

/* The blocks that hold emoji; they hold other pictures too, which do no harm. */
static bool is_picture(uint32_t point)
{
    static const struct {
        uint32_t from, to;
    } blocks[] = {
        {0xA9, 0xA9},       {0xAE, 0xAE},     {0x203C, 0x203C}, {0x2049, 0x2049},
        {0x2122, 0x2122},   {0x2139, 0x2139}, {0x2194, 0x21AA}, {0x231A, 0x23FF},
        {0x24C2, 0x24C2},   {0x25AA, 0x27BF}, {0x2934, 0x2935}, {0x2B05, 0x2B55},
        {0x3030, 0x3030},   {0x303D, 0x303D}, {0x3297, 0x3299}, {0x1F000, 0x1F1E5},
        {0x1F200, 0x1FAFF},
    };

    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (point >= blocks[i].from && point <= blocks[i].to)
            return true;
    return false;
}

/* What may follow a picture: its colour or text form, a skin tone, tags (flags of regions). */
static bool is_modifier(uint32_t point)
{
    return point == VARIATION || (point >= 0x1F3FB && point <= 0x1F3FF) ||
           (point >= 0xE0020 && point <= 0xE007F);
}

static bool take_picture(const char **text)
{
    if (!is_picture(next_point(text)))
        return false;
    while (is_modifier(peek_point(*text)))
        next_point(text);
    return true;
}

static bool take_joined_pictures(const char **text)
{
    while (take_picture(text)) {
        if (peek_point(*text) != JOINER)
            return true;
        next_point(text);
    }
    return false;
}

static bool is_flag(const char *text)
{
    uint32_t first = next_point(&text), second = next_point(&text);

    return is_regional(first) && is_regional(second) && *text == '\0';
}

static bool is_keycap(const char *text)
{
    if (!is_keycap_base(next_point(&text)))
        return false;
    if (peek_point(text) == VARIATION)
        next_point(&text);
    return next_point(&text) == KEYCAP && *text == '\0';
}

bool emoji_is_reaction(const char *text)
{
    const char *rest = text;

    if (is_short_name(text) || is_flag(text) || is_keycap(text))
        return true;
    return take_joined_pictures(&rest) && *rest == '\0';
}
