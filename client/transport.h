/* transport.h - bytes over TCP, with or without TLS. Private to client/.
 *
 * Never blocks but in transport_open() and transport_wait(). One thread. */
#ifndef WAYSTONE_CLIENT_TRANSPORT_H
#define WAYSTONE_CLIENT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/status.h"

struct transport;

struct transport_target {
    bool tls;
    const char *host, *port;
    const char *ca_file; /* NULL: the system's */
};

/* Connects and shakes hands until `deadline_us` (monotonic). A sentence in `reterr` if not. */
enum status transport_open(const struct transport_target *target, uint64_t deadline_us,
                           struct transport **ret_transport, char *reterr, size_t reterr_size)
    MUST_CHECK;

/* Accepts NULL. */
void transport_free(struct transport *transport);

#define TRANSPORT_AGAIN (-1)
#define TRANSPORT_CLOSED (-2)

/* Bytes moved, TRANSPORT_AGAIN or TRANSPORT_CLOSED. */
ssize_t transport_read(struct transport *transport, void *out, size_t size_bytes);
ssize_t transport_write(struct transport *transport, const void *data, size_t size_bytes);

/* Waits until there may be something to read, or, if `write`, room to write; at most
 * `max_wait_ms` (-1: for ever). */
void transport_wait(struct transport *transport, bool write, int max_wait_ms);

#endif
