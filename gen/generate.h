/* generate.h - from protoc's request to its response; all of the generator but its stdin. */
#ifndef WAYSTONE_GEN_GENERATE_H
#define WAYSTONE_GEN_GENERATE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

/* Appends an encoded google.protobuf.compiler.CodeGeneratorResponse; what is wrong with the
 * schemas is its `error`. INVALID_ARGUMENT if the request is not a whole
 * CodeGeneratorRequest.
 *
 * Parameters, separated by commas:
 *   only=<path>       write the output of that file alone, with the names chosen as if for all
 *   emit=c            C (the default); emit=docs: Markdown, a page a package and README.md;
 *                     emit=openapi: one openapi.json
 *   title=, version=  of the OpenAPI document */
enum status generate(const void *data, size_t length, struct buffer *out) MUST_CHECK;

#endif
