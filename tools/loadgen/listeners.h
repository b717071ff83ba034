/* listeners.h - players, each on a connection of its own, who follow their channels.
 *
 * None may miss anything, hear it twice or out of order: that ends the program. */
#ifndef WAYSTONE_TOOLS_LOADGEN_LISTENERS_H
#define WAYSTONE_TOOLS_LOADGEN_LISTENERS_H

#include "tools/loadgen/feed.h"
#include "tools/loadgen/options.h"

struct listener {
    struct link_owner owner; /* first */
    struct feed feed;
    struct listeners *all;
    struct link *link;
    bool slow;
    bool listening; /* has caught up, the first time */
};

struct listeners {
    const struct options *options;
    struct engine *engine;
    struct players players;
    struct listener *items; /* options->connections of them */
    size_t begun, listening;
    uint64_t connected_us; /* how long it took until all had caught up */
    /* Something said that a listener hears after it has caught up. */
    void (*on_message)(struct listener *listener, const Message *message);
    void *owner;
};

/* Connects all; some at a time, so that no queue of the kernel's overflows. */
void listeners_open(struct listeners *listeners);
void listeners_free(struct listeners *listeners);

#endif
