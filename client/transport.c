#include "client/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

enum stage { RESOLVING, CONNECTING, SHAKING_HANDS, OPEN, FAILED };

struct client_transport {
    struct client_target target;
    enum stage stage;
    uint64_t deadline_us; /* of all of connecting */
    uint64_t due_us;      /* of this address */
    struct client_resolution *resolution;
    struct addrinfo *addresses, *next_address;
    int fd;
    unsigned generation;
    SSL *ssl;
    bool tls_wants_write; /* a read or handshake waits for room to write */
    char error[224];
};

/* --- life --- */

struct client_transport *client_transport_new(const struct client_target *target,
                                              uint64_t deadline_us)
{
    struct client_transport *transport = calloc(1, sizeof(*transport));

    if (transport == NULL)
        abort();
    transport->target = *target;
    transport->deadline_us = transport->due_us = deadline_us;
    transport->fd = -1;
    transport->resolution = client_resolve(target->host, target->port);
    return transport;
}

static void close_socket(struct client_transport *transport)
{
    SSL_free(transport->ssl);
    transport->ssl = NULL;
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
}

void client_transport_free(struct client_transport *transport)
{
    if (transport == NULL)
        return;
    if (transport->ssl != NULL && transport->stage == OPEN)
        (void)SSL_shutdown(transport->ssl); /* says that nothing was cut off; not waited for */
    close_socket(transport);
    client_resolution_free(transport->resolution);
    if (transport->addresses != NULL)
        freeaddrinfo(transport->addresses);
    ERR_clear_error();
    free(transport);
}

/* --- connecting --- */

static enum client_transport_progress fail(struct client_transport *transport, const char *format,
                                           ...) PRINTF_LIKE(2, 3);

static enum client_transport_progress fail(struct client_transport *transport, const char *format,
                                           ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(transport->error, sizeof(transport->error), format, arguments);
    va_end(arguments);
    transport->stage = FAILED;
    return TRANSPORT_FAILED;
}

/* Each address gets its share of the time that is left. */
static uint64_t address_due_us(const struct client_transport *transport,
                               const struct addrinfo *address)
{
    uint64_t now_us = clock_monotonic_us();
    uint64_t count = 0;

    for (; address != NULL; address = address->ai_next)
        count++;
    return now_us >= transport->deadline_us ? now_us
                                            : now_us + (transport->deadline_us - now_us) / count;
}

/* 0 or an errno. */
static int begin_connecting(struct client_transport *transport, const struct addrinfo *address)
{
    int on = 1;

    transport->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    transport->generation++;
    if (transport->fd < 0)
        return errno;
    setsockopt(transport->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(transport->fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS)
        return 0;
    return errno;
}

static enum client_transport_progress try_addresses(struct client_transport *transport, int error)
{
    while (transport->next_address != NULL) {
        const struct addrinfo *address = transport->next_address;
        close_socket(transport);
        transport->due_us = address_due_us(transport, address);
        transport->next_address = address->ai_next;
        error = begin_connecting(transport, address);
        if (error == 0) {
            transport->stage = CONNECTING;
            return TRANSPORT_OPENING;
        }
    }
    return fail(transport, "cannot connect to %s:%s: %s", transport->target.host,
                transport->target.port, strerror(error));
}

static enum client_transport_progress go_on_resolving(struct client_transport *transport)
{
    int error;

    if (!client_resolution_take(transport->resolution, &transport->addresses, &error))
        return TRANSPORT_OPENING;
    if (error != 0)
        return fail(transport, "cannot resolve '%s': %s", transport->target.host,
                    gai_strerror(error));
    transport->next_address = transport->addresses;
    return try_addresses(transport, EHOSTUNREACH);
}

/* The socket's error; EINPROGRESS while it is neither connected nor refused. */
static int connect_result(int fd)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(int);
    int error = 0;

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0)
        return error;
    length = sizeof(peer);
    return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 ? 0 : EINPROGRESS;
}

static enum client_transport_progress shake_hands(struct client_transport *transport);

static enum client_transport_progress go_on_connecting(struct client_transport *transport)
{
    int error = connect_result(transport->fd);

