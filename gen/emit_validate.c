#include <string.h>

#include "gen/emit.h"
#include "gen/emit_rules.h"

#define PRINT(site, ...) arena_printf((site)->out->arena, __VA_ARGS__)

/* --- presence --- */

/* A condition that holds when the field is set: present, or not its type's zero value. */
static const char *set_condition(struct output *out, const struct model_field *field)
{
    const char *name = field->c_name;

    if (field->repeated)
        return arena_printf(out->arena, "message->n_%s > 0", name);
    if (field->oneof != NULL)
        return arena_printf(out->arena, "message->%s_case == %s", field->oneof->c_name,
                            field->case_value);
    if (field_has_flag(field))
        return arena_printf(out->arena, "message->has_%s", name);
    if (field_has_presence(field))
        return arena_printf(out->arena, "message->%s != NULL", name);
    if (field->type == FIELD_STRING)
        return arena_printf(out->arena, "*message->%s != '\\0'", name);
    if (field->type == FIELD_BYTES)
        return arena_printf(out->arena, "message->%s.len > 0", name);
    if (field->type == FIELD_FLOAT || field->type == FIELD_DOUBLE)
        return arena_printf(out->arena, "validate_is_set(message->%s)", name);
    return arena_printf(out->arena, "message->%s != 0", name);
}

static bool is_ignored(const Buf__Validate__FieldRules *rules, Buf__Validate__Ignore when)
{
    return rules != NULL && rules->has_ignore && rules->ignore == when;
}

static bool always_ignored(const Buf__Validate__FieldRules *rules)
{
    return is_ignored(rules, BUF__VALIDATE__IGNORE__IGNORE_ALWAYS);
}

static bool zero_ignored(const Buf__Validate__FieldRules *rules)
{
    return is_ignored(rules, BUF__VALIDATE__IGNORE__IGNORE_IF_ZERO_VALUE);
}

/* A field of a choice has rules only when it is chosen, unless it says itself when. */
static bool field_zero_ignored(const struct model_field *field)
{
    bool says = field->rules != NULL && field->rules->has_ignore;

    return says ? zero_ignored(field->rules) : field->is_chosen;
}

/* --- one value --- */

/* A buffer for a part that may turn out empty. */
static struct output part_open(const struct output *out)
{
    return (struct output){.arena = out->arena, .path = out->path};
}

static void part_close(struct output *out, struct output *part)
{
    buffer_append(&out->text, part->text.length ? buffer_data(&part->text) : (uint8_t *)"",
                  part->text.length);
    buffer_free(&part->text);
}

/* The rules of one value and, of a message, those inside it. */
static void emit_value(const struct site *site, const Buf__Validate__FieldRules *rules)
{
    if (site->message != NULL && site->message->validates) {
        if (strcmp(site->path, "NULL") == 0)
            emit(site->out, "%*smessage_validate(&%s->base, violations);\n", site->indent, "",
                 site->value);
        else
            emit(site->out, "%*sviolations_check(violations, %s, &%s->base);\n", site->indent, "",
                 site->path, site->value);
    }
    emit_rules(site, rules);
}

static struct site site_of(struct model *model, struct output *out, struct output *tables,
                           const struct model_field *field)
{
    return (struct site){
        .model = model,
        .out = out,
        .tables = tables,
        .field = field,
        .location = field->rules_location,
        .type = field->type,
        .message = field->message,
        .enumeration = field->enumeration,
        .value = arena_printf(out->arena, "message->%s", field->c_name),
        .path = arena_printf(out->arena, "\"%s\"", field->name),
        .rules = "",
        .variable = arena_printf(out->arena, "%s_%s", field->parent->c_name, field->c_name),
        .indent = 4,
    };
}

/* Writes `body`, at the indent it was made for, under a condition. */
static void emit_guarded(struct output *out, int indent, const char *condition, struct output *body)
{
    if (body->text.length > 0) {
        emit(out, "%*sif (%s) {\n", indent, "", condition);
        part_close(out, body);
        emit(out, "%*s}\n", indent, "");
    }
    buffer_free(&body->text);
}

