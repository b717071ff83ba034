/* HTTP/1.1: one exchange at a time on a connection.
 *
 * Ours on h2o's sockets and parser rather than h2o's own front-end, which gathers whole
 * request bodies and hides conflicting framing headers before anybody can refuse them. */
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "server/http/connection.h"
#include "server/http/h1_head.h"
#include "server/http/writer.h"

/* Received and not yet taken by the call, above which the socket is not read. */
#define BODY_WINDOW_BYTES (64 * 1024)
#define KEEPALIVE_PROBES 3

struct h1_exchange;

/* What a connection's timer bounds. */
enum h1_wait {
    H1_WAIT_NONE,
    H1_WAIT_WRITE,
    H1_WAIT_HEAD,
    H1_WAIT_REQUEST,
    H1_WAIT_BODY,
    H1_WAIT_CALL
};

struct h1_connection {
    struct connection base;
    struct loop_task flush;
    struct writer writer;
    struct h1_exchange *exchange; /* NULL between requests */
    size_t parsed;                /* bytes of an incomplete head that were looked at */
    enum h1_wait wait;
    bool progress;    /* a piece of a body came since the timer was set */
    bool closing;     /* closes once everything is written */
    bool half_closed; /* the client sends no more, but may still read */
    bool failed;      /* a refused request: nothing more is read */
    bool unread;      /* an answer came before its request was whole */
};

struct h1_exchange {
    struct exchange exchange;
    struct h1_connection *connection; /* NULL once it is over */
    bool keep_alive, is_head;
    bool chunked_in;
    struct h1_chunks chunks;
    uint64_t body_left; /* of a body with a length */
    bool in_ended;
    size_t unconsumed;
    bool started, ended;
    bool chunked_out; /* the answer's length was not told */
    bool was_full;
};

static const struct exchange_transport h1_transport;

static void defer_flush(struct h1_connection *connection)
{
    loop_defer(connection->base.listener->loop, &connection->flush);
}

/* --- closing --- */

static void finish_exchange(struct h1_connection *connection, enum status why)
{
    struct h1_exchange *ex = connection->exchange;

    if (ex == NULL)
        return;
    connection->exchange = NULL;
    connection->base.listener->stats.streams--;
    ex->connection = NULL;
    if (ex->exchange.events != NULL)
        ex->exchange.events->on_closed(&ex->exchange, why);
    else
        arena_free(ex->exchange.arena);
}

static void h1_close(struct connection *base)
{
    struct h1_connection *connection = (struct h1_connection *)base;

    finish_exchange(connection, STATUS_CANCELLED);
    loop_undefer(base->listener->loop, &connection->flush);
    writer_free(&connection->writer);
    connection_free(base);
}

static void h1_drain(struct connection *base)
{
    struct h1_connection *connection = (struct h1_connection *)base;

    connection->closing = true;
    if (connection->exchange != NULL)
        connection->exchange->keep_alive = false;
    defer_flush(connection);
}

/* --- timer: heads, bodies, writes and idleness each have their bound --- */

static void on_timer(struct loop_timer *timer)
{
    h1_close((struct connection *)((char *)timer - offsetof(struct connection, timer)));
}

static enum h1_wait waits_for(const struct h1_connection *connection)
{
    const struct h1_exchange *ex = connection->exchange;

    if (connection->writer.writing)
        return ex != NULL && ex->exchange.patient ? H1_WAIT_CALL : H1_WAIT_WRITE;
    if (ex == NULL)
        return connection->base.socket->input->size > 0 ? H1_WAIT_HEAD : H1_WAIT_REQUEST;
    if (ex->exchange.whole_request && !ex->in_ended && ex->unconsumed == 0 && !ex->started)
        return H1_WAIT_BODY;
    return H1_WAIT_CALL;
}

/* The timer runs from the start of a wait, or from progress in it: a head that trickles in does
 * not get more time with each byte. */
