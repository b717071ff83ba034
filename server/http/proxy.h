/* proxy.h - the PROXY protocol, version 2: what a trusted load balancer in front says of the client
 * whose bytes it passes on. Pure: no sockets. */
#ifndef WAYSTONE_SERVER_HTTP_PROXY_H
#define WAYSTONE_SERVER_HTTP_PROXY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* The header's fixed part, and the longest rest that is taken: addresses and extensions. */
#define PROXY_HEAD_BYTES 16
#define PROXY_REST_BYTES 1024

enum proxy_result {
    PROXY_MORE,  /* not whole yet */
    PROXY_BAD,   /* no header, or a malformed one */
    PROXY_LOCAL, /* the proxy speaks for itself, or does not know the client */
    PROXY_CLIENT /* with the client's address */
};

/* Reads a header at the start of `data`, and checks its CRC-32C where it has one. With PROXY_LOCAL
 * and PROXY_CLIENT `*ret_size` is its length; with PROXY_CLIENT `ret_address` gets the client's
 * numeric address. */
enum proxy_result proxy_parse(const uint8_t *data, size_t length, size_t *ret_size,
                              char ret_address[INET6_ADDRSTRLEN]);

/* Networks of the proxies that are trusted. */
struct proxy_network {
    struct in6_addr address; /* IPv4 mapped into IPv6 */
    unsigned bits;
};

#define PROXY_MAX_NETWORKS 64

struct proxy_networks {
    struct proxy_network items[PROXY_MAX_NETWORKS];
    size_t count;
};

/* Reads "10.0.0.0/8 2001:db8::1", separated by spaces; NULL is none. False with the item that is
 * no network, or one too many, in `*reterr_item`, `*reterr_length` bytes. */
bool proxy_networks_parse(struct proxy_networks *networks, const char *text,
                          const char **reterr_item, size_t *reterr_length);

bool proxy_networks_contain(const struct proxy_networks *networks, const struct sockaddr *address);

#endif
