#include "base/buffer.h"

#include <criterion/criterion.h>
#include <string.h>

Test(buffer, grows_and_is_taken_from_the_front)
{
    CLEANUP(buffer_free) struct buffer buffer = {0};

    buffer_append_string(&buffer, "hello ");
    buffer_append_char(&buffer, 'w');
    buffer_printf(&buffer, "%s-%03d", "orld", 42);
    cr_assert_eq(buffer.length, 15);
    cr_expect_arr_eq(buffer_data(&buffer), "hello world-042", 15);

    buffer_consume(&buffer, 6);
    cr_assert_eq(buffer.length, 9);
    cr_expect_arr_eq(buffer_data(&buffer), "world-042", 9);

    buffer_consume(&buffer, 9);
    cr_expect_eq(buffer.length, 0);
    cr_expect_null(buffer.data, "an emptied buffer holds no memory");
}

/* A queue that is never empty: the content survives every move and the memory stays bounded. */
Test(buffer, queue_keeps_order_and_bounded_memory)
{
    CLEANUP(buffer_free) struct buffer buffer = {0};
    unsigned written = 0, taken = 0;

    for (int round = 0; round < 20000; round++) {
        for (int i = 0; i < 3; i++, written++)
            buffer_append(&buffer, &written, sizeof(written));
        while (buffer.length > 1000 * sizeof(unsigned)) {
            unsigned next;
            memcpy(&next, buffer_data(&buffer), sizeof(next));
            cr_assert_eq(next, taken);
            taken++;
            buffer_consume(&buffer, sizeof(next));
        }
    }
    cr_expect_leq(buffer.capacity, 4 * 1010 * sizeof(unsigned));
}

Test(buffer, reserve_and_commit)
{
    CLEANUP(buffer_free) struct buffer buffer = {0};

    memset(buffer_reserve(&buffer, 1000), 'a', 1000);
    cr_expect_eq(buffer.length, 0);
    buffer_commit(&buffer, 600);
    cr_expect_eq(buffer.length, 600);
    buffer_append(&buffer, NULL, 0);
    cr_expect_eq(buffer.length, 600);
    buffer_clear(&buffer);
    cr_expect_eq(buffer.length, 0);
    cr_expect_not_null(buffer.data);
}

Test(buffer, shared_bytes_live_until_the_last_reference)
{
    struct shared_bytes *bytes = shared_bytes_new("abc", 3);
    struct shared_bytes *second = shared_bytes_ref(bytes);

    shared_bytes_unref(bytes);
    cr_assert_eq(second->length, 3);
    cr_expect_arr_eq(second->data, "abc", 3);
    shared_bytes_unref(second);
    shared_bytes_unref(NULL);
}
