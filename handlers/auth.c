/* AuthService: registering and signing in. */
#include "handlers/auth.h"

#include <assert.h>

#include "db/queries/accounts.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/auth_parts.h"
#include "handlers/passwords.h"
#include "handlers/sessions.h"
#include "handlers/sign_in.h"
#include "waystone/auth/v1/auth_service.h"

/* The call itself, in the transaction of what it does. */
static enum status audit_call(struct rpc_call *call, struct db *tx)
{
    return audit_add(tx, call, &(struct audit_act){.action = call->method->path});
}

/* --- handlers --- */

static enum status fail_taken(struct rpc_call *call, const RegisterRequest *req)
{
    struct accounts_taken_row *taken;

    TRY(accounts_taken(call->app->db, call->arena, req->user_name, req->email, &taken));
    if (taken->user_name_taken)
        return rpc_fail(call, STATUS_ALREADY_EXISTS, "the user name '%s' is taken", req->user_name);
    return rpc_fail(call, STATUS_ALREADY_EXISTS, "the e-mail address has an account; sign in");
}

static enum status register_account(struct rpc_call *call, const RegisterRequest *req,
                                    RegisterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct accounts_insert_row *row;
    struct session_tokens tokens;
    struct session_owner owner;
    const char *hash;
    enum status s;

    TRY(password_hash(call->app->workers, call->arena, req->password, &hash));
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = accounts_insert(tx, call->arena, req->user_name, req->email, hash, &row);
    if (s == STATUS_ALREADY_EXISTS)
        return fail_taken(call, req);
    TRY(s);
    TRY(session_open(call, tx, row->id, SIGN_IN_MEANS_REGISTRATION, &tokens));
    call->identity.account_id = row->id; /* for the audit log */
    TRY(audit_call(call, tx));
    TRY(session_owner_find(call, tx, row->id, &owner));
    TRY(db_commit(tx));
    return session_to_api(call, &owner, &tokens, req->token_transport, &res->session);
}

static enum status sign_in(struct rpc_call *call, const SignInRequest *req, SignInResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct accounts_find_by_login_row *row = NULL;
    struct sign_in who = {
        .means = SIGN_IN_MEANS_PASSWORD, .transport = req->token_transport, .reopen = req->reopen};
    struct sign_in_result result;
    enum status s;

    s = accounts_find_by_login(call->app->db, call->arena, req->login, &row);
    if (s != STATUS_OK && s != STATUS_NOT_FOUND)
        return s;
    if (row != NULL)
        call->identity.account_id = row->id; /* for the audit log, whichever way it ends */
    s = password_verify(call->app->workers, row ? row->password_hash : NULL, req->password);
    if (s == STATUS_UNAUTHENTICATED)
        return rpc_fail(call, s, "wrong name or password");
    TRY(s);
    assert(row != NULL); /* no password fits an account that is not there */

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(session_owner_find(call, tx, row->id, &who.owner));
    TRY(sign_in_finish(call, tx, &who, &result));
    if (result.second_factor != NULL) {
        res->result_case = SIGN_IN_RESPONSE_RESULT_SECOND_FACTOR;
        res->second_factor = result.second_factor;
    } else {
        res->result_case = SIGN_IN_RESPONSE_RESULT_SESSION;
        res->session = result.session;
    }
    return STATUS_OK;
}

void auth_register(struct rpc_server *server)
{
    static const struct auth_service handlers = {
        .register_ = register_account,
        .sign_in = sign_in,
        .complete_sign_in = auth_complete_sign_in,
        .start_passkey_sign_in = auth_start_passkey_sign_in,
        .finish_passkey_sign_in = auth_finish_passkey_sign_in,
        .refresh_session = auth_refresh_session,
        .sign_out = auth_sign_out,
        .get_session = auth_get_session,
    };

    auth_service_register(server, &handlers);
}
