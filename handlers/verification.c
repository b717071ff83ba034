#include "handlers/verification.h"

#include <strings.h>

#include "db/queries/credentials.h"
#include "handlers/account_tokens.h"
#include "handlers/app.h"
#include "handlers/mail.h"

/* The same work for an address that is taken, so that the time tells nothing either: the token is
 * made all the same, and told to nobody. */
enum status verification_mail_later(struct rpc_call *call, struct db *tx, int64_t account_id,
                                    const char *user_name, const char *email)
{
    struct mail mail = {.to = email, .kind = MAIL_VERIFY_EMAIL, .user_name = user_name};
    struct credentials_verified_row *owner;
    enum status s = credentials_verified(tx, call->arena, email, &owner);

    if (s != STATUS_OK && s != STATUS_NOT_FOUND)
        return s;
    TRY(account_token_make(tx, call->arena, account_id, ACCOUNT_TOKEN_VERIFY, email, &mail.token));
    if (s == STATUS_OK && owner->id != account_id) {
        mail.kind = MAIL_EMAIL_IN_USE;
        mail.to = owner->email;
        mail.token = NULL;
    }
    return mail_later(call, tx, &mail);
}

/* Who has the old mailbox must not recover the account any more. */
static enum status leave_old_address(struct rpc_call *call, struct db *tx, int64_t account_id)
{
    TRY(account_tokens_end(tx, account_id, ACCOUNT_TOKEN_RECOVER));
    return mail_owner_later(call, tx, account_id, MAIL_EMAIL_CHANGED, NULL);
}

/* The token's address is either the one that was asked for, or the account's own. */
static enum status take_over(struct rpc_call *call, struct db *tx,
                             const struct account_token *token)
{
    struct credentials_lock_row *account;
    enum status s;

    TRY(credentials_lock(tx, call->arena, token->account_id, &account));
    if (account->pending_email != NULL && strcasecmp(account->pending_email, token->email) == 0) {
        if (strcasecmp(account->email, token->email) != 0)
            TRY(leave_old_address(call, tx, token->account_id));
    } else if (strcasecmp(account->email, token->email) != 0) {
        return account_token_refused(call);
    }
    s = credentials_verify_email(tx, token->account_id, token->email);
    if (s == STATUS_ALREADY_EXISTS)
        return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "EMAIL_TAKEN",
                               "this address belongs to another account");
    return s;
}

enum status verification_finish(struct rpc_call *call, struct db *tx, const char *token,
                                const char **ret_email)
{
    struct account_token used;
    enum status s = account_token_use(tx, call->arena, token, ACCOUNT_TOKEN_VERIFY, &used);

    if (s == STATUS_NOT_FOUND)
        return account_token_refused(call);
    TRY(s);
    call->identity.account_id = used.account_id; /* for the audit log */
    TRY(take_over(call, tx, &used));
    *ret_email = used.email;
    return STATUS_OK;
}
