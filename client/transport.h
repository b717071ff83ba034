/* transport.h - bytes over TCP, with or without TLS. Private to client/.
 *
 * Never waits. One thread. */
#ifndef WAYSTONE_CLIENT_TRANSPORT_H
#define WAYSTONE_CLIENT_TRANSPORT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

struct client_config;
struct client_transport;

struct client_target {
    const char *host, *port; /* outlive the transport */
    SSL_CTX *tls;            /* NULL: in clear */
};

enum client_transport_progress { TRANSPORT_OPENING, TRANSPORT_READY, TRANSPORT_FAILED };

/* Begins to connect; it must be done by `deadline_us`. */
struct client_transport *client_transport_new(const struct client_target *target,
                                              uint64_t deadline_us);

/* Accepts NULL. */
void client_transport_free(struct client_transport *transport);

/* Goes on connecting: when its descriptor is ready, or at its due time. */
enum client_transport_progress client_transport_advance(struct client_transport *transport);

/* A sentence once it has failed; why it was closed, if that is known; otherwise "". */
const char *client_transport_error(const struct client_transport *transport);

/* What to wait for. The descriptor is another one whenever the generation is another. */
int client_transport_fd(const struct client_transport *transport, unsigned *ret_generation);
bool client_transport_wants_write(const struct client_transport *transport);
uint64_t client_transport_due_us(const struct client_transport *transport);

#define TRANSPORT_AGAIN (-1)
#define TRANSPORT_CLOSED (-2)

/* Bytes moved, TRANSPORT_AGAIN or TRANSPORT_CLOSED. Only when it is ready. */
ssize_t client_transport_read(struct client_transport *transport, void *out, size_t size_bytes);
ssize_t client_transport_write(struct client_transport *transport, const void *data,
                               size_t size_bytes);

/* --- resolve.c: names to addresses, on a thread of its own when it may take time --- */

struct addrinfo;
struct client_resolution;

struct client_resolution *client_resolve(const char *host, const char *port);

/* Readable when it is done. */
int client_resolution_fd(const struct client_resolution *resolution);

/* False while it is not done. Then addresses for freeaddrinfo(), or an error of getaddrinfo(). */
bool client_resolution_take(struct client_resolution *resolution, struct addrinfo **ret_addresses,
                            int *ret_error);

/* At any time; the thread ends by itself. Accepts NULL. */
void client_resolution_free(struct client_resolution *resolution);

/* --- tls.c --- */

/* NULL, with a sentence in `reterr`, when a file cannot be used. */
SSL_CTX *client_tls_new(const struct client_config *config, char *reterr, size_t reterr_size);

/* NULL if it cannot be set up. */
SSL *client_tls_open(SSL_CTX *context, int fd, const char *host);

/* Writes why a handshake failed. */
void client_tls_describe(SSL *ssl, char *out, size_t size);

#endif
