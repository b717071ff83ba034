#include "gen/sample.h"

#include <string.h>

#include "gen/describe.h"
#include "gen/json_output.h"
#include "gen/rules.h"

#define DEPTH_MAX 4

struct sample {
    struct model *model;
    struct arena *arena;
    enum sample_language language;
    int depth;
    bool keyword_arguments; /* of Python: the outermost message */
};

static const char *message_sample(struct sample sample, const struct model_message *message);

/* --- scalars --- */

static bool is_wide(enum field_type type)
{
    return type == FIELD_INT64 || type == FIELD_UINT64 || type == FIELD_SINT64 ||
           type == FIELD_FIXED64 || type == FIELD_SFIXED64;
}

/* The number nearest to 1 that the rules name or allow. */
static const char *number_words(const struct sample *sample, const ProtobufCMessage *rules)
{
    struct rule_value value;

    if (rules == NULL)
        return "1";
    if (rule_value(sample->arena, rules, "example", 0, &value) ||
        rule_value(sample->arena, rules, "const", 0, &value) ||
        rule_value(sample->arena, rules, "in", 0, &value))
        return value.words;
    if (rule_either(sample->arena, rules, "gt", "gte", &value) && value.number >= 1)
        return value.name[2] == 'e'
                   ? value.words
                   : arena_printf(sample->arena, "%lld", (long long)value.number + 1);
    if (rule_either(sample->arena, rules, "lt", "lte", &value) && value.number <= 1)
        return value.name[2] == 'e'
                   ? value.words
                   : arena_printf(sample->arena, "%lld", (long long)value.number - 1);
    return "1";
}

static const char *number_sample(const struct sample *sample, enum field_type type,
                                 const ProtobufCMessage *rules)
{
    const char *words = number_words(sample, rules);

    if (!is_wide(type) || sample->language == SAMPLE_PYTHON)
        return words;
    return arena_printf(sample->arena, sample->language == SAMPLE_JSON ? "\"%s\"" : "%sn", words);
}

static const char *repeated_text(struct arena *arena, const char *text, uint64_t length)
{
    size_t step = strlen(text);
    char *result;

    if (length > 1024)
        length = 1024;
    result = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length; i++)
        result[i] = text[i % step];
    return result;
}

static const char *form_sample(const Buf__Validate__StringRules *rules)
{
    switch (rules->well_known_case) {
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_EMAIL:
        return "name@example.org";
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_HOSTNAME:
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_ADDRESS:
        return "example.org";
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IP:
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IPV4:
        return "192.0.2.1";
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IPV6:
        return "2001:db8::1";
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI:
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI_REF:
        return "https://example.org/";
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_UUID:
        return "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_TUUID:
        return "6ba7b8109dad41d180b400c04fd430c8";
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_ULID:
        return "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    default:
        return NULL;
    }
}

static const char *string_words(const struct sample *sample,
                                const Buf__Validate__StringRules *rules)
{
    uint64_t least;

    if (rules == NULL)
        return "text";
    if (rules->n_example > 0)
        return rules->example[0];
    if (rules->const_ != NULL)
        return rules->const_;
    if (rules->n_in > 0)
        return rules->in[0];
    if (form_sample(rules) != NULL)
        return form_sample(rules);
    if (rules->prefix != NULL || rules->suffix != NULL || rules->contains != NULL)
        return arena_printf(sample->arena, "%s%s%s", rules->prefix ? rules->prefix : "",
                            rules->contains ? rules->contains : "",
                            rules->suffix ? rules->suffix : "");
    least = rules->has_len         ? rules->len
            : rules->has_len_bytes ? rules->len_bytes
            : rules->min_len > 4   ? rules->min_len
            : rules->min_bytes > 4 ? rules->min_bytes
                                   : 4;
    if (rules->has_max_len && rules->max_len < least)
        least = rules->max_len;
    return repeated_text(sample->arena, "text", least);
}

