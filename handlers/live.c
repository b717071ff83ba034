/* Copies of events through Redis, and what the hub says on streams. */
#include "handlers/live.h"

#include "handlers/blocks.h"
#include "waystone/event/v1/event.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With the version of the head: instances of another one are not heard, nor hear these. What they
 * write meanwhile comes late, by the hubs' check once a second. */
#define COPY_PREFIX "waystone:live2:"
#define COPY_HEAD_BYTES 28 /* number, origin, quoted, length: big-endian */
#define LISTENERS_MAX 8
#define BUCKETS 256

/* What a tick has for one topic, to go in one PUBLISH. */
struct outgoing {
    struct hub_topic topic;
    struct buffer copies;
    struct outgoing *next; /* of the tick */
    struct outgoing *next_in_bucket;
};

struct listener {
    const char *prefix;
    live_heard_fn heard;
    void *user;
};

struct live {
    struct app *app;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct outgoing *outgoing, **outgoing_end;
    struct outgoing *buckets[BUCKETS];
    struct loop_task flush;
};

/* --- what streams say --- */

static Topic *topic_to_api(struct arena *arena, struct hub_topic topic)
{
    Topic *message = Topic_new(arena);

    message->kind = (TopicKind)topic.kind;
    message->id = topic.kind == TOPIC_KIND_ACCOUNT ? 0 : topic.id;
    return message;
}

static struct shared_bytes *encode_caught_up(struct hub_topic topic, int64_t last_sequence)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SubscribeResponse *event = SubscribeResponse_new(arena);

    event->event_case = SUBSCRIBE_RESPONSE_EVENT_CAUGHT_UP;
    event->caught_up = CaughtUp_new(arena);
    event->caught_up->last_sequence = last_sequence;
    event->caught_up->topic = topic_to_api(arena, topic);
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

static struct shared_bytes *encode_reset(struct hub_topic topic, int64_t sequence)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SubscribeResponse *event = SubscribeResponse_new(arena);

    event->event_case = SUBSCRIBE_RESPONSE_EVENT_RESET;
    event->reset = Reset_new(arena);
    event->reset->sequence = sequence;
    event->reset->topic = topic_to_api(arena, topic);
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

static struct shared_bytes *encode_ended(struct hub_topic topic, enum hub_end reason)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SubscribeResponse *event = SubscribeResponse_new(arena);

    event->event_case = SUBSCRIBE_RESPONSE_EVENT_ENDED;
    event->ended = Ended_new(arena);
    event->ended->topic = topic_to_api(arena, topic);
    event->ended->reason = (EndReason)reason;
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

static struct shared_bytes *encode_heartbeat(void)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SubscribeResponse *event = SubscribeResponse_new(arena);

    event->event_case = SUBSCRIBE_RESPONSE_EVENT_HEARTBEAT;
    event->heartbeat = Heartbeat_new(arena);
    return rpc_encode_shared(&event->base, RPC_CODEC_BINARY);
}

/* --- going out --- */

