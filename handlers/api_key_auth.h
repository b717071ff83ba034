/* api_key_auth.h - who calls with an API key, and what it may do.
 *
 * A loop keeps what it read of a key for half a second, then reads again: whatever takes a key away
 * (it is revoked or expires, its account is banned, closed or loses its role) holds within a second
 * on every loop and instance, for calls and for open streams. Without the database no key works
 * longer than that.
 *
 * Who shows keys that are none is slowed down by address. When a key was used last is written once
 * a minute, for all keys of a loop together. */
#ifndef WAYSTONE_HANDLERS_API_KEY_AUTH_H
#define WAYSTONE_HANDLERS_API_KEY_AUTH_H

#include "handlers/app.h"
#include "server/rpc.h"

/* Whether a bearer token claims to be a key. */
bool api_key_is_meant(const char *token);

/* Fills the identity, whose session_id is 0. UNAUTHENTICATED if the key does not work;
 * PERMISSION_DENIED with reason API_KEY_REFUSED if the method takes none, SCOPE_MISSING if it was
 * not given the method's scope, BANNED if its account is; RESOURCE_EXHAUSTED after too many false
 * ones from an address. Suspends. */
enum status api_key_authenticate(struct rpc_call *call, const char *text,
                                 struct rpc_identity *ret_identity) MUST_CHECK;

void api_key_auth_open(struct app *app);
void api_key_auth_close(struct app *app); /* while the database is still open; ticks the loop */

#endif
