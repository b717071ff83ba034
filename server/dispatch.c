/* The life of one call: accepted, read, run on a coroutine, answered, released. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "server/call.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local struct rpc_loop current_loop;

struct rpc_loop *rpc_loop_current(void)
{
    return &current_loop;
}

void rpc_server_attach_loop(struct rpc_server *server, struct app *app)
{
    current_loop.app = app;
}

size_t rpc_open_calls(void)
{
    return current_loop.call_count;
}

const struct http_header *exchange_header(const struct exchange *exchange, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < exchange->header_count; i++) {
        const struct http_header *header = &exchange->headers[i];
        if (header->name_length == length && memcmp(header->name, name, length) == 0)
            return header;
    }
    return NULL;
}

/* --- life --- */

static void link_call(struct call_state *state)
{
    struct rpc_loop *loop = rpc_loop_current();

    state->next = loop->calls;
    if (loop->calls != NULL)
        loop->calls->previous = state;
    loop->calls = state;
    loop->call_count++;
}

static void unlink_call(struct call_state *state)
{
    struct rpc_loop *loop = rpc_loop_current();

    if (state->previous != NULL)
        state->previous->next = state->next;
    else
        loop->calls = state->next;
    if (state->next != NULL)
        state->next->previous = state->previous;
    loop->call_count--;
}

void call_unref(struct call_state *state)
{
    struct exchange *exchange = state->exchange;

    if (--state->references > 0)
        return;
    loop_timer_cancel(state->call.loop, &state->deadline);
    unlink_call(state);
    buffer_free(&state->in);
    call_uncharge(state);
    if (state->call.arena != state->wire.arena)
        arena_free(state->call.arena);
    exchange->transport->release(exchange); /* frees wire.arena, which holds the state */
}

static const char *new_request_id(struct arena *arena)
{
    struct rpc_loop *loop = rpc_loop_current();

    if (loop->next_id == 0)
        loop->next_id = (uint64_t)clock_wall_us() << 12 | (uintptr_t)loop >> 12 % 4096;
    return arena_printf(arena, "%016llx", (unsigned long long)loop->next_id++);
}

/* --- the answer --- */

static void run_after(struct call_state *state, enum status status)
{
    if (!state->begun) /* refused before its interceptors had a say: they are told all the same */
        state->interceptors_run = state->server->interceptor_count;
    while (state->interceptors_run > 0) {
        const struct rpc_interceptor *step =
            &state->server->interceptors[--state->interceptors_run];
        if (step->after != NULL)
            step->after(&state->call, status, step->user);
    }
}

const char *call_default_message(enum status status)
{
    switch (status) {
    case STATUS_CANCELLED:
        return "the client cancelled the call";
    case STATUS_DEADLINE_EXCEEDED:
        return "the deadline passed before the call was done";
    case STATUS_UNAVAILABLE:
        return "a service this call needs cannot be reached; try again";
    case STATUS_RESOURCE_EXHAUSTED:
        return "the server is busy; try again later";
    case STATUS_INTERNAL:
        return "internal error";
    case STATUS_UNAUTHENTICATED:
        return "sign in first";
    default:
        return NULL;
    }
}

static void write_end(struct call_state *state)
{
    const struct protocol *protocol = state->wire.protocol;
    struct exchange *exchange = state->exchange;

    if (state->started) {
        protocol->end(&state->wire, exchange, &state->outcome, &state->trailers);
        return;
    }
    if (state->outcome.status == STATUS_OK) {
        protocol->start(&state->wire, exchange, &state->headers, &state->trailers, 0);
        protocol->end(&state->wire, exchange, &state->outcome, &state->trailers);
        return;
    }
    state->outcome.request_id = state->call.request_id;
    protocol->fail(&state->wire, exchange, &state->outcome, &state->headers, &state->trailers);
}

void call_finish(struct call_state *state, enum status status)
{
    if (state->ended)
        return;
    state->ended = true;
    state->outcome.status = status;
    if (status == STATUS_OK) {
        state->outcome.message = NULL;
        state->outcome.details = NULL;
    } else if (state->outcome.message == NULL) {
        state->outcome.message = call_default_message(status);
    }
    loop_timer_cancel(state->call.loop, &state->deadline);
    loop_unbegin(state->call.loop, &state->start);
    if (state->coro == NULL) {
        buffer_free(&state->in);
        call_uncharge(state);
    }
    if (!state->closed)
        write_end(state);
    run_after(state, status);
}

