/* AccountService: ChangeEmail, ResendVerification. */
#include <strings.h>

#include "db/queries/credentials.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/credentials.h"
#include "handlers/idempotency.h"
#include "handlers/mail.h"
#include "handlers/verification.h"

/* The address until now is told before the other is proved: its owner may object in time. */
static enum status ask_for(struct rpc_call *call, struct db *tx,
                           const struct credentials_lock_row *account, const char *email)
{
    int64_t account_id = call->identity.account_id;

    TRY(credentials_set_pending_email(tx, account_id, email));
    TRY(verification_mail_later(call, tx, account_id, account->user_name, email));
    TRY(mail_owner_later(call, tx, account_id, MAIL_EMAIL_CHANGE_STARTED, email));
    return audit_add(tx, call, &(struct audit_act){.action = call->method->path});
}

enum status account_change_email(struct rpc_call *call, const ChangeEmailRequest *req,
                                 ChangeEmailResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct credentials_lock_row *account;
    enum status s;

    TRY(credentials_pace_mail(call, "change", req->email));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(credentials_lock(tx, call->arena, call->identity.account_id, &account));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    if (account->email_verified && strcasecmp(account->email, req->email) == 0)
        return rpc_fail_field(call, "email", "this is the account's address already");
    TRY(ask_for(call, tx, account, req->email));
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    return db_commit(tx);
}

/* The address that waits, or NULL. */
static const char *waiting_email(const struct credentials_lock_row *account)
{
    if (account->pending_email != NULL)
        return account->pending_email;
    return account->email_verified || account->email[0] == '\0' ? NULL : account->email;
}

enum status account_resend_verification(struct rpc_call *call, const ResendVerificationRequest *req,
                                        ResendVerificationResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct credentials_lock_row *account;
    const char *email;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(credentials_lock(tx, call->arena, call->identity.account_id, &account));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    email = waiting_email(account);
    if (email == NULL)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "no address waits to be verified");
    TRY(credentials_pace_mail(call, "resend", email));
    TRY(verification_mail_later(call, tx, call->identity.account_id, account->user_name, email));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    res->email = (char *)email;
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    return db_commit(tx);
}
