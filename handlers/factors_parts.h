/* factors_parts.h - what the files of FactorService share. */
#ifndef WAYSTONE_HANDLERS_FACTORS_PARTS_H
#define WAYSTONE_HANDLERS_FACTORS_PARTS_H

#include "db/queries/factors.h"
#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/account/v1/factors_service.h"

/* Begins a transaction that holds the caller's account, so that its factors change one after the
 * other, and tells what it has. Suspends. */
enum status factors_begin(struct rpc_call *call, struct db **ret_tx,
                          struct factors_of_row **ret_factors) MUST_CHECK;

/* Audits the call and commits. Suspends. */
enum status factors_commit(struct rpc_call *call, struct db *tx) MUST_CHECK;

/* Commits without a row in the audit log: what was to go is gone already. Suspends. */
enum status factors_commit_unchanged(struct rpc_call *call, struct db *tx) MUST_CHECK;

/* The first factor brings recovery codes; the last one takes them with it. Suspends. */
bool factors_has_any(const struct factors_of_row *factors);
enum status factors_lost(struct rpc_call *call, struct db *tx) MUST_CHECK;

enum status factors_fail_proof(struct rpc_call *call, const char *message);

/* --- factors_passkeys.c --- */

enum status factors_start_passkey(struct rpc_call *call, const StartPasskeyRequest *req,
                                  StartPasskeyResponse *res);
enum status factors_finish_passkey(struct rpc_call *call, const FinishPasskeyRequest *req,
                                   FinishPasskeyResponse *res);
enum status factors_rename_passkey(struct rpc_call *call, const RenamePasskeyRequest *req,
                                   RenamePasskeyResponse *res);
enum status factors_remove_passkey(struct rpc_call *call, const RemovePasskeyRequest *req,
                                   RemovePasskeyResponse *res);

/* --- factors_step_up.c --- */

enum status factors_step_up(struct rpc_call *call, const StepUpRequest *req, StepUpResponse *res);
enum status factors_start_step_up(struct rpc_call *call, const StartStepUpRequest *req,
                                  StartStepUpResponse *res);

#endif
