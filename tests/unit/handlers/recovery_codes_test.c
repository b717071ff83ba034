#include <criterion/criterion.h>
#include <string.h>

#include "handlers/recovery_codes.h"

static bool same(const char *one, const char *other)
{
    unsigned char a[SHA256_DIGEST_LENGTH], b[SHA256_DIGEST_LENGTH];

    cr_assert(recovery_code_hash(one, a), "%s", one);
    cr_assert(recovery_code_hash(other, b), "%s", other);
    return memcmp(a, b, sizeof(a)) == 0;
}

static bool is_none(const char *code)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    return !recovery_code_hash(code, hash);
}

Test(recovery_codes, show_all_bits_in_groups)
{
    static const uint8_t zeros[RECOVERY_CODE_BYTES] = {0};
    static const uint8_t counted[RECOVERY_CODE_BYTES] = {
        0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf, 0x84, 0x65, 0x3a, 0x56, 0xd7};
    uint8_t ones[RECOVERY_CODE_BYTES];
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    memset(ones, 0xff, sizeof(ones));
    cr_expect_str_eq(recovery_code_text(arena, zeros), "0000-0000-0000-0000-0000-0000");
    cr_expect_str_eq(recovery_code_text(arena, ones), "ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ");
    cr_expect_str_eq(recovery_code_text(arena, counted), "0123-4567-89AB-CDEF-GHJK-MNPQ");
}

Test(recovery_codes, do_not_mind_how_they_are_typed)
{
    const char *code = "0123-4567-89AB-CDEF-GHJK-MNPQ";

    cr_expect(same(code, "0123 4567 89ab cdef ghjk mnpq"));
    cr_expect(same(code, "0123456789ABCDEFGHJKMNPQ"));
    cr_expect(same(code, "OI23-4567-89AB-CDEF-GHJK-MNPQ"));
    cr_expect(same(code, "ol23-4567-89AB-CDEF-GHJK-MNPQ"));
    cr_expect_not(same(code, "0123-4567-89AB-CDEF-GHJK-MNPR"));
}

Test(recovery_codes, are_of_one_length_and_alphabet)
{
    cr_expect(is_none(""));
    cr_expect(is_none("0123-4567-89AB-CDEF-GHJK-MNP"));
    cr_expect(is_none("0123-4567-89AB-CDEF-GHJK-MNPQ-0"));
    cr_expect(is_none("0123-4567-89AB-CDEF-GHJK-MNPU"));
    cr_expect(is_none("0123-4567-89AB-CDEF-GHJK-MNP\xc3\xa9"));
}
