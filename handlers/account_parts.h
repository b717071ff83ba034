/* account_parts.h - the methods of AccountService by file; account.c registers them. */
#ifndef WAYSTONE_HANDLERS_ACCOUNT_PARTS_H
#define WAYSTONE_HANDLERS_ACCOUNT_PARTS_H

#include "server/rpc.h"
#include "waystone/account/v1/account.h"

#endif
