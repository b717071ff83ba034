/* The memory that all requests of the process may take together. */
#include "base/limits.h"
#include "server/call.h"

/* What is counted at once, so that a large body does not touch the shared counter with each
 * frame. */
#define STEP_BYTES ((size_t)16 * 1024)

/* Small requests are not counted: they go on when the large ones have used up everything. */
static size_t to_charge(size_t bytes)
{
    if (bytes <= LIMIT_SMALL_REQUEST_BYTES)
        return 0;
    return (bytes + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
}

static bool take(struct rpc_server *server, size_t bytes)
{
    size_t before = atomic_fetch_add_explicit(&server->request_memory, bytes, memory_order_relaxed);

    if (before + bytes <= server->config.request_memory_bytes)
        return true;
    atomic_fetch_sub_explicit(&server->request_memory, bytes, memory_order_relaxed);
    return false;
}

bool call_charge(struct call_state *state)
{
    size_t bytes = to_charge(state->held_bytes + state->in.length);

    if (bytes > state->charged_bytes && !take(state->server, bytes - state->charged_bytes))
        return false;
    if (bytes < state->charged_bytes)
        atomic_fetch_sub_explicit(&state->server->request_memory, state->charged_bytes - bytes,
                                  memory_order_relaxed);
    state->charged_bytes = bytes;
    return true;
}

void call_uncharge(struct call_state *state)
{
    if (state->charged_bytes > 0)
        atomic_fetch_sub_explicit(&state->server->request_memory, state->charged_bytes,
                                  memory_order_relaxed);
    state->charged_bytes = 0;
}
