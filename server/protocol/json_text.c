#include "server/protocol/json_text.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "server/protocol/codec.h"

#define BYTES(value) (UINT64_C(0x0101010101010101) * (value))

void json_text_open(struct json_text *text, struct arena *arena, const char *data, size_t length,
                    unsigned max_depth)
{
    *text = (struct json_text){
        .at = data, .end = data + length, .start = data, .arena = arena, .max_depth = max_depth};
}

static bool fail(struct json_text *text, const char *sentence)
{
    if (text->error == NULL)
        text->error = sentence;
    text->at = text->end;
    return false;
}

/* Something that JSON does not allow where the text stands. */
static bool fail_here(struct json_text *text, const char *what)
{
    size_t offset = (size_t)(text->at - text->start);

    if (text->at == text->end)
        return fail(text, "malformed JSON: the text is cut off");
    return fail(text, arena_printf(text->arena, "malformed JSON at byte %zu: %s", offset, what));
}

static inline void skip_space(struct json_text *text)
{
    while (text->at < text->end &&
           (*text->at == ' ' || *text->at == '\n' || *text->at == '\r' || *text->at == '\t'))
        text->at++;
}

static bool count_value(struct json_text *text)
{
    return ++text->values <= LIMIT_JSON_VALUES || fail(text, "the JSON has too many values");
}

enum json_kind json_text_kind(struct json_text *text)
{
    skip_space(text);
    switch (text->at < text->end ? *text->at : '\0') {
    case 'n':
        return JSON_NULL;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return JSON_NUMBER;
    default:
        (void)fail_here(text, "expected a value");
        return JSON_NOTHING;
    }
}

/* --- strings --- */

/* Whether none of eight bytes ends a run of a string: no quote, backslash or control. */
static inline bool is_run(uint64_t word)
{
    uint64_t quote = word ^ BYTES('"');
    uint64_t backslash = word ^ BYTES('\\');

    return ((((word - BYTES(0x20)) & ~word) | ((quote - BYTES(1)) & ~quote) |
             ((backslash - BYTES(1)) & ~backslash)) &
            BYTES(0x80)) == 0;
}

/* Behind the characters that stand for themselves. */
static const char *run_end(const char *at, const char *end)
{
    uint64_t word;

    while (end - at >= 8 && (memcpy(&word, at, 8), is_run(word)))
        at += 8;
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    return at;
}

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

