#include "gen/describe.h"

#include <string.h>

#include "gen/pattern.h"
#include "gen/rules.h"

#define ACCESS_ENUM "waystone.options.v1.Access"
#define ERROR_ENUM "waystone.options.v1.ErrorCode"
#define ACCESS_PUBLIC 1

/* --- types --- */

bool message_is(const struct model_message *message, const char *full_name)
{
    return message != NULL && strcmp(message->full_name, full_name) == 0;
}

bool message_is_wellknown(const struct model_message *message)
{
    static const char *const names[] = {"Any",       "Duration", "Empty",     "FieldMask",
                                        "ListValue", "Struct",   "Timestamp", "Value"};

    if (strcmp(message->file->package, "google.protobuf") != 0)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(message->name, names[i]) == 0)
            return true;
    return message_wrapped_type(message) != 0;
}

const struct model_value *enum_value_of(const struct model_enum *enumeration, int32_t number)
{
    for (size_t i = 0; i < enumeration->value_count; i++)
        if (enumeration->values[i].number == number)
            return &enumeration->values[i];
    return NULL;
}

static const struct model_enum *find_enum(const struct model *model, const char *full_name)
{
    for (size_t i = 0; i < model->file_count; i++)
        for (size_t j = 0; j < model->files[i].enum_count; j++)
            if (strcmp(model->files[i].enums[j].full_name, full_name) == 0)
                return &model->files[i].enums[j];
    return NULL;
}

static const char *enum_comment(const struct model *model, const char *full_name, int32_t number)
{
    const struct model_enum *enumeration = find_enum(model, full_name);
    const struct model_value *value = enumeration ? enum_value_of(enumeration, number) : NULL;

    return value != NULL && value->comment != NULL ? value->comment : "";
}

/* --- does zero keep the rules? --- */

static bool pattern_takes_empty(struct arena *arena, const char *text)
{
    struct pattern pattern;
    const char *error;

    return !pattern_compile(arena, text, &pattern, &error) || pattern.verdicts[1] != 0;
}

static bool has_text(const char *text)
{
    return text != NULL && *text != '\0';
}

static bool empty_is_listed(char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (*values[i] == '\0')
            return true;
    return false;
}

/* A well-known form that refuses the empty text. */
static bool has_filled_form(const Buf__Validate__StringRules *rules)
{
    switch (rules->well_known_case) {
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN__NOT_SET:
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_URI_REF:
        return false;
    case BUF__VALIDATE__STRING_RULES__WELL_KNOWN_WELL_KNOWN_REGEX:
        return rules->well_known_regex == BUF__VALIDATE__KNOWN_REGEX__KNOWN_REGEX_HTTP_HEADER_NAME;
    default:
        return rules->email;
    }
}

static bool empty_keeps_string(struct arena *arena, const Buf__Validate__StringRules *rules)
{
    return rules->len == 0 && rules->min_len == 0 && rules->len_bytes == 0 &&
           rules->min_bytes == 0 && !has_filled_form(rules) && !has_text(rules->const_) &&
           !has_text(rules->prefix) && !has_text(rules->suffix) && !has_text(rules->contains) &&
           (rules->n_in == 0 || empty_is_listed(rules->in, rules->n_in)) &&
           !empty_is_listed(rules->not_in, rules->n_not_in) &&
           (rules->pattern == NULL || pattern_takes_empty(arena, rules->pattern));
}

static bool nothing_is_listed(const ProtobufCBinaryData *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].len == 0)
            return true;
    return false;
}

static bool empty_keeps_bytes(struct arena *arena, const Buf__Validate__BytesRules *rules)
{
    bool has_form =
        rules->well_known_case != BUF__VALIDATE__BYTES_RULES__WELL_KNOWN__NOT_SET && rules->ip;

    return !has_form && (rules->pattern == NULL || pattern_takes_empty(arena, rules->pattern)) &&
           rules->len == 0 && rules->min_len == 0 && rules->const_.len == 0 &&
           rules->prefix.len == 0 && rules->suffix.len == 0 && rules->contains.len == 0 &&
           (rules->n_in == 0 || nothing_is_listed(rules->in, rules->n_in)) &&
           !nothing_is_listed(rules->not_in, rules->n_not_in);
}

static bool zero_is_listed(struct arena *arena, const ProtobufCMessage *rules, const char *name,
                           bool *ret_any)
{
    struct rule_value value;
    bool found = false;

    *ret_any = false;
    for (size_t i = 0; rule_value(arena, rules, name, i, &value); i++) {
        *ret_any = true;
        found |= value.number == 0;
    }
    return found;
}

