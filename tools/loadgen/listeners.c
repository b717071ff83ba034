#include "tools/loadgen/listeners.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>

#define AT_ONCE 256
#define CATCH_UP_MS 120000

static void on_event(struct feed *feed, struct feed_channel *channel, int64_t sequence,
                     const SubscribeResponse *event)
{
    struct listener *listener = feed->owner;

    if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_ENDED ||
        event->event_case == SUBSCRIBE_RESPONSE_EVENT_RESET)
        fail("a listener's channel was ended or reset");
    if (channel == NULL)
        return;
    if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_CAUGHT_UP && !listener->listening)
        channel->last_sequence = event->caught_up->last_sequence;
    if (!listener->listening && feed_has_caught_up(feed)) {
        listener->listening = true;
        listener->all->listening++;
    }
    if (sequence == 0)
        return;
    if (channel->last_sequence >= 0 && sequence != channel->last_sequence + 1)
        fail("a listener got event %" PRId64 " after %" PRId64, sequence, channel->last_sequence);
    channel->last_sequence = sequence;
    if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_MESSAGE && listener->all->on_message != NULL)
        listener->all->on_message(listener, event->message);
}

static void on_feed_end(struct feed *feed)
{
    fail("a listener's stream ended with HTTP status %d, grpc-status %d, HTTP/2 error %u",
         feed->stream.http_status, feed->stream.grpc_status, feed->stream.error_code);
}

static void on_ready(struct link_owner *owner, struct link *link)
{
    struct listener *listener = (struct listener *)owner;

    feed_start(&listener->feed, link);
}

static void on_lost(struct link_owner *owner, struct link *link, const char *why)
{
    fail("a listener's connection ended: %s", why);
}

static void on_going_away(struct link_owner *owner, struct link *link)
{
    fail("a listener's connection was told to go away");
}

static void begin(struct listeners *listeners)
{
    const struct options *options = listeners->options;
    struct listener *listener = &listeners->items[listeners->begun];
    struct player *player = &listeners->players.items[listeners->begun];
    size_t count = options->typed ? 1 : player->channel_count;

    *listener = (struct listener){
        .owner = {on_ready, on_going_away, on_lost},
        .feed = {.player = player,
                 .channels = calloc(count, sizeof(struct feed_channel)),
                 .channel_count = count,
                 .typed = options->typed,
                 .with_presence = options->presence,
                 .with_account = options->account,
                 .on_event = on_event,
                 .on_end = on_feed_end,
                 .owner = listener},
        .all = listeners,
        .slow = listeners->begun >= options->connections - options->slow,
    };
    if (listener->feed.channels == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        listener->feed.channels[i] = (struct feed_channel){player->channels[i], -1, false};
    listener->link = link_begin(listeners->engine, 0, &listener->owner);
    listeners->begun++;
}

void listeners_open(struct listeners *listeners)
{
    size_t count = listeners->options->connections;
    uint64_t start_us = clock_monotonic_us();

    listeners->items = calloc(count, sizeof(*listeners->items));
    if (listeners->items == NULL)
        abort();
    while (listeners->listening < count) {
        while (listeners->begun < count && listeners->begun < listeners->listening + AT_ONCE)
            begin(listeners);
        engine_poll(listeners->engine, 10);
        if (clock_monotonic_us() - start_us > CATCH_UP_MS * 1000ULL)
            fail("%zu of %zu listeners have caught up after %d s", listeners->listening, count,
                 CATCH_UP_MS / 1000);
    }
    listeners->connected_us = clock_monotonic_us() - start_us;
}

void listeners_free(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->begun; i++) {
        feed_free(&listeners->items[i].feed);
        free(listeners->items[i].feed.channels);
    }
    free(listeners->items);
    players_free(&listeners->players);
}
