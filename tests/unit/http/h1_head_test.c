/* Heads and chunks of HTTP/1.1, without sockets. What a peer sees is in tests/service. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "server/http/h1_head.h"

static int parse(const char *text, struct h1_head *head)
{
    return h1_head_parse(text, strlen(text), 0, head);
}

Test(h1_head, a_whole_head)
{
    struct h1_head head;

    cr_assert_eq(parse("POST /a/b?c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", &head),
                 0);
    cr_expect_eq(head.content_length, 5);
    cr_expect_eq(head.target_length, 6);
    cr_expect(head.keep_alive);
    cr_expect_not(head.chunked);
    cr_expect_eq(head.field_count, 2);
}

Test(h1_head, every_cut_needs_more)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct h1_head head;

    for (size_t length = 1; length < sizeof(text) - 1; length++)
        cr_expect_eq(h1_head_parse(text, length, length - 1, &head), -1, "%zu bytes", length);
    cr_expect_eq(h1_head_parse(text, sizeof(text) - 1, 10, &head), 0);
}

Test(h1_head, http_1_0_closes)
{
    struct h1_head head;

    cr_assert_eq(parse("GET / HTTP/1.0\r\n\r\n", &head), 0);
    cr_expect_not(head.keep_alive);
}

Test(h1_head, equal_lengths_are_one)
{
    struct h1_head head;

    cr_expect_eq(
        parse("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\n",
              &head),
        0);
    cr_expect_eq(
        parse("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\ncontent-length: 4\r\n\r\n",
              &head),
        400);
}

Test(h1_head, other_encodings_are_not_implemented)
{
    struct h1_head head;

    cr_expect_eq(parse("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", &head),
                 501);
    cr_expect_eq(
        parse("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", &head),
        501);
    cr_expect_eq(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", &head), 400);
}

Test(h1_head, targets)
{
    struct h1_head head;

    cr_expect_eq(parse("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", &head), 0);
    cr_expect_eq(parse("GET * HTTP/1.1\r\nHost: x\r\n\r\n", &head), 400);
    cr_expect_eq(parse("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", &head), 400);
}

Test(h1_head, absolute_targets_name_the_same_host)
{
    struct h1_head head;

    cr_assert_eq(parse("GET http://a.example:1/b?c HTTP/1.1\r\nHost: A.example:1\r\n\r\n", &head),
                 0);
    cr_expect_eq(head.target_length, 4);
    cr_expect_arr_eq(head.target, "/b?c", 4);
    cr_assert_eq(parse("GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n", &head), 0);
    cr_expect_eq(head.target_length, 1);
    cr_expect_eq(parse("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", &head), 400);
    cr_expect_eq(parse("GET http://a@b/ HTTP/1.1\r\nHost: a@b\r\n\r\n", &head), 400);
    cr_expect_eq(parse("GET http:///x HTTP/1.1\r\nHost: \r\n\r\n", &head), 400);
    cr_expect_eq(parse("GET http:// HTTP/1.1\r\nHost: \r\n\r\n", &head), 400);
    cr_expect_eq(parse("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", &head), 400);
    cr_expect_eq(parse("GET ht HTTP/1.1\r\nHost: a\r\n\r\n", &head), 400);
}

Test(h1_head, hosts)
{
    static const char *const bad[] = {"a b", "a,b", "a/b", "a@b", "a\tb", "a\\b", "a?b", "\"a\""};
    static const char *const good[] = {"", "a", "a.b:80", "[::1]:80", "1.2.3.4", "a_b"};
    struct h1_head head;
    char text[100];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        cr_expect_eq(parse(text, &head), 400, "'%s'", bad[i]);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        cr_expect_eq(parse(text, &head), 0, "'%s'", good[i]);
    }
}

/* No byte that is no letter of its place gets through anywhere. */
Test(h1_head, control_bytes)
{
    static const char *const forms[] = {
        "G%cT / HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a%cb HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\na%cb: c\r\n\r\n", "GET / HTTP/1.1\r\nHost: x%cy\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\na: b%cc\r\n\r\n"};
    struct h1_head head;

    for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++)
        for (int byte = 0; byte < 256; byte++) {
            char text[100];
            int length = snprintf(text, sizeof(text), forms[form], byte);
            bool in_value = form == 4;
            if (byte > 0x20 && byte < 0x7f)
                continue;
            if (in_value && (byte == ' ' || byte == '\t' || byte >= 0x80))
                continue;
            cr_expect_eq(h1_head_parse(text, (size_t)length, 0, &head), 400, "form %zu, byte %#x",
                         form, byte);
        }
}

Test(h1_head, connection_is_a_list)
{
    struct h1_head head;

    cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Close\r\n\r\n", &head),
                 0);
    cr_expect_not(head.keep_alive);
    cr_assert_eq(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: closed,\r\n\r\n", &head), 0);
    cr_expect(head.keep_alive);
}

Test(h1_head, white_space_around_values_does_not_count)
{
    struct h1_head head;

    cr_assert_eq(parse("POST / HTTP/1.1\r\nHost: x \r\nContent-Length: \t 5 \t\r\n\r\n", &head), 0);
    cr_expect_eq(head.content_length, 5);
    cr_assert_eq(parse("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked \r\n\r\n", &head),
                 0);
    cr_expect(head.chunked);
}

/* --- chunks --- */

/* Decodes all of `text` as pieces of `step` bytes; the body's length, or -1. */
static long decode(const char *text, size_t step, char *body)
{
    struct h1_chunks chunks = {0};
    size_t length = strlen(text), at = 0, end = 0, total = 0;

    while (chunks.state != H1_CHUNK_DONE) {
        size_t used, size;
        const char *data = NULL;
        enum h1_chunk_result result =
            h1_chunks_next(&chunks, text + at, end - at, &used, &data, &size);
        if (result == H1_CHUNK_BAD)
            return -1;
        if (size > 0)
            memcpy(body + total, data, size);
        total += size;
        at += used;
        if (result == H1_CHUNK_MORE) {
            if (end == length)
                return -1;
            end = end + step < length ? end + step : length;
        }
    }
    return (long)total;
}

Test(chunks, however_they_are_cut)
{
    static const char text[] = "4;ext=1\r\nwiki\r\nA\r\n0123456789\r\n0\r\ntrailer: x\r\n\r\n";
    char body[64];

    for (size_t step = 1; step < sizeof(text); step++) {
        cr_expect_eq(decode(text, step, body), 14);
        cr_expect_arr_eq(body, "wiki0123456789", 14);
    }
}

Test(chunks, malformed)
{
    static const char *const bad[] = {
        "g\r\n",
        "\r\n",
        "1\nA\r\n0\r\n\r\n",
        "1\r\nAB\r\n0\r\n\r\n",
        "-1\r\n",
        "123456789\r\n",
        "1 \r\nA\r\n",
        "1\r\nA\n0\r\n\r\n",
        "0\r\nx\n\r\n",
        "1;a\x01\r\nA\r\n0\r\n\r\n",
        "1;a\rb\r\nA\r\n0\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\nGET / HTTP/1.1\r\n\r\n",
        "0\r\n: x\r\n\r\n",
        "0\r\na : x\r\n\r\n",
        "0\r\n folded: x\r\n\r\n",
        "0\r\na: b\x7f\r\n\r\n",
        "0x1\r\nA\r\n",
        "+1\r\nA\r\n",
    };
    char body[64];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(decode(bad[i], strlen(bad[i]), body), -1, "case %zu", i);
}
