/* What frames are for streams that are not open. How it looks to a peer is in tests/service. */
#include <criterion/criterion.h>
#include <nghttp2/nghttp2.h>
#include <string.h>

#include "server/http/h2_watch.h"

static const uint8_t ping[17] = {0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};

Test(h2_watch, finds_frames_however_they_are_cut)
{
    uint8_t bytes[24 + 3 * sizeof(ping)];

    memcpy(bytes, NGHTTP2_CLIENT_MAGIC, 24);
    for (int i = 0; i < 3; i++)
        memcpy(bytes + 24 + i * sizeof(ping), ping, sizeof(ping));
    for (size_t step = 1; step <= sizeof(bytes); step++) {
        struct h2_watch watch;
        int found = 0;
        h2_watch_start(&watch);
        for (size_t at = 0; at < sizeof(bytes); at += step) {
            size_t length = sizeof(bytes) - at < step ? sizeof(bytes) - at : step;
            size_t position = 0, start;
            struct h2_frame_head head;
            while (h2_watch_next(&watch, bytes + at, length, &position, &start, &head)) {
                cr_expect_eq(head.type, NGHTTP2_PING);
                cr_expect_eq(head.length, 8);
                cr_expect_leq(start, position);
                found++;
            }
        }
        cr_expect_eq(found, 3, "in pieces of %zu bytes: %d", step, found);
    }
}

Test(h2_watch, knows_skipped_from_closed)
{
    struct h2_watch watch;

    h2_watch_start(&watch);
    h2_watch_opened(&watch, 5);
    cr_expect_eq(h2_watch_verdict(&watch, 5), NGHTTP2_STREAM_CLOSED);
    cr_expect_eq(h2_watch_verdict(&watch, 3), NGHTTP2_PROTOCOL_ERROR);
    h2_watch_opened(&watch, 7);
    h2_watch_opened(&watch, 11);
    cr_expect_eq(h2_watch_verdict(&watch, 5), NGHTTP2_STREAM_CLOSED);
    cr_expect_eq(h2_watch_verdict(&watch, 7), NGHTTP2_STREAM_CLOSED);
    cr_expect_eq(h2_watch_verdict(&watch, 9), NGHTTP2_PROTOCOL_ERROR);
    h2_watch_opened(&watch, INT32_MAX);
    cr_expect_eq(h2_watch_verdict(&watch, INT32_MAX - 2), NGHTTP2_PROTOCOL_ERROR);
    cr_expect_eq(h2_watch_verdict(&watch, 11), NGHTTP2_STREAM_CLOSED, "too long ago to know");
}

Test(h2_watch, forgives_what_crosses_a_reset)
{
    struct h2_watch watch;

    h2_watch_start(&watch);
    for (int32_t id = 1; id < 2 * (LIMIT_STREAMS_PER_CONNECTION + 1); id += 2) {
        h2_watch_opened(&watch, id);
        h2_watch_reset(&watch, id);
    }
    cr_expect_eq(h2_watch_verdict(&watch, 1), NGHTTP2_STREAM_CLOSED, "the oldest is forgotten");
    for (int32_t id = 3; id < 2 * (LIMIT_STREAMS_PER_CONNECTION + 1); id += 2)
        cr_assert_eq(h2_watch_verdict(&watch, id), NGHTTP2_NO_ERROR);
    h2_watch_free(&watch);
}

Test(h2_watch, only_data_and_headers_of_known_streams_need_one)
{
    struct h2_watch watch;
    struct h2_frame_head head = {.type = NGHTTP2_DATA, .stream_id = 1};

    h2_watch_start(&watch);
    cr_expect_not(h2_watch_needs_stream(&watch, &head), "idle");
    h2_watch_opened(&watch, 1);
    cr_expect(h2_watch_needs_stream(&watch, &head));
    head.type = NGHTTP2_WINDOW_UPDATE;
    cr_expect_not(h2_watch_needs_stream(&watch, &head));
    head = (struct h2_frame_head){.type = NGHTTP2_HEADERS, .stream_id = 2};
    cr_expect_not(h2_watch_needs_stream(&watch, &head), "not a client's");
}
