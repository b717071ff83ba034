/* auth_parts.h - the methods of AuthService by file; auth.c registers them. */
#ifndef WAYSTONE_HANDLERS_AUTH_PARTS_H
#define WAYSTONE_HANDLERS_AUTH_PARTS_H

#include "server/rpc.h"
#include "waystone/auth/v1/auth.h"

/* auth_register.c */
enum status auth_register_account(struct rpc_call *call, const RegisterRequest *req,
                                  RegisterResponse *res);
enum status auth_verify_email(struct rpc_call *call, const VerifyEmailRequest *req,
                              VerifyEmailResponse *res);

/* auth_sign_in.c */
enum status auth_sign_in(struct rpc_call *call, const SignInRequest *req, SignInResponse *res);

/* auth_recovery.c */
enum status auth_start_recovery(struct rpc_call *call, const StartRecoveryRequest *req,
                                StartRecoveryResponse *res);
enum status auth_finish_recovery(struct rpc_call *call, const FinishRecoveryRequest *req,
                                 FinishRecoveryResponse *res);
/* What StartRecovery leaves to the outbox; before the server starts. */
void auth_recovery_register(void);

/* auth_sessions.c */
enum status auth_refresh_session(struct rpc_call *call, const RefreshSessionRequest *req,
                                 RefreshSessionResponse *res);
enum status auth_sign_out(struct rpc_call *call, const SignOutRequest *req, SignOutResponse *res);
enum status auth_get_session(struct rpc_call *call, const GetSessionRequest *req,
                             GetSessionResponse *res);

/* auth_factors.c */
enum status auth_complete_sign_in(struct rpc_call *call, const CompleteSignInRequest *req,
                                  CompleteSignInResponse *res);
enum status auth_start_passkey_sign_in(struct rpc_call *call, const StartPasskeySignInRequest *req,
                                       StartPasskeySignInResponse *res);
enum status auth_finish_passkey_sign_in(struct rpc_call *call,
                                        const FinishPasskeySignInRequest *req,
                                        FinishPasskeySignInResponse *res);

#endif
