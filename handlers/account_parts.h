/* account_parts.h - the methods of AccountService by file; account.c registers them. */
#ifndef WAYSTONE_HANDLERS_ACCOUNT_PARTS_H
#define WAYSTONE_HANDLERS_ACCOUNT_PARTS_H

#include "server/rpc.h"
#include "waystone/account/v1/account.h"

/* account_sessions.c */
enum status account_list_sessions(struct rpc_call *call, const ListSessionsRequest *req,
                                  ListSessionsResponse *res);
enum status account_revoke_session(struct rpc_call *call, const RevokeSessionRequest *req,
                                   RevokeSessionResponse *res);
enum status account_revoke_other_sessions(struct rpc_call *call,
                                          const RevokeOtherSessionsRequest *req,
                                          RevokeOtherSessionsResponse *res);

/* account_security_log.c */
enum status account_list_security_events(struct rpc_call *call,
                                         const ListSecurityEventsRequest *req,
                                         ListSecurityEventsResponse *res);

/* account_password.c */
enum status account_change_password(struct rpc_call *call, const ChangePasswordRequest *req,
                                    ChangePasswordResponse *res);

/* account_email.c */
enum status account_change_email(struct rpc_call *call, const ChangeEmailRequest *req,
                                 ChangeEmailResponse *res);
enum status account_resend_verification(struct rpc_call *call, const ResendVerificationRequest *req,
                                        ResendVerificationResponse *res);

struct export_account_stream;

/* account_export.c */
enum status account_export(struct rpc_call *call, const ExportAccountRequest *req,
                           struct export_account_stream *out);

/* account_closing.c */
enum status account_close(struct rpc_call *call, const CloseAccountRequest *req,
                          CloseAccountResponse *res);

#endif
