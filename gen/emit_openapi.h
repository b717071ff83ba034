/* emit_openapi.h - the schemas of an OpenAPI document. Private to emit_openapi*.c. */
#ifndef WAYSTONE_GEN_EMIT_OPENAPI_H
#define WAYSTONE_GEN_EMIT_OPENAPI_H

#include "gen/emit_docs.h"
#include "gen/json_output.h"

/* The members of components.schemas: one for each type, sorted by name. */
void emit_openapi_schemas(struct json *json, struct model *model, struct type_set *types);

/* {"$ref": "#/components/schemas/waystone.chat.v1.Message"} */
void emit_openapi_reference(struct json *json, const char *full_name);

#endif
