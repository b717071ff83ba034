/* moderation_parts.h - what the files of ModerationService share; nobody else includes it.
 *
 * moderation.c            registration; word filters, slow mode
 * moderation_reports.c    filing, the queue, resolving
 * moderation_sanctions.c  sanctions and appeals
 *
 * Each act of a moderator is one transaction: the change, the audit log's row, and what players are
 * to be told, which the outbox does. */
#ifndef WAYSTONE_HANDLERS_MODERATION_PARTS_H
#define WAYSTONE_HANDLERS_MODERATION_PARTS_H

#include "handlers/app.h"
#include "handlers/sanctions.h"
#include "server/rpc.h"
#include "waystone/moderation/v1/moderation_service.h"

#define MODERATION_PAGE 50

/* --- moderation_sanctions.c --- */

/* A row of sanctions as queries give it. */
struct sanction_fields {
    int64_t id, account_id;
    int kind;
    int64_t channel_id;
    char *channel_name;
    int64_t character_id;
    char *character_name, *reason;
    int64_t created_at_us;
    bool ends, lifted;
    int64_t ends_at_us, lifted_at_us;
    bool active, appealed;
};

/* From any query's row that has these columns. */
#define SANCTION_FIELDS(row)                                                                    \
    (&(struct sanction_fields){(row)->id, (row)->account_id, (row)->kind, (row)->channel_id,    \
                               (row)->channel_name, (row)->character_id, (row)->character_name, \
                               (row)->reason, (row)->created_at, !(row)->ends_at_is_null,       \
                               !(row)->lifted_at_is_null, (row)->ends_at, (row)->lifted_at,     \
                               (row)->is_active, (row)->is_appealed})

Sanction *moderation_sanction(struct arena *arena, const struct sanction_fields *fields);

/* The newest sanctions on an account. Suspends. */
enum status moderation_sanctions_of(struct rpc_call *call, int64_t account_id,
                                    Sanction ***ret_sanctions, size_t *ret_count) MUST_CHECK;

/* Puts a sanction, writes its audit and leaves the player's notification to the outbox; after
 * the commit sanction_committed() is due. Suspends. */
enum status moderation_put(struct rpc_call *call, struct db *tx,
                           const struct new_sanction *sanction, struct sanction_change *ret)
    MUST_CHECK;

enum status moderation_sanction_character(struct rpc_call *call,
                                          const SanctionCharacterRequest *req,
                                          SanctionCharacterResponse *res);
enum status moderation_lift_sanction(struct rpc_call *call, const LiftSanctionRequest *req,
                                     LiftSanctionResponse *res);
enum status moderation_list_sanctions(struct rpc_call *call, const ListSanctionsRequest *req,
                                      ListSanctionsResponse *res);
enum status moderation_list_my_sanctions(struct rpc_call *call, const ListMySanctionsRequest *req,
                                         ListMySanctionsResponse *res);
enum status moderation_appeal_sanction(struct rpc_call *call, const AppealSanctionRequest *req,
                                       AppealSanctionResponse *res);
enum status moderation_appeal_ban(struct rpc_call *call, const AppealBanRequest *req,
                                  AppealBanResponse *res);
enum status moderation_list_appeals(struct rpc_call *call, const ListAppealsRequest *req,
                                    ListAppealsResponse *res);
enum status moderation_resolve_appeal(struct rpc_call *call, const ResolveAppealRequest *req,
                                      ResolveAppealResponse *res);

/* --- moderation_reports.c --- */

enum status moderation_report_message(struct rpc_call *call, const ReportMessageRequest *req,
                                      ReportMessageResponse *res);
enum status moderation_list_reports(struct rpc_call *call, const ListReportsRequest *req,
                                    ListReportsResponse *res);
enum status moderation_get_report(struct rpc_call *call, const GetReportRequest *req,
                                  GetReportResponse *res);
enum status moderation_resolve_report(struct rpc_call *call, const ResolveReportRequest *req,
                                      ResolveReportResponse *res);

#endif
