/* One HTTP/2 stream as an exchange. */
#include "server/http/h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/prefetch.h"

/* Of nghttp2's structs, which it does not show: what sending touches lies in the first bytes. */
#define SESSION_BYTES 768
#define STREAM_BYTES 256

/* --- the request's head --- */

struct h2_stream *h2_stream_new(struct h2_connection *connection, int32_t id)
{
    struct arena *arena = arena_new();
    struct h2_stream *stream = arena_alloc(arena, sizeof(*stream));

    stream->connection = connection;
    stream->id = id;
    stream->exchange = (struct exchange){
        .transport = &h2_transport,
        .loop = connection->base.listener->loop,
        .arena = arena,
        .method = "",
        .path = "",
        .peer = arena_strdup(arena, connection->base.peer),
        .http_major = 2,
        .has_trailers = true,
        .full_duplex = true,
        .secure = connection->base.secure,
    };
    h2_stream_moved(stream);
    stream->next = connection->streams;
    if (connection->streams != NULL)
        connection->streams->previous = stream;
    connection->streams = stream;
    connection->stream_count++;
    connection->base.listener->stats.streams++;
    return stream;
}

static void set_path(struct exchange *exchange, const char *value, size_t length)
{
    char *path = arena_strndup(exchange->arena, value, length);
    char *query = strchr(path, '?');

    if (query != NULL) {
        *query = '\0';
        exchange->query = query + 1;
    }
    exchange->path = path;
}

static void add_pseudo(struct exchange *exchange, const char *name, size_t name_length,
                       const char *value, size_t value_length)
{
    if (name_length == 5 && memcmp(name, ":path", 5) == 0)
        set_path(exchange, value, value_length);
    else if (name_length == 7 && memcmp(name, ":method", 7) == 0)
        exchange->method = arena_strndup(exchange->arena, value, value_length);
}

static bool is_host(const uint8_t *name, size_t length)
{
    return (length == 4 && memcmp(name, "host", 4) == 0) ||
           (length == 10 && memcmp(name, ":authority", 10) == 0);
}

/* The authority serves as the host header of HTTP/1.1. False for one that repeats it; one that
 * differs could mean one site to a proxy and another to us (RFC 9113, 8.3.1). */
static bool take_host(struct h2_stream *stream, const char *value, size_t length)
{
    if (stream->host != NULL) {
        stream->malformed |=
            strlen(stream->host) != length || memcmp(stream->host, value, length) != 0;
        return false;
    }
    stream->host = arena_strndup(stream->exchange.arena, value, length);
    return true;
}

void h2_stream_add_header(struct h2_stream *stream, const uint8_t *name, size_t name_length,
                          const uint8_t *value, size_t value_length)
{
    struct exchange *exchange = &stream->exchange;
    struct http_header *header;

    if (stream->header_bytes > LIMIT_HEADER_BYTES || exchange->header_count >= LIMIT_HEADERS) {
        stream->too_large = true;
        return;
    }
    if (is_host(name, name_length)) {
        if (!take_host(stream, (const char *)value, value_length))
            return;
        name = (const uint8_t *)"host";
        name_length = 4;
    } else if (name[0] == ':') {
        add_pseudo(exchange, (const char *)name, name_length, (const char *)value, value_length);
        return;
    }
    if (exchange->header_count == stream->header_capacity) {
        size_t capacity = stream->header_capacity ? stream->header_capacity * 2 : 16;
        struct http_header *headers =
            arena_alloc_array(exchange->arena, capacity, sizeof(*headers));
        if (exchange->header_count > 0)
            memcpy(headers, exchange->headers, exchange->header_count * sizeof(*headers));
        exchange->headers = headers;
        stream->header_capacity = capacity;
    }
    header = &exchange->headers[exchange->header_count++];
    header->name = arena_strndup(exchange->arena, (const char *)name, name_length);
    header->name_length = name_length;
    header->value = arena_strndup(exchange->arena, (const char *)value, value_length);
    header->value_length = value_length;
}

/* --- events --- */