static void set_timer(struct h1_connection *connection, bool progress)
{
    const struct http_config *config = connection->base.listener->config;
    const uint64_t bounds_ms[] = {
        [H1_WAIT_WRITE] = config->write_ms,
        [H1_WAIT_HEAD] = config->header_ms,
        [H1_WAIT_REQUEST] = config->idle_ms,
        [H1_WAIT_BODY] = config->body_ms,
    };
    enum h1_wait wait = waits_for(connection);

    if (wait == connection->wait && !progress)
        return;
    connection->wait = wait;
    if (wait == H1_WAIT_CALL)
        loop_timer_cancel(connection->base.listener->loop, &connection->base.timer);
    else
        loop_timer_set(connection->base.listener->loop, &connection->base.timer, bounds_ms[wait]);
}

/* --- the answer --- */

static const char *reason(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 204:
        return "No Content";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 415:
        return "Unsupported Media Type";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 499:
        return "Client Closed Request";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Status";
    }
}

static bool has_header(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (headers[i].name_length == strlen(name) &&
            memcmp(headers[i].name, name, headers[i].name_length) == 0)
            return true;
    return false;
}

static void write_headers(struct buffer *out, const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_append(out, headers[i].name, headers[i].name_length);
        buffer_append(out, ": ", 2);
        buffer_append(out, headers[i].value, headers[i].value_length);
        buffer_append(out, "\r\n", 2);
    }
}

static void start(struct exchange *exchange, int http_status, const struct http_header *headers,
                  size_t header_count)
{
    struct h1_exchange *ex = (struct h1_exchange *)exchange;
    struct http_header common[COMMON_HEADERS_MAX];
    struct buffer *out;

    if (ex->connection == NULL)
        return;
    out = &ex->connection->writer.out.copied;
    ex->started = true;
    ex->chunked_out = http_status != 204 && http_status != 304 &&
                      !has_header(headers, header_count, "content-length");
    /* The rest of a body nobody waits for would have to be read to find the next request. */
    if (!ex->in_ended && (ex->chunked_in || ex->body_left > 0))
        ex->keep_alive = false;
    buffer_printf(out, "HTTP/1.1 %d %s\r\n", http_status, reason(http_status));
    write_headers(out, headers, header_count);
    write_headers(out, common,
                  common_headers(ex->connection->base.listener->config, exchange, headers,
                                 header_count, common));
    if (ex->chunked_out)
        buffer_append_string(out, "transfer-encoding: chunked\r\n");
    if (!ex->keep_alive)
        buffer_append_string(out, "connection: close\r\n");
    buffer_append_string(out, "\r\n");
    defer_flush(ex->connection);
}

/* `data` and then shared bytes, NULL for none, as one chunk. */
static void write_parts(struct h1_exchange *ex, const void *data, size_t length,
                        struct shared_bytes *bytes)
{
    size_t shared_length = bytes != NULL ? bytes->length : 0;
    struct chain *out;

    if (ex->connection == NULL || ex->is_head || length + shared_length == 0)
        return;
    out = &ex->connection->writer.out;
    if (ex->chunked_out)
        buffer_printf(&out->copied, "%zx\r\n", length + shared_length);
    buffer_append(&out->copied, data, length);
    if (ex->exchange.secure && shared_length > 0) /* each piece would be a TLS record */
        buffer_append(&out->copied, bytes->data, shared_length);
    else if (shared_length > 0)
        chain_append_shared(out, bytes, 0, shared_length);
    if (ex->chunked_out)
        buffer_append(&out->copied, "\r\n", 2);
    defer_flush(ex->connection);
}

static void write_bytes(struct exchange *exchange, const void *data, size_t length)
{
    write_parts((struct h1_exchange *)exchange, data, length, NULL);
}

static void write_shared(struct exchange *exchange, const void *prefix, size_t prefix_length,
                         struct shared_bytes *bytes)
{
    write_parts((struct h1_exchange *)exchange, prefix, prefix_length, bytes);
}

static void end(struct exchange *exchange, const struct http_header *trailers, size_t trailer_count)
{
    struct h1_exchange *ex = (struct h1_exchange *)exchange;

    if (ex->connection == NULL)
        return;
    if (ex->chunked_out && !ex->is_head)
        buffer_append_string(&ex->connection->writer.out.copied, "0\r\n\r\n");
    ex->ended = true;
    defer_flush(ex->connection);
}