static bool zero_keeps_low(const struct rule_value *low)
{
    return low->name[2] == 'e' ? low->number <= 0 : low->number < 0;
}

static bool zero_keeps_high(const struct rule_value *high)
{
    return high->name[2] == 'e' ? high->number >= 0 : high->number > 0;
}

static bool zero_keeps_bounds(struct arena *arena, const ProtobufCMessage *rules)
{
    struct rule_value low = {0}, high = {0};
    bool has_low = rule_either(arena, rules, "gt", "gte", &low);
    bool has_high = rule_either(arena, rules, "lt", "lte", &high);

    if (has_low && has_high && high.number < low.number)
        return zero_keeps_low(&low) || zero_keeps_high(&high);
    return (!has_low || zero_keeps_low(&low)) && (!has_high || zero_keeps_high(&high));
}

/* Of numbers and enums, whose rules are read by name. */
static bool zero_keeps_number(struct arena *arena, const ProtobufCMessage *rules)
{
    struct rule_value value;
    bool any;

    if (rule_value(arena, rules, "const", 0, &value) && value.number != 0)
        return false;
    if (!zero_is_listed(arena, rules, "in", &any) && any)
        return false;
    return !zero_is_listed(arena, rules, "not_in", &any) && zero_keeps_bounds(arena, rules);
}

bool zero_keeps_rules(struct model *model, enum field_type type,
                      const Buf__Validate__FieldRules *rules)
{
    if (rules == NULL || rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET)
        return true;
    switch (type) {
    case FIELD_STRING:
        return empty_keeps_string(model->arena, rules->string);
    case FIELD_BYTES:
        return empty_keeps_bytes(model->arena, rules->bytes);
    case FIELD_BOOL:
        return !rules->bool_->const_;
    case FIELD_MESSAGE:
        return true; /* an absent one is not looked at */
    default:
        /* Any member of the union is a pointer to a message. */
        return zero_keeps_number(model->arena, (const ProtobufCMessage *)rules->int32);
    }
}

bool field_ignores_zero(const struct model_field *field)
{
    if (field->rules != NULL && field->rules->has_ignore)
        return field->rules->ignore == BUF__VALIDATE__IGNORE__IGNORE_IF_ZERO_VALUE;
    return field->is_chosen;
}

bool field_must_be_set(struct model *model, const struct model_field *field)
{
    const Buf__Validate__FieldRules *rules = field->rules;

    if (rules == NULL || rules->ignore == BUF__VALIDATE__IGNORE__IGNORE_ALWAYS)
        return false;
    if (rules->required)
        return true;
    if (field_has_presence(field) || field_ignores_zero(field))
        return false;
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_REPEATED)
        return rules->repeated->min_items > 0;
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_MAP)
        return rules->map->min_pairs > 0;
    return !zero_keeps_rules(model, field->type, rules);
}

/* --- rules in words --- */

static const char *listed(struct arena *arena, const char *words, const char *more)
{
    return words == NULL ? more : arena_printf(arena, "%s; %s", words, more);
}

/* Without "must be", which the column's title says. */
static const char *shortened(const char *sentence)
{
    return strncmp(sentence, "must be ", 8) == 0 ? sentence + 8 : sentence;
}

static const char *value_name(struct arena *arena, const struct model_enum *enumeration,
                              int32_t number)
{
    const struct model_value *value = enum_value_of(enumeration, number);

    return value != NULL ? arena_printf(arena, "`%s`", value->name)
                         : arena_printf(arena, "%d", number);
}

static const char *enum_words(struct arena *arena, const struct model_enum *enumeration,
                              const Buf__Validate__EnumRules *rules)
{
    const char *words = rules->defined_only ? "one of the named values" : NULL;

    if (rules->has_const_)
        words = listed(arena, words, value_name(arena, enumeration, rules->const_));
    for (size_t i = 0; i < rules->n_in; i++)
        words = arena_printf(arena, "%s%s%s", words ? words : "",
                             i > 0   ? ", "
                             : words ? "; one of "
                                     : "one of ",
                             value_name(arena, enumeration, rules->in[i]));
    for (size_t i = 0; i < rules->n_not_in; i++)
        words =
            listed(arena, words,
                   arena_printf(arena, "not %s", value_name(arena, enumeration, rules->not_in[i])));
    return words;
}

