#include "gen/output.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LINE_COLUMNS 100

void emit(struct output *out, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = arena_vprintf(out->arena, format, arguments);
    va_end(arguments);
    buffer_append_string(&out->text, text);
}

/* A line of a comment, in which nothing ends or opens one. */
static void emit_comment_line(struct output *out, const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool ends = i > 0 && line[i] == '/' && line[i - 1] == '*';
        bool opens = i > 0 && line[i] == '*' && line[i - 1] == '/';
        if (ends || opens)
            buffer_append_char(&out->text, ' ');
        buffer_append_char(&out->text, line[i]);
    }
}

void emit_comment(struct output *out, int indent, const char *text)
{
    const char *end;

    if (text == NULL)
        return;
    emit(out, "%*s/*", indent, "");
    for (; *text != '\0'; text = *end == '\n' ? end + 1 : end) {
        end = strchrnul(text, '\n');
        if (end > text) {
            emit(out, " ");
            emit_comment_line(out, text, (size_t)(end - text));
        }
        if (*end == '\n')
            emit(out, "\n%*s *", indent, "");
    }
    emit(out, " */\n");
}

/* Columns already in the last line. */
static size_t column(const struct output *out)
{
    size_t columns = 0;

    while (columns < out->text.length &&
           buffer_data(&out->text)[out->text.length - 1 - columns] != '\n')
        columns++;
    return columns;
}

void emit_call(struct output *out, const char *head, const char *const *arguments, size_t count,
               const char *tail)
{
    size_t indent;

    emit(out, "%s", head);
    indent = column(out);
    for (size_t i = 0; i < count; i++) {
        size_t needed = strlen(arguments[i]) + (i + 1 < count ? 1 : strcspn(tail, "\n"));
        if (i > 0 && column(out) + 1 + needed > LINE_COLUMNS)
            emit(out, "\n%*s", (int)indent, "");
        else if (i > 0)
            emit(out, " ");
        emit(out, "%s%s", arguments[i], i + 1 < count ? "," : "");
    }
    emit(out, "%s", tail);
}

static void append_escaped(struct buffer *out, uint8_t byte)
{
    if (byte == '"' || byte == '\\')
        buffer_printf(out, "\\%c", byte);
    else if (byte == '?') /* no trigraphs */
        buffer_append_string(out, "\\?");
    else if (byte == '\n')
        buffer_append_string(out, "\\n");
    else if (isprint(byte) && byte < 0x80)
        buffer_append_char(out, (char)byte);
    else
        buffer_printf(out, "\\%03o", byte);
}

const char *c_string(struct arena *arena, const void *text, size_t length)
{
    struct buffer out = {0};
    const uint8_t *bytes = text;
    const char *literal;

    buffer_append_char(&out, '"');
    for (size_t i = 0; i < length; i++)
        append_escaped(&out, bytes[i]);
    buffer_append_char(&out, '"');
    literal = arena_strndup(arena, (const char *)buffer_data(&out), out.length);
    buffer_free(&out);
    return literal;
}