static void answer_too_large(struct h2_stream *stream)
{
    static const struct http_header length = {"content-length", 14, "0", 1};

    h2_transport.start(&stream->exchange, 431, &length, 1);
    h2_transport.end(&stream->exchange, NULL, 0);
}

static void serve_from_site(struct h2_stream *stream)
{
    site_serve(stream->connection->base.listener->config, &stream->exchange);
}

static void route(struct h2_stream *stream)
{
    struct h2_connection *connection = stream->connection;

    if (stream->malformed) {
        h2_transport.reset(&stream->exchange, NGHTTP2_PROTOCOL_ERROR);
    } else if (connection->queued > LIMIT_CONNECTION_QUEUE_BYTES) {
        /* Who asks for more than it reads may ask again later. */
        h2_transport.reset(&stream->exchange, NGHTTP2_REFUSED_STREAM);
    } else if (stream->too_large) {
        h2_charge_head(connection, stream->header_bytes);
        answer_too_large(stream);
    } else {
        stream->for_site = !exchange_to_call(connection->base.listener, &stream->exchange);
    }
}

void h2_stream_route(struct h2_stream *stream, bool end)
{
    stream->routed = true;
    route(stream);
    /* What follows the head of a CONNECT is a tunnel's, and may never end. */
    if (stream->for_site && strcmp(stream->exchange.method, "CONNECT") == 0)
        serve_from_site(stream);
    if (end)
        h2_stream_end_body(stream);
}

void h2_stream_skip_body(struct h2_stream *stream, size_t length)
{
    stream->skipped_bytes += length;
    /* Nobody needs more; the answer then asks to stop. */
    if (stream->skipped_bytes <= LIMIT_SKIPPED_BODY_BYTES)
        return;
    if (stream->lingering)
        h2_transport.reset(&stream->exchange, NGHTTP2_NO_ERROR);
    else if (stream->for_site)
        serve_from_site(stream);
}

void h2_stream_end_body(struct h2_stream *stream)
{
    struct exchange *exchange = &stream->exchange;

    stream->in_ended = true;
    if (exchange->events != NULL)
        exchange->events->on_body(exchange, (const uint8_t *)"", 0, true);
    else if (stream->for_site)
        serve_from_site(stream);
}

static void free_stream(struct h2_stream *stream)
{
    chain_free(&stream->body);
    arena_free(stream->exchange.arena);
}

static void unlink_stream(struct h2_connection *connection, struct h2_stream *stream)
{
    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        connection->streams = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
    for (struct h2_stream **link = &connection->dirty; stream->dirty; link = &(*link)->next_dirty)
        if (*link == stream) {
            *link = stream->next_dirty;
            break;
        }
    for (struct h2_stream **link = &connection->waiting; stream->waiting;
         link = &(*link)->next_waiting)
        if (*link == stream) {
            *link = stream->next_waiting;
            break;
        }
    connection->queued -= h2_stream_queued(stream);
    connection->stream_count--;
    connection->base.listener->stats.streams--;
}

void h2_stream_closed(struct h2_stream *stream, uint32_t error_code)
{
    struct h2_connection *connection = stream->connection;
    bool whole = error_code == NGHTTP2_NO_ERROR && stream->ended;

    /* What was received and never taken still counts against the connection's window. */
    if (stream->unconsumed > 0 && connection->session != NULL)
        nghttp2_session_consume_connection(connection->session, stream->unconsumed);
    unlink_stream(connection, stream);
    stream->connection = NULL;
    if (stream->exchange.events == NULL)
        free_stream(stream);
    else
        stream->exchange.events->on_closed(&stream->exchange, whole ? STATUS_OK : STATUS_CANCELLED);
}

/* --- the transport --- */

static struct http_header *copy_headers(struct h2_stream *stream, const struct http_header *headers,
                                        size_t count, size_t extra)
{
    struct http_header *copy =
        arena_alloc_array(stream->exchange.arena, count + extra, sizeof(*copy));

    if (count > 0)
        memcpy(copy, headers, count * sizeof(*copy));
    return copy;
}