/* What the sentences of the rules' violations say about one value. */
static const char *value_words(struct model *model, const struct model_field *field,
                               const struct model_field *value,
                               const Buf__Validate__FieldRules *rules)
{
    struct output body = {.arena = model->arena}, tables = {.arena = model->arena};
    struct rule_sentences sentences = {0};
    struct site site = {
        .model = model,
        .out = &body,
        .tables = &tables,
        .sentences = &sentences,
        .field = field,
        .location = field->rules_location,
        .type = value->type,
        .message = value->message,
        .enumeration = value->enumeration,
        .value = "value",
        .path = "NULL",
        .rules = "",
        .variable = "variable",
    };
    const char *words = NULL;

    if (rules != NULL && rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_ENUM &&
        value->enumeration != NULL)
        return enum_words(model->arena, value->enumeration, rules->enum_);
    emit_rules(&site, rules);
    buffer_free(&body.text);
    buffer_free(&tables.text);
    for (const struct rule_sentence *at = sentences.first; at != NULL; at = at->next) {
        if (strstr(at->rule, ".pattern") != NULL)
            words = listed(model->arena, words,
                           arena_printf(model->arena, "must match `%s`",
                                        at->sentence + strlen("must match the pattern ")));
        else if (strstr(at->rule, "_empty") == NULL) /* says what the next one says */
            words = listed(model->arena, words, shortened(at->sentence));
    }
    if (rules != NULL && rules->ignore == BUF__VALIDATE__IGNORE__IGNORE_IF_ZERO_VALUE &&
        words != NULL)
        words =
            arena_printf(model->arena, "%s (unless %s)", words,
                         value->type == FIELD_STRING || value->type == FIELD_BYTES ? "empty" : "0");
    return words;
}

static const char *counted(struct arena *arena, const char *words, const char *bound,
                           uint64_t count, const char *const nouns[2])
{
    return listed(arena, words,
                  arena_printf(arena, "%s %llu %s", bound, (unsigned long long)count,
                               nouns[count == 1 ? 0 : 1]));
}

static const char *count_words(struct arena *arena, const char *words, uint64_t least,
                               const uint64_t *most, const char *const nouns[2])
{
    if (least > 0)
        words = counted(arena, words, "at least", least, nouns);
    return most != NULL ? counted(arena, words, "at most", *most, nouns) : words;
}

static const char *element_words(struct model *model, const char *words,
                                 const struct model_field *field, const struct model_field *value,
                                 const Buf__Validate__FieldRules *rules, const char *noun)
{
    const char *more = NULL;

    if (rules != NULL && rules->ignore != BUF__VALIDATE__IGNORE__IGNORE_ALWAYS)
        more = value_words(model, field, value, rules);
    return more == NULL
               ? words
               : listed(model->arena, words, arena_printf(model->arena, "each %s: %s", noun, more));
}

static const char *list_words(struct model *model, const struct model_field *field,
                              const Buf__Validate__RepeatedRules *rules, const char *words)
{
    static const char *const nouns[] = {"item", "items"};
    struct model_field item = *field;

    item.repeated = false;
    words = count_words(model->arena, words, rules->min_items,
                        rules->has_max_items ? &rules->max_items : NULL, nouns);
    if (rules->unique)
        words = listed(model->arena, words, "no item twice");
    return element_words(model, words, field, &item, rules->items, "item");
}

static const char *map_words(struct model *model, const struct model_field *field,
                             const Buf__Validate__MapRules *rules, const char *words)
{
    static const char *const nouns[] = {"entry", "entries"};
    const struct model_message *entry = field->message;

    words = count_words(model->arena, words, rules->min_pairs,
                        rules->has_max_pairs ? &rules->max_pairs : NULL, nouns);
    words = element_words(model, words, field, &entry->fields[0], rules->keys, "key");
    return element_words(model, words, field, &entry->fields[1], rules->values, "value");
}

const char *describe_rules(struct model *model, const struct model_field *field)
{
    const Buf__Validate__FieldRules *rules = field->rules;
    const char *words, *more;

    if (rules == NULL || rules->ignore == BUF__VALIDATE__IGNORE__IGNORE_ALWAYS)
        return NULL;
    words = field_must_be_set(model, field) ? "required" : NULL;
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_REPEATED)
        return list_words(model, field, rules->repeated, words);
    if (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_MAP)
        return map_words(model, field, rules->map, words);
    more = value_words(model, field, field, rules);
    return more == NULL ? words : listed(model->arena, words, more);
}

static bool choice_has(const struct model_choice *choice, const struct model_field *field)
{
    for (size_t i = 0; i < choice->field_count; i++)
        if (choice->fields[i] == field)
            return true;
    return false;
}

static const char *choice_words(struct arena *arena, const char *words,
                                const struct model_choice *choice)
{
    const char *names = choice->required ? "exactly one of " : "at most one of ";

    for (size_t i = 0; i < choice->field_count; i++)
        names = arena_printf(arena, "%s%s`%s`", names, i > 0 ? ", " : "", choice->fields[i]->name);
    return listed(arena, words, names);
}

