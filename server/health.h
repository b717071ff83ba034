/* health.h - grpc.health.v1: whether the server takes calls. */
#ifndef WAYSTONE_SERVER_HEALTH_H
#define WAYSTONE_SERVER_HEALTH_H

#include <stdbool.h>

struct rpc_server;

/* How often watched services are looked at. */
#define HEALTH_WATCH_MS 250

/* Adds the service. `fn` tells whether a registered service ("" for the whole server)
 * takes calls; any loop's thread, must not wait. After all services it is to know. */
void health_serve(struct rpc_server *server, bool (*fn)(const char *service));

#endif
