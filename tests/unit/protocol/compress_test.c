/* Compression of messages: round trips, bounds, and what is not what it says. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "server/protocol/compress.h"

static const enum compression all[] = {COMPRESSION_ZSTD, COMPRESSION_GZIP, COMPRESSION_BROTLI};
#define ALL (sizeof(all) / sizeof(all[0]))

/* Half text, half noise, so that neither everything nor nothing compresses. */
static void fill(uint8_t *data, size_t length)
{
    uint32_t state = 7;

    for (size_t i = 0; i < length; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = i / 100 % 2 ? (uint8_t)(state >> 24) : (uint8_t) "waystone "[i % 9];
    }
}

static struct bytes content(const struct buffer *buffer)
{
    return (struct bytes){buffer->length ? buffer_data(buffer) : NULL, buffer->length};
}

Test(compress, round_trips_of_every_size)
{
    static const size_t sizes[] = {100, 1024, 16383, 16384, 16385, 65536, 1000000};
    uint8_t *data = malloc(1000000);

    fill(data, 1000000);
    for (size_t way = 0; way < ALL; way++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            struct buffer packed = {0}, plain = {0};
            const char *error = NULL;
            cr_assert(compress_bytes(all[way], (struct bytes){data, sizes[i]}, &packed));
            cr_expect_lt(packed.length, sizes[i]);
            cr_assert_eq(decompress_bytes(all[way], content(&packed), sizes[i], &plain, &error),
                         STATUS_OK, "%s", error);
            cr_expect_eq(plain.length, sizes[i]);
            cr_expect_eq(memcmp(buffer_data(&plain), data, sizes[i]), 0);
            buffer_free(&packed);
            buffer_free(&plain);
        }
    }
    free(data);
}

Test(compress, gives_up_where_nothing_is_gained)
{
    uint8_t noise[64];
    struct buffer out = {0};
    uint32_t state = 1;

    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
    for (size_t way = 0; way < ALL; way++) {
        cr_expect_not(compress_bytes(all[way], (struct bytes){noise, sizeof(noise)}, &out));
        cr_expect_not(compress_bytes(all[way], (struct bytes){NULL, 0}, &out));
    }
    cr_expect_not(compress_bytes(COMPRESSION_IDENTITY, (struct bytes){noise, 64}, &out));
    cr_expect_eq(out.length, 0);
    buffer_free(&out);
}

Test(compress, nothing_is_an_empty_message)
{
    struct buffer out = {0};
    const char *error = NULL;

    for (size_t way = 0; way < ALL; way++)
        cr_expect_eq(decompress_bytes(all[way], (struct bytes){NULL, 0}, 10, &out, &error),
                     STATUS_OK);
    cr_expect_eq(out.length, 0);
}

Test(compress, bombs_stop_at_the_limit)
{
    size_t size = 8 << 20;
    uint8_t *zeros = calloc(1, size);

    for (size_t way = 0; way < ALL; way++) {
        struct buffer packed = {0}, plain = {0};
        const char *error = NULL;
        cr_assert(compress_bytes(all[way], (struct bytes){zeros, size}, &packed));
        cr_expect_lt(packed.length, size / 100);
        cr_expect_eq(decompress_bytes(all[way], content(&packed), 100000, &plain, &error),
                     STATUS_RESOURCE_EXHAUSTED);
        cr_expect_not_null(error);
        cr_expect_leq(plain.length, 100001);
        buffer_free(&plain);
        error = NULL;
        cr_expect_eq(decompress_bytes(all[way], content(&packed), size - 1, &plain, &error),
                     STATUS_RESOURCE_EXHAUSTED);
        buffer_free(&plain);
        cr_expect_eq(decompress_bytes(all[way], content(&packed), size, &plain, &error), STATUS_OK);
        buffer_free(&plain);
        buffer_free(&packed);
    }
    free(zeros);
}

Test(compress, refuses_what_is_cut_off_garbled_or_goes_on)
{
    uint8_t data[3000];

    fill(data, sizeof(data));
    for (size_t way = 0; way < ALL; way++) {
        struct buffer packed = {0}, plain = {0};
        const char *error = NULL;
        cr_assert(compress_bytes(all[way], (struct bytes){data, sizeof(data)}, &packed));
        for (size_t length = 1; length < packed.length; length++) {
            cr_expect_eq(decompress_bytes(all[way], (struct bytes){buffer_data(&packed), length},
                                          sizeof(data), &plain, &error),
                         STATUS_INVALID_ARGUMENT, "%s cut at %zu", compression_name(all[way]),
                         length);
            buffer_free(&plain);
        }
        buffer_append_char(&packed, 'x');
        cr_expect_eq(decompress_bytes(all[way], content(&packed), sizeof(data), &plain, &error),
                     STATUS_INVALID_ARGUMENT);
        buffer_free(&plain);
        cr_expect_eq(
            decompress_bytes(all[way], (struct bytes){data, sizeof(data)}, 100000, &plain, &error),
            STATUS_INVALID_ARGUMENT);
        buffer_free(&plain);
        buffer_free(&packed);
    }
}

static const char *chosen(const char *list)
{
    return compression_name(compression_choose(list, strlen(list)));
}

Test(compress, chooses_by_what_the_client_takes)
{
    cr_expect_str_eq(chosen(""), "identity");
    cr_expect_str_eq(chosen("identity"), "identity");
    cr_expect_str_eq(chosen("gzip"), "gzip");
    cr_expect_str_eq(chosen("identity,deflate,gzip"), "gzip");
    cr_expect_str_eq(chosen("gzip, deflate, br, zstd"), "zstd");
    cr_expect_str_eq(chosen(" GZip ;q=0.5 , snappy"), "gzip");
    cr_expect_str_eq(chosen("gzip;q=0, br;q=0.001"), "br");
    cr_expect_str_eq(chosen("gzip;q=0.000"), "identity");
    cr_expect_str_eq(chosen(",,;,gzipp,"), "identity");
}

Test(compress, finds_names)
{
    enum compression found;

    cr_expect(compression_find("GZIP", 4, &found));
    cr_expect_eq(found, COMPRESSION_GZIP);
    cr_expect(compression_find("", 0, &found));
    cr_expect_eq(found, COMPRESSION_IDENTITY);
    cr_expect_not(compression_find("gzi", 3, &found));
    cr_expect_not(compression_find("snappy", 6, &found));
}
