/* live_watch.h - what streams may no longer get, and whom they hide.
 *
 * PostgreSQL knows who left or was banned from a channel and whose blocks changed; once a second
 * each loop asks it, and its hub ends topics or hides authors accordingly. */
#ifndef WAYSTONE_HANDLERS_LIVE_WATCH_H
#define WAYSTONE_HANDLERS_LIVE_WATCH_H

#include "handlers/app.h"

/* Sets app->live_watch; after live_open(). */
void live_watch_open(struct app *app);

/* Before the database is closed. */
void live_watch_close(struct app *app);

#endif
