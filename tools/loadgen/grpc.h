/* grpc.h - messages in and out of the bytes of a stream. */
#ifndef WAYSTONE_TOOLS_LOADGEN_GRPC_H
#define WAYSTONE_TOOLS_LOADGEN_GRPC_H

#include "base/arena.h"
#include "base/buffer.h"
#include "server/protocol/message.h"

#define GRPC_CONTENT_TYPE "application/grpc+proto"

/* Appends the message in its 5-byte envelope. */
void grpc_write(struct buffer *out, const ProtobufCMessage *message);

/* Decodes the first message and takes it from the buffer; NULL if it is not whole yet. Ends
 * the program if it is malformed. */
ProtobufCMessage *grpc_take(struct buffer *received, struct arena *arena,
                            const struct message_type *type);

#endif