static const char *enum_sample(const struct sample *sample, const struct model_enum *enumeration,
                               const Buf__Validate__EnumRules *rules)
{
    const struct model_value *value =
        enumeration->value_count > 1 ? &enumeration->values[1] : &enumeration->values[0];

    if (rules != NULL && rules->n_example > 0 &&
        enum_value_of(enumeration, rules->example[0]) != NULL)
        value = enum_value_of(enumeration, rules->example[0]);
    else if (rules != NULL && rules->has_const_ &&
             enum_value_of(enumeration, rules->const_) != NULL)
        value = enum_value_of(enumeration, rules->const_);
    else if (rules != NULL && rules->n_in > 0 && enum_value_of(enumeration, rules->in[0]) != NULL)
        value = enum_value_of(enumeration, rules->in[0]);
    return sample->language == SAMPLE_TYPESCRIPT
               ? arena_printf(sample->arena, "%d", value->number)
               : arena_printf(sample->arena, "\"%s\"", value->name);
}

/* Three bytes are four characters of base64: so often "bit" is "Yml0" as often. */
static const char *many_bytes_sample(const struct sample *sample, uint64_t least)
{
    uint64_t threes = (least + 2) / 3;

    if (sample->language == SAMPLE_JSON)
        return json_quoted(sample->arena, repeated_text(sample->arena, "Yml0", threes * 4));
    return arena_printf(sample->arena,
                        sample->language == SAMPLE_PYTHON ? "b\"%s\""
                                                          : "new TextEncoder().encode(\"%s\")",
                        repeated_text(sample->arena, "bit", threes * 3));
}

static const char *bytes_sample(const struct sample *sample, const Buf__Validate__BytesRules *rules)
{
    static const char *const samples[] = {
        [SAMPLE_JSON] = "\"Ynl0ZXM=\"",
        [SAMPLE_PYTHON] = "b\"bytes\"",
        [SAMPLE_TYPESCRIPT] = "new TextEncoder().encode(\"bytes\")",
    };

    if (rules != NULL && rules->min_len > strlen("bytes"))
        return many_bytes_sample(sample, rules->min_len);
    return samples[sample->language];
}

/* --- values --- */

static const char *value_sample(const struct sample *sample, const struct model_field *value,
                                const Buf__Validate__FieldRules *rules)
{
    bool typed = rules != NULL && rules->type_case != BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET;

    switch (value->type) {
    case FIELD_MESSAGE:
        return message_sample(*sample, value->message);
    case FIELD_ENUM:
        return enum_sample(sample, value->enumeration, typed ? rules->enum_ : NULL);
    case FIELD_STRING:
        return json_quoted(sample->arena, string_words(sample, typed ? rules->string : NULL));
    case FIELD_BYTES:
        return bytes_sample(sample, typed ? rules->bytes : NULL);
    case FIELD_BOOL:
        return sample->language == SAMPLE_PYTHON ? "True" : "true";
    default:
        /* Any member of the union is a pointer to a message. */
        return number_sample(sample, value->type,
                             typed ? (const ProtobufCMessage *)rules->int32 : NULL);
    }
}

static const char *list_sample(const struct sample *sample, const struct model_field *field)
{
    bool typed = field->rules != NULL &&
                 field->rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_REPEATED;
    const Buf__Validate__RepeatedRules *rules = typed ? field->rules->repeated : NULL;
    const char *item = value_sample(sample, field, typed ? rules->items : NULL);
    const char *list = item;

    for (uint64_t i = 1; typed && i < rules->min_items && i < 8; i++)
        list = arena_printf(sample->arena, "%s, %s", list, item);
    return arena_printf(sample->arena, "[%s]", list);
}

static const char *map_sample(const struct sample *sample, const struct model_field *field)
{
    const struct model_field *parts = field->message->fields;
    bool typed =
        field->rules != NULL && field->rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_MAP;
    const char *key = value_sample(sample, &parts[0], typed ? field->rules->map->keys : NULL);
    const char *value = value_sample(sample, &parts[1], typed ? field->rules->map->values : NULL);

    if (sample->language == SAMPLE_JSON && *key != '"')
        key = json_quoted(sample->arena, key);
    return arena_printf(sample->arena, "{%s: %s}", key, value);
}

static const char *field_sample(const struct sample *sample, const struct model_field *field)
{
    if (field_is_map(field))
        return map_sample(sample, field);
    return field->repeated ? list_sample(sample, field) : value_sample(sample, field, field->rules);
}

