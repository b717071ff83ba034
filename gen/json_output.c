#include "gen/json_output.h"

#include <inttypes.h>

static void begin_value(struct json *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    if (json->has_members)
        emit(json->out, ",");
    if (json->depth > 0)
        emit(json->out, "\n%*s", json->depth * 2, "");
    json->has_members = true;
}

void json_open(struct json *json, char bracket)
{
    begin_value(json);
    emit(json->out, "%c", bracket);
    json->depth++;
    json->has_members = false;
}

void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (json->has_members)
        emit(json->out, "\n%*s", json->depth * 2, "");
    emit(json->out, "%c%s", bracket, json->depth == 0 ? "\n" : "");
    json->has_members = true;
}

void json_key(struct json *json, const char *key)
{
    begin_value(json);
    emit(json->out, "%s: ", json_quoted(json->out->arena, key));
    json->after_key = true;
}

void json_string(struct json *json, const char *text)
{
    begin_value(json);
    emit(json->out, "%s", json_quoted(json->out->arena, text));
}

void json_text(struct json *json, const char *text)
{
    begin_value(json);
    emit(json->out, "%s", text);
}

void json_integer(struct json *json, int64_t number)
{
    begin_value(json);
    emit(json->out, "%" PRId64, number);
}

void json_bool(struct json *json, bool value)
{
    json_text(json, value ? "true" : "false");
}

void json_open_member(struct json *json, const char *key, char bracket)
{
    json_key(json, key);
    json_open(json, bracket);
}

void json_string_member(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_string(json, text);
}

void json_raw_member(struct json *json, const char *key, const char *text)
{
    json_key(json, key);
    json_text(json, text);
}

void json_integer_member(struct json *json, const char *key, int64_t number)
{
    json_key(json, key);
    json_integer(json, number);
}

void json_bool_member(struct json *json, const char *key, bool value)
{
    json_key(json, key);
    json_bool(json, value);
}

static void append_character(struct buffer *out, char character)
{
    if (character == '"' || character == '\\')
        buffer_printf(out, "\\%c", character);
    else if (character == '\n')
        buffer_append_string(out, "\\n");
    else if (character == '\t')
        buffer_append_string(out, "\\t");
    else if ((uint8_t)character < 0x20)
        buffer_printf(out, "\\u%04x", (uint8_t)character);
    else
        buffer_append_char(out, character);
}

const char *json_quoted(struct arena *arena, const char *text)
{
    struct buffer out = {0};
    const char *quoted;

    buffer_append_char(&out, '"');
    for (; *text != '\0'; text++)
        append_character(&out, *text);
    buffer_append_char(&out, '"');
    quoted = arena_strndup(arena, (const char *)buffer_data(&out), out.length);
    buffer_free(&out);
    return quoted;
}
