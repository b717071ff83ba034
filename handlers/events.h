/* events.h - EventService: everything a client follows, on one stream. */
#ifndef WAYSTONE_HANDLERS_EVENTS_H
#define WAYSTONE_HANDLERS_EVENTS_H

#include "handlers/app.h"

struct rpc_server;

void events_register(struct rpc_server *server);

/* The streams of one loop, and its name for Follow at other loops: sets app->events. After
 * live_open(). */
void events_open(struct app *app);

/* After all streams have ended, before Redis is closed. */
void events_close(struct app *app);

#endif
