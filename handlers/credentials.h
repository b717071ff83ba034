/* credentials.h - names, addresses and passwords: checking them at a bounded pace, and setting
 * them.
 *
 * Nothing here tells whether an account exists, neither by words nor by time. Nobody is locked out:
 * too many tries for a name, or from an address for a name, only slow down the next ones. */
#ifndef WAYSTONE_HANDLERS_CREDENTIALS_H
#define WAYSTONE_HANDLERS_CREDENTIALS_H

#include "handlers/app.h"
#include "server/rpc.h"

/* A password that was right, of an account. */
struct credential {
    int64_t account_id;
    int64_t changed_at_us; /* when it was set */
};

/* Checks a user name or an e-mail address with a password, and sets the call's identity to the
 * account of that name, right or wrong, for the audit log. UNAUTHENTICATED or RESOURCE_EXHAUSTED,
 * said to the caller. A hash of older parameters is renewed. Suspends. */
enum status credentials_check(struct rpc_call *call, const char *login, const char *password,
                              struct credential *ret) MUST_CHECK;

/* The same for the caller's own account. Suspends. */
enum status credentials_check_own(struct rpc_call *call, const char *password) MUST_CHECK;

/* Within the transaction that opens a session: holds the account until the commit.
 * UNAUTHENTICATED, said to the caller, if the password was changed since the check. Suspends. */
enum status credentials_keep(struct rpc_call *call, struct db *tx,
                             const struct credential *credential) MUST_CHECK;

/* Hashes a new password of an account with this name and address. INVALID_ARGUMENT for `field`,
 * said to the caller, if it is too easy to guess; RESOURCE_EXHAUSTED if too many wait. Suspends. */
enum status credentials_hash(struct rpc_call *call, const char *field, const char *password,
                             const char *user_name, const char *email, const char **ret_hash)
    MUST_CHECK;

/* Takes one mail to an address from a budget of five an hour for each purpose. Suspends. */
bool credentials_may_mail(struct rpc_call *call, const char *purpose, const char *email);

/* The same; RESOURCE_EXHAUSTED, said to the caller, when it is used up. Suspends. */
enum status credentials_pace_mail(struct rpc_call *call, const char *purpose, const char *email)
    MUST_CHECK;

#endif
