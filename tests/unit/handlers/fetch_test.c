#include <criterion/criterion.h>
#include <string.h>

#include "handlers/fetch.h"

TestSuite(fetch, .timeout = 30);

Test(fetch, only_tls)
{
    cr_expect(fetch_allows("https://accounts.example.org", false));
    cr_expect(fetch_allows("https://accounts.example.org:8443/path?query=1", false));
    cr_expect_not(fetch_allows("http://accounts.example.org", false));
    cr_expect_not(fetch_allows("http://127.0.0.1:3000", false));
    cr_expect_not(fetch_allows("file:///etc/passwd", true));
    cr_expect_not(fetch_allows("gopher://127.0.0.1", true));
    cr_expect_not(fetch_allows("javascript:alert(1)", true));
    cr_expect_not(fetch_allows("", true));
    cr_expect_not(fetch_allows("accounts.example.org", true));
    cr_expect_not(fetch_allows("/path", true));
}

Test(fetch, cleartext_to_this_machine_where_it_is_allowed)
{
    cr_expect(fetch_allows("http://127.0.0.1:3000/path", true));
    cr_expect(fetch_allows("http://localhost:3000", true));
    cr_expect(fetch_allows("http://[::1]:3000", true));
    cr_expect_not(fetch_allows("http://10.0.0.1", true));
    cr_expect_not(fetch_allows("http://localhost.example.org", true));
    cr_expect_not(fetch_allows("http://127.0.0.1.example.org", true));
}

/* What a reader could take for another host than libcurl does. */
Test(fetch, nothing_ambiguous)
{
    cr_expect_not(fetch_allows("https://user@example.org", false));
    cr_expect_not(fetch_allows("https://user:word@example.org", false));
    cr_expect_not(fetch_allows("https://example.org/#fragment", false));
    cr_expect_not(fetch_allows("https://exam ple.org", false));
    cr_expect_not(fetch_allows("https://example.org/\r\nX: y", false));
    cr_expect_not(fetch_allows("https://ex\xc3\xa4mple.org", false));
}

Test(fetch, fields_are_escaped)
{
    struct buffer out = {0};

    buffer_append_string(&out, "https://example.org/a?");
    fetch_add_field(&out, "scope", "openid email");
    fetch_add_field(&out, "redirect_uri", "https://x/?a=b&c#d");
    fetch_add_field(&out, "name", "\xc3\xa9-._~%+");
    buffer_append_char(&out, '\0');
    cr_expect_str_eq((char *)buffer_data(&out),
                     "https://example.org/a?scope=openid%20email"
                     "&redirect_uri=https%3A%2F%2Fx%2F%3Fa%3Db%26c%23d&name=%C3%A9-._~%25%2B");
    buffer_free(&out);
}
