/* internal.h - what the files of the hub share. */
#ifndef WAYSTONE_SERVER_LIVE_INTERNAL_H
#define WAYSTONE_SERVER_LIVE_INTERNAL_H

#include "base/coro.h"
#include "server/live/hub.h"

#define HUB_FOLLOWERS_AT_ONCE 32 /* of one topic, before their connections write */
#define HUB_HANDED_AT_ONCE 1024  /* of several */

struct ring_entry {
    int64_t sequence; /* 0: empty */
    int64_t origin;
    int64_t quoted;
    struct shared_bytes *encoded[RPC_CODEC_COUNT];  /* JSON only once somebody needs it */
    struct shared_bytes *unquoted[RPC_CODEC_COUNT]; /* each once somebody needs it */
};

/* A topic that somebody follows. */
struct topic {
    struct hub *hub;
    struct hub_topic key;
    struct topic *next; /* in the hub's bucket */
    int64_t head;       /* newest event the hub has; -1 until it was looked up */
    /* Logs: event n at n % ring_size, a power of two. State: the newest change, and the picture of
     * the version that is its sequence. */
    struct ring_entry *ring;
    uint32_t ring_size;
    struct following *followers;
    struct following *to_pump; /* being delivered: who is next */
    unsigned holds;            /* lookups, repairs, reads and deliveries in progress */
    bool repairing, repair_again;
    bool dirty;   /* has something to deliver: in the hub's list of its priority */
    bool waiting; /* gathers: in the hub's list of those that do */
    struct topic *next_dirty;
    uint64_t delivered_ms, appended_ms;
};

enum following_state { FOLLOWING_WANTED, FOLLOWING_ACTIVE, FOLLOWING_ENDED };

/* A subscriber's place in a topic. */
struct following {
    struct hub_subscriber *subscriber;
    struct following *next; /* of the subscriber, by priority */
    struct hub_topic key;
    struct topic *topic; /* while active */
    struct following *next_follower, *previous_follower;
    int64_t cursor; /* last event sent; wanted: the client's, -1 for none */
    uint32_t turn;  /* of the subscriber's reader, so that no topic starves another */
    uint16_t page;  /* events to read next; 0: a first one */
    uint8_t state;
    uint8_t end;    /* enum hub_end, to be told */
    bool caught_up; /* the marker was sent */
    bool recheck;   /* may have been taken away */
    bool busy;      /* the worker waits for something of it, and frees it if `removed` */
    bool removed;
    bool own; /* state: was sent a picture of its own, without somebody */
};

struct hub_subscriber {
    struct hub *hub;
    struct rpc_call *call;
    int64_t account_id;
    struct following *followings;
    struct hub_subscriber *next, *previous; /* of the hub */
    struct hub_subscriber *next_account;    /* in the hub's bucket of its account */
    uint64_t last_sent_ms;
    struct coro *worker; /* looks up and reads what has to be waited for */
    int64_t *hidden;     /* ascending */
    int64_t *unseen;     /* in states; ascending */
    uint32_t hidden_count, unseen_count;
    uint32_t turn;
    uint16_t following_count;
    uint32_t changes;      /* of topics, not forgotten yet */
    uint64_t forgotten_ms; /* when some of them last were */
    bool counts;
    bool hidden_known;   /* `hidden` and `unseen` are as of the last change */
    bool hidden_changed; /* while they were read */
    bool full;           /* the transport takes no more for now */
    bool retry;          /* the worker could not start, or failed: with the next check */
    bool gone;           /* unsubscribed while its worker runs: the worker frees it */
    void (*on_end)(struct hub_subscriber *subscriber, void *argument);
    void *end_argument;
};

struct topic_list {
    struct topic *first, *last;
};

