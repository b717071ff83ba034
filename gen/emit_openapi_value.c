/* One value and its rules as JSON Schema 2020-12.
 *
 * A schema tells the canonical JSON form. What it cannot say exactly (bounds of 64-bit integers,
 * which are strings; of times; lengths in bytes) it leaves wider than the rule and says in the
 * description. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gen/describe.h"
#include "gen/emit_openapi.h"
#include "gen/rules.h"

#define PRINT(schema, ...) arena_printf((schema)->model->arena, __VA_ARGS__)
#define EXTRAS_MAX 16

/* One value's schema being written. */
struct schema {
    struct json *json;
    struct model *model;
    enum field_type type;
    const struct model_message *message;
    const struct model_enum *enumeration;
    const char *extras[EXTRAS_MAX]; /* schemas to be met as well: members of allOf */
    size_t extra_count;
};

static void add_extra(struct schema *schema, const char *text)
{
    if (schema->extra_count < EXTRAS_MAX)
        schema->extras[schema->extra_count++] = text;
}

static const char *quoted(const struct schema *schema, const char *text)
{
    return json_quoted(schema->model->arena, text);
}

static const char *joined(const struct schema *schema, const char *list, const char *item)
{
    return list == NULL ? item : PRINT(schema, "%s, %s", list, item);
}

static void emit_extras(struct schema *schema)
{
    if (schema->extra_count == 0)
        return;
    json_open_member(schema->json, "allOf", '[');
    for (size_t i = 0; i < schema->extra_count; i++)
        json_text(schema->json, schema->extras[i]);
    json_close(schema->json, ']');
}

/* --- numbers --- */

static bool is_wide(enum field_type type)
{
    return type == FIELD_INT64 || type == FIELD_UINT64 || type == FIELD_SINT64 ||
           type == FIELD_FIXED64 || type == FIELD_SFIXED64;
}

bool openapi_is_unsigned(enum field_type type)
{
    return type == FIELD_UINT32 || type == FIELD_UINT64 || type == FIELD_FIXED32 ||
           type == FIELD_FIXED64;
}

static bool is_real(enum field_type type)
{
    return type == FIELD_FLOAT || type == FIELD_DOUBLE;
}

struct bounds {
    struct rule_value low, high;
    bool has_low, has_high, outside;
};

static struct bounds read_bounds(const struct schema *schema, const ProtobufCMessage *rules)
{
    struct arena *arena = schema->model->arena;
    struct bounds bounds = {0};

    if (rules == NULL)
        return bounds;
    bounds.has_low = rule_either(arena, rules, "gt", "gte", &bounds.low);
    bounds.has_high = rule_either(arena, rules, "lt", "lte", &bounds.high);
    bounds.outside = bounds.has_low && bounds.has_high && bounds.high.number < bounds.low.number;
    return bounds;
}

static const char *bound_text(const struct schema *schema, const struct rule_value *bound)
{
    bool inclusive = bound->name[2] == 'e', low = bound->name[0] == 'g';

    if (isinf(bound->number))
        return NULL;
    return PRINT(schema, "\"%s\": %s",
                 low ? (inclusive ? "minimum" : "exclusiveMinimum")
                     : (inclusive ? "maximum" : "exclusiveMaximum"),
                 bound->words);
}

static void emit_bound(struct schema *schema, const struct rule_value *bound)
{
    bool inclusive = bound->name[2] == 'e', low = bound->name[0] == 'g';

    if (isinf(bound->number))
        return;
    json_raw_member(schema->json,
                    low ? (inclusive ? "minimum" : "exclusiveMinimum")
                        : (inclusive ? "maximum" : "exclusiveMaximum"),
                    bound->words);
}

static void emit_bounds(struct schema *schema, const struct bounds *bounds)
{
    const char *low = bounds->has_low ? bound_text(schema, &bounds->low) : NULL;
    const char *high = bounds->has_high ? bound_text(schema, &bounds->high) : NULL;

    if (bounds->outside && low != NULL && high != NULL) {
        add_extra(schema, PRINT(schema, "{\"anyOf\": [{%s}, {%s}]}", low, high));
        return;
    }
    if (bounds->has_low)
        emit_bound(schema, &bounds->low);
    if (bounds->has_high)
        emit_bound(schema, &bounds->high);
}

