/* hub.h - live delivery: what happens in topics, to every stream that follows them.
 *
 * One hub per loop. A topic is of a kind and has a number; a subscriber is an open stream that
 * follows up to HUB_FOLLOW_MAX of them. Most kinds are logs: their events are numbered from 1
 * without gaps, the truth is in the kind's source (PostgreSQL), and live copies arrive by
 * hub_publish() from wherever, in any order, perhaps twice, perhaps never. The hub gives each
 * subscriber every event after its cursor, in order, each once:
 *
 *   - the newest events of a followed topic are kept in a ring, encoded once per codec, and
 *     their bytes are shared by all subscribers;
 *   - a missing number makes the hub read the rows from the source, and once a second it asks
 *     the source for the topics' newest numbers, since a lost last copy leaves no gap;
 *   - a subscriber whose transport is full gets nothing more until there is room; it goes on
 *     from its cursors, from the rings or, when these have moved on, from the source. It costs
 *     the server cursors, not a queue;
 *   - a cursor that is more than HUB_REPLAY_MAX behind, or whose next event the source has no
 *     longer, is told so (reset) and goes on from there;
 *   - a topic delivers at once, then gathers for HUB_GATHER_MS; within a tick kinds deliver by
 *     priority.
 *
 * Other kinds are state: what counts is the newest. A subscriber that has the version before the
 * newest gets the newest change, any other one a complete picture.
 *
 * A subscriber never sees events whose origin it hides, nor in states those that it and they hide
 * from each other. Of an event that quotes an account it hides it gets a form without the quote,
 * made once for all who need it. server/ knows no storage: handlers/ implement the sources.
 * Everything belongs to the loop.
 *
 * Files: hub.c (life, the check once a second), topic.c (topics, rings, delivery), repair.c,
 * subscriber.c (following, sending), worker.c (what a subscriber has to wait for). */
#ifndef WAYSTONE_SERVER_LIVE_HUB_H
#define WAYSTONE_SERVER_LIVE_HUB_H

#include <stdint.h>

#include "base/loop.h"
#include "server/rpc.h"

struct hub;
struct hub_subscriber;

#define HUB_KINDS 8
#define HUB_PRIORITIES 3
#define HUB_RING_EVENTS 128
#define HUB_RING_IDLE_MS 60000
#define HUB_PAGE_EVENTS 200
#define HUB_REPLAY_MAX 10000
#define HUB_FOLLOW_MAX 256
#define HUB_CHANGES_AT_ONCE (4 * HUB_FOLLOW_MAX) /* of topics, by one client; then so many */
#define HUB_CHANGES_PER_S 64
#define HUB_HEARTBEAT_MS 20000
#define HUB_CHECK_MS 1000
#define HUB_GATHER_MS 10

struct hub_topic {
    uint8_t kind; /* below HUB_KINDS */
    int64_t id;
};

struct hub_event {
    int64_t sequence;
    int64_t origin;               /* account that caused it; 0: none */
    int64_t quoted;               /* account whose words it repeats; 0: none */
    struct shared_bytes *message; /* stream message in binary; one reference, given away */
};

/* A topic of a source's kind and the number of its newest event. */
struct hub_head {
    int64_t id;
    int64_t sequence;
};

/* Why a topic is not, or no longer, followed; same values as waystone.live.v1.EndReason. */
enum hub_end {
    HUB_END_NOT_FOUND = 1,
    HUB_END_NOT_ALLOWED = 2,
    HUB_END_LEFT = 3,
    HUB_END_TOO_MANY = 4,
    HUB_END_UNAVAILABLE = 5,
};

/* What the hub asks about a kind of topics. What suspends is called on a coroutine; what it
 * returns lives in the arena given. */
struct hub_source {
    uint8_t priority; /* below HUB_PRIORITIES; 0 is delivered first */

    /* Whether the caller may follow the topic: OK; NOT_FOUND when there is none or the caller may
     * not know of it; PERMISSION_DENIED; anything else: cannot be told now. Suspends. Allocates in
     * call->arena, which is the hub's own; the stream of the call may be long-lived or gone. */
    enum status (*may_follow)(void *user, struct rpc_call *call, int64_t id);

    /* Logs: events numbered above `after`, ascending, at most `limit`. A hole in the numbers means
     * that what was there is kept no longer. Suspends. */
    enum status (*read)(void *user, struct arena *arena, int64_t id, int64_t after, size_t limit,
                        struct hub_event **ret_events, size_t *ret_count);
    /* Logs: of the topics given those whose newest number is above the one known, in any order;
     * known -1: each that exists. Suspends. */
    enum status (*read_heads)(void *user, struct arena *arena, const struct hub_head *known,
                              size_t count, struct hub_head **ret_heads, size_t *ret_count);

    /* Logs: an event, a stream message in binary, without the words of whom it quotes; the caller
     * owns the reference. NULL instead of the function: no event quotes anybody. */
    struct shared_bytes *(*without_quote)(void *user, const struct shared_bytes *event);

