#include "server/live/hub.h"

#include "base/coro.h"
#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ring_entry {
    int64_t sequence;
    struct shared_bytes *encoded[RPC_CODEC_COUNT]; /* JSON only once somebody needs it */
};

struct topic {
    int64_t id;
    struct topic *next; /* in the hub's bucket */
    int64_t head;       /* newest event the hub has; -1 until it was looked up */
    struct ring_entry ring[HUB_RING_EVENTS]; /* event n at n % HUB_RING_EVENTS */
    struct hub_follower *followers;
    unsigned holds; /* lookups and repairs in progress */
    bool repairing, repair_again;
    bool dirty; /* the head moved in this tick */
    struct topic *next_dirty;
};

struct hub_follower {
    struct hub *hub;
    struct topic *topic;
    struct rpc_call *call;
    struct hub_follower *next, *previous;
    int64_t cursor; /* last event sent */
    uint64_t last_sent_ms;
    bool caught_up;      /* the marker was sent */
    struct coro *reader; /* reads old events from the source */
    bool gone;           /* unfollowed while its reader runs: the reader frees it */
};

#define HUB_BUCKETS 1024

struct hub {
    struct loop *loop;
    const struct hub_source *source;
    struct topic *buckets[HUB_BUCKETS];
    size_t topic_count, follower_count;
    uint64_t deliveries;
    struct topic *dirty;
    struct loop_task deliver;
    struct loop_timer check;
    struct shared_bytes *heartbeat[RPC_CODEC_COUNT];
};

static void *must_calloc(size_t size_bytes)
{
    void *memory = calloc(1, size_bytes);

    if (memory == NULL)
        abort();
    return memory;
}

/* --- topics --- */

static struct topic **bucket_of(struct hub *hub, int64_t id)
{
    return &hub->buckets[(uint64_t)id * 11400714819323198485u >> 54];
}

static struct topic *find_topic(struct hub *hub, int64_t id)
{
    struct topic *topic = *bucket_of(hub, id);

    while (topic != NULL && topic->id != id)
        topic = topic->next;
    return topic;
}

static struct topic *find_or_add_topic(struct hub *hub, int64_t id)
{
    struct topic *topic = find_topic(hub, id);

    if (topic != NULL)
        return topic;
    topic = must_calloc(sizeof(*topic));
    topic->id = id;
    topic->head = -1;
    topic->next = *bucket_of(hub, id);
    *bucket_of(hub, id) = topic;
    hub->topic_count++;
    hub->source->watch(hub->source->user, id, true);
    return topic;
}

static void clear_entry(struct ring_entry *entry)
{
    for (int codec = 0; codec < RPC_CODEC_COUNT; codec++)
        shared_bytes_unref(entry->encoded[codec]);
    *entry = (struct ring_entry){0};
}

/* A topic goes when nobody follows it and nothing works on it. */
static void release_topic(struct hub *hub, struct topic *topic)
{
    struct topic **link = bucket_of(hub, topic->id);

    if (topic->followers != NULL || topic->holds > 0 || topic->dirty)
        return;
    while (*link != topic)
        link = &(*link)->next;
    *link = topic->next;
    hub->topic_count--;
    hub->source->watch(hub->source->user, topic->id, false);
    for (size_t i = 0; i < HUB_RING_EVENTS; i++)
        clear_entry(&topic->ring[i]);
    free(topic);
}

static struct ring_entry *ring_find(struct topic *topic, int64_t sequence)
{
    struct ring_entry *entry = &topic->ring[sequence % HUB_RING_EVENTS];

    return entry->sequence == sequence && entry->encoded[RPC_CODEC_BINARY] ? entry : NULL;
}

static void mark_dirty(struct hub *hub, struct topic *topic)
{
    if (!topic->dirty) {
        topic->dirty = true;
        topic->next_dirty = hub->dirty;
        hub->dirty = topic;
    }
    loop_defer(hub->loop, &hub->deliver);
}

/* Only the event after the head: the ring has no holes. Takes the reference. */
static void append_event(struct hub *hub, struct topic *topic, int64_t sequence,
                         struct shared_bytes *message)
{
    struct ring_entry *entry = &topic->ring[sequence % HUB_RING_EVENTS];

    assert(sequence == topic->head + 1);
    clear_entry(entry);
    entry->sequence = sequence;
    entry->encoded[RPC_CODEC_BINARY] = message;
    topic->head = sequence;
    mark_dirty(hub, topic);
}

/* --- encodings --- */

static struct shared_bytes *to_json(struct hub *hub, const struct shared_bytes *binary)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    ProtobufCMessage *message;
    const char *error;

    if (message_decode(arena, hub->source->message_type, binary->data, binary->length, &message,
                       &error) != STATUS_OK)
        return NULL;
    return rpc_encode_shared(message, RPC_CODEC_JSON);
}

