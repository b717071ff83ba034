#include <criterion/criterion.h>
#include <string.h>

#include "handlers/cookie.h"

TestSuite(cookie, .timeout = 10);

#define NAME "waystone_refresh"

static void expect_value(const char *header, const char *expected)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *value = cookie_find(arena, header, NAME);

    if (expected == NULL)
        cr_expect_null(value, "\"%s\" gave \"%s\"", header, value);
    else
        cr_expect(value != NULL && strcmp(value, expected) == 0, "\"%s\" gave \"%s\"", header,
                  value ? value : "(none)");
}

Test(cookie, found_wherever_it_stands)
{
    expect_value("waystone_refresh=abc", "abc");
    expect_value("a=1; waystone_refresh=abc", "abc");
    expect_value("waystone_refresh=abc; b=2", "abc");
    expect_value("a=1; waystone_refresh=abc; b=2", "abc");
    expect_value("a=1;waystone_refresh=abc;b=2", "abc");
}

Test(cookie, absent)
{
    expect_value("", NULL);
    expect_value("a=1; b=2", NULL);
    expect_value("waystone_refresh", NULL);
    expect_value(";;; ; ", NULL);
}

/* Names that only begin, end or continue like ours are others' cookies. */
Test(cookie, similar_names_are_not_ours)
{
    expect_value("xwaystone_refresh=abc", NULL);
    expect_value("waystone_refresh2=abc", NULL);
    expect_value("waystone_refres=abc", NULL);
    expect_value("WAYSTONE_REFRESH=abc", NULL);
    expect_value("a=waystone_refresh=abc", NULL);
}

Test(cookie, value_is_taken_as_it_is)
{
    expect_value("waystone_refresh=", "");
    expect_value("waystone_refresh=a=b==", "a=b==");
    expect_value("waystone_refresh=;", "");
}

/* Browsers send the cookie with the longest path first: ours, whatever another one says. */
Test(cookie, first_of_two_counts)
{
    expect_value("waystone_refresh=ours; waystone_refresh=theirs", "ours");
}