/* The values of a list rule as JSON: 64-bit ones as strings. */
static const char *listed_values(const struct schema *schema, const ProtobufCMessage *rules,
                                 const char *name)
{
    const char *format = is_wide(schema->type) ? "\"%s\"" : "%s", *list = NULL;
    struct rule_value value;

    for (size_t i = 0; rules != NULL && rule_value(schema->model->arena, rules, name, i, &value);
         i++) {
        if (isfinite(value.number)) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            list = joined(schema, list, PRINT(schema, format, value.words));
#pragma GCC diagnostic pop
        }
    }
    return list;
}

static void emit_listed(struct schema *schema, const ProtobufCMessage *rules)
{
    const char *examples = listed_values(schema, rules, "example");
    const char *is = listed_values(schema, rules, "const");
    const char *in = listed_values(schema, rules, "in");
    const char *not_in = listed_values(schema, rules, "not_in");

    if (examples != NULL)
        json_raw_member(schema->json, "examples", PRINT(schema, "[%s]", examples));
    if (is != NULL)
        json_raw_member(schema->json, "const", is);
    if (in != NULL)
        json_raw_member(schema->json, "enum", PRINT(schema, "[%s]", in));
    if (not_in != NULL)
        add_extra(schema, PRINT(schema, "{\"not\": {\"enum\": [%s]}}", not_in));
}

/* Digits, of which a bound at zero or one restricts the sign. */
static const char *wide_pattern(const struct schema *schema, const struct bounds *bounds)
{
    bool above = bounds->has_low && !bounds->outside;
    bool inclusive = above && bounds->low.name[2] == 'e';

    if (above && bounds->low.number >= (inclusive ? 1 : 0))
        return "^[1-9][0-9]*$";
    if (openapi_is_unsigned(schema->type) || (above && bounds->low.number >= (inclusive ? 0 : -1)))
        return "^(0|[1-9][0-9]*)$";
    return "^(0|-?[1-9][0-9]*)$";
}

static void emit_wide(struct schema *schema, const ProtobufCMessage *rules)
{
    struct bounds bounds = read_bounds(schema, rules);

    json_string_member(schema->json, "type", "string");
    json_string_member(schema->json, "format",
                       openapi_is_unsigned(schema->type) ? "uint64" : "int64");
    json_string_member(schema->json, "pattern", wide_pattern(schema, &bounds));
    emit_listed(schema, rules);
}

static void emit_narrow(struct schema *schema, const ProtobufCMessage *rules)
{
    struct bounds bounds = read_bounds(schema, rules);

    json_string_member(schema->json, "type", "integer");
    json_string_member(schema->json, "format",
                       openapi_is_unsigned(schema->type) ? "uint32" : "int32");
    if (openapi_is_unsigned(schema->type) && (!bounds.has_low || bounds.outside))
        json_integer_member(schema->json, "minimum", 0);
    emit_bounds(schema, &bounds);
    emit_listed(schema, rules);
}

static bool is_finite(const struct schema *schema, const ProtobufCMessage *rules)
{
    if (schema->type == FIELD_FLOAT)
        return ((const Buf__Validate__FloatRules *)rules)->finite;
    return ((const Buf__Validate__DoubleRules *)rules)->finite;
}

static bool takes_infinity(const struct rule_value *bound)
{
    return isinf(bound->number) && bound->name[2] == 'e';
}

/* The strings that stand for what is no JSON number, as far as the rules allow them. */
static const char *real_words(const struct schema *schema, const ProtobufCMessage *rules,
                              const struct bounds *bounds)
{
    const char *words = NULL;

    if (rules == NULL)
        return "\"NaN\", \"Infinity\", \"-Infinity\"";
    if (is_finite(schema, rules) || listed_values(schema, rules, "const") != NULL ||
        listed_values(schema, rules, "in") != NULL)
        return NULL;
    if (!bounds->has_low && !bounds->has_high)
        words = "\"NaN\"";
    if (!bounds->has_high || bounds->outside || takes_infinity(&bounds->high))
        words = joined(schema, words, "\"Infinity\"");
    if (!bounds->has_low || bounds->outside || takes_infinity(&bounds->low))
        words = joined(schema, words, "\"-Infinity\"");
    return words;
}

