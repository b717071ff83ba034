/* account close, reopen, verify-email, end-sessions, reset-factors. */
#include "db/queries/accounts.h"
#include "db/queries/credentials.h"
#include "db/queries/factors.h"
#include "db/queries/sessions.h"
#include "tools/admin/admin.h"

/* A change of one account within the transaction; `ret_done` tells what, in a word for the answer,
 * and stays NULL when there was nothing to do, which is not recorded. */
typedef enum status (*change_fn)(struct admin *admin, struct db *tx,
                                 const struct accounts_find_row *account, const char **ret_done);

static enum status change_account(struct admin *admin, const char *action, change_fn change)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct output *output = &admin->output;
    struct accounts_find_row *account;
    struct credentials_lock_row *locked;
    const char *what = NULL;

    TRY(db_begin(admin->db, admin->arena, &tx));
    TRY(admin_find_account(admin, tx, admin->words[0], &account));
    TRY(credentials_lock(tx, admin->arena, account->id, &locked));
    if (locked->erased)
        return admin_fail(admin, STATUS_FAILED_PRECONDITION, "account %lld is erased",
                          (long long)account->id);
    TRY(change(admin, tx, account, &what));
    if (what != NULL)
        TRY(admin_audit(admin, tx, action, "account", account->id, what));
    TRY(db_commit(tx));
    output_row(output);
    output_number(output, "id", account->id);
    output_text(output, "user_name", account->user_name);
    output_text(output, "done", what != NULL ? what : "nothing");
    return STATUS_OK;
}

static enum status end_sessions(struct admin *admin, struct db *tx,
                                const struct accounts_find_row *account, const char **ret_done)
{
    struct sessions_end_of_row *rows;
    size_t count;

    TRY(sessions_end_of(tx, admin->arena, account->id, 0, &rows, &count));
    if (count > 0)
        *ret_done = arena_printf(admin->arena, "%zu sessions ended", count);
    return STATUS_OK;
}

static enum status close_one(struct admin *admin, struct db *tx,
                             const struct accounts_find_row *account, const char **ret_done)
{
    struct credentials_close_row *row;
    const char *ended;
    enum status s = credentials_close(tx, admin->arena, account->id, admin->closing_grace_s, &row);

    if (s == STATUS_NOT_FOUND)
        return STATUS_OK; /* closed already */
    TRY(s);
    *ret_done = "closed";
    return end_sessions(admin, tx, account, &ended);
}

static enum status reopen_one(struct admin *admin, struct db *tx,
                              const struct accounts_find_row *account, const char **ret_done)
{
    struct credentials_lock_row *locked;

    TRY(credentials_lock(tx, admin->arena, account->id, &locked));
    if (!locked->closed)
        return STATUS_OK;
    *ret_done = "open again";
    return accounts_reopen(tx, account->id);
}

/* The address that waits, if there is one, else the account's own. */
static enum status verify_one(struct admin *admin, struct db *tx,
                              const struct accounts_find_row *account, const char **ret_done)
{
    struct credentials_lock_row *locked;
    const char *email;
    enum status s;

    TRY(credentials_lock(tx, admin->arena, account->id, &locked));
    email = locked->pending_email != NULL ? locked->pending_email : locked->email;
    if (locked->pending_email == NULL && locked->email_verified)
        return STATUS_OK;
    if (email[0] == '\0')
        return admin_fail(admin, STATUS_FAILED_PRECONDITION, "the account has no address");
    s = credentials_verify_email(tx, account->id, email);
    if (s == STATUS_ALREADY_EXISTS)
        return admin_fail(admin, s, "%s belongs to another account", email);
    TRY(s);
    *ret_done = "verified";
    return STATUS_OK;
}

static enum status reset_one(struct admin *admin, struct db *tx,
                             const struct accounts_find_row *account, const char **ret_done)
{
    struct credentials_reset_factors_row *row;
    const char *ended = NULL;

    TRY(credentials_reset_factors(tx, admin->arena, account->id, &row));
    if (row->apps + row->codes + row->passkeys == 0)
        return STATUS_OK;
    *ret_done = arena_printf(admin->arena, "%lld apps, %lld recovery codes, %lld passkeys removed",
                             (long long)row->apps, (long long)row->codes, (long long)row->passkeys);
    return end_sessions(admin, tx, account, &ended);
}

enum status account_close(struct admin *admin)
{
    return change_account(admin, "admin.account.close", close_one);
}

enum status account_reopen(struct admin *admin)
{
    return change_account(admin, "admin.account.reopen", reopen_one);
}

enum status account_verify_email(struct admin *admin)
{
    return change_account(admin, "admin.account.verify_email", verify_one);
}

enum status account_end_sessions(struct admin *admin)
{
    return change_account(admin, "admin.account.end_sessions", end_sessions);
}

enum status account_reset_factors(struct admin *admin)
{
    return change_account(admin, "admin.account.reset_factors", reset_one);
}
