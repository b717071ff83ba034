/* Lists, maps, messages and enums as JSON Schema 2020-12. */
#include <stdlib.h>
#include <string.h>

#include "gen/describe.h"
#include "gen/emit_openapi.h"

static bool ignores_zero(const Buf__Validate__FieldRules *rules)
{
    return rules != NULL && rules->ignore == BUF__VALIDATE__IGNORE__IGNORE_IF_ZERO_VALUE;
}

/* --- lists and maps --- */

static void emit_list(struct json *json, struct model *model, const struct model_field *field,
                      const Buf__Validate__RepeatedRules *rules)
{
    json_string_member(json, "type", "array");
    json_open_member(json, "items", '{');
    emit_openapi_value(json, model, field, rules != NULL ? rules->items : NULL,
                       rules != NULL && ignores_zero(rules->items));
    json_close(json, '}');
    if (rules == NULL)
        return;
    if (rules->min_items > 0)
        json_integer_member(json, "minItems", (int64_t)rules->min_items);
    if (rules->has_max_items)
        json_integer_member(json, "maxItems", (int64_t)rules->max_items);
    if (rules->unique)
        json_bool_member(json, "uniqueItems", true);
}

/* Keys are strings in JSON, whatever their type. */
static void emit_key(struct json *json, struct model *model, const struct model_field *key,
                     const Buf__Validate__FieldRules *rules)
{
    json_open_member(json, "propertyNames", '{');
    if (key->type == FIELD_STRING)
        emit_openapi_value(json, model, key, rules, ignores_zero(rules));
    else if (key->type == FIELD_BOOL)
        json_raw_member(json, "enum", "[\"true\", \"false\"]");
    else
        json_string_member(json, "pattern",
                           openapi_is_unsigned(key->type) ? "^(0|[1-9][0-9]*)$"
                                                          : "^(0|-?[1-9][0-9]*)$");
    json_close(json, '}');
}

static void emit_map(struct json *json, struct model *model, const struct model_field *field,
                     const Buf__Validate__MapRules *rules)
{
    const struct model_field *parts = field->message->fields;

    json_string_member(json, "type", "object");
    emit_key(json, model, &parts[0], rules != NULL ? rules->keys : NULL);
    json_open_member(json, "additionalProperties", '{');
    emit_openapi_value(json, model, &parts[1], rules != NULL ? rules->values : NULL,
                       rules != NULL && ignores_zero(rules->values));
    json_close(json, '}');
    if (rules == NULL)
        return;
    if (rules->min_pairs > 0)
        json_integer_member(json, "minProperties", (int64_t)rules->min_pairs);
    if (rules->has_max_pairs)
        json_integer_member(json, "maxProperties", (int64_t)rules->max_pairs);
}

/* --- messages --- */

static const char *field_description(struct model *model, const struct model_field *field)
{
    const char *words = describe_rules(model, field);

    if (words == NULL)
        return field->comment;
    return arena_printf(model->arena, "%s%sMust be: %s.", field->comment ? field->comment : "",
                        field->comment ? "\n\n" : "", words);
}

/* `required` on a field without presence: not its type's zero value. */
static void emit_not_zero(struct json *json, struct model *model, const struct model_field *field)
{
    bool typed = field->rules->type_case != BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET;

    if (field_is_map(field) && (!typed || field->rules->map->min_pairs == 0))
        json_integer_member(json, "minProperties", 1);
    else if (field->repeated && !field_is_map(field) &&
             (!typed || field->rules->repeated->min_items == 0))
        json_integer_member(json, "minItems", 1);
    else if (!field->repeated)
        json_raw_member(json, "not",
                        arena_printf(model->arena, "{\"const\": %s}", openapi_zero(model, field)));
}

/* A list or map, whose rules do not hold while it is empty if zero values are ignored. */
static void emit_many(struct json *json, struct model *model, const struct model_field *field,
                      bool typed)
{
    bool wrapped = typed && field_ignores_zero(field);

    if (wrapped) {
        json_open_member(json, "anyOf", '[');
        json_text(json, field_is_map(field) ? "{\"maxProperties\": 0}" : "{\"maxItems\": 0}");
        json_open(json, '{');
    }
    if (field_is_map(field))
        emit_map(json, model, field, typed ? field->rules->map : NULL);
    else
        emit_list(json, model, field, typed ? field->rules->repeated : NULL);
    if (wrapped) {
        json_close(json, '}');
        json_close(json, ']');
    }
}

static void emit_property(struct json *json, struct model *model, const struct model_field *field)
{
    const Buf__Validate__FieldRules *rules = field->rules;
    bool typed = rules != NULL && rules->type_case != BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET &&
                 rules->ignore != BUF__VALIDATE__IGNORE__IGNORE_ALWAYS;
    const char *description = field_description(model, field);

    json_open_member(json, field->json_name, '{');
    if (description != NULL)
        json_string_member(json, "description", description);
    if (field->repeated)
        emit_many(json, model, field, typed);
    else
        emit_openapi_value(json, model, field, rules,
                           field_ignores_zero(field) && !field_has_presence(field));
    if (rules != NULL && rules->required && !field_has_presence(field))
        emit_not_zero(json, model, field);
    json_close(json, '}');
}

static void emit_required(struct json *json, struct model *model,
                          const struct model_message *message)
{
    bool open = false;

    for (size_t i = 0; i < message->field_count; i++) {
        if (!field_must_be_set(model, &message->fields[i]))
            continue;
        if (!open)
            json_open_member(json, "required", '[');
        open = true;
        json_string(json, message->fields[i].json_name);
    }
    if (open)
        json_close(json, ']');
}

