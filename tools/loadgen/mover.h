/* mover.h - a player who leaves a channel, or is removed, and comes back, or is added again, over
 * and over, through the API.
 *
 * Outside, it makes sure that the channel's history is closed to it, and then either waits until it
 * is told on its stream that the channel has ended, and a little longer, or is back at once,
 * perhaps before the server has noticed. */
#ifndef WAYSTONE_TOOLS_LOADGEN_MOVER_H
#define WAYSTONE_TOOLS_LOADGEN_MOVER_H

#include "tools/loadgen/attempts.h"
#include "tools/loadgen/places.h"

struct mover {
    struct link_stream stream; /* first */

    /* The owner's to set. */
    struct ledger *ledger;
    struct places *places;
    const struct player *player;
    const struct player *keeper; /* who may remove and add; in the same channels */
    size_t number;               /* as a listener */
    char name[64];               /* of its character; "" while it is not known: is not added */

    /* Its own. */
    enum { MOVER_HOME, MOVER_LEAVING, MOVER_PEEPING, MOVER_OUTSIDE, MOVER_RETURNING } step;
    size_t channel;
    bool by_keeper, patient, asking;
    struct buffer body;
    unsigned failures;
    uint64_t due_ms, asked_at_ms;
};

/* Does what is due. The links are the player's and the keeper's, NULL while there is none; without
 * `may_begin` it does not leave, and comes home. */
void mover_tend(struct mover *mover, uint64_t now_ms, struct link *own, struct link *keepers,
                bool may_begin);

bool mover_is_home(const struct mover *mover);

/* Its stream has ended. */
void mover_free(struct mover *mover);

#endif
