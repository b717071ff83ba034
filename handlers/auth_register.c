/* AuthService: Register, VerifyEmail. */
#include "db/queries/accounts.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/auth_parts.h"
#include "handlers/credentials.h"
#include "handlers/sessions.h"
#include "handlers/verification.h"

/* The account, its first session and the mail, or nothing of it. */
static enum status add_account(struct rpc_call *call, struct db *tx, const RegisterRequest *req,
                               const char *hash, struct session_tokens *ret)
{
    bool may_mail = credentials_may_mail(call, "register", req->email);
    struct accounts_insert_row *row;
    enum status s = accounts_insert(tx, call->arena, req->user_name, req->email, hash, false, &row);

    if (s == STATUS_ALREADY_EXISTS)
        return rpc_fail(call, s, "the user name '%s' is taken", req->user_name);
    TRY(s);
    call->identity.account_id = row->id; /* for the audit log */
    if (may_mail)
        TRY(verification_mail_later(call, tx, row->id, req->user_name, req->email));
    TRY(session_open(call, tx, row->id, SIGN_IN_MEANS_REGISTRATION, ret));
    return audit_add(tx, call, &(struct audit_act){.action = call->method->path});
}

enum status auth_register_account(struct rpc_call *call, const RegisterRequest *req,
                                  RegisterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct session_tokens tokens;
    struct session_owner owner;
    const char *hash;

    TRY(credentials_hash(call, "password", req->password, req->user_name, req->email, &hash));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(add_account(call, tx, req, hash, &tokens));
    TRY(session_owner_find(call, tx, call->identity.account_id, &owner));
    TRY(db_commit(tx));
    return session_to_api(call, &owner, &tokens, req->token_transport, &res->session);
}

enum status auth_verify_email(struct rpc_call *call, const VerifyEmailRequest *req,
                              VerifyEmailResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    const char *email;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(verification_finish(call, tx, req->token, &email));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    TRY(db_commit(tx));
    res->email = (char *)email;
    return STATUS_OK;
}
