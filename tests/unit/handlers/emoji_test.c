#include "handlers/rules/emoji.h"

#include <criterion/criterion.h>

Test(emoji, one_emoji_is_a_reaction)
{
    static const char *const good[] = {
        "\U0001F44D",                                 /* thumbs up */
        "\U0001F44D\U0001F3FD",                       /* with a skin tone */
        "\u2764\uFE0F",                               /* heart in colour */
        "\u2764",                                     /* heart */
        "\U0001F468\u200D\U0001F469\u200D\U0001F467", /* family */
        "\U0001F3F3\uFE0F\u200D\U0001F308",           /* rainbow flag */
        "\U0001F1E9\U0001F1EA",                       /* flag */
        "1\uFE0F\u20E3",                              /* keycap */
        "#\u20E3",
        "\u00A9\uFE0F",
        ":stone:",
        ":a_b-c+1:",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(emoji_is_reaction(good[i]), "%s", good[i]);
}

Test(emoji, anything_else_is_not)
{
    static const char *const bad[] = {
        "",
        "a",
        "ok",
        "1",
        "#",
        ":",
        "::",
        ":a",
        "a:",
        ":UP:",
        ":a b:",
        ":a:b:",
        "\U0001F44D\U0001F44D", /* two */
        "\U0001F44Dx",
        "x\U0001F44D",
        "\U0001F1E9",       /* half a flag */
        "\U0001F468\u200D", /* nothing joined */
        "\u200D",
        "\uFE0F",
        "\u20E3",
        "\u0442\u0430\u043A", /* a word */
        "\u4E2D",
        "e\u0301",
        "\u00AD", /* soft hyphen */
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(emoji_is_reaction(bad[i]), "%s", bad[i]);
}
