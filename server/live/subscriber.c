/* Subscribers: what they follow, and sending it. */
#include "server/live/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Topics on their way in or out, beyond those that are followed. */
#define FOLLOWINGS_MAX (3 * HUB_FOLLOW_MAX)

/* --- encodings --- */

static struct shared_bytes *to_json(struct hub *hub, const struct shared_bytes *binary)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    ProtobufCMessage *message;
    const char *error;

    if (message_decode(arena, hub->config.message_type, binary->data, binary->length, &message,
                       &error) != STATUS_OK)
        return NULL;
    return rpc_encode_shared(message, RPC_CODEC_JSON);
}

struct shared_bytes *encoded_for(struct hub *hub, struct shared_bytes **by_codec,
                                 enum rpc_codec codec)
{
    if (by_codec[codec] == NULL)
        by_codec[codec] = to_json(hub, by_codec[RPC_CODEC_BINARY]);
    return by_codec[codec];
}

/* --- sending --- */

bool subscriber_send(struct hub_subscriber *subscriber, struct shared_bytes **by_codec)
{
    struct hub *hub = subscriber->hub;
    struct shared_bytes *bytes;

    if (subscriber->full)
        return false;
    bytes = encoded_for(hub, by_codec, rpc_codec(subscriber->call));
    if (bytes != NULL && !rpc_send_shared(subscriber->call, bytes)) {
        subscriber->full = true;
        return false;
    }
    subscriber->last_sent_ms = loop_now_ms(hub->loop);
    hub->deliveries++;
    return true;
}

bool subscriber_send_once(struct hub_subscriber *subscriber, struct shared_bytes *message)
{
    struct shared_bytes *by_codec[RPC_CODEC_COUNT] = {[RPC_CODEC_BINARY] = message};
    bool sent = subscriber_send(subscriber, by_codec);

    for (int codec = 0; codec < RPC_CODEC_COUNT; codec++)
        shared_bytes_unref(by_codec[codec]);
    return sent;
}

