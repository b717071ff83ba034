/* ModerationService: reports of messages, from filing to resolving. */
#include "db/queries/characters.h"
#include "db/queries/chat.h"
#include "db/queries/moderation.h"
#include "handlers/account_events.h"
#include "handlers/audit.h"
#include "handlers/channel_access.h"
#include "handlers/channel_changes.h"
#include "handlers/convert.h"
#include "handlers/idempotency.h"
#include "handlers/messages.h"
#include "handlers/moderation_parts.h"
#include "handlers/reports.h"

#define CONTEXT_MESSAGES 20

/* --- rows to messages of the API --- */

static Message *reported_message(struct arena *arena, const struct reports_get_row *row)
{
    Message *message = Message_new(arena);

    message->channel_id = row->channel_id;
    message->sequence = row->message_sequence;
    message->character_id = row->character_id;
    message->character_name = row->character_name;
    message->text = row->message_text;
    message->sent_at = timestamp_from_us(arena, row->sent_at);
    return message;
}

static Report *report_to_api(struct arena *arena, const struct reports_get_row *row)
{
    Report *report = Report_new(arena);

    report->id = row->id;
    report->state = (ReportState)row->state;
    report->reason = (ReportReason)row->reason;
    report->note = row->note;
    report->reporter_character_id = row->reporter_character_id;
    report->reporter_name = row->reporter_name;
    report->message = reported_message(arena, row);
    report->channel_name = row->channel_name;
    report->created_at = timestamp_from_us(arena, row->created_at);
    report->report_count = (int32_t)row->report_count;
    report->resolved_by = row->resolved_by;
    report->resolution = row->resolution;
    if (!row->resolved_at_is_null)
        report->resolved_at = timestamp_from_us(arena, row->resolved_at);
    return report;
}

static enum status find_report(struct rpc_call *call, struct db *db, int64_t id,
                               struct reports_get_row **ret)
{
    enum status s = reports_get(db, call->arena, id, ret);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no report %lld", (long long)id);
    return s;
}

/* --- filing --- */

static enum status check_reporter(struct rpc_call *call, int64_t character_id)
{
    struct characters_get_row *character;
    enum status s = characters_get(call->app->db, call->arena, call->identity.account_id,
                                   character_id, &character);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no character %lld", (long long)character_id);
    return s;
}

/* The message, which somebody else said and nobody took back. */
static enum status find_message(struct rpc_call *call, int64_t channel_id, int64_t sequence,
                                struct messages_get_row **ret)
{
    enum status s = messages_get(call->app->db, call->arena, 0, channel_id, sequence, ret);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no message %lld in this channel", (long long)sequence);
    TRY(s);
    if ((*ret)->account_id == call->identity.account_id)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this message is your own");
    if ((*ret)->deleted)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this message was taken back");
    return STATUS_OK;
}

enum status moderation_report_message(struct rpc_call *call, const ReportMessageRequest *req,
                                      ReportMessageResponse *res)
{
    struct channel_access access;
    struct messages_get_row *row;
    struct reported message;

    TRY(check_reporter(call, req->character_id));
    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(find_message(call, req->channel_id, req->message_sequence, &row));
    message = (struct reported){
        .channel_id = row->channel_id,
        .sequence = row->sequence,
        .account_id = row->account_id,
        .character_id = row->character_id,
        .character_name = row->character_name,
        .text = row->text,
        .sent_at_us = row->sent_at,
    };
    return report_file(call, &message, req->character_id, (int)req->reason, req->note,
                       &res->report_id);
}

/* --- the queue --- */

