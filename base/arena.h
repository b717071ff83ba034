/* arena.h - memory released all at once.
 *
 * A call owns one arena; what it holds lives until the call has ended and its answer was
 * handed to the transport. Not thread-safe: an arena belongs to one loop. Allocation aborts
 * when memory runs out: request limits, not callers, bound an arena's size. All memory is
 * aligned for any type. */
#ifndef WAYSTONE_BASE_ARENA_H
#define WAYSTONE_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

struct arena;

struct arena *arena_new(void);

/* Frees the arena and all it holds. Accepts NULL. */
void arena_free(struct arena *arena);

/* For CLEANUP(arena_freep). */
void arena_freep(struct arena **arena);

/* Zeroed memory. `size_bytes` may be 0. */
void *arena_alloc(struct arena *arena, size_t size_bytes);

/* Memory the caller fills itself. */
void *arena_alloc_uninitialised(struct arena *arena, size_t size_bytes);

/* Zeroed array; aborts if the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t element_size_bytes);

/* Copies of `size_bytes` bytes; of a string; of at most `length` bytes with a NUL added. */
void *arena_memdup(struct arena *arena, const void *data, size_t size_bytes);
char *arena_strdup(struct arena *arena, const char *string);
char *arena_strndup(struct arena *arena, const char *string, size_t length);

char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments);

/* Takes the buffer's memory, which then lives as long as the arena, and leaves it empty. The
 * content must not change any more: a response with large bytes in it is sent from there. */
void arena_take_buffer(struct arena *arena, struct buffer *buffer);

/* The taken bytes that hold all of these; NULL if there are none. The arena's reference. */
struct shared_bytes *arena_find_taken(const struct arena *arena, const void *data, size_t length);

/* Runs `destroy(object)` when the arena is freed, latest first. For what a call holds that is
 * not memory (a reference, a subscription). */
void arena_on_free(struct arena *arena, void (*destroy)(void *object), void *object);

#endif
