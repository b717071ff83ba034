/* Heads and chunks of HTTP/1.1, without sockets. What a peer sees is in tests/service. */
#include <criterion/criterion.h>
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
        "g\r\n",         "\r\n",        "1\nA\r\n0\r\n\r\n", "1\r\nAB\r\n0\r\n\r\n", "-1\r\n",
        "123456789\r\n", "1 \r\nA\r\n", "1\r\nA\n0\r\n\r\n", "0\r\nx\n\r\n",
    };
    char body[64];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(decode(bad[i], strlen(bad[i]), body), -1, "case %zu", i);
}
