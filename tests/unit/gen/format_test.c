/* Forms everybody knows, at their edges. The verdicts are protovalidate's. */
#include <criterion/criterion.h>
#include <string.h>

#include "server/protocol/validate.h"

typedef bool form_fn(const char *text);

static void expect_all(form_fn *form, bool verdict, const char *const *texts)
{
    for (; *texts != NULL; texts++)
        cr_expect_eq(form(*texts), verdict, "%s", *texts);
}

#define GOOD(form, ...) expect_all(form, true, (const char *const[]){__VA_ARGS__, NULL})
#define BAD(form, ...) expect_all(form, false, (const char *const[]){__VA_ARGS__, NULL})

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

Test(format, email)
{
    GOOD(validate_is_email, "a@b", "first.last+tag@example.com", "!#$%&'*+/=?^_`{|}~-@x",
         ".a.@b-c.d", "a@" LABEL_63 ".com", "a@1.2");
    BAD(validate_is_email, "", "a", "@b", "a@", "a@b.", "a@.b", "a@-b", "a@b-", "a b@c", "a@b@c",
        "a@b c", "\xc3\xa9@b", "a@" LABEL_63 "x.com", "\"a\"@b", "a@[127.0.0.1]", "a@b\n");
}

Test(format, hostname)
{
    char longest[256];

    GOOD(validate_is_hostname, "a", "example.com", "example.com.", "a-b.c", "1.2.c", "1a",
         LABEL_63 ".x");
    BAD(validate_is_hostname, "", ".", "a..b", ".a", "-a", "a-", "a_b", "1", "a.1", "a.1.",
        LABEL_63 "x", "a b", "\xc3\xa9", "a..");
    memset(longest, 'a', sizeof(longest));
    for (int i = 50; i < 250; i += 51)
        longest[i] = '.';
    longest[253] = '\0';
    cr_expect(validate_is_hostname(longest));
    longest[253] = 'a';
    longest[254] = '\0';
    cr_expect_not(validate_is_hostname(longest));
}

Test(format, ip)
{
    GOOD(validate_is_ipv4, "0.0.0.0", "255.255.255.255", "1.20.3.4");
    BAD(validate_is_ipv4, "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.1.1.1", "1.1.1.1 ", "a.b.c.d",
        "1..1.1", "::1", "1.1.1.1000");
    GOOD(validate_is_ipv6, "::", "::1", "1::", "1:2:3:4:5:6:7:8", "2001:DB8::0", "::ffff:1.2.3.4",
         "1:2:3:4:5:6:1.2.3.4", "fe80::1%eth0", "1::2:3:4:5:6:7");
    BAD(validate_is_ipv6, "", ":", ":::", "1", "1:", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "fe80::1%", "::1.2.3", "::1.2.3.256",
        "1:2:3:4:5:6:7::8:9", "1.2.3.4");
    GOOD(validate_is_ip, "1.2.3.4", "::1");
    BAD(validate_is_ip, "", "localhost", "1.2.3.4:80", "[::1]");
    GOOD(validate_is_address, "localhost", "1.2.3.4", "::1");
    BAD(validate_is_address, "", "a b", "[::1]");
}

Test(format, uri)
{
    GOOD(validate_is_uri, "http://example.com", "http://u:p@h:99/p/q?x=1&y#f", "mailto:a@b",
         "urn:x:y", "x:", "x:/", "x:a//b", "http://[::1]:80/", "http://[::1%25eth]/",
         "http://[v1.x:y]/", "http://%c3%a4/", "file:///etc", "a+b-c.d:e", "http://h?", "http://h#",
         "http://a.b:", "x:%20");
    BAD(validate_is_uri, "", "a", "/p", "1a:b", ":b", "http://a b", "http://[::1",
        "http://[1.2.3.4]/", "http://%e4/", "http://h:9x/", "x:%2", "x:a#b#c", "http://h/\xc3\xa9",
        "http://<h>", "x:^", "http://[::1%25]/", "http://u@v@h/");
    GOOD(validate_is_uri_ref, "", "a", "/p", "./a:b", "//h/p", "?q", "#f", "a/b:c", "http://h");
    BAD(validate_is_uri_ref, "a b", "1a:b", ":b", "//h:x", "%", "\\", "a\nb");
}

Test(format, prefixes)
{
    GOOD(validate_is_ipv4_with_prefixlen, "1.2.3.4/0", "1.2.3.4/24", "1.2.3.4/32");
    BAD(validate_is_ipv4_with_prefixlen, "", "1.2.3.4", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/024",
        "1.2.3/24", "1.2.3.4/2 ", "1.2.3.4/24/24", "::1/24");
    GOOD(validate_is_ipv6_with_prefixlen, "::/0", "::1/128", "1:2:3:4:5:6:7:8/9",
         "::ffff:1.2.3.4/96");
    BAD(validate_is_ipv6_with_prefixlen, "", "::1", "::1/129", "::1/", "fe80::1%eth0/64", "::1/064",
        "1.2.3.4/24");
    GOOD(validate_is_ip_with_prefixlen, "1.2.3.4/24", "::1/24");
    GOOD(validate_is_ipv4_prefix, "0.0.0.0/0", "10.0.0.0/8", "192.168.1.128/25", "1.2.3.4/32",
         "128.0.0.0/1");
    BAD(validate_is_ipv4_prefix, "10.0.0.1/8", "192.168.1.128/24", "128.0.0.0/0", "::/0");
    GOOD(validate_is_ipv6_prefix, "::/0", "2001:db8::/32", "1::2/128", "8000::/1", "::1.2.3.0/120");
    BAD(validate_is_ipv6_prefix, "2001:db8::1/32", "2001:db9::/31", "1::3/127", "::1/0",
        "0.0.0.0/0");
    GOOD(validate_is_ip_prefix, "10.0.0.0/8", "::/0");
    BAD(validate_is_ip_prefix, "10.0.0.1/8", "::1/0", "10.0.0.0");
}

