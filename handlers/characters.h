/* characters.h - CharacterService. */
#ifndef WAYSTONE_HANDLERS_CHARACTERS_H
#define WAYSTONE_HANDLERS_CHARACTERS_H

#include "server/rpc.h"

void characters_register(struct rpc_server *server);

#endif
