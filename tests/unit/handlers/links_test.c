/* Links: what leads out of the game, and what only has a stop in it. */
#include <criterion/criterion.h>

#include "handlers/rules/links.h"

static bool has_link(const char *text)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct folded_text folded;

    fold_text(arena, text, &folded);
    return text_has_link(&folded);
}

Test(links, are_found)
{
    static const char *const texts[] = {
        "http://a",
        "HTTPS://Example.org/x?y",
        "see https://1.2.3.4/x",
        "ftp://host",
        "www.gold",
        "(www.gold.example)",
        "visit gold-shop.com now",
        "gold.com",
        "gold.COM.",
        "discord.gg/abc",
        "bit.ly",
        "my.shop.example/gold",
        "mail me: seller@gold.net",
        "ｇｏｌｄ．ｃｏｍ",
        "gold。com",
        "gold.com:8080",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect(has_link(texts[i]), "%s", texts[i]);
}

Test(links, are_not_seen_everywhere)
{
    static const char *const texts[] = {
        "",
        "hello",
        "Wait.What",
        "e.g. this",
        "3.5 gold and/or 2.0 silver",
        "ok...come on",
        "http:/ /",
        "://",
        "www. what",
        "swww.x",
        "come.on",
        ".com",
        "the end.",
        "a : b // c",
        "gold . com",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_not(has_link(texts[i]), "%s", texts[i]);
}
