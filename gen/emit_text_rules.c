#include <string.h>

#include "gen/emit_rules.h"
#include "gen/names.h"
#include "gen/pattern.h"

#define PRINT(site, ...) arena_printf((site)->out->arena, __VA_ARGS__)

/* --- strings --- */

static const char *plural(const struct site *site, uint64_t count, const char *noun)
{
    return PRINT(site, "%llu %s%s", (unsigned long long)count, noun, count == 1 ? "" : "s");
}

/* One bound on a length: `operator` is what breaks it. */
static void emit_length(const struct site *site, const char *length, const char *operator,
                        uint64_t bound, const char *rule, const char *words, const char *noun)
{
    if ((*operator== '<' && bound == 0) || (*operator== '>' && bound == UINT64_MAX))
        return; /* always kept; compilers would warn */
    emit_violation(site, PRINT(site, "%s %s %lluu", length, operator,(unsigned long long) bound),
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

static void emit_pattern(const struct site *site, const char *text, const char *function,
                         const char *rule)
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
    emit_violation(site, PRINT(site, "!%s(%s, &%s)", function, site->value, name), rule,
                   PRINT(site, "must match the pattern %s", text));
}

void emit_string_list(const struct site *site, char *const *values, size_t count, const char *rule)
{
    bool wanted = strstr(rule, ".not_in") == NULL;
    const char *conditions = NULL, *words = NULL;

    for (size_t i = 0; i < count; i++) {
        conditions = site_joined(site, conditions,
                                 PRINT(site, "strcmp(%s, %s) %s 0", site->value,
                                       site_literal(site, values[i]), wanted ? "!=" : "=="),
                                 wanted ? "&&" : "||");
        words = site_listed(site, words, PRINT(site, "\"%s\"", values[i]));
    }
    if (conditions != NULL)
        emit_violation(site, conditions, rule, site_list_words(site, wanted, words));
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
    condition = PRINT(site, condition, site->value, site_literal(site, text));
#pragma GCC diagnostic pop
    emit_violation(site, condition, rule, PRINT(site, "must %s \"%s\"", words, text));
}

static void emit_string_texts(const struct site *site, const Buf__Validate__StringRules *rules)
{
    emit_text_rule(site, rules->prefix, "!validate_starts_with(%s, %s)", "string.prefix",
                   "start with");
    emit_text_rule(site, rules->suffix, "!validate_ends_with(%s, %s)", "string.suffix", "end with");
    emit_text_rule(site, rules->contains, "strstr(%s, %s) == NULL", "string.contains", "contain");
    emit_text_rule(site, rules->not_contains, "strstr(%s, %s) != NULL", "string.not_contains",
                   "not contain");
    emit_string_list(site, rules->in, rules->n_in, "string.in");
    emit_string_list(site, rules->not_in, rules->n_not_in, "string.not_in");
}

/* A well-known form. Of the empty value there is an id of its own, but of those forms that may
 * be empty. */
static void emit_form(const struct site *site, const char *empty, const char *invalid,
                      const char *id, const char *rule, const char *words)
{
    const char *sentence = PRINT(site, "must be %s", words);

    if (empty == NULL) {
        emit_violation_of(site, invalid, id, rule, sentence);
        return;
    }
    emit_violation_of(site, empty, PRINT(site, "%s_empty", id), rule,
                      PRINT(site, "%s, and is empty", sentence));
    emit(site->out, "%*selse\n", site->indent, "");
    emit_violation_of(site, invalid, id, rule, sentence);
}

static void emit_header_form(const struct site *site, const Buf__Validate__StringRules *rules)
{
    const char *strict = rules->has_strict && !rules->strict ? "false" : "true";
    const char *rule = "string.well_known_regex";

    if (rules->well_known_regex == BUF__VALIDATE__KNOWN_REGEX__KNOWN_REGEX_HTTP_HEADER_NAME)
        emit_form(site, PRINT(site, "*%s == '\\0'", site->value),
                  PRINT(site, "!validate_is_header_name(%s, %s)", site->value, strict),
                  "string.well_known_regex.header_name", rule, "an HTTP header name");
    else if (rules->well_known_regex == BUF__VALIDATE__KNOWN_REGEX__KNOWN_REGEX_HTTP_HEADER_VALUE)
        emit_form(site, NULL, PRINT(site, "!validate_is_header_value(%s, %s)", site->value, strict),
                  "string.well_known_regex.header_value", rule, "an HTTP header value");
    else if (rules->well_known_regex != BUF__VALIDATE__KNOWN_REGEX__KNOWN_REGEX_UNSPECIFIED)
        model_fail(site->model, site->location, "field '%s': well_known_regex %d is not enforced",
                   site->field->name, (int)rules->well_known_regex);
}

/* The name of the form that is set, which is that of its field; NULL: none. The members of the
 * oneof are of type bool but for one. */
static const char *form_name(const ProtobufCMessage *rules, unsigned number)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(rules->descriptor, number);

    return field != NULL && field->type == PROTOBUF_C_TYPE_BOOL ? field->name : NULL;
}

