/* api_keys.h - ApiKeyService, and the job that forgets old keys. */
#ifndef WAYSTONE_HANDLERS_API_KEYS_H
#define WAYSTONE_HANDLERS_API_KEYS_H

struct rpc_server;

void api_keys_register(struct rpc_server *server);

#endif
