/* client.h - calls on a server, for programs that have one to talk to.
 *
 * A client speaks native gRPC over HTTP/2, in clear or through TLS, to one target. It connects
 * when a call needs it, shares one connection among all calls, and connects again after a GOAWAY
 * or a loss. Generated functions (<file>_client.h) add types to the functions at the end of this
 * header:
 *
 *     struct client *client;
 *     char error[256];
 *     s = client_new("https://example.org:443", NULL, &client, error, sizeof(error));
 *     ...
 *     struct rpc_client_call *call = client_call_new(client, arena);
 *     client_call_set_timeout(call, 1000);
 *     client_call_add_header(call, "authorization", bearer);
 *     s = character_client_get_character(call, request, &response);
 *     if (s != STATUS_OK)
 *         puts(client_call_message(call));
 *     client_call_free(call);
 *
 * Waiting: without a loop every function that waits blocks its thread, with a poll of its own, and
 * the client does nothing between two calls of its functions. With a loop (base/loop.h) the same
 * functions suspend the calling coroutine (base/coro.h) and return its status when it is
 * interrupted, which ends the call; the client goes on by itself. "Waits" below means either.
 *
 * Ownership: messages and strings given back live in the call's arena, which the caller owns and
 * must keep until the call is freed. Calls must be freed before their client, a client with a
 * loop before the loop.
 *
 * Threading: a client and its calls belong to one thread, with a loop to the loop's. Different
 * clients may be used by different threads at the same time. One coroutine may send on a call
 * while another receives; a call that nobody receives from is held back by flow control.
 *
 * Retries: a call with a single request (unary, or a server's stream) that has not begun to be
 * answered is repeated
 *   - when the server surely did nothing: no connection, a stream refused or left out by GOAWAY;
 *   - when it is UNAVAILABLE or its connection was lost, and it is idempotent: its method says so
 *     (idempotency_level), or its request has a field `idempotency_key` that is not empty, or
 *     client_call_set_idempotent().
 * Pauses grow exponentially and vary at random; the server's grpc-retry-pushback-ms and
 * google.rpc.RetryInfo come first. Attempts are bounded by `client_retry`, and none begins that
 * would be due after the deadline. */
#ifndef WAYSTONE_CLIENT_CLIENT_H
#define WAYSTONE_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "server/protocol/message.h"

/* Generated code asserts at compile time that it was written for this runtime. */
#define CLIENT_RUNTIME_VERSION 1

struct client;
struct loop;
struct rpc_client_call;

/* For times: never. */
#define CLIENT_NEVER UINT32_MAX

struct client_retry {
    uint32_t max_attempts;       /* the first one included; 0: 5, 1: nothing is repeated */
    uint32_t first_backoff_ms;   /* 0: 100; doubles from attempt to attempt */
    uint32_t longest_backoff_ms; /* 0: 5,000 */
};

/* A zeroed struct is a good configuration. Strings are copied. */
struct client_config {
    struct loop *loop;             /* the calling thread's; NULL: functions block */
    uint32_t connect_timeout_ms;   /* name, TCP and TLS together; 0: 10,000 */
    uint32_t keepalive_ms;         /* silence, while calls are open, before a PING; 0: 30,000 */
    uint32_t keepalive_timeout_ms; /* silence after it until the connection is lost; 0: 10,000 */
    size_t max_message_bytes;      /* of one answer, decompressed; 0: 4 MiB */
    struct client_retry retry;

    /* For https. The server's certificate is verified against its name or address. */
    const char *ca_file;          /* PEM of the authorities to trust; NULL: the system's */
    const char *certificate_file; /* PEM chain to show to the server; NULL: none */
    const char *key_file;         /* PEM of its key; NULL: it is in certificate_file */
    bool trust_anyone;            /* no verification: for tests in one's own network only */
};

/* A client of "http://host:port" or "https://host:port"; `config` may be NULL. Does not wait and
 * does not connect yet. INVALID_ARGUMENT when the target is no such text or a file cannot be
 * used; then a sentence is written into `reterr` (>= 256 bytes are sensible). */
enum status client_new(const char *target, const struct client_config *config,
                       struct client **ret_client, char *reterr, size_t reterr_size) MUST_CHECK;

/* Closes the connections. Accepts NULL. */
void client_free(struct client *client);
void client_freep(struct client **client);

/* Waits until there is a connection; there is no need to, but it tells early. UNAVAILABLE when
 * one attempt failed: see client_error(). */
enum status client_connect(struct client *client) MUST_CHECK;

/* Why the last attempt to connect failed, or the last connection was lost; "" if none was. Valid
 * until the next function of the client. */
const char *client_error(const struct client *client);

/* Whether there is a connection that takes new calls, as far as is known. */
bool client_is_connected(const struct client *client);

/* --- metadata --- */

struct client_header {
    const char *name; /* in lower case */
    const char *value;
};

struct client_metadata {
    struct client_header *items;
    size_t count;
    size_t capacity, size_bytes; /* the client's own */
};

