/* Samples of RFC 8949, appendix A, and what authenticators must not send. */
#include <criterion/criterion.h>
#include <string.h>

#include "handlers/cbor.h"

#define OPEN(cbor, text) \
    cbor_open(&(cbor), (struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static bool skips(const char *data, size_t length)
{
    struct cbor cbor;

    cbor_open(&cbor, (struct bytes){(const uint8_t *)data, length});
    return cbor_skip(&cbor) && cbor_close(&cbor);
}
#define SKIPS(text) skips(text, sizeof(text) - 1)

static int64_t int_of(const char *data, size_t length)
{
    struct cbor cbor;
    int64_t value = 0;

    cbor_open(&cbor, (struct bytes){(const uint8_t *)data, length});
    cr_expect_eq(cbor_kind(&cbor), CBOR_INT);
    cr_expect(cbor_int(&cbor, &value));
    cr_expect(cbor_close(&cbor));
    return value;
}
#define INT_OF(text) int_of(text, sizeof(text) - 1)

Test(cbor, reads_integers)
{
    cr_expect_eq(INT_OF("\x00"), 0);
    cr_expect_eq(INT_OF("\x17"), 23);
    cr_expect_eq(INT_OF("\x18\x18"), 24);
    cr_expect_eq(INT_OF("\x18\x64"), 100);
    cr_expect_eq(INT_OF("\x19\x03\xe8"), 1000);
    cr_expect_eq(INT_OF("\x1a\x00\x0f\x42\x40"), 1000000);
    cr_expect_eq(INT_OF("\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00"), 1000000000000);
    cr_expect_eq(INT_OF("\x20"), -1);
    cr_expect_eq(INT_OF("\x38\x63"), -100);
    cr_expect_eq(INT_OF("\x39\x03\xe7"), -1000);
    cr_expect_eq(INT_OF("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MAX);
    cr_expect_eq(INT_OF("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), INT64_MIN);
}

Test(cbor, refuses_integers_beyond_its_own)
{
    struct cbor cbor;
    int64_t value;

    OPEN(cbor, "\x1b\x80\x00\x00\x00\x00\x00\x00\x00");
    cr_expect_not(cbor_int(&cbor, &value));
    OPEN(cbor, "\x3b\xff\xff\xff\xff\xff\xff\xff\xff");
    cr_expect_not(cbor_int(&cbor, &value));
}

Test(cbor, reads_strings_in_place)
{
    static const char text[] = "\x44\x01\x02\x03\x04\x64IETF";
    struct bytes bytes, word;
    struct cbor cbor;

    OPEN(cbor, text);
    cr_assert(cbor_bytes(&cbor, &bytes));
    cr_expect_eq(bytes.data, (const uint8_t *)text + 1);
    cr_expect_eq(bytes.length, 4);
    cr_assert(cbor_text(&cbor, &word));
    cr_expect_eq(word.length, 4);
    cr_expect_eq(memcmp(word.data, "IETF", 4), 0);
    cr_expect(cbor_close(&cbor));
}

Test(cbor, walks_maps_and_arrays)
{
    struct bytes key;
    struct cbor cbor;
    uint64_t count;
    int64_t value;

    OPEN(cbor, "\xa2\x61\x61\x01\x61\x62\x82\x02\x03"); /* {"a": 1, "b": [2, 3]} */
    cr_assert(cbor_map(&cbor, &count));
    cr_expect_eq(count, 2);
    cr_assert(cbor_text(&cbor, &key) && cbor_int(&cbor, &value));
    cr_expect_eq(value, 1);
    cr_assert(cbor_text(&cbor, &key) && cbor_array(&cbor, &count));
    cr_expect_eq(count, 2);
    cr_assert(cbor_int(&cbor, &value) && cbor_int(&cbor, &value));
    cr_expect_eq(value, 3);
    cr_expect(cbor_close(&cbor));
}

Test(cbor, skips_what_is_whole)
{
    cr_expect(SKIPS("\xf4"));
    cr_expect(SKIPS("\xf5"));
    cr_expect(SKIPS("\xf6"));
    cr_expect(SKIPS("\x83\x01\x82\x02\x03\x82\x04\x05"));
    cr_expect(SKIPS("\xa5\x61\x61\x61\x41\x61\x62\x61\x42\x61\x63\x61\x43\x61\x64\x61\x44\x61\x65"
                    "\x61\x45"));
}

Test(cbor, refuses_what_is_cut_or_has_more)
{
    cr_expect_not(SKIPS(""));
    cr_expect_not(SKIPS("\x18"));
    cr_expect_not(SKIPS("\x1b\x00\x00\x00"));
    cr_expect_not(SKIPS("\x44\x01\x02\x03"));
    cr_expect_not(SKIPS("\x82\x01"));
    cr_expect_not(SKIPS("\xa1\x01"));
    cr_expect_not(SKIPS("\x01\x01"));
}

/* Lengths beyond the input, up to those that would wrap around. */
Test(cbor, refuses_impossible_lengths)
{
    cr_expect_not(SKIPS("\x5b\xff\xff\xff\xff\xff\xff\xff\xff\x00"));
    cr_expect_not(SKIPS("\x7b\x80\x00\x00\x00\x00\x00\x00\x00\x00"));
    cr_expect_not(SKIPS("\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x00"));
    cr_expect_not(SKIPS("\xbb\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00"));
    cr_expect_not(SKIPS("\x9a\x00\x0f\x42\x40\x00"));
}

Test(cbor, refuses_what_is_not_canonical)
{
    cr_expect_not(SKIPS("\x18\x17"), "23 in two bytes");
    cr_expect_not(SKIPS("\x19\x00\xff"), "255 in three");
    cr_expect_not(SKIPS("\x1a\x00\x00\xff\xff"), "65535 in five");
    cr_expect_not(SKIPS("\x1b\x00\x00\x00\x00\xff\xff\xff\xff"), "2^32-1 in nine");
    cr_expect_not(SKIPS("\x5f\x41\x00\xff"), "bytes without a length");
    cr_expect_not(SKIPS("\x9f\xff"), "an array without a length");
    cr_expect_not(SKIPS("\xbf\xff"), "a map without a length");
    cr_expect_not(SKIPS("\xc0\x61\x30"), "a tag");
    cr_expect_not(SKIPS("\xf9\x00\x00"), "a float");
    cr_expect_not(SKIPS("\xf0"), "an unassigned simple value");
    cr_expect_not(SKIPS("\x1c"), "a reserved length");
}

Test(cbor, refuses_deep_nesting)
{
    cr_expect(SKIPS("\x81\x81\x81\x81\x81\x81\x81\x81\x00"));
    cr_expect_not(SKIPS("\x81\x81\x81\x81\x81\x81\x81\x81\x81\x00"));
}

Test(cbor, stays_failed)
{
    struct cbor cbor;
    struct bytes bytes;
    int64_t value;

    OPEN(cbor, "\x01\x02");
    cr_expect_not(cbor_bytes(&cbor, &bytes));
    cr_expect_not(cbor_int(&cbor, &value));
    cr_expect_eq(cbor_kind(&cbor), CBOR_NOTHING);
    cr_expect_not(cbor_close(&cbor));
}
