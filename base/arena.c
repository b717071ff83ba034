#include "base/arena.h"

#include <h2o/memory.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct on_free {
    void (*destroy)(void *object);
    void *object;
    struct on_free *next;
};

struct taken {
    struct shared_bytes *bytes;
    struct taken *next;
};

struct arena {
    h2o_mem_pool_t pool;
    struct on_free *on_free;
    struct taken *taken;
};

/* The struct lies in its own pool: an arena is one allocation until it outgrows a chunk. */
struct arena *arena_new(void)
{
    h2o_mem_pool_t pool;
    struct arena *arena;

    h2o_mem_init_pool(&pool);
    arena = h2o_mem_alloc_pool(&pool, sizeof(*arena));
    arena->on_free = NULL;
    arena->taken = NULL;
    arena->pool = pool;
    return arena;
}

void arena_free(struct arena *arena)
{
    h2o_mem_pool_t pool;

    if (arena == NULL)
        return;
    for (struct on_free *entry = arena->on_free; entry != NULL; entry = entry->next)
        entry->destroy(entry->object);
    for (struct taken *taken = arena->taken; taken != NULL; taken = taken->next)
        shared_bytes_unref(taken->bytes);
    pool = arena->pool;
    h2o_mem_clear_pool(&pool);
}

void arena_freep(struct arena **arena)
{
    arena_free(*arena);
}

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SEPARATE_ALLOCATIONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SEPARATE_ALLOCATIONS 1
#endif
#endif

/* Under AddressSanitizer every allocation is one of malloc's, so that reading past its end is
 * found. */
void *arena_alloc_uninitialised(struct arena *arena, size_t size_bytes)
{
#ifdef ARENA_SEPARATE_ALLOCATIONS
    return h2o_mem_alloc_shared(&arena->pool, size_bytes, NULL);
#else
    return h2o_mem_alloc_pool(&arena->pool, size_bytes);
#endif
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    void *memory = arena_alloc_uninitialised(arena, size_bytes);

    return memset(memory, 0, size_bytes);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t element_size_bytes)
{
    size_t size_bytes;

    if (__builtin_mul_overflow(count, element_size_bytes, &size_bytes))
        abort();
    return arena_alloc(arena, size_bytes);
}

void *arena_memdup(struct arena *arena, const void *data, size_t size_bytes)
{
    void *copy = arena_alloc_uninitialised(arena, size_bytes);

    if (size_bytes > 0)
        memcpy(copy, data, size_bytes);
    return copy;
}

char *arena_strndup(struct arena *arena, const char *string, size_t length)
{
    char *copy = arena_alloc_uninitialised(arena, length + 1);

    if (length > 0)
        memcpy(copy, string, length);
    copy[length] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *string)
{
    return arena_strndup(arena, string, strlen(string));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    int length;
    char *text;

    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0)
        abort();
    text = arena_alloc_uninitialised(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void arena_take_buffer(struct arena *arena, struct buffer *buffer)
{
    struct taken *taken = arena_alloc_uninitialised(arena, sizeof(*taken));

    *taken = (struct taken){shared_bytes_take(buffer), arena->taken};
    arena->taken = taken;
}

struct shared_bytes *arena_find_taken(const struct arena *arena, const void *data, size_t length)
{
    uintptr_t start = (uintptr_t)data;

    for (const struct taken *taken = arena->taken; taken != NULL; taken = taken->next) {
        uintptr_t whole = (uintptr_t)taken->bytes->data;
        if (start >= whole && length <= taken->bytes->length &&
            start - whole <= taken->bytes->length - length)
            return taken->bytes;
    }
    return NULL;
}

void arena_on_free(struct arena *arena, void (*destroy)(void *object), void *object)
{
    struct on_free *entry = arena_alloc_uninitialised(arena, sizeof(*entry));

    *entry = (struct on_free){destroy, object, arena->on_free};
    arena->on_free = entry;
}
