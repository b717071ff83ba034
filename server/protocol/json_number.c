/* Numbers of JSON. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/protocol/json_internal.h"

#define MAX_DIGITS 400 /* of an exponent's worth of zeros; more cannot fit 64 bits */

/* JSON's grammar, so that what strtod() takes beside it ("0x1", " 1", "inf") is refused. */
static bool is_number(const char *text)
{
    text += *text == '-';
    if (*text == '0')
        text++;
    else if (*text >= '1' && *text <= '9')
        text += strspn(text, "0123456789");
    else
        return false;
    if (*text == '.') {
        size_t digits = strspn(text + 1, "0123456789");
        if (digits == 0)
            return false;
        text += 1 + digits;
    }
    if (*text == 'e' || *text == 'E') {
        size_t digits;
        text++;
        text += *text == '-' || *text == '+';
        digits = strspn(text, "0123456789");
        if (digits == 0)
            return false;
        text += digits;
    }
    return *text == '\0';
}

/* Takes "-12.50e1" apart into sign and whole digits; false if it is no whole number. */
static bool whole_digits(const char *text, bool *ret_negative, char digits[MAX_DIGITS + 1])
{
    size_t count = 0, fraction = 0;
    long exponent = 0;
    bool after_point = false;

    if (!is_number(text))
        return false;
    *ret_negative = *text == '-';
    for (text += *ret_negative; *text != '\0' && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            after_point = true;
            continue;
        }
        if (count == MAX_DIGITS)
            return false;
        digits[count++] = *text;
        fraction += after_point;
    }
    if (*text != '\0')
        exponent = strtol(text + 1, NULL, 10);
    if (exponent > MAX_DIGITS || exponent < -MAX_DIGITS)
        exponent = exponent > 0 ? MAX_DIGITS : -MAX_DIGITS;
    for (exponent -= (long)fraction; exponent < 0 && count > 0; exponent++)
        if (digits[--count] != '0')
            return false;
    for (; exponent > 0 && count < MAX_DIGITS; exponent--)
        digits[count++] = '0';
    digits[count] = '\0';
    return true;
}

static bool parse_digits(const char *digits, uint64_t *ret)
{
    uint64_t value = 0;

    for (; *digits != '\0'; digits++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*digits - '0'), &value))
            return false;
    *ret = value;
    return true;
}

bool json_parse_signed(const char *text, int64_t low, int64_t high, int64_t *ret)
{
    char digits[MAX_DIGITS + 1];
    uint64_t magnitude;
    bool negative;

    if (!whole_digits(text, &negative, digits) || !parse_digits(digits, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return *ret >= low && *ret <= high;
}

bool json_parse_unsigned(const char *text, uint64_t high, uint64_t *ret)
{
    char digits[MAX_DIGITS + 1];
    bool negative;

    return whole_digits(text, &negative, digits) && parse_digits(digits, ret) &&
           (!negative || *ret == 0) && *ret <= high;
}

bool json_parse_double(const char *text, double *ret)
{
    if (strcmp(text, "NaN") == 0)
        *ret = NAN;
    else if (strcmp(text, "Infinity") == 0)
        *ret = INFINITY;
    else if (strcmp(text, "-Infinity") == 0)
        *ret = -INFINITY;
    else if (is_number(text))
        *ret = strtod(text, NULL);
    else
        return false;
    return !isinf(*ret) || text[0] == 'I' || text[1] == 'I';
}

static bool write_special(struct buffer *out, double value)
{
    if (isfinite(value))
        return false;
    buffer_append_string(out, isnan(value) ? "\"NaN\""
                              : value > 0  ? "\"Infinity\""
                                           : "\"-Infinity\"");
    return true;
}

void json_write_double(struct buffer *out, double value)
{
    char text[32];
    int digits = fpclassify(value) == FP_SUBNORMAL ? 1 : 15; /* 15 are never too many else */

    if (write_special(out, value))
        return;
    do {
        snprintf(text, sizeof(text), "%.*g", digits++, value);
    } while (digits <= 17 && strtod(text, NULL) != value);
    buffer_append_string(out, text);
}

void json_write_float(struct buffer *out, float value)
{
    char text[32];
    int digits = fpclassify(value) == FP_SUBNORMAL ? 1 : 6;

    if (write_special(out, (double)value))
        return;
    do {
        snprintf(text, sizeof(text), "%.*g", digits++, (double)value);
    } while (digits <= 9 && strtof(text, NULL) != value);
    buffer_append_string(out, text);
}