static bool hides(const struct hub_subscriber *subscriber, int64_t origin)
{
    size_t low = 0, high = subscriber->hidden_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (subscriber->hidden[middle] == origin)
            return true;
        if (subscriber->hidden[middle] < origin)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

enum sight subscriber_sight(const struct hub_subscriber *subscriber, int64_t origin, int64_t quoted)
{
    if (hides(subscriber, origin))
        return SIGHT_NONE;
    return quoted != 0 && hides(subscriber, quoted) ? SIGHT_UNQUOTED : SIGHT_WHOLE;
}

bool following_reset(struct following *following, int64_t sequence)
{
    struct hub_subscriber *subscriber = following->subscriber;

    if (subscriber->full ||
        !subscriber_send_once(subscriber, subscriber->hub->config.reset(following->key, sequence)))
        return false;
    following->cursor = sequence;
    return true;
}

/* False when there is no room. */
static bool send_entry(struct following *following, struct ring_entry *entry)
{
    struct hub_subscriber *subscriber = following->subscriber;

    switch (subscriber_sight(subscriber, entry->origin, entry->quoted)) {
    case SIGHT_NONE:
        return true;
    case SIGHT_UNQUOTED:
        if (entry->unquoted[RPC_CODEC_BINARY] == NULL)
            entry->unquoted[RPC_CODEC_BINARY] =
                topic_without_quote(following->topic, entry->encoded[RPC_CODEC_BINARY]);
        return subscriber_send(subscriber, entry->unquoted);
    case SIGHT_WHOLE:
        break;
    }
    return subscriber_send(subscriber, entry->encoded);
}

/* Sends from the ring. False when it cannot go on for now. */
static bool pump_log(struct following *following)
{
    struct hub_subscriber *subscriber = following->subscriber;
    struct topic *topic = following->topic;

    if (topic->head - following->cursor > HUB_REPLAY_MAX &&
        !following_reset(following, topic->head))
        return false;
    while (following->cursor < topic->head) {
        struct ring_entry *entry = topic_entry(topic, following->cursor + 1);
        if (entry == NULL) {
            worker_start(subscriber);
            return false;
        }
        if (!send_entry(following, entry))
            return false;
        following->cursor++;
    }
    return true;
}

/* A state as this subscriber sees it; NULL: as everybody does. */
static struct shared_bytes *own_picture(const struct following *following)
{
    const struct hub_subscriber *subscriber = following->subscriber;
    const struct hub_source *source = source_of(subscriber->hub, following->key.kind);

    if (source->picture_without == NULL || subscriber->unseen_count == 0)
        return NULL;
    return source->picture_without(source->user, following->key.id, subscriber->unseen,
                                   subscriber->unseen_count);
}

/* Changes are everybody's: whoever is sent pictures of its own needs one more to go on with them.
 */
static bool pump_state(struct following *following)
{
    struct hub_subscriber *subscriber = following->subscriber;
    struct topic *topic = following->topic;
    int64_t known = following->own ? -1 : following->cursor;
    struct shared_bytes *own;
    bool sent;

    if (following->cursor == topic->head)
        return true;
    if (subscriber->full)
        return false;
    own = own_picture(following);
    sent = own != NULL ? subscriber_send_once(subscriber, own)
                       : subscriber_send(subscriber, topic_state_entry(topic, known)->encoded);
    if (!sent)
        return false;
    following->own = own != NULL;
    following->cursor = topic->head;
    return true;
}

static void pump_active(struct following *following)
{
    struct hub_subscriber *subscriber = following->subscriber;
    const struct hub_config *config = &subscriber->hub->config;
    bool state = is_state(following->topic);

    if (following_has_to_ask(following)) {
        worker_start(subscriber);
        return;
    }
    if (!(state ? pump_state(following) : pump_log(following)) || following->caught_up ||
        subscriber->full)
        return;
    following->caught_up = subscriber_send_once(
        subscriber, config->caught_up(following->key, state ? 0 : following->cursor));
}

static void tell_end(struct following *following)
{
    struct hub_subscriber *subscriber = following->subscriber;

    if (!subscriber->full && subscriber_send_once(subscriber, subscriber->hub->config.ended(
                                                                  following->key, following->end)))
        following_remove(following);
}

void following_pump(struct following *following)
{
    /* The worker is in the middle of it and pumps when it is done. */
    if (following->busy)
        return;
    if (following->state == FOLLOWING_ACTIVE)
        pump_active(following);
    else if (following->state == FOLLOWING_ENDED)
        tell_end(following);
}

void subscriber_pump(struct hub_subscriber *subscriber)
{
    for (struct following *following = subscriber->followings, *next;
         following != NULL && !subscriber->full; following = next) {
        next = following->next;
        following_pump(following);
    }
    worker_start(subscriber);
}

static void on_writable(struct rpc_call *call, void *argument)
{
    struct hub_subscriber *subscriber = argument;

    subscriber->full = false;
    subscriber_pump(subscriber);
}

/* --- followings --- */

static void tell_following(struct following *following, bool on)
{
    struct hub_subscriber *subscriber = following->subscriber;
    const struct hub *hub = subscriber->hub;

    if (subscriber->counts && hub->following != NULL)
        hub->following(hub->following_user, following->key, &subscriber->call->identity, on);
}

void following_attach(struct following *following, struct topic *topic)
{
    if (is_state(topic))
        following->cursor = -1; /* the first thing is a picture */
    else if (following->cursor < 0)
        following->cursor = topic->head;
    following->topic = topic;
    following->state = FOLLOWING_ACTIVE;
    following->previous_follower = NULL;
    following->next_follower = topic->followers;
    if (topic->followers != NULL)
        topic->followers->previous_follower = following;
    topic->followers = following;
    following->subscriber->hub->following_count++;
    tell_following(following, true);
}

static void detach(struct following *following)
{
    struct topic *topic = following->topic;

    if (topic == NULL)
        return;
    following->topic = NULL;
    if (topic->to_pump == following)
        topic->to_pump = following->next_follower;
    if (following->previous_follower != NULL)
        following->previous_follower->next_follower = following->next_follower;
    else
        topic->followers = following->next_follower;
    if (following->next_follower != NULL)
        following->next_follower->previous_follower = following->previous_follower;
    following->subscriber->hub->following_count--;
    tell_following(following, false);
    topic_release(topic);
}

void following_remove(struct following *following)
{
    struct hub_subscriber *subscriber = following->subscriber;
    struct following **link = &subscriber->followings;

    while (*link != following)
        link = &(*link)->next;
    *link = following->next;
    subscriber->following_count--;
    detach(following);
    if (following->busy)
        following->removed = true;
    else
        free(following);
}

void following_end(struct following *following, enum hub_end reason)
{
    detach(following);
    following->state = FOLLOWING_ENDED;
    following->end = (uint8_t)reason;
    following_pump(following);
}

static uint8_t priority_of(struct hub *hub, uint8_t kind)
{
    return source_of(hub, kind)->priority;
}

static struct following *find_following(struct hub_subscriber *subscriber, struct hub_topic key)
{
    struct following *following = subscriber->followings;

    while (following != NULL && (following->key.kind != key.kind || following->key.id != key.id))
        following = following->next;
    return following;
}

static struct following *add_following(struct hub_subscriber *subscriber, struct hub_topic key,
                                       int64_t after)
{
    struct hub *hub = subscriber->hub;
    struct following **link = &subscriber->followings;
    struct following *following = hub_calloc(1, sizeof(*following));

    following->subscriber = subscriber;
    following->key = key;
    following->cursor = after;
    following->state = FOLLOWING_WANTED;
    while (*link != NULL && priority_of(hub, (*link)->key.kind) <= priority_of(hub, key.kind))
        link = &(*link)->next;
    following->next = *link;
    *link = following;
    subscriber->following_count++;
    return following;
}

static size_t count_followed(const struct hub_subscriber *subscriber)
{
    size_t count = 0;

    for (const struct following *at = subscriber->followings; at != NULL; at = at->next)
        count += at->state != FOLLOWING_ENDED;
    return count;
}

static enum status renew(struct hub_subscriber *subscriber, struct hub_topic key, int64_t after,
                         struct following **ret)
{
    struct following *old = find_following(subscriber, key);

    if (key.kind >= HUB_KINDS)
        return STATUS_INVALID_ARGUMENT;
    if (old != NULL)
        following_remove(old);
    if (subscriber->following_count >= FOLLOWINGS_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    *ret = add_following(subscriber, key, after);
    return STATUS_OK;
}

/* A bucket of changes, which is emptied as time goes by. */
static bool may_change(struct hub_subscriber *subscriber, size_t count)
{
    uint64_t now_ms = loop_now_ms(subscriber->hub->loop);
    uint64_t forgotten = (now_ms - subscriber->forgotten_ms) * HUB_CHANGES_PER_S / 1000;

    if (forgotten > 0) {
        subscriber->changes -=
            forgotten < subscriber->changes ? (uint32_t)forgotten : subscriber->changes;
        subscriber->forgotten_ms = now_ms;
    }
    if (count > HUB_CHANGES_AT_ONCE - subscriber->changes)
        return false;
    subscriber->changes += (uint32_t)count;
    return true;
}

enum status hub_change(struct hub_subscriber *subscriber, const struct hub_wish *follow,
                       size_t follow_count, const struct hub_topic *unfollow, size_t unfollow_count)
{
    struct following *following;

    if (!may_change(subscriber, follow_count + unfollow_count))
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < unfollow_count; i++) {
        TRY(renew(subscriber, unfollow[i], -1, &following));
        following_end(following, HUB_END_LEFT);
    }
    for (size_t i = 0; i < follow_count; i++) {
        TRY(renew(subscriber, follow[i].topic, follow[i].after, &following));
        if (count_followed(subscriber) > HUB_FOLLOW_MAX)
            following_end(following, HUB_END_TOO_MANY);
    }
    worker_start(subscriber);
    return STATUS_OK;
}

/* --- by account --- */

struct hub_subscriber **subscribers_of(const struct hub *hub, int64_t account_id)
{
    uint64_t hash = (uint64_t)account_id * 11400714819323198485u;

    return &hub->accounts[(hash >> 32) & (hub->account_buckets - 1)];
}

static void put_by_account(struct hub_subscriber *subscriber)
{
    struct hub_subscriber **bucket = subscribers_of(subscriber->hub, subscriber->account_id);

    subscriber->next_account = *bucket;
    *bucket = subscriber;
}

static void take_by_account(struct hub_subscriber *subscriber)
{
    struct hub_subscriber **link = subscribers_of(subscriber->hub, subscriber->account_id);

    while (*link != subscriber)
        link = &(*link)->next_account;
    *link = subscriber->next_account;
}

static void grow_accounts(struct hub *hub)
{
    free(hub->accounts);
    hub->account_buckets *= 2;
    hub->accounts = hub_calloc(hub->account_buckets, sizeof(*hub->accounts));
    for (struct hub_subscriber *at = hub->subscribers; at != NULL; at = at->next)
        put_by_account(at);
}

/* --- rechecks: thousands a second, when many leave --- */

static void recheck(struct following *following)
{
    if (following != NULL && following->state == FOLLOWING_ACTIVE)
        following->recheck = true;
}

void hub_recheck(struct hub *hub, struct hub_topic key, int64_t account_id)
{
    struct hub_subscriber *at = *subscribers_of(hub, account_id);

    for (; at != NULL; at = at->next_account) {
        if (at->account_id != account_id)
            continue;
        recheck(find_following(at, key));
        worker_start(at);
    }
}

void hub_recheck_account(struct hub *hub, int64_t account_id)
{
    struct hub_subscriber *at = *subscribers_of(hub, account_id);

    for (; at != NULL; at = at->next_account) {
        if (at->account_id != account_id)
            continue;
        for (struct following *following = at->followings; following; following = following->next)
            recheck(following);
        worker_start(at);
    }
}

void hub_reload_hidden(struct hub *hub, int64_t account_id)
{
    struct hub_subscriber *at = *subscribers_of(hub, account_id);

    for (; at != NULL; at = at->next_account)
        if (at->account_id == account_id) {
            at->hidden_known = false;
            at->hidden_changed = true;
            worker_start(at);
        }
}

/* --- life --- */

struct hub_subscriber *hub_subscribe(struct hub *hub, struct rpc_call *call, bool counts)
{
    struct hub_subscriber *subscriber = hub_calloc(1, sizeof(*subscriber));

    subscriber->hub = hub;
    subscriber->call = call;
    subscriber->account_id = call->identity.account_id;
    subscriber->counts = counts;
    subscriber->hidden_known = hub->config.hidden == NULL;
    subscriber->last_sent_ms = loop_now_ms(hub->loop);
    subscriber->next = hub->subscribers;
    if (hub->subscribers != NULL)
        hub->subscribers->previous = subscriber;
    hub->subscribers = subscriber;
    if (hub->subscriber_count++ == hub->account_buckets)
        grow_accounts(hub);
    else
        put_by_account(subscriber);
    rpc_on_writable(call, on_writable, subscriber);
    return subscriber;
}

void subscriber_free(struct hub_subscriber *subscriber)
{
    free(subscriber->hidden);
    free(subscriber->unseen);
    free(subscriber);
}

void hub_unsubscribe(struct hub_subscriber *subscriber)
{
    struct hub *hub;

    if (subscriber == NULL)
        return;
    hub = subscriber->hub;
    while (subscriber->followings != NULL)
        following_remove(subscriber->followings);
    if (subscriber->previous != NULL)
        subscriber->previous->next = subscriber->next;
    else
        hub->subscribers = subscriber->next;
    if (subscriber->next != NULL)
        subscriber->next->previous = subscriber->previous;
    take_by_account(subscriber);
    hub->subscriber_count--;
    rpc_on_writable(subscriber->call, NULL, NULL);
    if (subscriber->worker == NULL) {
        subscriber_free(subscriber);
        return;
    }
    subscriber->gone = true;
    coro_interrupt(subscriber->worker, STATUS_CANCELLED);
}

void hub_unsubscribep(struct hub_subscriber **subscriber)
{
    hub_unsubscribe(*subscriber);
}

static void on_parked_end(struct rpc_call *call, void *argument)
{
    struct hub_subscriber *subscriber = argument;

    if (subscriber->on_end != NULL)
        subscriber->on_end(subscriber, subscriber->end_argument);
    hub_unsubscribe(subscriber);
}

void hub_subscriber_park(struct hub_subscriber *subscriber,
                         void (*on_end)(struct hub_subscriber *subscriber, void *argument),
                         void *argument)
{
    subscriber->on_end = on_end;
    subscriber->end_argument = argument;
    rpc_park(subscriber->call, on_parked_end, subscriber);
}

enum status hub_follow(struct hub_subscriber *subscriber, struct hub_topic topic, int64_t after)
{
    struct following *following;
    enum status status;

    assert(subscriber->followings == NULL && subscriber->worker == NULL);
    following = add_following(subscriber, topic, after);
    status = worker_look_up(subscriber, following);
    if (status == STATUS_OK)
        subscriber_pump(subscriber);
    else
        following_remove(following);
    return status;
}
