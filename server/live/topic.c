/* Topics: what is known of them, their newest events, and when they are delivered. */
#include "base/prefetch.h"
#include "server/live/internal.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_RING_EVENTS 8

/* --- the table --- */

static struct topic **bucket_of(struct hub *hub, struct hub_topic key)
{
    uint64_t hash = ((uint64_t)key.id * HUB_KINDS + key.kind) * 11400714819323198485u;

    return &hub->buckets[(hash >> 32) & (hub->bucket_count - 1)];
}

static bool is_same(struct hub_topic a, struct hub_topic b)
{
    return a.kind == b.kind && a.id == b.id;
}

struct topic *topic_find(struct hub *hub, struct hub_topic key)
{
    struct topic *topic = *bucket_of(hub, key);

    while (topic != NULL && !is_same(topic->key, key))
        topic = topic->next;
    return topic;
}

static void grow_table(struct hub *hub)
{
    struct topic **old = hub->buckets;
    size_t old_count = hub->bucket_count;

    hub->bucket_count *= 2;
    hub->buckets = hub_calloc(hub->bucket_count, sizeof(*hub->buckets));
    for (size_t i = 0; i < old_count; i++)
        for (struct topic *topic = old[i], *next; topic != NULL; topic = next) {
            struct topic **bucket = bucket_of(hub, topic->key);
            next = topic->next;
            topic->next = *bucket;
            *bucket = topic;
        }
    free(old);
}

static void watch(struct topic *topic, bool on)
{
    struct hub *hub = topic->hub;
    const struct hub_source *source = source_of(hub, topic->key.kind);

    if (!is_state(topic) && hub->config.watch != NULL)
        hub->config.watch(hub->config.user, topic->key, on);
    if (source->watch != NULL)
        source->watch(source->user, topic->key.id, on);
}

struct topic *topic_find_or_add(struct hub *hub, struct hub_topic key)
{
    struct topic *topic = topic_find(hub, key);
    struct topic **bucket;

    if (topic != NULL)
        return topic;
    if (hub->topic_count == hub->bucket_count)
        grow_table(hub);
    bucket = bucket_of(hub, key);
    topic = hub_calloc(1, sizeof(*topic));
    topic->hub = hub;
    topic->key = key;
    topic->head = is_state(topic) ? 1 : -1;
    topic->next = *bucket;
    *bucket = topic;
    hub->topic_count++;
    watch(topic, true);
    return topic;
}

static void clear_entry(struct ring_entry *entry)
{
    for (int codec = 0; codec < RPC_CODEC_COUNT; codec++) {
        shared_bytes_unref(entry->encoded[codec]);
        shared_bytes_unref(entry->unquoted[codec]);
    }
    *entry = (struct ring_entry){0};
}

static void free_ring(struct topic *topic)
{
    for (uint32_t i = 0; i < topic->ring_size; i++)
        clear_entry(&topic->ring[i]);
    free(topic->ring);
    topic->ring = NULL;
    topic->ring_size = 0;
}

void topic_release(struct topic *topic)
{
    struct hub *hub = topic->hub;
    struct topic **link = bucket_of(hub, topic->key);

    if (topic->followers != NULL || topic->holds > 0 || topic->dirty || topic->waiting)
        return;
    while (*link != topic)
        link = &(*link)->next;
    *link = topic->next;
    hub->topic_count--;
    watch(topic, false);
    free_ring(topic);
    free(topic);
}

/* --- delivery --- */

static void list_push(struct topic_list *list, struct topic *topic)
{
    topic->next_dirty = NULL;
    if (list->first == NULL)
        list->first = topic;
    else
        list->last->next_dirty = topic;
    list->last = topic;
}

static struct topic *list_pop(struct topic_list *list)
{
    struct topic *topic = list->first;

    if (topic != NULL)
        list->first = topic->next_dirty;
    return topic;
}

static void push_dirty(struct topic *topic)
{
    struct hub *hub = topic->hub;

    topic->dirty = true;
    list_push(&hub->dirty[source_of(hub, topic->key.kind)->priority], topic);
    loop_defer(hub->loop, &hub->deliver);
}

static void gather(struct topic *topic, uint64_t now_ms)
{
    struct hub *hub = topic->hub;

    topic->waiting = true;
    list_push(&hub->waiting, topic);
    if (!loop_timer_is_set(&hub->gather))
        loop_timer_set(hub->loop, &hub->gather, topic->delivered_ms + HUB_GATHER_MS - now_ms);
}

