/* FactorService: authenticator app and recovery codes. */
#include "handlers/factors.h"

#include <sodium.h>

#include "base/clock.h"
#include "db/queries/accounts.h"
#include "handlers/audit.h"
#include "handlers/factors_parts.h"
#include "handlers/mail.h"
#include "handlers/recovery_codes.h"
#include "handlers/secrets.h"
#include "handlers/totp.h"

#define SITE_NAME "Waystone"
#define APP_WORDS "An authenticator app"

/* --- shared by the service's files --- */

enum status factors_begin(struct rpc_call *call, struct db **ret_tx,
                          struct factors_of_row **ret_factors)
{
    struct accounts_lock_row *account;

    TRY(db_begin(call->app->db, call->arena, ret_tx));
    TRY(accounts_lock(*ret_tx, call->arena, call->identity.account_id, &account));
    return factors_of(*ret_tx, call->arena, call->identity.account_id, ret_factors);
}

enum status factors_commit(struct rpc_call *call, struct db *tx)
{
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    return db_commit(tx);
}

enum status factors_commit_unchanged(struct rpc_call *call, struct db *tx)
{
    call->audited = true; /* nothing happened that the log should tell */
    return db_commit(tx);
}

bool factors_has_any(const struct factors_of_row *factors)
{
    return factors->has_totp || factors->passkeys > 0;
}

enum status factors_lost(struct rpc_call *call, struct db *tx)
{
    struct factors_of_row *left;

    TRY(factors_of(tx, call->arena, call->identity.account_id, &left));
    return factors_has_any(left) ? STATUS_OK : recovery_codes_delete(tx, call->identity.account_id);
}

enum status factors_fail_proof(struct rpc_call *call, const char *message)
{
    return rpc_fail_reason(call, STATUS_PERMISSION_DENIED, "WRONG_PROOF", "%s", message);
}

/* --- handlers --- */

static enum status start_totp(struct rpc_call *call, const StartTotpRequest *req,
                              StartTotpResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    unsigned char random_bytes[TOTP_SECRET_BYTES];
    struct bytes secret = {random_bytes, sizeof(random_bytes)}, sealed;
    struct factors_of_row *factors;

    randombytes_buf(random_bytes, sizeof(random_bytes));
    if (!secrets_seal(call->app->secrets, call->arena, TOTP_SEALED, call->identity.account_id,
                      secret, &sealed))
        return STATUS_INTERNAL;
    TRY(factors_begin(call, &tx, &factors));
    TRY(totp_start(tx, call->identity.account_id, sealed));
    TRY(db_commit(tx));
    rpc_set_compress(call, RPC_COMPRESS_NEVER);
    res->secret = (char *)totp_base32(call->arena, secret);
    res->uri = (char *)totp_uri(call->arena, SITE_NAME, factors->user_name, secret);
    return STATUS_OK;
}

/* The step of the pending secret whose code this is; 0: none. */
static enum status match_pending(struct rpc_call *call, struct db *tx, const char *code,
                                 int64_t *ret_step)
{
    struct totp_pending_row *row;
    struct bytes secret;
    enum status s =
        totp_pending(tx, call->arena, call->identity.account_id, TOTP_PENDING_LIFE_S, &row);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "no authenticator app is being set up; start again");
    TRY(s);
    if (!secrets_open(call->app->secrets, call->arena, TOTP_SEALED, call->identity.account_id,
                      row->sealed, &secret))
        return STATUS_INTERNAL;
    *ret_step = totp_match(secret, code, clock_wall_us() / 1000000, 0);
    return STATUS_OK;
}

static enum status finish_totp(struct rpc_call *call, const FinishTotpRequest *req,
                               FinishTotpResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct factors_of_row *factors;
    int64_t step;

    TRY(factors_begin(call, &tx, &factors));
    TRY(match_pending(call, tx, req->code, &step));
    if (step == 0)
        return factors_fail_proof(call, "the code does not fit; look at the device's clock");
    TRY(totp_confirm(tx, call->identity.account_id, step));
    TRY(mail_owner_later(call, tx, call->identity.account_id, MAIL_FACTOR_ADDED, APP_WORDS));
    if (!factors_has_any(factors)) {
        TRY(recovery_codes_replace(call, tx, call->identity.account_id, &res->recovery_codes));
        res->n_recovery_codes = RECOVERY_CODES;
    }
    rpc_set_compress(call, RPC_COMPRESS_NEVER);
    return factors_commit(call, tx);
}

static enum status remove_totp(struct rpc_call *call, const RemoveTotpRequest *req,
                               RemoveTotpResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct factors_of_row *factors;
    size_t removed;

    TRY(factors_begin(call, &tx, &factors));
    TRY(totp_remove(tx, call->identity.account_id, &removed));
    if (!factors->has_totp)
        return factors_commit_unchanged(call, tx); /* what was being set up is off as well */
    TRY(factors_lost(call, tx));
    TRY(mail_owner_later(call, tx, call->identity.account_id, MAIL_FACTOR_REMOVED, APP_WORDS));
    return factors_commit(call, tx);
}

static enum status replace_recovery_codes(struct rpc_call *call,
                                          const ReplaceRecoveryCodesRequest *req,
                                          ReplaceRecoveryCodesResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct factors_of_row *factors;

    TRY(factors_begin(call, &tx, &factors));
    if (!factors_has_any(factors))
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "recovery codes replace a second factor, and there is none");
    TRY(recovery_codes_replace(call, tx, call->identity.account_id, &res->recovery_codes));
    res->n_recovery_codes = RECOVERY_CODES;
    rpc_set_compress(call, RPC_COMPRESS_NEVER);
    TRY(mail_owner_later(call, tx, call->identity.account_id, MAIL_RECOVERY_CODES_CHANGED, NULL));
    return factors_commit(call, tx);
}

void factors_register(struct rpc_server *server)
{
    static const struct factor_service handlers = {
        .step_up = factors_step_up,
        .start_step_up = factors_start_step_up,
        .start_totp = start_totp,
        .finish_totp = finish_totp,
        .remove_totp = remove_totp,
        .replace_recovery_codes = replace_recovery_codes,
        .start_passkey = factors_start_passkey,
        .finish_passkey = factors_finish_passkey,
        .rename_passkey = factors_rename_passkey,
        .remove_passkey = factors_remove_passkey,
    };

    factor_service_register(server, &handlers);
}
