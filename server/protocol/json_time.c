#include "server/protocol/json_time.h"

#include "server/protocol/json_internal.h"

#define FIRST_SECOND (-62135596800LL) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND 253402300799LL    /* 9999-12-31T23:59:59Z */
#define LONGEST_DURATION_S 315576000000LL
#define SECONDS_PER_DAY 86400

struct date {
    int64_t year;
    int month, day;
};

/* Days since 1970-01-01 of the proleptic Gregorian calendar, counted in years that begin in
 * March, so that the leap day is the last of its year. */
static int64_t days_of(struct date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct date date_of(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month = (int)((5 * day_of_year + 2) / 153);
    struct date date = {.day = (int)(day_of_year - (153 * month + 2) / 5 + 1)};

    date.month = month < 10 ? month + 3 : month - 9;
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

static char *format_fraction(char *out, int32_t nanos)
{
    if (nanos == 0)
        return out;
    *out++ = '.';
    if (nanos % 1000000 == 0)
        return json_format_padded(out, (uint64_t)nanos / 1000000, 3);
    if (nanos % 1000 == 0)
        return json_format_padded(out, (uint64_t)nanos / 1000, 6);
    return json_format_padded(out, (uint64_t)nanos, 9);
}

static char *format_part(char *out, int64_t value, int digits, char behind)
{
    out = json_format_padded(out, (uint64_t)value, digits);
    *out++ = behind;
    return out;
}

char *json_format_timestamp(char *out, int64_t seconds, int32_t nanos)
{
    int64_t days, rest;
    struct date date;

    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos > 999999999)
        return NULL;
    days = seconds / SECONDS_PER_DAY;
    rest = seconds % SECONDS_PER_DAY;
    if (rest < 0) {
        rest += SECONDS_PER_DAY;
        days--;
    }
    date = date_of(days);
    *out++ = '"';
    out = format_part(out, date.year, 4, '-');
    out = format_part(out, date.month, 2, '-');
    out = format_part(out, date.day, 2, 'T');
    out = format_part(out, rest / 3600, 2, ':');
    out = format_part(out, rest / 60 % 60, 2, ':');
    out = format_fraction(json_format_padded(out, (uint64_t)(rest % 60), 2), nanos);
    *out++ = 'Z';
    *out++ = '"';
    return out;
}

char *json_format_duration(char *out, int64_t seconds, int32_t nanos)
{
    bool negative = seconds < 0 || nanos < 0;

    if (seconds < -LONGEST_DURATION_S || seconds > LONGEST_DURATION_S || nanos < -999999999 ||
        nanos > 999999999 || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0))
        return NULL;
    *out++ = '"';
    if (negative)
        *out++ = '-';
    out = json_format_unsigned(out, (uint64_t)(negative ? -seconds : seconds));
    out = format_fraction(out, negative ? -nanos : nanos);
    *out++ = 's';
    *out++ = '"';
    return out;
}

/* --- reading --- */

struct scanner {
    const char *at, *end;
};

static bool take_char(struct scanner *scanner, char expected)
{
    if (scanner->at == scanner->end || *scanner->at != expected)
        return false;
    scanner->at++;
    return true;
}

static bool take_number(struct scanner *scanner, int digits, int low, int high, int *ret)
{
    int value = 0;

    for (int i = 0; i < digits; i++) {
        if (scanner->at == scanner->end || *scanner->at < '0' || *scanner->at > '9')
            return false;
        value = value * 10 + (*scanner->at++ - '0');
    }
    *ret = value;
    return value >= low && value <= high;
}

/* Nothing, or "." and one to nine digits. */
static bool take_fraction(struct scanner *scanner, int32_t *ret_nanos)
{
    int32_t nanos = 0;
    int digits = 0;

    *ret_nanos = 0;
    if (!take_char(scanner, '.'))
        return true;
    while (scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9') {
        if (++digits > 9)
            return false;
        nanos = nanos * 10 + (*scanner->at++ - '0');
    }
    for (int i = digits; i < 9; i++)
        nanos *= 10;
    *ret_nanos = nanos;
    return digits > 0;
}

/* "Z" or "+01:00": seconds to take away. */
static bool take_offset(struct scanner *scanner, int64_t *ret_offset_s)
{
    int hours, minutes;
    bool west;

    *ret_offset_s = 0;
    if (take_char(scanner, 'Z'))
        return true;
    west = take_char(scanner, '-');
    if (!west && !take_char(scanner, '+'))
        return false;
    if (!take_number(scanner, 2, 0, 23, &hours) || !take_char(scanner, ':') ||
        !take_number(scanner, 2, 0, 59, &minutes))
        return false;
    *ret_offset_s = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

bool json_read_timestamp(const char *text, size_t length, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct scanner scanner = {text, text + length};
    int year, month, day, hour, minute, second;
    int64_t offset_s;

    if (!take_number(&scanner, 4, 1, 9999, &year) || !take_char(&scanner, '-') ||
        !take_number(&scanner, 2, 1, 12, &month) || !take_char(&scanner, '-') ||
        !take_number(&scanner, 2, 1, days_in_month(year, month), &day) ||
        !take_char(&scanner, 'T') || !take_number(&scanner, 2, 0, 23, &hour) ||
        !take_char(&scanner, ':') || !take_number(&scanner, 2, 0, 59, &minute) ||
        !take_char(&scanner, ':') || !take_number(&scanner, 2, 0, 59, &second) ||
        !take_fraction(&scanner, ret_nanos) || !take_offset(&scanner, &offset_s) ||
        scanner.at != scanner.end)
        return false;
    *ret_seconds = days_of((struct date){year, month, day}) * SECONDS_PER_DAY + hour * 3600 +
                   minute * 60 + second - offset_s;
    return *ret_seconds >= FIRST_SECOND && *ret_seconds <= LAST_SECOND;
}

bool json_read_duration(const char *text, size_t length, int64_t *ret_seconds, int32_t *ret_nanos)
{
    struct scanner scanner = {text, text + length};
    bool negative = take_char(&scanner, '-');
    int64_t seconds = 0;
    int digits = 0;

    while (scanner.at < scanner.end && *scanner.at >= '0' && *scanner.at <= '9') {
        if (++digits > 12)
            return false;
        seconds = seconds * 10 + (*scanner.at++ - '0');
    }
    if (digits == 0 || !take_fraction(&scanner, ret_nanos) || !take_char(&scanner, 's') ||
        scanner.at != scanner.end || seconds > LONGEST_DURATION_S)
        return false;
    *ret_seconds = negative ? -seconds : seconds;
    if (negative)
        *ret_nanos = -*ret_nanos;
    return true;
}
