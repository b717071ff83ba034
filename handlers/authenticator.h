/* authenticator.h - who a caller is: access tokens, ended sessions, changed roles.
 *
 * Each loop keeps a bounded cache of tokens it has verified, and two sets: sessions that ended,
 * and accounts whose role changed, while tokens from before could still be valid. They are read
 * from PostgreSQL twice a second; while that is away, a token's own word decides. Open streams of
 * a session that ended, or of an account that lost a role, are ended as well.
 *
 * Checking a token never suspends. Everything belongs to the loop's thread. */
#ifndef WAYSTONE_HANDLERS_AUTHENTICATOR_H
#define WAYSTONE_HANDLERS_AUTHENTICATOR_H

#include "handlers/app.h"
#include "server/interceptors.h"

struct authenticator *authenticator_interface(void);

void authenticator_open(struct app *app);
void authenticator_close(struct app *app);

/* Checks every token anew: a key may be gone. */
void authenticator_keys_changed(struct app *app);

/* Notes an ended session on this loop at once; the others learn it from PostgreSQL. */
void authenticator_session_ended(struct app *app, int64_t session_id);

#endif
