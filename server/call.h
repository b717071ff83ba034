/* call.h - the runtime's own side of a call; only for the files of server/.
 *
 * A call lives from rpc_accept() until three have let go of it: the exchange (on_closed), the
 * coroutine (the handler returned) and, for a parked stream, its owner. */
#ifndef WAYSTONE_SERVER_CALL_H
#define WAYSTONE_SERVER_CALL_H

#include <stdatomic.h>

#include "base/coro.h"
#include "server/protocol/protocol.h"
#include "server/server.h"

struct rpc_entry {
    const struct rpc_method *method;
    const void *implementation;
};

#define RPC_MAX_INTERCEPTORS 8

struct rpc_server {
    struct rpc_server_config config;
    struct rpc_interceptor interceptors[RPC_MAX_INTERCEPTORS];
    size_t interceptor_count;
    const struct rpc_service **services;
    size_t service_count;
    struct rpc_entry *table; /* open addressing by path; a power of two, at most half full */
    size_t table_size, method_count;
    atomic_size_t request_memory; /* of all loops' calls; see call_charge() */
};

/* NULL when the path names no method. */
const struct rpc_entry *rpc_server_find(const struct rpc_server *server, const char *path,
                                        size_t length);

/* What the calls of one loop share. */
struct rpc_loop {
    struct app *app;
    struct call_state *calls; /* open calls */
    size_t call_count;
    uint64_t next_id;
    bool draining; /* no stream begins any more */
};

struct rpc_loop *rpc_loop_current(void);

struct call_state {
    struct rpc_call call;

    /* With call.state what rpc_send_shared() touches, together. */
    struct exchange *exchange;
    unsigned references;
    bool begun;   /* the interceptors' `before` have run, or some of them */
    bool started; /* the answer's head was written */
    bool ended;   /* the answer was written whole, or given up */
    bool closed;  /* the exchange is gone */
    bool parked;
    bool leaving; /* the client has ended its side of the connection */
    size_t received_bytes, sent_bytes;
    struct wire wire; /* wire.arena lives as long as the call; call.arena may be a message's */

    struct rpc_server *server;
    const struct rpc_entry *entry; /* NULL: unknown method */
    struct loop_task start;        /* queued once there is enough of the request for a coroutine */
    struct coro *coro;             /* NULL before it starts and after it ended */
    struct call_state *next, *previous;

    /* The request. */
    struct buffer in;
    struct text_decoder text;
    size_t uncredited;  /* received bytes the peer has no window for yet */
    bool in_ended;      /* the client has half-closed */
    bool in_compressed; /* the message decoded last was */
    bool in_failed;     /* what came is malformed: the rest is dropped */
    size_t max_request_bytes;
    size_t held_bytes;        /* of the message the handler has, beside what is in `in` */
    size_t charged_bytes;     /* to the process's budget for both */
    struct awaitable *reader; /* waits for more input */
    struct awaitable *writer; /* waits for room */
    const ProtobufCMessage *request;
    ProtobufCMessage *response;

    /* The answer. */
    struct outcome outcome;
    struct metadata headers, trailers;
    enum rpc_compress compress;
    size_t interceptors_run;

    struct loop_timer deadline;
    uint64_t deadline_us; /* monotonic; UINT64_MAX: none */
    uint64_t started_us;

    rpc_parked_end_fn on_parked_end;
    void *parked_argument;
    void (*on_writable)(struct rpc_call *call, void *argument);
    void *writable_argument;
};

static inline bool has_single_request(const struct rpc_method *method)
{
    return method->shape == RPC_UNARY || method->shape == RPC_SERVER_STREAM;
}

/* Writes the end of the answer and runs the interceptors' `after`. Once; later calls have no
 * effect. */
void call_finish(struct call_state *state, enum status status);

void call_unref(struct call_state *state);

/* Sentence for statuses that come without one. */
const char *call_default_message(enum status status);

/* Looks at what arrived: readies the reader, credits the peer's window. */
void call_input_arrived(struct call_state *state);

/* Readies the coroutine that waits on `*slot`, if any. */
void call_wake(struct awaitable **slot);

/* Charges the process's budget for what the call holds of its request now, more or less than
 * before. False when there is not enough left; the charge then stays as it was. */
bool call_charge(struct call_state *state);
void call_uncharge(struct call_state *state);
#define NO_REQUEST_MEMORY "the server has no memory for large requests now; try again later"

/* The first message that is whole in state->in, for enveloped wires. */
enum envelope_result call_first_message(struct call_state *state, struct envelope *ret);

/* The error of what cannot be a message: too large, or with flags nobody knows. */
enum status call_input_failure(struct call_state *state, enum envelope_result result);

/* Decompresses and decodes one message by the call's codec. `owner`, if not NULL, is the buffer
 * that holds the bytes and nothing else of use: the message may point into it, and its memory is
 * then taken by the call's arena, which leaves it empty. */
enum status call_decode(struct call_state *state, struct bytes bytes, bool compressed,
                        struct buffer *owner, const ProtobufCMessage **ret);

/* Bytes that are missing to the message that has begun to arrive; 0 when that is not known. */
size_t call_missing_bytes(const struct call_state *state);

/* INVALID_ARGUMENT with a BadRequest of every broken rule. */
enum status call_validate(struct call_state *state, const ProtobufCMessage *message);

/* Encodes by the call's codec, compressed where that is wanted and gains. The caller frees it,
 * also after a failure. */
enum status call_encode(struct call_state *state, const ProtobufCMessage *message,
                        struct encoded *ret);

#endif
