/* chat.h - ChatService, and chat's side of live delivery. */
#ifndef WAYSTONE_HANDLERS_CHAT_H
#define WAYSTONE_HANDLERS_CHAT_H

#include "handlers/app.h"
#include "server/live/hub.h"
#include "server/rpc.h"

void chat_register(struct rpc_server *server);

/* Chat's state on one loop: the hub's source, and the Redis channels its topics listen to.
 * `app->db` and `app->redis` must be open; sets app->hub and app->chat. */
void chat_open(struct app *app, struct loop *loop);

/* After all streams have ended and nothing runs on the loop any more. */
void chat_close(struct app *app);

#endif
