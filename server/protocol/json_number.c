/* Numbers of JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/protocol/json_internal.h"

#define MAX_DIGITS 400 /* of an exponent's worth of zeros; more cannot fit 64 bits */
#define SURE_DIGITS 18 /* any number of so many fits 64 bits */

/* Those that a double has exactly. */
static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                       1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* --- reading whole numbers --- */

/* The usual form: a sign and a few digits. */
static bool parse_short(struct json_slice text, bool *ret_negative, uint64_t *ret)
{
    const char *at = text.data, *end = text.data + text.length;
    uint64_t value = 0;

    *ret_negative = at < end && *at == '-';
    at += *ret_negative;
    if (at == end || end - at > SURE_DIGITS || (*at == '0' && end - at > 1))
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *ret = value;
    return true;
}

/* What is behind 'e', up to the bound where its size makes no difference any more. */
static long exponent_of(const char *at, const char *end)
{
    bool negative = at < end && *at == '-';
    long value = 0;

    at += at < end && (*at == '-' || *at == '+');
    for (; at < end && value <= MAX_DIGITS; at++)
        value = value * 10 + (*at - '0');
    if (value > MAX_DIGITS)
        value = MAX_DIGITS;
    return negative ? -value : value;
}

/* Takes "-12.50e1" apart into sign and whole digits; false if it is no whole number. */
static bool whole_digits(struct json_slice text, bool *ret_negative, char digits[MAX_DIGITS + 1])
{
    const char *at = text.data, *end = text.data + text.length;
    size_t count = 0, fraction = 0;
    bool after_point = false;
    long exponent;

    if (json_number_end(at, end) != end)
        return false;
    *ret_negative = *at == '-';
    for (at += *ret_negative; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            after_point = true;
            continue;
        }
        if (count == MAX_DIGITS)
            return false;
        digits[count++] = *at;
        fraction += after_point;
    }
    exponent = at < end ? exponent_of(at + 1, end) : 0;
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

static bool parse_whole(struct json_slice text, bool *ret_negative, uint64_t *ret)
{
    char digits[MAX_DIGITS + 1];

    return parse_short(text, ret_negative, ret) ||
           (whole_digits(text, ret_negative, digits) && parse_digits(digits, ret));
}

bool json_parse_signed(struct json_slice text, int64_t low, int64_t high, int64_t *ret)
{
    uint64_t magnitude;
    bool negative;

    if (!parse_whole(text, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return *ret >= low && *ret <= high;
}

bool json_parse_unsigned(struct json_slice text, uint64_t high, uint64_t *ret)
{
    bool negative;

    return parse_whole(text, &negative, ret) && (!negative || *ret == 0) && *ret <= high;
}

/* --- reading reals --- */

/* Up to 15 digits and a small power of ten: both are exact, so that one operation on them rounds
 * as the number itself would. False for other numbers. */
static bool parse_exact(struct json_slice text, double *ret)
{
    const long power_max = sizeof(powers_of_ten) / sizeof(*powers_of_ten) - 1;
    const char *at = text.data, *end = text.data + text.length;
    bool negative = at < end && *at == '-', after_point = false;
    long exponent = 0;
    int64_t digits = 0;
    int count = 0;
    double value;

    for (at += negative; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            after_point = true;
            continue;
        }
        if (++count > 15)
            return false;
        digits = digits * 10 + (*at - '0');
        exponent -= after_point;
    }
    exponent += at < end ? exponent_of(at + 1, end) : 0;
    if (exponent > power_max || exponent < -power_max)
        return false;
    value = exponent >= 0 ? (double)digits * powers_of_ten[exponent]
                          : (double)digits / powers_of_ten[-exponent];
    *ret = negative ? -value : value;
    return true;
}

static double parse_any(struct arena *arena, struct json_slice text)
{
    char shorter[64];
    char *copy = shorter;

    if (text.length >= sizeof(shorter))
        copy = arena_alloc_uninitialised(arena, text.length + 1);
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return strtod(copy, NULL);
}

bool json_parse_double(struct arena *arena, struct json_slice text, double *ret)
{
    if (json_number_end(text.data, text.data + text.length) == text.data + text.length) {
        if (!parse_exact(text, ret))
            *ret = parse_any(arena, text);
        return isfinite(*ret);
    }
    if (json_slice_is(text, "NaN"))
        *ret = NAN;
    else if (json_slice_is(text, "Infinity"))
        *ret = INFINITY;
    else if (json_slice_is(text, "-Infinity"))
        *ret = -INFINITY;
    else
        return false;
    return true;
}

/* --- writing --- */

/* Fills the places from the end, two at a time. */
static void put_digits(char *end, uint64_t value, int digits)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";

    for (; digits >= 2; digits -= 2, value /= 100)
        end = memcpy(end - 2, pairs + value % 100 * 2, 2);
    if (digits > 0)
        end[-1] = (char)('0' + value % 10);
}

char *json_format_padded(char *out, uint64_t value, int digits)
{
    put_digits(out + digits, value, digits);
    return out + digits;
}

char *json_format_unsigned(char *out, uint64_t value)
{
    int digits = 1;

    for (uint64_t rest = value; rest >= 10; rest /= 10)
        digits++;
    return json_format_padded(out, value, digits);
}

char *json_format_signed(char *out, int64_t value)
{
    if (value < 0)
        *out++ = '-';
    return json_format_unsigned(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static char *format_name(char *out, double value)
{
    return stpcpy(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/* The number with as few decimals as bring it back, if it then has at most as many digits as
 * `limit` has zeros: so few are always the shortest. NULL if it has more, or would be written
 * with an exponent. */
static char *format_short(char *out, double value, double limit, bool is_single)
{
    const double magnitude = fabs(value);

    if (!(magnitude < limit) || (magnitude < 1e-4 && magnitude != 0))
        return NULL;
    for (int decimals = 0; magnitude * powers_of_ten[decimals] < limit; decimals++) {
        uint64_t scaled = (uint64_t)(magnitude * powers_of_ten[decimals] + 0.5);
        double back = (double)scaled / powers_of_ten[decimals];
        uint64_t unit = (uint64_t)powers_of_ten[decimals];
        if (is_single ? (float)back != (float)magnitude : back != magnitude)
            continue;
        if (signbit(value))
            *out++ = '-';
        out = json_format_unsigned(out, scaled / unit);
        if (decimals == 0)
            return out;
        *out++ = '.';
        return json_format_padded(out, scaled % unit, decimals);
    }
    return NULL;
}

char *json_format_double(char *out, double value)
{
    int digits = fpclassify(value) == FP_SUBNORMAL ? 1 : 15; /* 15 are never too many else */
    char *end;
    int length;

    if (!isfinite(value))
        return format_name(out, value);
    end = format_short(out, value, 1e15, false);
    if (end != NULL)
        return end;
    do {
        length = snprintf(out, JSON_REAL_MAX_BYTES, "%.*g", digits++, value);
    } while (digits <= 17 && strtod(out, NULL) != value);
    return out + length;
}

char *json_format_float(char *out, float value)
{
    int digits = fpclassify(value) == FP_SUBNORMAL ? 1 : 6;
    char *end;
    int length;

    if (!isfinite(value))
        return format_name(out, (double)value);
    end = format_short(out, (double)value, 1e6, true);
    if (end != NULL)
        return end;
    do {
        length = snprintf(out, JSON_REAL_MAX_BYTES, "%.*g", digits++, (double)value);
    } while (digits <= 9 && strtof(out, NULL) != value);
    return out + length;
}
