#include "handlers/refresh_cookie.h"

#include "handlers/cookie.h"

static const struct cookie cookie = {
    .name = "waystone_refresh",
    .path = "/waystone.auth.v1.AuthService/",
    .same_site = "Strict",
};

void refresh_cookie_set(struct rpc_call *call, const char *token, uint32_t max_age_s)
{
    cookie_set(call, &cookie, token, max_age_s);
}

void refresh_cookie_clear(struct rpc_call *call)
{
    cookie_clear(call, &cookie);
}

enum status refresh_cookie_get(struct rpc_call *call, const char **ret_token)
{
    return cookie_get(call, &cookie, ret_token);
}
