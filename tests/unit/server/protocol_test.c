/* Heads and envelopes of the protocols, without sockets. */
#include <criterion/criterion.h>
#include <string.h>

#include "server/protocol/protocol.h"

/* --- timeouts --- */

static int64_t grpc_timeout(const char *text)
{
    int64_t us = -1;

    return timeout_parse_grpc(text, strlen(text), &us) ? us : -1;
}

static int64_t connect_timeout(const char *text)
{
    int64_t us = -1;

    return timeout_parse_connect(text, strlen(text), &us) ? us : -1;
}

Test(timeouts, grpc_units)
{
    cr_expect_eq(grpc_timeout("1H"), 3600000000);
    cr_expect_eq(grpc_timeout("2M"), 120000000);
    cr_expect_eq(grpc_timeout("3S"), 3000000);
    cr_expect_eq(grpc_timeout("4m"), 4000);
    cr_expect_eq(grpc_timeout("5u"), 5);
    cr_expect_eq(grpc_timeout("1n"), 1, "a nanosecond rounds up, so that it is a deadline");
    cr_expect_eq(grpc_timeout("99999999H"), 99999999LL * 3600 * 1000000);
}

Test(timeouts, grpc_refuses_what_is_malformed)
{
    static const char *const bad[] = {"", "1", "S", "-1S", "1s", "100000000S", "1 S", "1SS"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(grpc_timeout(bad[i]), -1, "'%s' was accepted", bad[i]);
}

Test(timeouts, connect_milliseconds)
{
    cr_expect_eq(connect_timeout("0"), 0);
    cr_expect_eq(connect_timeout("1500"), 1500000);
    cr_expect_eq(connect_timeout("9999999999"), 9999999999000);
    cr_expect_eq(connect_timeout("10000000000"), -1);
    cr_expect_eq(connect_timeout("1.5"), -1);
    cr_expect_eq(connect_timeout(""), -1);
}

/* --- envelopes --- */

static enum envelope_result read_text(const char *text, size_t length, size_t max,
                                      struct envelope *envelope)
{
    return envelope_read((const uint8_t *)text, length, max, envelope);
}

Test(envelopes, takes_the_first_message)
{
    struct envelope envelope;

    cr_assert_eq(read_text("\0\0\0\0\3abc\0\0", 10, 100, &envelope), ENVELOPE_MESSAGE);
    cr_expect_eq(envelope.size, 8);
    cr_expect_not(envelope.compressed);
    cr_expect_eq(envelope.message.length, 3);
    cr_expect_arr_eq(envelope.message.data, "abc", 3);
}

Test(envelopes, waits_for_what_is_cut_off)
{
    struct envelope envelope;

    for (size_t length = 0; length < 8; length++)
        cr_expect_eq(read_text("\0\0\0\0\3abc", length, 100, &envelope), ENVELOPE_MORE);
}

Test(envelopes, refuses_before_the_body_is_there)
{
    struct envelope envelope;

    cr_expect_eq(read_text("\0\0\0\0\145", 5, 100, &envelope), ENVELOPE_TOO_LARGE);
    cr_expect_eq(read_text("\0\377\377\377\377", 5, 100, &envelope), ENVELOPE_TOO_LARGE);
    cr_expect_eq(read_text("\2\0\0\0\0", 5, 100, &envelope), ENVELOPE_BAD_FLAGS);
    cr_expect_eq(read_text("\3\0\0\0\0", 5, 100, &envelope), ENVELOPE_BAD_FLAGS);
    cr_expect_eq(read_text("\200\0\0\0\0", 5, 100, &envelope), ENVELOPE_BAD_FLAGS);
}

Test(envelopes, tells_which_are_compressed)
{
    struct envelope envelope;

    cr_assert_eq(read_text("\1\0\0\0\1x", 6, 100, &envelope), ENVELOPE_MESSAGE);
    cr_expect(envelope.compressed);
}

Test(envelopes, text_bodies_decode_as_they_arrive)
{
    static const char text[] = "AAAAAANhYmM=AAAA";
    struct text_decoder decoder = {0};
    struct buffer out = {0};

    for (size_t i = 0; i < sizeof(text) - 1; i++)
        cr_assert(text_decode(&decoder, (const uint8_t *)text + i, 1, false, &out));
    cr_expect_eq(out.length, 11);
    cr_expect_arr_eq(buffer_data(&out), "\0\0\0\0\3abc\0\0\0", 11);
    cr_expect(text_decode(&decoder, (const uint8_t *)"AAA", 3, false, &out));
    cr_expect_not(text_decode(&decoder, (const uint8_t *)"", 0, true, &out), "half a group");
    decoder = (struct text_decoder){0};
    cr_expect_not(text_decode(&decoder, (const uint8_t *)"!!!!", 4, false, &out));
    buffer_free(&out);
}

/* --- errors --- */

Test(errors, connect_json)
{
    struct error_detail detail = {"google.rpc.BadRequest", {(const uint8_t *)"\1\2", 2}, NULL};
    struct outcome outcome = {STATUS_INVALID_ARGUMENT, "name: \"x\" is bad\n", &detail};
    static const char expected[] =
        "{\"code\":\"invalid_argument\",\"message\":\"name: \\\"x\\\" is bad\\n\","
        "\"details\":[{\"type\":\"google.rpc.BadRequest\",\"value\":\"AQI\"}]}";
    struct buffer out = {0};

    connect_write_error(&out, &outcome);
    buffer_append_char(&out, '\0');
    cr_expect_str_eq((char *)buffer_data(&out), expected);
    buffer_free(&out);
}

Test(errors, grpc_details_carry_the_status)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct error_detail detail = {"a.B", {(const uint8_t *)"x", 1}, NULL};
    struct outcome outcome = {STATUS_NOT_FOUND, "gone", &detail};
    struct outcome plain = {STATUS_NOT_FOUND, "gone", NULL};

    /* code 5, message "gone", one Any {type_url "type.googleapis.com/a.B", value "x"} */
    cr_expect_str_eq(grpc_status_details(arena, &outcome),
                     "CAUSBGdvbmUaHAoXdHlwZS5nb29nbGVhcGlzLmNvbS9hLkISAXg");
    cr_expect_null(grpc_status_details(arena, &plain));
}

Test(errors, metadata_is_bounded)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct metadata metadata = {0};
    char value[1001];
    int added = 0;

    memset(value, 'v', 1000);
    value[1000] = '\0';
    while (metadata_add(&metadata, arena, "name", value))
        added++;
    cr_expect_eq(added, 16 * 1024 / 1004);
}
