/* chain.h - bytes on their way to a socket, in order: copied ones and references to shared ones.
 *
 * Small pieces are copied behind each other into `copied`, which callers may append to with
 * buffer.h's functions; large shared bytes are only referenced, and go from where they were
 * encoded to the socket in a gathering write. A zeroed struct is a valid empty chain. Not
 * thread-safe. */
#ifndef WAYSTONE_SERVER_HTTP_CHAIN_H
#define WAYSTONE_SERVER_HTTP_CHAIN_H

#include <h2o/memory.h>
#include <stdbool.h>

#include "base/buffer.h"

struct chain {
    struct buffer copied;
    struct buffer parts; /* of struct chain_part (chain.c): shared bytes between the copied ones */
    size_t before;       /* copied bytes that lie before a part */
    size_t shared;       /* bytes of the parts */
};

/* Leaves an empty chain. */
void chain_free(struct chain *chain);

static inline size_t chain_length(const struct chain *chain)
{
    return chain->copied.length + chain->shared;
}

/* `length` of the bytes from `offset` on, referenced; copied when they are fewer than
 * LIMIT_COPIED_BYTES. */
void chain_append_shared(struct chain *chain, struct shared_bytes *bytes, size_t offset,
                         size_t length);

/* Moves the first `length` bytes to the end of another chain; `copy`: as copied bytes, which
 * then lie in one piece. */
void chain_move(struct chain *from, struct chain *to, size_t length, bool copy);

/* The first bytes, at most `max_bytes` of them in at most `max_count` pieces, for a write. */
size_t chain_pieces(const struct chain *chain, h2o_iovec_t *ret, size_t max_count, size_t max_bytes,
                    size_t *ret_bytes);

/* Drops the first `length` bytes. */
void chain_consume(struct chain *chain, size_t length);

#endif
