/* Word filters: what is found however it is disguised, and what is left alone. */
#include <criterion/criterion.h>
#include <string.h>

#include "handlers/rules/filters.h"

#define GLOBAL 1
#define FAMILY 5
#define WHISPER 8
#define PLAYER 2
#define MODERATOR 3

static struct filter_verdict apply(const struct filter_rule *rules, size_t count, const char *text,
                                   int channel_kind, int role)
{
    static struct arena *arena;
    struct filter_set *set = filter_set_new(rules, count);
    struct filter_verdict verdict;
    struct folded_text folded;

    if (arena != NULL)
        arena_free(arena);
    arena = arena_new(); /* keeps the verdict's text until the next call */
    fold_text(arena, text, &folded);
    filter_set_apply(set, arena, text, &folded, channel_kind, role, &verdict);
    filter_set_free(set);
    return verdict;
}

static const char *masked(const char *words, const char *text)
{
    struct filter_rule rule = {.id = 1, .words = words, .action = FILTER_MASK};

    return apply(&rule, 1, text, GLOBAL, PLAYER).text;
}

static void expect_masked(const char *words, const char *text, const char *expected)
{
    const char *got = masked(words, text);

    cr_expect_str_eq(got, expected, "'%s' in '%s': '%s'", words, text, got);
}

Test(filters, whole_words_only)
{
    expect_masked("ass", "an ass here", "an *** here");
    expect_masked("ass", "ass", "***");
    expect_masked("ass", "(ass)", "(***)");
    expect_masked("ass", "ass-hat ass_hat", "***-hat ***_hat");
    expect_masked("ass", "a class of assassins passes", "a class of assassins passes");
    expect_masked("ass", "as s", "as s");
    expect_masked("ass", "", "");
}

Test(filters, case_accents_width)
{
    expect_masked("idiot",
                  "IDIOT Idiót i\xcc\x81"
                  "diot",
                  "***** ***** *****");
    expect_masked("IDIÓT", "idiot", "*****");
    expect_masked("idiot", "ｉｄｉｏｔ 𝓲𝓭𝓲𝓸𝓽", "***** *****");
    expect_masked("strasse", "Straße", "******");
    expect_masked("idiot", "id\xe2\x80\x8biot", "*****"); /* zero-width space inside */
}

Test(filters, look_alike_letters)
{
    expect_masked("idiot", "іdіоt", "*****"); /* Cyrillic */
    expect_masked("idiot", "1d10t !d!0t |d|ot", "***** ***** *****");
    expect_masked("leet", "1337 l33t 133t", "1337 **** ****"); /* numbers are numbers */
    expect_masked("ass", "@ss a$$ @$$ 455", "*** *** *** 455");
    expect_masked("1337", "1337", "****");
    expect_masked("привет", "Привет ПРИВЕТ приветик", "****** ****** приветик");
}

Test(filters, signs_end_words_as_well)
{
    expect_masked("idiot", "idiot! idiot!x !idiot @idiot", "*****! *****!x !***** @*****");
    expect_masked("idiot!", "idiot", "*****");
    expect_masked("a$$", "a$$ ass as", "*** *** as");
}

Test(filters, several_words)
{
    expect_masked("buy  gold", "Buy gold", "*** ****");
    expect_masked("buy gold", "buy, ... g0ld!", "***, ... ****!");
    expect_masked("buy gold", "buygold buy", "buygold buy");
    expect_masked("buy gold", "buy golden", "buy golden");
}

Test(filters, words_without_a_letter_are_none)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    cr_expect_not(filter_words_are_valid(arena, "... !! --"));
    cr_expect_not(filter_words_are_valid(arena, " "));
    cr_expect(filter_words_are_valid(arena, "7"));
    cr_expect(filter_words_are_valid(arena, "ö"));
    expect_masked("...", "a ... b", "a ... b");
}

Test(filters, actions)
{
    struct filter_rule rules[] = {
        {.id = 1, .words = "one", .action = FILTER_MASK},
        {.id = 2, .words = "two", .action = FILTER_REPORT},
        {.id = 3, .words = "two b", .action = FILTER_REPORT},
        {.id = 4, .words = "three", .action = FILTER_REFUSE},
    };
    struct filter_verdict verdict = apply(rules, 4, "one two b one", GLOBAL, PLAYER);

    cr_expect_str_eq(verdict.text, "*** two b ***");
    cr_expect_eq(verdict.reported_by, 2);
    cr_expect_eq(verdict.refused_by, 0);
    verdict = apply(rules, 4, "two three", GLOBAL, PLAYER);
    cr_expect_eq(verdict.refused_by, 4);
    verdict = apply(rules, 4, "nothing", GLOBAL, PLAYER);
    cr_expect_str_eq(verdict.text, "nothing");
    cr_expect_eq(verdict.reported_by, 0);
}

Test(filters, where_and_for_whom)
{
    struct filter_rule rule = {.id = 7, .words = "word", .action = FILTER_REFUSE};

    cr_expect_eq(apply(&rule, 1, "word", GLOBAL, PLAYER).refused_by, 7);
    cr_expect_eq(apply(&rule, 1, "word", WHISPER, PLAYER).refused_by, 0);
    cr_expect_eq(apply(&rule, 1, "word", FAMILY, PLAYER).refused_by, 0);
    rule.channel_kind = WHISPER;
    cr_expect_eq(apply(&rule, 1, "word", WHISPER, PLAYER).refused_by, 7);
    cr_expect_eq(apply(&rule, 1, "word", GLOBAL, PLAYER).refused_by, 0);
    rule.channel_kind = 0;
    rule.exempt_from = MODERATOR;
    cr_expect_eq(apply(&rule, 1, "word", GLOBAL, MODERATOR).refused_by, 0);
    cr_expect_eq(apply(&rule, 1, "word", GLOBAL, PLAYER).refused_by, 7);
}

Test(filters, fingerprints_see_letters_alone)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *const same[] = {"cheap gold here", "CHEAP   gold, here.", "ch3ap g0ld h3re"};
    struct folded_text folded;
    uint64_t first;

    fold_text(arena, same[0], &folded);
    first = folded_fingerprint(&folded);
    cr_expect_neq(first, 0);
    for (size_t i = 1; i < sizeof(same) / sizeof(same[0]); i++) {
        fold_text(arena, same[i], &folded);
        cr_expect_eq(folded_fingerprint(&folded), first, "%s", same[i]);
    }
    fold_text(arena, "cheap gold there", &folded);
    cr_expect_neq(folded_fingerprint(&folded), first);
    fold_text(arena, "lol lol", &folded);
    cr_expect_eq(folded_fingerprint(&folded), 0, "too short to be spam");
}

/* What unfolds to many letters, and what is no text at all. */
Test(filters, odd_texts)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct folded_text folded;
    char many[3 * 500 + 1] = "";

    for (int i = 0; i < 500; i++)
        memcpy(many + (size_t)3 * i, "\xef\xb7\xba", 3); /* 18 letters each */
    fold_text(arena, many, &folded);
    cr_expect_geq(folded.count, 500 * 15);
    fold_text(arena, "ok\xff\xfe", &folded);
    cr_expect_eq(folded.count, 2);
    fold_text(arena, "\xcc\x81", &folded); /* an accent of nothing */
    cr_expect_eq(folded.count, 0);
}
