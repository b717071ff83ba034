#include "handlers/reports.h"

#include "db/queries/moderation.h"
#include "handlers/account_events.h"

/* One notification for each message, however many report it. */
static enum status tell_moderators(struct rpc_call *call, struct db *tx,
                                   const struct reported *message, int64_t report_id)
{
    struct reports_count_message_row *reports;
    Notification *notification = Notification_new(call->arena);

    TRY(reports_count_message(tx, call->arena, message->channel_id, message->sequence, &reports));
    if (reports->count != 1)
        return STATUS_OK;
    notification->kind = NOTIFICATION_KIND_REPORT_FILED;
    notification->text =
        arena_printf(call->arena, "What %s said was reported.", message->character_name);
    notification->channel_id = message->channel_id;
    notification->message_sequence = message->sequence;
    notification->character_id = message->character_id;
    notification->subject_id = report_id;
    return notify_role_later(tx, RPC_ACCESS_MODERATOR, notification);
}

enum status report_file(struct rpc_call *call, const struct reported *message,
                        int64_t reporter_character_id, int reason, const char *note,
                        int64_t *ret_id)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct reports_insert_row *inserted;
    struct reports_find_row *found;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = reports_insert(tx, call->arena, (int16_t)reason, note, call->identity.account_id,
                       reporter_character_id, message->channel_id, message->sequence,
                       message->account_id, message->character_id, message->character_name,
                       message->text, message->sent_at_us, &inserted);
    if (s == STATUS_NOT_FOUND) {
        TRY(reports_find(tx, call->arena, message->channel_id, message->sequence,
                         call->identity.account_id, &found));
        *ret_id = found->id;
        return STATUS_OK;
    }
    TRY(s);
    TRY(tell_moderators(call, tx, message, inserted->id));
    TRY(db_commit(tx));
    *ret_id = inserted->id;
    return STATUS_OK;
}

enum status report_file_by_filter(struct rpc_call *call, const struct reported *message,
                                  int64_t filter_id)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct reports_insert_filtered_row *inserted;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = reports_insert_filtered(tx, call->arena, filter_id, message->channel_id, message->sequence,
                                message->account_id, message->character_id, message->character_name,
                                message->text, message->sent_at_us, &inserted);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(s);
    TRY(tell_moderators(call, tx, message, inserted->id));
    return db_commit(tx);
}