const char *describe_choice(struct arena *arena, const struct model_field *field)
{
    const struct model_message *message = field->parent;
    const char *words = NULL;

    if (field->oneof != NULL)
        words = arena_printf(arena, "%s of `%s`",
                             field->oneof->required ? "exactly one" : "at most one",
                             field->oneof->name);
    for (size_t i = 0; field->is_chosen && i < message->choice_count; i++)
        if (choice_has(&message->choices[i], field))
            words = choice_words(arena, words, &message->choices[i]);
    return words;
}

/* --- methods --- */

bool method_streams(const struct model_method *method)
{
    return method->request_streams || method->response_streams;
}

bool method_is_public(const struct model_method *method)
{
    return method->rules->access == ACCESS_PUBLIC;
}

const char *describe_access(const struct model *model, const struct model_method *method)
{
    return enum_comment(model, ACCESS_ENUM, (int32_t)method->rules->access);
}

const char *describe_shape(const struct model_method *method)
{
    if (method->request_streams && method->response_streams)
        return "a stream of requests, a stream of responses";
    if (method->request_streams)
        return "a stream of requests, one response";
    return method->response_streams ? "one request, a stream of responses"
                                    : "one request, one response";
}

static const char *period_words(struct arena *arena, uint32_t seconds)
{
    static const struct {
        uint32_t seconds;
        const char *one, *many;
    } units[] = {{86400, "a day", "days"}, {3600, "an hour", "hours"}, {60, "a minute", "minutes"}};

    if (seconds == 1)
        return "a second";
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (seconds == units[i].seconds)
            return units[i].one;
        if (seconds % units[i].seconds == 0)
            return arena_printf(arena, "in %u %s", seconds / units[i].seconds, units[i].many);
    }
    return arena_printf(arena, "in %u seconds", seconds);
}

static const char *describe_scope(const Waystone__Options__V1__RateLimit *rate)
{
    static const char *const names[] = {"", "address", "account", "API key"};

    return rate->scope < sizeof(names) / sizeof(names[0]) ? names[rate->scope] : "caller";
}

const char *describe_rate(struct arena *arena, const struct model_method *method)
{
    const Waystone__Options__V1__MethodRules *rules = method->rules;
    const char *words = NULL;

    for (size_t i = 0; i < rules->n_rate_limits; i++) {
        const Waystone__Options__V1__RateLimit *rate = rules->rate_limits[i];
        words = arena_printf(arena, "%s%s%u calls %s for each %s", words ? words : "",
                             words ? ", " : "", rate->calls,
                             period_words(arena, rate->period_seconds), describe_scope(rate));
    }
    return words;
}

const char *describe_time(struct arena *arena, const struct model_method *method)
{
    uint32_t limit = method->rules->timeout_ms;

    if (limit == 0)
        return method_streams(method) ? "not limited" : "the server's default (30 s)";
    return limit % 1000 == 0 ? arena_printf(arena, "at most %u s", limit / 1000)
                             : arena_printf(arena, "at most %u ms", limit);
}

const char *describe_size(struct arena *arena, const struct model_method *method)
{
    uint32_t limit = method->rules->max_request_bytes;

    return limit == 0 ? "the server's default (64 KiB)"
                      : arena_printf(arena, "at most %u bytes", limit);
}

const char *error_name(const struct model_method *method, size_t index)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &waystone__options__v1__error_code__descriptor, (int)method->rules->errors[index]);

    return value != NULL ? value->name + strlen("ERROR_CODE_") : "UNKNOWN";
}

const char *error_comment(const struct model *model, const struct model_method *method,
                          size_t index)
{
    return enum_comment(model, ERROR_ENUM, (int32_t)method->rules->errors[index]);
}

/* --- text --- */

const char *text_in_one_line(struct arena *arena, const char *text, const char *between)
{
    struct buffer out = {0};
    const char *line;

    for (; text != NULL && *text != '\0'; text++) {
        if (*text != '\n') {
            buffer_append_char(&out, *text);
            continue;
        }
        buffer_append_string(&out, text[1] == '\n' ? between : " ");
        while (text[1] == '\n')
            text++;
    }
    line = arena_strndup(arena, out.length ? (const char *)buffer_data(&out) : "", out.length);
    buffer_free(&out);
    return line;
}

const char *text_summary(struct arena *arena, const char *text)
{
    const char *end = text != NULL ? strstr(text, "\n\n") : NULL;

    return text_in_one_line(
        arena, end != NULL ? arena_strndup(arena, text, (size_t)(end - text)) : text, " ");
}