static void emit_string_form(const struct site *site, const Buf__Validate__StringRules *rules)
{
    static const struct {
        const char *name;
        const char *words;
    } forms[] = {
        {"email", "an e-mail address"},
        {"hostname", "a host name"},
        {"ip", "an IP address"},
        {"ipv4", "an IPv4 address"},
        {"ipv6", "an IPv6 address"},
        {"uri", "a URI"},
        {"uri_ref", "a URI reference"},
        {"address", "a host name or an IP address"},
        {"uuid", "a UUID"},
        {"tuuid", "a UUID without hyphens"},
        {"ulid", "a ULID"},
        {"ip_with_prefixlen", "an IP address with a prefix length"},
        {"ipv4_with_prefixlen", "an IPv4 address with a prefix length"},
        {"ipv6_with_prefixlen", "an IPv6 address with a prefix length"},
        {"ip_prefix", "an IP network"},
        {"ipv4_prefix", "an IPv4 network"},
        {"ipv6_prefix", "an IPv6 network"},
        {"host_and_port", "a host and a port"},
        {"protobuf_fqn", "a full name of Protobuf"},
        {"protobuf_dot_fqn", "a full name of Protobuf with a dot in front"},
    };
    const char *name = form_name(&rules->base, rules->well_known_case);

    if (rules->well_known_case == BUF__VALIDATE__STRING_RULES__WELL_KNOWN_WELL_KNOWN_REGEX)
        emit_header_form(site, rules);
    if (name == NULL || !rules->email)
        return;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *form = forms[i].name, *rule = PRINT(site, "string.%s", form);
        const char *empty = PRINT(site, "*%s == '\\0'", site->value);
        if (strcmp(form, name) == 0)
            emit_form(site, strcmp(form, "uri_ref") == 0 ? NULL : empty,
                      PRINT(site, "!validate_is_%s(%s)", form, site->value), rule, rule,
                      forms[i].words);
    }
}

void emit_string_rules(const struct site *site, const Buf__Validate__StringRules *rules)
{
    emit_text_rule(site, rules->const_, "strcmp(%s, %s) != 0", "string.const", "be");
    emit_string_lengths(site, rules);
    if (rules->pattern != NULL)
        emit_pattern(site, rules->pattern, "validate_matches", "string.pattern");
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
        conditions = site_joined(site, conditions,
                                 PRINT(site, "%svalidate_bytes_are(%s, %s)", wanted ? "!" : "",
                                       site->value, bytes_literal(site, values[i])),
                                 wanted ? "&&" : "||");
        words = site_listed(site, words, bytes_words(site, values[i]));
    }
    if (conditions != NULL)
        emit_violation(site, conditions, wanted ? "bytes.in" : "bytes.not_in",
                       site_list_words(site, wanted, words));
}

static void emit_bytes_form(const struct site *site, const Buf__Validate__BytesRules *rules)
{
    const char *length = PRINT(site, "%s.len", site->value), *words = "an IP address", *invalid;
    const char *name = form_name(&rules->base, rules->well_known_case), *rule;

    if (name == NULL || !rules->ip)
        return;
    switch (rules->well_known_case) {
    case BUF__VALIDATE__BYTES_RULES__WELL_KNOWN_IP:
        invalid = PRINT(site, "%s != 4 && %s != 16", length, length);
        break;
    case BUF__VALIDATE__BYTES_RULES__WELL_KNOWN_IPV4:
        invalid = PRINT(site, "%s != 4", length);
        words = "an IPv4 address";
        break;
    default:
        invalid = PRINT(site, "%s != 16", length);
        words = strcmp(name, "uuid") == 0 ? "a UUID" : "an IPv6 address";
        break;
    }
    rule = PRINT(site, "bytes.%s", name);
    emit_form(site, PRINT(site, "%s == 0", length), invalid, rule, rule,
              PRINT(site, "%s in bytes", words));
}

static void emit_bytes_lengths(const struct site *site, const Buf__Validate__BytesRules *rules)
{
    const char *length = PRINT(site, "%s.len", site->value);

    if (rules->has_len)
        emit_length(site, length, "!=", rules->len, "bytes.len", "", "byte");
    if (rules->has_min_len)
        emit_length(site, length, "<", rules->min_len, "bytes.min_len", "at least ", "byte");
    if (rules->has_max_len)
        emit_length(site, length, ">", rules->max_len, "bytes.max_len", "at most ", "byte");
}

void emit_bytes_rules(const struct site *site, const Buf__Validate__BytesRules *rules)
{
    if (rules->has_const_)
        emit_bytes_rule(site, rules->const_, "validate_bytes_are", "bytes.const", "be");
    emit_bytes_lengths(site, rules);
    if (rules->pattern != NULL)
        emit_pattern(site, rules->pattern, "validate_bytes_match", "bytes.pattern");
    if (rules->has_prefix)
        emit_bytes_rule(site, rules->prefix, "validate_bytes_start", "bytes.prefix", "start with");
    if (rules->has_suffix)
        emit_bytes_rule(site, rules->suffix, "validate_bytes_end", "bytes.suffix", "end with");
    if (rules->has_contains)
        emit_bytes_rule(site, rules->contains, "validate_bytes_contain", "bytes.contains",
                        "contain");
    emit_bytes_list(site, rules->in, rules->n_in, true);
    emit_bytes_list(site, rules->not_in, rules->n_not_in, false);
    emit_bytes_form(site, rules);
}
