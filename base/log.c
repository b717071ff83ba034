#include "base/log.h"

#include "base/clock.h"
#include "base/limits.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int least_level = LOG_LEVEL_INFO;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&least_level, level, memory_order_relaxed);
}

bool log_is_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

/* A line being built; what does not fit is left out whole. */
struct line {
    char text[LIMIT_LOG_LINE_BYTES];
    size_t length;
    bool full;
};

#define END_BYTES 2 /* "}\n" always fits */

static void put(struct line *line, const char *text, size_t length)
{
    if (line->length + length > sizeof(line->text) - END_BYTES) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void put_string(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Bytes of the UTF-8 sequence at `text`, or 0 if there is none. */
static size_t utf8_length(const unsigned char *text)
{
    unsigned char lead = text[0];
    size_t length = lead < 0x80   ? 1
                    : lead < 0xc2 ? 0
                    : lead < 0xe0 ? 2
                    : lead < 0xf0 ? 3
                    : lead < 0xf5 ? 4
                                  : 0;

    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
        (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

static void put_escaped_byte(struct line *line, unsigned char byte)
{
    char escape[8];

    if (byte == '"' || byte == '\\')
        snprintf(escape, sizeof(escape), "\\%c", byte);
    else if (byte == '\n')
        snprintf(escape, sizeof(escape), "\\n");
    else
        snprintf(escape, sizeof(escape), "\\u%04x", byte);
    put_string(line, escape);
}

static void put_json(struct line *line, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    put(line, "\"", 1);
    while (*at != '\0' && !line->full) {
        size_t length = utf8_length(at);
        if (length == 0) {
            put_string(line, "\xef\xbf\xbd");
            at++;
        } else if (length == 1 && (*at < 0x20 || *at == '"' || *at == '\\' || *at == 0x7f)) {
            put_escaped_byte(line, *at++);
        } else {
            put(line, (const char *)at, length);
            at += length;
        }
    }
    put(line, "\"", 1);
}

static void put_value(struct line *line, const struct log_field *field)
{
    char number[40];

    switch (field->type) {
    case LOG_FIELD_STRING:
        if (field->value.string == NULL)
            put_string(line, "null");
        else
            put_json(line, field->value.string);
        return;
    case LOG_FIELD_INT:
        snprintf(number, sizeof(number), "%lld", (long long)field->value.integer);
        break;
    case LOG_FIELD_DOUBLE:
        /* JSON has no infinities and no NaN. */
        if (isfinite(field->value.number))
            snprintf(number, sizeof(number), "%.17g", field->value.number);
        else
            snprintf(number, sizeof(number), "null");
        break;
    case LOG_FIELD_BOOL:
        snprintf(number, sizeof(number), "%s", field->value.boolean ? "true" : "false");
        break;
    }
    put_string(line, number);
}

/* Whole or not at all. */
static void put_field(struct line *line, const struct log_field *field)
{
    size_t before = line->length;

    put(line, ",", 1);
    put_json(line, field->key);
    put(line, ":", 1);
    put_value(line, field);
    if (line->full)
        line->length = before;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count)
{
    struct line line = {.length = 0};
    char time[32];

    clock_format_rfc3339(clock_wall_us(), time, sizeof(time));
    put_string(&line, "{\"time\":");
    put_json(&line, time);
    put_field(&line, &LOG_STRING("level", level_names[level]));
    put_field(&line, &LOG_STRING("message", message));
    for (size_t i = 0; i < field_count && !line.full; i++)
        put_field(&line, &fields[i]);
    memcpy(line.text + line.length, "}\n", END_BYTES);
    /* A log that cannot be written has nowhere to say so. */
    (void)!write(STDERR_FILENO, line.text, line.length + END_BYTES);
}
