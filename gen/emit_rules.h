/* emit_rules.h - the conditions that one value has to meet. Private to emit_validate.c,
 * emit_rules.c and describe.c. */
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
    const char *variable; /* prefix of the tables' names */
    int indent;
};

/* `if (condition)` and the violation. Sentence without quotes or escapes. */
void emit_violation(const struct site *site, const char *condition, const char *rule,
                    const char *sentence);

/* The rules of the value's type. Required, ignore and presence are the caller's. */
void emit_rules(const struct site *site, const Buf__Validate__FieldRules *rules);

/* The scalar in a google.protobuf.StringValue and its like; 0: it is no wrapper. */
enum field_type message_wrapped_type(const struct model_message *message);

#endif
