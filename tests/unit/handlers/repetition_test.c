/* Repetition: the same text a few times in a while, others beside it. */
#include <criterion/criterion.h>

#include "handlers/rules/repetition.h"

Test(repetition, refuses_the_one_too_many)
{
    struct repetition speaker = {0};

    cr_expect(repetition_step(&speaker, 1000, 7, 2));
    cr_expect(repetition_step(&speaker, 2000, 7, 2));
    cr_expect_not(repetition_step(&speaker, 3000, 7, 2));
    cr_expect(repetition_step(&speaker, 3000, 8, 2), "another text");
    cr_expect_not(repetition_step(&speaker, 999 + REPETITION_WINDOW_MS, 7, 2));
    cr_expect(repetition_step(&speaker, 1000 + REPETITION_WINDOW_MS, 7, 2), "a new window");
    cr_expect(repetition_step(&speaker, 1000 + REPETITION_WINDOW_MS, 7, 2));
    cr_expect_not(repetition_step(&speaker, 1001 + REPETITION_WINDOW_MS, 7, 2));
}

Test(repetition, remembers_several_texts)
{
    struct repetition speaker = {0};

    for (uint64_t text = 1; text <= REPETITION_TEXTS; text++)
        cr_expect(repetition_step(&speaker, (int64_t)text, text, 1));
    for (uint64_t text = 1; text <= REPETITION_TEXTS; text++)
        cr_expect_not(repetition_step(&speaker, 100, text, 1));
    cr_expect(repetition_step(&speaker, 200, 99, 1), "the oldest gives way");
    cr_expect(repetition_step(&speaker, 300, 1, 1));
}

Test(repetition, short_texts_pass)
{
    struct repetition speaker = {0};

    for (int i = 0; i < 100; i++)
        cr_expect(repetition_step(&speaker, 1000, 0, 1));
}

Test(repetition, what_was_said_elsewhere_counts)
{
    struct repetition speaker = {0};

    cr_expect(repetition_step(&speaker, 1000, 7, 3));
    repetition_raise(&speaker, 1000, 7, 3);
    cr_expect_not(repetition_step(&speaker, 1001, 7, 3));
    repetition_raise(&speaker, 1000, 8, 3);
    cr_expect(repetition_step(&speaker, 1001, 8, 3), "it was not said here");
    repetition_raise(&speaker, 1002, 8, 0);
    cr_expect(repetition_step(&speaker, 1003, 8, 2));
    repetition_raise(&speaker, 1004, 8, 1);
    cr_expect_not(repetition_step(&speaker, 1005, 8, 2), "it is never lowered");
}
