#include "server/interceptors.h"

#include "base/log.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* --- access --- */

static enum status check_access(struct rpc_call *call, void *user)
{
    const struct authenticator *authenticator = user;
    enum rpc_access needed = call->method->access;
    const char *token;

    if (needed == RPC_ACCESS_PUBLIC)
        return STATUS_OK;
    token = rpc_bearer_token(call);
    if (token == NULL)
        return rpc_fail(call, STATUS_UNAUTHENTICATED,
                        "sign in first: this call needs \"authorization: Bearer <access token>\"");
    TRY(authenticator->authenticate(call, token, &call->identity, authenticator->user));
    if (call->identity.role < needed)
        return rpc_fail(call, STATUS_PERMISSION_DENIED, "your account may not call %s",
                        call->method->name);
    return STATUS_OK;
}

struct rpc_interceptor interceptor_access(struct authenticator *authenticator)
{
    return (struct rpc_interceptor){
        .name = "access", .before = check_access, .user = authenticator};
}

/* --- limits --- */

/* Whoever has an address of IPv6 has the 2^64 of its network, too. */
const char *interceptor_peer(struct rpc_call *call)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr address;

    /* A scope ("%eth0") is no part of the address. */
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(call->peer, "%"), call->peer);
    if (inet_pton(AF_INET6, text, &address) != 1)
        return call->peer;
    if (IN6_IS_ADDR_V4MAPPED(&address))
        return arena_strdup(call->arena,
                            inet_ntop(AF_INET, address.s6_addr + 12, text, sizeof(text)));
    memset(address.s6_addr + 8, 0, 8);
    inet_ntop(AF_INET6, &address, text, sizeof(text));
    return arena_printf(call->arena, "%s/64", text);
}

static const char *const scope_names[] = {
    [RPC_LIMIT_BY_IP] = "ip", [RPC_LIMIT_BY_ACCOUNT] = "account", [RPC_LIMIT_BY_KEY] = "key"};

/* Whose budget of a method it is; NULL if the limit does not concern the caller. */
static const char *budget_key(struct rpc_call *call, const struct rpc_rate_limit *limit)
{
    const char *scope = scope_names[limit->scope], *path = call->method->path;
    unsigned period_s = limit->period_s;

    switch (limit->scope) {
    case RPC_LIMIT_BY_IP:
        return arena_printf(call->arena, "%s:%s:%s:%u", scope, interceptor_peer(call), path,
                            period_s);
    case RPC_LIMIT_BY_ACCOUNT:
        return arena_printf(call->arena, "%s:%lld:%s:%u", scope,
                            (long long)call->identity.account_id, path, period_s);
    case RPC_LIMIT_BY_KEY:
        return call->identity.api_key_id == 0
                   ? NULL
                   : arena_printf(call->arena, "%s:%lld:%s:%u", scope,
                                  (long long)call->identity.api_key_id, path, period_s);
    }
    return NULL;
}

static uint32_t whole_seconds(uint32_t ms)
{
    return ms / 1000 + (ms % 1000 != 0);
}

static enum status refuse(struct rpc_call *call, uint32_t retry_after_ms)
{
    uint32_t seconds = whole_seconds(retry_after_ms);

    rpc_set_header(call, "retry-after", arena_printf(call->arena, "%u", seconds));
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "too many calls; try again in %u s", seconds);
}

/* RateLimit-Policy and RateLimit, structured fields: one item for each budget, called by its
 * scope and period: "account-60";q=600;w=60 and "account-60";r=599;t=1, where t is when the whole
 * budget is there again. */
static void tell_budgets(struct rpc_call *call, const struct rpc_rate_limit *const *limits,
                         const struct limit_budget *budgets, size_t count,
                         const struct limit_decision *decisions)
{
    const char *policy = "", *state = "";

    for (size_t i = 0; i < count; i++) {
        const char *scope = scope_names[limits[i]->scope];
        const char *comma = i > 0 ? ", " : "";
        unsigned period_s = budgets[i].period_s;
        policy = arena_printf(call->arena, "%s%s\"%s-%u\";q=%llu;w=%u", policy, comma, scope,
                              period_s, (unsigned long long)decisions[i].calls, period_s);
        state = arena_printf(call->arena, "%s%s\"%s-%u\";r=%u;t=%u", state, comma, scope, period_s,
                             decisions[i].remaining, whole_seconds(decisions[i].whole_after_ms));
    }
    rpc_set_header(call, "ratelimit-policy", policy);
    rpc_set_header(call, "ratelimit", state);
}

