#include "gen/emit_rules.h"

#include <string.h>

#include "gen/names.h"
#include "gen/pattern.h"
#include "gen/rules.h"

#define PRINT(site, ...) arena_printf((site)->out->arena, __VA_ARGS__)

/* --- parts --- */

static void collect(const struct site *site, const char *rule, const char *sentence)
{
    struct rule_sentence *added = arena_alloc(site->out->arena, sizeof(*added));

    added->rule = rule;
    added->sentence = sentence;
    if (site->sentences->first == NULL)
        site->sentences->first = added;
    else
        site->sentences->last->next = added;
    site->sentences->last = added;
}

static void emit_add(const struct site *site, int indent, const char *rule, const char *sentence)
{
    const char *arguments[] = {
        "violations",
        site->path,
        c_string(site->out->arena, rule, strlen(rule)),
        c_string(site->out->arena, sentence, strlen(sentence)),
    };

    emit_call(site->out, PRINT(site, "%*sviolations_add(", indent, ""), arguments, 4, ");\n");
    if (site->sentences != NULL)
        collect(site, rule, sentence);
}

void emit_violation(const struct site *site, const char *condition, const char *rule,
                    const char *sentence)
{
    emit(site->out, "%*sif (%s)\n", site->indent, "", condition);
    emit_add(site, site->indent + 4, rule, sentence);
}

/* "EXPR == 1 ||\n EXPR == 2": one comparison a line, so that no list is too wide. */
static const char *joined(const struct site *site, const char *list, const char *comparison,
                          const char *operator)
{
    if (list == NULL)
        return comparison;
    return PRINT(site, "%s %s\n%*s%s", list, operator, site->indent + 4, "", comparison);
}

static const char *listed(const struct site *site, const char *words, const char *word)
{
    return words == NULL ? word : PRINT(site, "%s, %s", words, word);
}

/* "must be 1", "must not be one of 1, 2". */
static const char *list_words(const struct site *site, bool wanted, const char *words)
{
    return PRINT(site, "must %sbe %s%s", wanted ? "" : "not ",
                 strchr(words, ',') != NULL ? "one of " : "", words);
}

/* How a type's rules compare a value with a literal. */
typedef const char *compare_fn(const struct site *site, const char *operator, const char * literal);

static const char *compare_numbers(const struct site *site, const char *operator,
                                   const char * literal)
{
    return PRINT(site, "%s %s %s", site->value, operator, literal);
}

static const char *compare_times(const struct site *site, const char *operator,
                                 const char * literal)
{
    return PRINT(site, "validate_compare_times(%s->seconds, %s->nanos, %s) %s 0", site->value,
                 site->value, literal, operator);
}

/* --- const, in and not_in of numbers and times --- */

static void emit_const(const struct site *site, const ProtobufCMessage *rules, const char *type,
                       compare_fn *compare)
{
    struct rule_value value;

    if (!rule_value(site->out->arena, rules, "const", 0, &value))
        return;
    if (value.is_nan)
        model_fail(site->model, site->location, "field '%s': nothing equals NaN",
                   site->field->name);
    emit_violation(site, compare(site, "!=", value.literal), PRINT(site, "%s.const", type),
                   PRINT(site, "must be %s", value.words));
}

static void emit_list(const struct site *site, const ProtobufCMessage *rules, const char *type,
                      bool wanted, compare_fn *compare)
{
    const char *name = wanted ? "in" : "not_in", *conditions = NULL, *words = NULL;
    struct rule_value value;

    for (size_t i = 0; rule_value(site->out->arena, rules, name, i, &value); i++) {
        conditions = joined(site, conditions, compare(site, wanted ? "!=" : "==", value.literal),
                            wanted ? "&&" : "||");
        words = listed(site, words, value.words);
    }
    if (conditions != NULL)
        emit_violation(site, conditions, PRINT(site, "%s.%s", type, name),
                       list_words(site, wanted, words));
}

/* --- bounds --- */

