/* account.h - AccountService: an account in its owner's hands. */
#ifndef WAYSTONE_HANDLERS_ACCOUNT_H
#define WAYSTONE_HANDLERS_ACCOUNT_H

#include "server/rpc.h"

void account_register(struct rpc_server *server);

#endif
