#include "base/kept.h"

#include "base/limits.h"

#include <stdlib.h>

#define CLASSES 6 /* 256 KiB to 8 MiB */

struct block {
    struct block *next;
};

struct kept {
    struct block *classes[CLASSES];
    size_t bytes;
};

static _Thread_local struct kept *kept;

/* AddressSanitizer finds uses of what was freed only when it was. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_NOTHING 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_NOTHING 1
#endif
#endif

void kept_open(void)
{
#ifndef KEEPS_NOTHING
    kept = calloc(1, sizeof(*kept));
    if (kept == NULL)
        abort();
#endif
}

static size_t size_of(unsigned class)
{
    return KEPT_BLOCK_BYTES_MIN << class;
}

/* CLASSES for a size that has none. */
static unsigned class_of(size_t size_bytes)
{
    for (unsigned i = 0; i < CLASSES; i++)
        if (size_of(i) == size_bytes)
            return i;
    return CLASSES;
}

void *kept_take(size_t size_bytes)
{
    unsigned class = class_of(size_bytes);
    struct block *block = kept != NULL && class < CLASSES ? kept->classes[class] : NULL;

    if (block == NULL)
        return NULL;
    kept->classes[class] = block->next;
    kept->bytes -= size_bytes;
    return block;
}

static void free_one(unsigned class)
{
    free(kept_take(size_of(class)));
}

void kept_give(void *memory, size_t size_bytes)
{
    unsigned class = class_of(size_bytes);
    struct block *block = memory;

    if (block == NULL || kept == NULL || class == CLASSES) {
        free(memory);
        return;
    }
    block->next = kept->classes[class];
    kept->classes[class] = block;
    kept->bytes += size_bytes;
    /* Large ones are worth more. */
    for (unsigned i = 0; i < CLASSES; i++)
        while (kept->bytes > LIMIT_KEPT_BYTES && kept->classes[i] != NULL)
            free_one(i);
}

void kept_close(void)
{
    for (unsigned i = 0; kept != NULL && i < CLASSES; i++)
        while (kept->classes[i] != NULL)
            free_one(i);
    free(kept);
    kept = NULL;
}
