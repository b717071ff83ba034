#include "handlers/totp.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define DRIFT_STEPS 1
#define FIRST_PAUSE_MS 15000
#define LONGEST_PAUSE_MS 3600000

bool totp_code(struct bytes secret, int64_t step, unsigned digits, char ret[9])
{
    unsigned char counter[8], mac[SHA_DIGEST_LENGTH];
    unsigned offset, length;
    uint32_t number, modulus = 1;

    for (unsigned i = 0; i < 8; i++)
        counter[i] = (unsigned char)((uint64_t)step >> (56 - 8 * i));
    if (HMAC(EVP_sha1(), secret.data, (int)secret.length, counter, sizeof(counter), mac, &length) ==
        NULL)
        return false;
    offset = mac[SHA_DIGEST_LENGTH - 1] & 15;
    number = (uint32_t)(mac[offset] & 0x7f) << 24 | (uint32_t)mac[offset + 1] << 16 |
             (uint32_t)mac[offset + 2] << 8 | (uint32_t)mac[offset + 3];
    for (unsigned i = 0; i < digits; i++)
        modulus *= 10;
    snprintf(ret, 9, "%0*u", (int)digits, number % modulus);
    return true;
}

int64_t totp_match(struct bytes secret, const char *code, int64_t now_s, int64_t last_step)
{
    int64_t now = now_s / TOTP_STEP_S, match = 0;
    char expected[9];

    if (strlen(code) != TOTP_DIGITS)
        return 0;
    for (int64_t step = now - DRIFT_STEPS; step <= now + DRIFT_STEPS; step++)
        if (step > last_step && match == 0 && totp_code(secret, step, TOTP_DIGITS, expected) &&
            CRYPTO_memcmp(code, expected, TOTP_DIGITS) == 0)
            match = step;
    return match;
}

int64_t totp_pause_ms(int failures)
{
    int64_t pause = FIRST_PAUSE_MS;

    if (failures < TOTP_FREE_FAILURES)
        return 0;
    for (int i = TOTP_FREE_FAILURES; i < failures && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

const char *totp_base32(struct arena *arena, struct bytes secret)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char *text = arena_alloc(arena, (secret.length * 8 + 4) / 5 + 1), *out = text;
    unsigned value = 0, bits = 0;

    for (size_t i = 0; i < secret.length; i++) {
        value = (value << 8 | secret.data[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = digits[value >> (bits - 5) & 31];
    }
    if (bits > 0)
        *out++ = digits[value << (5 - bits) & 31];
    return text;
}

const char *totp_uri(struct arena *arena, const char *issuer, const char *user_name,
                     struct bytes secret)
{
    return arena_printf(arena,
                        "otpauth://totp/%s:%s?secret=%s&issuer=%s&algorithm=SHA1&digits=%d&"
                        "period=%d",
                        issuer, user_name, totp_base32(arena, secret), issuer, TOTP_DIGITS,
                        TOTP_STEP_S);
}
