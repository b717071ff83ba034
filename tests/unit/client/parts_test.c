/* The client's parts that need no connection. */
#include "client/internal.h"
#include "server/protocol/base64.h"

#include <criterion/criterion.h>
#include <string.h>

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new();
}

static void free_arena(void)
{
    arena_free(arena);
}

TestSuite(client_parts, .init = make_arena, .fini = free_arena);

/* --- pauses --- */

Test(client_parts, backoff_doubles_up_to_its_bound_and_varies)
{
    for (unsigned times = 0; times < 12; times++) {
        uint64_t whole_us = 100000ULL << times < 5000000 ? 100000ULL << times : 5000000;
        uint64_t least_us = UINT64_MAX, most_us = 0;
        for (int i = 0; i < 200; i++) {
            uint64_t pause_us = client_backoff_us(100, 5000, times);
            least_us = pause_us < least_us ? pause_us : least_us;
            most_us = pause_us > most_us ? pause_us : most_us;
        }
        cr_expect_geq(least_us, whole_us / 2);
        cr_expect_leq(most_us, whole_us);
        cr_expect_gt(most_us - least_us, whole_us / 4, "200 pauses differ by so little");
    }
    cr_expect_leq(client_backoff_us(1, UINT32_MAX, 1000), (uint64_t)UINT32_MAX * 1000);
}

static bool delay_of(const char *text, size_t length, uint64_t *ret_us)
{
    return client_details_retry_delay((struct bytes){(const uint8_t *)text, length}, ret_us);
}

Test(client_parts, retry_info)
{
    uint64_t delay_us = 7;

    cr_expect(delay_of("", 0, &delay_us));
    cr_expect_eq(delay_us, 0);
    cr_expect(delay_of("\x0a\x02\x08\x03", 4, &delay_us));
    cr_expect_eq(delay_us, 3000000);
    cr_expect(delay_of("\x0a\x06\x10\x80\xca\xb5\xee\x01", 8, &delay_us));
    cr_expect_eq(delay_us, 500000);
    /* Negative seconds, nanoseconds beyond a second, cut off. */
    cr_expect_not(delay_of("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, &delay_us));
    cr_expect_not(delay_of("\x0a\x06\x10\x80\x94\xeb\xdc\x03", 8, &delay_us));
    cr_expect_not(delay_of("\x0a\x09\x08\x03", 4, &delay_us));
    cr_expect_not(delay_of("\xff", 1, &delay_us));
}

/* --- metadata --- */

Test(client_parts, headers_of_requests_are_checked)
{
    static const char *const bad[][2] = {
        {"", "x"},          {"Upper", "x"},         {"with space", "x"},   {":path", "/"},
        {"te", "x"},        {"grpc-timeout", "1S"}, {"content-type", "x"}, {"x", "new\nline"},
        {"x", "\xc3\xa9"},  {"x", " before"},       {"x", "after "},       {"x", "\x7f"},
        {"connection", "x"}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not_null(client_metadata_flaw(arena, bad[i][0], bad[i][1]), "%s: %s", bad[i][0],
                           bad[i][1]);
    cr_expect_null(client_metadata_flaw(arena, "authorization", "Bearer a.b-c_d"));
    cr_expect_null(client_metadata_flaw(arena, "x-empty", ""));
}

Test(client_parts, metadata_is_bounded)
{
    struct client_metadata metadata = {0};
    char value[9000];
    int count = 0;

    while (client_metadata_add(&metadata, arena, "x", "y", 1))
        count++;
    cr_expect_eq(count, 100);
    cr_expect_eq(metadata.count, 100);
    metadata = (struct client_metadata){0};
    memset(value, 'v', sizeof(value));
    for (count = 0; client_metadata_add(&metadata, arena, "x", value, sizeof(value));)
        count++;
    cr_expect_eq(count, 3);
}

Test(client_parts, bytes_are_decoded_with_and_without_padding)
{
    struct client_metadata metadata = {0};
    struct bytes bytes;

    client_metadata_add(&metadata, arena, "padded-bin", "aGk=", 4);
    client_metadata_add(&metadata, arena, "bare-bin", "aGk", 3);
    client_metadata_add(&metadata, arena, "joined-bin", "aGk,aGU", 7);
    client_metadata_add(&metadata, arena, "broken-bin", "a!", 2);
    client_metadata_add(&metadata, arena, "empty-bin", "", 0);
    for (size_t i = 0; i < 3; i++) {
        cr_assert(client_metadata_find_bytes(&metadata, arena, metadata.items[i].name, &bytes));
        cr_expect_eq(bytes.length, 2);
        cr_expect_eq(memcmp(bytes.data, "hi", 2), 0);
    }
    cr_expect(client_metadata_find_bytes(&metadata, arena, "empty-bin", &bytes));
    cr_expect_eq(bytes.length, 0);
    cr_expect_not(client_metadata_find_bytes(&metadata, arena, "broken-bin", &bytes));
    cr_expect_not(client_metadata_find_bytes(&metadata, arena, "absent-bin", &bytes));
}

/* --- details --- */

/* A hostile status holds as many details as it likes: a bounded number is read. */
Test(client_parts, details_are_bounded)
{
    struct client_detail *details = NULL;
    struct buffer status = {0};
    size_t count = 0, length;
    char *text;

    for (int i = 0; i < 1000; i++)
        buffer_append(&status,
                      "\x1a\x05\x0a\x03"
                      "a/b",
                      7);
    length = base64_encoded_length(status.length, true);
    text = arena_alloc(arena, length + 1);
    base64_encode_to(text, buffer_data(&status), status.length, BASE64_STANDARD, true);
    client_details_read(arena, text, &details, &count);
    cr_assert_eq(count, 16);
    cr_expect_str_eq(details[15].type_name, "b");
    buffer_free(&status);
}