static void reset(struct exchange *exchange, uint32_t http2_error_code)
{
    struct h1_exchange *ex = (struct h1_exchange *)exchange;

    if (ex->connection == NULL)
        return;
    ex->keep_alive = false;
    ex->ended = true;
    ex->connection->failed = true;
    defer_flush(ex->connection);
}

static void on_read(h2o_socket_t *socket, const char *error);

static void consume(struct exchange *exchange, size_t length)
{
    struct h1_exchange *ex = (struct h1_exchange *)exchange;

    if (ex->connection == NULL || length == 0)
        return;
    ex->unconsumed -= length;
    defer_flush(ex->connection); /* reads on */
}

static size_t pending(const struct exchange *exchange)
{
    struct h1_exchange *ex = (struct h1_exchange *)(void *)exchange;
    size_t bytes;

    if (ex->connection == NULL)
        return 0;
    bytes = writer_pending(&ex->connection->writer);
    if (bytes > LIMIT_STREAM_QUEUE_BYTES)
        ex->was_full = true;
    return bytes;
}

static void release(struct exchange *exchange)
{
    arena_free(exchange->arena);
}

static const struct exchange_transport h1_transport = {
    .start = start,
    .write = write_bytes,
    .write_shared = write_shared,
    .end = end,
    .reset = reset,
    .consume = consume,
    .pending = pending,
    .release = release,
};

/* --- the request --- */

static void refuse(struct h1_connection *connection, int status)
{
    buffer_printf(&connection->writer.out.copied,
                  "HTTP/1.1 %d %s\r\ncontent-length: 0\r\nx-content-type-options: nosniff\r\n"
                  "cache-control: no-store\r\nconnection: close\r\n\r\n",
                  status, reason(status));
    connection->failed = true;
    connection->closing = true;
    h2o_buffer_consume(&connection->base.socket->input, connection->base.socket->input->size);
    defer_flush(connection);
}

static void copy_fields(struct exchange *exchange, const struct h1_head *head)
{
    exchange->headers =
        arena_alloc_array(exchange->arena, head->field_count, sizeof(*exchange->headers));
    for (size_t i = 0; i < head->field_count; i++) {
        const struct h1_field *field = &head->fields[i];
        char *name = arena_strndup(exchange->arena, field->name, field->name_length);
        for (char *at = name; *at != '\0'; at++)
            if (*at >= 'A' && *at <= 'Z')
                *at += 'a' - 'A';
        exchange->headers[exchange->header_count++] = (struct http_header){
            name, field->name_length,
            arena_strndup(exchange->arena, field->value, field->value_length), field->value_length};
    }
}

static struct h1_exchange *new_exchange(struct h1_connection *connection,
                                        const struct h1_head *head)
{
    struct arena *arena = arena_new();
    struct h1_exchange *ex = arena_alloc(arena, sizeof(*ex));
    char *path = arena_strndup(arena, head->target, head->target_length);
    char *query = strchr(path, '?');

    if (query != NULL)
        *query++ = '\0';
    ex->connection = connection;
    ex->keep_alive = head->keep_alive && !connection->closing;
    ex->is_head = head->method_length == 4 && memcmp(head->method, "HEAD", 4) == 0;
    ex->chunked_in = head->chunked;
    ex->body_left = head->content_length;
    ex->exchange = (struct exchange){
        .transport = &h1_transport,
        .loop = connection->base.listener->loop,
        .arena = arena,
        .method = arena_strndup(arena, head->method, head->method_length),
        .path = path,
        .query = query,
        .peer = arena_strdup(arena, connection->base.peer),
        .http_major = 1,
        .secure = connection->base.secure,
    };
    copy_fields(&ex->exchange, head);
    connection->base.listener->stats.streams++;
    return ex;
}

static void give_body(struct h1_exchange *ex, const char *data, size_t length, bool end)
{
    ex->in_ended = end;
    ex->connection->progress = true;
    if (ex->exchange.events == NULL)
        return;
    ex->unconsumed += length;
    ex->exchange.events->on_body(&ex->exchange, (const uint8_t *)data, length, end);
}