static void put_number(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t get_number(const uint8_t *in, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | in[i];
    return value;
}

static void copy_channel(char *out, size_t size_bytes, struct hub_topic topic)
{
    snprintf(out, size_bytes, COPY_PREFIX "%u:%lld", topic.kind, (long long)topic.id);
}

static void flush(struct loop_task *task)
{
    struct live *live = (struct live *)((char *)task - offsetof(struct live, flush));
    struct outgoing *out;
    char channel[64];

    while ((out = live->outgoing) != NULL) {
        live->outgoing = out->next;
        copy_channel(channel, sizeof(channel), out->topic);
        /* Losing it is no error: the truth is written. */
        (void)!redis_publish(live->app->redis, channel, buffer_data(&out->copies),
                             out->copies.length);
        buffer_free(&out->copies);
        free(out);
    }
    live->outgoing_end = &live->outgoing;
    memset(live->buckets, 0, sizeof(live->buckets));
}

static struct outgoing *outgoing_for(struct live *live, struct hub_topic topic)
{
    uint64_t hash = ((uint64_t)topic.id << 3 ^ topic.kind) * 11400714819323198485u;
    struct outgoing **bucket = &live->buckets[(hash >> 32) % BUCKETS];
    struct outgoing *out = *bucket;

    while (out != NULL && (out->topic.kind != topic.kind || out->topic.id != topic.id))
        out = out->next_in_bucket;
    if (out != NULL)
        return out;
    out = calloc(1, sizeof(*out));
    if (out == NULL)
        abort();
    out->topic = topic;
    out->next_in_bucket = *bucket;
    *bucket = out;
    *live->outgoing_end = out;
    live->outgoing_end = &out->next;
    return out;
}

void live_publish(struct app *app, struct hub_topic topic, const struct hub_event *event)
{
    struct live *live = app->live;
    struct outgoing *out = outgoing_for(live, topic);
    uint8_t head[COPY_HEAD_BYTES];

    put_number(head, (uint64_t)event->sequence, 8);
    put_number(head + 8, (uint64_t)event->origin, 8);
    put_number(head + 16, (uint64_t)event->quoted, 8);
    put_number(head + 24, event->message->length, 4);
    buffer_append(&out->copies, head, sizeof(head));
    buffer_append(&out->copies, event->message->data, event->message->length);
    loop_defer(app->loop, &live->flush);
    hub_publish(app->hub, topic, event);
}

/* --- coming in --- */

/* "2:17": a topic. */
static bool read_topic(const char *text, struct hub_topic *ret)
{
    char *end;
    unsigned long kind = strtoul(text, &end, 10);

    if (end == text || *end != ':' || kind >= HUB_KINDS)
        return false;
    *ret = (struct hub_topic){(uint8_t)kind, strtoll(end + 1, NULL, 10)};
    return true;
}

static void hear_copies(void *user, const char *rest, const void *payload, size_t length)
{
    struct live *live = user;
    const uint8_t *at = payload, *end = at + length;
    struct hub_topic topic;

    if (!read_topic(rest, &topic))
        return;
    while ((size_t)(end - at) >= COPY_HEAD_BYTES) {
        struct hub_event event = {.sequence = (int64_t)get_number(at, 8),
                                  .origin = (int64_t)get_number(at + 8, 8),
                                  .quoted = (int64_t)get_number(at + 16, 8)};
        size_t size = get_number(at + 24, 4);
        at += COPY_HEAD_BYTES;
        if (size > (size_t)(end - at))
            return;
        event.message = shared_bytes_new(at, size);
        hub_publish(live->app->hub, topic, &event);
        at += size;
    }
}

static void watch_copies(void *user, struct hub_topic topic, bool on)
{
    struct live *live = user;
    char channel[64];

    copy_channel(channel, sizeof(channel), topic);
    if (on)
        redis_subscribe(live->app->redis, channel);
    else
        redis_unsubscribe(live->app->redis, channel);
}

static void on_message(void *argument, const char *channel, const void *payload, size_t length)
{
    struct live *live = argument;

    for (size_t i = 0; i < live->listener_count; i++) {
        const struct listener *listener = &live->listeners[i];
        size_t prefix = strlen(listener->prefix);
        if (strncmp(channel, listener->prefix, prefix) == 0) {
            listener->heard(listener->user, channel + prefix, payload, length);
            return;
        }
    }
}

void live_split_heads(struct arena *arena, const struct hub_head *known, size_t count,
                      int64_t **ret_ids, int64_t **ret_sequences)
{
    int64_t *ids = arena_alloc_array(arena, count, sizeof(*ids));
    int64_t *sequences = arena_alloc_array(arena, count, sizeof(*sequences));

    for (size_t i = 0; i < count; i++) {
        ids[i] = known[i].id;
        sequences[i] = known[i].sequence;
    }
    *ret_ids = ids;
    *ret_sequences = sequences;
}

void live_listen(struct app *app, const char *prefix, live_heard_fn heard, void *user)
{
    struct live *live = app->live;

    assert(live->listener_count < LISTENERS_MAX);
    live->listeners[live->listener_count++] = (struct listener){prefix, heard, user};
}

/* --- what streams do not want --- */

static enum status hidden_accounts(void *user, struct arena *arena, int64_t account_id,
                                   int64_t **ret_accounts, size_t *ret_count)
{
    struct live *live = user;

    return blocks_list(live->app->db, arena, account_id, ret_accounts, ret_count);
}

static enum status unseen_accounts(void *user, struct arena *arena, int64_t account_id,
                                   int64_t **ret_accounts, size_t *ret_count)
{
    struct live *live = user;

    return blocks_list_both(live->app->db, arena, account_id, ret_accounts, ret_count);
}

/* --- life --- */

void live_open(struct app *app)
{
    struct live *live = calloc(1, sizeof(*live));
    struct hub_config config = {
        .message_type = &SubscribeResponse_type,
        .caught_up = encode_caught_up,
        .reset = encode_reset,
        .ended = encode_ended,
        .heartbeat = encode_heartbeat,
        .watch = watch_copies,
        .hidden = hidden_accounts,
        .unseen = unseen_accounts,
        .user = live,
    };

    if (live == NULL)
        abort();
    live->app = app;
    live->outgoing_end = &live->outgoing;
    live->flush.fn = flush;
    app->live = live;
    app->hub = hub_new(app->loop, &config);
    live_listen(app, COPY_PREFIX, hear_copies, live);
    redis_set_listener(app->redis, on_message, NULL, live);
}

void live_close(struct app *app)
{
    struct live *live = app->live;

    loop_undefer(app->loop, &live->flush);
    flush(&live->flush);
    hub_free(app->hub);
    redis_set_listener(app->redis, NULL, NULL, NULL);
    free(live);
    app->hub = NULL;
    app->live = NULL;
}
