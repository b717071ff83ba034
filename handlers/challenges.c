#include "handlers/challenges.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "db/queries/factors.h"

#define TOKEN_BYTES 32
#define MAX_ATTEMPTS 5

static struct bytes hash_of(const char *token, unsigned char digest[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)token, strlen(token), digest);
    return (struct bytes){digest, SHA256_DIGEST_LENGTH};
}

static const char *new_token(struct arena *arena)
{
    unsigned char random_bytes[TOKEN_BYTES];
    char text[64];

    randombytes_buf(random_bytes, sizeof(random_bytes));
    sodium_bin2base64(text, sizeof(text), random_bytes, sizeof(random_bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return arena_strdup(arena, text);
}

enum status challenge_open(struct rpc_call *call, struct db *db, const struct challenge *challenge,
                           const char **ret_token, int64_t *ret_expires_at_us)
{
    const char *token = new_token(call->arena);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct challenges_insert_row *row;

    TRY(challenges_insert(db, call->arena, hash_of(token, digest), (int16_t)challenge->purpose,
                          challenge->account_id != 0 ? &challenge->account_id : NULL,
                          challenge->session_id != 0 ? &challenge->session_id : NULL,
                          (int16_t)challenge->means, challenge->reopens, CHALLENGE_LIFE_S, &row));
    *ret_token = token;
    *ret_expires_at_us = row->expires_at;
    return STATUS_OK;
}

enum status challenge_take(struct rpc_call *call, struct db *tx, enum challenge_purpose purpose,
                           const char *token, struct challenge *ret)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct challenges_lock_row *row;

    TRY(challenges_lock(tx, call->arena, hash_of(token, digest), (int16_t)purpose, &row));
    *ret = (struct challenge){
        .purpose = purpose,
        .account_id = row->account_id_is_null ? 0 : row->account_id,
        .session_id = row->session_id_is_null ? 0 : row->session_id,
        .means = row->means,
        .reopens = row->reopens,
        .attempts = row->attempts,
    };
    /* Of a public method the caller is nobody yet. */
    return ret->session_id == call->identity.session_id ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status challenge_answered(struct db *tx, const struct challenge *challenge, const char *token,
                               bool is_right)
{
    bool again = challenge->purpose == CHALLENGE_SECOND_FACTOR && !is_right &&
                 challenge->attempts + 1 < MAX_ATTEMPTS;
    unsigned char digest[SHA256_DIGEST_LENGTH];

    return again ? challenges_fail(tx, hash_of(token, digest))
                 : challenges_delete(tx, hash_of(token, digest));
}
