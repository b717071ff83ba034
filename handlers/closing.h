/* closing.h - the end of an account: closed at once, erased after its grace.
 *
 * A closed account has no sessions, keys or appearances, and opens again by a sign-in that says so.
 * When the grace is over a job (erasure.h) erases what is personal, for ever: names, address,
 * proofs, private records. What others have part in stays without a name: messages as those of
 * somebody gone, sanctions, the chain of the audit log. The user name stays taken for a while. */
#ifndef WAYSTONE_HANDLERS_CLOSING_H
#define WAYSTONE_HANDLERS_CLOSING_H

#include "handlers/app.h"
#include "handlers/sessions.h"
#include "server/rpc.h"

/* Closes an account within a transaction. `ret_ended` is told after the commit. Suspends. */
enum status closing_begin(struct rpc_call *call, struct db *tx, int64_t account_id,
                          struct ended_sessions *ret_ended, int64_t *ret_erases_at_us) MUST_CHECK;

#endif