static enum status check_default(struct rpc_call *call, const struct rate_limiter *limiter)
{
    struct limit_decision decision;

    if (limiter->take_default == NULL || limiter->take_default(call, &decision, limiter->user))
        return STATUS_OK;
    return refuse(call, decision.retry_after_ms);
}

static enum status check_limits(struct rpc_call *call, void *user)
{
    const struct rate_limiter *limiter = user;
    const struct rpc_method *method = call->method;
    const struct rpc_rate_limit *limits[RPC_RATE_LIMITS_MAX];
    struct limit_budget budgets[RPC_RATE_LIMITS_MAX];
    struct limit_decision decisions[RPC_RATE_LIMITS_MAX];
    uint32_t retry_after_ms = 0;
    size_t count = 0;
    bool allowed = true;

    for (size_t i = 0; i < method->rate_limit_count; i++) {
        const struct rpc_rate_limit *limit = &method->rate_limits[i];
        const char *key = budget_key(call, limit);
        if (key == NULL)
            continue;
        limits[count] = limit;
        budgets[count++] = (struct limit_budget){key, limit->calls, limit->period_s};
    }
    if (count == 0)
        return check_default(call, limiter);
    limiter->take(call, budgets, count, decisions, limiter->user);
    tell_budgets(call, limits, budgets, count, decisions);
    for (size_t i = 0; i < count; i++) {
        allowed &= decisions[i].allowed;
        if (!decisions[i].allowed && decisions[i].retry_after_ms > retry_after_ms)
            retry_after_ms = decisions[i].retry_after_ms;
    }
    return allowed ? STATUS_OK : refuse(call, retry_after_ms);
}

struct rpc_interceptor interceptor_limits(struct rate_limiter *limiter)
{
    return (struct rpc_interceptor){.name = "limits", .before = check_limits, .user = limiter};
}

/* --- step-up --- */

static enum status check_proof(struct rpc_call *call, void *user)
{
    const struct prover *prover = user;

    return call->method->step_up ? prover->check(call, prover->user) : STATUS_OK;
}

struct rpc_interceptor interceptor_step_up(struct prover *prover)
{
    return (struct rpc_interceptor){.name = "step-up", .before = check_proof, .user = prover};
}

/* --- audit --- */

static void record_audit(struct rpc_call *call, enum status status, void *user)
{
    const struct auditor *auditor = user;

    if (call->method->audit)
        auditor->record(call, status, auditor->user);
}

struct rpc_interceptor interceptor_audit(struct auditor *auditor)
{
    return (struct rpc_interceptor){.name = "audit", .after = record_audit, .user = auditor};
}

/* --- logging --- */

/* What the operator has to look at is loud; what a client did wrong is not; a write() for each
 * good call would cost as much as the call, so those show at level debug only. */
static enum log_level level_of(enum status status)
{
    switch (status) {
    case STATUS_OK:
    case STATUS_CANCELLED:
        return LOG_LEVEL_DEBUG;
    case STATUS_UNKNOWN:
    case STATUS_INTERNAL:
    case STATUS_DATA_LOSS:
        return LOG_LEVEL_ERROR;
    case STATUS_UNAVAILABLE:
    case STATUS_DEADLINE_EXCEEDED:
        return LOG_LEVEL_WARNING;
    default:
        return LOG_LEVEL_INFO;
    }
}

static void log_call(struct rpc_call *call, enum status status, void *user)
{
    enum log_level level = level_of(status);
    struct rpc_call_summary summary;

    if (!log_is_enabled(level))
        return;
    rpc_call_summarise(call, &summary);
    LOG_WRITE_(level, "call", LOG_STRING("method", call->method->path),
               LOG_STRING("status", status_name(status)), LOG_STRING("error", summary.message),
               LOG_STRING("protocol", summary.protocol), LOG_STRING("codec", summary.codec),
               LOG_INT("duration_us", summary.duration_us), LOG_STRING("peer", call->peer),
               LOG_INT("account_id", call->identity.account_id),
               LOG_INT("api_key_id", call->identity.api_key_id),
               LOG_STRING("request_id", call->request_id),
               LOG_INT("received_bytes", summary.received_bytes),
               LOG_INT("sent_bytes", summary.sent_bytes));
}

struct rpc_interceptor interceptor_logging(void)
{
    return (struct rpc_interceptor){.name = "logging", .after = log_call};
}