/* A body whose framing is malformed: nothing after it can be understood. */
static void break_off(struct h1_connection *connection)
{
    bool answered = connection->exchange->started;

    finish_exchange(connection, STATUS_CANCELLED);
    connection->failed = true;
    connection->closing = true;
    if (!answered)
        refuse(connection, 400);
}

/* False when more bytes are needed, or none may be taken now. */
static bool read_body(struct h1_connection *connection)
{
    struct h1_exchange *ex = connection->exchange;
    h2o_buffer_t **input = &connection->base.socket->input;
    const char *data = NULL;
    size_t used, length;
    enum h1_chunk_result result;

    if (ex->in_ended || ex->unconsumed >= BODY_WINDOW_BYTES)
        return false;
    if (!ex->chunked_in) {
        length = (*input)->size < ex->body_left ? (*input)->size : (size_t)ex->body_left;
        if (length == 0 && ex->body_left > 0)
            return false;
        ex->body_left -= length;
        give_body(ex, (*input)->bytes, length, ex->body_left == 0);
        h2o_buffer_consume(input, length);
        return true;
    }
    result = h1_chunks_next(&ex->chunks, (*input)->bytes, (*input)->size, &used, &data, &length);
    if (result == H1_CHUNK_MORE)
        return false;
    if (result == H1_CHUNK_BAD) {
        break_off(connection);
        return false;
    }
    if (length > 0 || result == H1_CHUNK_COMPLETE)
        give_body(ex, data, length, result == H1_CHUNK_COMPLETE);
    h2o_buffer_consume(input, used);
    return true;
}

static void tell_leaving(struct h1_exchange *ex)
{
    const struct exchange_events *events = ex->exchange.events;

    if (events != NULL && events->on_leaving != NULL)
        events->on_leaving(&ex->exchange);
}

/* False when the head is not whole or was refused. */
static bool read_head(struct h1_connection *connection)
{
    h2o_buffer_t **input = &connection->base.socket->input;
    struct h1_head head;
    int status;

    /* Who sends requests without taking their answers waits. */
    if ((*input)->size == 0 || connection->failed ||
        writer_pending(&connection->writer) > LIMIT_STREAM_QUEUE_BYTES)
        return false;
    status = h1_head_parse((*input)->bytes, (*input)->size, connection->parsed, &head);
    if (status == -1) {
        connection->parsed = (*input)->size;
        return false;
    }
    connection->parsed = 0;
    if (status != 0) {
        refuse(connection, status);
        return false;
    }
    connection->exchange = new_exchange(connection, &head);
    h2o_buffer_consume(input, head.size_bytes);
    if (head.expects_continue && (head.chunked || head.content_length > 0))
        buffer_append_string(&connection->writer.out.copied, "HTTP/1.1 100 Continue\r\n\r\n");
    if (!exchange_to_call(connection->base.listener, &connection->exchange->exchange))
        site_serve(connection->base.listener->config, &connection->exchange->exchange);
    if (connection->half_closed)
        tell_leaving(connection->exchange);
    defer_flush(connection);
    return true;
}

static void read_input(struct h1_connection *connection)
{
    /* Who asks for the next page has to read the last one. */
    if (connection->exchange == NULL &&
        (writer_pending(&connection->writer) > LIMIT_STREAM_QUEUE_BYTES || !read_head(connection)))
        return;
    while (connection->exchange != NULL && read_body(connection))
        ;
}

/* No request is left in the input; the start of one does not count. */
static bool has_read_all(const struct h1_connection *connection)
{
    return connection->parsed == connection->base.socket->input->size;
}

/* A client that has sent its whole request may end its side and wait, though for no call that has
 * to wait itself. Once a stream has begun, the end of the other side is the client that leaves. */
static bool is_owed_an_answer(const struct h1_connection *connection)
{
    const struct h1_exchange *ex = connection->exchange;

    if (ex == NULL)
        return writer_pending(&connection->writer) > 0 || !has_read_all(connection);
    return ex->in_ended && (!ex->started || ex->ended);
}

