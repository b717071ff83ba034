/* refresh_cookie.h - the refresh token as an HttpOnly cookie, which scripts never see.
 *
 * Only AuthService gets it (Path), only from the client's own pages (SameSite=Strict), only
 * over TLS (Secure, and "__Secure-" in its name; left out for cleartext loopback in
 * development). */
#ifndef WAYSTONE_HANDLERS_REFRESH_COOKIE_H
#define WAYSTONE_HANDLERS_REFRESH_COOKIE_H

#include "server/rpc.h"

void refresh_cookie_set(struct rpc_call *call, const char *token, uint32_t max_age_s);
void refresh_cookie_clear(struct rpc_call *call);

/* The token, or NULL. PERMISSION_DENIED when a page of another origin sent it. */
enum status refresh_cookie_get(struct rpc_call *call, const char **ret_token) MUST_CHECK;

#endif
