/* interceptors.h - what runs around every call, and the small interfaces it stands on.
 *
 * server/ knows neither accounts nor storage: main.c fills these interfaces from handlers/.
 * Order at the start: logging, metrics, audit, access, limits, step-up; deadline, decoding and
 * validation are the dispatcher's own, since they need the message. */
#ifndef WAYSTONE_SERVER_INTERCEPTORS_H
#define WAYSTONE_SERVER_INTERCEPTORS_H

#include "server/server.h"

struct authenticator {
    /* Checks a bearer token and fills the identity. UNAUTHENTICATED (with rpc_fail()) when it is
     * forged, foreign, expired or revoked; UNAVAILABLE when that cannot be found out. May
     * suspend. */
    enum status (*authenticate)(struct rpc_call *call, const char *token,
                                struct rpc_identity *ret_identity, void *user);
    void *user;
};

struct limit_decision {
    bool allowed;
    uint32_t remaining;
    uint32_t retry_after_ms; /* when not allowed */
};

struct rate_limiter {
    /* Takes one call from the budget `key` of `calls` per `period_s` seconds. Never fails:
     * without its store it decides from this process alone. May suspend. */
    void (*take)(struct rpc_call *call, const char *key, uint32_t calls, uint32_t period_s,
                 struct limit_decision *ret, void *user);
    void *user;
};

struct prover {
    /* Called for methods that want a fresh proof of who the caller is. PERMISSION_DENIED, with
     * reason "STEP_UP_REQUIRED", if there is none. May suspend. */
    enum status (*check)(struct rpc_call *call, void *user);
    void *user;
};

struct auditor {
    /* Notes that an audited call ended. Must not suspend. */
    void (*record)(struct rpc_call *call, enum status status, void *user);
    void *user;
};

/* Each returns an interceptor whose `user` is the argument, which must outlive the server. */
struct rpc_interceptor interceptor_access(struct authenticator *authenticator);
struct rpc_interceptor interceptor_limits(struct rate_limiter *limiter);
struct rpc_interceptor interceptor_step_up(struct prover *prover);
struct rpc_interceptor interceptor_audit(struct auditor *auditor);
struct rpc_interceptor interceptor_logging(void);

struct metrics;
struct rpc_interceptor interceptor_metrics(struct metrics *metrics);

#endif
