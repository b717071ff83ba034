/* h2_watch.h - looks at every frame's header before nghttp2 does.
 *
 * nghttp2 ignores in silence what comes for streams it has closed, whether the peer may not know
 * yet or breaks the rules, and tells nobody of frames it ignores. The watch tells one from the
 * other without remembering every stream (RFC 9113, 5.1 and 5.1.1), and names each frame, so
 * that floods of ignored ones are seen. Pure: no sockets, no session. */
#ifndef WAYSTONE_SERVER_HTTP_H2_WATCH_H
#define WAYSTONE_SERVER_HTTP_H2_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

#define H2_FRAME_HEAD_BYTES 9

struct h2_frame_head {
    uint32_t length; /* of the payload */
    uint8_t type, flags;
    int32_t stream_id;
};

struct h2_watch {
    uint32_t skip; /* bytes before the next frame's header; at first those of the preface */
    uint8_t head[H2_FRAME_HEAD_BYTES];
    uint8_t head_length; /* bytes of the header that are there */
    int32_t highest;     /* stream opened last */
    uint64_t opened;     /* bit n: stream highest - 2n was opened, not skipped */
    /* Streams this side has reset last, for which more may be on its way. A peer cannot have more
     * streams than this open as long as it has not seen the resets. NULL before the first. */
    int32_t *resets;
    uint32_t reset_count;
};

void h2_watch_start(struct h2_watch *watch);
void h2_watch_free(struct h2_watch *watch);

/* Finds the next frame header from `*position` on. True with the header when it is whole;
 * `*position` is then behind it, and `*ret_start` where it began, 0 if that was before `data`. */
bool h2_watch_next(struct h2_watch *watch, const uint8_t *data, size_t length, size_t *position,
                   size_t *ret_start, struct h2_frame_head *ret);

/* Whether a frame concerns a stream that was opened before and must still be open. */
bool h2_watch_needs_stream(const struct h2_watch *watch, const struct h2_frame_head *head);

/* Notes a HEADERS frame that opens a stream. */
void h2_watch_opened(struct h2_watch *watch, int32_t stream_id);

/* Notes that this side has reset or refused a stream. */
void h2_watch_reset(struct h2_watch *watch, int32_t stream_id);

/* The connection error that a frame for a stream which is not open deserves: PROTOCOL_ERROR if
 * the stream was skipped, STREAM_CLOSED if it is closed, 0 if the peer may not know yet. */
uint32_t h2_watch_verdict(const struct h2_watch *watch, int32_t stream_id);

#endif
