/* The reader of JSON text against yajl: both must take the same texts. */
#include "server/protocol/json_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "server/protocol/utf8.h"

#define ROUNDS 60000
#define PIECES_MAX 12

static bool is_taken_by_yajl(const char *text, size_t length)
{
    static yajl_callbacks none;
    yajl_handle handle = yajl_alloc(&none, NULL, NULL);
    bool ok = yajl_parse(handle, (const unsigned char *)text, length) == yajl_status_ok &&
              yajl_complete_parse(handle) == yajl_status_ok;

    yajl_free(handle);
    return ok;
}

/* NULL if the text is taken, else why not. */
static const char *refusal(struct arena *arena, const char *text, size_t length)
{
    char *exact = malloc(length > 0 ? length : 1); /* so that reading past the end is found */
    struct json_text reader;

    memcpy(exact, text, length);
    json_text_open(&reader, arena, exact, length, 64);
    reader.keep_nul = true;
    (void)json_text_skip(&reader);
    cr_expect_eq(json_text_close(&reader), reader.error == NULL);
    free(exact);
    return utf8_valid(text, length) ? reader.error : "not UTF-8";
}

static void compare(const char *text, size_t length)
{
    struct arena *arena = arena_new();
    const char *why = refusal(arena, text, length);

    /* yajl makes question marks of half surrogate pairs, and does not see that a string behind
     * the value lacks its end. */
    if (why == NULL || (strstr(why, "surrogate") == NULL && strstr(why, "behind") == NULL))
        cr_expect_eq(why == NULL, is_taken_by_yajl(text, length), "%.*s: %s, unlike yajl",
                     (int)length, text, why != NULL ? why : "taken");
    arena_free(arena);
}

/* The same ones in every run. */
static size_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(*state >> 33);
}

/* Texts put together from pieces that are right in one place and wrong in most. */
Test(json_text, takes_what_yajl_takes)
{
    static const char *const pieces[] = {
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"",
        "1",
        "-0",
        "0.5",
        "-1e+5",
        "01",
        "1.",
        ".5",
        "1e",
        "-",
        "+1",
        "true",
        "tru",
        "false",
        "null",
        "nul",
        " ",
        "\t\r\n",
        "\"\\n\"",
        "\"\\x\"",
        "\"\\u00e9\"",
        "\"\\u\"",
        "\"\\ud83d\\ude00\"",
        "\"\xc3\xa9\"",
        "\"\xc3\"",
        "\"a\nb\"",
        "\\",
        "[]",
        "{}",
        "[1,2]",
        "{\"a\":1}",
        "{\"a\":[",
        "\"k\":",
        "]}",
        "\"long enough to be read in words of eight bytes, and a \\\" quote\"",
    };
    const size_t piece_count = sizeof(pieces) / sizeof(*pieces);
    uint64_t state = 20261121;

    for (int round = 0; round < ROUNDS; round++) {
        char text[PIECES_MAX * 80];
        size_t length = 0, count = next_random(&state) % PIECES_MAX;
        for (size_t i = 0; i < count; i++) {
            const char *piece = pieces[next_random(&state) % piece_count];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
        }
        compare(text, length);
    }
}

/* One change, anywhere, to a text that is well-formed. */
Test(json_text, notices_what_yajl_notices)
{
    static const char good[] =
        "{\"a\": [1, -2.5e-3, 0, true, false, null], \"b\\u00e9\\\"\": {\"c\": {}, \"d\": []},"
        " \"caf\xc3\xa9 \xf0\x9f\x98\x80\": \"\\ud83d\\ude00 \\b\\f\\n\\r\\t\\\\ \\/\"}";
    static const char changes[] = "{}[]:,\"\\0123456789-+.eEtrufalsn \t\n\x01\x7f\x80\xc3/x";

    compare(good, sizeof(good) - 1);
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        char text[sizeof(good) + 1];
        compare(good, at);
        memcpy(text, good, at);
        memcpy(text + at, good + at + 1, sizeof(good) - 2 - at);
        compare(text, sizeof(good) - 2); /* without this byte */
        memcpy(text + at + 1, good + at, sizeof(good) - 1 - at);
        for (size_t i = 0; i < sizeof(changes) - 1; i++) {
            text[at] = changes[i];
            compare(text, sizeof(good)); /* with one more */
        }
    }
}

/* Where we are stricter than yajl: it takes these. */
Test(json_text, refuses_what_no_text_may_hold)
{
    static const char *const texts[] = {"\v1", "\f1", "\"\\ud83d\"", "\"\\ude00x\"",
                                        "\"\\ud83d\\u0041\""};
    struct arena *arena = arena_new();

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        cr_expect_not_null(refusal(arena, texts[i], strlen(texts[i])), "%s", texts[i]);
    arena_free(arena);
}

Test(json_text, gives_strings_without_their_escapes)
{
    static const char text[] = "[\"plain\", \"\\u00e9\\ud83d\\ude00\\n\\\"\", \"\"]";
    struct arena *arena = arena_new();
    struct json_slice slice;
    struct json_text reader;

    json_text_open(&reader, arena, text, sizeof(text) - 1, 2);
    cr_assert_eq(json_text_kind(&reader), JSON_ARRAY);
    cr_assert(json_text_enter(&reader));
    cr_assert(json_text_item(&reader) && json_text_string(&reader, &slice));
    cr_expect(slice.length == 5 && slice.data == text + 2, "it lies in the text");
    cr_assert(json_text_item(&reader) && json_text_string(&reader, &slice));
    cr_expect(slice.length == 8 && memcmp(slice.data, "\xc3\xa9\xf0\x9f\x98\x80\n\"", 8) == 0);
    cr_assert(json_text_item(&reader) && json_text_string(&reader, &slice));
    cr_expect_eq(slice.length, 0);
    cr_expect_not(json_text_item(&reader));
    cr_expect(json_text_close(&reader));
    arena_free(arena);
}
