/* kept.h - large memory that is freed is kept for the next who needs as much.
 *
 * The system gives and takes large blocks page by page, each with a fault and a clearing, which
 * costs about as much as filling them. A loop's thread keeps some of what its buffers free. Only
 * for buffer.c and loop.c. */
#ifndef WAYSTONE_BASE_KEPT_H
#define WAYSTONE_BASE_KEPT_H

#include <stdbool.h>
#include <stddef.h>

/* Blocks of powers of two from here on are kept. */
#define KEPT_BLOCK_BYTES_MIN ((size_t)256 * 1024)

/* The calling thread keeps from now on, at most LIMIT_KEPT_BYTES, until it closes. */
void kept_open(void);
void kept_close(void);

/* A kept block of exactly `size_bytes`, which is now the caller's; NULL when there is none. */
void *kept_take(size_t size_bytes);

/* Instead of free(): keeps memory of malloc's, which has `size_bytes`, or frees it. */
void kept_give(void *memory, size_t size_bytes);

#endif