struct hub {
    struct loop *loop;
    struct hub_config config;
    hub_following_fn following; /* NULL: nobody wants to know */
    void *following_user;
    struct hub_source sources[HUB_KINDS]; /* without may_follow: no such kind */
    struct topic **buckets;
    size_t bucket_count, topic_count; /* buckets: a power of two */
    struct hub_subscriber *subscribers;
    struct hub_subscriber **accounts; /* subscribers by account */
    size_t account_buckets;           /* a power of two */
    size_t subscriber_count, following_count;
    uint64_t deliveries;
    struct topic_list dirty[HUB_PRIORITIES];
    struct topic *delivering;  /* in part; NULL: none */
    struct topic_list waiting; /* in the order in which they began to */
    struct loop_task deliver;
    struct loop_timer gather;
    struct loop_timer check;
    bool checking;
    struct shared_bytes *heartbeat[RPC_CODEC_COUNT];
};

/* Aborts when memory runs out. */
void *hub_calloc(size_t count, size_t size_bytes);

static inline struct hub_source *source_of(struct hub *hub, uint8_t kind)
{
    return &hub->sources[kind];
}

static inline bool is_state(const struct topic *topic)
{
    return topic->hub->sources[topic->key.kind].picture != NULL;
}

/* --- topic.c --- */

struct topic *topic_find(struct hub *hub, struct hub_topic key);
struct topic *topic_find_or_add(struct hub *hub, struct hub_topic key);
/* It goes when nobody follows it and nothing works on it. */
void topic_release(struct topic *topic);
/* Adds the event after the head; numbers between are no longer kept. Takes the reference. */
void topic_append(struct topic *topic, const struct hub_event *event);
struct ring_entry *topic_entry(struct topic *topic, int64_t sequence);
/* A log's event without its quote; the caller owns the reference. */
struct shared_bytes *topic_without_quote(const struct topic *topic,
                                         const struct shared_bytes *event);
/* State: the entry to send to whoever has `cursor`, older than the head. */
struct ring_entry *topic_state_entry(struct topic *topic, int64_t cursor);
/* Forgets events that nothing was added to for long. */
void topic_trim(struct topic *topic, uint64_t now_ms);
void hub_deliver(struct loop_task *task);
void hub_on_gather(struct loop_timer *timer);

/* --- repair.c --- */

void repair_start(struct topic *topic);

/* --- subscriber.c --- */

/* The bytes for a codec; NULL if there is no such form. */
struct shared_bytes *encoded_for(struct hub *hub, struct shared_bytes **by_codec,
                                 enum rpc_codec codec);
/* False when there is no room. */
bool subscriber_send(struct hub_subscriber *subscriber, struct shared_bytes **by_codec);
bool subscriber_send_once(struct hub_subscriber *subscriber, struct shared_bytes *message);
/* How much of an event a subscriber sees. */
enum sight { SIGHT_NONE, SIGHT_UNQUOTED, SIGHT_WHOLE };
enum sight subscriber_sight(const struct hub_subscriber *subscriber, int64_t origin,
                            int64_t quoted);
/* Sends what there is for one following, or all of them; starts the worker for what has to be
 * read. May free the following. */
void following_pump(struct following *following);
void subscriber_pump(struct hub_subscriber *subscriber);
/* From the list; frees it unless it is busy. */
void following_remove(struct following *following);
/* Takes its place in the topic, from its cursor. */
void following_attach(struct following *following, struct topic *topic);
/* Tells the reason, now or when there is room, and removes it. */
void following_end(struct following *following, enum hub_end reason);
/* Says that events up to `sequence` are not sent, and goes on from there. False when there is no
 * room. */
bool following_reset(struct following *following, int64_t sequence);
void subscriber_free(struct hub_subscriber *subscriber);
/* The bucket in which the subscribers of an account are, among others. */
struct hub_subscriber **subscribers_of(const struct hub *hub, int64_t account_id);

/* --- worker.c --- */

/* Whether something has to be asked before more may be sent: what was taken away, or who hidden,
 * while the transport was full must not follow once it has room. */
bool following_has_to_ask(const struct following *following);
/* Whether the next event has to be read from the source. */
bool following_needs_reading(struct following *following);
/* Looks up one wanted topic on the running coroutine and attaches to it. */
enum status worker_look_up(struct hub_subscriber *subscriber, struct following *following)
    MUST_CHECK;
/* Starts the worker if there is something to wait for. */
void worker_start(struct hub_subscriber *subscriber);

#endif
