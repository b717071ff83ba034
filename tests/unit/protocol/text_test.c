/* Base64, percent-encoding and UTF-8. */
#include <criterion/criterion.h>
#include <string.h>

#include "server/protocol/base64.h"
#include "server/protocol/json.h"
#include "server/protocol/percent.h"
#include "server/protocol/utf8.h"
#include "tests/unit/protocol/support.h"

static const char *text_of(struct buffer *buffer)
{
    const char *text = arena_strndup(
        test_arena(), buffer->length > 0 ? (const char *)buffer_data(buffer) : "", buffer->length);

    buffer_free(buffer);
    return text;
}

static const char *encoded(const char *data, enum base64_alphabet alphabet, bool padded)
{
    struct buffer out = {0};

    base64_encode(&out, data, strlen(data), alphabet, padded);
    return text_of(&out);
}

Test(text, base64_encodes_the_vectors_of_rfc_4648)
{
    EXPECT_TEXT(encoded("", BASE64_STANDARD, true), "");
    EXPECT_TEXT(encoded("f", BASE64_STANDARD, true), "Zg==");
    EXPECT_TEXT(encoded("fo", BASE64_STANDARD, true), "Zm8=");
    EXPECT_TEXT(encoded("foo", BASE64_STANDARD, true), "Zm9v");
    EXPECT_TEXT(encoded("foob", BASE64_STANDARD, true), "Zm9vYg==");
    EXPECT_TEXT(encoded("fooba", BASE64_STANDARD, false), "Zm9vYmE");
    EXPECT_TEXT(encoded("\xfb\xff\xbf", BASE64_STANDARD, false), "+/+/");
    EXPECT_TEXT(encoded("\xfb\xff\xbf", BASE64_URL, false), "-_-_");
}

static const char *decoded(const char *text)
{
    struct buffer out = {0};

    if (!base64_decode(&out, text, strlen(text))) {
        cr_expect_eq(out.length, 0);
        buffer_free(&out);
        return "malformed";
    }
    return text_of(&out);
}

Test(text, base64_takes_both_alphabets_and_any_padding)
{
    EXPECT_TEXT(decoded(""), "");
    EXPECT_TEXT(decoded("Zg=="), "f");
    EXPECT_TEXT(decoded("Zg"), "f");
    EXPECT_TEXT(decoded("Zm8"), "fo");
    EXPECT_TEXT(decoded("Zm9vYmFy"), "foobar");
    EXPECT_TEXT(decoded("-_+/"), "\xfb\xff\xbf");
    EXPECT_TEXT(decoded("-_"), "\xfb"); /* bits left over are ignored */
}

Test(text, base64_refuses_what_is_malformed)
{
    const char *const malformed[] = {
        "Z", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v=", "Zm 9v", "Zm9!", "Zg=a", "Zm9vY"};

    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
        EXPECT_TEXT(decoded(malformed[i]), "malformed");
}

static const char *percent_decoded(const char *text, bool plus_is_space)
{
    struct buffer out = {0};

    if (!percent_decode(&out, text, strlen(text), plus_is_space)) {
        cr_expect_eq(out.length, 0);
        buffer_free(&out);
        return "malformed";
    }
    return text_of(&out);
}

Test(text, percent_encoding_is_that_of_grpc_message)
{
    struct buffer out = {0};
    const char *text = "a b%\n\xc3\xa9~";

    percent_encode(&out, text, strlen(text));
    EXPECT_TEXT(text_of(&out), "a b%25%0A%C3%A9~");
    EXPECT_TEXT(percent_decoded("a b%25%0A%c3%A9~", false), text);
    EXPECT_TEXT(percent_decoded("a+b", false), "a+b");
    EXPECT_TEXT(percent_decoded("a+b", true), "a b");
    EXPECT_TEXT(percent_decoded("%", false), "malformed");
    EXPECT_TEXT(percent_decoded("%2", false), "malformed");
    EXPECT_TEXT(percent_decoded("%2g", false), "malformed");
}

Test(text, utf8_knows_the_edges)
{
    const char *const good[] = {"",
                                "abc",
                                "\xc2\x80",
                                "\xdf\xbf",
                                "\xe0\xa0\x80",
                                "\xed\x9f\xbf",
                                "\xee\x80\x80",
                                "\xf0\x90\x80\x80",
                                "\xf4\x8f\xbf\xbf",
                                "long enough to take the fast path \xc3\xa9 and go on after it"};
    const char *const bad[] = {"\x80",
                               "\xc0\x80",
                               "\xc1\xbf",
                               "\xc2",
                               "\xc2\x41",
                               "\xe0\x9f\xbf",
                               "\xed\xa0\x80",
                               "\xef\xbf",
                               "\xf0\x8f\xbf\xbf",
                               "\xf4\x90\x80\x80",
                               "\xf5\x80\x80\x80",
                               "\xff",
                               "12345678\xc3",
                               "1234567890\xe2\x82"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        cr_expect(utf8_valid(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        cr_expect(!utf8_valid(bad[i], strlen(bad[i])), "bad %zu", i);
}

Test(text, utf8_is_cut_and_counted_by_characters)
{
    const char *text = "a\xc3\xa9\xe2\x82\xac";

    cr_expect_eq(utf8_truncate(text, 6, 10), 6);
    cr_expect_eq(utf8_truncate(text, 6, 5), 3);
    cr_expect_eq(utf8_truncate(text, 6, 2), 1);
    cr_expect_eq(utf8_truncate(text, 6, 0), 0);
    cr_expect_eq(utf8_count(text, 6), 3);
}

Test(text, json_strings_are_escaped_and_always_utf8)
{
    struct buffer out = {0};
    const char *text = "\"\\/\x01\n\xc3\xa9\xff!";

    json_write_string(&out, text, strlen(text));
    EXPECT_TEXT(text_of(&out), "\"\\\"\\\\/\\u0001\\n\xc3\xa9\xef\xbf\xbd!\"");
}