enum status moderation_list_reports(struct rpc_call *call, const ListReportsRequest *req,
                                    ListReportsResponse *res)
{
    int64_t page = req->page_size > 0 ? req->page_size : MODERATION_PAGE;
    int16_t state =
        (int16_t)(req->state != REPORT_STATE_UNSPECIFIED ? req->state : REPORT_STATE_OPEN);
    struct reports_count_open_row *open;
    struct reports_list_row *rows;
    size_t count;

    /* One row more than asked for tells whether there are more. */
    TRY(reports_list(call->app->db, call->arena, state, req->after_id, page + 1, &rows, &count));
    TRY(reports_count_open(call->app->db, call->arena, &open));
    res->open_count = (int32_t)open->count;
    res->has_more = count > (size_t)page;
    if (res->has_more)
        count--;
    res->reports = arena_alloc_array(call->arena, count, sizeof(*res->reports));
    for (size_t i = 0; i < count; i++) {
        /* The queries have the same columns. */
        _Static_assert(sizeof(struct reports_list_row) == sizeof(struct reports_get_row), "");
        const struct reports_get_row *row = (const void *)&rows[i];
        res->reports[res->n_reports++] = report_to_api(call->arena, row);
    }
    return STATUS_OK;
}

/* What was said before the message and after it, oldest first. */
static enum status gather_context(struct rpc_call *call, const struct reports_get_row *report,
                                  GetReportResponse *res)
{
    struct messages_before_row *before;
    struct messages_after_row *after;
    size_t before_count, after_count;

    TRY(messages_before(call->app->db, call->arena, report->channel_id, report->message_sequence,
                        NULL, 0, CONTEXT_MESSAGES, &before, &before_count));
    TRY(messages_after(call->app->db, call->arena, report->channel_id, report->message_sequence,
                       NULL, 0, CONTEXT_MESSAGES, &after, &after_count));
    res->context =
        arena_alloc_array(call->arena, before_count + after_count, sizeof(*res->context));
    for (size_t i = before_count; i-- > 0;)
        res->context[res->n_context++] = chat_message(call->arena, MESSAGE_FIELDS(&before[i]));
    for (size_t i = 0; i < after_count; i++)
        res->context[res->n_context++] = chat_message(call->arena, MESSAGE_FIELDS(&after[i]));
    return STATUS_OK;
}

enum status moderation_get_report(struct rpc_call *call, const GetReportRequest *req,
                                  GetReportResponse *res)
{
    struct reports_count_upheld_row *upheld;
    struct reports_get_row *row;

    TRY(find_report(call, call->app->db, req->report_id, &row));
    TRY(gather_context(call, row, res));
    TRY(moderation_sanctions_of(call, row->account_id, &res->sanctions, &res->n_sanctions));
    TRY(reports_count_upheld(call->app->db, call->arena, row->account_id, row->channel_id,
                             row->message_sequence, &upheld));
    res->upheld_count = (int32_t)upheld->count;
    res->report = report_to_api(call->arena, row);
    return STATUS_OK;
}

/* --- resolving --- */

struct resolving {
    const ResolveReportRequest *req;
    struct reports_get_row *report;
    struct reports_lock_message_row *open; /* all of the message */
    size_t open_count;
    struct sanction_change sanction; /* id 0: none */
    struct channel_change deletion;  /* sequence 0: none */
};

static enum status check_resolution(struct rpc_call *call, const struct resolving *resolving)
{
    const ResolveReportRequest *req = resolving->req;

    if (req->state == REPORT_STATE_DISMISSED && (req->delete_message || req->sanction != NULL))
        return rpc_fail_field(call, "state", "a report that is dismissed has no consequences");
    if (resolving->report->account_id == call->identity.account_id)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this report is about yourself");
    return STATUS_OK;
}

/* Holds all open reports of the message: whoever comes second finds none. */
static enum status lock_reports(struct rpc_call *call, struct db *tx, struct resolving *resolving)
{
    TRY(reports_lock_message(tx, call->arena, resolving->report->channel_id,
                             resolving->report->message_sequence, &resolving->open,
                             &resolving->open_count));
    for (size_t i = 0; i < resolving->open_count; i++)
        if (resolving->open[i].id == resolving->report->id)
            return STATUS_OK;
    return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this report was resolved already");
}

