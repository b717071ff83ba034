/* AuthService: sessions that are there. */
#include "db/queries/sessions.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/auth_parts.h"
#include "handlers/authenticator.h"
#include "handlers/refresh_cookie.h"
#include "handlers/sessions.h"

enum status auth_refresh_session(struct rpc_call *call, const RefreshSessionRequest *req,
                                 RefreshSessionResponse *res)
{
    const char *token = req->refresh_token;
    bool in_cookie = token[0] == '\0';
    struct session_tokens tokens;
    struct session_owner owner;
    enum status s;

    if (in_cookie)
        TRY(refresh_cookie_get(call, &token));
    if (token == NULL || token[0] == '\0')
        return rpc_fail(call, STATUS_UNAUTHENTICATED, "there is no session; sign in");
    s = session_rotate(call, token, &owner, &tokens);
    if (s == STATUS_UNAUTHENTICATED && in_cookie)
        refresh_cookie_clear(call);
    TRY(s);
    return session_to_api(call, &owner, &tokens,
                          in_cookie ? TOKEN_TRANSPORT_COOKIE : TOKEN_TRANSPORT_UNSPECIFIED,
                          &res->session);
}

enum status auth_sign_out(struct rpc_call *call, const SignOutRequest *req, SignOutResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(sessions_end(tx, call->identity.session_id));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    TRY(db_commit(tx));
    authenticator_session_ended(call->app, call->identity.session_id);
    refresh_cookie_clear(call);
    return STATUS_OK;
}

enum status auth_get_session(struct rpc_call *call, const GetSessionRequest *req,
                             GetSessionResponse *res)
{
    struct session_owner owner;

    TRY(session_owner_find(call, call->app->db, call->identity.account_id, &owner));
    res->account = session_owner_to_api(call->arena, &owner);
    res->session_id = call->identity.session_id;
    return STATUS_OK;
}
