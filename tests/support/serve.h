/* serve.h - a process that serves on one loop of the real engine until SIGTERM, then drains: the
 * frame of every server under test that is not the product itself. */
#ifndef WAYSTONE_TESTS_SUPPORT_SERVE_H
#define WAYSTONE_TESTS_SUPPORT_SERVE_H

#include "server/http/http.h"
#include "server/server.h"

struct serve_options {
    struct http_config http; /* port 0: any that is free */
    struct rpc_server_config rpc;
    bool log_calls;
    void (*add_services)(struct rpc_server *server);
    /* Called once it listens. */
    void (*on_ready)(uint16_t port, void *user);
    void *user;
};

/* Returns the process's exit code, with a sentence on standard error when it is not 0. */
int serve_until_terminated(struct serve_options *options);

#endif
