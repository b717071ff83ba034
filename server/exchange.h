/* exchange.h - one HTTP request and its answer, as byte streams.
 *
 * What a transport (server/http: HTTP/1.1 through h2o, HTTP/2 through nghttp2) offers to the
 * RPC layer (dispatch.c), so that neither knows the other. One exchange belongs to one loop.
 *
 * Life: the transport creates it when the request's head is complete, calls rpc_accept(), and
 * from then on reports through `events`. The RPC layer answers through the exchange_* calls.
 * The exchange is freed once both are done with it: the transport after on_closed() (which it
 * calls exactly once, last), the RPC layer by exchange_release(). After on_closed() the
 * answering calls have no effect. The head's strings live as long as the exchange.
 *
 * The exchange_* calls never run callbacks: what they write leaves at the end of the tick, in
 * one write per connection (loop.h, step 4). */
#ifndef WAYSTONE_SERVER_EXCHANGE_H
#define WAYSTONE_SERVER_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/loop.h"
#include "base/status.h"

/* Names are lower case. Not NUL-terminated in general; both live as long as their exchange. */
struct http_header {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

struct exchange;

/* How the RPC layer is told. Callbacks run on the loop's stack (step 1) and must only parse,
 * note and make coroutines ready. */
struct exchange_events {
    /* Bytes of the body, valid during the call only; `end` with the last (possibly empty)
     * piece. For HTTP/1.1 the whole body comes in one call. */
    void (*on_body)(struct exchange *exchange, const uint8_t *data, size_t length, bool end);
    /* What was written has been taken by the socket down to the low-water mark; called only
     * after exchange_pending() was seen above it. */
    void (*on_writable)(struct exchange *exchange);
    /* The client has ended its side of the connection and may be gone (HTTP/1.1). What is written
     * is still sent. May be NULL. */
    void (*on_leaving)(struct exchange *exchange);
    /* The exchange is over: OK when the answer was sent whole; CANCELLED when the client reset
     * or left; UNAVAILABLE when the server is going down. */
    void (*on_closed)(struct exchange *exchange, enum status why);
};

struct exchange_transport {
    /* The final head. The array is copied; names and values are static or in the exchange's
     * arena. Once, before any body. */
    void (*start)(struct exchange *exchange, int http_status, const struct http_header *headers,
                  size_t header_count);
    /* Body bytes, copied. */
    void (*write)(struct exchange *exchange, const void *data, size_t length);
    /* `prefix` (a few bytes, copied, may be empty) and then shared bytes, of which large ones are
     * referenced until the socket has taken them. */
    void (*write_shared)(struct exchange *exchange, const void *prefix, size_t prefix_length,
                         struct shared_bytes *bytes);
    /* The end, with trailers (as above) where the transport has them (HTTP/2). A request body still
     * coming is refused with RST_STREAM(NO_ERROR), or the HTTP/1.1 connection is closed. */
    void (*end)(struct exchange *exchange, const struct http_header *trailers,
                size_t trailer_count);
    /* Breaks the exchange off: RST_STREAM with the given HTTP/2 error code, or a closed
     * HTTP/1.1 connection. */
    void (*reset)(struct exchange *exchange, uint32_t http2_error_code);
    /* `length` bytes of the body were processed: gives the peer window for as many. Bytes not
     * consumed are not credited, which is how a slow handler slows its client. */
    void (*consume)(struct exchange *exchange, size_t length);
    /* Bytes written and not yet taken by the socket. */
    size_t (*pending)(const struct exchange *exchange);
    /* The RPC layer is done with it. */
    void (*release)(struct exchange *exchange);
    /* As rpc_prefetch(), from step 0 on. NULL: nothing is gained. */
    void (*prefetch)(const struct exchange *exchange, unsigned step);
};

/* Embedded first in the transport's own stream struct. */
struct exchange {
    const struct exchange_transport *transport;
    struct loop *loop;
    struct arena *arena; /* lives as long as the exchange, which lies in it */

    /* The request's head. */
    const char *method;          /* NUL-terminated, as are path and peer */
    const char *path;            /* without the query */
    const char *query;           /* after "?"; NULL when there is none */
    const char *peer;            /* the client's numeric address, without port */
    struct http_header *headers; /* without pseudo-headers */
    size_t header_count;
    int http_major;    /* 1 or 2 */
    bool has_trailers; /* whether end() can send trailers */
    bool full_duplex;  /* whether body pieces come before the whole request was read */
    bool secure;       /* TLS */

    /* The RPC layer's. */
    bool whole_request; /* nothing happens before the request is whole: pauses in it are bounded */
    bool patient; /* a live stream: a peer that is there may take what is pending when it likes */
    const struct exchange_events *events;
    void *call;
};

/* Value of a header, or NULL. Only the first of its name. */
const struct http_header *exchange_header(const struct exchange *exchange, const char *name);

struct rpc_server;

/* Takes the exchange over if its path is a registered method's and sets events and call;
 * otherwise returns false and the transport serves it as an ordinary HTTP request (or answers
 * 404). Called when the head is complete, on the loop's stack. */
bool rpc_accept(struct rpc_server *server, struct exchange *exchange);

/* Whether `path` names a registered service or has its shape and an RPC content type: for
 * transports that must decide before they have an exchange. */
bool rpc_is_method_path(const struct rpc_server *server, const char *path, size_t length);

#endif