struct bounds {
    struct rule_value low, high;
    bool has_low, has_high;
    bool outside; /* the upper bound is below the lower one: what is between is excluded */
};

static const char *words_of(const struct site *site, const struct rule_value *bound)
{
    static const char *const words[][2] = {
        {"gt", "greater than"}, {"gte", "at least"}, {"lt", "less than"}, {"lte", "at most"}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(bound->name, words[i][0]) == 0)
            return PRINT(site, "%s %s", words[i][1], bound->words);
    return bound->words;
}

/* The operator of the bound, or what breaks it. */
static const char *operator_of(const struct rule_value *bound, bool broken)
{
    static const char *const operators[][3] = {
        {"gt", ">", "<="}, {"gte", ">=", "<"}, {"lt", "<", ">="}, {"lte", "<=", ">"}};

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strcmp(bound->name, operators[i][0]) == 0)
            return operators[i][broken ? 2 : 1];
    return "";
}

static bool is_real(const struct site *site)
{
    return site->type == FIELD_FLOAT || site->type == FIELD_DOUBLE;
}

/* In one line if they fit. */
static const char *joined_bounds(const struct site *site, const char *low, const char *high,
                                 const char *operator)
{
    if ((size_t)site->indent + strlen(low) + strlen(high) + strlen("if (!( || )))") > 100)
        return joined(site, low, high, operator);
    return PRINT(site, "%s %s %s", low, operator, high);
}

/* A condition that holds when the bounds are broken. NaN breaks any, which is why floating
 * point is compared the other way round. */
static const char *broken_bounds(const struct site *site, const struct bounds *bounds,
                                 compare_fn *compare)
{
    bool negate = is_real(site);
    const char *low = NULL, *high = NULL, *both;

    if (bounds->has_low)
        low = compare(site, operator_of(&bounds->low, !negate), bounds->low.literal);
    if (bounds->has_high)
        high = compare(site, operator_of(&bounds->high, !negate), bounds->high.literal);
    if (low == NULL || high == NULL)
        both = low ? low : high;
    else
        both = joined_bounds(site, low, high, bounds->outside != negate ? "&&" : "||");
    return negate ? PRINT(site, "!(%s)", both) : both;
}

/* "gte_lte", "gt_lt_exclusive", "lt". */
static const char *bounds_name(const struct site *site, const struct bounds *bounds)
{
    if (!bounds->has_low)
        return bounds->high.name;
    if (!bounds->has_high)
        return bounds->low.name;
    return PRINT(site, "%s_%s%s", bounds->low.name, bounds->high.name,
                 bounds->outside ? "_exclusive" : "");
}

static const char *bounds_words(const struct site *site, const struct bounds *bounds)
{
    if (!bounds->has_low)
        return words_of(site, &bounds->high);
    if (!bounds->has_high)
        return words_of(site, &bounds->low);
    return PRINT(site, "%s %s %s", words_of(site, &bounds->low), bounds->outside ? "or" : "and",
                 words_of(site, &bounds->high));
}

/* Bounds that every value of the type keeps are dropped, since compilers warn of comparisons
 * that are always true; those that none keeps are refused. */
static void drop_idle_bounds(const struct site *site, struct bounds *bounds)
{
    bool above_most = bounds->has_low && bounds->low.is_most && bounds->low.name[2] == '\0';
    bool below_least = bounds->has_high && bounds->high.is_least && bounds->high.name[2] == '\0';

    if ((bounds->has_low && bounds->low.is_nan) || (bounds->has_high && bounds->high.is_nan) ||
        above_most || below_least)
        model_fail(site->model, site->location, "field '%s': no value keeps these bounds",
                   site->field->name);
    if (bounds->has_low && bounds->low.is_least && bounds->low.name[2] == 'e')
        bounds->has_low = bounds->outside && bounds->has_high;
    if (bounds->has_high && bounds->high.is_most && bounds->high.name[2] == 'e')
        bounds->has_high = bounds->outside && bounds->has_low;
}

