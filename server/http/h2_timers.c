/* What an HTTP/2 connection waits for, and for how long. */
#include "base/limits.h"
#include "base/log.h"
#include "server/http/h2.h"

#include <string.h>

/* Time for clients to see the first GOAWAY before streams are refused. */
#define DRAIN_NOTICE_MS 100

static const struct http_config *configuration(const struct h2_connection *connection)
{
    return connection->base.listener->config;
}

static struct loop *loop_of(const struct h2_connection *connection)
{
    return connection->base.listener->loop;
}

/* --- the connection's own timer: a write, an idle connection, last words --- */

static struct h2_connection *from_timer(struct loop_timer *timer)
{
    return (struct h2_connection *)((char *)timer - offsetof(struct connection, timer));
}

/* Whether all that is open are live streams: how slow their peer is, is its own affair, and
 * whether it is there at all is found out by PING. */
static bool is_patient(const struct h2_connection *connection)
{
    const struct h2_stream *stream = connection->streams;

    if (stream == NULL)
        return false;
    while (stream != NULL && stream->exchange.patient)
        stream = stream->next;
    return stream == NULL;
}

static void on_idle(struct loop_timer *timer)
{
    struct h2_connection *connection = from_timer(timer);

    if (connection->writer.writing && is_patient(connection)) {
        loop_timer_set(loop_of(connection), timer, configuration(connection)->write_ms);
        return;
    }
    if (connection->writer.writing) {
        h2_close(&connection->base); /* the peer takes nothing of what is pending */
        return;
    }
    if (connection->stream_count > 0)
        return; /* opened in this tick */
    nghttp2_session_terminate_session(h2_ask(connection), NGHTTP2_NO_ERROR);
    connection->closing = true;
}

/* One timer for what the connection waits for: room to write, from the start of a write, or,
 * without streams, a request. */
static void set_timer(struct h2_connection *connection, bool write_started)
{
    struct loop_timer *timer = &connection->base.timer;

    if (write_started)
        loop_timer_set(loop_of(connection), timer, configuration(connection)->write_ms);
    else if (connection->writer.writing)
        return;
    else if (connection->stream_count == 0)
        loop_timer_set(loop_of(connection), timer, configuration(connection)->idle_ms);
    else
        loop_timer_cancel(loop_of(connection), timer);
}

static void on_last_words_over(struct loop_timer *timer)
{
    h2_close(&from_timer(timer)->base);
}

void h2_bound_last_words(struct h2_connection *connection)
{
    connection->base.timer.fn = on_last_words_over;
    loop_timer_set(loop_of(connection), &connection->base.timer,
                   configuration(connection)->linger_ms);
}

/* --- drain --- */

static void on_drain_notice_over(struct loop_timer *timer)
{
    struct h2_connection *connection = from_timer(timer);

    timer->fn = on_idle;
    nghttp2_submit_goaway(h2_ask(connection), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(connection->session),
                          NGHTTP2_NO_ERROR, NULL, 0);
    connection->closing = true;
    set_timer(connection, connection->writer.writing);
}

/* Two steps (RFC 9113, 6.8): a notice, so that no request is lost that is on its way, then the
 * last stream that is served. */
void h2_drain(struct connection *base)
{
    struct h2_connection *connection = (struct h2_connection *)base;

    if (connection->abusive || connection->draining)
        return;
    connection->draining = true;
    nghttp2_submit_shutdown_notice(h2_ask(connection));
    base->timer.fn = on_drain_notice_over;
    loop_timer_set(base->listener->loop, &base->timer, DRAIN_NOTICE_MS);
}

/* --- streams that wait for the peer --- */

/* How long the stream may stand still; 0: as long as it likes. */
static uint32_t bound_ms(const struct h2_stream *stream)
{
    const struct http_config *config = configuration(stream->connection);

    if (!stream->routed)
        return config->header_ms;
    if (stream->lingering)
        return config->linger_ms;
    if (h2_stream_queued(stream) > 0)
        return stream->exchange.patient ? 0 : config->write_ms;
    if (!stream->in_ended && !stream->started && stream->unconsumed == 0 &&
        (stream->exchange.whole_request || stream->for_site))
        return config->body_ms;
    return 0;
}

