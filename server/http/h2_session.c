/* An HTTP/2 connection: nghttp2 between the socket and the streams. */
#include "server/http/h2.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"

#define WRITE_BYTES (64 * 1024) /* copied for one write; shared bytes may fill a slice */
#define FRAME_BYTES_MAX (H2_FRAME_HEAD_BYTES + 16 * 1024) /* as nghttp2 makes them */
#define HEAD_BYTES_PER_TOKEN 4096                         /* of heads that are too large */
/* Nobody means a head of this size. Smaller ones that are too large are answered. */
#define HEADER_BOMB_BYTES (4 * LIMIT_HEADER_BYTES)

static struct h2_connection *from_socket(h2o_socket_t *socket)
{
    return socket->data;
}

nghttp2_session *h2_ask(struct h2_connection *connection)
{
    h2_direct_stop(connection);
    loop_defer(connection->base.listener->loop, &connection->flush);
    return connection->session;
}

void h2_mark_dirty(struct h2_stream *stream)
{
    struct h2_connection *connection = stream->connection;

    if (!stream->dirty) {
        stream->dirty = true;
        stream->next_dirty = connection->dirty;
        connection->dirty = stream;
    }
    loop_defer(stream->exchange.loop, &connection->flush);
}

/* --- abuse --- */

void h2_give_up_on(struct h2_connection *connection, const char *reason)
{
    if (connection->abusive)
        return;
    connection->abusive = true;
    h2_bound_last_words(connection);
    connection->base.listener->stats.abusive++;
    log_info("connection closed for abuse", LOG_STRING("peer", connection->base.peer),
             LOG_STRING("reason", reason));
    nghttp2_submit_goaway(h2_ask(connection), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(connection->session),
                          NGHTTP2_ENHANCE_YOUR_CALM, (const uint8_t *)reason, strlen(reason));
}

void h2_charge(struct h2_connection *connection, uint32_t tokens, const char *reason)
{
    if (!abuse_charge(&connection->abuse, tokens, h2_now_ms(connection)))
        h2_give_up_on(connection, reason);
}

void h2_charge_head(struct h2_connection *connection, size_t head_bytes)
{
    h2_charge(connection, (uint32_t)(head_bytes / HEAD_BYTES_PER_TOKEN), "too_large_headers");
}

/* --- nghttp2's callbacks --- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2_connection *connection = user_data;

    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id,
                                             h2_stream_new(connection, frame->hd.stream_id));
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user_data)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    if (stream == NULL)
        return 0;
    stream->header_bytes += name_length + value_length;
    if (stream->header_bytes > HEADER_BOMB_BYTES) {
        h2_give_up_on(user_data, "too_large_headers");
        return NGHTTP2_ERR_CALLBACK_FAILURE; /* the rest is not even unpacked */
    }
    if (!stream->routed) /* trailers of a request are ignored */
        h2_stream_add_header(stream, name, name_length, value, value_length);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data,
                   size_t length, void *user_data)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);

    if (stream != NULL && !stream->for_site && !stream->lingering)
        h2_stream_moved(stream);
    if (stream != NULL && stream->lingering)
        h2_stream_skip_body(stream, length);
    if (stream == NULL || stream->exchange.events == NULL) {
        nghttp2_session_consume(session, stream_id, length);
        if (stream != NULL && !stream->lingering)
            h2_stream_skip_body(stream, length);
        return 0;
    }
    stream->unconsumed += length;
    stream->exchange.events->on_body(&stream->exchange, data, length, false);
    return 0;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2_connection *connection = user_data;
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (frame->hd.type == NGHTTP2_DATA && !end && frame->hd.length > 0 &&
        frame->hd.length == frame->data.padlen)
        h2_charge(connection, 1, "too_many_empty_frames");
    if (stream == NULL || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    if (!stream->routed) {
        h2_stream_route(stream, end);
    } else if (end && !stream->in_ended) {
        h2_stream_end_body(stream);
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *user_data)
{
    struct h2_connection *connection = user_data;

    if (error == NGHTTP2_ERR_REFUSED_STREAM)
        h2_watch_reset(&connection->watch, frame->hd.stream_id);
    h2_charge(connection, 1, "too_many_invalid_frames");
    return 0;
}

/* An answer that ended before its request asks the client to stop sending, but not at once: some
 * discard an answer that a reset follows. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct h2_connection *connection = user_data;
    struct h2_stream *stream;

    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        h2_watch_reset(&connection->watch, frame->hd.stream_id);
        h2_charge(connection, 1, "too_many_resets");
        return 0;
    }
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream != NULL && !stream->in_ended) {
        stream->lingering = true;
        h2_stream_moved(stream);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *user_data)
{
    struct h2_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);

    if (stream != NULL)
        h2_stream_closed(stream, error_code);
    return 0;
}

/* Made once per listener: a session copies them. */
static nghttp2_session_callbacks *session_callbacks(struct http_listener *listener)
{
    nghttp2_session_callbacks *callbacks = listener->h2_callbacks;

    if (callbacks != NULL)
        return callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        abort();
    listener->h2_callbacks = callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, h2_stream_send_data);
    return callbacks;
}

/* --- life --- */

static void detach_streams(struct h2_connection *connection)
{
    nghttp2_session *session = connection->session;

    /* nghttp2_session_del() does not call on_stream_close. */
    connection->session = NULL;
    connection->direct = NULL;
    connection->debt = 0; /* there is nobody left to be told */
    while (connection->streams != NULL)
        h2_stream_closed(connection->streams, NGHTTP2_CANCEL);
    nghttp2_session_del(session);
}

