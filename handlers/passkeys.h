/* passkeys.h - passkeys of accounts: what a browser is asked for, and what it answered.
 *
 * A passkey is made so that it alone opens the account: it lives on its device (discoverable) and
 * verifies who uses it. The browser does the asking; options are the JSON that its
 * PublicKeyCredential.parse...OptionsFromJSON() takes. */
#ifndef WAYSTONE_HANDLERS_PASSKEYS_H
#define WAYSTONE_HANDLERS_PASSKEYS_H

#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/account/v1/account.h"
#include "waystone/auth/v1/auth.h"

#define PASSKEYS_MAX 20 /* of an account */

/* For navigator.credentials.get(). `account_id` 0: any passkey of this site. In the call's arena;
 * `*ret_options` is "" if the account has none. Suspends. */
enum status passkeys_request_options(struct rpc_call *call, struct db *db, int64_t account_id,
                                     const char *challenge, const char **ret_options) MUST_CHECK;

/* For navigator.credentials.create(). Gives the account a handle if it has none. Suspends. */
enum status passkeys_creation_options(struct rpc_call *call, struct db *tx, const char *user_name,
                                      const char *challenge, const char **ret_options) MUST_CHECK;

/* Checks what navigator.credentials.create() answered and stores it for the caller. `*ret_error` is
 * what is wrong with the answer, or NULL. ALREADY_EXISTS if the passkey is somebody's. Suspends. */
enum status passkeys_add(struct rpc_call *call, struct db *tx, const char *challenge,
                         struct bytes client_data, struct bytes attestation, const char *name,
                         Passkey **ret_passkey, const char **ret_error) MUST_CHECK;

/* Checks what navigator.credentials.get() answered: whose passkey it is, 0 if it proves nothing.
 * `account_id` 0: anybody's, who has to be named by the user handle. Notes its use. Suspends. */
enum status passkeys_prove(struct rpc_call *call, struct db *tx, int64_t account_id,
                           const char *challenge, const PasskeyAssertion *answer,
                           int64_t *ret_account_id) MUST_CHECK;

/* The origins of a site that names none: its domain over HTTPS, and for "localhost" this port. The
 * caller frees it. */
char *passkeys_default_origins(const char *relying_party_id, int port);

#endif
