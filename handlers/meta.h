/* meta.h - MetaService. */
#ifndef WAYSTONE_HANDLERS_META_H
#define WAYSTONE_HANDLERS_META_H

#include "server/rpc.h"

void meta_register(struct rpc_server *server);

#endif
