/* rpc.h - what handlers and generated code see of a call.
 *
 * A handler runs on a coroutine of its own with a decoded, authorised and valid request, on
 * one loop. It returns a status; with anything but STATUS_OK it should have said why by
 * rpc_fail(). Everything it allocates goes into call->arena and lives until the answer was
 * sent. Cancellation and deadline make what it waits for return a status, which it returns. */
#ifndef WAYSTONE_SERVER_RPC_H
#define WAYSTONE_SERVER_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/loop.h"
#include "base/status.h"
#include "server/protocol/message.h"

/* Generated code asserts at compile time that it was written for this runtime. */
#define RPC_RUNTIME_VERSION 1

struct app; /* the handlers' own; defined in handlers/app.h */
struct rpc_call;
struct rpc_server;

/* --- methods: tables written by the generator --- */

enum rpc_shape { RPC_UNARY, RPC_SERVER_STREAM, RPC_CLIENT_STREAM, RPC_BIDI };

/* Same values as waystone.options.v1.Access. */
enum rpc_access {
    RPC_ACCESS_PUBLIC = 1,
    RPC_ACCESS_PLAYER = 2,
    RPC_ACCESS_MODERATOR = 3,
    RPC_ACCESS_GAME_MASTER = 4,
    RPC_ACCESS_ADMIN = 5,
    RPC_ACCESS_SERVICE = 6,
};

/* Same values as waystone.options.v1.RateLimitScope. */
enum rpc_limit_scope { RPC_LIMIT_BY_IP = 1, RPC_LIMIT_BY_ACCOUNT = 2, RPC_LIMIT_BY_KEY = 3 };

#define RPC_RATE_LIMITS_MAX 4 /* of a method */

struct rpc_rate_limit {
    uint32_t calls, period_s;
    enum rpc_limit_scope scope;
};

struct rpc_method {
    const char *path; /* "/waystone.chat.v1.ChatService/SendMessage" */
    const char *name; /* "SendMessage" */
    enum rpc_shape shape;
    const struct message_type *request;
    const struct message_type *response;
    bool no_side_effects; /* Connect GET allowed */

    /* waystone.options.v1.MethodRules */
    enum rpc_access access;
    uint32_t timeout_ms;        /* 0: default for unary, none for streams */
    uint32_t max_request_bytes; /* 0: default */
    const struct rpc_rate_limit *rate_limits;
    size_t rate_limit_count; /* at most RPC_RATE_LIMITS_MAX */
    bool audit;
    bool step_up;      /* the session must have proved lately who it is */
    const char *scope; /* what an API key needs to call it; NULL: none may */
    uint32_t errors;   /* bits of the statuses that callers expect, beside those of every call */

    /* Calls the typed handler in `service`. For shapes with a single request it is
     * rpc_request(call); for those with a single response the handler fills
     * rpc_response(call). */
    enum status (*invoke)(struct rpc_call *call, const void *service);
};

struct rpc_service {
    const char *full_name; /* "waystone.chat.v1.ChatService" */
    const struct rpc_method *methods;
    size_t method_count;
};

/* Adds a service: `implementation` is its generated struct of handlers and must outlive the
 * server. Called by generated <service>_register() before the server starts. */
void rpc_server_add_service(struct rpc_server *server, const struct rpc_service *service,
                            const void *implementation);

/* --- a call --- */

/* Who calls; filled by the authenticator. All zero for an anonymous caller. */
struct rpc_identity {
    int64_t account_id;
    int64_t session_id;    /* 0 with an API key */
    int64_t api_key_id;    /* 0 with a session */
    enum rpc_access role;  /* highest access the caller has */
    int64_t expires_at_us; /* wall time at which the token stops working */
};

struct rpc_call {
    struct app *app;
    struct arena *arena;
    struct loop *loop;
    const struct rpc_method *method;
    struct rpc_identity identity;
    const char *peer;         /* client's numeric address */
    const char *request_id;   /* in logs, and in x-request-id of failed calls */
    bool secure;              /* came over TLS */
    bool audited;             /* its act is in the audit log, within its transaction */
    struct call_state *state; /* the runtime's own */
};

/* Sets the message (and keeps the details) of a failing call and returns `status`, so that a
 * handler can `return rpc_fail(call, STATUS_NOT_FOUND, "no such guild")`. The text goes to the
 * client: no secrets, no internals. */