static void emit_bounds(const struct site *site, const ProtobufCMessage *rules, const char *type,
                        compare_fn *compare)
{
    struct arena *arena = site->out->arena;
    struct bounds bounds = {0};
    const char *name, *words;

    bounds.has_low = rule_either(arena, rules, "gt", "gte", &bounds.low);
    bounds.has_high = rule_either(arena, rules, "lt", "lte", &bounds.high);
    if (!bounds.has_low && !bounds.has_high)
        return;
    bounds.outside = bounds.has_low && bounds.has_high && bounds.high.number < bounds.low.number;
    name = PRINT(site, "%s.%s", type, bounds_name(site, &bounds));
    words = PRINT(site, "must be %s", bounds_words(site, &bounds));
    drop_idle_bounds(site, &bounds);
    if (bounds.has_low || bounds.has_high)
        emit_violation(site, broken_bounds(site, &bounds, compare), name, words);
}

/* --- numbers --- */

static void emit_number_rules(const struct site *site, const ProtobufCMessage *rules)
{
    const char *type = field_type_name(site->type);

    emit_const(site, rules, type, compare_numbers);
    emit_bounds(site, rules, type, compare_numbers);
    emit_list(site, rules, type, true, compare_numbers);
    emit_list(site, rules, type, false, compare_numbers);
}

static void emit_finite(const struct site *site, bool finite)
{
    if (finite)
        emit_violation(site, PRINT(site, "!isfinite(%s)", site->value),
                       PRINT(site, "%s.finite", field_type_name(site->type)),
                       "must be a finite number");
}

static void emit_bool_rules(const struct site *site, const Buf__Validate__BoolRules *rules)
{
    if (rules->has_const_)
        emit_violation(site, PRINT(site, "%s%s", rules->const_ ? "!" : "", site->value),
                       "bool.const", rules->const_ ? "must be true" : "must be false");
}

static void emit_enum_rules(const struct site *site, const Buf__Validate__EnumRules *rules)
{
    struct site number = *site;

    /* The C type may be unsigned, while the wire carries any 32 bits. */
    number.value = PRINT(site, "(int32_t)%s", site->value);
    emit_const(&number, &rules->base, "enum", compare_numbers);
    if (rules->defined_only)
        emit_violation(
            site,
            PRINT(site, "protobuf_c_enum_descriptor_get_value(&%s_descriptor,\n%*s(int)%s) == NULL",
                  site->enumeration->c_name, site->indent + 41, "", site->value),
            "enum.defined_only", "must be one of the defined values");
    emit_list(&number, &rules->base, "enum", true, compare_numbers);
    emit_list(&number, &rules->base, "enum", false, compare_numbers);
}

/* --- strings --- */

static const char *plural(const struct site *site, uint64_t count, const char *noun)
{
    return PRINT(site, "%llu %s%s", (unsigned long long)count, noun, count == 1 ? "" : "s");
}

/* One bound on a length: `operator` is what breaks it. */
static void emit_length(const struct site *site, const char *length, const char *operator,
                        uint64_t bound, const char *rule, const char *words, const char *noun)
{
    if (strcmp(operator, "<") == 0 && bound == 0)
        return;
    emit_violation(site, PRINT(site, "%s %s %llu", length, operator,(unsigned long long) bound),
                   rule, PRINT(site, "must be %s%s", words, plural(site, bound, noun)));
}

static void emit_string_lengths(const struct site *site, const Buf__Validate__StringRules *rules)
{
    const char *characters = PRINT(site, "validate_characters(%s)", site->value);
    const char *bytes = PRINT(site, "strlen(%s)", site->value);

    if (rules->has_len)
        emit_length(site, characters, "!=", rules->len, "string.len", "", "character");
    if (rules->has_min_len)
        emit_length(site, characters, "<", rules->min_len, "string.min_len", "at least ",
                    "character");
    if (rules->has_max_len)
        emit_length(site, characters, ">", rules->max_len, "string.max_len", "at most ",
                    "character");
    if (rules->has_len_bytes)
        emit_length(site, bytes, "!=", rules->len_bytes, "string.len_bytes", "", "byte");
    if (rules->has_min_bytes)
        emit_length(site, bytes, "<", rules->min_bytes, "string.min_bytes", "at least ", "byte");
    if (rules->has_max_bytes)
        emit_length(site, bytes, ">", rules->max_bytes, "string.max_bytes", "at most ", "byte");
}

