/* AccountService: how an account can be opened. Its other methods are in account_*.c. */
#include "handlers/account.h"

#include "db/queries/credentials.h"
#include "db/queries/factors.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "handlers/convert.h"
#include "handlers/linked_providers.h"
#include "handlers/sessions.h"
#include "handlers/step_up.h"
#include "waystone/account/v1/account_service.h"

static enum status add_factors(struct rpc_call *call, int64_t account_id, GetSecurityResponse *res)
{
    struct factors_of_row *factors;
    struct passkeys_of_row *rows;
    size_t count;

    TRY(factors_of(call->app->db, call->arena, account_id, &factors));
    res->has_totp = factors->has_totp;
    res->recovery_codes_left = (int32_t)factors->recovery_codes_left;
    TRY(passkeys_of(call->app->db, call->arena, account_id, &rows, &count));
    res->passkeys = arena_alloc_array(call->arena, count, sizeof(*res->passkeys));
    for (size_t i = 0; i < count; i++) {
        Passkey *passkey = Passkey_new(call->arena);
        passkey->id = rows[i].id;
        passkey->name = rows[i].name;
        passkey->created_at = timestamp_from_us(call->arena, rows[i].created_at);
        if (!rows[i].last_used_at_is_null)
            passkey->last_used_at = timestamp_from_us(call->arena, rows[i].last_used_at);
        passkey->synced = rows[i].synced;
        res->passkeys[res->n_passkeys++] = passkey;
    }
    return STATUS_OK;
}

static enum status add_step_up(struct rpc_call *call, GetSecurityResponse *res)
{
    struct credentials_stepped_up_row *row;
    enum status s = credentials_stepped_up(call->app->db, call->arena, call->identity.session_id,
                                           STEP_UP_LIFE_S, &row);

    if (s == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(s);
    res->stepped_up_until = timestamp_from_us(call->arena, row->until);
    return STATUS_OK;
}

static enum status get_security(struct rpc_call *call, const GetSecurityRequest *req,
                                GetSecurityResponse *res)
{
    int64_t account_id = call->identity.account_id;
    struct credentials_security_row *row;
    struct session_owner owner;

    TRY(session_owner_find(call, call->app->db, account_id, &owner));
    TRY(credentials_security(call->app->db, call->arena, account_id, &row));
    res->account = session_owner_to_api(call->arena, &owner);
    if (row->pending_email != NULL)
        res->pending_email = row->pending_email;
    res->has_password = row->has_password;
    if (!row->password_changed_at_is_null)
        res->password_changed_at = timestamp_from_us(call->arena, row->password_changed_at);
    TRY(add_factors(call, account_id, res));
    TRY(linked_providers_of(call, call->app->db, account_id, &res->providers, &res->n_providers));
    return add_step_up(call, res);
}

void account_register(struct rpc_server *server)
{
    static const struct account_service handlers = {
        .get_security = get_security,
        .list_sessions = account_list_sessions,
        .revoke_session = account_revoke_session,
        .revoke_other_sessions = account_revoke_other_sessions,
        .list_security_events = account_list_security_events,
        .change_password = account_change_password,
        .change_email = account_change_email,
        .resend_verification = account_resend_verification,
        .export_account = account_export,
        .close_account = account_close,
    };

    account_service_register(server, &handlers);
}
