/* listener.h - one who follows a channel on a connection of its own. */
#ifndef WAYSTONE_TOOLS_LOADGEN_LISTENER_H
#define WAYSTONE_TOOLS_LOADGEN_LISTENER_H

#include "tools/loadgen/link.h"
#include "tools/loadgen/options.h"
#include "waystone/chat/v1/chat.h"

struct listener {
    struct link_stream stream; /* first */
    int64_t last_sequence;     /* the next message must have the number after it */
    bool caught_up;
    uint64_t delivered;
    /* A message after the stream had caught up; it lives until the function returns. */
    void (*on_message)(struct listener *listener, const Message *message);
    void *owner;
};

/* Opens `options->connections` streams and waits until each has caught up. Free with
 * listeners_free(). Ends the program if a stream ends, or tells a message twice, out of order
 * or not at all (the channel's numbers have no gaps). */
struct listener *listeners_open(struct engine *engine, const struct options *options,
                                void (*on_message)(struct listener *, const Message *),
                                void *owner);
void listeners_free(struct listener *listeners, const struct options *options);

#endif