static void emit_numbers(struct output *out, const char *head, const unsigned *numbers,
                         size_t count)
{
    const char **texts = arena_alloc_array(out->arena, count, sizeof(*texts));

    for (size_t i = 0; i < count; i++)
        texts[i] = arena_printf(out->arena, "%u", numbers[i]);
    emit(out, "%s[] = {\n", head);
    emit_call(out, "    ", texts, count, ",\n};\n");
}

static void emit_pattern_table(const struct site *site, const char *name,
                               const struct pattern *pattern)
{
    size_t cells = (size_t)pattern->state_count * pattern->class_count;
    unsigned *numbers = arena_alloc_array(site->out->arena, cells + 256, sizeof(*numbers));
    struct output *out = site->tables;

    for (size_t i = 0; i < 256; i++)
        numbers[i] = pattern->classes[i];
    emit_numbers(out, PRINT(site, "static const uint8_t %s_classes", name), numbers, 256);
    for (size_t i = 0; i < cells; i++)
        numbers[i] = pattern->next[i];
    emit_numbers(out, PRINT(site, "static const uint16_t %s_next", name), numbers, cells);
    for (size_t i = 0; i < pattern->state_count; i++)
        numbers[i] = pattern->verdicts[i];
    emit_numbers(out, PRINT(site, "static const uint8_t %s_verdicts", name), numbers,
                 pattern->state_count);
    emit(out,
         "static const struct validate_pattern %s = {\n    %s_classes,\n    %s_next,\n"
         "    %s_verdicts,\n    %u,\n};\n\n",
         name, name, name, name, pattern->class_count);
}

static void emit_pattern(const struct site *site, const char *text)
{
    const char *name = PRINT(site, "%s_pattern", site->variable);
    struct pattern pattern;
    const char *error = NULL;

    if (!pattern_compile(site->out->arena, text, &pattern, &error)) {
        model_fail(site->model, site->location, "field '%s': pattern \"%s\": %s", site->field->name,
                   text, error);
        return;
    }
    emit_comment(site->tables, 0, text);
    emit_pattern_table(site, name, &pattern);
    emit_violation(site, PRINT(site, "!validate_matches(%s, &%s)", site->value, name),
                   "string.pattern", PRINT(site, "must match the pattern %s", text));
}

static const char *literal_of(const struct site *site, const char *text)
{
    return c_string(site->out->arena, text, strlen(text));
}

static void emit_string_list(const struct site *site, char *const *values, size_t count,
                             bool wanted)
{
    const char *conditions = NULL, *words = NULL;

    for (size_t i = 0; i < count; i++) {
        conditions = joined(site, conditions,
                            PRINT(site, "strcmp(%s, %s) %s 0", site->value,
                                  literal_of(site, values[i]), wanted ? "!=" : "=="),
                            wanted ? "&&" : "||");
        words = listed(site, words, PRINT(site, "\"%s\"", values[i]));
    }
    if (conditions != NULL)
        emit_violation(site, conditions, wanted ? "string.in" : "string.not_in",
                       list_words(site, wanted, words));
}

