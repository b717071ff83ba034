/* feed.h - a stream that follows channels: EventService.Subscribe with all of them, or, typed,
 * ChatService.StreamMessages with one. Both carry the same bytes for the same events. */
#ifndef WAYSTONE_TOOLS_LOADGEN_FEED_H
#define WAYSTONE_TOOLS_LOADGEN_FEED_H

#include "tools/loadgen/link.h"
#include "tools/loadgen/players.h"
#include "waystone/event/v1/event.h"

/* One followed channel. */
struct feed_channel {
    int64_t id;
    int64_t last_sequence; /* the cursor; -1: only what happens from now on */
    bool caught_up;        /* since the stream was opened */
};

struct feed {
    struct link_stream stream; /* first */
    const struct player *player;
    struct feed_channel *channels; /* the owner's */
    size_t channel_count;          /* 1 when typed */
    bool typed;
    bool with_presence; /* also who is in the first channel; not when typed */
    bool with_account;  /* also what concerns the player's account; not when typed */
    /* An event, markers among them; `channel` is NULL for what belongs to none, `sequence` 0 for
     * what has none. It lives until the function returns. The cursor is the owner's to move. */
    void (*on_event)(struct feed *feed, struct feed_channel *channel, int64_t sequence,
                     const SubscribeResponse *event);
    void (*on_end)(struct feed *feed);
    void *owner;
    struct buffer body; /* the request's */
    char id[129];       /* of the open stream, for FollowRequest; "" until it is told, or typed */
};

/* Opens the stream from the channels' cursors. It leaves with link_flush(). */
void feed_start(struct feed *feed, struct link *link);

/* Follows one of its channels once more on the open stream, from its cursor, by a unary call that
 * `stream` and `body` are for; `id` must be known. It leaves with link_flush(). */
void feed_follow(struct feed *feed, struct feed_channel *channel, struct link_stream *stream,
                 struct buffer *body, struct link *link);

/* Whether every channel has caught up. */
bool feed_has_caught_up(const struct feed *feed);

/* Frees what the feed has; the stream is over or its engine freed. */
void feed_free(struct feed *feed);

#endif