static void start(struct exchange *exchange, int http_status, const struct http_header *headers,
                  size_t header_count)
{
    struct h2_stream *stream = (struct h2_stream *)exchange;

    if (stream->connection == NULL)
        return;
    stream->status = http_status;
    stream->started = true;
    stream->head = copy_headers(stream, headers, header_count, COMMON_HEADERS_MAX);
    stream->head_count =
        header_count + common_headers(stream->connection->base.listener->config, exchange, headers,
                                      header_count, stream->head + header_count);
    h2_mark_dirty(stream);
}

/* `data` and then shared bytes, NULL for none. */
static void write_parts(struct h2_stream *stream, const void *data, size_t length,
                        struct shared_bytes *bytes)
{
    if (stream->connection == NULL)
        return;
    if (h2_stream_queued(stream) == 0)
        h2_stream_moved(stream);
    buffer_append(&stream->body.copied, data, length);
    if (bytes != NULL) {
        chain_append_shared(&stream->body, bytes, 0, bytes->length);
        length += bytes->length;
    }
    stream->connection->queued += length;
    h2_mark_dirty(stream);
}

static void write_bytes(struct exchange *exchange, const void *data, size_t length)
{
    write_parts((struct h2_stream *)exchange, data, length, NULL);
}

static void write_shared(struct exchange *exchange, const void *prefix, size_t prefix_length,
                         struct shared_bytes *bytes)
{
    write_parts((struct h2_stream *)exchange, prefix, prefix_length, bytes);
}

static void end(struct exchange *exchange, const struct http_header *trailers, size_t trailer_count)
{
    struct h2_stream *stream = (struct h2_stream *)exchange;

    if (stream->connection == NULL)
        return;
    stream->ended = true;
    stream->trailers = copy_headers(stream, trailers, trailer_count, 0);
    stream->trailer_count = trailer_count;
    h2_mark_dirty(stream);
}

static void reset(struct exchange *exchange, uint32_t http2_error_code)
{
    struct h2_stream *stream = (struct h2_stream *)exchange;

    if (stream->connection == NULL)
        return;
    nghttp2_submit_rst_stream(h2_ask(stream->connection), NGHTTP2_FLAG_NONE, stream->id,
                              http2_error_code);
}

/* A request that nobody looks at before it is whole is taken as fast as it comes: with a larger
 * window in fewer turns. */
static void widen(struct h2_stream *stream, size_t length)
{
    bool was_small = stream->consumed < LIMIT_STREAM_WINDOW_BYTES;

    stream->consumed += length;
    if (was_small && stream->consumed >= LIMIT_STREAM_WINDOW_BYTES &&
        stream->exchange.whole_request && !stream->in_ended)
        nghttp2_session_set_local_window_size(stream->connection->session, NGHTTP2_FLAG_NONE,
                                              stream->id, LIMIT_LARGE_WINDOW_BYTES);
}

static void consume(struct exchange *exchange, size_t length)
{
    struct h2_stream *stream = (struct h2_stream *)exchange;

    if (stream->connection == NULL || length == 0)
        return;
    stream->unconsumed -= length;
    h2_stream_moved(stream);
    nghttp2_session_consume(h2_ask(stream->connection), stream->id, length);
    widen(stream, length);
}

static size_t pending(const struct exchange *exchange)
{
    struct h2_stream *stream = (struct h2_stream *)(void *)exchange;

    if (stream->connection == NULL)
        return 0;
    if (h2_stream_queued(stream) > LIMIT_STREAM_QUEUE_BYTES && !stream->waiting) {
        stream->waiting = true;
        stream->next_waiting = stream->connection->waiting;
        stream->connection->waiting = stream;
    }
    return h2_stream_queued(stream);
}

static void release(struct exchange *exchange)
{
    free_stream((struct h2_stream *)exchange);
}