Test(format, host_and_port)
{
    GOOD(validate_is_host_and_port, "localhost:80", "a.b.:0", "1.2.3.4:65535", "[::1]:1",
         "[fe80::1%a]:80");
    BAD(validate_is_host_and_port, "", "localhost", "localhost:", ":80", "localhost:65536",
        "localhost:080", "::1:80", "[::1]", "[::1]80", "[1.2.3.4]:80", "a.1:1", "a:1:2",
        "localhost:99999999999999999999");
}

Test(format, names_of_protobuf_and_http)
{
    GOOD(validate_is_protobuf_fqn, "a", "a.b.C", "_1._");
    BAD(validate_is_protobuf_fqn, "", ".a", "a.", "a..b", "1a", "a.1", "a-b", "\xc3\xa9");
    GOOD(validate_is_protobuf_dot_fqn, ".a", ".a.b");
    BAD(validate_is_protobuf_dot_fqn, "", "a", ".", "..a");
    cr_expect(validate_is_header_name("X-Y", true));
    cr_expect(validate_is_header_name(":path", true));
    cr_expect_not(validate_is_header_name(":", true));
    cr_expect_not(validate_is_header_name("a b", true));
    cr_expect(validate_is_header_name("a b", false));
    cr_expect_not(validate_is_header_name("a\nb", false));
    cr_expect_not(validate_is_header_name("", false));
    cr_expect(validate_is_header_value("a\tb \xc3\xa9", true));
    cr_expect(validate_is_header_value("", true));
    cr_expect_not(validate_is_header_value("a\x01", true));
    cr_expect_not(validate_is_header_value("a\x7f", true));
    cr_expect(validate_is_header_value("a\x01", false));
    cr_expect_not(validate_is_header_value("a\r", false));
}

Test(format, paths_of_masks)
{
    char *paths[] = {"a", "b.c", "b.c.d"};
    const char *const ab[] = {"a", "b"}, *const bcx[] = {"b.cx", "c"};

    cr_expect(validate_paths_within(paths, 3, ab, 2));
    cr_expect_not(validate_paths_within(paths, 3, ab, 1));
    cr_expect_not(validate_paths_outside(paths, 3, ab + 1, 1));
    cr_expect(validate_paths_outside(paths, 3, bcx, 2));
    cr_expect(validate_paths_are(paths, 1, ab, 1));
    cr_expect_not(validate_paths_are(paths, 2, ab, 2));
    cr_expect_not(validate_paths_are(paths, 1, ab, 2));
    cr_expect(validate_paths_are(NULL, 0, NULL, 0));
}

Test(format, identifiers)
{
    GOOD(validate_is_uuid, "550e8400-e29b-41d4-a716-446655440000",
         "550E8400-E29B-41D4-A716-44665544000F");
    BAD(validate_is_uuid, "", "550e8400-e29b-41d4-a716-44665544000",
        "550e8400-e29b-41d4-a716-4466554400000", "550e8400xe29b-41d4-a716-446655440000",
        "550e8400-e29b-41d4-a716-44665544000g", "{550e8400-e29b-41d4-a716-446655440000}");
    GOOD(validate_is_tuuid, "550e8400e29b41d4a716446655440000");
    BAD(validate_is_tuuid, "", "550e8400e29b41d4a71644665544000",
        "550e8400-e29b-41d4-a716-4466554400");
    GOOD(validate_is_ulid, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "7zzzzzzzzzzzzzzzzzzzzzzzzz");
    BAD(validate_is_ulid, "", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "01ARZ3NDEKTSV4RRFFQ69G5FAI",
        "01ARZ3NDEKTSV4RRFFQ69G5FA", "01ARZ3NDEKTSV4RRFFQ69G5FAVX");
}

Test(format, uniqueness)
{
    struct arena *arena = arena_new();
    int64_t numbers[] = {1, 2, 3, 1};
    double reals[] = {0.0, -0.0}, nans[] = {__builtin_nan(""), __builtin_nan(""), 1};
    float floats[] = {1, 2, 1};
    char *strings[] = {"a", "b", "a"};
    ProtobufCBinaryData blobs[] = {{1, (uint8_t *)"a"}, {0, NULL}, {2, (uint8_t *)"ab"}, {0, NULL}};

    cr_expect(validate_unique(arena, numbers, 3, sizeof(*numbers)));
    cr_expect_not(validate_unique(arena, numbers, 4, sizeof(*numbers)));
    cr_expect(validate_unique(arena, NULL, 0, sizeof(*numbers)));
    cr_expect_not(validate_unique_doubles(arena, reals, 2));
    cr_expect(validate_unique_doubles(arena, nans, 3));
    cr_expect(validate_unique_floats(arena, floats, 2));
    cr_expect_not(validate_unique_floats(arena, floats, 3));
    cr_expect(validate_unique_strings(arena, strings, 2));
    cr_expect_not(validate_unique_strings(arena, strings, 3));
    cr_expect(validate_unique_bytes(arena, blobs, 3));
    cr_expect_not(validate_unique_bytes(arena, blobs, 4));
    arena_free(arena);
}

Test(format, distance_from_now_does_not_overflow)
{
    cr_expect_not(validate_is_within(INT64_MAX, 0, 3600, 0));
    cr_expect_not(validate_is_within(INT64_MIN, 0, 3600, 0));
    cr_expect(validate_is_within(0, 0, INT64_MAX, 0));
}
