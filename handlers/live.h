/* live.h - live delivery between loops and instances: copies of events through Redis.
 *
 * Whoever has written an event publishes it: to the hub of this loop at once, and through Redis,
 * with what else the tick brings, to every other loop that follows the topic. A copy that is
 * lost on the way is found by the hubs in the database (server/live/hub.h).
 *
 * Kinds of topics are waystone.live.v1.TopicKind. The id of an account's topic is the account's;
 * clients, who have one account, call it 0. */
#ifndef WAYSTONE_HANDLERS_LIVE_H
#define WAYSTONE_HANDLERS_LIVE_H

#include "handlers/app.h"
#include "server/live/hub.h"
#include "waystone/live/v1/live.h"

/* The loop's hub, and its ear at Redis: sets app->hub and app->live. app->db and app->redis must be
 * open. The modules that have sources add them after this (hub_add_source). */
void live_open(struct app *app);

/* After all streams have ended and the database is closed; before Redis is. */
void live_close(struct app *app);

/* Tells an event, committed with its number, to all who follow the topic. Takes the reference of
 * its message. Never fails: what gets lost is found later. */
void live_publish(struct app *app, struct hub_topic topic, const struct hub_event *event);

/* What a hub asks for of heads, as columns of a query. */
void live_split_heads(struct arena *arena, const struct hub_head *known, size_t count,
                      int64_t **ret_ids, int64_t **ret_sequences);

/* Hears Redis channels whose names begin with the prefix (a literal), on the loop's stack; `rest`
 * is what follows it. Subscribing to them is the caller's. */
typedef void (*live_heard_fn)(void *user, const char *rest, const void *payload, size_t length);
void live_listen(struct app *app, const char *prefix, live_heard_fn heard, void *user);

#endif
