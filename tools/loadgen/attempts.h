/* attempts.h - calls that are made again until they are answered, whatever breaks meanwhile. */
#ifndef WAYSTONE_TOOLS_LOADGEN_ATTEMPTS_H
#define WAYSTONE_TOOLS_LOADGEN_ATTEMPTS_H

#include "tools/loadgen/link.h"
#include "tools/loadgen/players.h"

enum grpc_status {
    OK = 0,
    CANCELLED = 1,
    DEADLINE = 4,
    NOT_FOUND = 5,
    EXHAUSTED = 8,
    ABORTED = 10,
    UNAVAILABLE = 14
};

#define ATTEMPT_TIMEOUT "5S"
#define ATTEMPT_OVERDUE_MS 20000 /* well beyond the timeout the server was told */

/* Whether an ended call may be tried again: it, or its connection, met with a disturbance. */
bool attempt_is_passing(const struct link_stream *stream);

/* How long to wait after so many failures in a row, counted from 0; at random. */
uint64_t attempt_back_off_ms(unsigned failures);

/* Starts a unary call; its end is told to stream->on_end. `body` is borrowed until then. */
void attempt_start(struct link_stream *stream, struct link *link, const char *path,
                   const struct player *player, const struct buffer *body);

#endif