static void release(struct h2_connection *connection)
{
    struct loop *loop = connection->base.listener->loop;

    detach_streams(connection);
    loop_undefer(loop, &connection->flush);
    loop_timer_cancel(loop, &connection->stalls);
    loop_timer_cancel(loop, &connection->keepalive);
    loop_timer_cancel(loop, &connection->more);
    writer_free(&connection->writer);
    h2_watch_free(&connection->watch);
}

void h2_close(struct connection *base)
{
    release((struct h2_connection *)base);
    connection_free(base);
}

/* --- writing --- */

static void on_written(h2o_socket_t *socket, const char *error)
{
    struct h2_connection *connection = from_socket(socket);

    writer_done(&connection->writer, socket);
    if (error != NULL) {
        h2_close(&connection->base);
        return;
    }
    loop_defer(connection->base.listener->loop, &connection->flush);
}

static void submit_dirty(struct h2_connection *connection)
{
    while (connection->dirty != NULL) {
        struct h2_stream *stream = connection->dirty;
        connection->dirty = stream->next_dirty;
        stream->dirty = false;
        h2_stream_submit(stream);
    }
}

bool h2_is_full(const struct h2_connection *connection)
{
    const struct chain *out = &connection->writer.out;

    return out->copied.length >= WRITE_BYTES ||
           chain_length(out) + FRAME_BYTES_MAX > WRITER_SLICE_BYTES;
}

/* False if nghttp2 can go on no longer. */
static bool gather(struct h2_connection *connection)
{
    if (connection->writer.writing)
        return true; /* what were made now would only lie there */
    if (connection->abusive && connection->last_words)
        return true;
    connection->last_words = connection->abusive;
    while (!h2_is_full(connection)) {
        const uint8_t *bytes;
        ssize_t length = nghttp2_session_mem_send(connection->session, &bytes);
        if (length < 0)
            return false;
        if (length == 0)
            break;
        buffer_append(&connection->writer.out.copied, bytes, (size_t)length);
    }
    if (!h2_is_full(connection))
        h2_direct_offer(connection);
    return true;
}

/* False if nghttp2 can go on no longer. */
static bool ask_for_frames(struct h2_connection *connection)
{
    h2_direct_stop(connection);
    submit_dirty(connection);
    return gather(connection);
}

/* Streams whose calls wait for room are told once half of the queue is free. */
static void tell_writable(struct h2_connection *connection)
{
    struct h2_stream **link = &connection->waiting;

    while (*link != NULL) {
        struct h2_stream *stream = *link;
        if (h2_stream_queued(stream) > LIMIT_STREAM_QUEUE_BYTES / 2) {
            link = &stream->next_waiting;
            continue;
        }
        *link = stream->next_waiting;
        stream->waiting = false;
        stream->exchange.events->on_writable(&stream->exchange);
    }
}

static bool is_over(const struct h2_connection *connection)
{
    if (connection->writer.writing)
        return false;
    if (connection->abusive || (connection->closing && connection->stream_count == 0))
        return true;
    return !nghttp2_session_want_read(connection->session) &&
           !nghttp2_session_want_write(connection->session);
}

static void flush(struct loop_task *task)
{
    struct h2_connection *connection =
        (struct h2_connection *)((char *)task - offsetof(struct h2_connection, flush));
    bool write_started, was_direct = h2_direct_send(connection);

    if (!was_direct && !ask_for_frames(connection)) {
        h2_close(&connection->base);
        return;
    }
    /* With more to come the write's callback goes on. */
    write_started =
        (h2_is_full(connection) || !writer_write_now(&connection->writer, connection->fd)) &&
        writer_start(&connection->writer, connection->base.socket, on_written);
    /* While a stream may send past nghttp2, it is open. */
    if (!was_direct && is_over(connection)) {
        release(connection);
        connection_linger(&connection->base, H2_INPUT_BYTES);
        return;
    }
    tell_writable(connection);
    h2_set_timers(connection, write_started);
}

static void open_session(struct h2_connection *connection)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_STREAMS_PER_CONNECTION},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HEADER_BYTES},
    };
    nghttp2_option *option;

    if (nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    if (nghttp2_session_server_new2(&connection->session,
                                    session_callbacks(connection->base.listener), connection,
                                    option) != 0)
        abort();
    nghttp2_option_del(option);
    nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings,
                            sizeof(settings) / sizeof(settings[0]));
    nghttp2_session_set_local_window_size(connection->session, NGHTTP2_FLAG_NONE, 0,
                                          LIMIT_CONNECTION_WINDOW_BYTES);
}

void h2_start(struct connection *from)
{
    struct h2_connection *connection =
        (struct h2_connection *)connection_replace(from, sizeof(*connection));

    connection->base.drain = h2_drain;
    connection->base.close = h2_close;
    connection->flush.fn = flush;
    connection->fd = connection->base.secure ? -1 : h2o_socket_get_fd(connection->base.socket);
    connection->abuse.filled_ms = h2_now_ms(connection);
    h2_watch_start(&connection->watch);
    open_session(connection);
    h2_start_timers(connection);
    h2_read_start(connection);
    if (connection->base.listener->draining)
        h2_drain(&connection->base);
}
