/* challenges.h - what somebody was asked to prove: one-use, five minutes, in PostgreSQL.
 *
 * The token is 32 random bytes in base64url, and also the challenge that a passkey signs; the
 * database has its hash only. Everything here suspends and runs in the caller's transaction, which
 * is to be committed for wrong answers, too, since they count. */
#ifndef WAYSTONE_HANDLERS_CHALLENGES_H
#define WAYSTONE_HANDLERS_CHALLENGES_H

#include "handlers/app.h"
#include "server/rpc.h"

#define CHALLENGE_LIFE_S 300

enum challenge_purpose {
    CHALLENGE_SECOND_FACTOR = 1, /* of a sign-in: five attempts */
    CHALLENGE_PASSKEY_SIGN_IN = 2,
    CHALLENGE_STEP_UP = 3,
    CHALLENGE_NEW_PASSKEY = 4,
};

struct challenge {
    enum challenge_purpose purpose;
    int64_t account_id; /* 0: anybody's */
    int64_t session_id; /* 0: of nobody who is signed in */
    int means;          /* account.v1.SignInMeans: what was proved already */
    bool reopens;
    int attempts;
};

/* The token lives in the call's arena. */
enum status challenge_open(struct rpc_call *call, struct db *db, const struct challenge *challenge,
                           const char **ret_token, int64_t *ret_expires_at_us) MUST_CHECK;

/* Holds a challenge until the commit. NOT_FOUND if there is none for this purpose, its time is
 * over, or it was put to another session than the caller's. */
enum status challenge_take(struct rpc_call *call, struct db *tx, enum challenge_purpose purpose,
                           const char *token, struct challenge *ret) MUST_CHECK;

/* It was answered: it is gone when the answer was right, or was one too many. */
enum status challenge_answered(struct db *tx, const struct challenge *challenge, const char *token,
                               bool is_right) MUST_CHECK;

#endif
