#include "client/transport.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct transport {
    int fd;
    SSL_CTX *context; /* NULL in clear */
    SSL *ssl;
    bool tls_wants_write; /* a read or handshake waits for room to write */
};

struct failure {
    char *text;
    size_t size;
};

static enum status fail(const struct failure *failure, const char *format, ...) PRINTF_LIKE(2, 3);

static enum status fail(const struct failure *failure, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(failure->text, failure->size, format, arguments);
    va_end(arguments);
    return STATUS_UNAVAILABLE;
}

static int remaining_ms(uint64_t deadline_us)
{
    uint64_t now_us = clock_monotonic_us();

    return now_us >= deadline_us ? 0 : (int)((deadline_us - now_us + 999) / 1000);
}

/* --- TCP --- */

/* 0 or an errno. */
static int finish_connecting(int fd, uint64_t deadline_us)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    socklen_t length = sizeof(int);
    int error = 0;

    for (;;) {
        int left_ms = remaining_ms(deadline_us);
        int ready = poll(&poll_fd, 1, left_ms);
        if (ready > 0)
            break;
        if (ready == 0)
            return ETIMEDOUT;
        if (errno != EINTR)
            return errno;
    }
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

static int connect_address(const struct addrinfo *address, uint64_t deadline_us, int *ret_fd)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, error = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
        error = errno == EINPROGRESS ? finish_connecting(fd, deadline_us) : errno;
    if (error != 0) {
        close(fd);
        return error;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *ret_fd = fd;
    return 0;
}

static enum status connect_host(struct transport *transport, const struct transport_target *target,
                                uint64_t deadline_us, const struct failure *failure)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses;
    int error = getaddrinfo(target->host, target->port, &hints, &addresses);

    if (error != 0)
        return fail(failure, "cannot resolve '%s': %s", target->host, gai_strerror(error));
    error = EHOSTUNREACH;
    for (const struct addrinfo *address = addresses; address != NULL && error != 0;
         address = address->ai_next)
        error = connect_address(address, deadline_us, &transport->fd);
    freeaddrinfo(addresses);
    if (error != 0)
        return fail(failure, "cannot connect to %s:%s: %s", target->host, target->port,
                    strerror(error));
    return STATUS_OK;
}

/* --- TLS --- */

static const char *tls_error(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason != NULL ? reason : "the connection was closed";
}

static bool is_address(const char *host)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *address;

    if (getaddrinfo(host, NULL, &hints, &address) != 0)
        return false;
    freeaddrinfo(address);
    return true;
}

/* The peer must prove to be `host`, and SNI tells it which host that is. */
static bool expect_host(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

static enum status prepare_tls(struct transport *transport, const struct transport_target *target,
                               const struct failure *failure)
{
    static const unsigned char protocols[] = "\x02h2";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    transport->context = context;
    if (context == NULL)
        return fail(failure, "TLS cannot be set up: %s", tls_error());
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (target->ca_file != NULL ? SSL_CTX_load_verify_locations(context, target->ca_file, NULL) != 1
                                : SSL_CTX_set_default_verify_paths(context) != 1)
        return fail(failure, "cannot read the authorities %s: %s",
                    target->ca_file != NULL ? target->ca_file : "of the system", tls_error());
    transport->ssl = SSL_new(context);
    if (transport->ssl == NULL || SSL_set_fd(transport->ssl, transport->fd) != 1 ||
        SSL_set_alpn_protos(transport->ssl, protocols, sizeof(protocols) - 1) != 0 ||
        !expect_host(transport->ssl, target->host))
        return fail(failure, "TLS cannot be set up: %s", tls_error());
    return STATUS_OK;
}

/* Whether to wait and try again; remembers for what. */
static bool tls_must_wait(struct transport *transport, int result)
{
    int error = SSL_get_error(transport->ssl, result);

    transport->tls_wants_write = error == SSL_ERROR_WANT_WRITE;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static enum status describe_handshake_failure(const struct transport *transport,
                                              const struct failure *failure)
{
    long verified = SSL_get_verify_result(transport->ssl);

    if (verified == X509_V_OK)
        return fail(failure, "the TLS handshake failed: %s", tls_error());
    ERR_clear_error();
    return fail(failure, "the server's certificate is not trusted: %s",
                X509_verify_cert_error_string(verified));
}

static enum status shake_hands(struct transport *transport, uint64_t deadline_us,
                               const struct failure *failure)
{
    const unsigned char *protocol;
    unsigned length;
    int result;

    while ((result = SSL_connect(transport->ssl)) != 1) {
        if (!tls_must_wait(transport, result))
            return describe_handshake_failure(transport, failure);
        if (remaining_ms(deadline_us) == 0)
            return fail(failure, "the TLS handshake took too long");
        transport_wait(transport, false, remaining_ms(deadline_us));
    }
    SSL_get0_alpn_selected(transport->ssl, &protocol, &length);
    if (length != 2 || memcmp(protocol, "h2", 2) != 0)
        return fail(failure, "the server does not speak HTTP/2 over TLS");
    return STATUS_OK;
}

/* --- the interface --- */

static enum status open_all(struct transport *transport, const struct transport_target *target,
                            uint64_t deadline_us, const struct failure *failure)
{
    TRY(connect_host(transport, target, deadline_us, failure));
    if (!target->tls)
        return STATUS_OK;
    TRY(prepare_tls(transport, target, failure));
    return shake_hands(transport, deadline_us, failure);
}

enum status transport_open(const struct transport_target *target, uint64_t deadline_us,
                           struct transport **ret_transport, char *reterr, size_t reterr_size)
{
    struct transport *transport = calloc(1, sizeof(*transport));
    struct failure failure = {reterr, reterr_size};
    enum status status;

    if (transport == NULL)
        abort();
    transport->fd = -1;
    status = open_all(transport, target, deadline_us, &failure);
    if (status != STATUS_OK) {
        transport_free(transport);
        return status;
    }
    *ret_transport = transport;
    return STATUS_OK;
}

void transport_free(struct transport *transport)
{
    if (transport == NULL)
        return;
    SSL_free(transport->ssl);
    SSL_CTX_free(transport->context);
    if (transport->fd >= 0)
        close(transport->fd);
    free(transport);
}

static ssize_t tls_result(struct transport *transport, int result)
{
    if (result > 0)
        return result;
    if (tls_must_wait(transport, result))
        return TRANSPORT_AGAIN;
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

ssize_t transport_read(struct transport *transport, void *out, size_t size_bytes)
{
    if (transport->ssl != NULL)
        return tls_result(transport, SSL_read(transport->ssl, out, (int)size_bytes));
    return tcp_result(recv(transport->fd, out, size_bytes, 0));
}

ssize_t transport_write(struct transport *transport, const void *data, size_t size_bytes)
{
    if (transport->ssl != NULL)
        return tls_result(transport, SSL_write(transport->ssl, data, (int)size_bytes));
    return tcp_result(send(transport->fd, data, size_bytes, MSG_NOSIGNAL));
}

void transport_wait(struct transport *transport, bool write, int max_wait_ms)
{
    bool writable = write || transport->tls_wants_write;
    struct pollfd poll_fd = {.fd = transport->fd,
                             .events = (short)(POLLIN | (writable ? POLLOUT : 0))};

    /* An interrupted or failed poll is noticed by the read that follows. */
    (void)poll(&poll_fd, 1, max_wait_ms);
}
