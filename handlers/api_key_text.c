#include "handlers/api_key_text.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#define START_LENGTH (sizeof(API_KEY_START) - 1)
#define CHECKSUM_LENGTH 6 /* 62^6 > 2^32 */
#define CHECKED_LENGTH (API_KEY_LENGTH - CHECKSUM_LENGTH)

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
#define BASE (sizeof(digits) - 1)

/* The first 32 bits of the SHA-256 of what comes before it. */
static void checksum(const char *key, char out[CHECKSUM_LENGTH])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    uint32_t value;

    SHA256((const uint8_t *)key, CHECKED_LENGTH, hash);
    value = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
    for (int i = CHECKSUM_LENGTH - 1; i >= 0; i--) {
        out[i] = digits[value % BASE];
        value /= BASE;
    }
}

void api_key_make(char ret[API_KEY_LENGTH + 1])
{
    memcpy(ret, API_KEY_START, START_LENGTH);
    for (size_t i = START_LENGTH; i < CHECKED_LENGTH; i++)
        ret[i] = digits[randombytes_uniform(BASE)];
    checksum(ret, ret + CHECKED_LENGTH);
    ret[API_KEY_LENGTH] = '\0';
}

bool api_key_is_well_formed(const char *text)
{
    char expected[CHECKSUM_LENGTH];

    if (strlen(text) != API_KEY_LENGTH || strncmp(text, API_KEY_START, START_LENGTH) != 0 ||
        strspn(text + START_LENGTH, digits) != API_KEY_LENGTH - START_LENGTH)
        return false;
    checksum(text, expected);
    return memcmp(text + CHECKED_LENGTH, expected, CHECKSUM_LENGTH) == 0;
}

void api_key_hash(const char *key, uint8_t ret[API_KEY_HASH_BYTES])
{
    SHA256((const uint8_t *)key, strlen(key), ret);
}
