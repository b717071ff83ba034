/* cookie.h - secrets in cookies that scripts never see.
 *
 * HttpOnly, for one path, over TLS only (Secure; left out for cleartext loopback in development).
 */
#ifndef WAYSTONE_HANDLERS_COOKIE_H
#define WAYSTONE_HANDLERS_COOKIE_H

#include "server/rpc.h"

struct cookie {
    const char *name, *path;
    const char *same_site; /* "Strict" or "Lax" */
};

void cookie_set(struct rpc_call *call, const struct cookie *cookie, const char *value,
                uint32_t max_age_s);
void cookie_clear(struct rpc_call *call, const struct cookie *cookie);

/* The value, or NULL. PERMISSION_DENIED when a page of another origin sent it. */
enum status cookie_get(struct rpc_call *call, const struct cookie *cookie, const char **ret_value)
    MUST_CHECK;

/* Value of a cookie in a "cookie" header, in the arena; NULL when absent. Pure. */
const char *cookie_find(struct arena *arena, const char *header, const char *name);

#endif
