/* factors.h - FactorService. */
#ifndef WAYSTONE_HANDLERS_FACTORS_H
#define WAYSTONE_HANDLERS_FACTORS_H

#include "server/rpc.h"

void factors_register(struct rpc_server *server);

#endif
