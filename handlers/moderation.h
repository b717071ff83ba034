/* moderation.h - ModerationService. */
#ifndef WAYSTONE_HANDLERS_MODERATION_H
#define WAYSTONE_HANDLERS_MODERATION_H

#include "server/rpc.h"

void moderation_register(struct rpc_server *server);

#endif
