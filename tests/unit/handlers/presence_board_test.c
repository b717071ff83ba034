/* Who is there: lists, counts, parts of other loops, and what it costs. */
#include "handlers/presence_board.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(presence, .timeout = 20);

#define ROOM 7

static struct presence_board *here, *there;
static struct arena *arena;
static uint64_t now_ms = 1000000;
static char told[4096];
static unsigned tellings, publications, gone_rooms;
static struct buffer published;

static void tell(void *user, const PresenceEvent *event)
{
    size_t used = strlen(told);

    tellings++;
    used += (size_t)snprintf(told + used, sizeof(told) - used, "%d%s:", event->online_count,
                             event->complete ? "!" : "");
    for (size_t i = 0; i < event->n_changed; i++)
        used += (size_t)snprintf(told + used, sizeof(told) - used, " +%s%s%s",
                                 event->changed[i]->character_name,
                                 event->changed[i]->state == PRESENCE_STATE_AWAY ? "(away)" : "",
                                 event->changed[i]->where);
    for (size_t i = 0; i < event->n_left_character_ids; i++)
        used += (size_t)snprintf(told + used, sizeof(told) - used, " -%ld",
                                 (long)event->left_character_ids[i]);
}

static void publish(void *user, int64_t channel_id, const struct buffer *part)
{
    cr_assert_eq(channel_id, ROOM);
    publications++;
    buffer_clear(&published);
    buffer_append(&published, buffer_data(part), part->length);
}

static void gone(void *user, int64_t channel_id)
{
    gone_rooms++;
}

static const struct presence_output output = {publish, tell, NULL};

/* Characters are called as their number, which is ten times the account's. */
static void name_all(struct presence_board *board)
{
    int64_t *ids;
    size_t count = presence_unnamed(board, arena, &ids);
    char name[16];

    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "c%ld", (long)ids[i] * 10);
        presence_named(board, ids[i], ids[i] * 10, name);
    }
}

static const char *turn(struct presence_board *board)
{
    told[0] = '\0';
    now_ms += 1000;
    name_all(board);
    presence_turn(board, now_ms, &output);
    return told;
}

static const char *refresh(struct presence_board *board)
{
    int64_t *watched;

    now_ms += PRESENCE_REFRESH_MS;
    presence_refresh(board, arena, now_ms, gone, NULL, &watched);
    return turn(board);
}

static void join(struct presence_board *board, int64_t account_id)
{
    presence_join(board, ROOM, account_id, now_ms);
}

static void leave(struct presence_board *board, int64_t account_id)
{
    presence_leave(board, ROOM, account_id, now_ms);
}

static void appear(struct presence_board *board, int64_t account_id, int state, const char *where,
                   int64_t set_at_us)
{
    presence_appear(board,
                    &(struct presence_look){.account_id = account_id,
                                            .character_id = account_id * 10 + 1,
                                            .set_at_us = set_at_us,
                                            .state = state,
                                            .name = "chosen",
                                            .where = where},
                    now_ms);
}

/* What `from` has in the room, heard by `to`. */
static void hear(struct presence_board *to, struct presence_board *from)
{
    struct buffer part = {0};

    presence_write_part(from, ROOM, &part);
    cr_assert(presence_hear_part(to, buffer_data(&part), part.length, now_ms));
    buffer_free(&part);
}

static void set_up(void)
{
    arena = arena_new();
    here = presence_board_new(1);
    there = presence_board_new(2);
    presence_watch(here, ROOM, true);
}

static void tear_down(void)
{
    presence_board_free(here);
    presence_board_free(there);
    buffer_free(&published);
    arena_free(arena);
}

#define PRESENCE_TEST(name) Test(presence, name, .init = set_up, .fini = tear_down)

PRESENCE_TEST(comings_and_goings_are_told_once_a_turn)
{
    cr_expect_str_eq(turn(here), "0!:");
    join(here, 1);
    join(here, 2);
    cr_expect_str_eq(turn(here), "2: +c10 +c20");
    cr_expect_str_eq(turn(here), "");
    join(here, 1); /* a second stream */
    leave(here, 1);
    join(here, 3);
    leave(here, 3); /* come and gone between two turns */
    cr_expect_str_eq(turn(here), "");
    leave(here, 1);
    cr_expect_str_eq(turn(here), "1: -10");
}

