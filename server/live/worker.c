/* A subscriber's worker: a coroutine that lives as long as there is something to wait for. It
 * looks up what the subscriber wants to follow, asks again what may have been taken away, and
 * reads events that the rings have no longer, a page of each topic in turn. */
#include "server/live/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAGE_EVENTS 32

/* --- hidden origins --- */

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

static void keep_origins(int64_t **kept, uint32_t *kept_count, const int64_t *origins, size_t count)
{
    free(*kept);
    *kept = NULL;
    *kept_count = (uint32_t)count;
    if (count == 0)
        return;
    *kept = hub_calloc(count, sizeof(*origins));
    memcpy(*kept, origins, count * sizeof(*origins));
    qsort(*kept, count, sizeof(*origins), compare_ids);
}

/* Nothing was sent while it was asked who is hidden. States have to be told anew: somebody may be
 * in them, or no longer. */
static void go_on(struct hub_subscriber *subscriber)
{
    for (struct following *at = subscriber->followings, *next; at != NULL; at = next) {
        next = at->next;
        if (at->state != FOLLOWING_ACTIVE)
            continue;
        if (is_state(at->topic))
            at->cursor = -1;
        following_pump(at);
    }
}

static enum status load_hidden(struct hub_subscriber *subscriber)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const struct hub_config *config = &subscriber->hub->config;
    int64_t *hidden, *unseen = NULL;
    size_t hidden_count, unseen_count = 0;

    subscriber->hidden_changed = false;
    TRY(config->hidden(config->user, arena, subscriber->account_id, &hidden, &hidden_count));
    if (config->unseen != NULL)
        TRY(config->unseen(config->user, arena, subscriber->account_id, &unseen, &unseen_count));
    keep_origins(&subscriber->hidden, &subscriber->hidden_count, hidden, hidden_count);
    keep_origins(&subscriber->unseen, &subscriber->unseen_count, unseen, unseen_count);
    subscriber->hidden_known = !subscriber->hidden_changed;
    return STATUS_OK;
}

static enum status know_hidden(struct hub_subscriber *subscriber)
{
    if (subscriber->hidden_known)
        return STATUS_OK;
    while (!subscriber->hidden_known && !subscriber->gone)
        TRY(load_hidden(subscriber));
    if (!subscriber->gone)
        go_on(subscriber);
    return STATUS_OK;
}

/* --- looking up --- */

static enum status read_head(struct topic *topic, struct arena *arena, int64_t *ret_head)
{
    const struct hub_source *source = source_of(topic->hub, topic->key.kind);
    struct hub_head known = {topic->key.id, -1}, *heads;
    size_t count;

    TRY(source->read_heads(source->user, arena, &known, 1, &heads, &count));
    if (count == 0)
        return STATUS_NOT_FOUND;
    *ret_head = heads[0].sequence;
    return STATUS_OK;
}

/* Sets the topic's head if nobody has. */
static enum status look_up_head(struct topic *topic, struct arena *arena)
{
    int64_t head;

    if (topic->head >= 0)
        return STATUS_OK;
    TRY(read_head(topic, arena, &head));
    if (topic->head < 0)
        topic->head = head;
    /* What was published while the head was looked up went by unseen. */
    repair_start(topic);
    return STATUS_OK;
}

/* A client that comes from another server may have seen more than this one has heard of; one that
 * has seen more than there is has to begin anew. */
static enum status confirm_cursor(struct topic *topic, struct arena *arena, int64_t cursor,
                                  int64_t *ret_head)
{
    *ret_head = topic->head;
    if (cursor <= topic->head)
        return STATUS_OK;
    TRY(read_head(topic, arena, ret_head));
    if (*ret_head > topic->head)
        repair_start(topic);
    return STATUS_OK;
}

static enum status may_follow(struct hub_subscriber *subscriber, struct arena *arena,
                              struct hub_topic key)
{
    const struct hub_source *source = source_of(subscriber->hub, key.kind);
    struct rpc_call call = *subscriber->call; /* whose arena may be a message's */

