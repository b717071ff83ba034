/* protocol.h - what differs between gRPC, gRPC-Web and Connect.
 *
 * A protocol reads the head of a request, frames messages and writes answers through the
 * exchange. It holds no state but the call's `wire`; sockets are the exchange's business and
 * message encodings message.h's. */
#ifndef WAYSTONE_SERVER_PROTOCOL_PROTOCOL_H
#define WAYSTONE_SERVER_PROTOCOL_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "server/exchange.h"
#include "server/protocol/compress.h"
#include "server/protocol/json.h"
#include "server/protocol/message.h"
#include "server/rpc.h"

struct protocol;

/* How one call speaks; filled by protocol_open(). */
struct wire {
    const struct protocol *protocol;
    struct arena *arena;
    enum rpc_codec codec;
    const char *content_type; /* of messages, as the request named it */
    bool enveloped;           /* messages come in 5-byte envelopes; false: Connect unary */
    bool text;                /* gRPC-Web-text: everything in base64 */
    bool no_method;           /* the path names no method: Connect says so with HTTP's 404 */
    int64_t timeout_us;       /* what the client asks for; -1: nothing */
    bool is_get;              /* Connect GET: the message is `get_message`, not the body */
    struct bytes get_message;
    enum compression request_compression;  /* of request messages that are marked compressed */
    enum compression response_compression; /* the best the client takes; of a single response
                                              the one it has */
};

/* Headers or trailers a handler sets. */
struct metadata {
    struct http_header *items;
    size_t count, capacity;
    size_t total_bytes;
};

/* Adds an entry; strings are borrowed. False, and nothing is added, past
 * LIMIT_METADATA_BYTES. */
bool metadata_add(struct metadata *metadata, struct arena *arena, const char *name,
                  const char *value);

struct error_detail {
    const char *type_name; /* "google.rpc.BadRequest" */
    struct bytes value;
    struct error_detail *next;
};

/* How a call ended. */
struct outcome {
    enum status status;
    const char *message; /* NULL when there is none */
    struct error_detail *details;
    const char *request_id; /* of a call that failed before its answer was started: goes with the
                               answer's head, so that a report can be found in the logs */
};

struct protocol {
    const char *name; /* for logs and metrics */
    /* Reads the rest of the head. Failures carry a sentence. */
    enum status (*open)(struct wire *wire, const struct exchange *exchange,
                        const struct rpc_method *method, const char **reterr);
    /* The head of an answer that has messages. Connect unary sends trailers here too, and
     * `length` (of the only message) as content-length; others ignore both. */
    void (*start)(const struct wire *wire, struct exchange *exchange,
                  const struct metadata *headers, const struct metadata *trailers, size_t length);
    /* The end of an answer that was started. */
    void (*end)(const struct wire *wire, struct exchange *exchange, const struct outcome *outcome,
                const struct metadata *trailers);
    /* The whole answer of a call that failed before it was started. */
    void (*fail)(const struct wire *wire, struct exchange *exchange, const struct outcome *outcome,
                 const struct metadata *headers, const struct metadata *trailers);
};

extern const struct protocol protocol_connect; /* Connect unary, POST and GET */
extern const struct protocol protocol_connect_stream;
extern const struct protocol protocol_grpc;
extern const struct protocol protocol_grpc_web;

/* Chooses by HTTP method and content type and fills the wire, whose arena is set. When the request
 * cannot be answered in any protocol, returns the HTTP status to answer with (405, 415, 505) and
 * leaves the wire alone; otherwise 0, with `*ret_status` what open() said. */
int protocol_open(struct wire *wire, const struct exchange *exchange,
                  const struct rpc_method *method, enum status *ret_status, const char **reterr);

/* Whether a content type is one of an RPC protocol's that carries nothing else. */
bool protocol_is_rpc_content_type(const char *value, size_t length);

/* One message as it is sent; zeroed: an empty one. */
struct encoded {
    struct buffer copied;
    struct message_pieces pieces; /* what belongs into it; none when it is compressed */
    bool compressed;              /* by wire->response_compression */
};

size_t encoded_length(const struct encoded *message);
void encoded_free(struct encoded *message);

/* Writes one message: enveloped where the wire is. Its memory may be taken instead of copied; in
 * any case it is left empty. */
void protocol_send(const struct wire *wire, struct exchange *exchange, struct encoded *message);
void protocol_send_shared(const struct wire *wire, struct exchange *exchange,
                          struct shared_bytes *message);

/* --- parts shared by the protocols --- */

#define ENVELOPE_BYTES 5
#define ENVELOPE_COMPRESSED 0x01
#define ENVELOPE_CONNECT_END 0x02
#define ENVELOPE_GRPC_WEB_TRAILERS 0x80

/* Writes an envelope with any flags, in base64 for a text wire. */
void envelope_write(const struct wire *wire, struct exchange *exchange, uint8_t flags,
                    const void *data, size_t length);

/* The first message of the bytes received so far. */
struct envelope {
    struct bytes message; /* points into the input */
    size_t size;          /* bytes of input it takes; 0: not known yet */
    bool compressed;
};
enum envelope_result {
    ENVELOPE_MORE,      /* not whole yet; only ret->size is filled */
    ENVELOPE_MESSAGE,   /* *ret is filled */
    ENVELOPE_TOO_LARGE, /* longer than max_bytes */
    ENVELOPE_BAD_FLAGS, /* flags a request has not */
};
enum envelope_result envelope_read(const uint8_t *data, size_t length, size_t max_bytes,
                                   struct envelope *ret);

/* Decodes a gRPC-Web-text body as it arrives: base64 in groups of four, each group possibly
 * padded, since clients may concatenate encoded frames. False for what is not base64, or ends
 * within a group. */
struct text_decoder {
    char group[4];
    size_t length;
};
bool text_decode(struct text_decoder *decoder, const uint8_t *data, size_t length, bool end,
                 struct buffer *out);

/* "connect-timeout-ms" and "grpc-timeout". False if malformed. */
bool timeout_parse_connect(const char *value, size_t length, int64_t *ret_us);
bool timeout_parse_grpc(const char *value, size_t length, int64_t *ret_us);

/* Reads the headers of these names: how request messages are compressed, and the best way the
 * client takes for responses. UNIMPLEMENTED with a sentence for an unknown one. */
enum status compression_negotiate(struct wire *wire, const struct exchange *exchange,
                                  const char *encoding_name, const char *accept_name,
                                  const char **reterr);
#define COMPRESSION_UNKNOWN \
    "unknown compression; this server takes: identity, " COMPRESSION_ACCEPTED

/* The error as Connect's JSON object. */
void connect_write_error(struct buffer *out, const struct outcome *outcome);

/* google.rpc.Status with the details, for grpc-status-details-bin: base64 without padding, in
 * the arena; NULL when there are no details. */
const char *grpc_status_details(struct arena *arena, const struct outcome *outcome);

#endif
