/* violations.h - broken rules as buf.validate.Violations, the detail that every protovalidate
 * reads: fields and rules by number and name, map keys and places in lists by value. */
#ifndef WAYSTONE_SERVER_VIOLATIONS_H
#define WAYSTONE_SERVER_VIOLATIONS_H

#include "base/buffer.h"
#include "server/protocol/message.h"

#define VIOLATIONS_TYPE_NAME "buf.validate.Violations"

/* Appends the encoded message. Scratch memory comes from the violations' arena. */
void violations_encode(const struct violations *violations, struct buffer *out);

#endif
