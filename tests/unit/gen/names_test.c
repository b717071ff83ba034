#include <criterion/criterion.h>
#include <stdio.h>

#include "gen/names.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(names, .init = setup, .fini = teardown);

Test(names, snake_splits_words_and_abbreviations)
{
    static const char *const pairs[][2] = {
        {"SendMessage", "send_message"},
        {"sendMessage", "send_message"},
        {"HTTPServer", "http_server"},
        {"GetOAuth2Token", "get_o_auth2_token"},
        {"already_snake", "already_snake"},
        {"Outer_Inner", "outer_inner"},
        {"X", "x"},
        {"", ""},
        {"ID", "id"},
        {"UserID", "user_id"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        cr_expect_str_eq(name_snake(arena, pairs[i][0]), pairs[i][1]);
}

Test(names, other_forms)
{
    cr_expect_str_eq(name_upper(arena, "ChatService"), "CHAT_SERVICE");
    cr_expect_str_eq(name_camel(arena, "waystone.chat.v1"), "WaystoneChatV1");
    cr_expect_str_eq(name_camel(arena, "caught_up"), "CaughtUp");
    cr_expect_str_eq(name_camel(arena, ""), "");
    cr_expect_str_eq(name_identifier(arena, "a/b-c.proto"), "a_b_c_proto");
}

Test(names, words_of_c_are_reserved)
{
    cr_expect(name_is_reserved("register"));
    cr_expect(name_is_reserved("class"));
    cr_expect(name_is_reserved("NULL"));
    cr_expect(name_is_reserved("linux"));
    cr_expect(name_is_reserved("STATUS_OK"));
    cr_expect(name_is_reserved("xor_eq"));
    cr_expect_not(name_is_reserved("registers"));
    cr_expect_not(name_is_reserved(""));
}

Test(names, set_tells_what_is_in_it)
{
    struct name_set set = {.arena = arena};
    char name[16];

    cr_expect_not(name_set_has(&set, "anything"));
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "name%d", i);
        cr_expect(name_set_add(&set, arena_strdup(arena, name)));
    }
    cr_expect_not(name_set_add(&set, "name500"));
    cr_expect(name_set_has(&set, "name0"));
    cr_expect(name_set_has(&set, "name999"));
    cr_expect_not(name_set_has(&set, "name1000"));
}