static void on_read(h2o_socket_t *socket, const char *error)
{
    struct h1_connection *connection = socket->data;

    if (error == h2o_socket_error_closed && is_owed_an_answer(connection)) {
        connection->half_closed = true;
        h2o_socket_read_stop(socket);
        if (connection->exchange != NULL)
            tell_leaving(connection->exchange);
        return;
    }
    if (error != NULL) {
        h1_close(&connection->base);
        return;
    }
    if (connection->failed)
        h2o_buffer_consume(&socket->input, socket->input->size);
    defer_flush(connection);
}

/* --- writing --- */

static void on_written(h2o_socket_t *socket, const char *error)
{
    struct h1_connection *connection = socket->data;

    writer_done(&connection->writer, socket);
    if (error != NULL) {
        h1_close(&connection->base);
        return;
    }
    defer_flush(connection);
}

static void tell_writable(struct h1_connection *connection)
{
    struct h1_exchange *ex = connection->exchange;

    if (ex == NULL || !ex->was_full ||
        writer_pending(&connection->writer) > LIMIT_STREAM_QUEUE_BYTES / 2)
        return;
    ex->was_full = false;
    ex->exchange.events->on_writable(&ex->exchange);
}

/* An answer that is written ends its exchange; the next request may be there already. */
static void end_exchange(struct h1_connection *connection)
{
    struct h1_exchange *ex = connection->exchange;

    if (ex == NULL || !ex->ended)
        return;
    if (!ex->keep_alive || !ex->in_ended)
        connection->closing = true;
    connection->unread |= !ex->in_ended;
    finish_exchange(connection, STATUS_OK);
}

/* Reading goes on during an exchange, to notice a client that leaves, but not beyond what may
 * wait in memory. */
static void set_reading(struct h1_connection *connection)
{
    h2o_socket_t *socket = connection->base.socket;
    bool want = socket->input->size < BODY_WINDOW_BYTES && !connection->half_closed;

    if (want && !h2o_socket_is_reading(socket))
        h2o_socket_read_start(socket, on_read);
    else if (!want && h2o_socket_is_reading(socket))
        h2o_socket_read_stop(socket);
}

/* Everything is written. */
static void end_connection(struct h1_connection *connection)
{
    if (!connection->failed && !connection->unread) {
        h1_close(&connection->base);
        return;
    }
    writer_free(&connection->writer);
    connection_linger(&connection->base, LIMIT_SKIPPED_BODY_BYTES);
}

static void flush(struct loop_task *task)
{
    struct h1_connection *connection =
        (struct h1_connection *)((char *)task - offsetof(struct h1_connection, flush));
    bool write_started;

    end_exchange(connection);
    if (!connection->closing) {
        read_input(connection);
        end_exchange(connection);
    } else if (connection->exchange != NULL) {
        read_input(connection);
    }
    /* Requests that came before the end of a half-closed client are still owed answers. */
    if (connection->half_closed && connection->exchange == NULL && has_read_all(connection))
        connection->closing = true;
    write_started = writer_start(&connection->writer, connection->base.socket, on_written);
    if (connection->closing && connection->exchange == NULL &&
        writer_pending(&connection->writer) == 0) {
        end_connection(connection);
        return;
    }
    tell_writable(connection);
    set_reading(connection);
    set_timer(connection, connection->writer.writing ? write_started : connection->progress);
    connection->progress = false;
}

/* HTTP/1.1 has no PING: the kernel finds out that a listening client is gone. */
static void keep_alive_by_tcp(const struct connection *connection)
{
    const struct http_config *config = connection->listener->config;
    int fd = h2o_socket_get_fd(connection->socket);
    int on = 1, probes = KEEPALIVE_PROBES;
    int idle_s = (int)(config->keepalive_ms + 999) / 1000;
    int interval_s = (int)(config->keepalive_timeout_ms + KEEPALIVE_PROBES * 1000 - 1) /
                     (KEEPALIVE_PROBES * 1000);

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void h1_start(struct connection *from)
{
    struct h1_connection *connection =
        (struct h1_connection *)connection_replace(from, sizeof(*connection));

    connection->base.drain = h1_drain;
    connection->base.close = h1_close;
    connection->base.timer.fn = on_timer;
    connection->flush.fn = flush;
    connection->closing = connection->base.listener->draining;
    keep_alive_by_tcp(&connection->base);
    set_reading(connection);
    defer_flush(connection);
}
