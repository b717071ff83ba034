#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "server/http/chain.h"

#define SHARED (4 * LIMIT_COPIED_BYTES)
#define PIECES 8

/* Bytes that tell where they stand among all that were appended. */
static void fill(uint8_t *bytes, size_t length, size_t position)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)((position + i) * 7 + (position + i) / 251);
}

static void append_copied(struct chain *chain, size_t length, size_t *position)
{
    fill(buffer_reserve(&chain->copied, length), length, *position);
    buffer_commit(&chain->copied, length);
    *position += length;
}

static void append_shared(struct chain *chain, size_t length, size_t *position)
{
    struct buffer memory = {0};
    struct shared_bytes *bytes;

    /* Something before and behind, which does not belong to it. */
    memset(buffer_reserve(&memory, length + 20), 0xee, length + 20);
    fill(memory.data + 10, length, *position);
    buffer_commit(&memory, length + 20);
    bytes = shared_bytes_take(&memory);
    chain_append_shared(chain, bytes, 10, length);
    shared_bytes_unref(bytes);
    *position += length;
}

static void expect_bytes(const uint8_t *bytes, size_t length, size_t position)
{
    uint8_t *expected = malloc(length);

    fill(expected, length, position);
    cr_assert_eq(memcmp(bytes, expected, length), 0, "the bytes from %zu on", position);
    free(expected);
}

/* Takes some of what a write would, in its order. */
static void take(struct chain *chain, size_t max_bytes, size_t *position)
{
    h2o_iovec_t pieces[PIECES];
    size_t bytes, sum = 0;
    size_t count = chain_pieces(chain, pieces, PIECES, max_bytes, &bytes);

    cr_assert_leq(count, PIECES);
    cr_assert_leq(bytes, max_bytes);
    cr_assert(bytes > 0 || chain_length(chain) == 0);
    for (size_t i = 0; i < count; i++) {
        cr_assert_gt(pieces[i].len, 0);
        expect_bytes((uint8_t *)pieces[i].base, pieces[i].len, *position + sum);
        sum += pieces[i].len;
    }
    cr_assert_eq(sum, bytes);
    chain_consume(chain, bytes);
    *position += bytes;
}

Test(chain, an_empty_one_has_no_pieces)
{
    struct chain chain = {0};
    h2o_iovec_t pieces[PIECES];
    size_t bytes = 1;

    cr_expect_eq(chain_pieces(&chain, pieces, PIECES, 100, &bytes), 0);
    cr_expect_eq(bytes, 0);
    chain_free(&chain);
}

Test(chain, large_bytes_are_referenced_and_small_ones_copied)
{
    struct chain chain = {0};
    struct buffer memory = {0};
    struct shared_bytes *bytes;
    h2o_iovec_t pieces[PIECES];
    size_t length;

    memset(buffer_reserve(&memory, SHARED), 'x', SHARED);
    buffer_commit(&memory, SHARED);
    bytes = shared_bytes_take(&memory);
    cr_expect_null(memory.data);
    buffer_append_string(&chain.copied, "head");
    chain_append_shared(&chain, bytes, 0, SHARED);
    chain_append_shared(&chain, bytes, 0, LIMIT_COPIED_BYTES - 1);
    cr_expect_eq(bytes->references, 2);
    cr_assert_eq(chain_pieces(&chain, pieces, PIECES, SIZE_MAX, &length), 3);
    cr_expect_eq((const uint8_t *)pieces[1].base, bytes->data);
    cr_expect_eq(pieces[2].len, LIMIT_COPIED_BYTES - 1);
    cr_expect_eq(length, chain_length(&chain));
    chain_free(&chain);
    cr_expect_eq(bytes->references, 1);
    shared_bytes_unref(bytes);
}

/* Whatever is appended, moved and taken in whatever pieces comes out in its order. */
Test(chain, keeps_the_order)
{
    struct chain first = {0}, second = {0};
    size_t written = 0, taken = 0;

    srandom(1);
    for (int round = 0; round < 3000; round++) {
        size_t length = (size_t)random() % SHARED + 1;
        if (random() % 2 && chain_length(&first) < 8 * SHARED)
            append_shared(&first, length, &written);
        else if (chain_length(&first) < 8 * SHARED)
            append_copied(&first, length % 100 + 1, &written);
        if (random() % 2) {
            length = (size_t)random() % (2 * SHARED);
            length = length < chain_length(&first) ? length : chain_length(&first);
            chain_move(&first, &second, length, random() % 8 == 0);
        }
        if (random() % 2)
            take(&second, (size_t)random() % (3 * SHARED) + 1, &taken);
        cr_assert_eq(taken + chain_length(&first) + chain_length(&second), written);
    }
    while (chain_length(&second) > 0)
        take(&second, SHARED, &taken);
    while (chain_length(&first) > 0)
        take(&first, SHARED, &taken);
    cr_expect_eq(taken, written);
    cr_expect_null(first.copied.data);
    cr_expect_null(first.parts.data);
    cr_expect_eq(first.before, 0);
    chain_free(&first);
    chain_free(&second);
}
