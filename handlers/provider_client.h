/* provider_client.h - talking to OpenID Connect providers.
 *
 * What a provider says of itself (discovery, keys) is kept for an hour by each loop. A token by a
 * key that is not among those has the keys fetched anew, at most once in half a minute. */
#ifndef WAYSTONE_HANDLERS_PROVIDER_CLIENT_H
#define WAYSTONE_HANDLERS_PROVIDER_CLIENT_H

#include "handlers/app.h"
#include "handlers/oidc.h"
#include "handlers/provider_list.h"
#include "server/rpc.h"

/* The loop's memory of `app->providers`. */
void provider_client_open(struct app *app);
void provider_client_close(struct app *app);

/* What belongs together from sending the browser away until it is back. */
struct provider_attempt {
    const char *state;    /* comes back with the browser */
    const char *verifier; /* proves to the provider that who asks now has asked before (PKCE) */
    const char *nonce;    /* comes back in the ID token */
};

/* Where to send the browser. UNAVAILABLE, said to the caller, if the provider cannot be reached.
 * Suspends. */
enum status provider_authorization_url(struct rpc_call *call, const struct provider *provider,
                                       const struct provider_attempt *attempt, const char **ret_url)
    MUST_CHECK;

/* What the browser came back with. */
struct provider_return {
    const char *code;
    const char *issuer; /* whom it says it comes from; empty: it did not say */
};

/* Who has signed in there. FAILED_PRECONDITION, said to the caller, if the provider refuses the
 * code (reason "PROVIDER_REFUSED") or its answer does not hold ("PROVIDER_ANSWER"); UNAVAILABLE if
 * it cannot be reached. Suspends. */
enum status provider_redeem(struct rpc_call *call, const struct provider *provider,
                            const struct provider_attempt *attempt,
                            const struct provider_return *back, struct oidc_identity *ret)
    MUST_CHECK;

#endif