static struct shared_bytes *encoded_for(struct hub *hub, struct shared_bytes **by_codec,
                                        enum rpc_codec codec)
{
    if (by_codec[codec] == NULL)
        by_codec[codec] = to_json(hub, by_codec[RPC_CODEC_BINARY]);
    return by_codec[codec];
}

/* --- sending --- */

/* False when the follower's transport is full. */
static bool send_to(struct hub_follower *follower, struct shared_bytes **by_codec)
{
    struct hub *hub = follower->hub;
    struct shared_bytes *bytes = encoded_for(hub, by_codec, rpc_codec(follower->call));

    if (bytes != NULL && !rpc_send_shared(follower->call, bytes))
        return false;
    follower->last_sent_ms = loop_now_ms(hub->loop);
    hub->deliveries++;
    return true;
}

static bool send_once(struct hub_follower *follower, struct shared_bytes *message)
{
    struct shared_bytes *by_codec[RPC_CODEC_COUNT] = {[RPC_CODEC_BINARY] = message};
    bool sent = send_to(follower, by_codec);

    for (int codec = 0; codec < RPC_CODEC_COUNT; codec++)
        shared_bytes_unref(by_codec[codec]);
    return sent;
}

static void mark_caught_up(struct hub_follower *follower)
{
    const struct hub_source *source = follower->hub->source;

    if (!follower->caught_up && follower->reader == NULL &&
        follower->cursor >= follower->topic->head)
        follower->caught_up =
            send_once(follower, source->caught_up(source->user, follower->cursor));
}

static void start_reader(struct hub_follower *follower);

/* Sends what the ring has after the follower's cursor; what it has no longer is read from the
 * source. */
static void pump(struct hub_follower *follower)
{
    struct topic *topic = follower->topic;

    while (follower->reader == NULL && follower->cursor < topic->head) {
        struct ring_entry *entry = ring_find(topic, follower->cursor + 1);
        if (entry == NULL) {
            start_reader(follower);
            return;
        }
        if (!send_to(follower, entry->encoded))
            return;
        follower->cursor++;
    }
    mark_caught_up(follower);
}

static void deliver(struct loop_task *task)
{
    struct hub *hub = (struct hub *)((char *)task - offsetof(struct hub, deliver));

    while (hub->dirty != NULL) {
        struct topic *topic = hub->dirty;
        hub->dirty = topic->next_dirty;
        topic->dirty = false;
        for (struct hub_follower *follower = topic->followers, *next; follower; follower = next) {
            next = follower->next;
            pump(follower);
        }
        release_topic(hub, topic);
    }
}

static void on_writable(struct rpc_call *call, void *argument)
{
    pump(argument);
}

/* --- reading from the source --- */

/* Sends a page of old events; false when the transport is full or the follower has left. */
static bool send_page(struct hub_follower *follower, struct hub_event *events, size_t count)
{
    bool room = true;

    for (size_t i = 0; i < count; i++) {
        if (room && !follower->gone && events[i].sequence == follower->cursor + 1) {
            room = send_once(follower, shared_bytes_ref(events[i].message));
            if (room)
                follower->cursor++;
        }
        shared_bytes_unref(events[i].message);
    }
    return room && !follower->gone;
}

/* Reads pages until the ring takes over. False when it stopped early. */
static bool read_pages(struct hub_follower *follower)
{
    struct hub *hub = follower->hub;
    struct topic *topic = follower->topic;

    while (!follower->gone && follower->cursor < topic->head &&
           ring_find(topic, follower->cursor + 1) == NULL) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        struct hub_event *events;
        size_t count;
        int64_t before = follower->cursor;
        enum status status = hub->source->read(hub->source->user, arena, topic->id,
                                               follower->cursor, HUB_PAGE_EVENTS, &events, &count);
        if (status != STATUS_OK)
            return false; /* the next check of heads tries again */
        if (count == 0 || !send_page(follower, events, count) || follower->cursor == before)
            return false;
    }
    return true;
}

static void reader_main(void *argument)
{
    struct hub_follower *follower = argument;
    struct hub *hub = follower->hub;
    struct topic *topic = follower->topic;
    bool done = read_pages(follower);

    follower->reader = NULL;
    topic->holds--;
    if (follower->gone)
        free(follower);
    else if (done)
        pump(follower);
    release_topic(hub, topic);
}

static void start_reader(struct hub_follower *follower)
{
    if (!coro_can_start())
        return; /* the next check of heads tries again */
    follower->topic->holds++;
    follower->reader = coro_start(follower->hub->loop, reader_main, follower);
}

struct repair {
    struct hub *hub;
    struct topic *topic;
};

/* Appends what the source has after the ring's head. */
static enum status repair_topic(struct hub *hub, struct topic *topic)
{
    size_t count = HUB_PAGE_EVENTS;