PRESENCE_TEST(how_somebody_appears_is_told_and_the_last_word_counts)
{
    join(here, 1);
    turn(here);
    appear(here, 1, PRESENCE_STATE_AWAY, "@mill", 500);
    cr_expect_str_eq(turn(here), "1: +chosen(away)@mill -10");
    appear(here, 1, PRESENCE_STATE_ONLINE, "@old", 400);
    cr_expect_str_eq(turn(here), "");
    appear(here, 1, PRESENCE_STATE_ONLINE, "@hill", 600);
    cr_expect_str_eq(turn(here), "1: +chosen@hill");
}

PRESENCE_TEST(an_appearance_outlives_a_short_absence_only)
{
    join(here, 1);
    appear(here, 1, PRESENCE_STATE_AWAY, "", 500);
    leave(here, 1);
    turn(here);
    join(here, 1);
    cr_expect_str_eq(turn(here), "1: +chosen(away)");
    leave(here, 1);
    for (int i = 0; i < 4; i++)
        refresh(here);
    join(here, 1);
    cr_expect_str_eq(turn(here), "1: +c10");
}

PRESENCE_TEST(what_other_loops_have_counts_and_accounts_count_once)
{
    join(here, 1);
    turn(here);
    join(there, 1);
    join(there, 2);
    name_all(there);
    hear(here, there);
    cr_expect_str_eq(turn(here), "2: +c20");
    leave(here, 1);
    cr_expect_str_eq(turn(here), "", "account 1 is still at the other loop");
    leave(there, 1);
    leave(there, 2);
    hear(here, there);
    cr_expect_str_eq(turn(here), "0: -10 -20");
}

PRESENCE_TEST(a_loop_that_is_silent_is_gone)
{
    join(there, 2);
    name_all(there);
    hear(here, there);
    turn(here);
    refresh(here);
    cr_expect_str_eq(refresh(here), "");
    cr_expect_str_eq(refresh(here), "0: -20");
}

PRESENCE_TEST(parts_go_out_to_those_who_asked_lately)
{
    join(here, 1);
    turn(here);
    cr_expect_eq(publications, 0);
    presence_asked(here, ROOM, now_ms);
    turn(here);
    cr_expect_eq(publications, 1);
    turn(here);
    cr_expect_eq(publications, 1, "nothing changed");
    leave(here, 1);
    turn(here);
    cr_expect_eq(publications, 2, "that nobody is there any more is told");
    now_ms += PRESENCE_SILENT_MS;
    join(here, 1);
    turn(here);
    cr_expect_eq(publications, 2, "nobody asked for long");
}

PRESENCE_TEST(many_are_counted_few_are_listed)
{
    for (int64_t id = 1; id <= PRESENCE_LIST_MAX; id++)
        join(here, id);
    turn(here);
    join(here, 1000);
    cr_expect_str_eq(turn(here), "201!:");
    join(here, 1001);
    cr_expect_str_eq(turn(here), "202:");
    for (int64_t id = 2; id <= PRESENCE_LIST_MAX; id++)
        leave(here, id);
    cr_expect_str_eq(turn(here), "3!: +c10 +c10000 +c10010");
    for (int64_t id = 2000; id < 2200; id++)
        join(there, id);
    name_all(there);
    hear(here, there);
    cr_expect_str_eq(turn(here), "203!:", "too many on all loops together");
}

static void join_many(struct presence_board *board, int64_t first, int64_t last)
{
    for (int64_t id = first; id <= last; id++)
        join(board, id);
}

static int count_here(void)
{
    turn(here);
    return presence_picture(here, arena, ROOM)->online_count;
}