/* Rules with one text: a condition on it that must, or must not, hold. */
static void emit_text_rule(const struct site *site, const char *text, const char *condition,
                           const char *rule, const char *words)
{
    if (text == NULL)
        return;
        /* `condition` has two conversions: the value and the literal. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    condition = PRINT(site, condition, site->value, literal_of(site, text));
#pragma GCC diagnostic pop
    emit_violation(site, condition, rule, PRINT(site, "must %s \"%s\"", words, text));
}

static void emit_string_texts(const struct site *site, const Buf__Validate__StringRules *rules)
{
    emit_text_rule(site, rules->const_, "strcmp(%s, %s) != 0", "string.const", "be");
    emit_text_rule(site, rules->prefix, "!validate_starts_with(%s, %s)", "string.prefix",
                   "start with");
    emit_text_rule(site, rules->suffix, "!validate_ends_with(%s, %s)", "string.suffix", "end with");
    emit_text_rule(site, rules->contains, "strstr(%s, %s) == NULL", "string.contains", "contain");
    emit_text_rule(site, rules->not_contains, "strstr(%s, %s) != NULL", "string.not_contains",
                   "not contain");
    emit_string_list(site, rules->in, rules->n_in, true);
    emit_string_list(site, rules->not_in, rules->n_not_in, false);
}

/* The well-known forms, by their field in StringRules. All but uri_ref refuse the empty string
 * under an id of its own. */
static void emit_string_form(const struct site *site, const Buf__Validate__StringRules *rules)
{
    static const struct {
        Buf__Validate__StringRules__WellKnownCase which;
        const char *name;
        const char *words;
    } forms[] = {
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_EMAIL, "email", "an e-mail address"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_HOSTNAME, "hostname", "a host name"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IP, "ip", "an IP address"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IPV4, "ipv4", "an IPv4 address"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_IPV6, "ipv6", "an IPv6 address"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI, "uri", "a URI"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI_REF, "uri_ref", "a URI reference"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_ADDRESS, "address",
         "a host name or an IP address"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_UUID, "uuid", "a UUID"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_TUUID, "tuuid", "a UUID without hyphens"},
        {BUF__VALIDATE__STRING_RULES__WELL_KNOWN_ULID, "ulid", "a ULID"},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *sentence = PRINT(site, "must be %s", forms[i].words);
        const char *invalid = PRINT(site, "!validate_is_%s(%s)", forms[i].name, site->value);
        if (rules->well_known_case != forms[i].which || !rules->email)
            continue; /* members of the union are all of one type */
        if (forms[i].which == BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI_REF) {
            emit_violation(site, invalid, "string.uri_ref", sentence);
            continue;
        }
        emit_violation(site, PRINT(site, "*%s == '\\0'", site->value),
                       PRINT(site, "string.%s_empty", forms[i].name), sentence);
        emit(site->out, "%*selse ", site->indent, "");
        emit(site->out, "if (%s)\n", invalid);
        emit_add(site, site->indent + 4, PRINT(site, "string.%s", forms[i].name), sentence);
    }
}

static void emit_string_rules(const struct site *site, const Buf__Validate__StringRules *rules)
{
    emit_string_lengths(site, rules);
    if (rules->pattern != NULL)
        emit_pattern(site, rules->pattern);
    emit_string_texts(site, rules);
    emit_string_form(site, rules);
}

/* --- bytes --- */

static const char *bytes_literal(const struct site *site, ProtobufCBinaryData bytes)
{
    return PRINT(site, "%s, %zu", c_string(site->out->arena, bytes.data, bytes.len), bytes.len);
}

static const char *bytes_words(const struct site *site, ProtobufCBinaryData bytes)
{
    const char *words = "0x";

    for (size_t i = 0; i < bytes.len; i++)
        words = PRINT(site, "%s%02x", words, bytes.data[i]);
    return words;
}

static void emit_bytes_rule(const struct site *site, ProtobufCBinaryData bytes,
                            const char *function, const char *rule, const char *words)
{
    emit_violation(site,
                   PRINT(site, "!%s(%s, %s)", function, site->value, bytes_literal(site, bytes)),
                   rule, PRINT(site, "must %s %s", words, bytes_words(site, bytes)));
}

static void emit_bytes_list(const struct site *site, const ProtobufCBinaryData *values,
                            size_t count, bool wanted)
{
    const char *conditions = NULL, *words = NULL;

    for (size_t i = 0; i < count; i++) {
        conditions = joined(site, conditions,
                            PRINT(site, "%svalidate_bytes_are(%s, %s)", wanted ? "!" : "",
                                  site->value, bytes_literal(site, values[i])),
                            wanted ? "&&" : "||");
        words = listed(site, words, bytes_words(site, values[i]));
    }
    if (conditions != NULL)
        emit_violation(site, conditions, wanted ? "bytes.in" : "bytes.not_in",
                       list_words(site, wanted, words));
}