static void emit_real_number(struct schema *schema, const ProtobufCMessage *rules,
                             const struct bounds *bounds)
{
    json_string_member(schema->json, "type", "number");
    json_string_member(schema->json, "format", schema->type == FIELD_FLOAT ? "float" : "double");
    emit_bounds(schema, bounds);
    emit_listed(schema, rules);
    emit_extras(schema);
    schema->extra_count = 0;
}

static void emit_real(struct schema *schema, const ProtobufCMessage *rules)
{
    struct bounds bounds = read_bounds(schema, rules);
    const char *words = real_words(schema, rules, &bounds);

    if (words == NULL) {
        emit_real_number(schema, rules, &bounds);
        return;
    }
    json_open_member(schema->json, "anyOf", '[');
    json_open(schema->json, '{');
    emit_real_number(schema, rules, &bounds);
    json_close(schema->json, '}');
    json_text(schema->json, PRINT(schema, "{\"enum\": [%s]}", words));
    json_close(schema->json, ']');
}

/* --- strings --- */

/* The pattern with what RE2 and ECMAScript understand differently spelt out. */
static const char *ecma_pattern(const struct schema *schema, const char *text)
{
    static const char space[] = "\\t\\n\\f\\r ";
    struct buffer out = {0};
    bool in_class = false;
    const char *result;

    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] == 's') {
            buffer_printf(&out, in_class ? "%s" : "[%s]", space);
            text++;
        } else if (*text == '\\' && text[1] == 'S' && !in_class) {
            buffer_printf(&out, "[^%s]", space);
            text++;
        } else if (*text == '\\' && text[1] != '\0') {
            buffer_append(&out, text++, 2);
        } else if (*text == '.' && !in_class) {
            buffer_append_string(&out, "[^\\n]");
        } else {
            in_class = *text == '[' || (in_class && *text != ']');
            buffer_append_char(&out, *text);
        }
    }
    result = arena_strndup(schema->model->arena, out.length ? (const char *)buffer_data(&out) : "",
                           out.length);
    buffer_free(&out);
    return result;
}

static const char *literal_pattern(const struct schema *schema, const char *text)
{
    const char *result = "";

    for (; *text != '\0'; text++)
        result =
            PRINT(schema, "%s%s%c", result, strchr("^$\\.*+?()[]{}|/", *text) ? "\\" : "", *text);
    return result;
}

static void add_pattern(struct schema *schema, const char *before, const char *text,
                        const char *after)
{
    const char *pattern;

    if (text == NULL)
        return;
    pattern = PRINT(schema, "%s%s%s", before, literal_pattern(schema, text), after);
    add_extra(schema, PRINT(schema, "{\"pattern\": %s}", quoted(schema, pattern)));
}

static uint64_t larger(uint64_t left, uint64_t right)
{
    return left > right ? left : right;
}

static uint64_t smaller(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

/* A character has one to four bytes. */
static void emit_string_lengths(struct schema *schema, const Buf__Validate__StringRules *rules)
{
    uint64_t least = larger(larger(rules->len, rules->min_len),
                            (larger(rules->len_bytes, rules->min_bytes) + 3) / 4);
    uint64_t most = UINT64_MAX;

    if (rules->has_len)
        most = smaller(most, rules->len);
    if (rules->has_max_len)
        most = smaller(most, rules->max_len);
    if (rules->has_len_bytes)
        most = smaller(most, rules->len_bytes);
    if (rules->has_max_bytes)
        most = smaller(most, rules->max_bytes);
    if (least > 0)
        json_integer_member(schema->json, "minLength", (int64_t)least);
    if (most <= INT64_MAX)
        json_integer_member(schema->json, "maxLength", (int64_t)most);
}

static void emit_string_form(struct schema *schema, const Buf__Validate__StringRules *rules)
{
    static const struct {
        Buf__Validate__StringRules__WellKnownCase which;
        const char *format, *schema;
    } forms[] = {
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_EMAIL, "email", NULL},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_HOSTNAME, "hostname", NULL},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IPV4, "ipv4", NULL},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IPV6, "ipv6", NULL},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI, "uri", NULL},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI_REF, "uri-reference", NULL},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_UUID, "uuid", NULL},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IP, NULL,
         "{\"anyOf\": [{\"format\": \"ipv4\"}, {\"format\": \"ipv6\"}]}"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_ADDRESS, NULL,
         "{\"anyOf\": [{\"format\": \"hostname\"}, {\"format\": \"ipv4\"}, "
         "{\"format\": \"ipv6\"}]}"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_TUUID, NULL,
         "{\"pattern\": \"^[0-9a-fA-F]{32}$\"}"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_ULID, NULL,
         "{\"pattern\": \"^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$\"}"},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (rules->well_known_case != forms[i].which || !rules->email)
            continue; /* members of the union are all of one type */
        if (forms[i].format != NULL)
            json_string_member(schema->json, "format", forms[i].format);
        else
            add_extra(schema, forms[i].schema);
    }
}

