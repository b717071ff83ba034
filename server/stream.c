/* Streams: receiving with flow control, sending with back-pressure, parking. */
#include "base/limits.h"
#include "base/prefetch.h"
#include "server/call.h"

#include <assert.h>

/* Gives the peer window for what was received, so that it may send as much again. */
static void credit(struct call_state *state)
{
    if (state->uncredited > 0 && !state->closed)
        state->exchange->transport->consume(state->exchange, state->uncredited);
    state->uncredited = 0;
}

/* While no message is whole the peer must be able to go on, whatever its size; once one is,
 * the rest waits until the handler has taken it. The handler of a single request starts when
 * the request has ended, so that nothing of it may wait. */
void call_input_arrived(struct call_state *state)
{
    struct envelope envelope;

    if (!state->wire.enveloped || state->in_ended || has_single_request(state->call.method) ||
        call_first_message(state, &envelope) == ENVELOPE_MORE)
        credit(state);
    call_wake(&state->reader);
}

/* Clears the slot, since an awaitable completes once and more may arrive before its coroutine
 * runs. */
void call_wake(struct awaitable **slot)
{
    struct awaitable *awaitable = *slot;

    *slot = NULL;
    if (awaitable != NULL)
        awaitable_complete(awaitable, STATUS_OK);
}

static enum status wait_for(struct awaitable **slot)
{
    struct awaitable awaitable;
    enum status status;

    awaitable_init(&awaitable);
    *slot = &awaitable;
    status = await(&awaitable);
    *slot = NULL;
    return status;
}

static enum status take_message(struct call_state *state, const struct envelope *envelope,
                                const void **ret_message)
{
    const ProtobufCMessage *message;

    if (state->call.arena != state->wire.arena)
        arena_free(state->call.arena);
    state->call.arena = arena_new();
    state->held_bytes = 0; /* the message before is gone */
    TRY(call_decode(state, envelope->message, envelope->compressed,
                    state->in.length == envelope->size ? &state->in : NULL, &message));
    if (state->in.length > 0) /* otherwise the message points into it */
        buffer_consume(&state->in, envelope->size);
    state->held_bytes += envelope->size;
    (void)call_charge(state); /* for no more than before, but for rounding */
    call_input_arrived(state);
    TRY(call_validate(state, message));
    *ret_message = message;
    return STATUS_OK;
}

enum status rpc_receive(struct rpc_call *call, const void **ret_message)
{
    struct call_state *state = call->state;

    for (;;) {
        struct envelope envelope;
        enum envelope_result result = call_first_message(state, &envelope);

        if (result == ENVELOPE_MESSAGE)
            return take_message(state, &envelope, ret_message);
        if (result != ENVELOPE_MORE)
            return call_input_failure(state, result);
        if (state->in_ended && state->in.length > 0)
            return rpc_fail(call, STATUS_INVALID_ARGUMENT,
                            "the stream ended in the middle of a message");
        if (state->in_ended)
            return STATUS_OUT_OF_RANGE;
        TRY(wait_for(&state->reader));
    }
}

static void start_answer(struct call_state *state)
{
    if (state->started)
        return;
    state->started = true;
    state->wire.protocol->start(&state->wire, state->exchange, &state->headers, &state->trailers,
                                0);
}

void rpc_send_headers(struct rpc_call *call)
{
    if (!call->state->closed && !call->state->ended)
        start_answer(call->state);
}

enum status rpc_send(struct rpc_call *call, const ProtobufCMessage *message)
{
    struct call_state *state = call->state;
    struct encoded encoded = {0};
    enum status status;

    TRY(coro_interrupted());
    status = call_encode(state, message, &encoded);
    if (status == STATUS_OK) {
        start_answer(state);
        state->sent_bytes += encoded_length(&encoded);
        protocol_send(&state->wire, state->exchange, &encoded);
    }
    encoded_free(&encoded);
    TRY(status);
    while (state->exchange->transport->pending(state->exchange) > LIMIT_STREAM_QUEUE_BYTES)
        TRY(wait_for(&state->writer));
    return STATUS_OK;
}

/* --- streams without a coroutine --- */

void rpc_park(struct rpc_call *call, rpc_parked_end_fn on_end, void *argument)
{
    struct call_state *state = call->state;

    assert(!state->parked);
    state->parked = true;
    state->references++;
    state->on_parked_end = on_end;
    state->parked_argument = argument;
    if (!state->closed)
        start_answer(state);
}

void rpc_hold(struct rpc_call *call)
{
    call->state->references++;
}

void rpc_release(struct rpc_call *call)
{
    call_unref(call->state);
}

void rpc_on_writable(struct rpc_call *call,
                     void (*on_writable)(struct rpc_call *call, void *argument), void *argument)
{
    call->state->exchange->patient = on_writable != NULL;
    call->state->on_writable = on_writable;
    call->state->writable_argument = argument;
}

bool rpc_send_shared(struct rpc_call *call, struct shared_bytes *bytes)
{
    struct call_state *state = call->state;

    if (state->closed || state->ended)
        return true; /* nobody is left to miss it */
    if (state->exchange->transport->pending(state->exchange) > LIMIT_STREAM_QUEUE_BYTES)
        return false;
    start_answer(state);
    protocol_send_shared(&state->wire, state->exchange, bytes);
    state->sent_bytes += bytes->length;
    return true;
}

void rpc_prefetch(const struct rpc_call *call, unsigned step)
{
    const struct exchange *exchange;

    if (step == 0) {
        prefetch(&call->state,
                 offsetof(struct call_state, server) - offsetof(struct rpc_call, state));
        return;
    }
    exchange = call->state->exchange;
    if (exchange->transport->prefetch != NULL)
        exchange->transport->prefetch(exchange, step - 1);
}

void rpc_parked_finish(struct rpc_call *call, enum status status, const char *message)
{
    struct call_state *state = call->state;

    if (!state->parked)
        return;
    state->parked = false;
    if (message != NULL)
        rpc_fail(call, status, "%s", message);
    state->on_parked_end(call, state->parked_argument);
    call_finish(state, status);
    call_unref(state);
}
