/* ModerationService: sanctions and appeals. */
#include "base/clock.h"
#include "db/queries/moderation.h"
#include "db/queries/sanctions.h"
#include "db/queries/social.h"
#include "handlers/account_events.h"
#include "handlers/audit.h"
#include "handlers/convert.h"
#include "handlers/credentials.h"
#include "handlers/idempotency.h"
#include "handlers/moderation_parts.h"

#define LIST_MOST 100
#define OWN_DAYS 30
#define DAY_US (24 * 3600 * INT64_C(1000000))

/* --- rows to messages of the API --- */

Sanction *moderation_sanction(struct arena *arena, const struct sanction_fields *fields)
{
    Sanction *sanction = Sanction_new(arena);

    sanction->id = fields->id;
    sanction->kind = (SanctionKind)fields->kind;
    sanction->channel_id = fields->channel_id;
    sanction->channel_name = fields->channel_name;
    sanction->character_id = fields->character_id;
    sanction->character_name = fields->character_name;
    sanction->reason = fields->reason;
    sanction->created_at = timestamp_from_us(arena, fields->created_at_us);
    if (fields->ends)
        sanction->ends_at = timestamp_from_us(arena, fields->ends_at_us);
    if (fields->lifted)
        sanction->lifted_at = timestamp_from_us(arena, fields->lifted_at_us);
    sanction->active = fields->active;
    sanction->appealed = fields->appealed;
    return sanction;
}

/* From any query's row that has an appeal's columns and its sanction's. */
#define APPEAL(arena, row)                                                                    \
    appeal_to_api((arena), (row)->appeal_id, (row)->text, (row)->appealed_at, (row)->decided, \
                  (row)->granted, (row)->decision,                                            \
                  moderation_sanction((arena), SANCTION_FIELDS(row)))

static Appeal *appeal_to_api(struct arena *arena, int64_t id, char *text, int64_t created_at_us,
                             bool decided, bool granted, char *decision, Sanction *sanction)
{
    Appeal *appeal = Appeal_new(arena);

    appeal->id = id;
    appeal->sanction = sanction;
    appeal->text = text;
    appeal->created_at = timestamp_from_us(arena, created_at_us);
    appeal->decided = decided;
    appeal->granted = granted;
    appeal->decision = decision;
    return appeal;
}

/* --- telling the player --- */

static enum status tell(struct rpc_call *call, struct db *tx, int64_t account_id,
                        NotificationKind kind, int64_t channel_id, int64_t subject_id, char *text)
{
    Notification *notification = Notification_new(call->arena);

    notification->kind = kind;
    notification->text = text;
    notification->channel_id = channel_id;
    notification->subject_id = subject_id;
    return notify_later(tx, account_id, notification);
}

/* --- sanctions --- */

enum status moderation_put(struct rpc_call *call, struct db *tx,
                           const struct new_sanction *sanction, struct sanction_change *ret)
{
    const char *what = sanction->kind == SANCTION_BAN ? "banned" : "muted";
    struct audit_act act = {
        .action = "sanction.put",
        .target_kind = "account",
        .target_id = sanction->account_id,
        .note = sanction->reason,
    };

    TRY(sanction_put(call, tx, sanction, ret));
    act.detail = arena_printf(call->arena, "sanction %lld: %s, channel %lld, %lld s, report %lld",
                              (long long)ret->id, what, (long long)sanction->channel_id,
                              (long long)sanction->duration_s, (long long)sanction->report_id);
    TRY(audit_add(tx, call, &act));
    return tell(call, tx, sanction->account_id, NOTIFICATION_KIND_SANCTION, sanction->channel_id,
                ret->id,
                arena_printf(call->arena, "You are %s %s%s: %s", what,
                             sanction->channel_id != 0 ? "in a channel " : "",
                             sanction_term(call->arena, ret->ends_at_us), sanction->reason));
}

static enum status find_character(struct rpc_call *call, int64_t character_id,
                                  struct social_character_row **ret)
{
    enum status s = social_character(call->app->db, call->arena, character_id, ret);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no character %lld", (long long)character_id);
    return s;
}

static enum status get_sanction(struct rpc_call *call, struct db *tx, int64_t id, Sanction **ret)
{
    struct sanctions_get_row *row;

    TRY(sanctions_get(tx, call->arena, id, &row));
    *ret = moderation_sanction(call->arena, SANCTION_FIELDS(row));
    return STATUS_OK;
}

