/* connection.h - what the listener and the two protocols share; only for server/http. */
#ifndef WAYSTONE_SERVER_HTTP_CONNECTION_H
#define WAYSTONE_SERVER_HTTP_CONNECTION_H

#include <h2o/socket.h>
#include <netinet/in.h>

#include "server/exchange.h"
#include "server/http/http.h"

#define HTTP_RECEIVE_BYTES (256 * 1024) /* by one system call */

struct connection;

struct http_listener {
    struct loop *loop;
    struct rpc_server *server;
    const struct http_config *config;
    h2o_socket_t *socket; /* NULL once draining */
    struct connection *connections;
    uint8_t *input; /* HTTP_RECEIVE_BYTES that the connections receive into in turn */
    struct http_stats stats;
    struct nghttp2_session_callbacks *h2_callbacks; /* made by the first session */
    struct loop_timer accept_timer;                 /* set while no more connections are taken */
    uint64_t told_full_ms; /* when the log last said that no more are taken */
    bool draining;
    void (*on_drained)(void *argument);
    void *drained_argument;
};

/* Embedded first in the struct of each protocol. Freed by its protocol's `close`. */
struct connection {
    struct http_listener *listener;
    h2o_socket_t *socket;
    struct connection *next, *previous;
    struct loop_timer timer;
    char peer[INET6_ADDRSTRLEN];
    bool secure;
    bool awaits_proxy;     /* a trusted proxy has yet to name its client */
    size_t late_bytes_max; /* of a lingering connection: what may still come */
    /* Asks the client to leave; the connection closes itself when its exchanges are done. */
    void (*drain)(struct connection *connection);
    /* Ends it now: its exchanges are closed, its memory is freed. */
    void (*close)(struct connection *connection);
};

/* Take over a connection whose first bytes are in socket->input; `from` is freed. */
void h1_start(struct connection *from);
void h2_start(struct connection *from);

/* Moves the common part into a new struct of `size_bytes`, zeroed behind it, and frees `from`.
 * The socket's data points to the new one. */
struct connection *connection_replace(struct connection *from, size_t size_bytes);

/* Closes the socket, forgets the connection and frees it. */
void connection_free(struct connection *connection);

/* The same for a peer that may still be sending: closing while bytes are unread would reset the
 * connection, and the peer might never see what was written last. So only this side is ended,
 * and what comes is dropped, for a while and up to `late_bytes_max`. Nothing may be in flight. */
void connection_linger(struct connection *connection, size_t late_bytes_max);

/* Gives a request to the call layer; false if it is no call, and so for the site. */
bool exchange_to_call(struct http_listener *listener, struct exchange *exchange);

/* Headers that every answer needs beside its own, written to `out` (room for COMMON_HEADERS_MAX):
 * those that keep browsers from doing more with it than was meant, and those of an answer to
 * another origin. Returns their count. */
#define COMMON_HEADERS_MAX 7
size_t common_headers(const struct http_config *config, const struct exchange *exchange,
                      const struct http_header *own, size_t own_count, struct http_header *out);

/* --- site.c --- */

struct site *site_load(const struct http_config *config);
void site_free(struct site *site);
void site_serve(const struct http_config *config, struct exchange *exchange);

/* --- tls.c --- */

struct ssl_ctx_st *tls_load(const char *certificate, const char *key, const char *client_ca,
                            char *reterr, size_t reterr_size);

#endif
