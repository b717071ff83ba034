/* check.h - is a request whole?
 *
 * protoc always sends whole descriptors. What comes from elsewhere, a fuzzer for one, is
 * refused here, so that the rest may rely on names and types being there. */
#ifndef WAYSTONE_GEN_CHECK_H
#define WAYSTONE_GEN_CHECK_H

#include <stdbool.h>

#include "google/protobuf/compiler/plugin.pb-c.h"

bool request_is_whole(const Google__Protobuf__Compiler__CodeGeneratorRequest *request);

#endif
