#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/client.h"
#include "client/transport.h"

/* --- a socket as OpenSSL's source and sink, whose writing raises no SIGPIPE --- */

static int socket_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int finish(BIO *bio, ssize_t result, int retry)
{
    BIO_clear_retry_flags(bio);
    if (result < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_flags(bio, BIO_FLAGS_SHOULD_RETRY | retry);
    return (int)result;
}

static int write_socket(BIO *bio, const char *data, int length)
{
    return finish(bio, send(socket_of(bio), data, (size_t)length, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int read_socket(BIO *bio, char *out, int size)
{
    return finish(bio, recv(socket_of(bio), out, (size_t)size, 0), BIO_FLAGS_READ);
}

static long control_socket(BIO *bio, int command, long number, void *pointer)
{
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *socket_method; /* of all threads; made once */

static void make_socket_method(void)
{
    socket_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (socket_method == NULL)
        abort();
    BIO_meth_set_write(socket_method, write_socket);
    BIO_meth_set_read(socket_method, read_socket);
    BIO_meth_set_ctrl(socket_method, control_socket);
}

static BIO *new_socket_bio(int fd)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *bio;

    pthread_once(&once, make_socket_method);
    bio = BIO_new(socket_method);
    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    return bio;
}

/* --- what is trusted and shown --- */

static const char *last_error(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return reason != NULL ? reason : "the connection was closed";
}

static bool load_authorities(SSL_CTX *context, const char *file, char *reterr, size_t reterr_size)
{
    if (file != NULL ? SSL_CTX_load_verify_locations(context, file, NULL) == 1
                     : SSL_CTX_set_default_verify_paths(context) == 1)
        return true;
    snprintf(reterr, reterr_size, "cannot read the authorities %s: %s",
             file != NULL ? file : "of the system", last_error());
    return false;
}

static bool load_certificate(SSL_CTX *context, const char *certificate, const char *key,
                             char *reterr, size_t reterr_size)
{
    if (certificate == NULL)
        return true;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
        snprintf(reterr, reterr_size, "cannot use the certificate %s: %s", certificate,
                 last_error());
        return false;
    }
    key = key != NULL ? key : certificate;
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 &&
        SSL_CTX_check_private_key(context) == 1)
        return true;
    snprintf(reterr, reterr_size, "cannot use the key %s: %s", key, last_error());
    return false;
}

SSL_CTX *client_tls_new(const struct client_config *config, char *reterr, size_t reterr_size)
{
    static const unsigned char protocols[] = "\x02h2";
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL ||
        SSL_CTX_set_alpn_protos(context, protocols, sizeof(protocols) - 1) != 0) {
        snprintf(reterr, reterr_size, "TLS cannot be set up: %s", last_error());
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(context, config->trust_anyone ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (load_authorities(context, config->ca_file, reterr, reterr_size) &&
        load_certificate(context, config->certificate_file, config->key_file, reterr, reterr_size))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

/* --- one connection --- */

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

SSL *client_tls_open(SSL_CTX *context, int fd, const char *host)
{
    SSL *ssl = SSL_new(context);
    BIO *bio = new_socket_bio(fd);

    if (ssl == NULL || bio == NULL || !expect_host(ssl, host)) {
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    SSL_set_connect_state(ssl);
    return ssl;
}

void client_tls_describe(SSL *ssl, char *out, size_t size)
{
    long verified = SSL_get_verify_result(ssl);

    if (verified == X509_V_OK) {
        snprintf(out, size, "the TLS handshake failed: %s", last_error());
        return;
    }
    ERR_clear_error();
    snprintf(out, size, "the server's certificate is not trusted: %s",
             X509_verify_cert_error_string(verified));
}