/* The response of a call with a single one. */
static enum status write_response(struct call_state *state)
{
    struct encoded encoded = {0};
    enum status status = call_encode(state, state->response, &encoded);

    if (status == STATUS_OK && !state->closed) {
        size_t length = encoded_length(&encoded);
        if (!state->started) {
            if (!encoded.compressed)
                state->wire.response_compression = COMPRESSION_IDENTITY;
            state->wire.protocol->start(&state->wire, state->exchange, &state->headers,
                                        &state->trailers, length);
        }
        protocol_send(&state->wire, state->exchange, &encoded);
        state->started = true;
        state->sent_bytes += length;
    }
    encoded_free(&encoded);
    return status;
}

/* --- the coroutine --- */

static enum status run_before(struct call_state *state)
{
    state->begun = true;
    for (size_t i = 0; i < state->server->interceptor_count; i++) {
        const struct rpc_interceptor *step = &state->server->interceptors[i];
        state->interceptors_run = i + 1;
        if (step->before != NULL)
            TRY(step->before(&state->call, step->user));
    }
    return STATUS_OK;
}

static enum status refuse_count(struct call_state *state, const char *what)
{
    return rpc_fail(&state->call, STATUS_UNIMPLEMENTED, "%s takes one request message; %s",
                    state->call.method->name, what);
}

/* The one envelope of a request whose body has arrived whole. */
static enum status open_envelope(struct call_state *state, struct envelope *ret)
{
    enum envelope_result result = call_first_message(state, ret);

    if (state->in.length == 0)
        return refuse_count(state, "there was none");
    if (result == ENVELOPE_MORE)
        return rpc_fail(&state->call, STATUS_INVALID_ARGUMENT,
                        "the request ended before its message was complete");
    if (result != ENVELOPE_MESSAGE)
        return call_input_failure(state, result);
    if (ret->size != state->in.length)
        return refuse_count(state, "there was more");
    return STATUS_OK;
}

/* The only message of a request whose body has arrived whole. */
static enum status take_single_request(struct call_state *state)
{
    struct envelope envelope = {
        .message = {state->in.length ? buffer_data(&state->in) : NULL, state->in.length},
        .compressed = state->wire.request_compression != COMPRESSION_IDENTITY,
    };
    size_t length;

    if (state->wire.is_get)
        envelope.message = state->wire.get_message;
    if (state->wire.enveloped)
        TRY(open_envelope(state, &envelope));
    length = state->in.length;
    TRY(call_decode(state, envelope.message, envelope.compressed,
                    state->wire.is_get ? NULL : &state->in, &state->request));
    state->held_bytes += length; /* as the message that was made of it */
    buffer_free(&state->in);
    return call_validate(state, state->request);
}

/* What the schema promises of every call (waystone.options.v1.MethodRules.errors), and what no
 * promise can exclude. */
#define EVERY_CALLS_ERRORS                                                             \
    (1u << STATUS_OK | 1u << STATUS_CANCELLED | 1u << STATUS_INVALID_ARGUMENT |        \
     1u << STATUS_DEADLINE_EXCEEDED | 1u << STATUS_PERMISSION_DENIED |                 \
     1u << STATUS_UNAUTHENTICATED | 1u << STATUS_UNAVAILABLE | 1u << STATUS_INTERNAL | \
     1u << STATUS_UNIMPLEMENTED)

/* Callers are written by the schema: a code that it does not list is a fault of the handler, or of
 * the schema. */
static enum status check_listed(const struct rpc_method *method, enum status status)
{
    if (((EVERY_CALLS_ERRORS | method->errors) >> status & 1) == 0)
        log_error("method failed with a code that its schema does not list",
                  LOG_STRING("method", method->path), LOG_STRING("code", status_name(status)));
    return status;
}

static enum status run_call(struct call_state *state)
{
    const struct rpc_method *method = state->call.method;

    TRY(run_before(state));
    if (has_single_request(method))
        TRY(take_single_request(state));
    if (method->shape == RPC_UNARY || method->shape == RPC_CLIENT_STREAM)
        state->response = message_new(state->call.arena, method->response);
    if (clock_monotonic_us() >= state->deadline_us)
        return STATUS_DEADLINE_EXCEEDED; /* the timer has milliseconds only */
    TRY(check_listed(method, method->invoke(&state->call, state->entry->implementation)));
    if (state->response != NULL)
        TRY(write_response(state));
    return STATUS_OK;
}

