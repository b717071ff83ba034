/* Whose calls share a budget. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "google/rpc/error_details.h"
#include "server/interceptors.h"
#include "tests/unit/server/fake_exchange.h"

static char keys_taken[512];
static struct limit_decision decisions[RPC_RATE_LIMITS_MAX];
static struct rpc_identity caller;

static enum status handle(struct rpc_call *call, const void *service)
{
    return STATUS_OK;
}

static enum status identify(struct rpc_call *call, void *user)
{
    call->identity = caller;
    return STATUS_OK;
}

static void take(struct rpc_call *call, const struct limit_budget *budgets, size_t count,
                 struct limit_decision *ret, void *user)
{
    size_t length = 0;

    keys_taken[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        length += (size_t)snprintf(keys_taken + length, sizeof(keys_taken) - length, "%s%s %llu/%u",
                                   i > 0 ? ", " : "", budgets[i].key,
                                   (unsigned long long)budgets[i].calls, budgets[i].period_s);
        ret[i] = decisions[i];
        ret[i].calls = budgets[i].calls;
    }
}

static bool take_default(struct rpc_call *call, struct limit_decision *ret, void *user)
{
    snprintf(keys_taken, sizeof(keys_taken), "default");
    *ret = decisions[0];
    return ret->allowed;
}

static const struct rpc_rate_limit by_ip[] = {{5, 60, RPC_LIMIT_BY_IP}};
static const struct rpc_rate_limit by_all[] = {
    {5, 60, RPC_LIMIT_BY_IP}, {20, 3600, RPC_LIMIT_BY_ACCOUNT}, {2, 1, RPC_LIMIT_BY_KEY}};
static const struct rpc_rate_limit by_key[] = {{2, 1, RPC_LIMIT_BY_KEY}};

#define METHOD(path_, name_, limits_, count_)                                                \
    {                                                                                        \
        .path = (path_), .name = (name_), .shape = RPC_UNARY, .request = &BadRequest_type,   \
        .response = &BadRequest_type, .access = RPC_ACCESS_PUBLIC, .rate_limits = (limits_), \
        .rate_limit_count = (count_), .invoke = handle                                       \
    }

static const struct rpc_method methods[] = {
    METHOD("/a.B/Ip", "Ip", by_ip, 1), METHOD("/a.B/All", "All", by_all, 3),
    METHOD("/a.B/Key", "Key", by_key, 1), METHOD("/a.B/None", "None", NULL, 0)};
static const struct rpc_service service = {"a.B", methods, 4};

static struct rpc_server *server;
static struct loop *loop;
static struct rate_limiter limiter = {.take = take, .take_default = take_default};
static struct rpc_interceptor identity = {.name = "identity", .before = identify}, limits;

static void start(void)
{
    struct rpc_server_config config = {30000, 1000};

    limits = interceptor_limits(&limiter);
    loop = loop_new(0);
    server = rpc_server_new(&config);
    rpc_server_add_interceptor(server, &identity);
    rpc_server_add_interceptor(server, &limits);
    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    caller = (struct rpc_identity){0};
    for (size_t i = 0; i < RPC_RATE_LIMITS_MAX; i++)
        decisions[i] = (struct limit_decision){.allowed = true};
}

static void stop(void)
{
    loop_free(loop);
    rpc_server_free(server);
}

TestSuite(limits, .init = start, .fini = stop, .timeout = 10);

static int call_from(const char *path, const char *peer)
{
    struct exchange *exchange = fake_exchange_new(loop, path);
    struct buffer *answer;
    const char *found;
    int status;

    exchange->peer = peer;
    keys_taken[0] = '\0';
    cr_assert(rpc_accept(server, exchange));
    fake_exchange_send(exchange);
    loop_tick(loop, 0);
    exchange->events->on_closed(exchange, STATUS_OK);
    answer = fake_exchange_answer();
    buffer_append_char(answer, '\0');
    found = memmem(buffer_data(answer), answer->length, "grpc-status: ", 13);
    cr_assert_not_null(found);
    status = atoi(found + 13);
    buffer_free(answer);
    return status;
}

static const char *keys_of(const char *peer)
{
    cr_expect_eq(call_from("/a.B/Ip", peer), STATUS_OK);
    return keys_taken;
}

Test(limits, ipv6_counts_by_network)
{
    cr_expect_str_eq(keys_of("192.0.2.7"), "ip:192.0.2.7:/a.B/Ip:60 5/60");
    cr_expect_str_eq(keys_of("2001:db8:1:2:3:4:5:6"), "ip:2001:db8:1:2::/64:/a.B/Ip:60 5/60");
    cr_expect_str_eq(keys_of("2001:db8:1:2::1"), "ip:2001:db8:1:2::/64:/a.B/Ip:60 5/60");
    cr_expect_str_eq(keys_of("2001:db8:1:3::1"), "ip:2001:db8:1:3::/64:/a.B/Ip:60 5/60");
    cr_expect_str_eq(keys_of("fe80::1%eth0"), "ip:fe80::/64:/a.B/Ip:60 5/60");
    cr_expect_str_eq(keys_of("::ffff:192.0.2.7"), "ip:192.0.2.7:/a.B/Ip:60 5/60");
    cr_expect_str_eq(keys_of(""), "ip::/a.B/Ip:60 5/60");
}

Test(limits, every_scope_has_its_budget)
{
    caller = (struct rpc_identity){.account_id = 7, .session_id = 8};
    cr_expect_eq(call_from("/a.B/All", "192.0.2.7"), STATUS_OK);
    cr_expect_str_eq(keys_taken, "ip:192.0.2.7:/a.B/All:60 5/60, account:7:/a.B/All:3600 20/3600");
    caller = (struct rpc_identity){.account_id = 7, .api_key_id = 9};
    cr_expect_eq(call_from("/a.B/All", "192.0.2.7"), STATUS_OK);
    cr_expect_str_eq(keys_taken, "ip:192.0.2.7:/a.B/All:60 5/60, "
                                 "account:7:/a.B/All:3600 20/3600, key:9:/a.B/All:1 2/1");
}

Test(limits, any_empty_budget_refuses)
{
    caller = (struct rpc_identity){.account_id = 7, .api_key_id = 9};
    for (size_t i = 0; i < 3; i++) {
        decisions[i] = (struct limit_decision){.retry_after_ms = 1500};
        cr_expect_eq(call_from("/a.B/All", "192.0.2.7"), STATUS_RESOURCE_EXHAUSTED, "budget %zu",
                     i);
        decisions[i] = (struct limit_decision){.allowed = true};
    }
    cr_expect_eq(call_from("/a.B/All", "192.0.2.7"), STATUS_OK);
}

/* Without a key there is no budget of it, so that the server's own bound holds. */
Test(limits, methods_without_a_budget_have_the_default)
{
    cr_expect_eq(call_from("/a.B/None", "192.0.2.7"), STATUS_OK);
    cr_expect_str_eq(keys_taken, "default");
    cr_expect_eq(call_from("/a.B/Key", "192.0.2.7"), STATUS_OK);
    cr_expect_str_eq(keys_taken, "default");
    decisions[0] = (struct limit_decision){.retry_after_ms = 10};
    cr_expect_eq(call_from("/a.B/None", "192.0.2.7"), STATUS_RESOURCE_EXHAUSTED);
}
