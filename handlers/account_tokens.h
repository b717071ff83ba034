/* account_tokens.h - what a mail carries to prove that it was read: used once, for one purpose.
 *
 * A token has 256 random bits and is stored as its SHA-256. It belongs to an account and to the
 * address it was sent to. Making one ends those of the same purpose made before. */
#ifndef WAYSTONE_HANDLERS_ACCOUNT_TOKENS_H
#define WAYSTONE_HANDLERS_ACCOUNT_TOKENS_H

#include <stdint.h>

#include "db/db.h"
#include "server/rpc.h"

#define ACCOUNT_TOKEN_VERIFY_LIFE_S (24 * 3600)
#define ACCOUNT_TOKEN_RECOVER_LIFE_S (30 * 60)

/* As in the table. */
enum account_token_purpose { ACCOUNT_TOKEN_VERIFY = 1, ACCOUNT_TOKEN_RECOVER = 2 };

/* Makes one within a transaction; its text lives in the arena and nowhere else. Suspends. */
enum status account_token_make(struct db *tx, struct arena *arena, int64_t account_id,
                               enum account_token_purpose purpose, const char *email,
                               const char **ret_token) MUST_CHECK;

struct account_token {
    int64_t account_id;
    const char *email; /* to which it was sent */
};

/* Uses one up within a transaction, which holds the account's row and whoever opens a session of it
 * from then on. NOT_FOUND if it is unknown, used, replaced or expired. Suspends. */
enum status account_token_use(struct db *tx, struct arena *arena, const char *token,
                              enum account_token_purpose purpose, struct account_token *ret)
    MUST_CHECK;

/* Whose it is, without using it up. NOT_FOUND as above. Suspends. */
enum status account_token_find(struct db *db, struct arena *arena, const char *token,
                               enum account_token_purpose purpose, int64_t *ret_account_id)
    MUST_CHECK;

/* FAILED_PRECONDITION, said to the caller: the token does not work (any more). */
enum status account_token_refused(struct rpc_call *call);
#ifdef __clang_analyzer__ /* does not look into other files, so it is told what comes back */
#define account_token_refused(call) (account_token_refused(call), STATUS_FAILED_PRECONDITION)
#endif

/* Those of an account stop working. Suspends. */
enum status account_tokens_end(struct db *tx, int64_t account_id,
                               enum account_token_purpose purpose) MUST_CHECK;

#endif