/* --- messages --- */

static const char *member(const struct sample *sample, const char *name, const char *value)
{
    switch (sample->language) {
    case SAMPLE_JSON:
        return arena_printf(sample->arena, "\"%s\":%s", name, value);
    case SAMPLE_PYTHON:
        return arena_printf(sample->arena, sample->keyword_arguments ? "%s=%s" : "\"%s\": %s", name,
                            value);
    default:
        return arena_printf(sample->arena, "%s: %s", name, value);
    }
}

/* Of each choice that is required, the first field is shown. */
static bool is_first_of_choice(const struct model_field *field)
{
    const struct model_message *message = field->parent;

    for (size_t i = 0; field->is_chosen && i < message->choice_count; i++)
        if (message->choices[i].required && message->choices[i].fields[0] == field)
            return true;
    return false;
}

static bool is_shown(const struct sample *sample, const struct model_field *field)
{
    const struct model_oneof *oneof = field->oneof;

    if (field_must_be_set(sample->model, field) || is_first_of_choice(field))
        return true;
    if (oneof == NULL)
        return false;
    for (size_t i = 0; oneof->required && i < field->parent->field_count; i++)
        if (field->parent->fields[i].oneof == oneof)
            return &field->parent->fields[i] == field;
    return false;
}

static const char *shown_member(const struct sample *sample, const struct model_field *field)
{
    struct sample inside = *sample;
    const char *value;

    inside.depth++;
    inside.keyword_arguments = false;
    value = field_sample(&inside, field);
    if (sample->language == SAMPLE_TYPESCRIPT && field->oneof != NULL)
        return arena_printf(sample->arena, "%s: { case: \"%s\", value: %s }", field->oneof->name,
                            field->json_name, value);
    return member(sample, sample->language == SAMPLE_PYTHON ? field->name : field->json_name,
                  value);
}

static const char *wellknown_sample(const struct sample *sample,
                                    const struct model_message *message)
{
    if (sample->language != SAMPLE_JSON)
        return message_is(message, "google.protobuf.Timestamp") ||
                       message_is(message, "google.protobuf.Duration")
                   ? member(sample, "seconds", sample->language == SAMPLE_PYTHON ? "1" : "1n")
                   : "";
    if (message_is(message, "google.protobuf.Timestamp"))
        return "\"2026-01-01T00:00:00Z\"";
    if (message_is(message, "google.protobuf.Duration"))
        return "\"1s\"";
    if (message_is(message, "google.protobuf.FieldMask"))
        return "\"\"";
    if (message_is(message, "google.protobuf.ListValue"))
        return "[]";
    return "{}";
}

static const char *in_braces(const struct sample *sample, const char *members)
{
    if (sample->keyword_arguments)
        return members;
    if (sample->language != SAMPLE_TYPESCRIPT || *members == '\0')
        return arena_printf(sample->arena, "{%s}", members);
    return arena_printf(sample->arena, "{ %s }", members);
}

static const char *message_sample(struct sample sample, const struct model_message *message)
{
    const char *members = "";

    if (message_wrapped_type(message) != 0 && sample.language == SAMPLE_JSON)
        return value_sample(&sample, &message->fields[0], NULL);
    if (message_is_wellknown(message)) {
        const char *text = wellknown_sample(&sample, message);
        return sample.language == SAMPLE_JSON ? text : in_braces(&sample, text);
    }
    for (size_t i = 0; i < message->field_count && sample.depth < DEPTH_MAX; i++)
        if (is_shown(&sample, &message->fields[i]))
            members = arena_printf(sample.arena, "%s%s%s", members,
                                   *members == '\0'                 ? ""
                                   : sample.language == SAMPLE_JSON ? ","
                                                                    : ", ",
                                   shown_member(&sample, &message->fields[i]));
    return in_braces(&sample, members);
}

const char *sample_message(struct model *model, const struct model_message *message,
                           enum sample_language language)
{
    struct sample sample = {
        .model = model,
        .arena = model->arena,
        .language = language,
        .keyword_arguments = language == SAMPLE_PYTHON,
    };

    return message_sample(sample, message);
}
