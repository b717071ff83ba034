#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/kept.h"
#include "base/limits.h"

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS false
#else
#define KEEPS true
#endif

static void fill(struct buffer *buffer, size_t length)
{
    memset(buffer_reserve(buffer, length), 'x', length);
    buffer_commit(buffer, length);
}

Test(kept, memory_of_a_large_buffer_is_the_next_ones)
{
    struct buffer first = {0}, second = {0};
    const uint8_t *memory;

    kept_open();
    fill(&first, 3 * KEPT_BLOCK_BYTES_MIN);
    memory = first.data;
    buffer_free(&first);
    buffer_append_string(&second, "begun ");
    fill(&second, 3 * KEPT_BLOCK_BYTES_MIN);
    if (KEEPS)
        cr_expect_eq(second.data, memory);
    cr_expect_arr_eq(buffer_data(&second), "begun xxx", 9);
    buffer_free(&second);
    kept_close();
}

Test(kept, only_the_size_that_is_asked_for_and_no_more_than_the_bound)
{
    struct buffer buffers[LIMIT_KEPT_BYTES / KEPT_BLOCK_BYTES_MIN + 1] = {0};
    size_t count = sizeof(buffers) / sizeof(buffers[0]), kept = 0;
    void *block;

    kept_open();
    for (size_t i = 0; i < count; i++)
        fill(&buffers[i], KEPT_BLOCK_BYTES_MIN);
    for (size_t i = 0; i < count; i++)
        buffer_free(&buffers[i]);
    cr_expect_null(kept_take(2 * KEPT_BLOCK_BYTES_MIN));
    cr_expect_null(kept_take(KEPT_BLOCK_BYTES_MIN + 1));
    while ((block = kept_take(KEPT_BLOCK_BYTES_MIN)) != NULL) {
        free(block);
        kept++;
    }
    cr_expect_eq(kept, KEEPS ? count - 1 : 0);
    kept_close();
}

/* Large blocks are worth more than many small ones. */
Test(kept, a_larger_one_drives_out_smaller_ones)
{
    struct buffer small = {0}, large = {0};
    void *block;

    kept_open();
    fill(&small, KEPT_BLOCK_BYTES_MIN);
    fill(&large, 8 * 1024 * 1024);
    for (size_t bytes = 0; bytes < LIMIT_KEPT_BYTES; bytes += KEPT_BLOCK_BYTES_MIN)
        kept_give(malloc(KEPT_BLOCK_BYTES_MIN), KEPT_BLOCK_BYTES_MIN);
    buffer_free(&small);
    buffer_free(&large);
    block = kept_take(8 * 1024 * 1024);
    cr_expect_eq(block != NULL, KEEPS);
    free(block);
    kept_close();
}

Test(kept, a_thread_that_keeps_nothing_frees)
{
    struct buffer buffer = {0};

    fill(&buffer, KEPT_BLOCK_BYTES_MIN);
    buffer_free(&buffer);
    cr_expect_null(kept_take(KEPT_BLOCK_BYTES_MIN));
}
