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

static void set_number(struct rpc_call *call, const char *name, uint32_t value)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", value);
    rpc_set_header(call, name, text);
}

/* Whoever has an address of IPv6 has the 2^64 of its network, too. */
static const char *limited_peer(struct rpc_call *call)
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

static enum status check_limit(struct rpc_call *call, void *user)
{
    const struct rate_limiter *limiter = user;
    const struct rpc_method *method = call->method;
    struct limit_decision decision = {.allowed = true};
    const char *key;

    if (method->rate_calls == 0)
        return STATUS_OK;
    if (method->rate_scope == RPC_LIMIT_BY_ACCOUNT)
        key = arena_printf(call->arena, "account:%lld:%s", (long long)call->identity.account_id,
                           method->path);
    else
        key = arena_printf(call->arena, "ip:%s:%s", limited_peer(call), method->path);
    limiter->take(call, key, method->rate_calls, method->rate_period_s, &decision, limiter->user);
    set_number(call, "ratelimit-limit", method->rate_calls);
    set_number(call, "ratelimit-remaining", decision.remaining);
    if (decision.allowed)
        return STATUS_OK;
    set_number(call, "retry-after", (decision.retry_after_ms + 999) / 1000);
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "too many calls; try again in %u s",
                    (decision.retry_after_ms + 999) / 1000);
}

struct rpc_interceptor interceptor_limits(struct rate_limiter *limiter)
{
    return (struct rpc_interceptor){.name = "limits", .before = check_limit, .user = limiter};
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
               LOG_STRING("request_id", call->request_id),
               LOG_INT("received_bytes", summary.received_bytes),
               LOG_INT("sent_bytes", summary.sent_bytes));
}

struct rpc_interceptor interceptor_logging(void)
{
    return (struct rpc_interceptor){.name = "logging", .after = log_call};
}