enum status moderation_sanction_character(struct rpc_call *call,
                                          const SanctionCharacterRequest *req,
                                          SanctionCharacterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct social_character_row *character;
    struct sanction_change change;
    enum status s;
    struct new_sanction sanction = {
        .character_id = req->character_id,
        .kind = (enum sanction_kind)req->sanction->kind,
        .channel_id = req->sanction->channel_id,
        .duration_s = req->sanction->duration_seconds,
        .reason = req->reason,
    };

    TRY(find_character(call, req->character_id, &character));
    sanction.account_id = character->account_id;
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(moderation_put(call, tx, &sanction, &change));
    TRY(get_sanction(call, tx, change.id, &res->sanction));
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    sanction_committed(call->app, &change);
    return STATUS_OK;
}

/* Within the transaction, with its audit; `note` is why. */
static enum status lift(struct rpc_call *call, struct db *tx, int64_t id, const char *note,
                        struct sanction_change *ret)
{
    struct audit_act act = {
        .action = "sanction.lift",
        .target_kind = "account",
        .detail = arena_printf(call->arena, "sanction %lld", (long long)id),
        .note = note,
    };

    TRY(sanction_lift(call, tx, id, note, ret));
    act.target_id = ret->account_id;
    return audit_add(tx, call, &act);
}

enum status moderation_lift_sanction(struct rpc_call *call, const LiftSanctionRequest *req,
                                     LiftSanctionResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sanction_change change;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(lift(call, tx, req->sanction_id, req->reason, &change));
    TRY(tell(call, tx, change.account_id, NOTIFICATION_KIND_SANCTION, change.channel_id, change.id,
             arena_printf(call->arena, "Your %s was lifted: %s",
                          change.kind == SANCTION_BAN ? "ban" : "mute", req->reason)));
    TRY(get_sanction(call, tx, change.id, &res->sanction));
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    sanction_committed(call->app, &change);
    return STATUS_OK;
}

enum status moderation_sanctions_of(struct rpc_call *call, int64_t account_id,
                                    Sanction ***ret_sanctions, size_t *ret_count)
{
    struct sanctions_list_row *rows;
    size_t count;

    TRY(sanctions_list(call->app->db, call->arena, account_id, LIST_MOST, &rows, &count));
    *ret_sanctions = arena_alloc_array(call->arena, count, sizeof(**ret_sanctions));
    for (size_t i = 0; i < count; i++)
        (*ret_sanctions)[i] = moderation_sanction(call->arena, SANCTION_FIELDS(&rows[i]));
    *ret_count = count;
    return STATUS_OK;
}

enum status moderation_list_sanctions(struct rpc_call *call, const ListSanctionsRequest *req,
                                      ListSanctionsResponse *res)
{
    struct social_character_row *character;

    TRY(find_character(call, req->character_id, &character));
    return moderation_sanctions_of(call, character->account_id, &res->sanctions, &res->n_sanctions);
}

enum status moderation_list_my_sanctions(struct rpc_call *call, const ListMySanctionsRequest *req,
                                         ListMySanctionsResponse *res)
{
    int64_t since_us = clock_wall_us() - OWN_DAYS * DAY_US;
    struct sanctions_list_own_row *rows;
    size_t count;

    TRY(sanctions_list_own(call->app->db, call->arena, call->identity.account_id, since_us,
                           LIST_MOST, &rows, &count));
    res->sanctions = arena_alloc_array(call->arena, count, sizeof(*res->sanctions));
    for (size_t i = 0; i < count; i++)
        res->sanctions[res->n_sanctions++] =
            moderation_sanction(call->arena, SANCTION_FIELDS(&rows[i]));
    return STATUS_OK;
}

/* --- appeals --- */

static enum status tell_moderators(struct rpc_call *call, struct db *tx,
                                   const struct sanctions_get_row *sanction, int64_t appeal_id)
{
    Notification *notification = Notification_new(call->arena);

    notification->kind = NOTIFICATION_KIND_APPEAL_FILED;
    notification->text = arena_printf(call->arena, "%s appeals a %s.", sanction->character_name,
                                      sanction->kind == SANCTION_BAN ? "ban" : "mute");
    notification->channel_id = sanction->channel_id;
    notification->character_id = sanction->character_id;
    notification->subject_id = appeal_id;
    return notify_role_later(tx, RPC_ACCESS_MODERATOR, notification);
}

/* Files the appeal of a sanction's owner, within a transaction. */
static enum status appeal(struct rpc_call *call, struct db *tx, int64_t account_id,
                          int64_t sanction_id, const char *text, Appeal **ret)
{
    struct sanctions_get_row *sanction;
    struct appeals_insert_row *inserted;
    struct appeals_get_row *row;
    enum status s;

    s = sanctions_get(tx, call->arena, sanction_id, &sanction);
    if (s == STATUS_NOT_FOUND || (s == STATUS_OK && sanction->account_id != account_id))
        return rpc_fail(call, STATUS_NOT_FOUND, "you have no sanction %lld",
                        (long long)sanction_id);
    TRY(s);
    if (!sanction->is_appealed && !sanction->is_active)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this sanction is not in force any more");
    s = appeals_insert(tx, call->arena, sanction_id, text, &inserted);
    if (s == STATUS_ALREADY_EXISTS)
        return rpc_fail(call, s, "this sanction was appealed already");
    TRY(s);
    TRY(tell_moderators(call, tx, sanction, inserted->id));
    TRY(appeals_get(tx, call->arena, inserted->id, &row));
    *ret = APPEAL(call->arena, row);
    return STATUS_OK;
}

