/* The generator's automata, walked by the code that walks them in the server. */
#include <criterion/criterion.h>
#include <string.h>

#include "gen/pattern.h"
#include "server/protocol/validate.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(pattern, .init = setup, .fini = teardown);

static bool matches(const char *pattern, const char *text)
{
    struct pattern compiled;
    const char *error = NULL;
    struct validate_pattern table;

    cr_assert(pattern_compile(arena, pattern, &compiled, &error), "%s: %s", pattern, error);
    table = (struct validate_pattern){compiled.classes, compiled.next, compiled.verdicts,
                                      compiled.class_count};
    return validate_matches(text, &table);
}

static void expect_refused(const char *pattern, const char *sentence)
{
    struct pattern compiled;
    const char *error = NULL;

    cr_expect_not(pattern_compile(arena, pattern, &compiled, &error), "%s was taken", pattern);
    cr_expect(error != NULL && strstr(error, sentence) != NULL, "%s: %s", pattern, error);
}

Test(pattern, is_searched_for)
{
    cr_expect(matches("b", "abc"));
    cr_expect(matches("", ""));
    cr_expect(matches("", "abc"));
    cr_expect_not(matches("b", "ac"));
    cr_expect(matches("aab", "aaab"));
    cr_expect(matches("abab$", "ababab"));
}

Test(pattern, anchors_tie_to_the_ends)
{
    cr_expect(matches("^a", "ab"));
    cr_expect_not(matches("^a", "ba"));
    cr_expect(matches("a$", "ba"));
    cr_expect_not(matches("a$", "ab"));
    cr_expect_not(matches("a$", "a\n"));
    cr_expect(matches("^$", ""));
    cr_expect_not(matches("^$", "a"));
    cr_expect(matches("$^", ""));
    cr_expect(matches("^a|b$", "ac"));
    cr_expect(matches("^a|b$", "cb"));
    cr_expect_not(matches("^a|b$", "cac"));
    cr_expect(matches("(^|x)a", "xa"));
    cr_expect_not(matches("(^|x)a", "ya"));
}

Test(pattern, repetitions)
{
    cr_expect(matches("^a*$", ""));
    cr_expect(matches("^a+$", "aaa"));
    cr_expect_not(matches("^a+$", ""));
    cr_expect(matches("^a?b$", "b"));
    cr_expect(matches("^(ab){2,3}$", "ababab"));
    cr_expect_not(matches("^(ab){2,3}$", "ab"));
    cr_expect_not(matches("^(ab){2,3}$", "abababab"));
    cr_expect(matches("^a{3}$", "aaa"));
    cr_expect(matches("^a{2,}$", "aaaaa"));
    cr_expect_not(matches("^a{2,}$", "a"));
    cr_expect(matches("^a{0}$", ""));
    cr_expect(matches("^(a*)*b+?$", "aab"));
    cr_expect(matches("^(|a)+$", "aa"));
}

Test(pattern, classes)
{
    cr_expect(matches("^[a-c]+$", "abc"));
    cr_expect_not(matches("^[a-c]+$", "abd"));
    cr_expect(matches("^[^a-c]$", "d"));
    cr_expect(matches("^[\\]\\-^]+$", "]-^"));
    cr_expect(matches("^[a-]+$", "a-"));
    cr_expect(matches("^[\\d_]+$", "1_2"));
    cr_expect(matches("^\\w\\W\\s\\S\\d\\D$", "a- x1y"));
    cr_expect_not(matches("\\s", "\v\xc2\xa0"));
    cr_expect(matches("^\\x41\\t$", "A\t"));
    cr_expect(matches("^\\^\\$\\.\\*\\/$", "^$.*/"));
}

/* '.', negated classes and ranges take whole characters, of any length. */
Test(pattern, characters_are_code_points)
{
    static const char *const characters[] = {
        "a", "\x7f", "é", "߿", "ࠀ", "€", "\xef\xbf\xbf", "😀", "\xf4\x8f\xbf\xbf"};

    for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        cr_expect(matches("^.$", characters[i]));
        cr_expect(matches("^[^x]$", characters[i]));
        cr_expect_not(matches("^..$", characters[i]));
    }
    cr_expect_not(matches("^.$", "\n"));
    cr_expect(matches("^[α-ω]+$", "λόγος") == false); /* ό is outside */
    cr_expect(matches("^[α-ω]+$", "λογος"));
    cr_expect(matches("^[à-😀]$", "€"));
    cr_expect_not(matches("^[à-😀]$", "a"));
    cr_expect(matches("^é{2}$", "éé"));
}

/* A backtracking engine would not live to see the end of this. */
Test(pattern, time_is_linear, .timeout = 10)
{
    size_t length = 1000000;
    char *text = arena_alloc(arena, length + 1);

    memset(text, 'a', length);
    cr_expect_not(matches("^(a+)+b$", text));
    cr_expect_not(matches("^(a|a|aa)*c$", text));
}

Test(pattern, what_cannot_be_kept_is_refused)
{
    expect_refused("(a)\\1", "back-references");
    expect_refused("(?=a)", "(?:");
    expect_refused("(?i)a", "(?:");
    expect_refused("\\bword", "\\b is not among");
    expect_refused("\\p{L}", "\\p is not among");
    expect_refused("a(b", "not closed");
    expect_refused("a)b", "not opened");
    expect_refused("[a", "not closed");
    expect_refused("[]", "empty");
    expect_refused("[[:alpha:]]", "[:name:]");
    expect_refused("a]", "not opened");
    expect_refused("[b-a]", "ends before");
    expect_refused("a{2", "not closed");
    expect_refused("a{2,1}", "ends before");
    expect_refused("a{x}", "needs a number");
    expect_refused("+", "nothing to repeat");
    expect_refused("a**", "cannot be repeated");
    expect_refused("^*", "cannot be repeated");
    expect_refused("a\\", "ends with a backslash");
    expect_refused("\\xg1", "hexadecimal");
    expect_refused("a{1001}", "1000");
    expect_refused("x^", "no text at all");
    expect_refused("a.{30}$", "too large");
    expect_refused("((((a{1000}){1000}){1000}){1000})", "too large");
}

Test(pattern, nesting_is_bounded)
{
    char pattern[301];

    memset(pattern, '(', 300);
    pattern[300] = '\0';
    expect_refused(pattern, "nested too deep");
}

/* What the build writes must be small: the rule of a name has few states. */
Test(pattern, tables_are_minimal)
{
    struct pattern compiled;
    const char *error = NULL;

    cr_assert(pattern_compile(arena, "^[A-Za-z]+([ '-][A-Za-z]+)*$", &compiled, &error));
    cr_expect_eq(compiled.state_count, 3); /* dead, before a letter, in a word */
    cr_expect_eq(compiled.class_count, 3);
    cr_assert(pattern_compile(arena, "(a|b|c|[d-z])|(a|z)", &compiled, &error));
    cr_expect_eq(compiled.state_count, 3);
}

/* A group cut short right behind its question mark. */
Test(pattern, ends_within_a_group)
{
    expect_refused("a(?", "only (?: is supported");
    expect_refused("(", "not closed");
    expect_refused("a\\", "ends with a backslash");
    expect_refused("[", "not closed");
}

/* As long as a rule may well be, and what would take the build seconds. */
Test(pattern, work_is_bounded)
{
    cr_expect(matches("^.{1,100}$", "any text of a hundred characters at most"));
    expect_refused(".{300}", "too large a table");
}
