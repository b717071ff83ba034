/* abuse.h - a token bucket per connection for what costs the server more than the peer.
 *
 * Rapid reset, MadeYouReset, ping, settings, priority and empty-frame floods are all cheap to
 * send and dear to serve; each such frame, and every reset the server has to send, takes a
 * token. A peer that behaves never comes near the end of them. */
#ifndef WAYSTONE_SERVER_HTTP_ABUSE_H
#define WAYSTONE_SERVER_HTTP_ABUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

struct abuse_bucket {
    uint32_t spent;     /* tokens taken and not yet refilled */
    uint64_t filled_ms; /* up to when refilling was counted */
    uint32_t explained; /* PING and WINDOW_UPDATE frames that our own DATA explains */
};

static inline void abuse_refill(struct abuse_bucket *bucket, uint64_t now_ms)
{
    uint64_t tokens = (now_ms - bucket->filled_ms) * LIMIT_ABUSE_TOKENS_PER_SECOND / 1000;

    if (tokens == 0)
        return;
    bucket->spent = tokens >= bucket->spent ? 0 : bucket->spent - (uint32_t)tokens;
    bucket->filled_ms = now_ms;
}

/* Takes tokens; false when the bucket is empty. */
static inline bool abuse_charge(struct abuse_bucket *bucket, uint32_t tokens, uint64_t now_ms)
{
    abuse_refill(bucket, now_ms);
    if (__builtin_add_overflow(bucket->spent, tokens, &bucket->spent))
        bucket->spent = UINT32_MAX;
    return bucket->spent <= LIMIT_ABUSE_TOKENS;
}

/* Each DATA frame we send lets the peer answer with a window update or two and a ping. */
static inline void abuse_explain(struct abuse_bucket *bucket)
{
    if (bucket->explained < LIMIT_ABUSE_TOKENS)
        bucket->explained += 3;
}

/* For PING and WINDOW_UPDATE: free while explained. */
static inline bool abuse_charge_unexplained(struct abuse_bucket *bucket, uint64_t now_ms)
{
    if (bucket->explained > 0) {
        bucket->explained--;
        return true;
    }
    return abuse_charge(bucket, 1, now_ms);
}

#endif
