/* Accepting: the port, the first bytes, TLS. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "server/http/connection.h"

#define BACKLOG 4096
#define ACCEPTS_PER_TICK 64
#define FULL_NOTICE_MS 10000 /* between two lines that say so */

/* Of all loops, since the limit on descriptors is the process's. */
static atomic_uint open_connections;

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
    atomic_fetch_sub(&open_connections, 1);
    free(connection);
    tell_if_drained(listener);
}

static void on_linger_over(struct loop_timer *timer)
{
    connection_free((struct connection *)((char *)timer - offsetof(struct connection, timer)));
}

static void on_late_bytes(h2o_socket_t *socket, const char *error)
{
    struct connection *connection = socket->data;

    if (error != NULL || socket->input->size > connection->late_bytes_max) {
        connection_free(connection);
        return;
    }
    connection->late_bytes_max -= socket->input->size;
    h2o_buffer_consume(&socket->input, socket->input->size);
}

void connection_linger(struct connection *connection, size_t late_bytes_max)
{
    struct http_listener *listener = connection->listener;

    if (listener->draining) {
        connection_free(connection);
        return;
    }
    connection = connection_replace(connection, sizeof(*connection));
    connection->drain = connection_free;
    connection->close = connection_free;
    connection->late_bytes_max = late_bytes_max;
    connection->timer.fn = on_linger_over;
    loop_timer_set(listener->loop, &connection->timer, listener->config->linger_ms);
    shutdown(h2o_socket_get_fd(connection->socket), SHUT_WR);
    h2o_socket_dont_read(connection->socket, 0);
    h2o_buffer_consume(&connection->socket->input, connection->socket->input->size);
    h2o_socket_read_start(connection->socket, on_late_bytes);
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

/* Takes the header of a trusted proxy from the input. False when there is nothing to go on with:
 * it is not whole, or the connection was closed. */
static bool take_proxy_header(struct connection *connection)
{
    h2o_buffer_t **input = &connection->socket->input;
    char address[INET6_ADDRSTRLEN];
    size_t size;

    switch (proxy_parse((const uint8_t *)(*input)->bytes, (*input)->size, &size, address)) {
    case PROXY_MORE:
        return false;
    case PROXY_BAD:
        log_warning("connection closed: a proxy that http.proxies trusts did not name its client",
                    LOG_STRING("peer", connection->peer));
        connection_free(connection);
        return false;
    case PROXY_CLIENT:
        memcpy(connection->peer, address, sizeof(address));
        break;
    case PROXY_LOCAL:
        break;
    }
    connection->awaits_proxy = false;
    h2o_buffer_consume(input, size);
    return (*input)->size > 0;
}

static void on_first_bytes(h2o_socket_t *socket, const char *error)
{
    static const char preface[] = "PRI ";
    struct connection *connection = socket->data;
    SSL_CTX *tls = connection->listener->config->tls;
    const char *bytes;
    size_t length;

    if (error != NULL) {
        connection_free(connection);
        return;
    }
    if (socket->input->size == 0 || (connection->awaits_proxy && !take_proxy_header(connection)))
        return;
    bytes = socket->input->bytes;
    length = socket->input->size;
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

static void name_peer(struct connection *connection, const struct sockaddr *address)
{
    const struct http_config *config = connection->listener->config;

    getnameinfo(address, sizeof(struct sockaddr_storage), connection->peer,
                sizeof(connection->peer), NULL, 0, NI_NUMERICHOST);
    connection->awaits_proxy = proxy_networks_contain(&config->proxy_networks, address);
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
        name_peer(connection, (struct sockaddr *)&address);
    socket->data = connection;
    link_connection(connection);
    listener->stats.accepted++;
    connection->timer.fn = on_slow_start;
    loop_timer_set(listener->loop, &connection->timer, listener->config->header_ms);
    h2o_socket_read_start(socket, on_first_bytes);
}

static void on_accept(h2o_socket_t *socket, const char *error);

static void on_accept_timer(struct loop_timer *timer)
{
    struct http_listener *listener =
        (struct http_listener *)((char *)timer - offsetof(struct http_listener, accept_timer));

    h2o_socket_read_start(listener->socket, on_accept);
}

/* Without a descriptor the listening socket stays readable: waiting for it would be a busy loop.
 * Clients wait in the backlog meanwhile. */
static void pause_accepting(struct http_listener *listener, const char *reason)
{
    h2o_socket_read_stop(listener->socket);
    listener->accept_timer.fn = on_accept_timer;
    loop_timer_set(listener->loop, &listener->accept_timer, LIMIT_ACCEPT_PAUSE_MS);
    if (listener->told_full_ms == 0 ||
        loop_now_ms(listener->loop) - listener->told_full_ms >= FULL_NOTICE_MS) {
        listener->told_full_ms = loop_now_ms(listener->loop);
        log_warning("no more connections are taken for now", LOG_STRING("reason", reason),
                    LOG_INT("connections", atomic_load(&open_connections)));
    }
}

/* False when there is none, or no room for one. */
static bool accept_one(struct http_listener *listener)
{
    h2o_socket_t *accepted;

    if (atomic_fetch_add(&open_connections, 1) >= listener->config->max_connections) {
        atomic_fetch_sub(&open_connections, 1);
        pause_accepting(listener, "too many connections; see http.max_connections and ulimit -n");
        return false;
    }
    accepted = h2o_evloop_socket_accept(listener->socket);
    if (accepted != NULL) {
        start_connection(listener, accepted);
        return true;
    }
    atomic_fetch_sub(&open_connections, 1);
    if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        pause_accepting(listener, strerror(errno));
    return false;
}

static void on_accept(h2o_socket_t *socket, const char *error)
{
    struct http_listener *listener = socket->data;

    for (int i = 0; error == NULL && i < ACCEPTS_PER_TICK; i++)
        if (!accept_one(listener))
            return;
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

static void set_default(uint32_t *value, uint32_t fallback)
{
    if (*value == 0)
        *value = fallback;
}

static void set_defaults(struct http_config *config)
{
    struct rlimit limit = {.rlim_cur = 1024};
    uint32_t descriptors, reserved;

    set_default(&config->header_ms, LIMIT_HEADER_MS);
    set_default(&config->body_ms, LIMIT_BODY_STALL_MS);
    set_default(&config->write_ms, LIMIT_WRITE_STALL_MS);
    set_default(&config->idle_ms, LIMIT_IDLE_MS);
    set_default(&config->linger_ms, LIMIT_LINGER_MS);
    set_default(&config->keepalive_ms, LIMIT_KEEPALIVE_MS);
    set_default(&config->keepalive_timeout_ms, LIMIT_KEEPALIVE_TIMEOUT_MS);
    getrlimit(RLIMIT_NOFILE, &limit);
    descriptors = limit.rlim_cur > INT32_MAX ? INT32_MAX : (uint32_t)limit.rlim_cur;
    reserved =
        descriptors / 2 < LIMIT_RESERVED_DESCRIPTORS ? descriptors / 2 : LIMIT_RESERVED_DESCRIPTORS;
    set_default(&config->max_connections, descriptors - reserved);
}

enum status http_prepare(struct http_config *config, char *reterr, size_t reterr_size)
{
    const char *item;
    size_t length;
    int probe;

    set_defaults(config);
    if (!proxy_networks_parse(&config->proxy_networks, config->proxies, &item, &length)) {
        snprintf(reterr, reterr_size,
                 "http.proxies: '%.*s' is no address or network such as 10.0.0.0/8", (int)length,
                 item);
        return STATUS_INVALID_ARGUMENT;
    }
    if ((config->tls_certificate == NULL) != (config->tls_key == NULL)) {
        snprintf(reterr, reterr_size, "set both http.tls_certificate and http.tls_key, or neither");
        return STATUS_INVALID_ARGUMENT;
    }
    if (config->tls_certificate != NULL) {
        config->tls = tls_load(config->tls_certificate, config->tls_key, config->tls_client_ca,
                               reterr, reterr_size);
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
    listener->input = malloc(HTTP_RECEIVE_BYTES);
    if (listener->input == NULL)
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
    loop_timer_cancel(listener->loop, &listener->accept_timer);
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
    free(listener->input);
    free(listener);
}

uint16_t http_port(const struct http_listener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);

    if (listener->socket == NULL ||
        getsockname(h2o_socket_get_fd(listener->socket), (struct sockaddr *)&address, &length) != 0)
        return 0;
    // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): getsockname() wrote it
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
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