    /* State: everything as of now, a stream message in binary; the caller owns the reference. Set
     * instead of `read` and `read_heads`. */
    struct shared_bytes *(*picture)(void *user, int64_t id);
    /* State: the same without these origins, given ascending; NULL when none of them is in it. NULL
     * instead of the function: states have no origins. */
    struct shared_bytes *(*picture_without)(void *user, int64_t id, const int64_t *origins,
                                            size_t count);

    /* The topic has its first follower, or none any more. NULL: not interested. */
    void (*watch)(void *user, int64_t id, bool on);
    void *user;
};

/* What the hub asks about streams. */
struct hub_config {
    const struct message_type *message_type; /* of the streams' messages, for JSON */
    /* Stream messages in binary; the caller owns the reference. */
    struct shared_bytes *(*caught_up)(struct hub_topic topic, int64_t last_sequence);
    struct shared_bytes *(*reset)(struct hub_topic topic, int64_t sequence);
    struct shared_bytes *(*ended)(struct hub_topic topic, enum hub_end reason);
    struct shared_bytes *(*heartbeat)(void);
    /* Live copies of a topic are wanted from now on, or no longer. May be NULL. */
    void (*watch)(void *user, struct hub_topic topic, bool on);
    /* Origins whose events, and quoted words, the account does not want, in any order. Suspends.
     * May be NULL. */
    enum status (*hidden)(void *user, struct arena *arena, int64_t account_id,
                          int64_t **ret_origins, size_t *ret_count);
    /* Origins that are left out of the states which the account sees. As `hidden`. */
    enum status (*unseen)(void *user, struct arena *arena, int64_t account_id,
                          int64_t **ret_origins, size_t *ret_count);
    /* An event has been added to a log that is followed here, by copy or by repair. May be NULL. */
    void (*appended)(void *user, struct hub_topic topic, const struct hub_event *event);
    void *user;
};

/* A subscriber that counts (hub_subscribe) follows a topic, or no longer. */
typedef void (*hub_following_fn)(void *user, struct hub_topic topic, const struct rpc_identity *who,
                                 bool on);

/* The configuration is copied. */
struct hub *hub_new(struct loop *loop, const struct hub_config *config);

/* Ends what runs for the hub; all subscribers must be gone. Accepts NULL. */
void hub_free(struct hub *hub);

/* The source of a kind, copied; before anything follows it. */
void hub_add_source(struct hub *hub, uint8_t kind, const struct hub_source *source);

/* Who wants to be told of followings; before there are any. */
void hub_set_following(struct hub *hub, hub_following_fn following, void *user);

/* A live copy of a log's event. Takes the reference. */
void hub_publish(struct hub *hub, struct hub_topic key, const struct hub_event *event);

/* The newest change of a state. Takes the reference. */
void hub_publish_state(struct hub *hub, struct hub_topic key, struct shared_bytes *change);

/* Asks the source again whether the account may follow the topic, and ends it if not. */
void hub_recheck(struct hub *hub, struct hub_topic key, int64_t account_id);

/* The same for all that the account follows. */
void hub_recheck_account(struct hub *hub, int64_t account_id);

/* The origins that the account hides, or that are left out for it, have changed. */
void hub_reload_hidden(struct hub *hub, int64_t account_id);

/* --- subscribers --- */

/* A subscriber for a call; its handler stays on its coroutine or hands it to
 * hub_subscriber_park(). One that `counts` is told to hub_set_following()'s. */
struct hub_subscriber *hub_subscribe(struct hub *hub, struct rpc_call *call, bool counts);

/* Accepts NULL. Before the handler returns, unless the call was parked. */
void hub_unsubscribe(struct hub_subscriber *subscriber);

/* For CLEANUP(hub_unsubscribep). */
void hub_unsubscribep(struct hub_subscriber **subscriber);

/* Parks the call; its handler returns STATUS_OK. When the call ends `on_end`, unless NULL, is
 * called, and the subscriber is gone. */
void hub_subscriber_park(struct hub_subscriber *subscriber,
                         void (*on_end)(struct hub_subscriber *subscriber, void *argument),
                         void *argument);

/* Follows one topic and tells the outcome: the status of may_follow(), or UNAVAILABLE. `after` is
 * the last event the client has; -1 starts with what happens from now on. Suspends; on the call's
 * coroutine, before anything else is followed. */
enum status hub_follow(struct hub_subscriber *subscriber, struct hub_topic topic, int64_t after)
    MUST_CHECK;

struct hub_wish {
    struct hub_topic topic;
    int64_t after; /* as for hub_follow() */
};

/* Changes what is followed, at once; the outcomes are told on the stream. A topic that is followed
 * already starts again. RESOURCE_EXHAUSTED when the client changes too much too often (each change
 * is looked up), or, with a part of it done, when it does not take what it is told of them. */
enum status hub_change(struct hub_subscriber *subscriber, const struct hub_wish *follow,
                       size_t follow_count, const struct hub_topic *unfollow, size_t unfollow_count)
    MUST_CHECK;

struct hub_stats {
    size_t topics, subscribers, followings;
    uint64_t deliveries;
};
void hub_stats(const struct hub *hub, struct hub_stats *ret);

#endif
