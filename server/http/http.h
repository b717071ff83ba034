/* http.h - the one port: HTTP/1.1 and HTTP/2, in cleartext and TLS, for calls and for files.
 *
 * Each loop has a listener of its own on the same port (SO_REUSEPORT). The first bytes of a
 * connection tell what it speaks: 0x16 is TLS, where ALPN chooses; "PRI " is HTTP/2; anything
 * else is HTTP/1.1. Every request becomes a struct exchange (server/exchange.h): calls go to
 * rpc_accept(), the rest to the site: the web client's files and the pages added here.
 *
 * http_prepare() and http_add_...() are called once, before the loops start; the rest belongs
 * to the listener's loop. */
#ifndef WAYSTONE_SERVER_HTTP_HTTP_H
#define WAYSTONE_SERVER_HTTP_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/loop.h"
#include "base/status.h"
#include "server/http/proxy.h"

struct rpc_server;
struct http_listener;
struct site;
struct ssl_ctx_st;

/* A page made anew for each request. */
struct http_page {
    int status;               /* 200 */
    const char *content_type; /* "text/plain; charset=utf-8" */
    struct buffer body;
};
typedef void (*http_render_fn)(void *user, struct http_page *page);

#define HTTP_MAX_PAGES 16
#define HTTP_MAX_DOCUMENTS 8

struct http_config {
    const char *address;
    uint16_t port;
    const char *tls_certificate; /* PEM files; NULL: cleartext only */
    const char *tls_key;
    const char *tls_client_ca; /* PEM file: clients must show a certificate of these; NULL: none */
    const char *web_root;      /* directory of the built web client */
    const char *origins;       /* other sites whose scripts may call, separated by spaces */
    /* Networks of load balancers, separated by spaces, whose connections all begin with a header
     * of the PROXY protocol, version 2, that names the client. */
    const char *proxies;

    /* What a peer may take; 0: the default of base/limits.h. */
    uint32_t header_ms; /* handshake; first byte to the end of a head */
    uint32_t body_ms;   /* between two pieces of a request that is answered as a whole */
    uint32_t write_ms;  /* to take some of what is pending */
    uint32_t idle_ms;   /* without a request */
    uint32_t linger_ms; /* to read the last words of a connection that was broken off */
    uint32_t keepalive_ms, keepalive_timeout_ms; /* silence before a PING, and after it */
    uint32_t max_connections; /* of the process; 0: what the descriptor limit allows */

    /* filled by http_add_page(), http_add_document() and http_prepare() */
    struct {
        const char *path;
        http_render_fn render;
        void *user;
    } pages[HTTP_MAX_PAGES];
    size_t page_count;
    struct {
        const char *path;
        const void *data;
        size_t length;
    } documents[HTTP_MAX_DOCUMENTS];
    size_t document_count;
    struct site *site;
    struct ssl_ctx_st *tls;
    struct proxy_networks proxy_networks;
};

/* Serves `render` at `path`; both must outlive the configuration. Runs on the loop's stack. */
void http_add_page(struct http_config *config, const char *path, http_render_fn render, void *user);

/* Serves bytes that are part of the program like a file of the web client; the ending of `path`
 * tells their type. They win over a file of that name, and must outlive the configuration. */
void http_add_document(struct http_config *config, const char *path, const void *data,
                       size_t length);

/* Loads certificate and files, and makes sure that the port is free, since SO_REUSEPORT would
 * hide that it is not. One sentence in `reterr`. */
enum status http_prepare(struct http_config *config, char *reterr, size_t reterr_size) MUST_CHECK;
void http_config_clear(struct http_config *config);

/* Listens on the calling thread's loop. NULL with one sentence in `reterr`. */
struct http_listener *http_listen(struct loop *loop, struct rpc_server *server,
                                  const struct http_config *config, char *reterr,
                                  size_t reterr_size);

/* Stops accepting, asks every client to go elsewhere, lets open exchanges finish; then calls
 * `on_drained`, perhaps at once. */
void http_drain(struct http_listener *listener, void (*on_drained)(void *argument), void *argument);

/* The port it listens on, also when the configuration left the choice to the system. */
uint16_t http_port(const struct http_listener *listener);

size_t http_connection_count(const struct http_listener *listener);

/* Closes the listener and every connection. Accepts NULL. */
void http_close(struct http_listener *listener);

struct http_stats {
    size_t connections, streams;
    uint64_t accepted, abusive;
};
void http_stats(const struct http_listener *listener, struct http_stats *ret);

#endif
