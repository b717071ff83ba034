/* describe.h - a schema in words, for emit_docs.c and emit_openapi*.c.
 *
 * Texts are Markdown. Rules are told with the sentences of their violations, so that what is
 * documented is what a caller will read when the rule is broken. */
#ifndef WAYSTONE_GEN_DESCRIBE_H
#define WAYSTONE_GEN_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>

#include "gen/emit_rules.h"
#include "gen/model.h"

/* --- fields --- */

/* "at least 2 characters; at most 24 characters"; NULL without rules. */
const char *describe_rules(struct model *model, const struct model_field *field);

/* "exactly one of `a`, `b`": of the field's oneof, or of the rules of its message that name it;
 * NULL: it is in none. */
const char *describe_choice(struct arena *arena, const struct model_field *field);

/* Whether the field's rules are not looked at while it has its type's zero value. */
bool field_ignores_zero(const struct model_field *field);

/* Whether a message without the field breaks the field's rules. */
bool field_must_be_set(struct model *model, const struct model_field *field);

/* Whether the zero value of the field's type, or of its items, keeps the rules. */
bool zero_keeps_rules(struct model *model, enum field_type type,
                      const Buf__Validate__FieldRules *rules);

bool message_is(const struct model_message *message, const char *full_name);

/* Those of protobuf with a JSON form of their own. */
bool message_is_wellknown(const struct model_message *message);

const struct model_value *enum_value_of(const struct model_enum *enumeration, int32_t number);

/* --- methods --- */

const char *describe_access(const struct model *model, const struct model_method *method);
const char *describe_shape(const struct model_method *method);
/* "600 calls a minute for each account, 100 calls a minute for each API key"; NULL: not limited. */
const char *describe_rate(struct arena *arena, const struct model_method *method);
/* "at most 10 s". */
const char *describe_time(struct arena *arena, const struct model_method *method);
const char *describe_size(struct arena *arena, const struct model_method *method);

bool method_streams(const struct model_method *method);
bool method_is_public(const struct model_method *method);

/* "NOT_FOUND", and what it means; `index` counts those the method lists. */
const char *error_name(const struct model_method *method, size_t index);
const char *error_comment(const struct model *model, const struct model_method *method,
                          size_t index);

/* --- text --- */

/* Lines joined by blanks, paragraphs by `between`; "" for NULL. */
const char *text_in_one_line(struct arena *arena, const char *text, const char *between);

/* The first paragraph in one line. */
const char *text_summary(struct arena *arena, const char *text);

#endif