static void emit_required(const struct site *site, const char *set, struct output *body)
{
    const char *unset = PRINT(site, "!(%s)", set);

    emit_violation(site, unset, "required", "is required");
    if (body->text.length > 0) {
        emit(site->out, "%*selse {\n", site->indent, "");
        part_close(site->out, body);
        emit(site->out, "%*s}\n", site->indent, "");
    }
    buffer_free(&body->text);
}

/* --- items, keys and values --- */

static void check_element_rules(const struct site *site, const Buf__Validate__FieldRules *rules,
                                const char *what)
{
    if (rules != NULL && rules->has_required)
        model_fail(site->model, site->location,
                   "field '%s': required is not enforced on %s, which are always there",
                   site->field->name, what);
    if (rules != NULL && (rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_REPEATED ||
                          rules->type_case == BUF__VALIDATE__FIELD_RULES__TYPE_MAP))
        model_fail(site->model, site->location, "field '%s': %s are neither repeated nor maps",
                   site->field->name, what);
}

/* An element with its own zero value is left out when the rules say so. */
static const char *element_condition(const struct site *site,
                                     const Buf__Validate__FieldRules *rules)
{
    if (site->message != NULL || !zero_ignored(rules))
        return NULL;
    if (site->type == FIELD_STRING)
        return PRINT(site, "*%s != '\\0'", site->value);
    if (site->type == FIELD_BYTES)
        return PRINT(site, "%s.len > 0", site->value);
    return PRINT(site, "%s != 0", site->value);
}

static void emit_element(const struct site *site, const Buf__Validate__FieldRules *rules,
                         const char *what)
{
    struct site inner = *site;
    struct output body = part_open(site->out);
    const char *condition = element_condition(site, rules);

    check_element_rules(site, rules, what);
    if (always_ignored(rules))
        return;
    if (site->message != NULL && strcmp(what, "values") == 0)
        condition = PRINT(site, "%s != NULL", site->value);
    inner.out = &body;
    inner.indent += condition ? 4 : 0;
    emit_value(&inner, rules);
    if (condition != NULL)
        emit_guarded(site->out, site->indent, condition, &body);
    else
        part_close(site->out, &body);
}

/* A loop over a list or map around `body`. */
static void emit_loop(const struct site *site, const char *entry, const char *step,
                      struct output *body)
{
    struct output *out = site->out;
    const char *name = site->field->c_name;

    if (body->text.length > 0) {
        emit(out, "%*sfor (size_t i = 0; i < message->n_%s; i++) {\n", site->indent, "", name);
        if (entry != NULL)
            emit(out, "%*s%s\n", site->indent + 4, "", entry);
        emit(out, "%*sstruct violation_path step = {.field = %s, %s};\n\n", site->indent + 4, "",
             site->path, step);
        emit(out, "%*sviolations_enter(violations, &step);\n", site->indent + 4, "");
        part_close(out, body);
        emit(out, "%*sviolations_leave(violations);\n%*s}\n", site->indent + 4, "", site->indent,
             "");
    }
    buffer_free(&body->text);
}

/* --- lists --- */

static void emit_count(const struct site *site, const char *operator, uint64_t bound,
                       const char *rule, const char *words, const char *noun)
{
    if ((*operator== '<' && bound == 0) || (*operator== '>' && bound == UINT64_MAX))
        return; /* always kept; compilers would warn */
    emit_violation(site,
                   PRINT(site, "message->n_%s %s %lluu",
                         site->field->c_name, operator,(unsigned long long) bound),
                   rule,
                   PRINT(site, "must have %s %llu %s", words, (unsigned long long)bound, noun));
}

