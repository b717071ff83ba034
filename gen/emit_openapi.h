/* emit_openapi.h - the schemas of an OpenAPI document. Private to emit_openapi*.c. */
#ifndef WAYSTONE_GEN_EMIT_OPENAPI_H
#define WAYSTONE_GEN_EMIT_OPENAPI_H

#include "gen/emit_docs.h"
#include "gen/json_output.h"

/* The members of components.schemas: one for each type, sorted by name. */
void emit_openapi_schemas(struct json *json, struct model *model, struct type_set *types);

/* {"$ref": "#/components/schemas/waystone.chat.v1.Message"} */
void emit_openapi_reference(struct json *json, const char *full_name);

/* --- emit_openapi_value.c --- */

/* The members of the schema of a field's one value, or of an item, key or entry of it, that keeps
 * the rules; NULL: none. */
void emit_openapi_value(struct json *json, struct model *model, const struct model_field *value,
                        const Buf__Validate__FieldRules *rules, bool zero_is_ignored);

bool openapi_is_unsigned(enum field_type type);

/* The zero value of the field's type in JSON. */
const char *openapi_zero(struct model *model, const struct model_field *value);

#endif