/* Fields of which one at most is set. */
struct members {
    const struct model_field **fields;
    size_t count;
    bool required;
};

static struct members members_of(struct arena *arena, const struct model_message *message,
                                 const struct model_oneof *oneof)
{
    struct members members = {.required = oneof->required};

    members.fields = arena_alloc_array(arena, message->field_count, sizeof(*members.fields));
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].oneof == oneof)
            members.fields[members.count++] = &message->fields[i];
    return members;
}

static void emit_members(struct json *json, const struct members *members)
{
    for (size_t i = 0; i < members->count; i++)
        json_text(json, arena_printf(json->out->arena, "{\"required\": [\"%s\"]}",
                                     members->fields[i]->json_name));
}

/* One of the members, or none unless one is required. */
static void emit_exclusive(struct json *json, const struct members *members, bool *open)
{
    if (!members->required && members->count < 2)
        return;
    if (!*open)
        json_open_member(json, "allOf", '[');
    *open = true;
    json_open(json, '{');
    json_open_member(json, "oneOf", '[');
    emit_members(json, members);
    if (!members->required) {
        json_open(json, '{');
        json_open_member(json, "not", '{');
        json_open_member(json, "anyOf", '[');
        emit_members(json, members);
        json_close(json, ']');
        json_close(json, '}');
        json_close(json, '}');
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void emit_choices(struct json *json, struct model *model,
                         const struct model_message *message)
{
    bool open = false;

    for (size_t i = 0; i < message->oneof_count; i++) {
        struct members members = members_of(model->arena, message, &message->oneofs[i]);
        emit_exclusive(json, &members, &open);
    }
    for (size_t i = 0; i < message->choice_count; i++) {
        const struct model_choice *choice = &message->choices[i];
        struct members members = {choice->fields, choice->field_count, choice->required};
        emit_exclusive(json, &members, &open);
    }
    if (open)
        json_close(json, ']');
}

static void emit_wellknown(struct json *json, const struct model_message *message)
{
    static const struct {
        const char *name, *members;
    } types[] = {
        {"Any", "\"type\": \"object\", "
                "\"properties\": {\"@type\": {\"type\": \"string\"}}"},
        {"Duration", "\"type\": \"string\", \"pattern\": \"^-?[0-9]+([.][0-9]{1,9})?s$\""},
        {"Empty", "\"type\": \"object\""},
        {"FieldMask", "\"type\": \"string\""},
        {"ListValue", "\"type\": \"array\""},
        {"Struct", "\"type\": \"object\""},
        {"Timestamp", "\"type\": \"string\", \"format\": \"date-time\""},
        {"Value", "\"description\": \"Any JSON value.\""},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].name, message->name) == 0)
            json_raw_member(json, message->full_name,
                            arena_printf(json->out->arena, "{%s}", types[i].members));
}

static void emit_message(struct json *json, struct model *model,
                         const struct model_message *message)
{
    json_open_member(json, message->full_name, '{');
    json_string_member(json, "title", message->name);
    if (message->comment != NULL)
        json_string_member(json, "description", message->comment);
    json_string_member(json, "type", "object");
    if (message->field_count > 0) {
        json_open_member(json, "properties", '{');
        for (size_t i = 0; i < message->field_count; i++)
            emit_property(json, model, &message->fields[i]);
        json_close(json, '}');
    }
    emit_required(json, model, message);
    emit_choices(json, model, message);
    json_close(json, '}');
}

static void emit_enum(struct json *json, const struct model_enum *enumeration)
{
    json_open_member(json, enumeration->full_name, '{');
    json_string_member(json, "title", enumeration->name);
    if (enumeration->comment != NULL)
        json_string_member(json, "description", enumeration->comment);
    json_string_member(json, "type", "string");
    json_open_member(json, "enum", '[');
    for (size_t i = 0; i < enumeration->value_count; i++)
        json_string(json, enumeration->values[i].name);
    json_close(json, ']');
    json_open_member(json, "x-enum-descriptions", '{');
    for (size_t i = 0; i < enumeration->value_count; i++)
        if (enumeration->values[i].comment != NULL)
            json_string_member(json, enumeration->values[i].name, enumeration->values[i].comment);
    json_close(json, '}');
    json_close(json, '}');
}

static int by_message_name(const void *left, const void *right)
{
    return strcmp((*(const struct model_message *const *)left)->full_name,
                  (*(const struct model_message *const *)right)->full_name);
}

static int by_enum_name(const void *left, const void *right)
{
    return strcmp((*(const struct model_enum *const *)left)->full_name,
                  (*(const struct model_enum *const *)right)->full_name);
}

void emit_openapi_schemas(struct json *json, struct model *model, struct type_set *types)
{
    if (types->messages == NULL)
        return;
    qsort(types->messages, types->message_count, sizeof(*types->messages), by_message_name);
    qsort(types->enums, types->enum_count, sizeof(*types->enums), by_enum_name);
    for (size_t i = 0; i < types->message_count; i++) {
        if (message_is_wellknown(types->messages[i]))
            emit_wellknown(json, types->messages[i]);
        else
            emit_message(json, model, types->messages[i]);
    }
    for (size_t i = 0; i < types->enum_count; i++)
        emit_enum(json, types->enums[i]);
}
