/* linked_providers.h - the providers that open an account.
 *
 * Somebody is (issuer, subject), never an address: that may be another's tomorrow. Links to
 * providers that are not in the configuration stay, and open nothing. */
#ifndef WAYSTONE_HANDLERS_LINKED_PROVIDERS_H
#define WAYSTONE_HANDLERS_LINKED_PROVIDERS_H

#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/account/v1/account.h"

/* Those of an account, by age, in the call's arena. Suspends. */
enum status linked_providers_of(struct rpc_call *call, struct db *db, int64_t account_id,
                                LinkedProvider ***ret, size_t *ret_count) MUST_CHECK;

/* Whether a password, a passkey or a provider opens the account. A transaction that took one of
 * them away asks this, while it holds the account's row, before it commits. Suspends. */
enum status account_can_be_opened(struct rpc_call *call, struct db *tx, int64_t account_id,
                                  bool *ret) MUST_CHECK;

#endif
