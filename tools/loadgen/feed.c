#include "tools/loadgen/feed.h"

#include "tools/loadgen/attempts.h"
#include "tools/loadgen/grpc.h"
#include "waystone/chat/v1/chat.h"

#include <stdio.h>

#define SUBSCRIBE_PATH "/waystone.event.v1.EventService/Subscribe"
#define FOLLOW_PATH "/waystone.event.v1.EventService/Follow"
#define STREAM_PATH "/waystone.chat.v1.ChatService/StreamMessages"

/* --- what comes --- */

static struct feed_channel *find_channel(const struct feed *feed, int64_t id)
{
    for (size_t i = 0; i < feed->channel_count; i++)
        if (feed->channels[i].id == id)
            return &feed->channels[i];
    return NULL;
}

/* The channel a marker is about. Streams of one channel may leave it out. */
static int64_t channel_of_topic(const struct feed *feed, const Topic *topic)
{
    if (topic != NULL && topic->kind == TOPIC_KIND_CHANNEL)
        return topic->id;
    return topic == NULL && feed->typed ? feed->channels[0].id : 0;
}

static int64_t channel_of(const struct feed *feed, const SubscribeResponse *event,
                          int64_t *ret_sequence)
{
    *ret_sequence = 0;
    switch (event->event_case) {
    case SUBSCRIBE_RESPONSE_EVENT_MESSAGE:
        *ret_sequence = event->message->sequence;
        return event->message->channel_id;
    case SUBSCRIBE_RESPONSE_EVENT_EDITED:
        *ret_sequence = event->edited->sequence;
        return event->edited->channel_id;
    case SUBSCRIBE_RESPONSE_EVENT_DELETED:
        *ret_sequence = event->deleted->sequence;
        return event->deleted->channel_id;
    case SUBSCRIBE_RESPONSE_EVENT_REACTION:
        *ret_sequence = event->reaction->sequence;
        return event->reaction->channel_id;
    case SUBSCRIBE_RESPONSE_EVENT_CHANNEL_CHANGED:
        *ret_sequence = event->channel_changed->sequence;
        return event->channel_changed->channel_id;
    case SUBSCRIBE_RESPONSE_EVENT_CAUGHT_UP:
        return channel_of_topic(feed, event->caught_up->topic);
    case SUBSCRIBE_RESPONSE_EVENT_RESET:
        return channel_of_topic(feed, event->reset->topic);
    case SUBSCRIBE_RESPONSE_EVENT_ENDED:
        return channel_of_topic(feed, event->ended->topic);
    default:
        return 0;
    }
}

static void on_data(struct link_stream *stream)
{
    struct feed *feed = (struct feed *)stream;

    for (;;) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        const SubscribeResponse *event =
            (const SubscribeResponse *)grpc_take(&stream->received, arena, &SubscribeResponse_type);
        struct feed_channel *channel;
        int64_t sequence;

        if (event == NULL)
            return;
        channel = find_channel(feed, channel_of(feed, event, &sequence));
        if (channel != NULL && event->event_case == SUBSCRIBE_RESPONSE_EVENT_CAUGHT_UP)
            channel->caught_up = true;
        if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_OPENED)
            snprintf(feed->id, sizeof(feed->id), "%s", event->opened->subscription_id);
        feed->on_event(feed, channel, sequence, event);
    }
}

static void on_stream_end(struct link_stream *stream)
{
    struct feed *feed = (struct feed *)stream;

    feed->on_end(feed);
}

/* --- what is asked --- */

static void write_typed(struct feed *feed, struct arena *arena)
{
    StreamMessagesRequest *request = StreamMessagesRequest_new(arena);

    request->channel_id = feed->channels[0].id;
    request->has_after_sequence = feed->channels[0].last_sequence >= 0;
    request->after_sequence = feed->channels[0].last_sequence;
    grpc_write(&feed->body, &request->base);
}

static Following *new_following(struct arena *arena, TopicKind kind, int64_t id)
{
    Following *following = Following_new(arena);

    following->topic = Topic_new(arena);
    following->topic->kind = kind;
    following->topic->id = id;
    return following;
}

static Following *from_cursor(struct arena *arena, const struct feed_channel *channel)
{
    Following *following = new_following(arena, TOPIC_KIND_CHANNEL, channel->id);

    following->has_after = channel->last_sequence >= 0;
    following->after = following->has_after ? channel->last_sequence : 0;
    return following;
}

static void write_subscribe(struct feed *feed, struct arena *arena)
{
    SubscribeRequest *request = SubscribeRequest_new(arena);

    request->follow = arena_alloc_array(arena, feed->channel_count + 2, sizeof(*request->follow));
    for (size_t i = 0; i < feed->channel_count; i++)
        request->follow[request->n_follow++] = from_cursor(arena, &feed->channels[i]);
    if (feed->with_presence)
        request->follow[request->n_follow++] =
            new_following(arena, TOPIC_KIND_PRESENCE, feed->channels[0].id);
    if (feed->with_account)
        request->follow[request->n_follow++] = new_following(arena, TOPIC_KIND_ACCOUNT, 0);
    grpc_write(&feed->body, &request->base);
}

void feed_start(struct feed *feed, struct link *link)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    for (size_t i = 0; i < feed->channel_count; i++)
        feed->channels[i].caught_up = false;
    feed->id[0] = '\0';
    buffer_clear(&feed->body);
    if (feed->typed)
        write_typed(feed, arena);
    else
        write_subscribe(feed, arena);
    feed->stream.request = (struct link_request){
        .method = "POST",
        .path = feed->typed ? STREAM_PATH : SUBSCRIBE_PATH,
        .content_type = GRPC_CONTENT_TYPE,
        .authorization = feed->player->authorization,
        .body = {buffer_data(&feed->body), feed->body.length},
    };
    feed->stream.on_data = on_data;
    feed->stream.on_end = on_stream_end;
    link_start(link, &feed->stream);
}

void feed_follow(struct feed *feed, struct feed_channel *channel, struct link_stream *stream,
                 struct buffer *body, struct link *link)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    FollowRequest *request = FollowRequest_new(arena);
    Following *following = from_cursor(arena, channel);

    channel->caught_up = false;
    request->subscription_id = feed->id;
    request->follow = &following;
    request->n_follow = 1;
    buffer_clear(body);
    grpc_write(body, &request->base);
    attempt_start(stream, link, FOLLOW_PATH, feed->player, body);
}

bool feed_has_caught_up(const struct feed *feed)
{
    for (size_t i = 0; i < feed->channel_count; i++)
        if (!feed->channels[i].caught_up)
            return false;
    return true;
}

void feed_free(struct feed *feed)
{
    buffer_free(&feed->stream.received);
    buffer_free(&feed->body);
}
