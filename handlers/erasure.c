#include "handlers/erasure.h"

#include "db/queries/erasure.h"
#include "handlers/audit.h"
#include "handlers/jobs.h"
#include "handlers/mail.h"

#define EVERY_S 60
#define BATCH_ROWS 2000
#define GONE "Gone" /* in the place of a character's name */

/* Some rows of one account in a transaction of their own; tells how many. */
typedef enum status (*batch_fn)(struct db *tx, int64_t account_id, size_t *ret_count);

static enum status messages(struct db *tx, int64_t account_id, size_t *ret_count)
{
    return erasure_messages(tx, account_id, GONE, BATCH_ROWS, ret_count);
}

static enum status archived_messages(struct db *tx, int64_t account_id, size_t *ret_count)
{
    return erasure_archived_messages(tx, account_id, GONE, BATCH_ROWS, ret_count);
}

static enum status notifications(struct db *tx, int64_t account_id, size_t *ret_count)
{
    return erasure_notifications(tx, account_id, BATCH_ROWS, ret_count);
}

static enum status mentions(struct db *tx, int64_t account_id, size_t *ret_count)
{
    return erasure_mentions(tx, account_id, BATCH_ROWS, ret_count);
}

static enum status audit(struct db *tx, int64_t account_id, size_t *ret_count)
{
    return erasure_audit(tx, account_id, BATCH_ROWS, ret_count);
}

static enum status in_batches(struct job *job, int64_t account_id, batch_fn batch)
{
    size_t count = BATCH_ROWS;

    while (count == BATCH_ROWS) {
        CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
        struct arena *arena;
        TRY(job_begin(job, &arena, &tx));
        TRY(batch(tx, account_id, &count));
        TRY(db_commit(tx));
    }
    return STATUS_OK;
}

static enum status tell_owner(struct db *tx, const struct erasure_due_row *account)
{
    struct mail mail = {
        .to = account->email, .kind = MAIL_ACCOUNT_ERASED, .user_name = account->user_name};

    return account->email_verified ? mail_later(NULL, tx, &mail) : STATUS_OK;
}

/* All that is left, and the mark that it is done. */
static enum status finish(struct app *app, struct db *tx, const struct erasure_due_row *account)
{
    int64_t id = account->id;

    TRY(tell_owner(tx, account));
    TRY(erasure_reserve_name(tx, account->user_name, app->name_reserved_s));
    TRY(erasure_proofs(tx, id));
    TRY(erasure_refresh_tokens(tx, id));
    TRY(erasure_sessions(tx, id));
    TRY(erasure_events(tx, id));
    TRY(erasure_records(tx, id));
    TRY(erasure_memberships(tx, id));
    TRY(erasure_names(tx, id, GONE));
    TRY(erasure_account(tx, id));
    return audit_add(
        tx, NULL,
        &(struct audit_act){.action = "account.erased", .target_kind = "account", .target_id = id});
}

/* What may be much goes before, in batches: nothing is added any more, since the account is closed.
 * NOT_FOUND when there is no account to be erased, or it was opened again meanwhile. */
static enum status erase_next(struct job *job, struct app *app)
{
    static const batch_fn batches[] = {messages, archived_messages, notifications, mentions, audit};
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct erasure_due_row *due;
    struct arena *arena;
    int64_t account_id;

    TRY(job_begin(job, &arena, &tx));
    TRY(erasure_due(tx, arena, &due));
    account_id = due->id;
    db_rollbackp(&tx);
    tx = NULL;
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
        TRY(in_batches(job, account_id, batches[i]));
    TRY(job_begin(job, &arena, &tx));
    TRY(erasure_due(tx, arena, &due));
    if (due->id != account_id)
        return STATUS_OK; /* another's turn: this one comes next time */
    TRY(finish(app, tx, due));
    return db_commit(tx);
}

static enum status erase(struct job *job, struct app *app)
{
    enum status s;

    do {
        s = erase_next(job, app);
    } while (s == STATUS_OK);
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

void erasure_register(void)
{
    jobs_register("erase_accounts", EVERY_S, erase);
}
