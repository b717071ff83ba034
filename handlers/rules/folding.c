#include "handlers/rules/folding.h"

#include <string.h>
#include <utf8proc.h>

#define FINGERPRINT_LETTERS 8 /* fewer are said often by everybody */
#define MOST_OF_ONE 32        /* U+FDFA unfolds to 18 */

struct look_alike {
    int32_t from, to;
};

/* Letters of other scripts, in small form, that look like a Latin one. Ascending. */
static const struct look_alike letters[] = {
    {0x0131, 'i'}, /* dotless i */
    {0x0142, 'l'}, /* l with stroke */
    {0x0192, 'f'}, /* f with hook */
    {0x0251, 'a'}, /* Latin alpha */
    {0x0261, 'g'}, /* script g */
    {0x03B1, 'a'}, {0x03B2, 'b'}, {0x03B3, 'y'}, {0x03B5, 'e'}, {0x03B7, 'n'},
    {0x03B9, 'i'}, {0x03BA, 'k'}, {0x03BC, 'u'}, {0x03BD, 'v'}, {0x03BF, 'o'},
    {0x03C1, 'p'}, {0x03C3, 'o'}, {0x03C4, 't'}, {0x03C5, 'u'}, {0x03C7, 'x'},
    {0x03C9, 'w'}, /* Greek */
    {0x0430, 'a'}, {0x0432, 'b'}, {0x0433, 'r'}, {0x0435, 'e'}, {0x043A, 'k'},
    {0x043C, 'm'}, {0x043D, 'h'}, {0x043E, 'o'}, {0x043F, 'n'}, {0x0440, 'p'},
    {0x0441, 'c'}, {0x0442, 't'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x0448, 'w'},
    {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'}, {0x0475, 'v'}, {0x04BB, 'h'},
    {0x04CF, 'i'}, {0x0501, 'd'}, {0x051B, 'q'}, {0x051D, 'w'}, /* Cyrillic */
    {0x0578, 'n'}, {0x057D, 'u'}, {0x0585, 'o'},                /* Armenian */
};

static int32_t look_alike_of(int32_t letter)
{
    size_t low = 0, high = sizeof(letters) / sizeof(letters[0]);

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (letters[middle].from == letter)
            return letters[middle].to;
        if (letters[middle].from < letter)
            low = middle + 1;
        else
            high = middle;
    }
    return letter;
}

/* Digits and signs that stand for letters. */
static void stand_in(struct folded_char *folded)
{
    static const char stands_for[128] = {
        ['0'] = 'o', ['1'] = 'i', ['3'] = 'e', ['4'] = 'a', ['5'] = 's', ['7'] = 't',
        ['8'] = 'b', ['9'] = 'g', ['@'] = 'a', ['$'] = 's', ['!'] = 'i', ['|'] = 'i',
    };
    int32_t plain = folded->plain;

    if (plain < 0 || plain > 127 || stands_for[plain] == 0)
        return;
    folded->letter = (unsigned char)stands_for[plain];
    folded->may_separate = !folded->is_digit;
    if (plain == '1' || plain == '|')
        folded->other = 'l';
}

static bool is_word_part(int32_t code_point)
{
    utf8proc_category_t category;

    if (code_point < 128)
        return (code_point >= 'a' && code_point <= 'z') || (code_point >= '0' && code_point <= '9');
    category = utf8proc_category(code_point);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

static struct folded_char fold_one(int32_t code_point, uint32_t start, uint32_t end)
{
    struct folded_char folded = {.plain = code_point, .start = start, .end = end};

    if (is_word_part(code_point))
        folded.letter = code_point < 128 ? code_point : look_alike_of(code_point);
    folded.is_digit = code_point >= '0' && code_point <= '9';
    stand_in(&folded);
    return folded;
}

/* The first character of a text as what it unfolds to; returns of how many bytes it was, 0 for
 * what is no UTF-8. `*ret_count` 0: an accent, or nothing to be seen. */
static size_t unfold(const char *text, size_t length, int32_t parts[MOST_OF_ONE], size_t *ret_count)
{
    const utf8proc_option_t options = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                      UTF8PROC_IGNORE | UTF8PROC_STRIPMARK;
    unsigned char first = (unsigned char)text[0];
    int32_t code_point;
    int boundary = 0;
    ptrdiff_t size, count;

    if (first < 128) { /* most text */
        parts[0] = first >= 'A' && first <= 'Z' ? first + ('a' - 'A') : first;
        *ret_count = 1;
        return 1;
    }
    size = utf8proc_iterate((const uint8_t *)text, (ptrdiff_t)length, &code_point);
    if (size < 1)
        return 0;
    count = utf8proc_decompose_char(code_point, parts, MOST_OF_ONE, options, &boundary);
    *ret_count = count < 0 || count > MOST_OF_ONE ? 0 : (size_t)count;
    return (size_t)size;
}

void fold_text(struct arena *arena, const char *text, struct folded_text *ret)
{
    const size_t length = strlen(text);
    size_t room = length + MOST_OF_ONE;
    struct folded_char *chars = arena_alloc_array(arena, room, sizeof(*chars));
    size_t count = 0, start = 0, size, part_count;
    int32_t parts[MOST_OF_ONE];

    while (start < length &&
           (size = unfold(text + start, length - start, parts, &part_count)) > 0) {
        uint32_t end = (uint32_t)(start + size);
        if (part_count == 0 && count > 0)
            chars[count - 1].end = end; /* an accent belongs to its letter */
        if (count + MOST_OF_ONE > room) {
            struct folded_char *more = arena_alloc_array(arena, room * 2, sizeof(*chars));
            memcpy(more, chars, count * sizeof(*chars));
            chars = more;
            room *= 2;
        }
        for (size_t i = 0; i < part_count; i++)
            chars[count++] = fold_one(parts[i], (uint32_t)start, end);
        start = end;
    }
    *ret = (struct folded_text){chars, count};
}

uint64_t folded_fingerprint(const struct folded_text *text)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */
    size_t count = 0;

    for (size_t i = 0; i < text->count; i++) {
        const struct folded_char *folded = &text->chars[i];
        if (folded->letter == 0 || folded->may_separate)
            continue;
        value = (value ^ (uint64_t)folded->letter) * 1099511628211u;
        count++;
    }
    return count < FINGERPRINT_LETTERS ? 0 : value | 1;
}
