#include "server/http/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_BYTES 12
#define VERSION_2 0x20
#define COMMAND_LOCAL 0
#define COMMAND_PROXY 1
#define UNSPECIFIED 0x00
#define TCP_OVER_IPV4 0x11
#define TCP_OVER_IPV6 0x21
#define STREAM_OVER_UNIX 0x31

static unsigned number(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* Addresses and ports of both sides, by family; -1 for one that no connection here can have. */
static int address_bytes(uint8_t family)
{
    switch (family) {
    case UNSPECIFIED:
        return 0;
    case TCP_OVER_IPV4:
        return 12;
    case TCP_OVER_IPV6:
        return 36;
    case STREAM_OVER_UNIX:
        return 216;
    default:
        return -1;
    }
}

/* Extensions are not needed, but must add up. */
static bool are_extensions(const uint8_t *data, size_t length)
{
    while (length >= 3) {
        size_t size = 3 + number(data + 1);
        if (size > length)
            return false;
        data += size;
        length -= size;
    }
    return length == 0;
}

static enum proxy_result read_rest(uint8_t family, const uint8_t *rest, size_t length,
                                   char ret_address[INET6_ADDRSTRLEN])
{
    int addresses = address_bytes(family);

    if (addresses < 0 || (size_t)addresses > length)
        return PROXY_BAD;
    if (family != UNSPECIFIED && !are_extensions(rest + addresses, length - (size_t)addresses))
        return PROXY_BAD;
    if (family != TCP_OVER_IPV4 && family != TCP_OVER_IPV6)
        return PROXY_LOCAL;
    inet_ntop(family == TCP_OVER_IPV4 ? AF_INET : AF_INET6, rest, ret_address, INET6_ADDRSTRLEN);
    return PROXY_CLIENT;
}

enum proxy_result proxy_parse(const uint8_t *data, size_t length, size_t *ret_size,
                              char ret_address[INET6_ADDRSTRLEN])
{
    size_t known = length < SIGNATURE_BYTES ? length : SIGNATURE_BYTES, rest;

    if (memcmp(data, SIGNATURE, known) != 0)
        return PROXY_BAD;
    if (length < PROXY_HEAD_BYTES)
        return PROXY_MORE;
    rest = number(data + 14);
    if ((data[12] & 0xf0) != VERSION_2 || (data[12] & 0x0f) > COMMAND_PROXY ||
        rest > PROXY_REST_BYTES)
        return PROXY_BAD;
    if (length < PROXY_HEAD_BYTES + rest)
        return PROXY_MORE;
    *ret_size = PROXY_HEAD_BYTES + rest;
    if ((data[12] & 0x0f) == COMMAND_LOCAL)
        return PROXY_LOCAL;
    return read_rest(data[13], data + PROXY_HEAD_BYTES, rest, ret_address);
}

/* --- networks --- */

static void map_ipv4(const struct in_addr *from, struct in6_addr *to)
{
    memset(to, 0, 10);
    memset(to->s6_addr + 10, 0xff, 2);
    memcpy(to->s6_addr + 12, from, 4);
}

static bool parse_bits(const char *text, unsigned most, unsigned *ret)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    *ret = (unsigned)strtoul(text, &end, 10);
    return *end == '\0' && *ret <= most;
}

static bool parse_network(const char *text, size_t length, struct proxy_network *ret)
{
    char item[INET6_ADDRSTRLEN + 4], *slash;
    unsigned most = 128;
    struct in_addr ipv4;

    if (length >= sizeof(item))
        return false;
    memcpy(item, text, length);
    item[length] = '\0';
    slash = strchr(item, '/');
    if (slash != NULL)
        *slash = '\0';
    if (inet_pton(AF_INET, item, &ipv4) == 1) {
        map_ipv4(&ipv4, &ret->address);
        most = 32;
    } else if (inet_pton(AF_INET6, item, &ret->address) != 1) {
        return false;
    }
    ret->bits = most;
    if (slash != NULL && !parse_bits(slash + 1, most, &ret->bits))
        return false;
    ret->bits += 128 - most;
    return true;
}

bool proxy_networks_parse(struct proxy_networks *networks, const char *text,
                          const char **reterr_item, size_t *reterr_length)
{
    networks->count = 0;
    while (text != NULL && *(text += strspn(text, " ")) != '\0') {
        size_t length = strcspn(text, " ");
        if (networks->count == PROXY_MAX_NETWORKS ||
            !parse_network(text, length, &networks->items[networks->count])) {
            *reterr_item = text;
            *reterr_length = length;
            return false;
        }
        networks->count++;
        text += length;
    }
    return true;
}

static bool is_within(const struct proxy_network *network, const struct in6_addr *address)
{
    unsigned bytes = network->bits / 8, bits = network->bits % 8;

    /* IPv4 is no part of an IPv6 network, however wide. */
    if (IN6_IS_ADDR_V4MAPPED(&network->address) != IN6_IS_ADDR_V4MAPPED(address))
        return false;
    if (memcmp(network->address.s6_addr, address->s6_addr, bytes) != 0)
        return false;
    return bits == 0 ||
           (network->address.s6_addr[bytes] ^ address->s6_addr[bytes]) >> (8 - bits) == 0;
}

bool proxy_networks_contain(const struct proxy_networks *networks, const struct sockaddr *address)
{
    struct in6_addr mapped;

    if (address->sa_family == AF_INET)
        map_ipv4(&((const struct sockaddr_in *)address)->sin_addr, &mapped);
    else if (address->sa_family == AF_INET6)
        mapped = ((const struct sockaddr_in6 *)address)->sin6_addr;
    else
        return false;
    for (size_t i = 0; i < networks->count; i++)
        if (is_within(&networks->items[i], &mapped))
            return true;
    return false;
}
