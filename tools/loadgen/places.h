/* places.h - which listener is in which channel meanwhile, and what that lets it hear.
 *
 * A breach of one of these rules goes into the ledger:
 *   - a channel ends for a listener only if it was outside, or on its way out or in, since it began
 *     to follow;
 *   - nothing of the channel comes after that end, until it is followed again;
 *   - whoever begins to follow from outside hears nothing but the end;
 *   - whoever is outside and follows is told the end within PLACES_END_MS.
 * That events up to the end, and on from there once the listener is back, come without a gap is
 * what ledger_hear() sees to. */
#ifndef WAYSTONE_TOOLS_LOADGEN_PLACES_H
#define WAYSTONE_TOOLS_LOADGEN_PLACES_H

#include "tools/loadgen/ledger.h"

/* The server promises a second while all goes well; PostgreSQL may be away for several. */
#define PLACES_END_MS 15000

struct places;

/* Everybody is in every channel, and follows none. The ledger and the ids are borrowed. */
struct places *places_new(struct ledger *ledger, size_t listeners, const int64_t *channels,
                          size_t channel_count);
void places_free(struct places *places);

/* A listener's way: asks to be out, is out, asks to be in, is in. */
void places_ask_out(struct places *places, size_t listener, size_t channel);
void places_out(struct places *places, size_t listener, size_t channel);
void places_ask_in(struct places *places, size_t listener, size_t channel);
void places_in(struct places *places, size_t listener, size_t channel);

bool places_is_in(const struct places *places, size_t listener, size_t channel);
/* Outside, and not told so yet, nor is it overdue. */
bool places_awaits_end(const struct places *places, size_t listener, size_t channel);
/* Inside again, but what it followed has ended. */
bool places_must_follow_again(const struct places *places, size_t listener, size_t channel);

/* Begins to follow, hears something numbered or that it has caught up, hears the end or is refused
 * as somebody outside is, has lost the stream. */
void places_follow(struct places *places, size_t listener, size_t channel);
void places_hear(struct places *places, size_t listener, size_t channel);
void places_end(struct places *places, size_t listener, size_t channel);
void places_lose(struct places *places, size_t listener, size_t channel);

/* Looks for ends that are overdue. */
void places_tend(struct places *places);

struct places_counts {
    uint64_t moves, ends; /* ways out; ends of what was followed before */
    uint64_t longest_us;  /* from being out to hearing of it */
};
/* Since it was last asked. */
void places_take_counts(struct places *places, struct places_counts *ret);

#endif
