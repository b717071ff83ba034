#include "handlers/sign_in.h"

#include <time.h>

#include "db/queries/accounts.h"
#include "db/queries/factors.h"
#include "handlers/audit.h"
#include "handlers/challenges.h"
#include "handlers/convert.h"
#include "handlers/mail.h"
#include "handlers/passkeys.h"
#include "handlers/sanctions.h"

/* --- accounts that are being closed --- */

static enum status fail_closing(struct rpc_call *call, int64_t erases_at_us)
{
    time_t at = (time_t)(erases_at_us / 1000000);
    struct tm parts;
    char day[16];

    gmtime_r(&at, &parts);
    if (strftime(day, sizeof(day), "%Y-%m-%d", &parts) == 0)
        return STATUS_INTERNAL; /* a year beyond 9999 */
    return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "CLOSING",
                           "this account is being closed and will be erased on %s; "
                           "sign in with `reopen` to keep it",
                           day);
}

/* Holds the account, so that closing it comes before or after this sign-in as a whole: either it
 * ends the new session, or is seen here. */
static enum status find_closing(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                                struct sign_in_account_row **ret)
{
    if (who->reopen) {
        struct accounts_lock_row *locked;
        TRY(accounts_lock(tx, call->arena, who->owner.account_id, &locked));
    }
    return sign_in_account(tx, call->arena, who->owner.account_id, ret);
}

/* `may_reopen`: nothing more has to be proved. */
static enum status check_closing(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                                 bool may_reopen)
{
    struct sign_in_account_row *row;

    TRY(find_closing(call, tx, who, &row));
    if (row->erases_at_is_null)
        return STATUS_OK;
    if (row->is_erased)
        return rpc_fail(call, STATUS_UNAUTHENTICATED, "this account is gone");
    if (!who->reopen)
        return fail_closing(call, row->erases_at);
    if (!may_reopen)
        return STATUS_OK;
    TRY(accounts_reopen(tx, who->owner.account_id));
    TRY(audit_add(tx, call, &(struct audit_act){.action = "account.reopened"}));
    return mail_owner_later(call, tx, who->owner.account_id, MAIL_ACCOUNT_REOPENED, NULL);
}

/* --- sign-ins --- */

enum status sign_in_open(struct rpc_call *call, struct db *tx, const struct sign_in *who,
                         Session **ret)
{
    struct session_tokens tokens;

    call->identity.account_id = who->owner.account_id; /* for the audit log */
    TRY(check_closing(call, tx, who, true));
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

    TRY(check_closing(call, tx, who, false));
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
