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

/* `calls` per `period_s` seconds for whoever `key` names. */
struct limit_budget {
    const char *key;
    uint64_t calls;
    uint32_t period_s;
};

struct limit_decision {
    bool allowed;
    uint64_t calls;          /* of the budget, as it is in force */
    uint32_t remaining;      /* calls that may come at once after this one */
    uint32_t whole_after_ms; /* until the whole budget is there again */
    uint32_t retry_after_ms; /* when not allowed */
};

struct rate_limiter {
    /* Takes one call from each budget, or from none if one of them has none left; a decision for
     * each. Never fails: without its store it decides from this process alone. May suspend. */
    void (*take)(struct rpc_call *call, const struct limit_budget *budgets, size_t count,
                 struct limit_decision *ret, void *user);
    /* The same for the bound of a method that declares none, which costs no waiting: this loop
     * decides alone. NULL: there is no such bound. */
    bool (*take_default)(struct rpc_call *call, struct limit_decision *ret, void *user);
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

/* What a budget of the caller's address belongs to: the address, or an IPv6 one's network. */
const char *interceptor_peer(struct rpc_call *call);

/* Each returns an interceptor whose `user` is the argument, which must outlive the server. */
struct rpc_interceptor interceptor_access(struct authenticator *authenticator);
struct rpc_interceptor interceptor_limits(struct rate_limiter *limiter);
struct rpc_interceptor interceptor_step_up(struct prover *prover);
struct rpc_interceptor interceptor_audit(struct auditor *auditor);
struct rpc_interceptor interceptor_logging(void);

struct metrics;
struct rpc_interceptor interceptor_metrics(struct metrics *metrics);

#endif
