/* emit_scopes.h - the scopes of API keys as C. */
#ifndef WAYSTONE_GEN_EMIT_SCOPES_H
#define WAYSTONE_GEN_EMIT_SCOPES_H

#include "gen/model.h"
#include "gen/output.h"

/* scopes.c: every scope of the wanted files by name, with the methods it opens. */
void emit_scopes(struct output *out, const struct model *model);

#endif