static const char *quoted_list(const struct schema *schema, char *const *texts, size_t count)
{
    const char *list = NULL;

    for (size_t i = 0; i < count; i++)
        list = joined(schema, list, quoted(schema, texts[i]));
    return list;
}

static void emit_string(struct schema *schema, const Buf__Validate__StringRules *rules)
{
    json_string_member(schema->json, "type", "string");
    if (rules == NULL)
        return;
    emit_string_lengths(schema, rules);
    emit_string_form(schema, rules);
    if (rules->n_example > 0)
        json_raw_member(
            schema->json, "examples",
            PRINT(schema, "[%s]", quoted_list(schema, rules->example, rules->n_example)));
    if (rules->const_ != NULL)
        json_string_member(schema->json, "const", rules->const_);
    if (rules->n_in > 0)
        json_raw_member(schema->json, "enum",
                        PRINT(schema, "[%s]", quoted_list(schema, rules->in, rules->n_in)));
    if (rules->pattern != NULL)
        json_string_member(schema->json, "pattern", ecma_pattern(schema, rules->pattern));
    add_pattern(schema, "^", rules->prefix, "");
    add_pattern(schema, "", rules->suffix, "$");
    add_pattern(schema, "", rules->contains, "");
    if (rules->not_contains != NULL)
        add_extra(schema, PRINT(schema, "{\"not\": {\"pattern\": %s}}",
                                quoted(schema, literal_pattern(schema, rules->not_contains))));
    if (rules->n_not_in > 0)
        add_extra(schema, PRINT(schema, "{\"not\": {\"enum\": [%s]}}",
                                quoted_list(schema, rules->not_in, rules->n_not_in)));
}

/* The least or most bytes of a well-known form. */
static uint64_t form_bytes(const Buf__Validate__BytesRules *rules, bool least)
{
    bool is_set =
        rules->well_known_case != BUF__VALIDATE__BYTES_RULES__WELL_KNOWN__NOT_SET && rules->ip;

    if (!is_set) /* members of the union are all of one type */
        return least ? 0 : UINT64_MAX;
    switch (rules->well_known_case) {
    case BUF__VALIDATE__BYTES_RULES__WELL_KNOWN_IPV4:
        return 4;
    case BUF__VALIDATE__BYTES_RULES__WELL_KNOWN_IP:
        return least ? 4 : 16;
    default:
        return 16;
    }
}

/* Base64 with or without its padding. */
static void emit_bytes(struct schema *schema, const Buf__Validate__BytesRules *rules)
{
    uint64_t least, most = UINT64_MAX;

    json_string_member(schema->json, "type", "string");
    json_string_member(schema->json, "contentEncoding", "base64");
    if (rules == NULL)
        return;
    least = larger(larger(rules->len, rules->min_len), form_bytes(rules, true));
    if (rules->has_len)
        most = smaller(most, rules->len);
    if (rules->has_max_len)
        most = smaller(most, rules->max_len);
    most = smaller(most, form_bytes(rules, false));
    if (least > 0)
        json_integer_member(schema->json, "minLength", (int64_t)((least * 4 + 2) / 3));
    if (most < INT64_MAX / 4)
        json_integer_member(schema->json, "maxLength", (int64_t)((most + 2) / 3 * 4));
}

/* --- enums --- */

static const char *enum_names(const struct schema *schema, const ProtobufCMessage *rules,
                              const char *rule)
{
    const char *list = NULL;
    struct rule_value value;

    for (size_t i = 0; rule_value(schema->model->arena, rules, rule, i, &value); i++) {
        const struct model_value *named = enum_value_of(schema->enumeration, (int32_t)value.number);
        list = joined(schema, list,
                      named != NULL ? PRINT(schema, "\"%s\"", named->name) : value.words);
    }
    return list;
}

