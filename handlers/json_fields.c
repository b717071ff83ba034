#include "handlers/json_fields.h"

#include <stdlib.h>
#include <string.h>

#include "server/protocol/utf8.h"

#define DEPTH_MAX 16
#define NUMBER_MAX 32 /* characters */
#define SECONDS_MAX 9e15

bool json_name_is(struct json_slice slice, const char *text)
{
    return slice.length == strlen(text) && memcmp(slice.data, text, slice.length) == 0;
}

static bool take_text(struct json_text *text, const char **ret)
{
    struct json_slice slice;

    if (json_text_kind(text) != JSON_STRING || !json_text_string(text, &slice))
        return false;
    *ret = arena_strndup(text->arena, slice.data, slice.length);
    return true;
}

static bool take_texts(struct json_text *text, struct json_texts *ret)
{
    const char *item;

    ret->count = 0;
    if (json_text_kind(text) == JSON_STRING)
        return take_text(text, &ret->items[ret->count++]);
    if (json_text_kind(text) != JSON_ARRAY || !json_text_enter(text))
        return false;
    while (json_text_item(text)) {
        if (!take_text(text, &item))
            return false;
        if (ret->count < JSON_TEXTS_MAX)
            ret->items[ret->count++] = item;
    }
    return text->error == NULL;
}

static bool take_seconds(struct json_text *text, int64_t *ret)
{
    char digits[NUMBER_MAX + 1];
    struct json_slice slice;
    double number;

    if (json_text_kind(text) != JSON_NUMBER || !json_text_number(text, &slice) ||
        slice.length > NUMBER_MAX)
        return false;
    memcpy(digits, slice.data, slice.length);
    digits[slice.length] = '\0';
    number = strtod(digits, NULL);
    if (!(number >= 0 && number <= SECONDS_MAX))
        return false;
    *ret = (int64_t)number;
    return true;
}

static bool take_flag(struct json_text *text, bool *ret)
{
    enum json_kind kind = json_text_kind(text);
    struct json_slice slice;

    if (kind == JSON_STRING) {
        if (!json_text_string(text, &slice))
            return false;
        *ret = json_name_is(slice, "true");
        return *ret || json_name_is(slice, "false");
    }
    *ret = kind == JSON_TRUE;
    return (kind == JSON_TRUE || kind == JSON_FALSE) && json_text_literal(text);
}

static bool take_value(struct json_text *text, const struct json_field *field)
{
    if (json_text_kind(text) == JSON_NULL)
        return json_text_literal(text);
    switch (field->kind) {
    case JSON_FIELD_TEXT:
        return take_text(text, field->target);
    case JSON_FIELD_TEXTS:
        return take_texts(text, field->target);
    case JSON_FIELD_SECONDS:
        return take_seconds(text, field->target);
    case JSON_FIELD_FLAG:
        return take_flag(text, field->target);
    case JSON_FIELD_ANY:
        *(bool *)field->target = true;
        return json_text_skip(text);
    }
    return false;
}

static const struct json_field *find(const struct json_field *fields, size_t count,
                                     struct json_slice name)
{
    for (size_t i = 0; i < count; i++)
        if (json_name_is(name, fields[i].name))
            return &fields[i];
    return NULL;
}

bool json_fields_open(struct json_text *text, struct arena *arena, struct bytes json)
{
    json_text_open(text, arena, (const char *)json.data, json.length, DEPTH_MAX);
    return utf8_valid(json.data, json.length);
}

bool json_fields_take(struct json_text *text, const struct json_field *fields, size_t count,
                      const char **ret_unknown)
{
    struct json_slice name;

    if (ret_unknown != NULL)
        *ret_unknown = NULL;
    if (json_text_kind(text) != JSON_OBJECT || !json_text_enter(text))
        return false;
    while (json_text_member(text, &name)) {
        const struct json_field *field = find(fields, count, name);
        if (field == NULL && ret_unknown != NULL && *ret_unknown == NULL)
            *ret_unknown = arena_strndup(text->arena, name.data, name.length);
        if (!(field != NULL ? take_value(text, field) : json_text_skip(text)))
            return false;
    }
    return text->error == NULL;
}

bool json_fields_read(struct arena *arena, struct bytes json, const struct json_field *fields,
                      size_t count)
{
    struct json_text text;

    return json_fields_open(&text, arena, json) && json_fields_take(&text, fields, count, NULL) &&
           json_text_close(&text);
}