static void emit_bytes_rules(const struct site *site, const Buf__Validate__BytesRules *rules)
{
    const char *length = PRINT(site, "%s.len", site->value);

    if (rules->has_len)
        emit_length(site, length, "!=", rules->len, "bytes.len", "", "byte");
    if (rules->has_min_len)
        emit_length(site, length, "<", rules->min_len, "bytes.min_len", "at least ", "byte");
    if (rules->has_max_len)
        emit_length(site, length, ">", rules->max_len, "bytes.max_len", "at most ", "byte");
    if (rules->has_const_)
        emit_bytes_rule(site, rules->const_, "validate_bytes_are", "bytes.const", "be");
    if (rules->has_prefix)
        emit_bytes_rule(site, rules->prefix, "validate_bytes_start", "bytes.prefix", "start with");
    if (rules->has_suffix)
        emit_bytes_rule(site, rules->suffix, "validate_bytes_end", "bytes.suffix", "end with");
    if (rules->has_contains)
        emit_bytes_rule(site, rules->contains, "validate_bytes_contain", "bytes.contains",
                        "contain");
    emit_bytes_list(site, rules->in, rules->n_in, true);
    emit_bytes_list(site, rules->not_in, rules->n_not_in, false);
}

/* --- times --- */

static void emit_time_rules(const struct site *site, const ProtobufCMessage *rules,
                            const char *type)
{
    emit_const(site, rules, type, compare_times);
    emit_bounds(site, rules, type, compare_times);
    emit_list(site, rules, type, true, compare_times);
    emit_list(site, rules, type, false, compare_times);
}

static void emit_timestamp_rules(const struct site *site,
                                 const Buf__Validate__TimestampRules *rules)
{
    const char *now =
        PRINT(site, "validate_compare_now(%s->seconds, %s->nanos)", site->value, site->value);
    struct rule_value within;

    emit_time_rules(site, &rules->base, "timestamp");
    if (rules->less_than_case == BUF__VALIDATE__TIMESTAMP_RULES__LESS_THAN_LT_NOW && rules->lt_now)
        emit_violation(site, PRINT(site, "%s > 0", now), "timestamp.lt_now", "must be in the past");
    if (rules->greater_than_case == BUF__VALIDATE__TIMESTAMP_RULES__GREATER_THAN_GT_NOW &&
        rules->gt_now)
        emit_violation(site, PRINT(site, "%s < 0", now), "timestamp.gt_now",
                       "must be in the future");
    if (rule_value(site->out->arena, &rules->base, "within", 0, &within))
        emit_violation(site,
                       PRINT(site, "!validate_is_within(%s->seconds, %s->nanos, %s)", site->value,
                             site->value, within.literal),
                       "timestamp.within", PRINT(site, "must be within %s of now", within.words));
}

/* --- any --- */

