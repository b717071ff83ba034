/* reflection.h - grpc.reflection.v1 and v1alpha: tools such as grpcurl ask the server for its
 * schemas. */
#ifndef WAYSTONE_SERVER_REFLECTION_H
#define WAYSTONE_SERVER_REFLECTION_H

#include <stddef.h>
#include <stdint.h>

struct rpc_server;

struct reflection_extension {
    const char *extendee; /* full name of a message; NULL ends a list */
    int32_t number;
};

struct reflection_file {
    const char *name;       /* "waystone/chat/v1/chat.proto" */
    const uint8_t *encoded; /* google.protobuf.FileDescriptorProto */
    size_t length;
    const char *const *dependencies; /* names of files; ends with NULL */
    const char *const *symbols;      /* full names it declares; ends with NULL */
    const struct reflection_extension *extensions;
};

/* The program's schemas; generated (gen/emit_descriptors.c). */
extern const struct reflection_file reflection_files[];
extern const size_t reflection_file_count;

/* Adds both services. Before the server starts, after all services it is to tell of. */
void reflection_serve(struct rpc_server *server);

#endif
