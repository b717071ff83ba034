#include <h2o/socket.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

#include "server/http/connection.h"

static SSL_CTX *fail(SSL_CTX *context, char *reterr, size_t reterr_size, const char *what,
                     const char *path)
{
    char reason[160];

    ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
    snprintf(reterr, reterr_size, "cannot use the TLS %s %s: %s", what, path, reason);
    SSL_CTX_free(context);
    return NULL;
}

/* From here on a client without a certificate of these does not get past the handshake. */
static bool demand_certificates(SSL_CTX *context, const char *authorities)
{
    static const unsigned char id[] = "waystone"; /* a resumed session was verified here */

    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(authorities));
    return SSL_CTX_load_verify_locations(context, authorities, NULL) == 1;
}

SSL_CTX *tls_load(const char *certificate, const char *key, const char *client_ca, char *reterr,
                  size_t reterr_size)
{
    static const h2o_iovec_t protocols[] = {
        {"h2", 2}, {"http/1.1", 8}, {NULL, 0}}; /* preferred first */
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    /* 34 KB of buffers a connection, which is idle most of the time. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return fail(context, reterr, reterr_size, "certificate", certificate);
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return fail(context, reterr, reterr_size, "key", key);
    if (SSL_CTX_check_private_key(context) != 1)
        return fail(context, reterr, reterr_size, "key, which is not the certificate's,", key);
    if (client_ca != NULL && !demand_certificates(context, client_ca))
        return fail(context, reterr, reterr_size, "client authorities", client_ca);
    h2o_ssl_register_alpn_protocols(context, protocols);
    return context;
}
