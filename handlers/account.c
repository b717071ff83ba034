/* AccountService: how an account can be opened. Its other methods are in account_*.c. */
#include "handlers/account.h"

#include "db/queries/credentials.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "handlers/convert.h"
#include "handlers/sessions.h"
#include "waystone/account/v1/account_service.h"

static enum status get_security(struct rpc_call *call, const GetSecurityRequest *req,
                                GetSecurityResponse *res)
{
    struct credentials_security_row *row;
    struct session_owner owner;

    TRY(session_owner_find(call, call->app->db, call->identity.account_id, &owner));
    TRY(credentials_security(call->app->db, call->arena, call->identity.account_id, &row));
    res->account = session_owner_to_api(call->arena, &owner);
    if (row->pending_email != NULL)
        res->pending_email = row->pending_email;
    res->has_password = row->has_password;
    if (!row->password_changed_at_is_null)
        res->password_changed_at = timestamp_from_us(call->arena, row->password_changed_at);
    return STATUS_OK;
}

void account_register(struct rpc_server *server)
{
    static const struct account_service handlers = {
        .get_security = get_security,
        .list_sessions = account_list_sessions,
        .revoke_session = account_revoke_session,
        .revoke_other_sessions = account_revoke_other_sessions,
        .list_security_events = account_list_security_events,
    };

    account_service_register(server, &handlers);
}
