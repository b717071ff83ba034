/* AuthService: the second step of a sign-in, and passkeys in place of both. */
#include "db/queries/factors.h"
#include "handlers/auth_parts.h"
#include "handlers/challenges.h"
#include "handlers/passkeys.h"
#include "handlers/proofs.h"
#include "handlers/sign_in.h"

static enum status fail_gone(struct rpc_call *call)
{
    return rpc_fail_reason(call, STATUS_UNAUTHENTICATED, "CHALLENGE_GONE",
                           "this sign-in took too long or too many attempts; start again");
}

static enum status fail_proof(struct rpc_call *call, const char *message)
{
    return rpc_fail_reason(call, STATUS_UNAUTHENTICATED, "WRONG_PROOF", "%s", message);
}

static enum status take(struct rpc_call *call, struct db *tx, enum challenge_purpose purpose,
                        const char *token, struct challenge *ret)
{
    enum status s = challenge_take(call, tx, purpose, token, ret);

    return s == STATUS_NOT_FOUND ? fail_gone(call) : s;
}

static SignInMeans means_with_factor(int means)
{
    return means == SIGN_IN_MEANS_PASSWORD ? SIGN_IN_MEANS_PASSWORD_AND_FACTOR : (SignInMeans)means;
}

static struct proof proof_of(const CompleteSignInRequest *req)
{
    struct proof proof = {.challenge = req->challenge_token};

    if (req->proof_case == COMPLETE_SIGN_IN_REQUEST_PROOF_TOTP_CODE)
        proof.totp_code = req->totp_code;
    else if (req->proof_case == COMPLETE_SIGN_IN_REQUEST_PROOF_RECOVERY_CODE)
        proof.recovery_code = req->recovery_code;
    else
        proof.passkey = req->passkey;
    return proof;
}

enum status auth_complete_sign_in(struct rpc_call *call, const CompleteSignInRequest *req,
                                  CompleteSignInResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sign_in who = {.transport = req->token_transport};
    struct proof proof = proof_of(req);
    struct challenge challenge;
    bool holds;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(take(call, tx, CHALLENGE_SECOND_FACTOR, req->challenge_token, &challenge));
    call->identity.account_id = challenge.account_id; /* for the audit log */
    TRY(proof_check(call, tx, challenge.account_id, &proof, &holds));
    TRY(challenge_answered(tx, &challenge, req->challenge_token, holds));
    if (!holds) {
        TRY(db_commit(tx));
        return fail_proof(call, "that proof is wrong");
    }
    TRY(session_owner_find(call, tx, challenge.account_id, &who.owner));
    who.means = means_with_factor(challenge.means);
    who.reopen = challenge.reopens;
    return sign_in_open(call, tx, &who, &res->session);
}

enum status auth_start_passkey_sign_in(struct rpc_call *call, const StartPasskeySignInRequest *req,
                                       StartPasskeySignInResponse *res)
{
    struct challenge challenge = {.purpose = CHALLENGE_PASSKEY_SIGN_IN};
    const char *token, *options;
    int64_t expires_at_us;

    TRY(challenge_open(call, call->app->db, &challenge, &token, &expires_at_us));
    TRY(passkeys_request_options(call, call->app->db, 0, token, &options));
    res->challenge_token = (char *)token;
    res->passkey_options = (char *)options;
    return STATUS_OK;
}

enum status auth_finish_passkey_sign_in(struct rpc_call *call,
                                        const FinishPasskeySignInRequest *req,
                                        FinishPasskeySignInResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sign_in who = {
        .means = SIGN_IN_MEANS_PASSKEY, .transport = req->token_transport, .reopen = req->reopen};
    struct challenge challenge;
    int64_t account_id;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(take(call, tx, CHALLENGE_PASSKEY_SIGN_IN, req->challenge_token, &challenge));
    TRY(passkeys_prove(call, tx, 0, req->challenge_token, req->passkey, &account_id));
    TRY(challenge_answered(tx, &challenge, req->challenge_token, account_id != 0));
    if (account_id == 0) {
        TRY(db_commit(tx));
        return fail_proof(call, "this passkey opens no account here");
    }
    TRY(totp_forgive(tx, account_id));
    TRY(session_owner_find(call, tx, account_id, &who.owner));
    return sign_in_open(call, tx, &who, &res->session);
}
