#include "handlers/proofs.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/queries/factors.h"
#include "handlers/account_events.h"
#include "handlers/audit.h"
#include "handlers/mail.h"
#include "handlers/passkeys.h"
#include "handlers/recovery_codes.h"
#include "handlers/secrets.h"
#include "handlers/totp.h"

static enum status check_pace(struct rpc_call *call, const struct totp_lock_row *row)
{
    int64_t wait_ms =
        totp_pause_ms(row->failures) -
        (row->failed_at_is_null ? INT64_MAX / 2 : (clock_wall_us() - row->failed_at) / 1000);
    char seconds[24];

    if (row->failures >= TOTP_MAX_FAILURES)
        return rpc_fail_reason(call, STATUS_RESOURCE_EXHAUSTED, "TOTP_SUSPENDED",
                               "too many wrong codes; use a recovery code or a passkey");
    if (wait_ms <= 0)
        return STATUS_OK;
    snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_ms + 999) / 1000);
    rpc_set_header(call, "retry-after", seconds);
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "too many wrong codes; try again in %s s",
                    seconds);
}

static enum status warn_owner(struct rpc_call *call, struct db *tx, int64_t account_id)
{
    Notification *notification = Notification_new(call->arena);

    notification->kind = NOTIFICATION_KIND_SECURITY;
    notification->text =
        (char *)"Several wrong codes in a row were given for your account, by somebody who knows "
                "your password or sits at one of your devices. If that was not you, change your "
                "password and look at where you are signed in.";
    return notify_later(tx, account_id, notification);
}

static enum status check_totp(struct rpc_call *call, struct db *tx, int64_t account_id,
                              const char *code, bool *ret_holds)
{
    struct totp_lock_row *row;
    struct bytes secret;
    int64_t step;
    enum status s = totp_lock(tx, call->arena, account_id, &row);

    if (s == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(s);
    TRY(check_pace(call, row));
    if (!secrets_open(call->app->secrets, call->arena, TOTP_SEALED, account_id, row->sealed,
                      &secret)) {
        log_error("an authenticator app's secret does not open: another master key?",
                  LOG_INT("account_id", account_id));
        return STATUS_INTERNAL;
    }
    step = totp_match(secret, code, clock_wall_us() / 1000000, row->last_step);
    *ret_holds = step != 0;
    if (step != 0)
        return totp_used(tx, account_id, step);
    if (row->failures + 1 == TOTP_FREE_FAILURES)
        TRY(warn_owner(call, tx, account_id));
    return totp_failed(tx, account_id);
}

static enum status check_recovery_code(struct rpc_call *call, struct db *tx, int64_t account_id,
                                       const char *code, bool *ret_holds)
{
    bool audited = call->audited;

    TRY(recovery_code_take(tx, account_id, code, ret_holds));
    if (!*ret_holds)
        return STATUS_OK;
    TRY(audit_add(tx, call, &(struct audit_act){.action = "recovery_code.used"}));
    call->audited = audited; /* the call itself is a record of its own */
    TRY(mail_owner_later(call, tx, account_id, MAIL_RECOVERY_CODE_USED, NULL));
    return totp_forgive(tx, account_id);
}

static enum status check_passkey(struct rpc_call *call, struct db *tx, int64_t account_id,
                                 const struct proof *proof, bool *ret_holds)
{
    int64_t owner_id;

    TRY(passkeys_prove(call, tx, account_id, proof->challenge, proof->passkey, &owner_id));
    *ret_holds = owner_id == account_id;
    return *ret_holds ? totp_forgive(tx, account_id) : STATUS_OK;
}

enum status proof_check(struct rpc_call *call, struct db *tx, int64_t account_id,
                        const struct proof *proof, bool *ret_holds)
{
    *ret_holds = false;
    if (proof->totp_code != NULL)
        return check_totp(call, tx, account_id, proof->totp_code, ret_holds);
    if (proof->recovery_code != NULL)
        return check_recovery_code(call, tx, account_id, proof->recovery_code, ret_holds);
    return check_passkey(call, tx, account_id, proof, ret_holds);
}
