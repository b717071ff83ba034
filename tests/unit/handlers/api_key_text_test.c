#include <criterion/criterion.h>
#include <string.h>

#include "handlers/api_key_text.h"

TestSuite(api_key_text, .timeout = 10);

static char key[API_KEY_LENGTH + 1];

Test(api_key_text, a_new_key_is_well_formed_and_like_no_other)
{
    char other[API_KEY_LENGTH + 1];

    api_key_make(key);
    api_key_make(other);
    cr_expect_eq(strlen(key), API_KEY_LENGTH);
    cr_expect_eq(strncmp(key, API_KEY_START, strlen(API_KEY_START)), 0);
    cr_expect(api_key_is_well_formed(key));
    cr_expect(api_key_is_well_formed(other));
    cr_expect_str_neq(key, other);
}

/* Each digit of one in a thousand keys or so occurs at each place: none is left out. */
Test(api_key_text, every_digit_occurs_everywhere)
{
    static bool seen[API_KEY_LENGTH - 10][128];

    for (int i = 0; i < 2000; i++) {
        api_key_make(key);
        for (size_t at = 0; at < API_KEY_LENGTH - 10; at++)
            seen[at][(unsigned char)key[4 + at]] = true;
    }
    for (size_t at = 0; at < API_KEY_LENGTH - 10; at++) {
        int count = 0;
        for (int c = 0; c < 128; c++)
            count += seen[at][c];
        cr_expect_eq(count, 62, "%d at %zu", count, at);
    }
}

Test(api_key_text, any_other_digit_breaks_the_checksum)
{
    api_key_make(key);
    for (size_t at = 0; at < API_KEY_LENGTH; at++) {
        char kept = key[at];
        key[at] = kept == 'x' ? 'y' : 'x';
        cr_expect_not(api_key_is_well_formed(key), "changed at %zu", at);
        key[at] = kept;
    }
    cr_expect(api_key_is_well_formed(key));
}

Test(api_key_text, other_texts_are_none)
{
    char longer[API_KEY_LENGTH + 2];

    api_key_make(key);
    memcpy(longer, key, API_KEY_LENGTH);
    memcpy(longer + API_KEY_LENGTH, "0", 2);
    cr_expect_not(api_key_is_well_formed(longer));
    key[API_KEY_LENGTH - 1] = '\0';
    cr_expect_not(api_key_is_well_formed(key));
    cr_expect_not(api_key_is_well_formed(""));
    cr_expect_not(api_key_is_well_formed("wsk_"));
}

/* SHA-256("abc"), of FIPS 180-2. */
Test(api_key_text, the_hash_is_sha_256)
{
    static const uint8_t expected[4] = {0xba, 0x78, 0x16, 0xbf};
    uint8_t hash[API_KEY_HASH_BYTES];

    api_key_hash("abc", hash);
    cr_expect_arr_eq(hash, expected, sizeof(expected));
}