    /* A page that moves nothing has no next number: a gap in the source, which must not spin. */
    for (int64_t before = -1; count == HUB_PAGE_EVENTS && topic->head != before;) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        struct hub_event *events;
        before = topic->head;
        TRY(hub->source->read(hub->source->user, arena, topic->id, topic->head, HUB_PAGE_EVENTS,
                              &events, &count));
        for (size_t i = 0; i < count; i++) {
            if (events[i].sequence == topic->head + 1)
                append_event(hub, topic, events[i].sequence, events[i].message);
            else
                shared_bytes_unref(events[i].message);
        }
    }
    return STATUS_OK;
}

static void repair_main(void *argument)
{
    struct repair repair = *(struct repair *)argument;
    enum status status;

    free(argument);
    /* A failure is tried again by the next check of heads. */
    do {
        repair.topic->repair_again = false;
        status = repair_topic(repair.hub, repair.topic);
    } while (status == STATUS_OK && repair.topic->repair_again);
    repair.topic->repairing = false;
    repair.topic->holds--;
    release_topic(repair.hub, repair.topic);
}

static void start_repair(struct hub *hub, struct topic *topic)
{
    struct repair *repair;

    /* What is being read may be older than what asks for this. */
    topic->repair_again = true;
    if (topic->repairing || topic->head < 0)
        return;
    repair = must_calloc(sizeof(*repair));
    *repair = (struct repair){hub, topic};
    topic->repairing = true;
    topic->holds++;
    coro_start(hub->loop, repair_main, repair);
}

void hub_publish(struct hub *hub, int64_t topic_id, int64_t sequence, struct shared_bytes *message)
{
    struct topic *topic = find_topic(hub, topic_id);

    if (topic != NULL && topic->head >= 0 && sequence == topic->head + 1) {
        append_event(hub, topic, sequence, message);
        return;
    }
    shared_bytes_unref(message);
    if (topic != NULL && topic->head >= 0 && sequence > topic->head)
        start_repair(hub, topic);
}

/* --- the check, once a second --- */

static void send_heartbeats(struct hub *hub)
{
    uint64_t now_ms = loop_now_ms(hub->loop);

    if (hub->heartbeat[RPC_CODEC_BINARY] == NULL)
        hub->heartbeat[RPC_CODEC_BINARY] = hub->source->heartbeat(hub->source->user);
    for (size_t i = 0; i < HUB_BUCKETS; i++)
        for (struct topic *topic = hub->buckets[i]; topic; topic = topic->next)
            for (struct hub_follower *follower = topic->followers; follower;
                 follower = follower->next)
                if (now_ms - follower->last_sent_ms >= HUB_HEARTBEAT_MS)
                    send_to(follower, hub->heartbeat);
}

/* Topics that can be checked, each held so that it stays. */
static size_t hold_topics(struct hub *hub, struct topic **topics, int64_t *ids)
{
    size_t count = 0;

    for (size_t i = 0; i < HUB_BUCKETS; i++)
        for (struct topic *topic = hub->buckets[i]; topic; topic = topic->next) {
            if (topic->head < 0)
                continue;
            topic->holds++;
            topics[count] = topic;
            ids[count++] = topic->id;
        }
    return count;
}

static void wake_laggards(struct topic *topic)
{
    for (struct hub_follower *follower = topic->followers, *next; follower; follower = next) {
        next = follower->next;
        if (follower->cursor < topic->head || !follower->caught_up)
            pump(follower);
    }
}

static void check_heads(struct hub *hub)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct topic **topics = arena_alloc_array(arena, hub->topic_count, sizeof(*topics));
    int64_t *ids = arena_alloc_array(arena, hub->topic_count, sizeof(*ids));
    int64_t *heads = arena_alloc_array(arena, hub->topic_count, sizeof(*heads));
    size_t count = hold_topics(hub, topics, ids);
    enum status status = STATUS_OK;

    if (count > 0)
        status = hub->source->read_heads(hub->source->user, arena, ids, count, heads);
    for (size_t i = 0; i < count; i++) {
        topics[i]->holds--;
        if (status == STATUS_OK && heads[i] > topics[i]->head)
            start_repair(hub, topics[i]);
        wake_laggards(topics[i]);
        release_topic(hub, topics[i]);
    }
}

static void check_main(void *argument)
{
    struct hub *hub = argument;

    send_heartbeats(hub); /* first: the source may let us wait */
    check_heads(hub);
    loop_timer_set(hub->loop, &hub->check, HUB_CHECK_MS);
}

static void on_check(struct loop_timer *timer)
{
    struct hub *hub = (struct hub *)((char *)timer - offsetof(struct hub, check));

    coro_start(hub->loop, check_main, hub);
}

/* --- following --- */

