/* AccountService: CloseAccount. */
#include <strings.h>

#include "db/queries/credentials.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/closing.h"
#include "handlers/convert.h"
#include "handlers/idempotency.h"
#include "handlers/refresh_cookie.h"

enum status account_close(struct rpc_call *call, const CloseAccountRequest *req,
                          CloseAccountResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct credentials_lock_row *account;
    struct ended_sessions ended;
    int64_t erases_at_us;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(credentials_lock(tx, call->arena, call->identity.account_id, &account));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    if (strcasecmp(account->user_name, req->user_name) != 0)
        return rpc_fail_field(call, "user_name", "this is not the account's user name");
    TRY(closing_begin(call, tx, call->identity.account_id, &ended, &erases_at_us));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    res->erased_at = timestamp_from_us(call->arena, erases_at_us);
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    sessions_told(call->app, &ended);
    refresh_cookie_clear(call);
    return STATUS_OK;
}
