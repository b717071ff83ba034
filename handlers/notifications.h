/* notifications.h - NotificationService. */
#ifndef WAYSTONE_HANDLERS_NOTIFICATIONS_H
#define WAYSTONE_HANDLERS_NOTIFICATIONS_H

#include "server/rpc.h"

void notifications_register(struct rpc_server *server);

#endif
