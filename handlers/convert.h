/* convert.h - values between the database and the API. */
#ifndef WAYSTONE_HANDLERS_CONVERT_H
#define WAYSTONE_HANDLERS_CONVERT_H

#include <stdint.h>

#include "base/arena.h"
#include "google/protobuf/timestamp.h"

/* Wall time in microseconds as a Timestamp in the arena. */
static inline Timestamp *timestamp_from_us(struct arena *arena, int64_t wall_us)
{
    Timestamp *timestamp = Timestamp_new(arena);

    timestamp->seconds = wall_us / 1000000;
    timestamp->nanos = (int32_t)(wall_us % 1000000) * 1000;
    if (timestamp->nanos < 0) {
        timestamp->nanos += 1000000000;
        timestamp->seconds--;
    }
    return timestamp;
}

static inline int64_t timestamp_to_us(const Timestamp *timestamp)
{
    return timestamp->seconds * 1000000 + timestamp->nanos / 1000;
}

#endif
