/* AccountService: ChangePassword. */
#include "db/queries/credentials.h"
#include "handlers/account_events.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/credentials.h"
#include "handlers/idempotency.h"
#include "handlers/mail.h"
#include "handlers/passwords.h"
#include "handlers/sessions.h"

/* The request as it is remembered: a hash of the password that is quick to compute must not be
 * stored. Whether a repetition asks for the same one is found out from the account's own hash. */
static const ProtobufCMessage *without_password(struct rpc_call *call,
                                                const ChangePasswordRequest *req)
{
    ChangePasswordRequest *copy = ChangePasswordRequest_new(call->arena);

    copy->idempotency_key = req->idempotency_key;
    return &copy->base;
}

static enum status tell_owner(struct rpc_call *call, struct db *tx)
{
    Notification *notification = Notification_new(call->arena);

    notification->kind = NOTIFICATION_KIND_SECURITY;
    notification->text = (char *)"Your password was changed. All other sessions were ended.";
    TRY(mail_owner_later(call, tx, call->identity.account_id, MAIL_PASSWORD_CHANGED, NULL));
    return notify_later(tx, call->identity.account_id, notification);
}

static enum status change(struct rpc_call *call, struct db *tx, const char *hash,
                          struct ended_sessions *ret_ended)
{
    TRY(credentials_set_password(tx, call->identity.account_id, hash));
    TRY(sessions_end_all(call, tx, call->identity.account_id, call->identity.session_id,
                         ret_ended));
    TRY(tell_owner(call, tx));
    return audit_add(tx, call, &(struct audit_act){.action = call->method->path});
}

/* Asked for before: the first answer, if it was for this password. */
static enum status repeat(struct rpc_call *call, const char *hash, const char *password)
{
    enum status s = password_verify(call->app->workers, hash, password);

    if (s == STATUS_UNAUTHENTICATED)
        return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED",
                               "this idempotency key was used for another request");
    return s;
}

enum status account_change_password(struct rpc_call *call, const ChangePasswordRequest *req,
                                    ChangePasswordResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    const ProtobufCMessage *remembered = without_password(call, req);
    int64_t account_id = call->identity.account_id;
    struct credentials_get_row *account;
    struct credentials_lock_row *locked;
    struct ended_sessions ended;
    const char *hash;
    enum status s;

    TRY(credentials_get(call->app->db, call->arena, account_id, &account));
    TRY(credentials_hash(call, "new_password", req->new_password, account->user_name,
                         account->email, &hash));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(credentials_lock(tx, call->arena, account_id, &locked));
    s = idempotency_find(call, tx, req->idempotency_key, remembered, &res->base);
    if (s == STATUS_OK)
        return repeat(call, locked->password_hash, req->new_password);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(change(call, tx, hash, &ended));
    res->sessions_ended = (int32_t)ended.count;
    TRY(idempotency_store(call, tx, req->idempotency_key, remembered, &res->base));
    TRY(db_commit(tx));
    sessions_told(call->app, &ended);
    return STATUS_OK;
}
