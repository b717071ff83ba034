/* auth.h - AuthService. */
#ifndef WAYSTONE_HANDLERS_AUTH_H
#define WAYSTONE_HANDLERS_AUTH_H

#include "server/rpc.h"

void auth_register(struct rpc_server *server);

#endif
