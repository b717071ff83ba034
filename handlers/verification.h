/* verification.h - asking for a sign that an address is an account's. */
#ifndef WAYSTONE_HANDLERS_VERIFICATION_H
#define WAYSTONE_HANDLERS_VERIFICATION_H

#include "db/db.h"
#include "server/rpc.h"

/* Leaves a mail with a token for an address of an account, within a transaction; earlier tokens
 * stop working. If the address belongs to another account its owner is told instead, and the caller
 * learns nothing of it. Suspends. */
enum status verification_mail_later(struct rpc_call *call, struct db *tx, int64_t account_id,
                                    const char *user_name, const char *email) MUST_CHECK;

/* Takes the token of such a mail within a transaction: the address is the account's from then on.
 * FAILED_PRECONDITION, said to the caller. Suspends. */
enum status verification_finish(struct rpc_call *call, struct db *tx, const char *token,
                                const char **ret_email) MUST_CHECK;

#endif