static void call_main(void *argument)
{
    struct call_state *state = argument;
    enum status status;

    state->coro = coro_self();
    if (state->leaving)
        coro_interrupt(state->coro, STATUS_CANCELLED);
    status = run_call(state);
    state->coro = NULL;
    if (state->parked && status == STATUS_OK) {
        /* What ended the call after the handler's last wait was told to the coroutine only. */
        enum status interrupted = state->closed ? STATUS_CANCELLED : coro_interrupted();
        if (interrupted != STATUS_OK)
            rpc_parked_finish(&state->call, interrupted, NULL);
    } else {
        call_finish(state, status);
        if (state->parked)
            rpc_parked_finish(&state->call, status, NULL);
    }
    call_unref(state);
}

static void begin(struct loop_task *task)
{
    struct call_state *state =
        (struct call_state *)((char *)task - offsetof(struct call_state, start));

    if (!coro_can_start()) {
        call_finish(state, STATUS_RESOURCE_EXHAUSTED);
        return;
    }
    state->references++;
    coro_run(state->call.loop, call_main, state);
}

/* Not before all that came was read: a call that is reset in the same breath costs no more than
 * the reading of it. */
static void start_coroutine(struct call_state *state)
{
    state->start.fn = begin;
    loop_begin(state->call.loop, &state->start);
}

/* --- deadline --- */

static void on_deadline(struct loop_timer *timer)
{
    struct call_state *state =
        (struct call_state *)((char *)timer - offsetof(struct call_state, deadline));

    if (state->coro != NULL)
        coro_interrupt(state->coro, STATUS_DEADLINE_EXCEEDED);
    else if (state->parked)
        rpc_parked_finish(&state->call, STATUS_DEADLINE_EXCEEDED, NULL);
    else
        call_finish(state, STATUS_DEADLINE_EXCEEDED);
}

static void arm_deadline(struct call_state *state, uint64_t timeout_us)
{
    state->deadline.fn = on_deadline;
    loop_timer_set(state->call.loop, &state->deadline, (timeout_us + 999) / 1000);
}

/* The client's wish, but never longer than the method allows. A stream may last for ever, but
 * the one request of a server stream may not take that long to arrive. */
static void set_deadline(struct call_state *state)
{
    const struct rpc_method *method = state->call.method;
    uint64_t timeout_us = UINT64_MAX;

    if (method->timeout_ms > 0)
        timeout_us = (uint64_t)method->timeout_ms * 1000;
    else if (method->shape == RPC_UNARY)
        timeout_us = (uint64_t)state->server->config.default_timeout_ms * 1000;
    if (state->wire.timeout_us >= 0 && (uint64_t)state->wire.timeout_us < timeout_us)
        timeout_us = (uint64_t)state->wire.timeout_us;
    state->deadline_us = UINT64_MAX;
    if (timeout_us != UINT64_MAX) {
        state->deadline_us = state->started_us + timeout_us;
        arm_deadline(state, timeout_us);
    } else if (has_single_request(method)) {
        arm_deadline(state, (uint64_t)state->server->config.default_timeout_ms * 1000);
    }
}

static void start_single_request(struct call_state *state)
{
    if (state->deadline_us == UINT64_MAX)
        loop_timer_cancel(state->call.loop, &state->deadline);
    start_coroutine(state);
}

/* --- the exchange's events --- */

/* Checks what can be checked before the message is whole, so that nobody makes the server
 * gather more than it will take. */
static enum status check_input(struct call_state *state)
{
    struct envelope envelope;
    enum envelope_result result;

    if (!state->wire.enveloped) {
        if (state->in.length > state->max_request_bytes)
            return call_input_failure(state, ENVELOPE_TOO_LARGE);
        return STATUS_OK;
    }
    result = call_first_message(state, &envelope);
    if (result == ENVELOPE_TOO_LARGE || result == ENVELOPE_BAD_FLAGS)
        return call_input_failure(state, result);
    if (result == ENVELOPE_MESSAGE && state->in.length > envelope.size)
        return refuse_count(state, "there was more");
    return STATUS_OK;
}

/* A running handler is told by its next wait; the text is static, since it outlives messages. */
static void fail_input(struct call_state *state, enum status status, const char *message)
{
    state->outcome.message = message;
    state->in_failed = true;
    if (state->coro != NULL)
        coro_interrupt(state->coro, status);
    else if (state->parked)
        rpc_parked_finish(&state->call, status, NULL);
    else
        call_finish(state, status);
}