enum status moderation_appeal_sanction(struct rpc_call *call, const AppealSanctionRequest *req,
                                       AppealSanctionResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(appeal(call, tx, call->identity.account_id, req->sanction_id, req->text, &res->appeal));
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    return db_commit(tx);
}

enum status moderation_appeal_ban(struct rpc_call *call, const AppealBanRequest *req,
                                  AppealBanResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sanctions_account_ban_row *ban;
    struct credential owner;
    enum status s;

    TRY(credentials_check(call, req->login, req->password, &owner));
    s = sanctions_account_ban(call->app->db, call->arena, owner.account_id, &ban);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this account is not banned");
    TRY(s);
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(appeal(call, tx, owner.account_id, ban->id, req->text, &res->appeal));
    return db_commit(tx);
}

enum status moderation_list_appeals(struct rpc_call *call, const ListAppealsRequest *req,
                                    ListAppealsResponse *res)
{
    int64_t page = req->page_size > 0 ? req->page_size : MODERATION_PAGE;
    struct appeals_list_row *rows;
    size_t count;

    /* One row more than asked for tells whether there are more. */
    TRY(appeals_list(call->app->db, call->arena, req->include_decided, req->after_id, page + 1,
                     &rows, &count));
    res->has_more = count > (size_t)page;
    if (res->has_more)
        count--;
    res->appeals = arena_alloc_array(call->arena, count, sizeof(*res->appeals));
    for (size_t i = 0; i < count; i++)
        res->appeals[res->n_appeals++] = APPEAL(call->arena, &rows[i]);
    return STATUS_OK;
}

/* Holds the appeal and its sanction; both are there and the caller may decide. */
static enum status lock_appeal(struct rpc_call *call, struct db *tx, int64_t id,
                               int64_t *ret_sanction_id, struct sanctions_lock_row **ret_sanction)
{
    struct appeals_lock_row *appeal;
    enum status s = appeals_lock(tx, call->arena, id, &appeal);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no appeal %lld", (long long)id);
    TRY(s);
    if (appeal->decided)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this appeal was decided already");
    TRY(sanctions_lock(tx, call->arena, appeal->sanction_id, ret_sanction));
    *ret_sanction_id = appeal->sanction_id;
    return sanction_check_rank(call, (*ret_sanction)->role);
}

static enum status note_decision(struct rpc_call *call, struct db *tx,
                                 const ResolveAppealRequest *req,
                                 const struct sanctions_lock_row *sanction)
{
    const char *outcome = req->granted ? "granted" : "refused";
    struct audit_act act = {
        .action = "appeal.resolve",
        .target_kind = "appeal",
        .target_id = req->appeal_id,
        .detail = outcome,
        .note = req->decision,
    };

    TRY(appeals_decide(tx, req->appeal_id, req->granted, req->decision, call->identity.account_id));
    TRY(audit_add(tx, call, &act));
    return tell(call, tx, sanction->account_id, NOTIFICATION_KIND_APPEAL_DECIDED,
                sanction->channel_id, req->appeal_id,
                arena_printf(call->arena, "Your appeal was %s: %s", outcome, req->decision));
}

enum status moderation_resolve_appeal(struct rpc_call *call, const ResolveAppealRequest *req,
                                      ResolveAppealResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sanction_change change = {0};
    struct sanctions_lock_row *sanction;
    struct appeals_get_row *row;
    int64_t sanction_id;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    s = idempotency_find(call, tx, req->idempotency_key, &req->base, &res->base);
    if (s != STATUS_NOT_FOUND)
        return s;
    TRY(lock_appeal(call, tx, req->appeal_id, &sanction_id, &sanction));
    TRY(note_decision(call, tx, req, sanction));
    if (req->granted && sanction->is_active)
        TRY(lift(call, tx, sanction_id, req->decision, &change));
    TRY(appeals_get(tx, call->arena, req->appeal_id, &row));
    res->appeal = APPEAL(call->arena, row);
    TRY(idempotency_store(call, tx, req->idempotency_key, &req->base, &res->base));
    TRY(db_commit(tx));
    if (change.id != 0)
        sanction_committed(call->app, &change);
    return STATUS_OK;
}
