/* server.h - the RPC server: its services, its interceptors, its defaults.
 *
 * Filled by main.c before the loops start and read-only afterwards, so that loops share it
 * without locks. */
#ifndef WAYSTONE_SERVER_SERVER_H
#define WAYSTONE_SERVER_SERVER_H

#include "server/rpc.h"

/* One step around every call, composed at the start: first added, first run. */
struct rpc_interceptor {
    const char *name;
    /* Before the handler, on the call's coroutine; may suspend. Anything but STATUS_OK ends
     * the call with it. NULL: nothing to do. */
    enum status (*before)(struct rpc_call *call, void *user);
    /* Once, when the call has ended, whatever ended it (also when a `before` refused it), in
     * reverse order. Loop's stack or coroutine; must not suspend. NULL: nothing to do. */
    void (*after)(struct rpc_call *call, enum status status, void *user);
    void *user;
};

struct rpc_server_config {
    uint32_t default_timeout_ms;
    uint32_t max_request_bytes;
    size_t request_memory_bytes; /* of all requests at a time that are not small; 0: the default */
};

struct rpc_server *rpc_server_new(const struct rpc_server_config *config);
void rpc_server_free(struct rpc_server *server);

/* Names the app whose handlers serve the calls of the calling thread's loop: each loop has its
 * own database pool, so each has its own struct app. */
void rpc_server_attach_loop(struct rpc_server *server, struct app *app);

void rpc_server_add_interceptor(struct rpc_server *server,
                                const struct rpc_interceptor *interceptor);

/* The registered services, for metrics and reflection. */
const struct rpc_service *rpc_server_service(const struct rpc_server *server, size_t index);
size_t rpc_server_service_count(const struct rpc_server *server);

/* Ends the open streams of the calling loop that `chosen` says yes to, with `status` and
 * `message` (static). For callers who lost the right to them. On the loop's stack. */
void rpc_server_end_streams(bool (*chosen)(const struct rpc_call *call, void *argument),
                            void *argument, enum status status, const char *message);

/* Ends the open streams of the calling loop with UNAVAILABLE, so that clients reconnect
 * elsewhere; unary calls go on. For a server that shuts down. */
void rpc_server_drain_loop(void);

/* Calls open on the calling loop. */
size_t rpc_open_calls(void);

/* What an interceptor may know of a call that ended. */
struct rpc_call_summary {
    uint64_t duration_us;
    const char *protocol;              /* "grpc", "grpc-web", "connect" */
    const char *codec;                 /* "proto", "json" */
    const char *message;               /* of the error; NULL */
    size_t received_bytes, sent_bytes; /* of messages */
};
void rpc_call_summarise(const struct rpc_call *call, struct rpc_call_summary *ret);

/* The bearer token, or NULL: "authorization: Bearer ...". */
const char *rpc_bearer_token(struct rpc_call *call);

#endif
