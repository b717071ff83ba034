/* AccountService: where an account is signed in. */
#include "db/queries/sessions.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/authenticator.h"
#include "handlers/convert.h"
#include "handlers/devices.h"
#include "handlers/refresh_cookie.h"
#include "handlers/sessions.h"

#define MAX_LISTED 100

static SessionInfo *to_api(struct rpc_call *call, const struct sessions_list_row *row)
{
    SessionInfo *info = SessionInfo_new(call->arena);

    info->id = row->id;
    info->current = row->id == call->identity.session_id;
    info->device = row->device;
    info->place = (char *)device_place(call->arena, row->address);
    info->means = (SignInMeans)row->means;
    info->created_at = timestamp_from_us(call->arena, row->created_at);
    info->last_used_at = timestamp_from_us(call->arena, row->last_used_at);
    return info;
}

enum status account_list_sessions(struct rpc_call *call, const ListSessionsRequest *req,
                                  ListSessionsResponse *res)
{
    struct sessions_list_row *rows;
    size_t count;

    TRY(sessions_list(call->app->db, call->arena, call->identity.account_id,
                      call->identity.session_id, MAX_LISTED, &rows, &count));
    res->sessions = arena_alloc_array(call->arena, count, sizeof(SessionInfo *));
    res->n_sessions = count;
    for (size_t i = 0; i < count; i++)
        res->sessions[i] = to_api(call, &rows[i]);
    return STATUS_OK;
}

enum status account_revoke_session(struct rpc_call *call, const RevokeSessionRequest *req,
                                   RevokeSessionResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sessions_end_own_row *row;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = sessions_end_own(tx, call->arena, req->session_id, call->identity.account_id, &row);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no session %lld", (long long)req->session_id);
    TRY(s);
    TRY(audit_add(tx, call,
                  &(struct audit_act){.action = call->method->path,
                                      .target_kind = "session",
                                      .target_id = req->session_id}));
    TRY(db_commit(tx));
    authenticator_session_ended(call->app, req->session_id);
    if (req->session_id == call->identity.session_id)
        refresh_cookie_clear(call);
    return STATUS_OK;
}

enum status account_revoke_other_sessions(struct rpc_call *call,
                                          const RevokeOtherSessionsRequest *req,
                                          RevokeOtherSessionsResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct ended_sessions ended;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(sessions_end_all(call, tx, call->identity.account_id, call->identity.session_id, &ended));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    TRY(db_commit(tx));
    sessions_told(call->app, &ended);
    res->sessions_ended = (int32_t)ended.count;
    return STATUS_OK;
}