static void emit_unique(const struct site *site)
{
    const char *name = site->field->c_name;
    const char *items = PRINT(site, "message->%s, message->n_%s", name, name);
    const char *condition;

    switch (site->type) {
    case FIELD_MESSAGE:
        model_fail(site->model, site->location, "field '%s': unique is not enforced on messages",
                   site->field->name);
        return;
    case FIELD_STRING:
        condition = "!validate_unique_strings(violations->arena, %s)";
        break;
    case FIELD_BYTES:
        condition = "!validate_unique_bytes(violations->arena, %s)";
        break;
    case FIELD_FLOAT:
        condition = "!validate_unique_floats(violations->arena, %s)";
        break;
    case FIELD_DOUBLE:
        condition = "!validate_unique_doubles(violations->arena, %s)";
        break;
    default:
        condition = "!validate_unique(violations->arena, %s,\n%*ssizeof(*message->%s))";
        break;
    }
    /* The formats are those above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    condition = PRINT(site, condition, items, site->indent + 21, "", name);
#pragma GCC diagnostic pop
    emit_violation(site, condition, "repeated.unique", "must not have an item twice");
}

static void emit_list(const struct site *site, const Buf__Validate__RepeatedRules *rules)
{
    struct output body = part_open(site->out);
    struct site item = *site;

    if (rules != NULL && rules->has_min_items)
        emit_count(site, "<", rules->min_items, "repeated.min_items", "at least", "item(s)");
    if (rules != NULL && rules->has_max_items)
        emit_count(site, ">", rules->max_items, "repeated.max_items", "at most", "item(s)");
    if (rules != NULL && rules->unique)
        emit_unique(site);
    item.out = &body;
    item.indent += 4;
    item.value = PRINT(site, "message->%s[i]", site->field->c_name);
    item.path = "NULL";
    item.rules = "repeated.items.";
    item.variable = PRINT(site, "%s_items", site->variable);
    emit_element(&item, rules ? rules->items : NULL, "items");
    emit_loop(site, NULL, ".step = VIOLATION_INDEX, .number = i", &body);
}

/* --- maps --- */

static const char *key_step(enum field_type type)
{
    switch (type) {
    case FIELD_STRING:
        return ".step = VIOLATION_STRING_KEY, .text = entry->key";
    case FIELD_BOOL:
        return ".step = VIOLATION_BOOL_KEY, .number = entry->key != 0";
    case FIELD_UINT32:
    case FIELD_UINT64:
    case FIELD_FIXED32:
    case FIELD_FIXED64:
        return ".step = VIOLATION_UINT_KEY, .number = entry->key";
    default:
        return ".step = VIOLATION_INT_KEY, .number = (uint64_t)entry->key";
    }
}

/* The site of an entry's key or value. */
static struct site entry_site(const struct site *site, struct output *body,
                              const struct model_field *part)
{
    struct site inner = *site;

    inner.out = body;
    inner.indent += 4;
    inner.type = part->type;
    inner.message = part->message;
    inner.enumeration = part->enumeration;
    inner.value = PRINT(site, "entry->%s", part->c_name);
    inner.path = "NULL";
    inner.rules = part->number == 1 ? "map.keys." : "map.values.";
    inner.variable = PRINT(site, "%s_%s", site->variable, part->name);
    return inner;
}

static void emit_map(const struct site *site, const Buf__Validate__MapRules *rules)
{
    const struct model_message *entry = site->field->message;
    struct output body = part_open(site->out);
    struct site key = entry_site(site, &body, &entry->fields[0]);
    struct site value = entry_site(site, &body, &entry->fields[1]);

    if (rules != NULL && rules->has_min_pairs)
        emit_count(site, "<", rules->min_pairs, "map.min_pairs", "at least", "entries");
    if (rules != NULL && rules->has_max_pairs)
        emit_count(site, ">", rules->max_pairs, "map.max_pairs", "at most", "entries");
    emit_element(&key, rules ? rules->keys : NULL, "keys");
    emit_element(&value, rules ? rules->values : NULL, "values");
    emit_loop(site,
              PRINT(site, "const %s *entry = message->%s[i];", entry->c_name, site->field->c_name),
              key_step(entry->fields[0].type), &body);
}

/* --- fields --- */

static bool fits_shape(const struct model_field *field)
{
    Buf__Validate__FieldRules__TypeCase type = field->rules->type_case;
    bool of_list = type == BUF__VALIDATE__FIELD_RULES__TYPE_REPEATED;
    bool of_map = type == BUF__VALIDATE__FIELD_RULES__TYPE_MAP;

    if (type == BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET)
        return true;
    if (field_is_map(field))
        return of_map;
    return field->repeated ? of_list : !of_list && !of_map;
}

static void emit_field_body(const struct site *site)
{
    const Buf__Validate__FieldRules *rules = site->field->rules;
    bool typed = rules != NULL && rules->type_case != BUF__VALIDATE__FIELD_RULES__TYPE__NOT_SET;

    if (field_is_map(site->field))
        emit_map(site, typed ? rules->map : NULL);
    else if (site->field->repeated)
        emit_list(site, typed ? rules->repeated : NULL);
    else
        emit_value(site, rules);
}

static void emit_field(struct model *model, struct output *out, struct output *tables,
                       const struct model_field *field)
{
    const Buf__Validate__FieldRules *rules = field->rules;
    bool required = rules != NULL && rules->required;
    bool conditional = required || field_has_presence(field) || field_zero_ignored(field);
    struct output body = part_open(out);
    struct site site = site_of(model, out, tables, field);
    struct site inner = site;

    if (always_ignored(rules))
        return;
    if (rules != NULL && !fits_shape(field)) {
        model_fail(model, field->rules_location,
                   "field '%s': its rules are of another type than the field", field->name);
        return;
    }
    inner.out = &body;
    inner.indent += conditional ? 4 : 0;
    emit_field_body(&inner);
    if (required)
        emit_required(&site, set_condition(out, field), &body);
    else if (conditional)
        emit_guarded(out, 4, set_condition(out, field), &body);
    else
        part_close(out, &body);
}

static void emit_required_oneof(struct output *out, const struct model_oneof *oneof)
{
    emit(out, "    if (message->%s_case == %s)\n", oneof->c_name, oneof->none);
    emit(out, "        violations_add(violations, \"%s\", \"required\", \"\", \"is required\");\n",
         oneof->name);
}

/* "a, b": the fields of a choice. */
static const char *choice_words(struct output *out, const struct model_choice *choice)
{
    const char *words = "";

    for (size_t i = 0; i < choice->field_count; i++)
        words =
            arena_printf(out->arena, "%s%s%s", words, i > 0 ? ", " : "", choice->fields[i]->name);
    return words;
}

/* Counts the fields that are set. */
static void emit_choice(struct output *out, const struct model_choice *choice)
{
    const char *words = choice_words(out, choice);
    const char *arguments[] = {
        "violations",
        "NULL",
        "\"message.oneof\"",
        "\"\"",
        arena_printf(out->arena, "\"must have %s one of %s\"",
                     choice->required ? "exactly" : "at most", words),
    };

    emit(out, "    if (");
    for (size_t i = 0; i < choice->field_count; i++)
        emit(out, "%s(%s)", i > 0 ? " +\n            " : "", set_condition(out, choice->fields[i]));
    emit(out, " %s 1)\n", choice->required ? "!=" : ">");
    emit_call(out, "        violations_add(", arguments, 5, ");\n");
}

void emit_validate(struct output *out, struct model *model, const struct model_message *message)
{
    const char *arguments[] = {"const ProtobufCMessage *base", "struct violations *violations"};
    struct output body = part_open(out);
    const char *name = message->c_name;

    if (!message->validates)
        return;
    for (size_t i = 0; i < message->field_count; i++)
        emit_field(model, &body, out, &message->fields[i]);
    for (size_t i = 0; i < message->choice_count; i++)
        emit_choice(&body, &message->choices[i]);
    for (size_t i = 0; i < message->oneof_count; i++)
        if (message->oneofs[i].required)
            emit_required_oneof(&body, &message->oneofs[i]);
    emit_call(out, arena_printf(out->arena, "static void %s_validate(", name), arguments, 2,
              ")\n{\n");
    if (body.text.length > 0)
        emit(out, "    const %s *message = (const %s *)base;\n\n", name, name);
    else /* its rules always hold */
        emit(out, "    (void)base;\n    (void)violations;\n");
    part_close(out, &body);
    emit(out, "}\n\n");
}
