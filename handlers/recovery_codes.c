#include "handlers/recovery_codes.h"

#include <sodium.h>
#include <string.h>

#include "db/queries/factors.h"

#define CODE_DIGITS (RECOVERY_CODE_BYTES * 8 / 5)
#define GROUP_DIGITS 4

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

char *recovery_code_text(struct arena *arena, const uint8_t bytes[RECOVERY_CODE_BYTES])
{
    char *text = arena_alloc(arena, CODE_DIGITS + CODE_DIGITS / GROUP_DIGITS + 1), *out = text;
    unsigned value = 0, bits = 0, count = 0;

    for (size_t i = 0; i < RECOVERY_CODE_BYTES; i++) {
        value = (value << 8 | bytes[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5) {
            if (count > 0 && count % GROUP_DIGITS == 0)
                *out++ = '-';
            *out++ = digits[value >> (bits - 5) & 31];
            count++;
        }
    }
    return text;
}

/* The digit that was meant; '\0': none of ours. */
static char plain_digit(char typed)
{
    const char *alike = strchr("oOiIlL", typed);
    const char *found;

    if (typed == '\0')
        return '\0';
    if (alike != NULL)
        return digits[*alike == 'o' || *alike == 'O' ? 0 : 1];
    for (found = digits; *found != '\0'; found++)
        if (*found == typed || (*found >= 'A' && *found + ('a' - 'A') == typed))
            return *found;
    return '\0';
}

bool recovery_code_hash(const char *code, unsigned char ret[SHA256_DIGEST_LENGTH])
{
    char plain[CODE_DIGITS];
    size_t count = 0;

    for (; *code != '\0'; code++) {
        if (*code == ' ' || *code == '-')
            continue;
        if (count == CODE_DIGITS || plain_digit(*code) == '\0')
            return false;
        plain[count++] = plain_digit(*code);
    }
    SHA256((const unsigned char *)plain, count, ret);
    return count == CODE_DIGITS;
}

enum status recovery_codes_replace(struct rpc_call *call, struct db *tx, int64_t account_id,
                                   char ***ret_codes)
{
    char **codes = arena_alloc_array(call->arena, RECOVERY_CODES, sizeof(*codes));
    unsigned char hashes[RECOVERY_CODES][SHA256_DIGEST_LENGTH];

    for (size_t i = 0; i < RECOVERY_CODES; i++) {
        uint8_t bytes[RECOVERY_CODE_BYTES];
        randombytes_buf(bytes, sizeof(bytes));
        codes[i] = recovery_code_text(call->arena, bytes);
        recovery_code_hash(codes[i], hashes[i]);
    }
    TRY(recovery_codes_delete(tx, account_id));
    TRY(recovery_codes_insert(tx, account_id, (struct bytes){hashes[0], sizeof(hashes)},
                              RECOVERY_CODES));
    *ret_codes = codes;
    return STATUS_OK;
}

enum status recovery_code_take(struct db *tx, int64_t account_id, const char *code,
                               bool *ret_was_good)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    size_t used = 0;

    if (recovery_code_hash(code, hash))
        TRY(recovery_code_use(tx, account_id, (struct bytes){hash, sizeof(hash)}, &used));
    *ret_was_good = used == 1;
    return STATUS_OK;
}
