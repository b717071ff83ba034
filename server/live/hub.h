/* hub.h - live delivery: what happens in a topic, to every stream that follows it.
 *
 * One hub per loop. A topic has events numbered from 1 without gaps; the truth is in the
 * source (PostgreSQL), and live copies arrive by hub_publish() from wherever, in any order,
 * perhaps twice, perhaps never. The hub gives each follower every event after its cursor, in
 * order, each once:
 *
 *   - the newest events of a followed topic are kept in a ring, encoded once per codec, and
 *     their bytes are shared by all followers;
 *   - a missing number makes the hub read the rows from the source, and once a second it asks
 *     the source for the topics' newest numbers, since a lost last copy leaves no gap;
 *   - a follower whose transport is full gets nothing more until there is room; it goes on
 *     from its cursor, from the ring or, when that has moved on, from the source. It costs
 *     the server a cursor, not a queue.
 *
 * server/ knows no storage: handlers/ implement the source. Everything belongs to the loop. */
#ifndef WAYSTONE_SERVER_LIVE_HUB_H
#define WAYSTONE_SERVER_LIVE_HUB_H

#include <stdint.h>

#include "base/loop.h"
#include "server/rpc.h"

struct hub;
struct hub_follower;

struct hub_event {
    int64_t sequence;
    struct shared_bytes *message; /* stream message in binary; one reference, given away */
};

struct hub_source {
    /* Type of the stream's messages. */
    const struct message_type *message_type;
    /* Events numbered above `after`, ascending, at most `limit`. On a coroutine; suspends. */
    enum status (*read)(void *user, struct arena *arena, int64_t topic, int64_t after, size_t limit,
                        struct hub_event **ret_events, size_t *ret_count);
    /* Newest numbers of topics, in the order given; -1 for one that does not exist. On a
     * coroutine; suspends. */
    enum status (*read_heads)(void *user, struct arena *arena, const int64_t *topics, size_t count,
                              int64_t *ret_heads);
    /* Live copies of a topic are wanted from now on, or no longer. */
    void (*watch)(void *user, int64_t topic, bool on);
    /* Stream messages in binary; the caller owns the reference. */
    struct shared_bytes *(*caught_up)(void *user, int64_t last_sequence);
    struct shared_bytes *(*heartbeat)(void *user);
    void *user;
};

#define HUB_RING_EVENTS 128
#define HUB_PAGE_EVENTS 200
#define HUB_HEARTBEAT_MS 20000
#define HUB_CHECK_MS 1000

/* `source` must outlive the hub. */
struct hub *hub_new(struct loop *loop, const struct hub_source *source);

/* Ends what runs for the hub; all followers must be gone. Accepts NULL. */
void hub_free(struct hub *hub);

/* A live copy of an event. Takes the reference. */
void hub_publish(struct hub *hub, int64_t topic, int64_t sequence, struct shared_bytes *message);

/* Follows a topic for a call that stays on its coroutine; `after` -1 starts with what happens
 * from now on. Suspends while the topic is looked up; NOT_FOUND if there is none. The owner
 * calls hub_unfollow() before its handler returns. */
enum status hub_follow(struct hub *hub, struct rpc_call *call, int64_t topic, int64_t after,
                       struct hub_follower **ret_follower) MUST_CHECK;

/* Accepts NULL. */
void hub_unfollow(struct hub_follower *follower);

/* For CLEANUP(hub_unfollowp). */
void hub_unfollowp(struct hub_follower **follower);

/* Follows a topic and parks the call: its handler returns the status. */
enum status hub_follow_parked(struct hub *hub, struct rpc_call *call, int64_t topic, int64_t after)
    MUST_CHECK;

struct hub_stats {
    size_t topics, followers;
    uint64_t deliveries;
};
void hub_stats(const struct hub *hub, struct hub_stats *ret);

#endif
