#include "handlers/devices.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define PRODUCT_MAX_LENGTH 40

struct mark {
    const char *mark, *name;
};

/* In this order: most browsers also name those below them. */
static const struct mark browsers[] = {
    {"SamsungBrowser/", "Samsung Internet"},
    {"OPR/", "Opera"},
    {"Edg", "Edge"},
    {"Firefox/", "Firefox"},
    {"FxiOS/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"Chromium/", "Chromium"},
    {"Chrome/", "Chrome"},
    {"Safari/", "Safari"},
};

static const struct mark systems[] = {
    {"Android", "Android"}, {"iPhone", "iPhone"},   {"iPad", "iPad"},
    {"Windows", "Windows"}, {"CrOS", "ChromeOS"},   {"Macintosh", "macOS"},
    {"Linux", "Linux"},     {"OpenBSD", "OpenBSD"}, {"FreeBSD", "FreeBSD"},
};

static const char *find_mark(const struct mark *marks, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(text, marks[i].mark) != NULL)
            return marks[i].name;
    return NULL;
}

static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr(".+_-", c) != NULL);
}

/* "grpc-python" of "grpc-python/1.51.1 grpc-c/29.0.0". */
static const char *product(struct arena *arena, const char *text)
{
    size_t length = 0;

    while (length < PRODUCT_MAX_LENGTH && is_plain(text[length]))
        length++;
    return isalpha((unsigned char)text[0]) ? arena_strndup(arena, text, length) : "Unknown device";
}

const char *device_name(struct arena *arena, const char *user_agent)
{
    const char *browser, *system;

    if (user_agent == NULL)
        return "Unknown device";
    if (strncmp(user_agent, "Mozilla/", 8) != 0)
        return product(arena, user_agent);
    browser = find_mark(browsers, sizeof(browsers) / sizeof(browsers[0]), user_agent);
    system = find_mark(systems, sizeof(systems) / sizeof(systems[0]), user_agent);
    if (browser == NULL && system == NULL)
        return "Unknown device";
    if (system == NULL)
        return browser;
    return arena_printf(arena, "%s on %s", browser ? browser : "Browser", system);
}

const char *device_place(struct arena *arena, const char *address)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr six;
    struct in_addr four;
    size_t length = address ? strcspn(address, "%") : 0; /* a scope is no part of it */

    if (length == 0 || length >= sizeof(text))
        return "";
    memcpy(text, address, length);
    text[length] = '\0';
    if (inet_pton(AF_INET6, text, &six) == 1 && !IN6_IS_ADDR_V4MAPPED(&six)) {
        memset(six.s6_addr + 6, 0, 10);
        inet_ntop(AF_INET6, &six, text, sizeof(text));
        return arena_printf(arena, "%s/48", text);
    }
    if (inet_pton(AF_INET, strncmp(text, "::ffff:", 7) == 0 ? text + 7 : text, &four) != 1)
        return "";
    four.s_addr &= htonl(0xFFFFFF00);
    inet_ntop(AF_INET, &four, text, sizeof(text));
    return arena_printf(arena, "%s/24", text);
}