/* The type whose rules these are; 0: not of a single value. */
static enum field_type rules_type(const Buf__Validate__FieldRules *rules)
{
    static const enum field_type types[] = {
        [BUF__VALIDATE__FIELD_RULES__TYPE_FLOAT] = FIELD_FLOAT,
        [BUF__VALIDATE__FIELD_RULES__TYPE_DOUBLE] = FIELD_DOUBLE,
        [BUF__VALIDATE__FIELD_RULES__TYPE_INT32] = FIELD_INT32,
        [BUF__VALIDATE__FIELD_RULES__TYPE_INT64] = FIELD_INT64,
        [BUF__VALIDATE__FIELD_RULES__TYPE_UINT32] = FIELD_UINT32,
        [BUF__VALIDATE__FIELD_RULES__TYPE_UINT64] = FIELD_UINT64,
        [BUF__VALIDATE__FIELD_RULES__TYPE_SINT32] = FIELD_SINT32,
        [BUF__VALIDATE__FIELD_RULES__TYPE_SINT64] = FIELD_SINT64,
        [BUF__VALIDATE__FIELD_RULES__TYPE_FIXED32] = FIELD_FIXED32,
        [BUF__VALIDATE__FIELD_RULES__TYPE_FIXED64] = FIELD_FIXED64,
        [BUF__VALIDATE__FIELD_RULES__TYPE_SFIXED32] = FIELD_SFIXED32,
        [BUF__VALIDATE__FIELD_RULES__TYPE_SFIXED64] = FIELD_SFIXED64,
        [BUF__VALIDATE__FIELD_RULES__TYPE_BOOL] = FIELD_BOOL,
        [BUF__VALIDATE__FIELD_RULES__TYPE_STRING] = FIELD_STRING,
        [BUF__VALIDATE__FIELD_RULES__TYPE_BYTES] = FIELD_BYTES,
        [BUF__VALIDATE__FIELD_RULES__TYPE_ENUM] = FIELD_ENUM,
        [BUF__VALIDATE__FIELD_RULES__TYPE_DURATION] = FIELD_MESSAGE,
        [BUF__VALIDATE__FIELD_RULES__TYPE_TIMESTAMP] = FIELD_MESSAGE,
    };

    return (size_t)rules->type_case < sizeof(types) / sizeof(types[0]) ? types[rules->type_case]
                                                                       : 0;
}

enum field_type message_wrapped_type(const struct model_message *message)
{
    size_t length = message ? strlen(message->name) : 0;

    if (length <= 5 || strcmp(message->file->package, "google.protobuf") != 0 ||
        strcmp(message->name + length - 5, "Value") != 0 || message->field_count != 1 ||
        message->fields[0].repeated)
        return 0;
    return message->fields[0].type;
}

static bool is_message(const struct site *site, const char *full_name)
{
    return site->message != NULL && strcmp(site->message->full_name, full_name) == 0;
}

/* Whether the rules are those of the value's type. */
static bool rules_fit(const struct site *site, const Buf__Validate__FieldRules *rules)
{
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_DURATION)
        return is_message(site, "google.protobuf.Duration");
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_TIMESTAMP)
        return is_message(site, "google.protobuf.Timestamp");
    return rules_type(rules) == site->type;
}

static void emit_typed_rules(const struct site *site, const Buf__Validate__FieldRules *rules)
{
    switch (rules->type_case) {
    case BUF__VALIDATE__FIELD_RULES__TYPE_BOOL:
        emit_bool_rules(site, rules->bool_);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_STRING:
        emit_string_rules(site, rules->string);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_BYTES:
        emit_bytes_rules(site, rules->bytes);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_ENUM:
        emit_enum_rules(site, rules->enum_);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_DURATION:
        emit_time_rules(site, &rules->duration->base, "duration");
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_TIMESTAMP:
        emit_timestamp_rules(site, rules->timestamp);
        break;
    default:
        /* Any member of the union is a pointer to a message. */
        emit_number_rules(site, (const ProtobufCMessage *)rules->int32);
        break;
    }
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_FLOAT)
        emit_finite(site, rules->float_->finite);
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_DOUBLE)
        emit_finite(site, rules->double_->finite);
}

void emit_rules(const struct site *site, const Buf__Validate__FieldRules *rules)
{
    struct site inner = *site;

    if (rules == NULL || rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET)
        return;
    if (message_wrapped_type(site->message) != 0 &&
        message_wrapped_type(site->message) == rules_type(rules)) {
        inner.type = message_wrapped_type(site->message);
        inner.message = NULL;
        inner.value = PRINT(site, "%s->value", site->value);
    }
    if (!rules_fit(&inner, rules)) {
        model_fail(site->model, site->location,
                   "field '%s': its rules are of another type than the field", site->field->name);
        return;
    }
    emit_typed_rules(&inner, rules);
}
