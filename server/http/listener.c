/* Accepting: the port, the first bytes, TLS. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "server/http/connection.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TICK 64

/* --- life of a connection --- */

static void link_connection(struct connection *connection)
{
    struct http_listener *listener = connection->listener;

    connection->previous = NULL;
    connection->next = listener->connections;
    if (listener->connections != NULL)
        listener->connections->previous = connection;
    listener->connections = connection;
    listener->stats.connections++;
}

static void unlink_connection(struct connection *connection)
{
    struct http_listener *listener = connection->listener;

    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        listener->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    listener->stats.connections--;
}

static void tell_if_drained(struct http_listener *listener)
{
    if (listener->draining && listener->connections == NULL && listener->on_drained != NULL) {
        void (*on_drained)(void *argument) = listener->on_drained;
        listener->on_drained = NULL;
        on_drained(listener->drained_argument);
    }
}

struct connection *connection_replace(struct connection *from, size_t size_bytes)
{
    struct connection *to = calloc(1, size_bytes);

    if (to == NULL)
        abort();
    unlink_connection(from);
    loop_timer_cancel(from->listener->loop, &from->timer);
    *to = *from;
    to->timer = (struct loop_timer){0};
    to->socket->data = to;
    link_connection(to);
    free(from);
    return to;
}

void connection_free(struct connection *connection)
{
    struct http_listener *listener = connection->listener;

    loop_timer_cancel(listener->loop, &connection->timer);
    unlink_connection(connection);
    h2o_socket_close(connection->socket);
    free(connection);
    tell_if_drained(listener);
}

/* --- first bytes --- */

static void on_slow_start(struct loop_timer *timer)
{
    connection_free((struct connection *)((char *)timer - offsetof(struct connection, timer)));
}

static void on_handshake(h2o_socket_t *socket, const char *error)
{
    struct connection *connection = socket->data;
    h2o_iovec_t protocol;

    if (error != NULL) {
        connection_free(connection);
        return;
    }
    connection->secure = true;
    protocol = h2o_socket_ssl_get_selected_protocol(socket);
    if (protocol.len == 2 && memcmp(protocol.base, "h2", 2) == 0)
        h2_start(connection);
    else
        h1_start(connection);
}

static void on_first_bytes(h2o_socket_t *socket, const char *error)
{
    static const char preface[] = "PRI ";
    struct connection *connection = socket->data;
    const char *bytes = socket->input->bytes;
    size_t length = socket->input->size;
    SSL_CTX *tls = connection->listener->config->tls;

    if (error != NULL) {
        connection_free(connection);
        return;
    }
    if (length == 0)
        return;
    if (bytes[0] == 0x16 && tls != NULL) {
        h2o_socket_read_stop(socket); /* the handshake adopts socket->input as ciphertext */
        h2o_socket_ssl_handshake(socket, tls, NULL, on_handshake);
        return;
    }
    if (memcmp(bytes, preface, length < 4 ? length : 4) != 0) {
        h2o_socket_read_stop(socket);
        h1_start(connection);
    } else if (length >= 4) {
        h2o_socket_read_stop(socket);
        h2_start(connection);
    }
}

/* The handshake belongs to h2o until its callback. */
static void close_unstarted(struct connection *connection)
{
    connection_free(connection);
}

static void start_connection(struct http_listener *listener, h2o_socket_t *socket)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    struct sockaddr_storage address;
    int one = 1;

    if (connection == NULL)
        abort();
    setsockopt(h2o_socket_get_fd(socket), IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    connection->listener = listener;
    connection->socket = socket;
    connection->drain = close_unstarted;
    connection->close = close_unstarted;
    /* Now, since a peer that is gone has no name. */
    if (h2o_socket_getpeername(socket, (struct sockaddr *)&address) > 0)
        getnameinfo((struct sockaddr *)&address, sizeof(address), connection->peer,
                    sizeof(connection->peer), NULL, 0, NI_NUMERICHOST);
    socket->data = connection;
    link_connection(connection);
    listener->stats.accepted++;
    connection->timer.fn = on_slow_start;
    loop_timer_set(listener->loop, &connection->timer, LIMIT_HANDSHAKE_MS);
    h2o_socket_read_start(socket, on_first_bytes);
}

static void on_accept(h2o_socket_t *socket, const char *error)
{
    struct http_listener *listener = socket->data;

    for (int i = 0; error == NULL && i < ACCEPTS_PER_TICK; i++) {
        h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);
        if (accepted == NULL)
            return;
        start_connection(listener, accepted);
    }
}

