/* provider_list.h - which OpenID Connect providers there are: the file that `auth.providers` names.
 *
 *     {"providers": [{
 *         "id": "example",                            names it in calls: [a-z0-9-], at most 32
 *         "name": "Example",                          names it to people
 *         "issuer": "https://accounts.example.org",   exactly as the provider names itself
 *         "client_id": "waystone",                    what the provider knows us by
 *         "client_secret_file": "/etc/waystone/example.secret",  absent: a public client
 *         "redirect_uri": "https://play.example.org/sign-in/provider",
 *         "scopes": "openid email profile",           this by default
 *         "ca_file": "/etc/waystone/house-ca.pem"     absent: whom the system trusts
 *     }]}
 *
 * Read once at the start; shared by all loops, read-only. */
#ifndef WAYSTONE_HANDLERS_PROVIDER_LIST_H
#define WAYSTONE_HANDLERS_PROVIDER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#define PROVIDERS_MAX 32 /* each has two threads */

struct fetcher;

struct provider {
    const char *id, *name;
    const char *issuer; /* no two have the same: with a subject it identifies somebody */
    const char *client_id, *client_secret; /* secret NULL: a public client */
    const char *redirect_uri, *scopes;
    struct fetcher *fetcher;
};

struct provider_list {
    struct arena *memory;
    struct provider items[PROVIDERS_MAX];
    size_t count;
};

/* `path` empty: none. `cleartext`: providers on this machine may be without TLS, for development.
 * NULL with one sentence in `reterr`. */
struct provider_list *provider_list_load(const char *path, bool cleartext, char *reterr,
                                         size_t reterr_size);

/* What is asked of providers ends within a second. Any thread. Accepts NULL. */
void provider_list_interrupt(const struct provider_list *list);
void provider_list_free(struct provider_list *list); /* Accepts NULL. */

/* NULL if there is none. */
const struct provider *provider_find(const struct provider_list *list, const char *id);
const struct provider *provider_find_issuer(const struct provider_list *list, const char *issuer);

#endif
