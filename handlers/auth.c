/* AuthService: its methods are in auth_*.c. */
#include "handlers/auth.h"

#include "handlers/auth_parts.h"
#include "waystone/auth/v1/auth_service.h"

void auth_register(struct rpc_server *server)
{
    static const struct auth_service handlers = {
        .register_ = auth_register_account,
        .sign_in = auth_sign_in,
        .complete_sign_in = auth_complete_sign_in,
        .start_passkey_sign_in = auth_start_passkey_sign_in,
        .finish_passkey_sign_in = auth_finish_passkey_sign_in,
        .verify_email = auth_verify_email,
        .start_recovery = auth_start_recovery,
        .finish_recovery = auth_finish_recovery,
        .refresh_session = auth_refresh_session,
        .sign_out = auth_sign_out,
        .get_session = auth_get_session,
    };

    auth_service_register(server, &handlers);
    auth_recovery_register();
}