PRESENCE_TEST(accounts_on_two_loops_count_once_in_large_rooms)
{
    join_many(here, 1, 1000);
    join_many(there, 1001, 3000);
    hear(here, there);
    cr_expect_eq(count_here(), 3000, "nobody is on both: exact");
    join_many(there, 501, 1000);
    hear(here, there);
    cr_expect_leq(abs(count_here() - 3000), 150, "%d", count_here());
    join_many(there, 1, 500);
    hear(here, there);
    cr_expect_leq(abs(count_here() - 3000), 150, "%d", count_here());
    for (int64_t id = 1001; id <= 3000; id++)
        leave(there, id);
    hear(here, there);
    cr_expect_eq(count_here(), 1000, "the same on both");
    for (int64_t id = 11; id <= 1000; id++)
        leave(there, id);
    hear(here, there);
    cr_expect_leq(abs(count_here() - 1000), 10, "%d", count_here());
}

PRESENCE_TEST(the_same_few_on_two_loops_are_listed)
{
    join_many(here, 1, 150);
    join_many(there, 1, 150);
    name_all(there);
    hear(here, there);
    turn(here);
    cr_expect_eq(count_here(), 150);
    cr_expect_eq(presence_picture(here, arena, ROOM)->n_changed, 150);
}

PRESENCE_TEST(some_are_left_out_of_a_picture)
{
    const int64_t without[] = {2, 5}, nobody[] = {7};
    PresenceEvent *picture;

    join_many(here, 1, 4);
    turn(here);
    picture = presence_picture_without(here, arena, ROOM, without, 2);
    cr_assert_not_null(picture);
    cr_expect_eq(picture->online_count, 3);
    cr_expect_eq(picture->n_changed, 3);
    for (size_t i = 0; i < 3; i++)
        cr_expect_neq(picture->changed[i]->character_id, 20);
    cr_expect_null(presence_picture_without(here, arena, ROOM, nobody, 1));
    cr_expect_null(presence_picture_without(here, arena, ROOM + 1, without, 2));
}

PRESENCE_TEST(bytes_of_a_sample_cut_short_or_out_of_order_are_refused)
{
    struct buffer part = {0};

    join_many(there, 1, 300);
    presence_write_part(there, ROOM, &part);
    for (size_t length = 0; length < part.length; length++)
        cr_expect_not(presence_hear_part(here, buffer_data(&part), length, now_ms));
    buffer_data(&part)[24] = 0xff; /* the smallest */
    cr_expect_not(presence_hear_part(here, buffer_data(&part), part.length, now_ms));
    buffer_free(&part);
    cr_expect_str_eq(turn(here), "0!:");
}

PRESENCE_TEST(bytes_cut_short_or_changed_are_refused)
{
    struct buffer part = {0};
    uint8_t *bytes;

    join(there, 2);
    join(there, 3);
    name_all(there);
    presence_write_part(there, ROOM, &part);
    for (size_t length = 0; length < part.length; length++)
        cr_expect_not(presence_hear_part(here, buffer_data(&part), length, now_ms));
    bytes = buffer_data(&part);
    bytes[20] = 0xff; /* more than may be listed */
    cr_expect_not(presence_hear_part(here, bytes, part.length, now_ms));
    buffer_free(&part);
    cr_expect_str_eq(turn(here), "0!:");
}

/* Steps for `count` accounts that join a room within `turns` turns, with a picture each. */
static uint64_t cost_of(size_t count, size_t turns)
{
    struct presence_board *board = presence_board_new(9);
    uint64_t work;

    presence_watch(board, ROOM, true);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(arena_freep) struct arena *own = arena_new();
        join(board, (int64_t)i + 1);
        presence_picture(board, own, ROOM); /* for who has just come */
        if (i % (count / turns) == 0)
            turn(board);
    }
    work = presence_work(board);
    presence_board_free(board);
    return work;
}

/* 1,000 joins a second: twice as many cost twice as much, and not more than a few steps each. */
PRESENCE_TEST(joins_cost_linear_work)
{
    uint64_t small = cost_of(2000, 2), large = cost_of(16000, 16);

    cr_expect_lt(large, 8 * small + small / 2, "%lu steps for 2,000, %lu for 16,000", small, large);
    cr_expect_lt(large / 16000, 20, "%lu steps each", large / 16000);
}
