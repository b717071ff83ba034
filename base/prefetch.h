/* prefetch.h - hints to the processor's cache. */
#ifndef WAYSTONE_BASE_PREFETCH_H
#define WAYSTONE_BASE_PREFETCH_H

#include <stddef.h>

#define CACHE_LINE_BYTES 64

/* Begins to load memory that is used soon. Without effect on what a program does, whatever the
 * address. */
static inline void prefetch(const void *memory, size_t length)
{
    const char *at = memory;

    for (size_t i = 0; i < length; i += CACHE_LINE_BYTES)
        __builtin_prefetch(at + i);
}

#endif
