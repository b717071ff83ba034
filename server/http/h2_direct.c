/* A listener's DATA frames, made past nghttp2, which is told of them later, many at once.
 *
 * Most connections of a game carry one stream that hears a message now and then. What nghttp2 keeps
 * for such a connection lies in a dozen places that are no longer in the processor's cache, and of
 * all that a frame needs only two numbers, the windows. So:
 *
 * 1. h2_direct_offer(): nghttp2 was asked for frames and had no more. If the connection has one
 *    stream, which waits for data, its smaller window is noted as `credit`.
 * 2. h2_direct_send(), once in each tick in which the stream was written to, takes from the credit
 *    what it sends, and adds it to the `debt`.
 * 3. h2_direct_stop(): something else is about to happen. nghttp2 is told of as many bytes as the
 *    debt, and the frames it makes of them are thrown away instead of sent: its windows are right.
 *
 * Windows, streams and what nghttp2 has queued change only inside calls of nghttp2, and all of
 * those are made after h2_direct_stop(): by h2_ask(), or to ask for frames. Hence between 1 and 3
 *
 * - the credit is what is left of the smaller window, and the stream stays the only one;
 * - nghttp2 has nothing queued, and waits for data of this stream, so that the frames of step 3 are
 *   all it makes;
 * - the debt is no larger than either window was, so that nghttp2 takes it in whole. */
#include "server/http/h2.h"

#include <stdlib.h>

#define FRAME_PAYLOAD_MAX (16 * 1024) /* what every peer takes (RFC 9113, 4.2) */
/* nghttp2 takes a debt in one go, 16 KB after the other: a bound on how long that takes. */
#define CREDIT_MAX (16 * 1024 * 1024)

static uint32_t credit_of(const struct h2_connection *connection, int32_t stream_id)
{
    int32_t of_all = nghttp2_session_get_remote_window_size(connection->session);
    int32_t own = nghttp2_session_get_stream_remote_window_size(connection->session, stream_id);
    int32_t smaller = of_all < own ? of_all : own;

    if (smaller <= 0)
        return 0;
    return smaller < CREDIT_MAX ? (uint32_t)smaller : CREDIT_MAX;
}

void h2_direct_offer(struct h2_connection *connection)
{
    struct h2_stream *stream = connection->streams;

    /* A session that wants to read no more has said its last word (GOAWAY): no DATA follows it. */
    if (connection->stream_count != 1 || !stream->deferred || stream->ended ||
        connection->abusive || !nghttp2_session_want_read(connection->session))
        return;
    connection->direct = stream;
    connection->credit = credit_of(connection, stream->id);
}

static void put_head(struct buffer *out, size_t length, int32_t stream_id)
{
    uint32_t id = (uint32_t)stream_id;
    const uint8_t head[H2_FRAME_HEAD_BYTES] = {(uint8_t)(length >> 16),
                                               (uint8_t)(length >> 8),
                                               (uint8_t)length,
                                               NGHTTP2_DATA,
                                               NGHTTP2_FLAG_NONE,
                                               (uint8_t)(id >> 24),
                                               (uint8_t)(id >> 16),
                                               (uint8_t)(id >> 8),
                                               (uint8_t)id};

    buffer_append(out, head, sizeof(head));
}

bool h2_direct_send(struct h2_connection *connection)
{
    struct h2_stream *stream = connection->direct;
    size_t length;

    if (stream == NULL || stream->ended || connection->writer.writing)
        return false;
    length = h2_stream_queued(stream);
    if (length > connection->credit || length > FRAME_PAYLOAD_MAX || h2_is_full(connection))
        return false;
    stream->dirty = false;
    connection->dirty = NULL; /* there is no other stream */
    if (length == 0)
        return true;
    put_head(&connection->writer.out.copied, length, stream->id);
    h2_stream_take(stream, length);
    connection->credit -= (uint32_t)length;
    connection->debt += (uint32_t)length;
    return true;
}

/* Has nghttp2 ask h2_direct_read() for the stream's data, and hand h2_stream_send_data() frames of
 * it, until the debt is gone. A server whose account of the windows is wrong must not go on. */
static void settle(struct h2_connection *connection)
{
    struct h2_stream *stream = connection->direct;
    const uint8_t *bytes;

    connection->settling = true;
    stream->deferred = false;
    nghttp2_session_resume_data(connection->session, stream->id);
    if (nghttp2_session_mem_send(connection->session, &bytes) != 0 || connection->debt > 0)
        abort();
    connection->settling = false;
}

void h2_direct_stop(struct h2_connection *connection)
{
    if (connection->debt > 0)
        settle(connection);
    connection->direct = NULL;
}

ssize_t h2_direct_read(struct h2_stream *stream, size_t out_size, uint32_t *flags)
{
    size_t debt = stream->connection->debt;

    if (debt == 0) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY; /* there are no bytes to copy any more */
    return (ssize_t)(debt < out_size ? debt : out_size);
}
