#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

static bool is_aligned(const void *memory)
{
    return (uintptr_t)memory % alignof(max_align_t) == 0;
}

/* Odd sizes around h2o's limit between chunks and allocations of their own. */
Test(arena, memory_is_aligned_zeroed_and_apart)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    unsigned char *blocks[300];

    for (size_t i = 0; i < 300; i++) {
        size_t size_bytes = i * 13 + 1;
        blocks[i] = arena_alloc(arena, size_bytes);
        cr_assert(is_aligned(blocks[i]));
        for (size_t j = 0; j < size_bytes; j++)
            cr_assert_eq(blocks[i][j], 0);
        memset(blocks[i], (int)i, size_bytes);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t j = 0; j < i * 13 + 1; j++)
            cr_assert_eq(blocks[i][j], (unsigned char)i);
}

Test(arena, sizes_of_zero_and_many_chunks)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    cr_expect_not_null(arena_alloc(arena, 0));
    for (size_t i = 0; i < 10000; i++)
        cr_assert(is_aligned(arena_alloc_uninitialised(arena, 100)));
}

Test(arena, copies)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    char source[] = "waystone";

    char *whole = arena_strdup(arena, source);
    char *part = arena_strndup(arena, source, 3);
    char *bytes = arena_memdup(arena, source, sizeof(source));

    memset(source, 'x', sizeof(source) - 1);
    cr_expect_str_eq(whole, "waystone");
    cr_expect_str_eq(part, "way");
    cr_expect_str_eq(bytes, "waystone");
    cr_expect_str_eq(arena_printf(arena, "%s-%d", part, 7), "way-7");
}

struct trace {
    char text[8];
    size_t length;
};

static void note_a(void *object)
{
    struct trace *trace = object;

    trace->text[trace->length++] = 'a';
}

static void note_b(void *object)
{
    struct trace *trace = object;

    trace->text[trace->length++] = 'b';
}

Test(arena, destructors_run_latest_first)
{
    struct trace trace = {.length = 0};
    struct arena *arena = arena_new();

    arena_on_free(arena, note_a, &trace);
    arena_on_free(arena, note_b, &trace);
    cr_expect_eq(trace.length, 0);
    arena_free(arena);
    cr_expect_str_eq(trace.text, "ba");
}

Test(arena, memory_of_a_buffer_lives_as_long)
{
    struct arena *arena = arena_new();
    struct buffer buffer = {0};
    const uint8_t *data;

    buffer_append_string(&buffer, "waystone");
    data = buffer_data(&buffer);
    arena_take_buffer(arena, &buffer);
    cr_expect_null(buffer.data);
    cr_expect_eq(buffer.length, 0);
    cr_expect_arr_eq(data, "waystone", 8);
    arena_free(arena);
}

Test(arena, taken_bytes_are_found_and_outlive_it_with_a_reference)
{
    struct arena *arena = arena_new();
    struct buffer first = {0}, second = {0};
    const uint8_t *data;
    struct shared_bytes *part;

    buffer_append_string(&first, "first");
    buffer_append_string(&second, "second");
    data = buffer_data(&first);
    cr_expect_null(arena_find_taken(arena, data, 5));
    arena_take_buffer(arena, &first);
    arena_take_buffer(arena, &second);
    cr_expect_not_null(arena_find_taken(arena, data, 5));
    cr_expect_null(arena_find_taken(arena, data, 6));
    cr_expect_null(arena_find_taken(arena, data - 1, 2));
    cr_expect_null(arena_find_taken(arena, data + 1, SIZE_MAX));
    part = shared_bytes_part(arena_find_taken(arena, data + 1, 3), data + 1, 3);
    arena_free(arena);
    cr_expect_arr_eq(part->data, "irs", 3);
    shared_bytes_unref(part);
}

Test(arena, free_accepts_null)
{
    struct arena *none = NULL;

    arena_free(NULL);
    arena_freep(&none);
}
