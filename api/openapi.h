/* openapi.h - the whole API as an OpenAPI document; made from the schemas by the build. */
#ifndef WAYSTONE_API_OPENAPI_H
#define WAYSTONE_API_OPENAPI_H

#include <stddef.h>

extern const char openapi_json[];
extern const size_t openapi_json_length;

#endif
