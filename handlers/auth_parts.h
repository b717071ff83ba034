/* auth_parts.h - the methods of AuthService by file; auth.c registers them. */
#ifndef WAYSTONE_HANDLERS_AUTH_PARTS_H
#define WAYSTONE_HANDLERS_AUTH_PARTS_H

#include "server/rpc.h"
#include "waystone/auth/v1/auth.h"

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