static enum status delete_message(struct rpc_call *call, struct db *tx, struct resolving *resolving)
{
    const struct reports_get_row *report = resolving->report;
    struct audit_act act = {
        .action = "message.delete",
        .target_kind = "account",
        .target_id = report->account_id,
        .detail = arena_printf(call->arena, "channel %lld, message %lld, report %lld",
                               (long long)report->channel_id, (long long)report->message_sequence,
                               (long long)report->id),
        .note = resolving->req->resolution,
    };

    if (!resolving->req->delete_message)
        return STATUS_OK;
    TRY(channel_change_delete(call, tx, report->channel_id, report->message_sequence,
                              &resolving->deletion));
    return resolving->deletion.sequence != 0 ? audit_add(tx, call, &act) : STATUS_OK;
}

static enum status put_sanction(struct rpc_call *call, struct db *tx, struct resolving *resolving)
{
    const NewSanction *wanted = resolving->req->sanction;
    struct new_sanction sanction = {
        .account_id = resolving->report->account_id,
        .character_id = resolving->report->character_id,
        .reason = resolving->req->resolution,
        .report_id = resolving->report->id,
    };

    if (wanted == NULL)
        return STATUS_OK;
    sanction.kind = (enum sanction_kind)wanted->kind;
    sanction.channel_id = wanted->channel_id;
    sanction.duration_s = wanted->duration_seconds;
    return moderation_put(call, tx, &sanction, &resolving->sanction);
}

static enum status tell_reporters(struct rpc_call *call, struct db *tx,
                                  const struct resolving *resolving)
{
    const struct reports_get_row *report = resolving->report;
    Notification *notification = Notification_new(call->arena);

    notification->kind = NOTIFICATION_KIND_REPORT_RESOLVED;
    notification->channel_id = report->channel_id;
    notification->message_sequence = report->message_sequence;
    notification->text =
        arena_printf(call->arena,
                     resolving->req->state == REPORT_STATE_UPHELD
                         ? "Your report of what %s said was upheld. Thank you."
                         : "Your report of what %s said was looked at; it is within the rules.",
                     report->character_name);
    for (size_t i = 0; i < resolving->open_count; i++) {
        if (resolving->open[i].reporter_account_id == 0)
            continue;
        notification->subject_id = resolving->open[i].id;
        TRY(notify_later(tx, resolving->open[i].reporter_account_id, notification));
    }
    return STATUS_OK;
}

static enum status close_reports(struct rpc_call *call, struct db *tx,
                                 const struct resolving *resolving)
{
    int64_t *ids = arena_alloc_array(call->arena, resolving->open_count, sizeof(*ids));
    bool upheld = resolving->req->state == REPORT_STATE_UPHELD;
    struct audit_act act = {
        .action = "report.resolve",
        .target_kind = "report",
        .target_id = resolving->report->id,
        .detail = arena_printf(call->arena, "%s, %zu reports", upheld ? "upheld" : "dismissed",
                               resolving->open_count),
        .note = resolving->req->resolution,
    };

    for (size_t i = 0; i < resolving->open_count; i++)
        ids[i] = resolving->open[i].id;
    TRY(reports_resolve_message(tx, ids, resolving->open_count, (int16_t)resolving->req->state,
                                resolving->req->resolution, call->identity.account_id));
    TRY(audit_add(tx, call, &act));
    return tell_reporters(call, tx, resolving);
}

enum status moderation_resolve_report(struct rpc_call *call, const ResolveReportRequest *req,
                                      ResolveReportResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct resolving resolving = {.req = req};
    struct reports_get_row *row;
    enum status s;

    TRY(find_report(call, call->app->db, req->report_id, &resolving.report));
    TRY(check_resolution(call, &resolving));
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(lock_reports(call, tx, &resolving));
    TRY(close_reports(call, tx, &resolving));
    TRY(delete_message(call, tx, &resolving)); /* locks the channel: before an account */
    TRY(put_sanction(call, tx, &resolving));
    TRY(find_report(call, tx, req->report_id, &row));
    res->report = report_to_api(call->arena, row);
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    if (resolving.sanction.id != 0)
        sanction_committed(call->app, &resolving.sanction);
    channel_change_publish(call->app, &resolving.deletion);
    return STATUS_OK;
}
