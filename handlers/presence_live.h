/* presence_live.h - who is there, between loops: the board of this loop, kept by what its hub
 * follows and by what other loops tell through Redis.
 *
 * Whoever watches a room asks all loops for it, again every ten seconds; those that have members
 * there answer, and tell every second what changed. Without Redis a loop knows its own members
 * only. */
#ifndef WAYSTONE_HANDLERS_PRESENCE_LIVE_H
#define WAYSTONE_HANDLERS_PRESENCE_LIVE_H

#include "handlers/app.h"
#include "handlers/presence_board.h"
#include "server/rpc.h"

/* Sets app->presence and adds the source of presence topics; after live_open(). */
void presence_live_open(struct app *app);

/* No turn comes any more; before the database is closed. */
void presence_live_stop(struct app *app);

/* After live_close(). */
void presence_live_close(struct app *app);

/* How an account appears from now on, everywhere. */
void presence_live_appear(struct app *app, const struct presence_look *look);

/* Who is in a channel, on all loops that answer within a second; in the call's arena. Suspends. */
enum status presence_live_picture(struct rpc_call *call, int64_t channel_id,
                                  PresenceEvent **ret_picture) MUST_CHECK;

#endif
