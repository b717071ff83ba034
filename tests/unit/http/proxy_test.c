/* The PROXY protocol's header and the networks of those who may send it. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "server/http/proxy.h"

static const uint8_t client[] =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\7\x7f\0\0\1\x9c\x40\1\xbb";

Test(proxy, needs_the_whole_header)
{
    char address[INET6_ADDRSTRLEN];
    size_t size = 0;

    for (size_t length = 1; length < sizeof(client) - 1; length++) {
        uint8_t *exact = malloc(length); /* so that the sanitizer sees a read behind it */
        memcpy(exact, client, length);
        cr_expect_eq(proxy_parse(exact, length, &size, address), PROXY_MORE, "%zu bytes", length);
        free(exact);
    }
    cr_assert_eq(proxy_parse(client, sizeof(client) - 1, &size, address), PROXY_CLIENT);
    cr_expect_eq(size, sizeof(client) - 1);
    cr_expect_str_eq(address, "203.0.113.7");
}

Test(proxy, any_other_first_bytes_are_refused_at_once)
{
    char address[INET6_ADDRSTRLEN];
    size_t size;

    for (size_t at = 0; at < 12; at++) {
        uint8_t bytes[sizeof(client)];
        memcpy(bytes, client, sizeof(client));
        bytes[at] ^= 1;
        cr_expect_eq(proxy_parse(bytes, at + 1, &size, address), PROXY_BAD, "byte %zu", at);
    }
}

/* The same client, with a name (PP2_TYPE_AUTHORITY) and the sum behind it. */
static const uint8_t summed[] =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x18\xcb\0\x71\7\x7f\0\0\1\x9c\x40\1\xbb"
    "\2\0\2ab\3\0\4"
    "\xf1\x87\x94\x94";
#define SUMMED_BYTES (sizeof(summed) - 1)
#define SUM_AT (SUMMED_BYTES - 4)

Test(proxy, a_sum_has_to_be_right)
{
    char address[INET6_ADDRSTRLEN];
    size_t size;

    cr_expect_eq(proxy_parse(summed, SUMMED_BYTES, &size, address), PROXY_CLIENT);
    for (size_t at = 16; at < SUMMED_BYTES; at++) {
        uint8_t bytes[SUMMED_BYTES];
        memcpy(bytes, summed, SUMMED_BYTES);
        bytes[at] ^= 4;
        cr_expect_eq(proxy_parse(bytes, SUMMED_BYTES, &size, address),
                     at == SUM_AT - 3 ? PROXY_CLIENT : PROXY_BAD, "byte %zu",
                     at); /* but for the kind itself, which is then another */
    }
}

Test(proxy, a_sum_has_four_bytes)
{
    static const uint8_t shorter[] =
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x12\xcb\0\x71\7\x7f\0\0\1\x9c\x40\1\xbb"
        "\3\0\3abc";
    char address[INET6_ADDRSTRLEN];
    size_t size;

    cr_expect_eq(proxy_parse(shorter, sizeof(shorter) - 1, &size, address), PROXY_BAD);
}

static bool contains(const char *text, const char *address)
{
    struct proxy_networks networks;
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    const char *item;
    size_t length;

    cr_assert(proxy_networks_parse(&networks, text, &item, &length), "%s", text);
    if (inet_pton(AF_INET, address, &ipv4.sin_addr) == 1)
        return proxy_networks_contain(&networks, (struct sockaddr *)&ipv4);
    cr_assert_eq(inet_pton(AF_INET6, address, &ipv6.sin6_addr), 1);
    return proxy_networks_contain(&networks, (struct sockaddr *)&ipv6);
}

Test(proxy, networks)
{
    cr_expect_not(contains("", "10.0.0.1"));
    cr_expect_not(contains(NULL, "10.0.0.1"));
    cr_expect(contains("  10.0.0.1  ", "10.0.0.1"));
    cr_expect_not(contains("10.0.0.1", "10.0.0.2"));
    cr_expect(contains("192.0.2.1 10.0.0.0/9", "10.127.255.255"));
    cr_expect_not(contains("10.0.0.0/9", "10.128.0.0"));
    cr_expect(contains("10.0.0.0/8", "::ffff:10.1.2.3"), "a listener for both families");
    cr_expect(contains("0.0.0.0/0", "198.51.100.1"));
    cr_expect_not(contains("0.0.0.0/0", "2001:db8::1"));
    cr_expect_not(contains("::/0", "198.51.100.1"));
    cr_expect(contains("2001:db8::/33", "2001:db8:7fff::1"));
    cr_expect_not(contains("2001:db8::/33", "2001:db8:8000::1"));
}