    if (source->may_follow == NULL)
        return STATUS_NOT_FOUND;
    call.arena = arena;
    return source->may_follow(source->user, &call, key.id);
}

static enum status look_up_topic(struct topic *topic, struct arena *arena,
                                 struct following *following)
{
    int64_t cursor = following->cursor, head;

    if (is_state(topic)) {
        following_attach(following, topic);
        return STATUS_OK;
    }
    TRY(look_up_head(topic, arena));
    TRY(confirm_cursor(topic, arena, cursor, &head));
    if (following->removed)
        return STATUS_OK;
    following_attach(following, topic);
    if (cursor > head)
        following_reset(following, head);
    return STATUS_OK;
}

static enum status look_up(struct hub_subscriber *subscriber, struct following *following)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct topic *topic;
    enum status status;

    TRY(may_follow(subscriber, arena, following->key));
    if (following->removed)
        return STATUS_OK;
    topic = topic_find_or_add(subscriber->hub, following->key);
    topic->holds++;
    status = look_up_topic(topic, arena, following);
    topic->holds--;
    topic_release(topic);
    return status;
}

enum status worker_look_up(struct hub_subscriber *subscriber, struct following *following)
{
    enum status status;

    subscriber->worker = coro_self();
    following->busy = true;
    status = know_hidden(subscriber);
    if (status == STATUS_OK)
        status = look_up(subscriber, following);
    following->busy = false;
    subscriber->worker = NULL;
    return status;
}

/* --- reading --- */

bool following_has_to_ask(const struct following *following)
{
    return following->recheck || !following->subscriber->hidden_known;
}

bool following_needs_reading(struct following *following)
{
    struct topic *topic = following->topic;

    return following->state == FOLLOWING_ACTIVE && !is_state(topic) &&
           following->cursor < topic->head && topic->head - following->cursor <= HUB_REPLAY_MAX &&
           topic_entry(topic, following->cursor + 1) == NULL;
}

static struct shared_bytes *seen_form(const struct following *following, enum sight sight,
                                      const struct hub_event *event)
{
    return sight == SIGHT_WHOLE ? shared_bytes_ref(event->message)
                                : topic_without_quote(following->topic, event->message);
}

/* False when the transport is full. */
static bool send_event(struct following *following, const struct hub_event *event)
{
    struct hub_subscriber *subscriber = following->subscriber;
    enum sight sight = subscriber_sight(subscriber, event->origin, event->quoted);

    if (event->sequence <= following->cursor)
        return true;
    if (event->sequence > following->cursor + 1 && !following_reset(following, event->sequence - 1))
        return false;
    if (sight != SIGHT_NONE &&
        !subscriber_send_once(subscriber, seen_form(following, sight, event)))
        return false;
    following->cursor = event->sequence;
    return true;
}

/* How many there was room for. */
static size_t send_page(struct following *following, struct hub_event *events, size_t count)
{
    bool room = !following->removed && following->state == FOLLOWING_ACTIVE &&
                !following_has_to_ask(following);
    size_t sent = 0;

    for (size_t i = 0; i < count; i++) {
        room = room && send_event(following, &events[i]);
        sent += room;
        shared_bytes_unref(events[i].message);
    }
    return sent;
}

/* Who takes whole pages gets larger ones; for one that reads slowly no more is read than it takes.
 */
static size_t next_page(size_t page, size_t sent)
{
    if (sent < page)
        return sent > FIRST_PAGE_EVENTS ? sent : FIRST_PAGE_EVENTS;
    return page * 2 < HUB_PAGE_EVENTS ? page * 2 : HUB_PAGE_EVENTS;
}