/* Whether the peer gives no window, rather than the network no room. */
static bool has_no_window(nghttp2_session *session, const struct h2_stream *stream)
{
    return nghttp2_session_get_remote_window_size(session) <= 0 ||
           nghttp2_session_get_stream_remote_window_size(session, stream->id) <= 0;
}

static void end_stalled(struct h2_stream *stream)
{
    struct h2_connection *connection = stream->connection;
    nghttp2_session *session = h2_ask(connection);

    if (!stream->routed ||
        (h2_stream_queued(stream) > 0 && nghttp2_session_get_remote_window_size(session) <= 0)) {
        h2_give_up_on(connection, "too_slow"); /* it blocks all the others as well */
        return;
    }
    if (stream->lingering) {
        h2_transport.reset(&stream->exchange, NGHTTP2_NO_ERROR);
        return;
    }
    if (h2_stream_queued(stream) > 0 && !has_no_window(session, stream))
        return;
    h2_transport.reset(&stream->exchange,
                       h2_stream_queued(stream) > 0 ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_CANCEL);
}

static void on_stalls(struct loop_timer *timer)
{
    struct h2_connection *connection =
        (struct h2_connection *)((char *)timer - offsetof(struct h2_connection, stalls));
    uint64_t now_ms = loop_now_ms(loop_of(connection)), next_ms = UINT64_MAX;

    for (struct h2_stream *stream = connection->streams; stream != NULL; stream = stream->next) {
        uint32_t bound = bound_ms(stream);
        if (bound == 0)
            continue;
        if (stream->moved_ms + bound <= now_ms) {
            end_stalled(stream);
            h2_stream_moved(stream);
        }
        if (stream->moved_ms + bound < next_ms)
            next_ms = stream->moved_ms + bound;
    }
    if (next_ms != UINT64_MAX)
        loop_timer_set(loop_of(connection), timer, next_ms - now_ms);
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* A player's connection: one stream, which only listens. */
static bool has_one_unbounded_stream(const struct h2_connection *connection)
{
    return connection->stream_count == 1 && bound_ms(connection->streams) == 0;
}

/* Not before the shortest bound can anything be due; from then on the timer knows when. */
static void watch_stalls(struct h2_connection *connection)
{
    const struct http_config *config = configuration(connection);

    if (connection->stream_count > 0 && !loop_timer_is_set(&connection->stalls) &&
        !has_one_unbounded_stream(connection))
        loop_timer_set(loop_of(connection), &connection->stalls,
                       least(least(config->header_ms, config->linger_ms),
                             least(config->body_ms, config->write_ms)));
}

/* --- keepalive --- */

/* A peer that lost its network, or whose NAT forgot it, would hold its streams for ever. */
static void on_keepalive(struct loop_timer *timer)
{
    struct h2_connection *connection =
        (struct h2_connection *)((char *)timer - offsetof(struct h2_connection, keepalive));
    const struct http_config *config = configuration(connection);
    uint64_t silent_ms = loop_now_ms(loop_of(connection)) - connection->read_ms;

    if (connection->pinged) {
        log_debug("connection closed: its peer does not answer",
                  LOG_STRING("peer", connection->base.peer));
        h2_close(&connection->base);
        return;
    }
    if (silent_ms < config->keepalive_ms) {
        loop_timer_set(loop_of(connection), timer, config->keepalive_ms - silent_ms);
        return;
    }
    nghttp2_submit_ping(h2_ask(connection), NGHTTP2_FLAG_NONE, NULL);
    connection->pinged = true;
    connection->pings++;
    loop_timer_set(loop_of(connection), timer, config->keepalive_timeout_ms);
}

/* --- all of them --- */

void h2_start_timers(struct h2_connection *connection)
{
    connection->base.timer.fn = on_idle;
    connection->stalls.fn = on_stalls;
    connection->keepalive.fn = on_keepalive;
    connection->read_ms = loop_now_ms(loop_of(connection));
    loop_timer_set(loop_of(connection), &connection->keepalive,
                   configuration(connection)->keepalive_ms);
    set_timer(connection, false);
}

void h2_set_timers(struct h2_connection *connection, bool write_started)
{
    if (connection->abusive)
        return;
    if (!connection->draining || connection->closing)
        set_timer(connection, write_started);
    watch_stalls(connection);
}