/* The first event of a while goes at once; those that follow it closely go together. */
static void mark_dirty(struct topic *topic)
{
    uint64_t now_ms = loop_now_ms(topic->hub->loop);

    if (topic->dirty || topic->waiting)
        return;
    if (now_ms - topic->delivered_ms < HUB_GATHER_MS)
        gather(topic, now_ms);
    else
        push_dirty(topic);
}

void hub_on_gather(struct loop_timer *timer)
{
    struct hub *hub = (struct hub *)((char *)timer - offsetof(struct hub, gather));
    uint64_t now_ms = loop_now_ms(hub->loop);
    struct topic *topic;

    while ((topic = hub->waiting.first) != NULL) {
        if (now_ms - topic->delivered_ms < HUB_GATHER_MS) {
            loop_timer_set(hub->loop, timer, topic->delivered_ms + HUB_GATHER_MS - now_ms);
            return;
        }
        list_pop(&hub->waiting);
        topic->waiting = false;
        push_dirty(topic);
    }
}

static bool has_dirty(const struct hub *hub)
{
    for (int priority = 0; priority < HUB_PRIORITIES; priority++)
        if (hub->dirty[priority].first != NULL)
            return true;
    return false;
}

static struct topic *pop_dirty(struct hub *hub)
{
    struct topic *topic = NULL;

    for (int priority = 0; priority < HUB_PRIORITIES && topic == NULL; priority++)
        topic = list_pop(&hub->dirty[priority]);
    return topic;
}

static void begin_delivery(struct topic *topic)
{
    topic->dirty = false;
    topic->delivered_ms = loop_now_ms(topic->hub->loop);
    topic->holds++;
    topic->to_pump = topic->followers;
}

/* What a delivery touches lies all over the memory, and each piece is found by the one before. So
 * the pieces of several followers are loaded at once, step by step, instead of waited for. */
static void prefetch_followers(const struct topic *topic)
{
    const struct hub_subscriber *subscribers[HUB_FOLLOWERS_AT_ONCE];
    size_t count = 0;

    for (const struct following *at = topic->to_pump; at != NULL && count < HUB_FOLLOWERS_AT_ONCE;
         at = at->next_follower) {
        subscribers[count++] = at->subscriber;
        prefetch(at->subscriber, sizeof(*at->subscriber));
    }
    for (unsigned step = 0; step < RPC_PREFETCH_STEPS; step++)
        for (size_t i = 0; i < count; i++)
            rpc_prefetch(subscribers[i]->call, step);
}

/* To `*count` followers at most, which it takes down. False when followers are left. */
static bool deliver_to(struct topic *topic, size_t *count)
{
    while (topic->to_pump != NULL) {
        struct following *following = topic->to_pump;
        if (*count == 0)
            return false;
        *count -= 1;
        topic->to_pump = following->next_follower;
        following_pump(following);
    }
    topic->holds--;
    topic_release(topic);
    return true;
}

static bool deliver_alone(struct topic *topic)
{
    size_t count = HUB_FOLLOWERS_AT_ONCE;

    prefetch_followers(topic);
    return deliver_to(topic, &count);
}

/* A topic that is alone in its tick goes to a few followers at a time, whose connections then write
 * while what they touch is still in the processor's cache. Of several topics many are handed over
 * first, so that what they have for one connection leaves in one write. Between two pieces others
 * have their turn: calls and sockets do not wait for a whole crowd. */
void hub_deliver(struct loop_task *task)
{
    struct hub *hub = (struct hub *)((char *)task - offsetof(struct hub, deliver));
    size_t left = HUB_HANDED_AT_ONCE;

    do {
        if (hub->delivering == NULL && (hub->delivering = pop_dirty(hub)) != NULL)
            begin_delivery(hub->delivering);
        if (hub->delivering == NULL)
            return;
        if (!(has_dirty(hub) ? deliver_to(hub->delivering, &left)
                             : deliver_alone(hub->delivering))) {
            loop_defer(hub->loop, task);
            return;
        }
        hub->delivering = NULL;
    } while (true);
}

/* --- events --- */

