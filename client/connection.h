/* connection.h - what client.c (the connection) and call.c (one call on it) share. Private to
 * client/. */
#ifndef WAYSTONE_CLIENT_CONNECTION_H
#define WAYSTONE_CLIENT_CONNECTION_H

#include <nghttp2/nghttp2.h>

#include "client/client.h"
#include "client/transport.h"

struct client_header {
    const char *name, *value; /* in the call's arena */
};

struct client_headers {
    struct client_header *items;
    size_t count, capacity;
    size_t total_bytes;
};

struct rpc_client_call {
    struct client *client;
    struct arena *arena;
    struct rpc_client_call *next, *previous; /* among the client's open calls */
    const struct message_type *response_type;

    int32_t stream_id; /* 0: not opened */
    uint32_t timeout_ms;
    uint64_t deadline_us; /* 0: none */
    bool send_closed;     /* nothing more will be sent */
    bool started;         /* the response's headers are complete */
    bool ended;

    struct client_headers request, headers, trailers;
    int http_status;
    struct buffer outgoing; /* enveloped, not yet taken by the session */
    struct buffer received; /* enveloped, not yet taken by the caller */
    size_t uncredited;      /* received bytes the server's window has not been given back */

    enum status status; /* once it has ended */
    const char *message;
    struct client_detail *details;
    size_t detail_count;
};

struct client {
    struct transport *transport;
    nghttp2_session *session;
    struct rpc_client_call *calls; /* open ones */
    struct buffer unsent;          /* what the transport did not take */
    const char *scheme;
    char *authority;
    bool lost;
};

/* --- client.c --- */

/* Sends what the session has. */
void client_flush(struct client *client);

/* Sends, waits until `deadline_us` (0: for ever) for something to arrive, and handles it. */
void client_pump(struct client *client, uint64_t deadline_us);

void client_add_call(struct client *client, struct rpc_client_call *call);
void client_remove_call(struct client *client, struct rpc_client_call *call);

/* --- call.c, called by the session --- */

/* False if the headers are too many. */
bool call_on_header(struct rpc_client_call *call, const char *name, const char *value);
void call_on_data(struct rpc_client_call *call, const void *data, size_t length);
void call_on_close(struct rpc_client_call *call, uint32_t error_code);

/* Ends the call here; a sentence that outlives it. */
void call_end(struct rpc_client_call *call, enum status status, const char *message);

#endif