/* Who has sent this much of a message gets memory for all of it at once. */
#define LARGE_MESSAGE_BYTES (64 * 1024)

static void append_input(struct call_state *state, const uint8_t *data, size_t length)
{
    struct buffer *in = &state->in;

    if (in->length >= LARGE_MESSAGE_BYTES && in->capacity - in->start - in->length < length) {
        size_t missing = call_missing_bytes(state);
        buffer_reserve(in, missing > length ? missing : length);
    }
    buffer_append(in, data, length);
}

static void on_body(struct exchange *exchange, const uint8_t *data, size_t length, bool end)
{
    struct call_state *state = exchange->call;
    enum status status = STATUS_OK;

    if (state->ended || state->in_failed) {
        exchange->transport->consume(exchange, length);
        return;
    }
    state->received_bytes += length;
    state->uncredited += length;
    state->in_ended = end;
    if (state->wire.text) {
        if (!text_decode(&state->text, data, length, end, &state->in)) {
            fail_input(state, STATUS_INVALID_ARGUMENT, "the body is not base64");
            return;
        }
    } else if (length > 0) {
        append_input(state, data, length);
    }
    if (!call_charge(state)) {
        fail_input(state, STATUS_RESOURCE_EXHAUSTED, NO_REQUEST_MEMORY);
        return;
    }
    if (status == STATUS_OK && has_single_request(state->call.method))
        status = check_input(state);
    if (status != STATUS_OK) {
        call_finish(state, status);
        return;
    }
    call_input_arrived(state);
    if (end && has_single_request(state->call.method))
        start_single_request(state);
}

static void on_writable(struct exchange *exchange)
{
    struct call_state *state = exchange->call;

    call_wake(&state->writer);
    if (state->on_writable != NULL && !state->ended)
        state->on_writable(&state->call, state->writable_argument);
}

/* Whoever waits for its answer with its side closed looks like one that is gone: as with HTTP/2,
 * the handler waits no longer. What it can answer without waiting goes out all the same. */
static void on_leaving(struct exchange *exchange)
{
    struct call_state *state = exchange->call;

    state->leaving = true;
    if (state->coro != NULL)
        coro_interrupt(state->coro, STATUS_CANCELLED);
}

static void on_closed(struct exchange *exchange, enum status why)
{
    struct call_state *state = exchange->call;

    state->closed = true;
    if (state->coro != NULL) {
        coro_interrupt(state->coro, why == STATUS_OK ? STATUS_CANCELLED : why);
    } else if (!state->ended) {
        if (state->parked)
            rpc_parked_finish(&state->call, why, NULL);
        else
            call_finish(state, why == STATUS_OK ? STATUS_CANCELLED : why);
    }
    call_unref(state);
}

static const struct exchange_events call_events = {
    .on_body = on_body,
    .on_writable = on_writable,
    .on_leaving = on_leaving,
    .on_closed = on_closed,
};

/* --- accepting --- */

static void on_ignored_body(struct exchange *exchange, const uint8_t *data, size_t length, bool end)
{
    exchange->transport->consume(exchange, length);
}

static void on_ignored_writable(struct exchange *exchange)
{
}

static void on_ignored_closed(struct exchange *exchange, enum status why)
{
    exchange->transport->release(exchange);
}

static const struct exchange_events ignored_events = {
    .on_body = on_ignored_body,
    .on_writable = on_ignored_writable,
    .on_closed = on_ignored_closed,
};

#define ACCEPTED_TYPES                                                                       \
    "application/grpc, application/grpc-web, application/grpc-web-text, application/proto, " \
    "application/json, application/connect+proto, application/connect+json"

/* Requests that no protocol can answer get plain HTTP. */
static void refuse(struct exchange *exchange, int http_status)
{
    struct http_header headers[2] = {{"content-length", 14, "0", 1}};
    size_t count = 1;

    exchange->events = &ignored_events;
    if (http_status == 405)
        headers[count++] = (struct http_header){"allow", 5, "POST", 4};
    else if (http_status == 415)
        headers[count++] =
            (struct http_header){"accept-post", 11, ACCEPTED_TYPES, sizeof(ACCEPTED_TYPES) - 1};
    exchange->transport->start(exchange, http_status, headers, count);
    exchange->transport->end(exchange, NULL, 0);
}

