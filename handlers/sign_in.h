/* sign_in.h - the end of a sign-in, however it began.
 *
 * Password, passkey and provider say who somebody is; here it is decided whether that opens a
 * session: not for banned or closing accounts, and not yet for those that want a second factor. */
#ifndef WAYSTONE_HANDLERS_SIGN_IN_H
#define WAYSTONE_HANDLERS_SIGN_IN_H

#include "handlers/sessions.h"

/* Somebody who has proved who they are. */
struct sign_in {
    struct session_owner owner;
    SignInMeans means;
    TokenTransport transport;
    bool reopen; /* an account that is being closed is to stay */
};

/* One of the two. */
struct sign_in_result {
    Session *session;
    SecondFactorChallenge *second_factor;
};

/* Asks for a second factor, if the account has one and `means` is a password or a provider; else
 * opens the session. Commits the transaction, which may hold what the sign-in changed, and audits.
 * The audit log has the call's path for a session, "sign_in.factor_asked" for a challenge and
 * "account.reopened" beside either.
 * FAILED_PRECONDITION, said to the caller, if the account is banned (reason "BANNED") or is being
 * closed ("CLOSING"); nothing is committed then. Suspends. */
enum status sign_in_finish(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                           struct sign_in_result *ret) MUST_CHECK;

/* The same when nothing more is to be asked. */
enum status sign_in_open(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                         Session **ret) MUST_CHECK;

#endif
