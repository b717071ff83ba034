/* Codes of RFC 6238, appendix B (SHA-1), and what counts as one. */
#include <criterion/criterion.h>
#include <string.h>

#include "handlers/totp.h"

static const struct bytes secret = {(const uint8_t *)"12345678901234567890", 20};

static const char *code_at(int64_t now_s)
{
    static char code[9];

    cr_assert(totp_code(secret, now_s / TOTP_STEP_S, TOTP_DIGITS, code));
    return code;
}

Test(totp, makes_the_codes_of_the_standard)
{
    static const struct {
        int64_t time_s;
        const char *code;
    } vectors[] = {
        {59, "94287082"},         {1111111109, "07081804"}, {1111111111, "14050471"},
        {1234567890, "89005924"}, {2000000000, "69279037"}, {20000000000, "65353130"},
    };
    char code[9];

    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        cr_assert(totp_code(secret, vectors[i].time_s / TOTP_STEP_S, 8, code));
        cr_expect_str_eq(code, vectors[i].code);
        cr_assert(totp_code(secret, vectors[i].time_s / TOTP_STEP_S, 6, code));
        cr_expect_str_eq(code, vectors[i].code + 2);
    }
}

Test(totp, takes_a_step_before_and_after_now)
{
    int64_t now_s = 1234567890, step = now_s / TOTP_STEP_S;

    cr_expect_eq(totp_match(secret, code_at(now_s), now_s, 0), step);
    cr_expect_eq(totp_match(secret, code_at(now_s - 30), now_s, 0), step - 1);
    cr_expect_eq(totp_match(secret, code_at(now_s + 30), now_s, 0), step + 1);
    cr_expect_eq(totp_match(secret, code_at(now_s - 60), now_s, 0), 0);
    cr_expect_eq(totp_match(secret, code_at(now_s + 60), now_s, 0), 0);
}

Test(totp, takes_no_code_twice_and_none_before_it)
{
    int64_t now_s = 1234567890, step = now_s / TOTP_STEP_S;

    cr_expect_eq(totp_match(secret, code_at(now_s), now_s, step - 1), step);
    cr_expect_eq(totp_match(secret, code_at(now_s), now_s, step), 0);
    cr_expect_eq(totp_match(secret, code_at(now_s - 30), now_s, step), 0);
    cr_expect_eq(totp_match(secret, code_at(now_s + 30), now_s, step), step + 1);
}

Test(totp, takes_six_digits_only)
{
    cr_expect_eq(totp_match(secret, "", 59, 0), 0);
    cr_expect_eq(totp_match(secret, "28708", 59, 0), 0);
    cr_expect_eq(totp_match(secret, "2870820", 59, 0), 0);
    cr_expect_eq(totp_match(secret, "287083", 59, 0), 0);
    cr_expect_neq(totp_match(secret, "287082", 59, 0), 0);
}

Test(totp, slows_down_who_guesses)
{
    cr_expect_eq(totp_pause_ms(0), 0);
    cr_expect_eq(totp_pause_ms(4), 0);
    cr_expect_eq(totp_pause_ms(5), 15000);
    cr_expect_eq(totp_pause_ms(6), 30000);
    cr_expect_eq(totp_pause_ms(12), 1920000);
    cr_expect_eq(totp_pause_ms(13), 3600000);
    cr_expect_eq(totp_pause_ms(1000000), 3600000);
}

/* Samples of RFC 4648, section 10, without padding. */
Test(totp, writes_base32)
{
    static const char *const samples[][2] = {{"", ""},
                                             {"f", "MY"},
                                             {"fo", "MZXQ"},
                                             {"foo", "MZXW6"},
                                             {"foob", "MZXW6YQ"},
                                             {"fooba", "MZXW6YTB"},
                                             {"foobar", "MZXW6YTBOI"}};
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        cr_expect_str_eq(totp_base32(arena, (struct bytes){(const uint8_t *)samples[i][0],
                                                           strlen(samples[i][0])}),
                         samples[i][1]);
}

Test(totp, names_site_and_account_in_the_uri)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    cr_expect_str_eq(totp_uri(arena, "Waystone", "Nova-1", secret),
                     "otpauth://totp/Waystone:Nova-1?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                     "&issuer=Waystone&algorithm=SHA1&digits=6&period=30");
}
