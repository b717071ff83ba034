#include "handlers/devices.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(devices, .timeout = 10);

static void expect_name(const char *user_agent, const char *expected)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    cr_expect_str_eq(device_name(arena, user_agent), expected, "%s", user_agent);
}

static void expect_place(const char *address, const char *expected)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    cr_expect_str_eq(device_place(arena, address), expected, "%s", address);
}

Test(devices, browsers_are_told_apart)
{
    expect_name("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox on Linux");
    expect_name("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/126.0.0.0 Safari/537.36",
                "Chrome on Windows");
    expect_name("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge on Windows");
    expect_name("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like "
                "Gecko) Version/17.5 Safari/605.1.15",
                "Safari on macOS");
    expect_name("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
                "(KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone");
    expect_name("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/126.0.0.0 Mobile Safari/537.36",
                "Chrome on Android");
    expect_name("Mozilla/5.0 (PlayStation 5) Unheard/1.0", "Unknown device");
    expect_name("Mozilla/5.0 (X11; Linux x86_64) Unheard/1.0", "Browser on Linux");
    expect_name("Mozilla/5.0 Firefox/1.0", "Firefox");
}

Test(devices, programs_keep_their_product)
{
    expect_name("grpc-python/1.51.1 grpc-c/29.0.0 (linux; chttp2)", "grpc-python");
    expect_name("connect-es/2.2.0", "connect-es");
    expect_name("curl", "curl");
}

Test(devices, nonsense_is_an_unknown_device)
{
    expect_name(NULL, "Unknown device");
    expect_name("", "Unknown device");
    expect_name("<script>alert(1)</script>", "Unknown device");
    expect_name("\xff\xfe", "Unknown device");
    expect_name("a<b>", "a");
}

/* Whatever a stranger writes, it is short and plain. */
Test(devices, names_are_bounded)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    char long_name[5000];

    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    cr_expect_leq(strlen(device_name(arena, long_name)), DEVICE_MAX_LENGTH);
    memcpy(long_name, "Mozilla/5.0 Firefox/", 20);
    cr_expect_leq(strlen(device_name(arena, long_name)), DEVICE_MAX_LENGTH);
}

Test(devices, places_are_networks)
{
    expect_place("203.0.113.77", "203.0.113.0/24");
    expect_place("::ffff:203.0.113.77", "203.0.113.0/24");
    expect_place("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48");
    expect_place("fe80::1%eth0", "fe80::/48");
    expect_place("::1", "::/48");
    expect_place("", "");
    expect_place(NULL, "");
    expect_place("nonsense", "");
    expect_place("waystone-admin", "");
    expect_place("1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25", "");
}