static enum status read_page(struct following *following)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct topic *topic = following->topic;
    const struct hub_source *source = source_of(topic->hub, topic->key.kind);
    int64_t head = topic->head;
    size_t page = following->page > 0 ? following->page : FIRST_PAGE_EVENTS, count;
    struct hub_event *events;

    TRY(source->read(source->user, arena, following->key.id, following->cursor, page, &events,
                     &count));
    following->page = (uint16_t)next_page(page, send_page(following, events, count));
    /* Nothing after the cursor, although there was: it is kept no longer. */
    if (count == 0 && !following->removed && following->state == FOLLOWING_ACTIVE &&
        following->cursor < head)
        following_reset(following, head);
    return STATUS_OK;
}

/* --- the worker --- */

static bool has_work(struct following *following)
{
    return following->state == FOLLOWING_WANTED ||
           (following->state == FOLLOWING_ACTIVE && following->recheck) ||
           following_needs_reading(following);
}

/* What has waited longest; lookups before pages. */
static struct following *next_work(struct hub_subscriber *subscriber)
{
    struct following *next = NULL;

    /* What work_on() frees was taken from the list when it was removed. */
    for (struct following *at = subscriber->followings; at != NULL; at = at->next) {
        if (!has_work(at)) /* NOLINT(clang-analyzer-unix.Malloc) */
            continue;
        if (at->state == FOLLOWING_WANTED)
            return at;
        if (next == NULL || at->turn < next->turn)
            next = at;
    }
    return next;
}

static bool is_answer(enum status status)
{
    return status == STATUS_OK || status == STATUS_NOT_FOUND || status == STATUS_PERMISSION_DENIED;
}

static enum hub_end end_of(enum status status)
{
    return status == STATUS_NOT_FOUND           ? HUB_END_NOT_FOUND
           : status == STATUS_PERMISSION_DENIED ? HUB_END_NOT_ALLOWED
                                                : HUB_END_UNAVAILABLE;
}

static enum status recheck(struct hub_subscriber *subscriber, struct following *following)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    enum status status;

    following->recheck = false;
    status = may_follow(subscriber, arena, following->key);
    if (!is_answer(status))
        following->recheck = true;
    return status;
}

/* One step. A status that is no answer ends the worker until the next check. */
static enum status work_on(struct hub_subscriber *subscriber, struct following *following)
{
    bool wanted = following->state == FOLLOWING_WANTED;
    bool asks = wanted || following->recheck;
    enum status status;

    following->busy = true;
    following->turn = ++subscriber->turn;
    if (wanted)
        status = look_up(subscriber, following);
    else if (following->recheck)
        status = recheck(subscriber, following);
    else
        status = read_page(following);
    following->busy = false;
    if (following->removed) {
        free(following);
        return STATUS_OK;
    }
    if (status != STATUS_OK && (wanted || (asks && is_answer(status)))) {
        following_end(following, end_of(status));
        return STATUS_OK;
    }
    following_pump(following);
    return status;
}

static enum status work(struct hub_subscriber *subscriber)
{
    struct following *following;

    while (!subscriber->gone && !subscriber->full) {
        TRY(know_hidden(subscriber));
        following = subscriber->gone ? NULL : next_work(subscriber);
        if (following == NULL)
            break;
        TRY(work_on(subscriber, following));
    }
    return STATUS_OK;
}

static void worker_main(void *argument)
{
    struct hub_subscriber *subscriber = argument;
    struct rpc_call *call = subscriber->call;
    enum status status = work(subscriber);

    subscriber->worker = NULL;
    subscriber->retry = status != STATUS_OK;
    if (subscriber->gone)
        subscriber_free(subscriber);
    rpc_release(call);
}

void worker_start(struct hub_subscriber *subscriber)
{
    bool wanted = !subscriber->hidden_known;

    if (subscriber->worker != NULL || subscriber->gone)
        return;
    for (struct following *at = subscriber->followings; at != NULL && !wanted; at = at->next)
        wanted = has_work(at);
    if (!wanted)
        return;
    if (!coro_can_start()) {
        subscriber->retry = true;
        return;
    }
    rpc_hold(subscriber->call);
    subscriber->worker = coro_start(subscriber->hub->loop, worker_main, subscriber);
}
