/* providers.h - ProviderService. */
#ifndef WAYSTONE_HANDLERS_PROVIDERS_H
#define WAYSTONE_HANDLERS_PROVIDERS_H

#include "server/rpc.h"

void providers_register(struct rpc_server *server);

#endif
