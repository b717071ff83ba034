#include "server/health.h"

#include <stddef.h>
#include <string.h>

#include "grpc/health/v1/health_service.h"
#include "server/server.h"

typedef HealthCheckResponse_ServingStatus State;

/* Handlers have no room of their own. Set before the loops start. */
static const struct rpc_server *checked;
static bool (*is_serving)(const char *service);

static bool is_known(const char *service)
{
    for (size_t i = 0; i < rpc_server_service_count(checked); i++)
        if (strcmp(rpc_server_service(checked, i)->full_name, service) == 0)
            return true;
    return *service == '\0';
}

static State state_of(const char *service)
{
    if (!is_known(service))
        return SERVICE_UNKNOWN;
    return is_serving(service) ? SERVING : NOT_SERVING;
}

static enum status check(struct rpc_call *call, const HealthCheckRequest *req,
                         HealthCheckResponse *res)
{
    if (!is_known(req->service))
        return rpc_fail(call, STATUS_NOT_FOUND, "this server has no such service");
    res->status = state_of(req->service);
    return STATUS_OK;
}

/* --- watching: parked, since anybody may, for as long as they like --- */

struct watcher {
    struct rpc_call *call;
    const char *service;
    struct loop_timer timer;
    State told;
};

/* False when the transport is full. */
static bool tell(struct watcher *watcher, State state)
{
    HealthCheckResponse message;
    struct shared_bytes *bytes;
    bool sent;

    HealthCheckResponse_type.descriptor.message_init(&message.base);
    message.status = state;
    bytes = rpc_encode_shared(&message.base, rpc_codec(watcher->call));
    sent = rpc_send_shared(watcher->call, bytes);
    shared_bytes_unref(bytes);
    return sent;
}

static void look(struct watcher *watcher)
{
    State state = state_of(watcher->service);

    if (state != watcher->told && tell(watcher, state))
        watcher->told = state;
    loop_timer_set(watcher->call->loop, &watcher->timer, HEALTH_WATCH_MS);
}

static void on_timer(struct loop_timer *timer)
{
    look((struct watcher *)((char *)timer - offsetof(struct watcher, timer)));
}

static void on_end(struct rpc_call *call, void *argument)
{
    struct watcher *watcher = argument;

    loop_timer_cancel(call->loop, &watcher->timer);
}

static enum status watch(struct rpc_call *call, const HealthCheckRequest *req,
                         struct watch_stream *out)
{
    struct watcher *watcher = arena_alloc(call->arena, sizeof(*watcher)); /* lives with the call */

    *watcher = (struct watcher){
        .call = call,
        .service = req->service,
        .timer.fn = on_timer,
        .told = HEALTH_CHECK_RESPONSE_SERVING_STATUS_UNKNOWN,
    };
    rpc_park(call, on_end, watcher);
    look(watcher);
    return STATUS_OK;
}

void health_serve(struct rpc_server *server, bool (*fn)(const char *service))
{
    static const struct health_service handlers = {.check = check, .watch = watch};

    checked = server;
    is_serving = fn;
    health_service_register(server, &handlers);
}
