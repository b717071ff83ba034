/* sessions.h - opening, rotating and ending sessions, for every way in and out.
 *
 * A session has one refresh token that buys the next pair. Whoever opens one:
 *
 *     TRY(session_open(call, tx, account_id, SIGN_IN_MEANS_PASSWORD, &tokens));
 *     ...
 *     TRY(db_commit(tx));
 *     return session_to_api(call, &owner, &tokens, req->token_transport, &res->session);
 *
 * and whoever ends some:
 *
 *     TRY(sessions_end_all(call, tx, account_id, 0, &ended));
 *     ...
 *     TRY(db_commit(tx));
 *     sessions_told(call->app, &ended); */
#ifndef WAYSTONE_HANDLERS_SESSIONS_H
#define WAYSTONE_HANDLERS_SESSIONS_H

#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/account/v1/account.h"
#include "waystone/auth/v1/auth.h"

/* Of whom a session tells. Text lives in the call's arena. */
struct session_owner {
    int64_t account_id;
    const char *user_name, *email;
    bool email_verified;
    int role;
    int64_t created_at_us;
};

/* A pair to be told; the refresh token is nowhere else. */
struct session_tokens {
    int64_t session_id;
    const char *refresh;
    int64_t refresh_expires_at_us;
};

/* Reads the owner. NOT_FOUND if there is no such account. Suspends. */
enum status session_owner_find(struct rpc_call *call, struct db *db, int64_t account_id,
                               struct session_owner *ret) MUST_CHECK;
Account *session_owner_to_api(struct arena *arena, const struct session_owner *owner);

/* Opens a session within a transaction, stepped up. UNAVAILABLE if nothing could be signed for it.
 * Suspends. */
enum status session_open(struct rpc_call *call, struct db *tx, int64_t account_id,
                         SignInMeans means, struct session_tokens *ret) MUST_CHECK;

/* After the commit: signs the access token and sets the cookie, if the token travels in one. */
enum status session_to_api(struct rpc_call *call, const struct session_owner *owner,
                           const struct session_tokens *tokens, TokenTransport transport,
                           Session **ret) MUST_CHECK;

/* The next pair for a refresh token, in a transaction of its own. UNAUTHENTICATED (with rpc_fail())
 * when there is none; a token that was used before ends the session and warns its owner. Suspends.
 */
enum status session_rotate(struct rpc_call *call, const char *token,
                           struct session_owner *ret_owner, struct session_tokens *ret_tokens)
    MUST_CHECK;

struct ended_sessions {
    const int64_t *ids; /* in the call's arena */
    size_t count;
};

/* Ends all sessions of an account but one (0: all) within a transaction. Suspends. */
enum status sessions_end_all(struct rpc_call *call, struct db *tx, int64_t account_id,
                             int64_t but_session_id, struct ended_sessions *ret) MUST_CHECK;

/* After the commit: this loop refuses their tokens and ends their streams at once, the others
 * within a second. */
void sessions_told(struct app *app, const struct ended_sessions *ended);

#endif
