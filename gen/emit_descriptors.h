/* emit_descriptors.h - the schemas themselves as C, for reflection. */
#ifndef WAYSTONE_GEN_EMIT_DESCRIPTORS_H
#define WAYSTONE_GEN_EMIT_DESCRIPTORS_H

#include "gen/model.h"
#include "gen/output.h"

/* descriptors.c: every file of the request, those it depends on included, with the names and
 * extensions each declares. */
void emit_descriptors(struct output *out,
                      const Google__Protobuf__Compiler__CodeGeneratorRequest *request);

#endif
