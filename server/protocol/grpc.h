/* grpc.h - what gRPC and gRPC-Web share. */
#ifndef WAYSTONE_SERVER_PROTOCOL_GRPC_H
#define WAYSTONE_SERVER_PROTOCOL_GRPC_H

#include "server/protocol/protocol.h"

/* Reads grpc-timeout and grpc-encoding. */
enum status grpc_open(struct wire *wire, const struct exchange *exchange,
                      const struct rpc_method *method, const char **reterr);

/* Appends content type, compression and the handler's headers. */
void grpc_add_head(struct metadata *head, const struct wire *wire, const struct metadata *headers);

/* Appends grpc-status, grpc-message and details, then the handler's trailers. */
void grpc_add_status(struct metadata *out, struct arena *arena, const struct outcome *outcome,
                     const struct metadata *trailers);

#endif
