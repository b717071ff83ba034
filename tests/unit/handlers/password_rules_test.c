#include <criterion/criterion.h>
#include <string.h>

#include "handlers/common_passwords.h"
#include "handlers/password_rules.h"

static bool fits(const char *password)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    return password_fault(arena, password, "Aldric_9", "a.brandt+game@example.org") == NULL;
}

Test(password_rules, common_ones_and_their_disguises)
{
    static const char *const easy[] = {"password",   "Passw0rd",   "p@$$w0rd",   "password123",
                                       "123456789",  "qwertyuiop", "!!dragon!!", "iloveyou",
                                       "zzzzzzzzzz", "abcdefgh",   "87654321",   "monkeymonkey",
                                       "sunshine07", "W4yst0ne!",  "enotsyaw"};

    for (size_t i = 0; i < sizeof(easy) / sizeof(easy[0]); i++)
        cr_expect(!fits(easy[i]), "%s", easy[i]);
}

Test(password_rules, names_and_their_disguises)
{
    static const char *const easy[] = {"aldric_9",
                                       "ALDRIC_9!!",
                                       "9_cirdla",
                                       "aldric_9aldric_9",
                                       "Aldric1999",
                                       "a.brandt+game",
                                       "a.brandt+game@example.org",
                                       "A.BRANDT+GAME@EXAMPLE.ORG1"};

    for (size_t i = 0; i < sizeof(easy) / sizeof(easy[0]); i++)
        cr_expect(!fits(easy[i]), "%s", easy[i]);
}

Test(password_rules, everything_else)
{
    static const char *const good[] = {"hq7#kd0x",          "correct horse battery",
                                       "        x       ",  "\xF0\x9F\x94\xA5\xF0\x9F\x97\xBF",
                                       "19:47 at the ford", "aldric likes his map",
                                       "passwordless stone"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(fits(good[i]), "%s", good[i]);
}

Test(password_rules, the_list)
{
    cr_expect_gt(common_password_count, 20000);
    for (size_t i = 1; i < common_password_count; i++)
        cr_assert_lt(common_password_hashes[i - 1], common_password_hashes[i]);
    cr_expect(password_is_common("password", 8));
    cr_expect(password_is_common("trustno1", 8));
    cr_expect(!password_is_common("password", 3));
    cr_expect(!password_is_common("", 0));
    cr_expect(!password_is_common("no such words at all", 20));
}
