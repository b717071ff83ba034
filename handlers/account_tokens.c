#include "handlers/account_tokens.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "db/queries/credentials.h"

#undef account_token_refused /* the analyzer's, of account_tokens.h */

#define TOKEN_BYTES 32
#define TOKEN_TEXT_BYTES 48 /* 43 characters of base64 */

static const int64_t life_s[] = {
    [ACCOUNT_TOKEN_VERIFY] = ACCOUNT_TOKEN_VERIFY_LIFE_S,
    [ACCOUNT_TOKEN_RECOVER] = ACCOUNT_TOKEN_RECOVER_LIFE_S,
};

static struct bytes hash_token(const char *token, unsigned char digest[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)token, strlen(token), digest);
    return (struct bytes){digest, SHA256_DIGEST_LENGTH};
}

enum status account_token_make(struct db *tx, struct arena *arena, int64_t account_id,
                               enum account_token_purpose purpose, const char *email,
                               const char **ret_token)
{
    unsigned char random_bytes[TOKEN_BYTES], digest[SHA256_DIGEST_LENGTH];
    char text[TOKEN_TEXT_BYTES];

    randombytes_buf(random_bytes, sizeof(random_bytes));
    sodium_bin2base64(text, sizeof(text), random_bytes, sizeof(random_bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    TRY(account_tokens_drop(tx, account_id, (int16_t)purpose));
    TRY(account_tokens_insert(tx, hash_token(text, digest), account_id, (int16_t)purpose, email,
                              life_s[purpose]));
    *ret_token = arena_strdup(arena, text);
    return STATUS_OK;
}

/* The account's row first, as everybody locks it who makes tokens. */
enum status account_token_use(struct db *tx, struct arena *arena, const char *token,
                              enum account_token_purpose purpose, struct account_token *ret)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct bytes hash = hash_token(token, digest);
    struct account_tokens_find_row *found;
    struct account_tokens_use_row *used;
    struct credentials_lock_row *account;

    TRY(account_tokens_find(tx, arena, hash, (int16_t)purpose, &found));
    TRY(credentials_lock(tx, arena, found->account_id, &account));
    TRY(account_tokens_use(tx, arena, hash, (int16_t)purpose, &used));
    *ret = (struct account_token){used->account_id, used->email};
    return STATUS_OK;
}

enum status account_token_find(struct db *db, struct arena *arena, const char *token,
                               enum account_token_purpose purpose, int64_t *ret_account_id)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct account_tokens_find_row *found;

    TRY(account_tokens_find(db, arena, hash_token(token, digest), (int16_t)purpose, &found));
    *ret_account_id = found->account_id;
    return STATUS_OK;
}

enum status account_token_refused(struct rpc_call *call)
{
    return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "TOKEN_NOT_USABLE",
                           "this link was used already, replaced by a newer one, or has expired");
}

enum status account_tokens_end(struct db *tx, int64_t account_id,
                               enum account_token_purpose purpose)
{
    return account_tokens_drop(tx, account_id, (int16_t)purpose);
}
