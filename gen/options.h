/* options.h - custom options, which reach a plugin as unknown fields.
 *
 * protoc writes an option set in parts, `(x).a = 1, (x).b = 2`, as several occurrences of the
 * extension; they are merged as protobuf prescribes. */
#ifndef WAYSTONE_GEN_OPTIONS_H
#define WAYSTONE_GEN_OPTIONS_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

/* The extension of the options message, decoded into the arena; NULL when absent. Sets
 * `*reterr` when its bytes are not a message of that type. `options` may be NULL. */
const ProtobufCMessage *options_extension(struct arena *arena, const ProtobufCMessage *options,
                                          unsigned number,
                                          const ProtobufCMessageDescriptor *descriptor,
                                          const char **reterr);

/* The number of a field that the message's type does not declare, at any depth; 0: none. */
unsigned options_unknown_field(const ProtobufCMessage *message);

#endif
