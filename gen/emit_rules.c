#include "gen/emit_rules.h"

#include <string.h>

#include "gen/names.h"
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

const char *site_literal(const struct site *site, const char *text)
{
    return c_string(site->out->arena, text, strlen(text));
}

void emit_violation_of(const struct site *site, const char *condition, const char *id,
                       const char *rule, const char *sentence)
{
    const char *arguments[] = {
        "violations",
        site->path,
        site_literal(site, id),
        site_literal(site, PRINT(site, "%s%s", site->rules, rule)),
        site_literal(site, sentence),
    };

    emit(site->out, "%*sif (%s)\n", site->indent, "", condition);
    emit_call(site->out, PRINT(site, "%*sviolations_add(", site->indent + 4, ""), arguments, 5,
              ");\n");
    if (site->sentences != NULL)
        collect(site, id, sentence);
}

void emit_violation(const struct site *site, const char *condition, const char *rule,
                    const char *sentence)
{
    emit_violation_of(site, condition, rule, rule, sentence);
}

const char *site_joined(const struct site *site, const char *list, const char *comparison,
                        const char *operator)
{
    if (list == NULL)
        return comparison;
    return PRINT(site, "%s %s\n%*s%s", list, operator, site->indent + 4, "", comparison);
}

const char *site_listed(const struct site *site, const char *words, const char *word)
{
    return words == NULL ? word : PRINT(site, "%s, %s", words, word);
}

const char *site_list_words(const struct site *site, bool wanted, const char *words)
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
        if (value.is_nan)
            model_fail(site->model, site->location, "field '%s': nothing equals NaN",
                       site->field->name);
        conditions =
            site_joined(site, conditions, compare(site, wanted ? "!=" : "==", value.literal),
                        wanted ? "&&" : "||");
        words = site_listed(site, words, value.words);
    }
    if (conditions != NULL)
        emit_violation(site, conditions, PRINT(site, "%s.%s", type, name),
                       site_list_words(site, wanted, words));
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
        return site_joined(site, low, high, operator);
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
    const char *name, *rule, *words;

    bounds.has_low = rule_either(arena, rules, "gt", "gte", &bounds.low);
    bounds.has_high = rule_either(arena, rules, "lt", "lte", &bounds.high);
    if (!bounds.has_low && !bounds.has_high)
        return;
    bounds.outside = bounds.has_low && bounds.has_high && bounds.high.number < bounds.low.number;
    name = PRINT(site, "%s.%s", type, bounds_name(site, &bounds));
    rule = PRINT(site, "%s.%s", type, bounds.has_low ? bounds.low.name : bounds.high.name);
    words = PRINT(site, "must be %s", bounds_words(site, &bounds));
    drop_idle_bounds(site, &bounds);
    if (bounds.has_low || bounds.has_high)
        emit_violation_of(site, broken_bounds(site, &bounds, compare), name, rule, words);
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
        emit_violation(site, PRINT(site, "!__builtin_isfinite(%s)", site->value),
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
    if (rules->defined_only)
        emit_violation(
            site,
            PRINT(site, "protobuf_c_enum_descriptor_get_value(&%s_descriptor,\n%*s(int)%s) == NULL",
                  site->enumeration->c_name, site->indent + 41, "", site->value),
            "enum.defined_only", "must be one of the defined values");
    emit_const(&number, &rules->base, "enum", compare_numbers);
    emit_list(&number, &rules->base, "enum", true, compare_numbers);
    emit_list(&number, &rules->base, "enum", false, compare_numbers);
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

/* --- google.protobuf.Any and FieldMask --- */

static void emit_any_rules(const struct site *site, const Buf__Validate__AnyRules *rules)
{
    struct site url = *site;

    url.value = PRINT(site, "%s->type_url", site->value);
    emit_string_list(&url, rules->in, rules->n_in, "any.in");
    emit_string_list(&url, rules->not_in, rules->n_not_in, "any.not_in");
}

/* A condition on the paths of the mask and those of a table, which is written. */
static void emit_paths_rule(const struct site *site, char *const *paths, size_t count,
                            const char *function, const char *name, const char *sentence)
{
    const char **literals = arena_alloc_array(site->out->arena, count, sizeof(*literals));
    const char *table = PRINT(site, "%s_mask_%s", site->variable, name), *words = NULL;

    for (size_t i = 0; i < count; i++) {
        literals[i] = site_literal(site, paths[i]);
        words = site_listed(site, words, paths[i]);
    }
    if (count > 0) {
        emit(site->tables, "static const char *const %s[] = {\n", table);
        emit_call(site->tables, "    ", literals, count, ",\n};\n\n");
    }
    emit_violation(site,
                   PRINT(site, "!%s(%s->paths, %s->n_paths, %s, %zu)", function, site->value,
                         site->value, count > 0 ? table : "NULL", count),
                   PRINT(site, "field_mask.%s", name),
                   PRINT(site, "%s %s", sentence, words ? words : "empty"));
}

static void emit_mask_rules(const struct site *site, const Buf__Validate__FieldMaskRules *rules)
{
    if (rules->const_ != NULL)
        emit_paths_rule(site, rules->const_->paths, rules->const_->n_paths, "validate_paths_are",
                        "const", "must be");
    if (rules->n_in > 0)
        emit_paths_rule(site, rules->in, rules->n_in, "validate_paths_within", "in",
                        "must only have paths in");
    if (rules->n_not_in > 0)
        emit_paths_rule(site, rules->not_in, rules->n_not_in, "validate_paths_outside", "not_in",
                        "must have no path in");
}

/* --- any type --- */

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
        [BUF__VALIDATE__FIELD_RULES__TYPE_ANY] = FIELD_MESSAGE,
        [BUF__VALIDATE__FIELD_RULES__TYPE_FIELD_MASK] = FIELD_MESSAGE,
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
    switch (rules->type_case) {
    case BUF__VALIDATE__FIELD_RULES__TYPE_ANY:
        return is_message(site, "google.protobuf.Any");
    case BUF__VALIDATE__FIELD_RULES__TYPE_DURATION:
        return is_message(site, "google.protobuf.Duration");
    case BUF__VALIDATE__FIELD_RULES__TYPE_FIELD_MASK:
        return is_message(site, "google.protobuf.FieldMask");
    case BUF__VALIDATE__FIELD_RULES__TYPE_TIMESTAMP:
        return is_message(site, "google.protobuf.Timestamp");
    default:
        return rules_type(rules) == site->type;
    }
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
    case BUF__VALIDATE__FIELD_RULES__TYPE_ANY:
        emit_any_rules(site, rules->any);
        break;
    case BUF__VALIDATE__FIELD_RULES__TYPE_FIELD_MASK:
        emit_mask_rules(site, rules->field_mask);
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
