#include "handlers/cookie.h"

#include <string.h>

#include "handlers/app.h"

static bool is_loopback(const char *peer)
{
    if (strncmp(peer, "::ffff:", 7) == 0) /* IPv4 on an IPv6 socket */
        peer += 7;
    return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

static bool cleartext_is_fine(const struct rpc_call *call)
{
    return call->app->insecure_cookies && !call->secure && is_loopback(call->peer);
}

/* With "__Secure-" in front, browsers take it over TLS only. */
static const char *name_for(const struct rpc_call *call, const struct cookie *cookie)
{
    return cleartext_is_fine(call) ? cookie->name
                                   : arena_printf(call->arena, "__Secure-%s", cookie->name);
}

void cookie_set(struct rpc_call *call, const struct cookie *cookie, const char *value,
                uint32_t max_age_s)
{
    rpc_set_header(call, "set-cookie",
                   arena_printf(call->arena, "%s=%s; Path=%s; HttpOnly; SameSite=%s; Max-Age=%u%s",
                                name_for(call, cookie), value, cookie->path, cookie->same_site,
                                max_age_s, cleartext_is_fine(call) ? "" : "; Secure"));
}

void cookie_clear(struct rpc_call *call, const struct cookie *cookie)
{
    cookie_set(call, cookie, "", 0);
}

const char *cookie_find(struct arena *arena, const char *header, const char *name)
{
    size_t name_length = strlen(name);

    while (*header != '\0') {
        size_t length = strcspn(header, ";");
        if (length > name_length && strncmp(header, name, name_length) == 0 &&
            header[name_length] == '=')
            return arena_strndup(arena, header + name_length + 1, length - name_length - 1);
        header += length;
        header += strspn(header, "; ");
    }
    return NULL;
}

/* SameSite keeps other sites out already; a browser that has no such thing still sends its
 * origin with a POST. Newer ones say it themselves. */
static bool comes_from_elsewhere(struct rpc_call *call)
{
    const char *site = rpc_header(call, "sec-fetch-site");
    const char *origin = rpc_header(call, "origin");
    const char *host = rpc_header(call, "host");
    const char *authority;

    if (site != NULL && strcmp(site, "same-origin") != 0)
        return true;
    if (origin == NULL)
        return false;
    authority = strstr(origin, "://");
    return authority == NULL || host == NULL || strcmp(authority + 3, host) != 0;
}

enum status cookie_get(struct rpc_call *call, const struct cookie *cookie, const char **ret_value)
{
    const char *header = rpc_header(call, "cookie");

    *ret_value = header ? cookie_find(call->arena, header, name_for(call, cookie)) : NULL;
    if (*ret_value != NULL && comes_from_elsewhere(call))
        return rpc_fail(call, STATUS_PERMISSION_DENIED,
                        "the session's cookie works from the game's own pages only");
    return STATUS_OK;
}
