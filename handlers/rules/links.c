#include "handlers/rules/links.h"

#include <string.h>

/* Domains that spam uses, and those that do not look like the end of an English sentence whose
 * blank is missing. */
static const char *const domains[] = {
    "app",  "biz",  "br", "cc", "click", "club",    "cn",    "co",    "com",    "de",
    "dev",  "es",   "eu", "fr", "fun",   "gg",      "info",  "io",    "jp",     "kr",
    "link", "live", "ly", "me", "mobi",  "net",     "nl",    "one",   "online", "org",
    "pl",   "pro",  "pw", "ru", "shop",  "site",    "space", "store", "tech",   "to",
    "top",  "tv",   "uk", "us", "vip",   "website", "win",   "work",  "world",  "xyz",
};

static int32_t plain_at(const struct folded_text *text, size_t i)
{
    return i < text->count ? text->chars[i].plain : 0;
}

static bool is_name_char(int32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c > 127;
}

static bool is_dot(int32_t c)
{
    return c == '.' || c == 0x3002; /* the ideographic full stop works in host names */
}

static bool starts_with(const struct folded_text *text, size_t i, const char *word)
{
    for (; *word != '\0'; word++, i++)
        if (plain_at(text, i) != *word)
            return false;
    return true;
}

static bool is_known_domain(const struct folded_text *text, size_t start, size_t length)
{
    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
        if (strlen(domains[i]) == length && starts_with(text, start, domains[i]))
            return true;
    return false;
}

/* Whether a host name's last label begins at `start`, behind a dot. */
static bool is_domain_at(const struct folded_text *text, size_t start)
{
    size_t length = 0;

    while (plain_at(text, start + length) >= 'a' && plain_at(text, start + length) <= 'z')
        length++;
    if (length < 2 || is_name_char(plain_at(text, start + length)))
        return false;
    if (plain_at(text, start + length) == '/')
        return is_name_char(plain_at(text, start + length + 1));
    return is_known_domain(text, start, length);
}

bool text_has_link(const struct folded_text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        bool in_name = i > 0 && is_name_char(plain_at(text, i - 1));
        if (in_name && starts_with(text, i, "://"))
            return true;
        if (!in_name && starts_with(text, i, "www.") && is_name_char(plain_at(text, i + 4)))
            return true;
        if (in_name && is_dot(plain_at(text, i)) && is_domain_at(text, i + 1))
            return true;
    }
    return false;
}
