/* provider_flows.h - what waits for a browser to come back: used once, by the browser that began.
 *
 * The browser is known by a cookie, the flow by the token in the address; of both only hashes are
 * kept. What the flow remembers is sealed with the master key. */
#ifndef WAYSTONE_HANDLERS_PROVIDER_FLOWS_H
#define WAYSTONE_HANDLERS_PROVIDER_FLOWS_H

#include "handlers/app.h"
#include "server/rpc.h"

#define PROVIDER_FLOW_LIFE_S 600
#define PROVIDER_FLOW_TEXTS 3

/* As in the table. */
enum provider_flow_purpose {
    PROVIDER_FLOW_SIGN_IN = 1,
    PROVIDER_FLOW_LINK = 2,
    PROVIDER_FLOW_REGISTRATION = 3, /* back already, and new here */
};

struct provider_flow {
    enum provider_flow_purpose purpose;
    const char *issuer;
    int64_t session_id;                     /* that wants a link; 0: none */
    bool reopens;                           /* an account that is being closed is to stay */
    const char *texts[PROVIDER_FLOW_TEXTS]; /* what is to be remembered; NULL: "" */
};

/* A random text of 256 bits, in base64url. */
const char *provider_flow_random(struct arena *arena);

/* Ties this browser to what begins now, by a new cookie. Returns what the cookie holds. */
const char *provider_flow_mark_browser(struct rpc_call *call);
void provider_flow_forget_browser(struct rpc_call *call);

/* What the cookie of the calling browser holds. FAILED_PRECONDITION, said to the caller, if there
 * is none (reason "FLOW_GONE"); PERMISSION_DENIED if another site's page calls. */
enum status provider_flow_browser(struct rpc_call *call, const char **ret_browser) MUST_CHECK;

/* Keeps a flow for PROVIDER_FLOW_LIFE_S. `db` is the pool or a transaction. Suspends. */
enum status provider_flow_keep(struct rpc_call *call, struct db *db,
                               const struct provider_flow *flow, const char *token,
                               const char *browser) MUST_CHECK;

/* Uses a flow up. FAILED_PRECONDITION, said to the caller, if there is none of that token, purpose,
 * browser and session (reason "FLOW_GONE"). Its texts live in the call's arena. Suspends. */
enum status provider_flow_take(struct rpc_call *call, struct db *db,
                               enum provider_flow_purpose purpose, int64_t session_id,
                               const char *token, const char *browser, struct provider_flow *ret)
    MUST_CHECK;

#endif
