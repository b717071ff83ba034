/* FactorService: passkeys. */
#include "handlers/challenges.h"
#include "handlers/factors_parts.h"
#include "handlers/linked_providers.h"
#include "handlers/mail.h"
#include "handlers/passkeys.h"
#include "handlers/recovery_codes.h"

static const char *words_of(struct rpc_call *call, const char *name)
{
    return arena_printf(call->arena, "The passkey '%s'", name);
}

static enum status check_room(struct rpc_call *call, const struct factors_of_row *factors)
{
    if (factors->passkeys < PASSKEYS_MAX)
        return STATUS_OK;
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "an account has at most %d passkeys",
                    PASSKEYS_MAX);
}

enum status factors_start_passkey(struct rpc_call *call, const StartPasskeyRequest *req,
                                  StartPasskeyResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct challenge challenge = {.purpose = CHALLENGE_NEW_PASSKEY,
                                  .account_id = call->identity.account_id,
                                  .session_id = call->identity.session_id};
    struct factors_of_row *factors;
    const char *token, *options;
    int64_t expires_at_us;

    TRY(factors_begin(call, &tx, &factors));
    TRY(check_room(call, factors));
    TRY(challenge_open(call, tx, &challenge, &token, &expires_at_us));
    TRY(passkeys_creation_options(call, tx, factors->user_name, token, &options));
    TRY(db_commit(tx));
    res->challenge_token = (char *)token;
    res->passkey_options = (char *)options;
    return STATUS_OK;
}

static enum status take(struct rpc_call *call, struct db *tx, const char *token,
                        struct challenge *ret)
{
    enum status s = challenge_take(call, tx, CHALLENGE_NEW_PASSKEY, token, ret);

    return s == STATUS_NOT_FOUND ? rpc_fail_reason(call, STATUS_FAILED_PRECONDITION,
                                                   "CHALLENGE_GONE", "this took too long; again")
                                 : s;
}

static enum status add(struct rpc_call *call, struct db *tx, const FinishPasskeyRequest *req,
                       Passkey **ret_passkey, const char **ret_error)
{
    struct bytes client_data = {req->client_data_json.data, req->client_data_json.len};
    struct bytes attestation = {req->attestation_object.data, req->attestation_object.len};
    enum status s = passkeys_add(call, tx, req->challenge_token, client_data, attestation,
                                 req->name, ret_passkey, ret_error);

    return s == STATUS_ALREADY_EXISTS ? rpc_fail(call, s, "this passkey is an account's already")
                                      : s;
}

enum status factors_finish_passkey(struct rpc_call *call, const FinishPasskeyRequest *req,
                                   FinishPasskeyResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct factors_of_row *factors;
    struct challenge challenge;
    const char *error;

    TRY(factors_begin(call, &tx, &factors));
    TRY(check_room(call, factors));
    TRY(take(call, tx, req->challenge_token, &challenge));
    TRY(challenge_answered(tx, &challenge, req->challenge_token, false));
    TRY(add(call, tx, req, &res->passkey, &error));
    if (error != NULL) {
        TRY(db_commit(tx));
        return factors_fail_proof(call, error);
    }
    TRY(mail_owner_later(call, tx, call->identity.account_id, MAIL_FACTOR_ADDED,
                         words_of(call, req->name)));
    if (!factors_has_any(factors)) {
        TRY(recovery_codes_replace(call, tx, call->identity.account_id, &res->recovery_codes));
        res->n_recovery_codes = RECOVERY_CODES;
    }
    rpc_set_compress(call, RPC_COMPRESS_NEVER);
    return factors_commit(call, tx);
}

enum status factors_rename_passkey(struct rpc_call *call, const RenamePasskeyRequest *req,
                                   RenamePasskeyResponse *res)
{
    size_t renamed;

    TRY(passkeys_rename(call->app->db, req->passkey_id, call->identity.account_id, req->name,
                        &renamed));
    if (renamed == 0)
        return rpc_fail(call, STATUS_NOT_FOUND, "you have no such passkey");
    return STATUS_OK;
}

enum status factors_remove_passkey(struct rpc_call *call, const RemovePasskeyRequest *req,
                                   RemovePasskeyResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct factors_of_row *factors;
    struct passkeys_delete_row *removed;
    bool can_be_opened;
    enum status s;

    TRY(factors_begin(call, &tx, &factors));
    s = passkeys_delete(tx, call->arena, req->passkey_id, call->identity.account_id, &removed);
    if (s == STATUS_NOT_FOUND)
        return factors_commit_unchanged(call, tx);
    TRY(s);
    TRY(account_can_be_opened(call, tx, call->identity.account_id, &can_be_opened));
    if (!can_be_opened)
        return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "LAST_MEANS",
                               "nothing else opens this account; set a password first");
    TRY(factors_lost(call, tx));
    TRY(mail_owner_later(call, tx, call->identity.account_id, MAIL_FACTOR_REMOVED,
                         words_of(call, removed->name)));
    return factors_commit(call, tx);
}