/* --- the port --- */

static int bind_port(const struct http_config *config, bool share, char *reterr, size_t reterr_size)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *address;
    char port[8];
    int one = 1, fd, error;

    snprintf(port, sizeof(port), "%u", config->port);
    error = getaddrinfo(config->address, port, &hints, &address);
    if (error != 0) {
        snprintf(reterr, reterr_size, "http.address '%s' must be a numeric address: %s",
                 config->address, gai_strerror(error));
        return -1;
    }
    fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (share)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (fd < 0 || bind(fd, address->ai_addr, address->ai_addrlen) != 0 ||
        (!share ? 0 : listen(fd, BACKLOG)) != 0) {
        snprintf(reterr, reterr_size,
                 errno == EADDRINUSE
                     ? "port %s is in use; stop what uses it or set http.port to another"
                     : "cannot listen on port %s; set http.port or http.address to another",
                 port);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(address);
    return fd;
}

enum status http_prepare(struct http_config *config, char *reterr, size_t reterr_size)
{
    int probe;

    if ((config->tls_certificate == NULL) != (config->tls_key == NULL)) {
        snprintf(reterr, reterr_size, "set both http.tls_certificate and http.tls_key, or neither");
        return STATUS_INVALID_ARGUMENT;
    }
    if (config->tls_certificate != NULL) {
        config->tls = tls_load(config->tls_certificate, config->tls_key, reterr, reterr_size);
        if (config->tls == NULL)
            return STATUS_INVALID_ARGUMENT;
    }
    probe = bind_port(config, false, reterr, reterr_size);
    if (probe < 0)
        return STATUS_UNAVAILABLE;
    close(probe);
    config->site = site_load(config);
    return STATUS_OK;
}

void http_config_clear(struct http_config *config)
{
    SSL_CTX_free(config->tls);
    site_free(config->site);
    config->tls = NULL;
    config->site = NULL;
}

void http_add_page(struct http_config *config, const char *path, http_render_fn render, void *user)
{
    assert(config->page_count < HTTP_MAX_PAGES);
    config->pages[config->page_count].path = path;
    config->pages[config->page_count].render = render;
    config->pages[config->page_count++].user = user;
}

void http_add_document(struct http_config *config, const char *path, const void *data,
                       size_t length)
{
    assert(config->document_count < HTTP_MAX_DOCUMENTS);
    config->documents[config->document_count].path = path;
    config->documents[config->document_count].data = data;
    config->documents[config->document_count++].length = length;
}

struct http_listener *http_listen(struct loop *loop, struct rpc_server *server,
                                  const struct http_config *config, char *reterr,
                                  size_t reterr_size)
{
    struct http_listener *listener;
    int fd = bind_port(config, true, reterr, reterr_size);

    if (fd < 0)
        return NULL;
    listener = calloc(1, sizeof(*listener));
    if (listener == NULL)
        abort();
    listener->loop = loop;
    listener->server = server;
    listener->config = config;
    listener->socket = h2o_evloop_socket_create(loop_h2o(loop), fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
    h2o_socket_read_start(listener->socket, on_accept);
    return listener;
}

static void stop_accepting(struct http_listener *listener)
{
    if (listener->socket == NULL)
        return;
    h2o_socket_read_stop(listener->socket);
    h2o_socket_close(listener->socket);
    listener->socket = NULL;
}

void http_drain(struct http_listener *listener, void (*on_drained)(void *argument), void *argument)
{
    struct connection *next;

    stop_accepting(listener);
    listener->on_drained = on_drained;
    listener->drained_argument = argument;
    for (struct connection *connection = listener->connections; connection; connection = next) {
        next = connection->next;
        connection->drain(connection);
    }
    listener->draining = true;
    tell_if_drained(listener);
}

void http_close(struct http_listener *listener)
{
    if (listener == NULL)
        return;
    stop_accepting(listener);
    listener->on_drained = NULL;
    while (listener->connections != NULL)
        listener->connections->close(listener->connections);
    nghttp2_session_callbacks_del(listener->h2_callbacks);
    free(listener);
}

size_t http_connection_count(const struct http_listener *listener)
{
    return listener->stats.connections;
}

void http_stats(const struct http_listener *listener, struct http_stats *ret)
{
    *ret = listener->stats;
}

/* --- routing --- */

bool exchange_to_call(struct http_listener *listener, struct exchange *exchange)
{
    return strcmp(exchange->method, "OPTIONS") != 0 && rpc_accept(listener->server, exchange);
}
