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
#define EXTENSION_BYTES 3 /* kind and length */
#define CRC32C 0x03
#define CRC32C_BYTES 4

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

/* One bit after the other: it is a hundred bytes a connection, from few proxies. */
static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return crc;
}

/* The sum is of the whole header, in which it counts as zero itself. */
static bool is_sum(const uint8_t *header, size_t length, const uint8_t *value, size_t value_length)
{
    static const uint8_t zero[CRC32C_BYTES];
    size_t before = (size_t)(value - header);
    uint32_t sum;

    if (value_length != CRC32C_BYTES)
        return false;
    sum = crc32c(UINT32_MAX, header, before);
    sum = crc32c(sum, zero, sizeof(zero));
    sum = ~crc32c(sum, value + CRC32C_BYTES, length - before - CRC32C_BYTES);
    return sum == ((uint32_t)number(value) << 16 | number(value + 2));
}

/* Of extensions only the sum is of use, but all must add up. `from` is where they start. */
static bool are_extensions(const uint8_t *header, size_t length, size_t from)
{
    while (length - from >= EXTENSION_BYTES) {
        const uint8_t *extension = header + from;
        size_t size = number(extension + 1);
        if (size > length - from - EXTENSION_BYTES)
            return false;
        if (extension[0] == CRC32C && !is_sum(header, length, extension + EXTENSION_BYTES, size))
            return false;
        from += EXTENSION_BYTES + size;
    }
    return from == length;
}

static enum proxy_result read_rest(const uint8_t *header, size_t length,
                                   char ret_address[INET6_ADDRSTRLEN])
{
    uint8_t family = header[13];
    const uint8_t *rest = header + PROXY_HEAD_BYTES;
    int addresses = address_bytes(family);

    if (addresses < 0 || PROXY_HEAD_BYTES + (size_t)addresses > length)
        return PROXY_BAD;
    if (family != UNSPECIFIED &&
        !are_extensions(header, length, PROXY_HEAD_BYTES + (size_t)addresses))
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
    return read_rest(data, *ret_size, ret_address);
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