/* The code unit of "uXXXX"; -1 if there is none. */
static int code_unit(const char *at, const char *end)
{
    int value = 0;

    if (end - at < 5 || *at != 'u')
        return -1;
    for (int i = 1; i <= 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *out, uint32_t character)
{
    if (character < 0x80) {
        *out++ = (char)character;
        return out;
    }
    if (character < 0x800) {
        *out++ = (char)(0xc0 | character >> 6);
    } else {
        if (character < 0x10000) {
            *out++ = (char)(0xe0 | character >> 12);
        } else {
            *out++ = (char)(0xf0 | character >> 18);
            *out++ = (char)(0x80 | (character >> 12 & 63));
        }
        *out++ = (char)(0x80 | (character >> 6 & 63));
    }
    *out++ = (char)(0x80 | (character & 63));
    return out;
}

/* Takes "uXXXX", or the two of a surrogate pair, from behind a backslash. */
static bool unescape_unicode(struct json_text *text, const char **at, const char *end, char **out)
{
    int unit = code_unit(*at, end);
    int low = -1;
    uint32_t character;

    if (unit < 0)
        return fail(text, "malformed JSON: \\u needs four hexadecimal digits");
    *at += 5;
    character = (uint32_t)unit;
    if (unit >= 0xd800 && unit <= 0xdfff) {
        if (unit <= 0xdbff && end - *at >= 6 && **at == '\\')
            low = code_unit(*at + 1, end);
        if (low < 0xdc00 || low > 0xdfff)
            return fail(text, "a string holds half of a surrogate pair");
        *at += 6;
        character = 0x10000 + ((character & 0x3ff) << 10 | ((uint32_t)low & 0x3ff));
    }
    if (character != 0)
        *out = put_utf8(*out, character);
    else if (text->keep_nul)
        *out = mempcpy(*out, KEPT_NUL, KEPT_NUL_BYTES);
    else
        return fail(text, "a string holds the character U+0000, which is not allowed");
    return true;
}

static bool unescape(struct json_text *text, const char **at, const char *end, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known;

    if (**at == 'u')
        return unescape_unicode(text, at, end, out);
    known = memchr(from, **at, sizeof(from) - 1);
    if (known == NULL)
        return fail(text, "malformed JSON: an unknown escape in a string");
    *(*out)++ = to[known - from];
    ++*at;
    return true;
}

/* A string with escapes never becomes longer by unescaping. */
static bool unescape_all(struct json_text *text, struct json_slice raw, struct json_slice *ret)
{
    const char *at = raw.data, *end = raw.data + raw.length;
    char *copy = arena_alloc_uninitialised(text->arena, raw.length);
    char *out = copy;

    while (at < end) {
        const char *run = run_end(at, end);
        out = mempcpy(out, at, (size_t)(run - at));
        at = run;
        if (at < end && (at++, !unescape(text, &at, end, &out)))
            return false;
    }
    *ret = (struct json_slice){copy, (size_t)(out - copy)};
    return true;
}

static bool check_escapes(struct json_text *text, struct json_slice raw)
{
    const char *end = raw.data + raw.length;

    for (const char *at = raw.data; (at = run_end(at, end)) < end;) {
        char character[4], *out = character;
        at++;
        if (!unescape(text, &at, end, &out))
            return false;
    }
    return true;
}

/* The string whose opening quote is next. */
static bool take_string(struct json_text *text, struct json_slice *ret)
{
    const char *at = text->at + 1;
    bool has_escapes = false;
    struct json_slice raw;

    for (;;) {
        at = run_end(at, text->end);
        if (at == text->end || (*at == '\\' && at + 1 == text->end))
            return fail(text, "malformed JSON: the text is cut off");
        if (*at == '"')
            break;
        if (*at != '\\') {
            text->at = at;
            return fail_here(text, "a control character in a string");
        }
        has_escapes = true;
        at += 2;
    }
    raw = (struct json_slice){text->at + 1, (size_t)(at - text->at - 1)};
    text->at = at + 1;
    if (has_escapes)
        return ret != NULL ? unescape_all(text, raw, ret) : check_escapes(text, raw);
    if (ret != NULL)
        *ret = raw;
    return true;
}

bool json_text_string(struct json_text *text, struct json_slice *ret)
{
    return count_value(text) && take_string(text, ret);
}

/* --- numbers and literals --- */

static const char *digits_end(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

const char *json_number_end(const char *at, const char *end)
{
    const char *digits;

    if (at < end && *at == '-')
        at++;
    digits = at;
    at = digits_end(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return NULL;
    if (at < end && *at == '.') {
        digits = ++at;
        at = digits_end(at, end);
        if (at == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        digits = at;
        at = digits_end(at, end);
        if (at == digits)
            return NULL;
    }
    return at;
}

bool json_text_number(struct json_text *text, struct json_slice *ret)
{
    const char *end = json_number_end(text->at, text->end);

    if (end == NULL)
        return fail_here(text, "this is no number");
    if (ret != NULL)
        *ret = (struct json_slice){text->at, (size_t)(end - text->at)};
    text->at = end;
    return count_value(text);
}

bool json_text_literal(struct json_text *text)
{
    const char *word = *text->at == 'n' ? "null" : *text->at == 't' ? "true" : "false";
    size_t length = strlen(word);

    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return fail_here(text, "expected a value");
    text->at += length;
    return count_value(text);
}

/* --- arrays and objects --- */

bool json_text_enter(struct json_text *text)
{
    if (++text->depth > text->max_depth)
        return fail(text, "the JSON is nested too deeply");
    text->at++;
    text->is_fresh = true;
    return count_value(text);
}

/* Goes on behind the comma, if one is due; false at the closing bracket, which is taken. */
static bool next_is_there(struct json_text *text, char bracket)
{
    bool is_first = text->is_fresh;

    text->is_fresh = false;
    skip_space(text);
    if (text->at < text->end && *text->at == bracket) {
        text->at++;
        text->depth--;
        return false;
    }
    if (is_first)
        return text->at < text->end || fail_here(text, "");
    if (text->at == text->end || *text->at != ',')
        return fail_here(text, bracket == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
    text->at++;
    skip_space(text);
    return text->at < text->end || fail_here(text, "");
}

bool json_text_item(struct json_text *text)
{
    return next_is_there(text, ']');
}

bool json_text_member(struct json_text *text, struct json_slice *ret_name)
{
    if (!next_is_there(text, '}'))
        return false;
    if (*text->at != '"')
        return fail_here(text, "expected a name in quotes");
    if (!take_string(text, ret_name))
        return false;
    skip_space(text);
    if (text->at == text->end || *text->at != ':')
        return fail_here(text, "expected ':'");
    text->at++;
    return true;
}

/* As deep as `max_depth` lets arrays and objects nest. */
bool json_text_skip(struct json_text *text)
{
    switch (json_text_kind(text)) {
    case JSON_NOTHING:
        return false;
    case JSON_NUMBER:
        return json_text_number(text, NULL);
    case JSON_STRING:
        return json_text_string(text, NULL);
    case JSON_ARRAY:
        if (!json_text_enter(text))
            return false;
        while (json_text_item(text))
            if (!json_text_skip(text))
                return false;
        return text->error == NULL;
    case JSON_OBJECT:
        if (!json_text_enter(text))
            return false;
        while (json_text_member(text, NULL))
            if (!json_text_skip(text))
                return false;
        return text->error == NULL;
    default:
        return json_text_literal(text);
    }
}

bool json_text_close(struct json_text *text)
{
    skip_space(text);
    if (text->error == NULL && text->at < text->end)
        (void)fail_here(text, "something stands behind the value");
    return text->error == NULL;
}
