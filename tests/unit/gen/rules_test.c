/* What generated validation reports, against what protovalidate reports for the same bytes.
 *
 * protovalidate_cases.txt was recorded from @bufbuild/protovalidate by record_cases.mjs for the
 * schema gen/testdata/rules.proto. A line is: type, message in hexadecimal digits, and
 * "field|rule" of each violation, sorted; separated by tabs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "server/protocol/validate.h"

static struct arena *arena;

static void setup(void)
{
    arena = arena_new();
    rules_register_types();
}

static void teardown(void)
{
    arena_free(arena);
}

TestSuite(rules, .init = setup, .fini = teardown);

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The violations as a case lists them. */
static const char *violations_text(const struct violations *violations)
{
    char *texts[VIOLATIONS_MAX];
    const char *all = "";

    for (size_t i = 0; i < violations->count; i++)
        texts[i] =
            arena_printf(arena, "%s|%s", violations->items[i].field, violations->items[i].rule);
    qsort(texts, violations->count, sizeof(*texts), compare_texts);
    for (size_t i = 0; i < violations->count; i++)
        all = arena_printf(arena, "%s\t%s", all, texts[i]);
    return all;
}

static size_t read_hex(const char *digits, uint8_t *out)
{
    size_t length = strlen(digits) / 2;
    unsigned byte;

    for (size_t i = 0; i < length; i++) {
        cr_assert_eq(sscanf(digits + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return length;
}

static void check_case(char *line)
{
    char *hex = strchr(line, '\t'), *expected;
    struct violations violations = {.arena = arena};
    const struct message_type *type;
    ProtobufCMessage *message = NULL;
    const char *error = NULL;
    uint8_t *bytes;
    size_t length;

    cr_assert_not_null(hex);
    *hex++ = '\0';
    expected = strchrnul(hex, '\t');
    bytes = arena_alloc(arena, strlen(hex) / 2 + 1);
    hex = arena_strndup(arena, hex, (size_t)(expected - hex));
    length = read_hex(hex, bytes);
    type = message_registry_find(line, strlen(line));
    cr_assert_not_null(type, "%s", line);
    cr_assert_eq(message_decode(arena, type, bytes, length, &message, &error), STATUS_OK, "%s",
                 error);
    message_validate(message, &violations);
    cr_expect_str_eq(violations_text(&violations), expected, "%s %s", line, hex);
}

Test(rules, verdicts_are_those_of_protovalidate)
{
    FILE *file = fopen(CASES_FILE, "r");
    char *line = NULL;
    size_t capacity = 0, count = 0;

    cr_assert_not_null(file);
    while (getline(&line, &capacity, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        check_case(line);
        count++;
    }
    fclose(file);
    free(line);
    cr_expect_geq(count, 300);
}

Test(rules, a_violation_tells_where_what_and_why)
{
    struct violations violations = {.arena = arena};
    Lists *lists = Lists_new(arena);
    Inner *inner = Inner_new(arena);
    Lists_SmEntry *entry = Lists_SmEntry_new(arena);
    Inner *kid = Inner_new(arena);

    lists->n_tags = 2;
    lists->tags = (char *[]){"abc", "x"};
    kid->name = "k";
    inner->name = "long enough";
    inner->n_kids = 1;
    inner->kids = &kid;
    entry->key = "a \"key\"";
    entry->value = inner;
    lists->n_sm = 1;
    lists->sm = &entry;
    message_validate(&lists->base, &violations);
    cr_assert_eq(violations.count, 3);
    cr_expect_str_eq(violations.items[0].field, "tags[1]");
    cr_expect_str_eq(violations.items[0].rule, "string.min_len");
    cr_expect_str_eq(violations.items[0].message, "must be at least 2 characters");
    cr_expect_str_eq(violations.items[1].rule, "string.pattern");
    cr_expect_str_eq(violations.items[2].field, "sm[\"a \\\"key\\\"\"].kids[0].name");
}

/* A client can break any number of rules; no more are listed than can be. */
Test(rules, violations_are_bounded)
{
    struct violations violations = {.arena = arena};
    Lists *lists = Lists_new(arena);

    lists->n_tags = 100000;
    lists->tags = arena_alloc_array(arena, lists->n_tags, sizeof(char *));
    for (size_t i = 0; i < lists->n_tags; i++)
        lists->tags[i] = "x";
    message_validate(&lists->base, &violations);
    cr_expect_eq(violations.count, VIOLATIONS_MAX);
}

Test(rules, what_has_no_rules_is_not_checked)
{
    cr_expect_not_null(Inner_type.validate);
    cr_expect_not_null(Lists_type.validate);
    cr_expect_null(Lists_BmEntry_type.validate);
}
