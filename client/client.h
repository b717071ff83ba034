/* client.h - calls on a server, for tests, tools and native programs.
 *
 * A client is one connection that speaks native gRPC over HTTP/2, in clear or through TLS. Any
 * number of calls may be open on it at once; their streams interleave. Generated functions
 * (<file>_client.h) add types to the functions at the end of this header:
 *
 *     struct rpc_client_call *call = client_call_new(client, arena);
 *     client_call_set_timeout(call, 1000);
 *     client_call_add_header(call, "authorization", bearer);
 *     s = character_client_get_character(call, request, &response);
 *     if (s != STATUS_OK)
 *         puts(client_call_message(call));
 *     client_call_free(call);
 *
 * Ownership: messages and strings given back live in the call's arena, which the caller owns
 * and must keep until the call is freed. Calls must be freed before their client.
 *
 * Threading: a client and its calls belong to one thread. Functions block, with a poll of their
 * own, and must not be used on a thread that runs a loop (base/loop.h). While one call waits,
 * what arrives for the others is read and kept; a call that nobody reads from is held back by
 * flow control.
 *
 * Errors: a lost connection ends every open call with UNAVAILABLE, and the client stays
 * unusable: connect again. Nothing is retried. */
#ifndef WAYSTONE_CLIENT_CLIENT_H
#define WAYSTONE_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "server/protocol/message.h"

struct client;
struct rpc_client_call;

struct client_config {
    uint32_t connect_timeout_ms; /* with the TLS handshake; 0: 10,000 */
    const char *ca_file;         /* PEM of the authorities to trust; NULL: the system's */
};

/* Connects to "http://host:port" or "https://host:port"; `config` may be NULL. UNAVAILABLE when
 * there is no connection, INVALID_ARGUMENT when the target is no such text; then a sentence is
 * written into `reterr` (>= 256 bytes). */
enum status client_connect(const char *target, const struct client_config *config,
                           struct client **ret_client, char *reterr, size_t reterr_size) MUST_CHECK;

/* Closes the connection. Accepts NULL. */
void client_free(struct client *client);
void client_freep(struct client **client);

/* False once the connection is lost or the server takes no more calls. */
bool client_is_usable(const struct client *client);

/* --- a call: used once, then freed --- */

struct rpc_client_call *client_call_new(struct client *client, struct arena *arena);

/* Cancels the call if it is still open. Accepts NULL. */
void client_call_free(struct rpc_client_call *call);
void client_call_freep(struct rpc_client_call **call);

/* Before the call is opened. The deadline is sent to the server and kept here as well: it counts
 * from the opening, and ends the call with DEADLINE_EXCEEDED. Without one a call may wait for
 * ever. */
void client_call_set_timeout(struct rpc_client_call *call, uint32_t timeout_ms);

/* Before the call is opened. Lower-case name; the strings are copied. */
void client_call_add_header(struct rpc_client_call *call, const char *name, const char *value);

/* Tells the server that the answer is not wanted any more; the call ends with CANCELLED. */
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

/* What the server sent; NULL when absent. Trailers are there once the call has ended. */
const char *client_call_header(const struct rpc_client_call *call, const char *name);
const char *client_call_trailer(const struct rpc_client_call *call, const char *name);

/* --- for generated code --- */

/* One request, one response, start to end. */
enum status client_unary(struct rpc_client_call *call, const char *path,
                         const ProtobufCMessage *request, const struct message_type *response_type,
                         ProtobufCMessage **ret_response) MUST_CHECK;

/* Starts a call whose messages are sent and received one by one. */
enum status client_open(struct rpc_client_call *call, const char *path,
                        const struct message_type *response_type) MUST_CHECK;

/* Waits while LIMIT_STREAM_QUEUE_BYTES are pending. If the call has ended, how: OUT_OF_RANGE if
 * well. */
enum status client_send(struct rpc_client_call *call, const ProtobufCMessage *message) MUST_CHECK;

/* Says that nothing more will be sent. */
enum status client_close_send(struct rpc_client_call *call) MUST_CHECK;

/* Waits for the next message. STATUS_OUT_OF_RANGE at the end of a call that ended well. */
enum status client_receive(struct rpc_client_call *call, ProtobufCMessage **ret_message) MUST_CHECK;

#endif
