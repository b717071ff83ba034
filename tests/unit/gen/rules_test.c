/* What generated validation reports, against what protovalidate reports for the same bytes.
 *
 * protovalidate_cases.txt was recorded from @bufbuild/protovalidate for the schema
 * gen/testdata/rules.proto, by tests/service/validation_compare.mjs --record. A line is: type,
 * message in hexadecimal digits, and "field|rule" of each violation, sorted; separated by tabs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf/validate/validate.pb-c.h"
#include "rules.h"
#include "server/protocol/validate.h"
#include "server/violations.h"

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
    cr_expect_geq(count, 700);
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

/* They travel in a header: long paths are fewer. */
Test(rules, violations_are_bounded_in_bytes)
{
    struct violations violations = {.arena = arena};
    struct buffer encoded = {0};
    Lists *lists = Lists_new(arena);
    char key[200];
    Inner *inner;

    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    lists->n_tags = 2;
    lists->tags = (char *[]){"ab", "ac"};
    lists->n_sm = 1;
    lists->sm = arena_alloc_array(arena, 1, sizeof(*lists->sm));
    lists->sm[0] = Lists_SmEntry_new(arena);
    lists->sm[0]->key = key;
    lists->sm[0]->value = Inner_new(arena);
    lists->sm[0]->value->name = "x";
    inner = lists->sm[0]->value;
    for (int i = 0; i < 30; i++) {
        inner->next = Inner_new(arena);
        inner->next->name = "x";
        inner = inner->next;
    }
    message_validate(&lists->base, &violations);
    cr_expect_gt(violations.count, 4);
    cr_expect_lt(violations.count, VIOLATIONS_MAX);
    violations_encode(&violations, &encoded);
    cr_expect_lt(encoded.length, VIOLATIONS_BYTES_MAX);
    buffer_free(&encoded);
}

/* The detail of the error, read back. */
static Buf__Validate__Violations *encode_and_read(const struct violations *violations)
{
    struct buffer encoded = {0};
    Buf__Validate__Violations *read;

    violations_encode(violations, &encoded);
    read = buf__validate__violations__unpack(NULL, encoded.length, buffer_data(&encoded));
    buffer_free(&encoded);
    cr_assert_not_null(read);
    return read;
}

Test(rules, the_detail_names_fields_and_rules_by_number)
{
    struct violations violations = {.arena = arena};
    Lists *lists = Lists_new(arena);
    Lists_ImEntry *entry = Lists_ImEntry_new(arena);
    Buf__Validate__Violations *read;
    const Buf__Validate__Violation *violation;

    lists->n_tags = 1;
    lists->tags = (char *[]){"abc"};
    lists->n_sm = 1;
    lists->sm = arena_alloc_array(arena, 1, sizeof(*lists->sm));
    lists->sm[0] = Lists_SmEntry_new(arena);
    lists->sm[0]->key = "ab";
    lists->sm[0]->value = Inner_new(arena);
    lists->sm[0]->value->name = "long enough";
    entry->key = -7;
    lists->n_im = 1;
    lists->im = &entry;
    message_validate(&lists->base, &violations);
    read = encode_and_read(&violations);
    cr_assert_eq(read->n_violations, 1);
    violation = read->violations[0];
    cr_expect_str_eq(violation->rule_id, "int32.gt");
    cr_expect(violation->for_key);
    cr_assert_eq(violation->field->n_elements, 1);
    cr_expect_str_eq(violation->field->elements[0]->field_name, "im");
    cr_expect_eq(violation->field->elements[0]->field_number, 11);
    cr_expect_eq(violation->field->elements[0]->field_type, 11);
    cr_expect_eq(violation->field->elements[0]->key_type, 5);
    cr_expect_eq(violation->field->elements[0]->value_type, 9);
    cr_expect_eq(violation->field->elements[0]->int_key, -7);
    cr_assert_eq(violation->rule->n_elements, 4);
    cr_expect_str_eq(violation->rule->elements[1]->field_name, "keys");
    cr_expect_eq(violation->rule->elements[1]->field_number, 4);
    cr_expect_str_eq(violation->rule->elements[3]->field_name, "gt");
    cr_expect_eq(violation->rule->elements[3]->field_type, 5);
    buf__validate__violations__free_unpacked(read, NULL);
}

/* A rule of a oneof, or of the message, is at no field's number. */
Test(rules, the_detail_of_what_is_no_field)
{
    struct violations violations = {.arena = arena};
    Exclusive *exclusive = Exclusive_new(arena);
    Others *others = Others_new(arena);
    Buf__Validate__Violations *read;
    bool seen = false;

    exclusive->f = 6;
    exclusive->a = 6;
    exclusive->b = "ab";
    message_validate(&exclusive->base, &violations);
    cr_assert_eq(violations.count, 1);
    cr_expect_str_eq(violations.items[0].field, "");
    cr_expect_str_eq(violations.items[0].rule, "message.oneof");
    read = encode_and_read(&violations);
    cr_expect_null(read->violations[0]->field);
    cr_expect_null(read->violations[0]->rule);
    buf__validate__violations__free_unpacked(read, NULL);

    violations = (struct violations){.arena = arena};
    message_validate(&others->base, &violations);
    read = encode_and_read(&violations);
    for (size_t i = 0; i < read->n_violations; i++) {
        const Buf__Validate__Violation *violation = read->violations[i];
        if (strcmp(violations.items[i].field, "choice") != 0)
            continue;
        seen = true;
        cr_expect_str_eq(violation->field->elements[0]->field_name, "choice");
        cr_expect_not(violation->field->elements[0]->has_field_number);
        cr_expect_null(violation->rule);
    }
    cr_expect(seen);
    buf__validate__violations__free_unpacked(read, NULL);
}

Test(rules, what_has_no_rules_is_not_checked)
{
    cr_expect_not_null(Inner_type.validate);
    cr_expect_not_null(Lists_type.validate);
    cr_expect_null(Lists_BmEntry_type.validate);
}
