/* internal.h - what the parts of the client share. Private to client/.
 *
 *   call.c      one call: what its owner sets and reads
 *   stream.c    its messages, there and back
 *   outcome.c   how it ended; details.c, metadata.c: what came with that
 *   retry.c     whether it is repeated, and when
 *   client.c    the calls that wait for a connection, and the connections
 *   session.c   HTTP/2 on one connection (nghttp2): bytes in, bytes out
 *   connection.c  a connection from its first packet to its end
 *   transport.c   TCP, with tls.c over it and resolve.c before it
 *   poll_driver.c, loop_driver.c   the two ways to wait
 *
 * Nothing but the drivers waits. Callbacks of nghttp2 note what happened and wake whoever waits
 * for it; no caller's code runs inside of them. */
#ifndef WAYSTONE_CLIENT_INTERNAL_H
#define WAYSTONE_CLIENT_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/coro.h"
#include "base/loop.h"
#include "client/client.h"
#include "client/transport.h"
#include "server/protocol/compress.h"

/* Connections at a time; all but the newest only finish what was begun on them. */
#define CLIENT_MAX_CONNECTIONS 8

struct client_connection;

/* Somebody who waits; on its own stack. */
struct client_waiter {
    struct awaitable done;
    struct loop_timer timer;
    struct client_waiter *next;
};

struct client_calls {
    struct rpc_client_call *first, *last;
};

enum client_call_state {
    CALL_NEW,
    CALL_WAITING, /* for a connection */
    CALL_OPEN,    /* has a stream */
    CALL_RESTING, /* before it is repeated */
    CALL_ENDED,
};

struct rpc_client_call {
    struct client *client;
    struct arena *arena, *message_arena;
    enum client_call_state state;
    const struct client_method *method;
    struct client_connection *connection; /* while open */
    struct client_calls *list;            /* the client's waiting ones or the connection's */
    struct rpc_client_call *next, *previous;
    struct client_waiter *waiters;

    uint32_t timeout_ms;
    uint64_t deadline_us; /* 0: none */
    bool idempotent, wait_for_ready;
    const char *flaw; /* what is wrong with the request's headers */
    unsigned attempts;

    struct client_metadata request;
    struct buffer outgoing; /* enveloped */
    size_t taken_bytes;     /* of it by the session; kept for a repetition */
    bool single;            /* all of the request is in `outgoing` */
    bool send_closed;       /* nothing more will be sent */

    /* The attempt going on, or the last one. */
    int32_t stream_id;
    bool sent;        /* its headers were written */
    bool started;     /* the response's headers are complete */
    bool unprocessed; /* the server surely did nothing */
    int http_status;
    enum compression compression; /* of messages that are marked as compressed */
    struct client_metadata headers, trailers;
    struct buffer received; /* enveloped, not yet taken by the caller */
    size_t uncredited;      /* received bytes the server's window has not been given back */

    enum status status; /* once it has ended */
    const char *message;
    struct client_detail *details;
    size_t detail_count;
};

enum client_connection_state {
    CONNECTION_OPENING,
    CONNECTION_UP,
    CONNECTION_LOST,
};

struct client_connection {
    struct client *client;
    struct client_connection *next; /* among the client's */
    enum client_connection_state state;
    bool draining;  /* takes no new calls */
    bool proven;    /* the server has spoken HTTP/2 */
    bool busy;      /* in the middle of a step: it must not be freed, and is flushed at the end */
    bool ready;     /* the poll driver's: to be looked at */
    bool read_more; /* the last reading ended before the transport was empty */
    struct client_transport *transport;
    nghttp2_session *session; /* once it is up */
    struct client_calls calls;
    struct buffer unsent; /* what the transport did not take */
    uint64_t heard_us;    /* when something came last */
    uint64_t pinged_us;   /* 0: no answer is awaited */
    uint64_t due_us;      /* when it must be looked at; 0: never */

    /* The loop driver's. */
    struct loop_watch *watch;
    unsigned watched; /* the transport's generation */
    struct loop_timer timer;
    uint64_t armed_us; /* what it was set for */
    struct loop_task flush;
};

/* How a client waits: one of two, chosen by whether it has a loop. */
struct client_driver {
    /* Waits until the waiters are woken, or until `until_us` (0: for ever), or for less. Returns
     * what interrupted it. */
    enum status (*wait)(struct client *client, struct client_waiter **waiters, uint64_t until_us);
    void (*wake)(struct client *client, struct client_waiter **waiters);
    /* The connection has something to send. */
    void (*flush)(struct client_connection *connection);
    /* What the connection waits for may have changed. False when that cannot be waited for: the
     * process has no descriptor left. */
    bool (*attend)(struct client_connection *connection);
    /* The client must be looked at (client_look()) at `at_us`; 0: need not. */
    void (*remind)(struct client *client, uint64_t at_us);
    void (*forget)(struct client_connection *connection);
};

