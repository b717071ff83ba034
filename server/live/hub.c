/* The hub's life, and its look at everything once a second. */
#include "server/live/internal.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_BUCKETS 1024

void *hub_calloc(size_t count, size_t size_bytes)
{
    void *memory = calloc(count, size_bytes);

    if (memory == NULL)
        abort();
    return memory;
}

/* --- the check --- */

static void check_subscribers(struct hub *hub)
{
    uint64_t now_ms = loop_now_ms(hub->loop);

    if (hub->heartbeat[RPC_CODEC_BINARY] == NULL)
        hub->heartbeat[RPC_CODEC_BINARY] = hub->config.heartbeat();
    for (struct hub_subscriber *at = hub->subscribers; at != NULL; at = at->next) {
        if (now_ms - at->last_sent_ms >= HUB_HEARTBEAT_MS)
            subscriber_send(at, hub->heartbeat);
        if (at->retry) {
            at->retry = false;
            worker_start(at);
        }
    }
}

/* The topics of a kind that can be checked. */
static size_t gather_heads(struct hub *hub, uint8_t kind, struct hub_head *known)
{
    uint64_t now_ms = loop_now_ms(hub->loop);
    size_t count = 0;

    for (size_t i = 0; i < hub->bucket_count; i++)
        for (struct topic *topic = hub->buckets[i]; topic != NULL; topic = topic->next) {
            if (topic->key.kind != kind || topic->head < 0)
                continue;
            topic_trim(topic, now_ms);
            known[count++] = (struct hub_head){topic->key.id, topic->head};
        }
    return count;
}

/* What cannot be read now is tried again by the next check. */
static void check_kind(struct hub *hub, uint8_t kind)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const struct hub_source *source = source_of(hub, kind);
    struct hub_head *known, *heads;
    size_t count;

    if (source->read_heads == NULL)
        return;
    known = arena_alloc_array(arena, hub->topic_count, sizeof(*known));
    count = gather_heads(hub, kind, known);
    if (count == 0 ||
        source->read_heads(source->user, arena, known, count, &heads, &count) != STATUS_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        struct topic *topic = topic_find(hub, (struct hub_topic){kind, heads[i].id});
        if (topic != NULL && heads[i].sequence > topic->head)
            repair_start(topic);
    }
}

static void check_main(void *argument)
{
    struct hub *hub = argument;

    for (uint8_t kind = 0; kind < HUB_KINDS; kind++)
        check_kind(hub, kind);
    hub->checking = false;
}

static void on_check(struct loop_timer *timer)
{
    struct hub *hub = (struct hub *)((char *)timer - offsetof(struct hub, check));

    loop_timer_set_on_beat(hub->loop, &hub->check, HUB_CHECK_MS);
    check_subscribers(hub);
    if (hub->checking)
        return; /* the source lets us wait */
    hub->checking = true;
    coro_start(hub->loop, check_main, hub);
}

/* --- life --- */

struct hub *hub_new(struct loop *loop, const struct hub_config *config)
{
    struct hub *hub = hub_calloc(1, sizeof(*hub));

    hub->loop = loop;
    hub->config = *config;
    hub->bucket_count = FIRST_BUCKETS;
    hub->buckets = hub_calloc(hub->bucket_count, sizeof(*hub->buckets));
    hub->account_buckets = FIRST_BUCKETS;
    hub->accounts = hub_calloc(hub->account_buckets, sizeof(struct hub_subscriber *));
    hub->deliver.fn = hub_deliver;
    hub->gather.fn = hub_on_gather;
    hub->check.fn = on_check;
    loop_timer_set(loop, &hub->check, HUB_CHECK_MS);
    return hub;
}

/* Topics that were to deliver to followers who are gone. */
static void drop_topics(struct hub *hub)
{
    if (hub->delivering != NULL)
        hub->delivering->holds--;
    hub->delivering = NULL;
    for (size_t i = 0; i < hub->bucket_count; i++)
        for (struct topic *topic = hub->buckets[i], *next; topic != NULL; topic = next) {
            next = topic->next;
            topic->dirty = topic->waiting = false;
            topic_release(topic);
        }
}

void hub_free(struct hub *hub)
{
    if (hub == NULL)
        return;
    assert(hub->subscriber_count == 0);
    loop_timer_cancel(hub->loop, &hub->check);
    loop_timer_cancel(hub->loop, &hub->gather);
    loop_undefer(hub->loop, &hub->deliver);
    drop_topics(hub);
    assert(hub->topic_count == 0);
    for (int codec = 0; codec < RPC_CODEC_COUNT; codec++)
        shared_bytes_unref(hub->heartbeat[codec]);
    free(hub->buckets);
    free(hub->accounts);
    free(hub);
}

void hub_add_source(struct hub *hub, uint8_t kind, const struct hub_source *source)
{
    assert(kind < HUB_KINDS && source->priority < HUB_PRIORITIES && source->may_follow != NULL);
    hub->sources[kind] = *source;
}

void hub_set_following(struct hub *hub, hub_following_fn following, void *user)
{
    hub->following = following;
    hub->following_user = user;
}

void hub_stats(const struct hub *hub, struct hub_stats *ret)
{
    *ret = (struct hub_stats){hub->topic_count, hub->subscriber_count, hub->following_count,
                              hub->deliveries};
}