    if (error == EINPROGRESS)
        return TRANSPORT_OPENING;
    if (error != 0)
        return try_addresses(transport, error);
    transport->due_us = transport->deadline_us;
    if (transport->target.tls == NULL) {
        transport->stage = OPEN;
        return TRANSPORT_READY;
    }
    transport->ssl = client_tls_open(transport->target.tls, transport->fd, transport->target.host);
    if (transport->ssl == NULL)
        return fail(transport, "TLS cannot be set up");
    transport->stage = SHAKING_HANDS;
    return shake_hands(transport);
}

/* Whether to wait and try again; remembers for what. */
static bool tls_must_wait(struct client_transport *transport, int result)
{
    int error = SSL_get_error(transport->ssl, result);

    transport->tls_wants_write = error == SSL_ERROR_WANT_WRITE;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static enum client_transport_progress shake_hands(struct client_transport *transport)
{
    const unsigned char *protocol;
    unsigned length;
    int result;

    ERR_clear_error();
    result = SSL_connect(transport->ssl);
    if (result != 1 && tls_must_wait(transport, result))
        return TRANSPORT_OPENING;
    if (result != 1) {
        client_tls_describe(transport->ssl, transport->error, sizeof(transport->error));
        transport->stage = FAILED;
        return TRANSPORT_FAILED;
    }
    SSL_get0_alpn_selected(transport->ssl, &protocol, &length);
    if (length != 2 || memcmp(protocol, "h2", 2) != 0)
        return fail(transport, "the server does not speak HTTP/2 over TLS");
    transport->stage = OPEN;
    return TRANSPORT_READY;
}

static enum client_transport_progress time_is_over(struct client_transport *transport)
{
    switch (transport->stage) {
    case RESOLVING:
        return fail(transport, "cannot resolve '%s' in time", transport->target.host);
    case CONNECTING:
        return try_addresses(transport, ETIMEDOUT);
    default:
        return fail(transport, "the TLS handshake took too long");
    }
}

enum client_transport_progress client_transport_advance(struct client_transport *transport)
{
    enum client_transport_progress progress = TRANSPORT_OPENING;

    if (transport->stage == RESOLVING)
        progress = go_on_resolving(transport);
    else if (transport->stage == CONNECTING)
        progress = go_on_connecting(transport);
    else if (transport->stage == SHAKING_HANDS)
        progress = shake_hands(transport);
    else
        return transport->stage == OPEN ? TRANSPORT_READY : TRANSPORT_FAILED;
    if (progress == TRANSPORT_OPENING && clock_monotonic_us() >= transport->due_us)
        return time_is_over(transport);
    return progress;
}

const char *client_transport_error(const struct client_transport *transport)
{
    return transport->error;
}

/* --- what to wait for --- */

int client_transport_fd(const struct client_transport *transport, unsigned *ret_generation)
{
    *ret_generation = transport->generation;
    return transport->stage == RESOLVING ? client_resolution_fd(transport->resolution)
                                         : transport->fd;
}

bool client_transport_wants_write(const struct client_transport *transport)
{
    return transport->stage == CONNECTING || transport->tls_wants_write;
}

uint64_t client_transport_due_us(const struct client_transport *transport)
{
    return transport->due_us;
}

/* --- bytes --- */

static ssize_t tls_result(struct client_transport *transport, int result)
{
    if (result > 0)
        return result;
    if (tls_must_wait(transport, result))
        return TRANSPORT_AGAIN;
    /* With TLS 1.3 a server refuses a client's certificate only now. */
    if (ERR_peek_last_error() != 0)
        snprintf(transport->error, sizeof(transport->error), "the connection was lost: %s",
                 ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    return TRANSPORT_CLOSED;
}

static ssize_t tcp_result(ssize_t result)
{
    if (result > 0)
        return result;
    if (result < 0 && (errno == EAGAIN || errno == EINTR))
        return TRANSPORT_AGAIN;
    return TRANSPORT_CLOSED;
}

ssize_t client_transport_read(struct client_transport *transport, void *out, size_t size_bytes)
{
    if (transport->ssl == NULL)
        return tcp_result(recv(transport->fd, out, size_bytes, 0));
    ERR_clear_error();
    return tls_result(transport, SSL_read(transport->ssl, out, (int)size_bytes));
}

ssize_t client_transport_write(struct client_transport *transport, const void *data,
                               size_t size_bytes)
{
    if (transport->ssl == NULL)
        return tcp_result(send(transport->fd, data, size_bytes, MSG_NOSIGNAL));
    ERR_clear_error();
    return tls_result(transport, SSL_write(transport->ssl, data, (int)size_bytes));
}