static void grow_ring(struct topic *topic)
{
    struct ring_entry *old = topic->ring;
    uint32_t old_size = topic->ring_size;

    topic->ring_size = old_size == 0 ? FIRST_RING_EVENTS : old_size * 2;
    topic->ring = hub_calloc(topic->ring_size, sizeof(*topic->ring));
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].sequence != 0)
            topic->ring[old[i].sequence % topic->ring_size] = old[i];
    free(old);
}

/* Quiet topics keep few events, busy ones more. */
static struct ring_entry *room_for(struct topic *topic, int64_t sequence)
{
    struct ring_entry *entry;

    if (topic->ring_size == 0)
        grow_ring(topic);
    entry = &topic->ring[sequence % topic->ring_size];
    while (entry->sequence != 0 && topic->ring_size < HUB_RING_EVENTS) {
        grow_ring(topic);
        entry = &topic->ring[sequence % topic->ring_size];
    }
    clear_entry(entry);
    return entry;
}

void topic_append(struct topic *topic, const struct hub_event *event)
{
    const struct hub_config *config = &topic->hub->config;
    struct ring_entry *entry = room_for(topic, event->sequence);

    assert(event->sequence > topic->head);
    entry->sequence = event->sequence;
    entry->origin = event->origin;
    entry->quoted = event->quoted;
    entry->encoded[RPC_CODEC_BINARY] = event->message;
    topic->head = event->sequence;
    topic->appended_ms = loop_now_ms(topic->hub->loop);
    if (config->appended != NULL)
        config->appended(config->user, topic->key, event);
    mark_dirty(topic);
}

struct ring_entry *topic_entry(struct topic *topic, int64_t sequence)
{
    struct ring_entry *entry;

    if (topic->ring_size == 0)
        return NULL;
    entry = &topic->ring[sequence % topic->ring_size];
    return entry->sequence == sequence ? entry : NULL;
}

struct shared_bytes *topic_without_quote(const struct topic *topic,
                                         const struct shared_bytes *event)
{
    const struct hub_source *source = source_of(topic->hub, topic->key.kind);

    assert(source->without_quote != NULL);
    return source->without_quote(source->user, event);
}

void topic_trim(struct topic *topic, uint64_t now_ms)
{
    if (topic->ring != NULL && now_ms - topic->appended_ms > HUB_RING_IDLE_MS && !is_state(topic))
        free_ring(topic);
}

void hub_publish(struct hub *hub, struct hub_topic key, const struct hub_event *event)
{
    struct topic *topic = topic_find(hub, key);

    if (topic != NULL && topic->head >= 0 && event->sequence == topic->head + 1) {
        topic_append(topic, event);
        return;
    }
    shared_bytes_unref(event->message);
    if (topic != NULL && topic->head >= 0 && event->sequence > topic->head)
        repair_start(topic);
}

/* --- state --- */

enum { STATE_CHANGE, STATE_PICTURE, STATE_ENTRIES };

void hub_publish_state(struct hub *hub, struct hub_topic key, struct shared_bytes *change)
{
    struct topic *topic = topic_find(hub, key);

    if (topic == NULL) {
        shared_bytes_unref(change);
        return;
    }
    if (topic->ring == NULL) {
        topic->ring = hub_calloc(STATE_ENTRIES, sizeof(*topic->ring));
        topic->ring_size = STATE_ENTRIES;
    }
    clear_entry(&topic->ring[STATE_CHANGE]);
    topic->head++;
    topic->ring[STATE_CHANGE].sequence = topic->head;
    topic->ring[STATE_CHANGE].encoded[RPC_CODEC_BINARY] = change;
    mark_dirty(topic);
}

struct ring_entry *topic_state_entry(struct topic *topic, int64_t cursor)
{
    const struct hub_source *source = source_of(topic->hub, topic->key.kind);
    struct ring_entry *picture;

    if (topic->ring == NULL) {
        topic->ring = hub_calloc(STATE_ENTRIES, sizeof(*topic->ring));
        topic->ring_size = STATE_ENTRIES;
    }
    if (cursor == topic->head - 1 && topic->ring[STATE_CHANGE].sequence == topic->head)
        return &topic->ring[STATE_CHANGE];
    picture = &topic->ring[STATE_PICTURE];
    if (picture->sequence != topic->head) {
        clear_entry(picture);
        picture->sequence = topic->head;
        picture->encoded[RPC_CODEC_BINARY] = source->picture(source->user, topic->key.id);
    }
    return picture;
}
