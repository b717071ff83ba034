/* emit_rules.h - the conditions that one value has to meet. Private to emit_validate.c,
 * emit_rules.c, emit_text_rules.c and describe.c. */
#ifndef WAYSTONE_GEN_EMIT_RULES_H
#define WAYSTONE_GEN_EMIT_RULES_H

#include "gen/model.h"
#include "gen/output.h"

/* What broken rules say, collected for documents. */
struct rule_sentence {
    const char *rule, *sentence;
    struct rule_sentence *next;
};
struct rule_sentences {
    struct rule_sentence *first, *last;
};

/* One value of the message being checked. */
struct site {
    struct model *model;
    struct output *out;               /* the function's body */
    struct output *tables;            /* what stands in front of the function */
    struct rule_sentences *sentences; /* added to, unless NULL */
    const struct model_field *field;  /* that the value belongs to */
    struct location location;         /* of its rules */
    enum field_type type;             /* of the value */
    const struct model_message *message;
    const struct model_enum *enumeration;
    const char *value;    /* C expression; of messages a pointer */
    const char *path;     /* C expression of the field's name in violations; "NULL" in items */
    const char *rules;    /* way to the rules in FieldRules: "", "repeated.items.", ... */
    const char *variable; /* prefix of the tables' names */
    int indent;
};

/* `if (condition)` and the violation. The rule is its id and its way from the site's rules. */
void emit_violation(const struct site *site, const char *condition, const char *rule,
                    const char *sentence);

/* The same for a rule whose id is not its way. */
void emit_violation_of(const struct site *site, const char *condition, const char *id,
                       const char *rule, const char *sentence);

/* The text as a literal in C. */
const char *site_literal(const struct site *site, const char *text);

/* "EXPR == 1 ||\n EXPR == 2": one comparison a line, so that no list is too wide. The list is
 * NULL at first. */
const char *site_joined(const struct site *site, const char *list, const char *comparison,
                        const char *operator);

/* "1, 2". The words are NULL at first. */
const char *site_listed(const struct site *site, const char *words, const char *word);

/* "must be 1", "must not be one of 1, 2". */
const char *site_list_words(const struct site *site, bool wanted, const char *words);

/* Rules of texts and bytes: emit_text_rules.c. */
void emit_string_rules(const struct site *site, const Buf__Validate__StringRules *rules);
void emit_bytes_rules(const struct site *site, const Buf__Validate__BytesRules *rules);

/* A rule "....in" or "....not_in" of a text. */
void emit_string_list(const struct site *site, char *const *values, size_t count, const char *rule);

/* The rules of the value's type. Required, ignore and presence are the caller's. */
void emit_rules(const struct site *site, const Buf__Validate__FieldRules *rules);

/* The scalar in a google.protobuf.StringValue and its like; 0: it is no wrapper. */
enum field_type message_wrapped_type(const struct model_message *message);

#endif