enum status rpc_fail(struct rpc_call *call, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
#ifdef __clang_analyzer__ /* does not look into other files, so it is told what comes back */
#define rpc_fail(call, status, ...) (rpc_fail(call, status, __VA_ARGS__), (status))
#endif

/* INVALID_ARGUMENT with a google.rpc.BadRequest that names the field. */
enum status rpc_fail_field(struct rpc_call *call, const char *field, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* With a google.rpc.ErrorInfo, by which programs know the cause: a reason such as
 * "STEP_UP_REQUIRED" in the domain "waystone". */
enum status rpc_fail_reason(struct rpc_call *call, enum status status, const char *reason,
                            const char *format, ...) PRINTF_LIKE(4, 5);

/* Adds an error detail; `type_name` such as "google.rpc.BadRequest", `value` its encoding. */
void rpc_add_detail(struct rpc_call *call, const char *type_name, const void *value, size_t length);

/* Value of a request header, copied into the arena; NULL when absent. Lower-case name. */
const char *rpc_header(struct rpc_call *call, const char *name);

/* All request headers in their order, without HTTP/2's pseudo-headers. False past the last.
 * Name and value live as long as the call's exchange: copy what outlasts a suspension. */
struct rpc_header {
    const char *name; /* lower case; neither is NUL-terminated */
    size_t name_length;
    const char *value;
    size_t value_length;
};
bool rpc_header_at(const struct rpc_call *call, size_t index, struct rpc_header *ret);

/* Value of a binary request header ("...-bin", base64), decoded into the arena. False when it
 * is absent or not base64. Only the first of its name. */
bool rpc_header_bin(struct rpc_call *call, const char *name, struct bytes *ret);

/* Whether the request message received last came compressed. */
bool rpc_request_compressed(const struct rpc_call *call);

/* The query of a Connect GET, still percent-encoded; NULL for every other call. */
const char *rpc_query(const struct rpc_call *call);

/* Adds a response header (before the first message) or trailer. False, and nothing is set, when
 * the name is not lower-case letters, digits, "-", "_" and "." or belongs to a protocol, when
 * the value is not visible ASCII, or when there would be more than LIMIT_METADATA_BYTES. */
bool rpc_set_header(struct rpc_call *call, const char *name, const char *value);
bool rpc_set_trailer(struct rpc_call *call, const char *name, const char *value);

/* The same with any bytes; names end in "-bin". */
bool rpc_set_header_bin(struct rpc_call *call, const char *name, struct bytes value);
bool rpc_set_trailer_bin(struct rpc_call *call, const char *name, struct bytes value);

/* Sends the headers of a stream before its first message, for clients that wait for them. */
void rpc_send_headers(struct rpc_call *call);

/* Whether messages sent from now on are compressed, if the client takes it. AUTO compresses
 * those of LIMIT_COMPRESS_BYTES and above. NEVER is for answers that hold a secret beside
 * something the caller chose, whose length would tell of the secret. */
enum rpc_compress { RPC_COMPRESS_AUTO, RPC_COMPRESS_NEVER, RPC_COMPRESS_ALWAYS };
void rpc_set_compress(struct rpc_call *call, enum rpc_compress compress);

/* Milliseconds until the deadline; INT64_MAX when there is none. */
int64_t rpc_remaining_ms(const struct rpc_call *call);

/* Milliseconds the client gave the call when it sent it; -1 when it named no time. */
int64_t rpc_client_timeout_ms(const struct rpc_call *call);

/* What ended the call, or STATUS_OK while it is wanted: for long computations. */
enum status rpc_interrupted(const struct rpc_call *call);

/* --- for generated code --- */

const void *rpc_request(struct rpc_call *call);
void *rpc_response(struct rpc_call *call);

/* Next message of the client's stream. STATUS_OUT_OF_RANGE at its end (no error: the client has
 * half-closed). Suspends. Each message starts a fresh call->arena and frees the one before, so
 * that a long stream does not grow: what a handler keeps from message to message it copies. */
enum status rpc_receive(struct rpc_call *call, const void **ret_message) MUST_CHECK;

/* Sends one message of the server's stream; suspends while the transport has more than
 * LIMIT_STREAM_QUEUE_BYTES pending. */
enum status rpc_send(struct rpc_call *call, const ProtobufCMessage *message) MUST_CHECK;

/* UNIMPLEMENTED, for a NULL handler. */
enum status rpc_unimplemented(struct rpc_call *call);

/* --- streams that live without a coroutine (server/live/) --- */

/* How a parked stream is told that it ended; its owner forgets it. Loop's stack. */
typedef void (*rpc_parked_end_fn)(struct rpc_call *call, void *argument);

/* Keeps the stream open after its handler returned STATUS_OK. `on_end` is called once, when
 * the client leaves, the server drains or rpc_parked_finish() is called. */
void rpc_park(struct rpc_call *call, rpc_parked_end_fn on_end, void *argument);

/* Codecs a stream may have asked for; a fan-out encodes a message once for each. */
enum rpc_codec { RPC_CODEC_BINARY, RPC_CODEC_JSON, RPC_CODEC_COUNT };
enum rpc_codec rpc_codec(const struct rpc_call *call);

/* Encodes a message for a codec; the caller owns one reference. NULL if it has no JSON form. */
struct shared_bytes *rpc_encode_shared(const ProtobufCMessage *message, enum rpc_codec codec);

/* Sends bytes from rpc_encode_shared() for rpc_codec(call), without suspending. False, and
 * nothing is sent, when LIMIT_STREAM_QUEUE_BYTES are pending: the owner is told by
 * rpc_on_writable() once there is room and goes on from its cursor. */
bool rpc_send_shared(struct rpc_call *call, struct shared_bytes *bytes);

/* Loads what rpc_send_shared() will touch into the processor's cache. Each step needs what the one
 * before has loaded: whoever sends to many takes step 0 for some of them, then step 1 for these,
 * and so on, and then sends. */
#define RPC_PREFETCH_STEPS 5
void rpc_prefetch(const struct rpc_call *call, unsigned step);

/* Called on the loop's stack when there is room again, unless rpc_send() is waiting for it.
 * NULL ends it. Such an owner keeps no queue, so that a client may be as slow as it likes: as long
 * as it answers when it is asked whether it is there, its stream stays. */
void rpc_on_writable(struct rpc_call *call,
                     void (*on_writable)(struct rpc_call *call, void *argument), void *argument);

/* Keeps the call's memory for somebody who may outlast it; each hold is released once. A held call
 * may have ended: sending is then without effect. */
void rpc_hold(struct rpc_call *call);
void rpc_release(struct rpc_call *call);

/* Ends a parked stream. */
void rpc_parked_finish(struct rpc_call *call, enum status status, const char *message);

#endif
