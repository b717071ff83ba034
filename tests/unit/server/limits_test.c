/* Whose calls share a budget. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "google/rpc/error_details.h"
#include "server/interceptors.h"
#include "tests/unit/server/fake_exchange.h"

static char key_taken[256];

static enum status handle(struct rpc_call *call, const void *service)
{
    return STATUS_OK;
}

static void take(struct rpc_call *call, const char *key, uint32_t calls, uint32_t period_s,
                 struct limit_decision *ret, void *user)
{
    snprintf(key_taken, sizeof(key_taken), "%s", key);
    *ret = (struct limit_decision){.allowed = calls == 5 && period_s == 60};
}

static const struct rpc_method method = {.path = "/a.B/C",
                                         .name = "C",
                                         .shape = RPC_UNARY,
                                         .request = &BadRequest_type,
                                         .response = &BadRequest_type,
                                         .access = RPC_ACCESS_PUBLIC,
                                         .rate_calls = 5,
                                         .rate_period_s = 60,
                                         .rate_scope = RPC_LIMIT_BY_IP,
                                         .invoke = handle};
static const struct rpc_service service = {"a.B", &method, 1};

static struct rpc_server *server;
static struct loop *loop;

static const char *key_of(const char *peer)
{
    struct exchange *exchange = fake_exchange_new(loop, "/a.B/C");

    exchange->peer = peer;
    cr_assert(rpc_accept(server, exchange));
    fake_exchange_send(exchange);
    loop_tick(loop, 0);
    exchange->events->on_closed(exchange, STATUS_OK);
    return key_taken;
}

Test(limits, ipv6_counts_by_network)
{
    struct rpc_server_config config = {30000, 1000};
    struct rate_limiter limiter = {.take = take};
    struct rpc_interceptor limits = interceptor_limits(&limiter);

    loop = loop_new(0);
    server = rpc_server_new(&config);
    rpc_server_add_interceptor(server, &limits);
    rpc_server_add_service(server, &service, "");
    rpc_server_attach_loop(server, NULL);
    cr_expect_str_eq(key_of("192.0.2.7"), "ip:192.0.2.7:/a.B/C");
    cr_expect_str_eq(key_of("2001:db8:1:2:3:4:5:6"), "ip:2001:db8:1:2::/64:/a.B/C");
    cr_expect_str_eq(key_of("2001:db8:1:2::1"), "ip:2001:db8:1:2::/64:/a.B/C");
    cr_expect_str_eq(key_of("2001:db8:1:3::1"), "ip:2001:db8:1:3::/64:/a.B/C");
    cr_expect_str_eq(key_of("fe80::1%eth0"), "ip:fe80::/64:/a.B/C");
    cr_expect_str_eq(key_of("::ffff:192.0.2.7"), "ip:192.0.2.7:/a.B/C");
    cr_expect_str_eq(key_of(""), "ip::/a.B/C");
    loop_free(loop);
    rpc_server_free(server);
}
