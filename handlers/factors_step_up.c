/* FactorService: a session proves again who it is. */
#include "handlers/challenges.h"
#include "handlers/convert.h"
#include "handlers/credentials.h"
#include "handlers/factors_parts.h"
#include "handlers/passkeys.h"
#include "handlers/proofs.h"
#include "handlers/step_up.h"

#define US_PER_S 1000000

/* Outside of any transaction: hashing takes its time, and so does its queue. */
static enum status check_password(struct rpc_call *call, const char *password)
{
    struct factors_of_row *factors;
    enum status s;

    TRY(factors_of(call->app->db, call->arena, call->identity.account_id, &factors));
    if (factors_has_any(factors))
        return rpc_fail_reason(call, STATUS_PERMISSION_DENIED, "FACTOR_REQUIRED",
                               "this account has a second factor; use it");
    s = credentials_check_own(call, password);
    return s == STATUS_UNAUTHENTICATED ? factors_fail_proof(call, "the password is wrong") : s;
}

static struct proof proof_of(const StepUpRequest *req)
{
    struct proof proof = {0};

    if (req->proof_case == STEP_UP_REQUEST_PROOF_TOTP_CODE)
        proof.totp_code = req->totp_code;
    else if (req->proof_case == STEP_UP_REQUEST_PROOF_RECOVERY_CODE)
        proof.recovery_code = req->recovery_code;
    else
        proof = (struct proof){.passkey = req->passkey->assertion,
                               .challenge = req->passkey->challenge_token};
    return proof;
}

/* A passkey's challenge is used up whichever way it is answered. */
static enum status use_challenge(struct rpc_call *call, struct db *tx, const char *token)
{
    struct challenge challenge;
    enum status s = challenge_take(call, tx, CHALLENGE_STEP_UP, token, &challenge);

    if (s == STATUS_NOT_FOUND)
        return factors_fail_proof(call, "this took too long; again");
    TRY(s);
    return challenge_answered(tx, &challenge, token, false);
}

static enum status check_factor(struct rpc_call *call, struct db *tx, const struct proof *proof)
{
    bool holds;

    if (proof->passkey != NULL)
        TRY(use_challenge(call, tx, proof->challenge));
    TRY(proof_check(call, tx, call->identity.account_id, proof, &holds));
    if (holds)
        return STATUS_OK;
    TRY(db_commit(tx));
    return factors_fail_proof(call, "that proof is wrong");
}

enum status factors_step_up(struct rpc_call *call, const StepUpRequest *req, StepUpResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    bool by_password = req->proof_case == STEP_UP_REQUEST_PROOF_PASSWORD;
    struct sessions_step_up_row *row;

    if (by_password)
        TRY(check_password(call, req->password));
    TRY(db_begin(call->app->db, call->arena, &tx));
    if (!by_password) {
        struct proof proof = proof_of(req);
        TRY(check_factor(call, tx, &proof));
    }
    TRY(sessions_step_up(tx, call->arena, call->identity.session_id, &row));
    TRY(factors_commit(call, tx));
    res->stepped_up_until =
        timestamp_from_us(call->arena, row->stepped_up_at + (int64_t)STEP_UP_LIFE_S * US_PER_S);
    return STATUS_OK;
}

enum status factors_start_step_up(struct rpc_call *call, const StartStepUpRequest *req,
                                  StartStepUpResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct challenge challenge = {.purpose = CHALLENGE_STEP_UP,
                                  .account_id = call->identity.account_id,
                                  .session_id = call->identity.session_id};
    const char *token, *options;
    int64_t expires_at_us;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(challenge_open(call, tx, &challenge, &token, &expires_at_us));
    TRY(passkeys_request_options(call, tx, call->identity.account_id, token, &options));
    if (options[0] == '\0')
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this account has no passkey");
    TRY(db_commit(tx));
    res->challenge_token = (char *)token;
    res->passkey_options = (char *)options;
    return STATUS_OK;
}
