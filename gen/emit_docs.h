/* emit_docs.h - the documents made of a whole set of schemas. */
#ifndef WAYSTONE_GEN_EMIT_DOCS_H
#define WAYSTONE_GEN_EMIT_DOCS_H

#include "gen/model.h"
#include "gen/output.h"

/* --- Markdown --- */

/* <package>.md: the services of a package and their types. */
void emit_docs_page(struct output *out, struct model *model, const char *package);

/* README.md: the pages, and what is the same for every method. */
void emit_docs_index(struct output *out, struct model *model);

/* Whether a wanted file of the package has services: it has a page. */
bool package_has_page(const struct model *model, const char *package);

/* --- OpenAPI 3.1 --- */

struct openapi_info {
    const char *title;
    const char *version;
};

/* openapi.json: every method of the wanted files. */
void emit_openapi(struct output *out, struct model *model, const struct openapi_info *info);

/* The types that methods reach, in the order of the model. */
struct type_set {
    const struct model_message **messages;
    size_t message_count;
    const struct model_enum **enums;
    size_t enum_count;
};

/* Those a message reaches are added, itself included; map entries are not types. */
void type_set_add(struct model *model, struct type_set *set, const struct model_message *message);
bool type_set_has_message(const struct type_set *set, const struct model_message *message);
bool type_set_has_enum(const struct type_set *set, const struct model_enum *enumeration);

#endif
