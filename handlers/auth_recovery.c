/* AuthService: StartRecovery, FinishRecovery. */
#include <string.h>
#include <strings.h>

#include "db/queries/api_keys.h"
#include "db/queries/credentials.h"
#include "handlers/account_events.h"
#include "handlers/account_tokens.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/auth_parts.h"
#include "handlers/credentials.h"
#include "handlers/devices.h"
#include "handlers/mail.h"
#include "handlers/outbox.h"
#include "handlers/secrets.h"
#include "handlers/sessions.h"
#include "waystone/auth/v1/auth_service.h"

#define KIND "account.recover"
#define PURPOSE "outbox.recover"

/* --- starting --- */

/* What follows depends on whether the address has an account, so it is left to the outbox: the call
 * itself does the same for every address, in the same time. */
enum status auth_start_recovery(struct rpc_call *call, const StartRecoveryRequest *req,
                                StartRecoveryResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    const char *place = device_place(call->arena, call->peer);
    const char *text = arena_printf(call->arena, "%s\n%s", req->email, place);
    struct bytes plain = {(const uint8_t *)text, strlen(text)}, sealed;

    TRY(credentials_pace_mail(call, "recover", req->email));
    if (!secrets_seal(call->app->secrets, call->arena, PURPOSE, 0, plain, &sealed))
        return STATUS_INTERNAL;
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(outbox_add(tx, KIND, OUTBOX_NORMAL, sealed));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    return db_commit(tx);
}

static enum status mail_token(struct outbox_task *task, const struct credentials_verified_row *row,
                              const char *place)
{
    struct mail mail = {
        .to = row->email, .kind = MAIL_RECOVER, .user_name = row->user_name, .place = place};

    TRY(account_token_make(task->tx, task->arena, row->id, ACCOUNT_TOKEN_RECOVER, row->email,
                           &mail.token));
    TRY(audit_add(task->tx, NULL,
                  &(struct audit_act){.action = AUTH_SERVICE_START_RECOVERY,
                                      .target_kind = "account",
                                      .target_id = row->id}));
    return mail_later(NULL, task->tx, &mail);
}

static enum status recover(struct outbox_task *task)
{
    struct credentials_verified_row *row;
    struct credentials_lock_row *account;
    struct bytes plain;
    char *email, *place;
    enum status s;

    if (!secrets_open(task->app->secrets, task->arena, PURPOSE, 0, task->payload, &plain))
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT,
                                "it was not sealed with this master key");
    email = arena_strndup(task->arena, (const char *)plain.data, plain.length);
    place = strchr(email, '\n');
    if (place == NULL)
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT, "it names no place");
    *place++ = '\0';
    s = credentials_verified(task->tx, task->arena, email, &row);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK; /* nobody is told */
    TRY(s);
    TRY(credentials_lock(task->tx, task->arena, row->id, &account));
    return mail_token(task, row, place);
}

void auth_recovery_register(void)
{
    outbox_register(KIND, recover);
}

/* --- finishing --- */

/* The account whose token it is, as long as the address is still its own. */
static enum status use_token(struct rpc_call *call, struct db *tx, const char *text,
                             struct credentials_lock_row **ret)
{
    struct account_token token;
    enum status s = account_token_use(tx, call->arena, text, ACCOUNT_TOKEN_RECOVER, &token);

    if (s == STATUS_NOT_FOUND)
        return account_token_refused(call);
    TRY(s);
    TRY(credentials_lock(tx, call->arena, token.account_id, ret));
    if (!(*ret)->email_verified || (*ret)->erased || strcasecmp((*ret)->email, token.email) != 0)
        return account_token_refused(call);
    call->identity.account_id = token.account_id; /* for the audit log */
    return STATUS_OK;
}

static enum status tell_owner(struct rpc_call *call, struct db *tx, int64_t account_id)
{
    Notification *notification = Notification_new(call->arena);

    notification->kind = NOTIFICATION_KIND_SECURITY;
    notification->text = (char *)"Your password was set anew by a link from a mail.";
    TRY(mail_owner_later(call, tx, account_id, MAIL_RECOVERED, NULL));
    return notify_later(tx, account_id, notification);
}

/* Before anything is hashed: who has no token costs us little. */
static enum status hash_for_owner(struct rpc_call *call, const FinishRecoveryRequest *req,
                                  const char **ret_hash)
{
    struct credentials_get_row *account;
    int64_t account_id;
    enum status s = account_token_find(call->app->db, call->arena, req->token,
                                       ACCOUNT_TOKEN_RECOVER, &account_id);

    if (s == STATUS_NOT_FOUND)
        return account_token_refused(call);
    TRY(s);
    TRY(credentials_get(call->app->db, call->arena, account_id, &account));
    return credentials_hash(call, "new_password", req->new_password, account->user_name,
                            account->email, ret_hash);
}

enum status auth_finish_recovery(struct rpc_call *call, const FinishRecoveryRequest *req,
                                 FinishRecoveryResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct credentials_lock_row *account;
    struct ended_sessions ended;
    const char *hash;
    int64_t account_id;

    TRY(hash_for_owner(call, req, &hash));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(use_token(call, tx, req->token, &account));
    account_id = call->identity.account_id;
    TRY(credentials_set_password(tx, account_id, hash));
    TRY(sessions_end_all(call, tx, account_id, 0, &ended));
    TRY(api_keys_revoke_all(tx, account_id)); /* whoever had the account may have made some */
    TRY(tell_owner(call, tx, account_id));
    TRY(audit_add(tx, call, &(struct audit_act){.action = call->method->path}));
    TRY(db_commit(tx));
    sessions_told(call->app, &ended);
    res->user_name = account->user_name;
    return STATUS_OK;
}
