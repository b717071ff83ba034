/* AuthService: SignIn. */
#include "handlers/app.h"
#include "handlers/auth_parts.h"
#include "handlers/credentials.h"
#include "handlers/sign_in.h"

enum status auth_sign_in(struct rpc_call *call, const SignInRequest *req, SignInResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sign_in who = {
        .means = SIGN_IN_MEANS_PASSWORD,
        .transport = req->token_transport,
        .reopen = req->reopen,
    };
    struct credential credential;
    struct sign_in_result result;

    TRY(credentials_check(call, req->login, req->password, &credential));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(credentials_keep(call, tx, &credential));
    TRY(session_owner_find(call, tx, credential.account_id, &who.owner));
    TRY(sign_in_finish(call, tx, &who, &result));
    res->result_case = result.session != NULL ? SIGN_IN_RESPONSE_RESULT_SESSION
                                              : SIGN_IN_RESPONSE_RESULT_SECOND_FACTOR;
    if (result.session != NULL)
        res->session = result.session;
    else
        res->second_factor = result.second_factor;
    return STATUS_OK;
}