static void prefetch_exchange(const struct exchange *exchange, unsigned step)
{
    const struct h2_stream *stream = (const struct h2_stream *)exchange;
    const struct h2_connection *connection;

    if (step == 0) {
        prefetch(stream, offsetof(struct h2_stream, next_waiting));
        return;
    }
    connection = stream->connection;
    if (connection == NULL)
        return; /* closed: nothing will be sent */
    if (step == 1)
        prefetch(connection, sizeof(*connection));
    else if (connection->direct != NULL)
        return; /* its frames are made without the session */
    else if (step == 2)
        prefetch(connection->session, SESSION_BYTES);
    else
        prefetch(nghttp2_session_find_stream(connection->session, stream->id), STREAM_BYTES);
}

const struct exchange_transport h2_transport = {
    .start = start,
    .write = write_bytes,
    .write_shared = write_shared,
    .end = end,
    .reset = reset,
    .consume = consume,
    .pending = pending,
    .release = release,
    .prefetch = prefetch_exchange,
};

/* --- handing it to nghttp2 --- */

static void fill_nv(nghttp2_nv *nv, const struct http_header *header)
{
    nv->name = (uint8_t *)header->name;
    nv->namelen = header->name_length;
    nv->value = (uint8_t *)header->value;
    nv->valuelen = header->value_length;
    nv->flags = NGHTTP2_NV_FLAG_NONE;
}

static void submit_trailers(struct h2_stream *stream)
{
    nghttp2_nv *nv = arena_alloc_array(stream->exchange.arena, stream->trailer_count, sizeof(*nv));

    for (size_t i = 0; i < stream->trailer_count; i++)
        fill_nv(&nv[i], &stream->trailers[i]);
    nghttp2_submit_trailer(stream->connection->session, stream->id, nv, stream->trailer_count);
}

/* Tells how much the next frame may have; h2_stream_send_data() takes it. */
static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *out, size_t out_size,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct h2_stream *stream = source->ptr;
    size_t queued = h2_stream_queued(stream);
    size_t length = queued < out_size ? queued : out_size;

    if (stream->connection->settling)
        return h2_direct_read(stream, out_size, flags);
    if (length == 0 && !stream->ended) {
        stream->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (length > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream->ended && length == queued) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (stream->trailer_count > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submit_trailers(stream);
        }
    }
    return (ssize_t)length;
}

void h2_stream_take(struct h2_stream *stream, size_t length)
{
    struct h2_connection *connection = stream->connection;

    /* Each piece would be a TLS record. */
    chain_move(&stream->body, &connection->writer.out, length, connection->base.secure);
    connection->queued -= length;
    h2_stream_moved(stream);
    abuse_explain(&connection->abuse);
}

int h2_stream_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *user_data)
{
    struct h2_connection *connection = user_data;

    if (connection->settling) {
        connection->debt -= (uint32_t)length; /* sent already */
        return 0;
    }
    if (h2_is_full(connection))
        return NGHTTP2_ERR_WOULDBLOCK; /* asked again with the next write */
    buffer_append(&connection->writer.out.copied, head, H2_FRAME_HEAD_BYTES);
    h2_stream_take(source->ptr, length);
    return 0;
}

static void submit_head(struct h2_stream *stream)
{
    nghttp2_nv *nv = arena_alloc_array(stream->exchange.arena, stream->head_count + 1, sizeof(*nv));
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_body};
    bool has_body = !stream->ended || h2_stream_queued(stream) > 0 || stream->trailer_count > 0;
    struct http_header status = {":status", 7,
                                 arena_printf(stream->exchange.arena, "%d", stream->status), 3};

    fill_nv(&nv[0], &status);
    for (size_t i = 0; i < stream->head_count; i++)
        fill_nv(&nv[i + 1], &stream->head[i]);
    stream->submitted = true;
    nghttp2_submit_response(stream->connection->session, stream->id, nv, stream->head_count + 1,
                            has_body ? &provider : NULL);
}

void h2_stream_submit(struct h2_stream *stream)
{
    if (stream->started && !stream->submitted) {
        submit_head(stream);
    } else if (stream->deferred && (h2_stream_queued(stream) > 0 || stream->ended)) {
        stream->deferred = false;
        nghttp2_session_resume_data(stream->connection->session, stream->id);
    }
}
