/* The bucket of frames that cost the server more than the peer. */
#include <criterion/criterion.h>

#include "server/http/abuse.h"

Test(abuse, empties_and_refills)
{
    struct abuse_bucket bucket = {0};

    for (int i = 0; i < LIMIT_ABUSE_TOKENS; i++)
        cr_assert(abuse_charge(&bucket, 1, 0));
    cr_expect_not(abuse_charge(&bucket, 1, 0));
    cr_expect(abuse_charge(&bucket, 1, 1000), "a second brings %d tokens",
              LIMIT_ABUSE_TOKENS_PER_SECOND);
}

Test(abuse, a_slow_peer_never_runs_dry)
{
    struct abuse_bucket bucket = {0};

    for (uint64_t now_ms = 0; now_ms < 100000; now_ms += 1000 / LIMIT_ABUSE_TOKENS_PER_SECOND)
        cr_assert(abuse_charge(&bucket, 1, now_ms));
}

Test(abuse, our_own_data_explains_window_updates)
{
    struct abuse_bucket bucket = {0};

    for (int i = 0; i < 100000; i++) {
        abuse_explain(&bucket);
        cr_assert(abuse_charge_unexplained(&bucket, 0));
        cr_assert(abuse_charge_unexplained(&bucket, 0));
    }
    cr_expect_eq(bucket.spent, 0);
}

Test(abuse, costs_add_up_and_never_wrap)
{
    struct abuse_bucket bucket = {0};

    cr_expect(abuse_charge(&bucket, LIMIT_ABUSE_TOKENS, 0));
    cr_expect_not(abuse_charge(&bucket, UINT32_MAX, 0));
    cr_expect_not(abuse_charge(&bucket, UINT32_MAX, 0));
}
