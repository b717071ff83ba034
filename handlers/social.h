/* social.h - SocialService. */
#ifndef WAYSTONE_HANDLERS_SOCIAL_H
#define WAYSTONE_HANDLERS_SOCIAL_H

#include "server/rpc.h"

void social_register(struct rpc_server *server);

#endif