extern const struct client_driver client_poll_driver, client_loop_driver;

struct client {
    const struct client_driver *driver;
    struct client_config config; /* with the defaults filled in; no strings */
    bool tls;
    char *authority; /* "host:port" as written */
    char *host, *port;
    SSL_CTX *tls_context;
    struct client_connection *connections; /* newest first */
    struct client_connection *current;     /* for new calls; NULL: none */
    struct client_calls waiting;           /* calls without a connection */
    struct client_waiter *waiters;         /* for a connection */
    unsigned failures;                     /* to connect, in a row */
    unsigned total_failures;
    uint64_t not_before_us; /* no connecting before */
    uint64_t due_us;        /* 0: never */
    struct loop_timer timer;
    char error[256];
};

/* --- lists of calls --- */

void client_calls_add(struct client_calls *calls, struct rpc_client_call *call);
/* From whichever list it is in, if any. */
void client_calls_remove(struct rpc_client_call *call);

/* --- client.c --- */

/* Gives the call a stream as soon as there is a connection. */
void client_queue(struct rpc_client_call *call);

/* Told by a connection: it can take calls; its server speaks HTTP/2; it takes no more; it is lost,
 * because of `error`. */
void client_connection_up(struct client_connection *connection);
void client_connection_proven(struct client_connection *connection);
void client_connection_draining(struct client_connection *connection);
void client_connection_lost(struct client_connection *connection, const char *error);

/* Does what is due. */
void client_look(struct client *client);

/* --- connection.c --- */

struct client_connection *client_connection_open(struct client *client);

/* Reads, writes, and does what is due. May free the connection. */
void client_connection_step(struct client_connection *connection);

/* Writes. May free the connection. */
void client_connection_flush(struct client_connection *connection);

/* Ends the open calls and closes. */
void client_connection_free(struct client_connection *connection);

bool client_connection_wants_write(const struct client_connection *connection);

/* --- session.c --- */

void client_session_open(struct client_connection *connection);

/* False if the session cannot go on. */
bool client_session_receive(struct client_connection *connection, const uint8_t *data,
                            size_t length);

/* Whether the server still takes calls on it. */
bool client_session_takes_calls(const struct client_connection *connection);

/* Gives the call a stream; ends it if that fails. */
void client_session_submit(struct client_connection *connection, struct rpc_client_call *call);

/* --- call.c --- */

/* Ends the attempt here: its stream is reset. `message` outlives the call or is in its arena. */
void client_call_end(struct rpc_client_call *call, enum status status, const char *message);

/* The attempt has ended, and its stream is gone. */
void client_call_finish(struct rpc_client_call *call, enum status status, const char *message);

/* As if it had never been begun. */
void client_call_reset(struct rpc_client_call *call);

/* --- stream.c, called by the session --- */

void client_call_on_header(struct rpc_client_call *call, const char *name, const char *value,
                           size_t value_length);
void client_call_on_headers_end(struct rpc_client_call *call);
void client_call_on_data(struct rpc_client_call *call, const void *data, size_t length);

/* Up to `size_bytes` of the request; `*ret_end` after the last. */
size_t client_call_read(struct rpc_client_call *call, uint8_t *out, size_t size_bytes,
                        bool *ret_end);

/* --- outcome.c --- */

/* The server has closed the stream: how the call ended. */
void client_call_on_close(struct rpc_client_call *call, uint32_t error_code);

/* Ends the call if its headers are no answer of a gRPC server. */
void client_call_check_headers(struct rpc_client_call *call);

/* --- retry.c --- */

/* Whether the attempt that has ended is followed by another one, and when. */
bool client_retry_allowed(struct rpc_client_call *call, uint64_t *ret_at_us);

/* A pause of about `first_ms` doubled `times` times, at most `longest_ms`, with jitter. */
uint64_t client_backoff_us(uint32_t first_ms, uint32_t longest_ms, unsigned times);

/* --- metadata.c --- */

/* False, and nothing is added, past the limits. */
bool client_metadata_add(struct client_metadata *metadata, struct arena *arena, const char *name,
                         const char *value, size_t value_length);

/* What is wrong with a request's header; NULL: nothing. */
const char *client_metadata_flaw(struct arena *arena, const char *name, const char *value);

/* --- details.c --- */

/* Reads a base64 google.rpc.Status and gives back the Anys it holds, in the arena. What is
 * malformed is left out: the status itself came by another trailer. */
void client_details_read(struct arena *arena, const char *text, struct client_detail **ret_details,
                         size_t *ret_count);

/* google.rpc.RetryInfo's delay; false when it is malformed. */
bool client_details_retry_delay(struct bytes retry_info, uint64_t *ret_delay_us);

#endif