/* Sets the topic's head if nobody has. The topic is held by the caller. */
static enum status look_up_head(struct hub *hub, struct rpc_call *call, struct topic *topic)
{
    int64_t head = -1;

    if (topic->head >= 0)
        return STATUS_OK;
    TRY(hub->source->read_heads(hub->source->user, call->arena, &topic->id, 1, &head));
    if (head < 0)
        return STATUS_NOT_FOUND;
    if (topic->head < 0)
        topic->head = head;
    /* What was published while the head was looked up went by unseen. */
    start_repair(hub, topic);
    return STATUS_OK;
}

/* A client that comes from another server may have seen more than this one has heard of. */
static enum status confirm_cursor(struct hub *hub, struct rpc_call *call, struct topic *topic,
                                  int64_t *cursor)
{
    int64_t head = -1;

    if (*cursor <= topic->head)
        return STATUS_OK;
    TRY(hub->source->read_heads(hub->source->user, call->arena, &topic->id, 1, &head));
    if (head > topic->head)
        start_repair(hub, topic);
    if (*cursor > head)
        *cursor = head;
    return STATUS_OK;
}

static struct hub_follower *add_follower(struct hub *hub, struct rpc_call *call,
                                         struct topic *topic, int64_t after)
{
    struct hub_follower *follower = must_calloc(sizeof(*follower));

    follower->hub = hub;
    follower->topic = topic;
    follower->call = call;
    follower->cursor = after < 0 ? topic->head : after;
    follower->last_sent_ms = loop_now_ms(hub->loop);
    follower->next = topic->followers;
    if (topic->followers != NULL)
        topic->followers->previous = follower;
    topic->followers = follower;
    hub->follower_count++;
    return follower;
}

static enum status attach(struct hub *hub, struct rpc_call *call, int64_t topic_id, int64_t after,
                          struct hub_follower **ret_follower)
{
    struct topic *topic = find_or_add_topic(hub, topic_id);
    enum status status;

    topic->holds++;
    status = look_up_head(hub, call, topic);
    if (status == STATUS_OK)
        status = confirm_cursor(hub, call, topic, &after);
    topic->holds--;
    if (status != STATUS_OK) {
        release_topic(hub, topic);
        return status;
    }
    *ret_follower = add_follower(hub, call, topic, after);
    return STATUS_OK;
}

enum status hub_follow(struct hub *hub, struct rpc_call *call, int64_t topic, int64_t after,
                       struct hub_follower **ret_follower)
{
    TRY(attach(hub, call, topic, after, ret_follower));
    rpc_on_writable(call, on_writable, *ret_follower);
    pump(*ret_follower);
    return STATUS_OK;
}

void hub_unfollow(struct hub_follower *follower)
{
    struct hub *hub;
    struct topic *topic;

    if (follower == NULL)
        return;
    hub = follower->hub;
    topic = follower->topic;
    if (follower->previous != NULL)
        follower->previous->next = follower->next;
    else
        topic->followers = follower->next;
    if (follower->next != NULL)
        follower->next->previous = follower->previous;
    hub->follower_count--;
    rpc_on_writable(follower->call, NULL, NULL);
    if (follower->reader != NULL) {
        follower->gone = true;
        coro_interrupt(follower->reader, STATUS_CANCELLED);
        return;
    }
    free(follower);
    release_topic(hub, topic);
}

void hub_unfollowp(struct hub_follower **follower)
{
    hub_unfollow(*follower);
}

static void on_parked_end(struct rpc_call *call, void *argument)
{
    hub_unfollow(argument);
}

enum status hub_follow_parked(struct hub *hub, struct rpc_call *call, int64_t topic, int64_t after)
{
    struct hub_follower *follower;

    TRY(attach(hub, call, topic, after, &follower));
    rpc_park(call, on_parked_end, follower);
    rpc_on_writable(call, on_writable, follower);
    pump(follower);
    return STATUS_OK;
}

/* --- life --- */

struct hub *hub_new(struct loop *loop, const struct hub_source *source)
{
    struct hub *hub = must_calloc(sizeof(*hub));

    hub->loop = loop;
    hub->source = source;
    hub->deliver.fn = deliver;
    hub->check.fn = on_check;
    loop_timer_set(loop, &hub->check, HUB_CHECK_MS);
    return hub;
}

void hub_free(struct hub *hub)
{
    if (hub == NULL)
        return;
    assert(hub->follower_count == 0);
    loop_timer_cancel(hub->loop, &hub->check);
    loop_undefer(hub->loop, &hub->deliver);
    for (int codec = 0; codec < RPC_CODEC_COUNT; codec++)
        shared_bytes_unref(hub->heartbeat[codec]);
    free(hub);
}

void hub_stats(const struct hub *hub, struct hub_stats *ret)
{
    *ret = (struct hub_stats){hub->topic_count, hub->follower_count, hub->deliveries};
}
