#include "server/protocol/json_scan.h"

#include <stdbool.h>

#include "base/limits.h"

/* A message is an object, and may stand in an array: two levels each. */
#define MAX_NESTING (2 * LIMIT_MESSAGE_DEPTH)

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

/* The code unit of "uXXXX" at `at`; -1 if there is none. */
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

/* Looks at an escape, behind its backslash; returns how many characters to go on by. */
static size_t scan_escape(const char *at, const char *end, const char **reterr)
{
    int unit = code_unit(at, end);

    if (unit < 0)
        return 1;
    if (unit == 0)
        *reterr = "a string holds the character U+0000, which is not allowed";
    if (unit < 0xd800 || unit > 0xdfff)
        return 5;
    if (unit <= 0xdbff && end - at >= 11 && at[5] == '\\') {
        int low = code_unit(at + 6, end);
        if (low >= 0xdc00 && low <= 0xdfff)
            return 11;
    }
    *reterr = "a string holds half of a surrogate pair";
    return 5;
}

/* Behind the closing quote, or the end. */
static const char *scan_string(const char *at, const char *end, const char **reterr)
{
    while (at < end && *at != '"') {
        if (*at++ == '\\' && at < end)
            at += scan_escape(at, end, reterr);
    }
    return at < end ? at + 1 : end;
}

const char *json_scan(const char *text, size_t length)
{
    const char *at = text;
    const char *end = text + length;
    const char *error = NULL;
    size_t values = 0;
    int depth = 0;

    while (at < end && error == NULL) {
        char character = *at++;
        if (character == '"')
            at = scan_string(at, end, &error);
        else if ((character == '{' || character == '[') && ++depth > MAX_NESTING)
            error = "the JSON is nested too deeply";
        else if (character == '}' || character == ']')
            depth--;
        else if (character == ',' || character == '{' || character == '[')
            error = ++values > LIMIT_JSON_VALUES ? "the JSON has too many values" : NULL;
        else if (character == '/')
            error = "JSON has no comments";
        else if (character == '\v' || character == '\f')
            error = "malformed JSON: a control character between values";
        else if (character == '\0')
            error = "the JSON holds a NUL byte";
    }
    return error;
}
