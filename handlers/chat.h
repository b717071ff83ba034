/* chat.h - ChatService, and chat's side of live delivery. */
#ifndef WAYSTONE_HANDLERS_CHAT_H
#define WAYSTONE_HANDLERS_CHAT_H

#include "handlers/app.h"
#include "server/rpc.h"

void chat_register(struct rpc_server *server);

/* Chat's state on one loop: batches of sends, and the hub's source of channels. After
 * live_open(). */
void chat_open(struct app *app);

/* After all streams have ended and nothing runs on the loop any more. */
void chat_close(struct app *app);

#endif
