#include "handlers/sign_in.h"

#include "db/queries/factors.h"
#include "handlers/audit.h"
#include "handlers/challenges.h"
#include "handlers/convert.h"
#include "handlers/passkeys.h"
#include "handlers/sanctions.h"

enum status sign_in_open(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                         Session **ret)
{
    struct session_tokens tokens;

    call->identity.account_id = who->owner.account_id; /* for the audit log */
    TRY(session_open(call, tx, who->owner.account_id, who->means, &tokens));
    TRY(sanction_check_sign_in(call, tx, who->owner.account_id));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    TRY(db_commit(tx));
    return session_to_api(call, &who->owner, &tokens, who->transport, ret);
}

/* A passkey is two factors in one: it is held, and it knows who holds it. */
static bool wants_factor(const struct sign_in *who, const struct factors_of_row *factors)
{
    return (who->means == SIGN_IN_MEANS_PASSWORD || who->means == SIGN_IN_MEANS_PROVIDER) &&
           (factors->has_totp || factors->passkeys > 0);
}

static enum status ask(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                       const struct factors_of_row *factors, SecondFactorChallenge **ret)
{
    struct challenge challenge = {
        .purpose = CHALLENGE_SECOND_FACTOR,
        .account_id = who->owner.account_id,
        .means = who->means,
        .reopens = who->reopen,
    };
    SecondFactorChallenge *asked = SecondFactorChallenge_new(call->arena);
    const char *token, *options;
    int64_t expires_at_us;

    TRY(sanction_check_sign_in(call, tx, who->owner.account_id));
    TRY(challenge_open(call, tx, &challenge, &token, &expires_at_us));
    TRY(passkeys_request_options(call, tx, who->owner.account_id, token, &options));
    TRY(audit_add(tx, call, &(struct audit_act){.action = "sign_in.factor_asked"}));
    TRY(db_commit(tx));
    rpc_set_compress(call, RPC_COMPRESS_NEVER);
    asked->token = (char *)token;
    asked->expires_at = timestamp_from_us(call->arena, expires_at_us);
    asked->totp = factors->has_totp;
    asked->recovery_code = factors->recovery_codes_left > 0;
    asked->passkey_options = (char *)options;
    *ret = asked;
    return STATUS_OK;
}

enum status sign_in_finish(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                           struct sign_in_result *ret)
{
    struct factors_of_row *factors;

    *ret = (struct sign_in_result){0};
    call->identity.account_id = who->owner.account_id; /* for the audit log */
    TRY(factors_of(tx, call->arena, who->owner.account_id, &factors));
    if (wants_factor(who, factors))
        return ask(call, tx, who, factors, &ret->second_factor);
    return sign_in_open(call, tx, who, &ret->session);
}