/* A path that no service registered is answered in the caller's protocol. */
static const struct rpc_method unknown_method = {
    .path = "unknown",
    .name = "unknown",
    .shape = RPC_BIDI,
    .access = RPC_ACCESS_PUBLIC,
};

static struct call_state *new_call(struct rpc_server *server, struct exchange *exchange,
                                   const struct rpc_entry *entry)
{
    struct arena *arena = exchange->arena;
    struct call_state *state = arena_alloc(arena, sizeof(*state));
    const struct rpc_method *method = entry ? entry->method : &unknown_method;

    state->wire.arena = arena;
    state->server = server;
    state->entry = entry;
    state->exchange = exchange;
    state->references = 1;
    state->started_us = clock_monotonic_us();
    state->max_request_bytes =
        method->max_request_bytes ? method->max_request_bytes : server->config.max_request_bytes;
    state->call = (struct rpc_call){
        .app = rpc_loop_current()->app,
        .arena = arena,
        .loop = exchange->loop,
        .method = method,
        .peer = exchange->peer,
        .request_id = new_request_id(arena),
        .secure = exchange->secure,
        .state = state,
    };
    link_call(state);
    return state;
}

/* "/package.Service/Method": a dot in the first part, nothing behind the second. */
static bool has_method_shape(const char *path)
{
    const char *slash = path[0] == '/' ? strchr(path + 1, '/') : NULL;

    return slash != NULL && memchr(path, '.', (size_t)(slash - path)) != NULL && slash[1] != '\0' &&
           strchr(slash + 1, '/') == NULL;
}

/* A call of a method that is not there is told so in its own protocol. */
static bool looks_like_rpc(const struct exchange *exchange)
{
    const struct http_header *type = exchange_header(exchange, "content-type");

    return strcmp(exchange->method, "POST") == 0 && type != NULL &&
           (protocol_is_rpc_content_type(type->value, type->value_length) ||
            has_method_shape(exchange->path));
}

static const char drain_message[] = "the server is shutting down; reconnect";

bool rpc_accept(struct rpc_server *server, struct exchange *exchange)
{
    const struct rpc_entry *entry = rpc_server_find(server, exchange->path, strlen(exchange->path));
    struct call_state *state;
    enum status status = STATUS_OK;
    const char *error = NULL;
    int http_status;

    if (entry == NULL && !looks_like_rpc(exchange))
        return false;
    state = new_call(server, exchange, entry);
    http_status =
        protocol_open(&state->wire, exchange, entry ? entry->method : NULL, &status, &error);
    if (http_status != 0) {
        unlink_call(state);
        refuse(exchange, http_status);
        return true;
    }
    exchange->call = state;
    exchange->events = &call_events;
    if (status != STATUS_OK) {
        call_finish(state, rpc_fail(&state->call, status, "%s", error));
        return true;
    }
    if (entry == NULL) {
        call_finish(state, rpc_fail(&state->call, STATUS_UNIMPLEMENTED,
                                    "this server has no method %.200s", exchange->path));
        return true;
    }
    if (rpc_loop_current()->draining && entry->method->shape != RPC_UNARY) {
        call_finish(state, rpc_fail(&state->call, STATUS_UNAVAILABLE, "%s", drain_message));
        return true;
    }
    set_deadline(state);
    exchange->whole_request = has_single_request(entry->method);
    if (!has_single_request(entry->method))
        start_coroutine(state);
    return true;
}

static void end_stream(struct call_state *state, enum status status, const char *message)
{
    state->outcome.message = message;
    if (state->coro != NULL)
        coro_interrupt(state->coro, status);
    else if (state->parked)
        rpc_parked_finish(&state->call, status, message);
    else
        call_finish(state, status);
}

void rpc_server_end_streams(bool (*chosen)(const struct rpc_call *call, void *argument),
                            void *argument, enum status status, const char *message)
{
    struct call_state *next;

    for (struct call_state *state = rpc_loop_current()->calls; state; state = next) {
        next = state->next;
        if (state->call.method->shape != RPC_UNARY && !state->ended &&
            chosen(&state->call, argument))
            end_stream(state, status, message);
    }
}

static bool any_stream(const struct rpc_call *call, void *argument)
{
    return true;
}

void rpc_server_drain_loop(void)
{
    rpc_loop_current()->draining = true;
    rpc_server_end_streams(any_stream, NULL, STATUS_UNAVAILABLE, drain_message);
}
