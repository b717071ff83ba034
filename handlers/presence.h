/* presence.h - PresenceService. */
#ifndef WAYSTONE_HANDLERS_PRESENCE_H
#define WAYSTONE_HANDLERS_PRESENCE_H

struct rpc_server;

void presence_register(struct rpc_server *server);

#endif
