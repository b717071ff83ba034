/* proofs.h - a second factor, whichever the account has: a code of its app, a recovery code, a
 * passkey. */
#ifndef WAYSTONE_HANDLERS_PROOFS_H
#define WAYSTONE_HANDLERS_PROOFS_H

#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/auth/v1/auth.h"

/* One of the three. */
struct proof {
    const char *totp_code;
    const char *recovery_code;
    const PasskeyAssertion *passkey;
    const char *challenge; /* what the passkey was to sign */
};

/* Whether the proof holds; using it up, or counting that it was wrong, in the transaction, which is
 * to be committed either way. RESOURCE_EXHAUSTED, with words and "retry-after", if the account's
 * codes were wrong too often to look at another one now. The audit log has "recovery_code.used";
 * after TOTP_FREE_FAILURES wrong codes in a row the owner gets a notification. Suspends. */
enum status proof_check(struct rpc_call *call, struct db *tx, int64_t account_id,
                        const struct proof *proof, bool *ret_holds) MUST_CHECK;

#endif