/* The first value of a name in lower case; NULL when absent. */
const char *client_metadata_find(const struct client_metadata *metadata, const char *name);

/* The first value of a name that ends in "-bin", decoded into `arena`. False when it is absent or
 * no base64. */
bool client_metadata_find_bytes(const struct client_metadata *metadata, struct arena *arena,
                                const char *name, struct bytes *ret_value);

/* --- a call: used once, then freed --- */

struct rpc_client_call *client_call_new(struct client *client, struct arena *arena);

/* Cancels the call if it is still open. Accepts NULL. No coroutine may be waiting for it. */
void client_call_free(struct rpc_client_call *call);
void client_call_freep(struct rpc_client_call **call);

/* Before the call is opened:
 *
 * The deadline is sent to the server and kept here as well: it counts from the opening, over all
 * attempts, and ends the call with DEADLINE_EXCEEDED. Without one a call may wait for ever. */
void client_call_set_timeout(struct rpc_client_call *call, uint32_t timeout_ms);

/* Adds a request header; strings are copied. A name that is not in lower case or one the protocol
 * uses itself, a value that is not printable ASCII, or more than LIMIT_HEADER_BYTES in all, makes
 * the call end with INVALID_ARGUMENT when it is opened. */
void client_call_add_header(struct rpc_client_call *call, const char *name, const char *value);

/* The same with any bytes as value; the name must end in "-bin". */
void client_call_add_header_bytes(struct rpc_client_call *call, const char *name,
                                  struct bytes value);

/* Says that doing the call twice does what doing it once does. */
void client_call_set_idempotent(struct rpc_client_call *call);

/* The call waits through failed attempts to connect, until its deadline. */
void client_call_wait_for_ready(struct rpc_client_call *call);

/* At any time:
 *
 * Messages received from now on live in `arena`, so that a long stream need not keep them all. */
void client_call_set_message_arena(struct rpc_client_call *call, struct arena *arena);

/* Tells the server that the answer is not wanted any more; the call ends with CANCELLED, which a
 * coroutine that waits for it is told. No effect on one that has ended. */
void client_call_cancel(struct rpc_client_call *call);

/* How the call ended: the server's sentence, or the client's own; "" while there is none. */
const char *client_call_message(const struct rpc_client_call *call);

/* Error details: google.protobuf.Any's type name ("google.rpc.BadRequest") and bytes. */
struct client_detail {
    const char *type_name;
    struct bytes value;
};

size_t client_call_detail_count(const struct rpc_client_call *call);
const struct client_detail *client_call_detail(const struct rpc_client_call *call, size_t index);

/* The first detail of a type, decoded: `&BadRequest_type`. NULL if there is none, or if it is
 * malformed. */
ProtobufCMessage *client_call_find_detail(const struct rpc_client_call *call,
                                          const struct message_type *type);

/* What the server sent. Headers are there once a message was received, or by
 * client_receive_headers(); trailers, grpc-status among them, once the call has ended. */
const struct client_metadata *client_call_headers(const struct rpc_client_call *call);
const struct client_metadata *client_call_trailers(const struct rpc_client_call *call);

/* The first value of a name; NULL when absent. */
const char *client_call_header(const struct rpc_client_call *call, const char *name);
const char *client_call_trailer(const struct rpc_client_call *call, const char *name);

/* How often the call was begun: 1 unless it was repeated. */
unsigned client_call_attempts(const struct rpc_client_call *call);

/* --- for generated code --- */

struct client_method {
    const char *path; /* "/waystone.chat.v1.ChatService/SendMessage" */
    const struct message_type *response;
    bool idempotent; /* idempotency_level is NO_SIDE_EFFECTS or IDEMPOTENT */
};

/* One request, one response, start to end. `method` must outlive the call; so below. */
enum status client_unary(struct rpc_client_call *call, const struct client_method *method,
                         const ProtobufCMessage *request, ProtobufCMessage **ret_response)
    MUST_CHECK;

/* Starts a call with a single request, whose answers are received one by one. Does not wait. */
enum status client_start(struct rpc_client_call *call, const struct client_method *method,
                         const ProtobufCMessage *request) MUST_CHECK;

/* Starts a call whose messages are sent and received one by one. Does not wait. */
enum status client_open(struct rpc_client_call *call, const struct client_method *method)
    MUST_CHECK;

/* Waits while LIMIT_STREAM_QUEUE_BYTES are pending. If the call has ended, how: OUT_OF_RANGE if
 * well. */
enum status client_send(struct rpc_client_call *call, const ProtobufCMessage *message) MUST_CHECK;

/* Says that nothing more will be sent. Does not wait. */
enum status client_close_send(struct rpc_client_call *call) MUST_CHECK;

/* Waits for the headers of the answer, or its end, and returns STATUS_OK once there are any. */
enum status client_receive_headers(struct rpc_client_call *call) MUST_CHECK;

/* Waits for the next message. STATUS_OUT_OF_RANGE at the end of a call that ended well. */
enum status client_receive(struct rpc_client_call *call, ProtobufCMessage **ret_message) MUST_CHECK;

#endif
