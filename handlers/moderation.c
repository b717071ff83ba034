/* ModerationService: registration; word filters and slow mode. */
#include "handlers/moderation.h"

#include "db/queries/moderation.h"
#include "handlers/audit.h"
#include "handlers/channel_changes.h"
#include "handlers/idempotency.h"
#include "handlers/moderation_parts.h"
#include "handlers/word_filters.h"

/* --- slow mode --- */

static enum status set_slow_mode(struct rpc_call *call, const SetSlowModeRequest *req,
                                 SetSlowModeResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct channel_change change;
    struct audit_act act = {
        .action = "channel.slow_mode",
        .target_kind = "channel",
        .target_id = req->channel_id,
        .detail = arena_printf(call->arena, "%d s", req->slow_mode_seconds),
    };
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(audit_add(tx, call, &act));
    s = channel_change_slow_mode(call, tx, req->channel_id, req->slow_mode_seconds, &change);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no channel %lld", (long long)req->channel_id);
    TRY(s);
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    channel_change_publish(call->app, &change);
    return STATUS_OK;
}

/* --- word filters --- */

static enum status list_filters(struct rpc_call *call, const ListFiltersRequest *req,
                                ListFiltersResponse *res)
{
    struct filters_list_row *rows;
    size_t count;

    TRY(filters_list(call->app->db, call->arena, &rows, &count));
    res->filters = arena_alloc_array(call->arena, count, sizeof(*res->filters));
    for (size_t i = 0; i < count; i++) {
        Filter *filter = Filter_new(call->arena);
        filter->id = rows[i].id;
        filter->words = rows[i].words;
        filter->action = (FilterAction)rows[i].action;
        filter->channel_kind = (ChannelKind)rows[i].channel_kind;
        filter->exempt_from = (Role)rows[i].exempt_from;
        res->filters[res->n_filters++] = filter;
    }
    return STATUS_OK;
}

static enum status insert_filter(struct rpc_call *call, struct db *tx, const Filter *filter,
                                 int64_t *ret_id)
{
    struct filters_insert_row *inserted;
    struct filters_count_row *filters;

    TRY(filters_count(tx, call->arena, &filters));
    if (filters->count >= WORD_FILTERS_MAX)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED,
                        "there are %d filters, the most there can be", WORD_FILTERS_MAX);
    TRY(filters_insert(tx, call->arena, filter->words, (int16_t)filter->action,
                       (int16_t)filter->channel_kind, (int16_t)filter->exempt_from,
                       call->identity.account_id, &inserted));
    *ret_id = inserted->id;
    return STATUS_OK;
}

static enum status update_filter(struct rpc_call *call, struct db *tx, const Filter *filter)
{
    size_t count;

    TRY(filters_update(tx, filter->id, filter->words, (int16_t)filter->action,
                       (int16_t)filter->channel_kind, (int16_t)filter->exempt_from,
                       call->identity.account_id, &count));
    if (count == 0)
        return rpc_fail(call, STATUS_NOT_FOUND, "there is no filter %lld", (long long)filter->id);
    return STATUS_OK;
}

/* Ends a change of the filters: the audit log's row, the commit, and this loop's copy. */
static enum status commit_filters(struct rpc_call *call, struct db *tx, const char *action,
                                  int64_t id, const char *words)
{
    struct audit_act act = {
        .action = action, .target_kind = "filter", .target_id = id, .note = words};

    TRY(audit_add(tx, call, &act));
    TRY(db_commit(tx));
    word_filters_changed(call->app);
    return STATUS_OK;
}

static enum status put_filter(struct rpc_call *call, const PutFilterRequest *req,
                              PutFilterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    const Filter *filter = req->filter;
    struct filters_changed_row *changed;
    int64_t id = filter->id;
    enum status s;

    if (!filter_words_are_valid(call->arena, filter->words))
        return rpc_fail_field(call, "filter.words", "must hold a letter or a digit");
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(filters_changed(tx, call->arena, &changed)); /* one change at a time */
    if (id == 0)
        TRY(insert_filter(call, tx, filter, &id));
    else
        TRY(update_filter(call, tx, filter));
    res->filter = Filter_new(call->arena);
    *res->filter = *filter;
    res->filter->id = id;
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    return commit_filters(call, tx, "filter.put", id, filter->words);
}

static enum status delete_filter(struct rpc_call *call, const DeleteFilterRequest *req,
                                 DeleteFilterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct filters_changed_row *changed;
    size_t count;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(filters_changed(tx, call->arena, &changed));
    TRY(filters_delete(tx, req->filter_id, &count));
    if (count == 0)
        return STATUS_OK; /* the rollback leaves the version as it was */
    return commit_filters(call, tx, "filter.delete", req->filter_id, NULL);
}

/* --- registration --- */

void moderation_register(struct rpc_server *server)
{
    static const struct moderation_service handlers = {
        .report_message = moderation_report_message,
        .list_my_sanctions = moderation_list_my_sanctions,
        .appeal_sanction = moderation_appeal_sanction,
        .appeal_ban = moderation_appeal_ban,
        .list_reports = moderation_list_reports,
        .get_report = moderation_get_report,
        .resolve_report = moderation_resolve_report,
        .sanction_character = moderation_sanction_character,
        .lift_sanction = moderation_lift_sanction,
        .list_sanctions = moderation_list_sanctions,
        .list_appeals = moderation_list_appeals,
        .resolve_appeal = moderation_resolve_appeal,
        .set_slow_mode = set_slow_mode,
        .list_filters = list_filters,
        .put_filter = put_filter,
        .delete_filter = delete_filter,
    };

    moderation_service_register(server, &handlers);
}