static void emit_enum_value(struct schema *schema, const Buf__Validate__EnumRules *rules)
{
    const char *list;

    json_string_member(schema->json, "$ref",
                       PRINT(schema, "#/components/schemas/%s", schema->enumeration->full_name));
    if (rules == NULL)
        return;
    list = enum_names(schema, &rules->base, "const");
    if (list != NULL)
        json_raw_member(schema->json, "const", list);
    list = enum_names(schema, &rules->base, "in");
    if (list != NULL)
        json_raw_member(schema->json, "enum", PRINT(schema, "[%s]", list));
    list = enum_names(schema, &rules->base, "not_in");
    if (list != NULL)
        add_extra(schema, PRINT(schema, "{\"not\": {\"enum\": [%s]}}", list));
}

/* --- any value --- */

void emit_openapi_reference(struct json *json, const char *full_name)
{
    json_open(json, '{');
    json_string_member(json, "$ref",
                       arena_printf(json->out->arena, "#/components/schemas/%s", full_name));
    json_close(json, '}');
}

/* Members of the schema's object. */
static void emit_kept(struct schema *schema, const Buf__Validate__FieldRules *rules)
{
    bool typed = rules != NULL && rules->type_case != BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET;
    /* Any member of the union is a pointer to a message. */
    const ProtobufCMessage *numbers = typed ? (const ProtobufCMessage *)rules->int32 : NULL;

    if (message_wrapped_type(schema->message) != 0) {
        schema->type = message_wrapped_type(schema->message);
        schema->message = NULL;
    }
    if (schema->message != NULL)
        json_string_member(schema->json, "$ref",
                           PRINT(schema, "#/components/schemas/%s", schema->message->full_name));
    else if (schema->enumeration != NULL)
        emit_enum_value(schema, typed ? rules->enum_ : NULL);
    else if (schema->type == FIELD_STRING)
        emit_string(schema, typed ? rules->string : NULL);
    else if (schema->type == FIELD_BYTES)
        emit_bytes(schema, typed ? rules->bytes : NULL);
    else if (schema->type == FIELD_BOOL)
        json_string_member(schema->json, "type", "boolean");
    else if (is_real(schema->type))
        emit_real(schema, numbers);
    else if (is_wide(schema->type))
        emit_wide(schema, numbers);
    else
        emit_narrow(schema, numbers);
    if (schema->type == FIELD_BOOL && schema->message == NULL && typed && rules->bool_->has_const_)
        json_bool_member(schema->json, "const", rules->bool_->const_);
    emit_extras(schema);
}

static const char *zero_text(const struct schema *schema)
{
    if (schema->enumeration != NULL)
        return PRINT(schema, "\"%s\"", schema->enumeration->values[0].name);
    if (schema->type == FIELD_STRING || schema->type == FIELD_BYTES)
        return "\"\"";
    if (schema->type == FIELD_BOOL)
        return "false";
    return is_wide(schema->type) ? "\"0\"" : "0";
}

const char *openapi_zero(struct model *model, const struct model_field *value)
{
    struct schema schema = {.model = model, .type = value->type, .enumeration = value->enumeration};

    return zero_text(&schema);
}

void emit_openapi_value(struct json *json, struct model *model, const struct model_field *value,
                        const Buf__Validate__FieldRules *rules, bool zero_is_ignored)
{
    struct schema schema = {
        .json = json,
        .model = model,
        .type = value->type,
        .message = value->message,
        .enumeration = value->enumeration,
    };
    Buf__Validate__Ignore ignore =
        rules != NULL ? rules->ignore : BUF__VALIDATE__IGNORE__IGNORE_UNSPECIFIED;

    if (ignore == BUF__VALIDATE__IGNORE__IGNORE_ALWAYS) {
        rules = NULL;
        if (value->message != NULL && !message_is_wellknown(value->message)) {
            json_string_member(json, "type", "object"); /* whose own rules are not looked at */
            return;
        }
    }
    if (!zero_is_ignored || rules == NULL || value->message != NULL) {
        emit_kept(&schema, rules);
        return;
    }
    json_open_member(json, "anyOf", '[');
    json_text(json, PRINT(&schema, "{\"const\": %s}", zero_text(&schema)));
    json_open(json, '{');
    emit_kept(&schema, rules);
    json_close(json, '}');
    json_close(json, ']');
}
