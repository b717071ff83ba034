/* emit.h - the sections of the output; each writes one file or one part of it. */
#ifndef WAYSTONE_GEN_EMIT_H
#define WAYSTONE_GEN_EMIT_H

#include "gen/model.h"
#include "gen/output.h"

/* <stem>.h: enums and structs. */
void emit_messages_header(struct output *out, const struct model_file *file);

/* <stem>.c: descriptors, JSON tables, validation. Rules that cannot be enforced become errors
 * of the model. */
void emit_messages_source(struct output *out, struct model *model, const struct model_file *file);

/* The part of <stem>.c that checks one message: its `<Type>_validate`, when it validates. */
void emit_validate(struct output *out, struct model *model, const struct model_message *message);

/* <stem>_service.h and .c: the server's side of services. */
void emit_service_header(struct output *out, const struct model_file *file);
void emit_service_source(struct output *out, const struct model_file *file);

/* <stem>_client.h and .c: the caller's side. */
void emit_client_header(struct output *out, const struct model_file *file);
void emit_client_source(struct output *out, const struct model_file *file);

/* --- parts several share --- */

/* The comment on top of a file. `what` completes "chat_service.h - "; NULL: nothing known. */
void emit_head(struct output *out, const struct model_file *file, const char *what);

/* #ifndef, #define; and its end. */
void emit_guard_open(struct output *out);
void emit_guard_close(struct output *out);

#endif
