/* What an HTTP/2 connection receives: so much in a tick, and every frame looked at. */
#include "server/http/h2.h"

#include <errno.h>
#include <string.h>

/* How much cheaper a byte of DATA is than one of other frames, of which there may be thousands. */
#define DATA_DISCOUNT 32

static void charge_unexplained(struct h2_connection *connection, const char *reason)
{
    if (!abuse_charge_unexplained(&connection->abuse, h2_now_ms(connection)))
        h2_give_up_on(connection, reason);
}

/* Every frame, also those that nghttp2 ignores. The reasons go to the peer; gRPC clients know
 * the one for PING and wait longer from then on. */
static void charge_for_frame(struct h2_connection *connection, const struct h2_frame_head *head)
{
    switch (head->type) {
    case NGHTTP2_RST_STREAM:
        h2_charge(connection, 1, "too_many_resets");
        break;
    case NGHTTP2_PRIORITY:
        h2_charge(connection, 1, "too_many_priorities");
        break;
    case NGHTTP2_SETTINGS:
        h2_charge(connection, 1, "too_many_settings");
        break;
    case NGHTTP2_PING:
        if ((head->flags & NGHTTP2_FLAG_ACK) && connection->pings > 0)
            connection->pings--;
        else
            charge_unexplained(connection, "too_many_pings");
        break;
    case NGHTTP2_WINDOW_UPDATE:
        charge_unexplained(connection, "too_many_window_updates");
        break;
    case NGHTTP2_DATA:
    case NGHTTP2_CONTINUATION:
        if (head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM))
            h2_charge(connection, 1, "too_many_empty_frames");
        break;
    case NGHTTP2_HEADERS:
        break;
    default:
        h2_charge(connection, 1, "too_many_unknown_frames");
        break;
    }
}

static bool give_to_session(struct h2_connection *connection, const uint8_t *data, size_t length)
{
    /* When nghttp2 fails, it has queued a GOAWAY that says why, unless it was no HTTP/2 at all. */
    if (nghttp2_session_mem_recv(h2_ask(connection), data, length) >= 0)
        return true;
    connection->abusive = true;
    h2_bound_last_words(connection);
    return false;
}

/* Frames for streams that are not open, on which nghttp2 has no opinion. */
static void check_stream(struct h2_connection *connection, const struct h2_frame_head *head)
{
    uint32_t error;

    if (connection->draining ||
        nghttp2_session_get_stream_user_data(connection->session, head->stream_id) != NULL)
        return;
    error = h2_watch_verdict(&connection->watch, head->stream_id);
    if (error == NGHTTP2_NO_ERROR)
        return;
    nghttp2_session_terminate_session(h2_ask(connection), error);
    connection->deaf = true;
}

static size_t cost_of(const struct h2_frame_head *head)
{
    size_t payload = head->length;

    return H2_FRAME_HEAD_BYTES + (head->type == NGHTTP2_DATA ? payload / DATA_DISCOUNT : payload);
}

/* Looks at the frames, and gives nghttp2 what came before a frame when the state of its stream
 * matters. Returns how many bytes this tick has taken. */
static size_t feed(struct h2_connection *connection, const uint8_t *data, size_t length)
{
    size_t position = 0, given = 0, cost = 0, start;
    struct h2_frame_head head;

    while (cost < H2_INPUT_BYTES && !connection->abusive && !connection->deaf) {
        if (!h2_watch_next(&connection->watch, data, length, &position, &start, &head)) {
            position = length;
            break;
        }
        cost += cost_of(&head);
        charge_for_frame(connection, &head);
        if (h2_watch_needs_stream(&connection->watch, &head)) {
            if (start > given && !give_to_session(connection, data + given, start - given))
                break;
            given = start > given ? start : given;
            check_stream(connection, &head);
        } else if (head.type == NGHTTP2_HEADERS) {
            h2_watch_opened(&connection->watch, head.stream_id);
        }
    }
    if (position > given && !connection->abusive && !connection->deaf)
        give_to_session(connection, data + given, position - given);
    return connection->abusive || connection->deaf ? length : position;
}

static void on_read(h2o_socket_t *socket, const char *error);

/* Whoever sends fast has much read at once: the other connections come in between. */
static void take_input(struct h2_connection *connection)
{
    h2o_socket_t *socket = connection->base.socket;

    h2o_buffer_consume(&socket->input, feed(connection, (const uint8_t *)socket->input->bytes,
                                            socket->input->size));
    if (socket->input->size > 0) {
        h2o_socket_read_stop(socket);
        loop_timer_set(connection->base.listener->loop, &connection->more, 0);
    } else {
        if (!connection->base.secure) { /* what follows is read past it */
            h2o_buffer_dispose(&socket->input);
            h2o_buffer_init(&socket->input, &h2o_socket_buffer_prototype);
        }
        if (!h2o_socket_is_reading(socket))
            h2o_socket_read_start(socket, on_read);
    }
    loop_defer(connection->base.listener->loop, &connection->flush);
}

static void on_more(struct loop_timer *timer)
{
    take_input((struct h2_connection *)((char *)timer - offsetof(struct h2_connection, more)));
}

static void keep_for_next_tick(struct h2_connection *connection, const uint8_t *data, size_t length)
{
    h2o_socket_t *socket = connection->base.socket;

    memcpy(h2o_buffer_reserve(&socket->input, length).base, data, length);
    socket->input->size += length;
    h2o_socket_read_stop(socket);
    loop_timer_set(connection->base.listener->loop, &connection->more, 0);
}

/* Without TLS: h2o would read all there is into a buffer of the connection that grows by copying.
 * False when the peer is gone. */
static bool receive(struct h2_connection *connection)
{
    uint8_t *data = connection->base.listener->input;
    ssize_t length = recv(connection->fd, data, HTTP_RECEIVE_BYTES, 0);
    size_t taken;

    if (length <= 0)
        return length < 0 && (errno == EAGAIN || errno == EINTR);
    taken = feed(connection, data, (size_t)length);
    if (taken < (size_t)length)
        keep_for_next_tick(connection, data + taken, (size_t)length - taken);
    loop_defer(connection->base.listener->loop, &connection->flush);
    return true;
}

static void on_read(h2o_socket_t *socket, const char *error)
{
    struct h2_connection *connection = socket->data;

    if (error != NULL || (!connection->base.secure && !receive(connection))) {
        h2_close(&connection->base);
        return;
    }
    connection->read_ms = h2_now_ms(connection);
    connection->pinged = false;
    if (connection->base.secure && socket->input->size > 0)
        take_input(connection);
}

void h2_read_start(struct h2_connection *connection)
{
    h2o_socket_t *socket = connection->base.socket;

    connection->more.fn = on_more;
    h2o_socket_dont_read(socket, !connection->base.secure);
    h2o_socket_read_start(socket, on_read);
    if (socket->input->size > 0)
        take_input(connection);
}
