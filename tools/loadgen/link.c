#include "tools/loadgen/link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)
#define WINDOW_BYTES (16 * 1024 * 1024)
#define SLOW_SOCKET_BYTES 4096
#define EVENTS 256
#define SETTINGS_WAIT_MS 10000

struct target {
    struct addrinfo *address;
    char authority[300];
};

struct engine {
    int epoll;
    struct target targets[LINK_TARGETS_MAX];
    size_t target_count;
    SSL_CTX *tls; /* NULL: cleartext */
    struct link *links;
    struct link *broken; /* to be ended when no callback runs */
};

enum link_state { LINK_CONNECTING, LINK_SHAKING_HANDS, LINK_OPEN };

struct link {
    struct engine *engine;
    const struct target *target;
    struct link_owner *owner;
    struct link *next, *previous, *next_broken;
    struct link_stream *streams;
    nghttp2_session *session;
    SSL *tls;
    int fd;
    enum link_state state;
    uint32_t polled;
    bool settled; /* the server's settings have come */
    bool slow;
    bool broken;
    char why[120];
    struct buffer unsent; /* what the socket did not take */
};

void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void break_link(struct link *link, const char *what, const char *detail)
{
    if (link->broken)
        return;
    link->broken = true;
    snprintf(link->why, sizeof(link->why), "%s%s%s", what, detail ? ": " : "",
             detail ? detail : "");
    link->next_broken = link->engine->broken;
    link->engine->broken = link;
}

/* --- streams of a link --- */

static void add_stream(struct link *link, struct link_stream *stream)
{
    stream->previous = NULL;
    stream->next = link->streams;
    if (link->streams != NULL)
        link->streams->previous = stream;
    link->streams = stream;
}

static void end_stream(struct link_stream *stream, uint32_t error_code)
{
    struct link *link = stream->link;

    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        link->streams = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
    stream->error_code = error_code;
    stream->ended = true;
    stream->on_end(stream);
}

/* --- session callbacks --- */

static struct link_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user)
{
    struct link_stream *stream = stream_of(session, frame->hd.stream_id);

    if (stream == NULL)
        return 0;
    if (name_length == 7 && memcmp(name, ":status", 7) == 0)
        stream->http_status = atoi((const char *)value);
    else if (name_length == 11 && memcmp(name, "grpc-status", 11) == 0)
        stream->grpc_status = atoi((const char *)value);
    return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                         size_t length, void *user)
{
    struct link_stream *stream = stream_of(session, id);

    if (stream == NULL)
        return 0;
    buffer_append(&stream->received, data, length);
    if (stream->on_data != NULL)
        stream->on_data(stream);
    return 0;
}

static void on_settings(struct link *link)
{
    if (!link->settled) {
        link->settled = true;
        if (link->owner != NULL)
            link->owner->on_ready(link->owner, link);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct link *link = user;

    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        on_settings(link);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        if (link->owner == NULL)
            fail("the server sent GOAWAY with code %u", frame->goaway.error_code);
        link->owner->on_going_away(link->owner, link);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *user)
{
    struct link_stream *stream = stream_of(session, id);

    if (stream != NULL)
        end_stream(stream, error_code);
    return 0;
}

static nghttp2_session_callbacks *callbacks(void)
{
    static nghttp2_session_callbacks *shared;

    if (shared != NULL)
        return shared;
    if (nghttp2_session_callbacks_new(&shared) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(shared, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(shared, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(shared, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(shared, on_stream_close);
    return shared;
}

/* --- the socket, with or without TLS --- */

/* Sets what epoll waits for: reading always, but on slow links, and writing when asked for. */
static void poll_for(struct link *link, bool write)
{
    struct epoll_event event = {.events = (link->slow ? 0u : EPOLLIN) | (write ? EPOLLOUT : 0u),
                                .data.ptr = link};

    if (link->polled == event.events)
        return;
    link->polled = event.events;
    epoll_ctl(link->engine->epoll, EPOLL_CTL_MOD, link->fd, &event);
}

/* What a call of OpenSSL's came to: the bytes, 0 to try again later, -1 when the link broke. */
static ssize_t tls_result(struct link *link, int result)
{
    int error;

    if (result > 0)
        return result;
    error = SSL_get_error(link->tls, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
        return 0;
    break_link(link, "TLS ended", ERR_reason_error_string(ERR_peek_error()));
    return -1;
}

static ssize_t plain_result(struct link *link, ssize_t result)
{
    if (result > 0)
        return result;
    if (result < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    break_link(link, "the server closed a connection", result < 0 ? strerror(errno) : NULL);
    return -1;
}

static ssize_t socket_send(struct link *link, const void *data, size_t length)
{
    ERR_clear_error();
    if (link->tls != NULL)
        return tls_result(link, SSL_write(link->tls, data, (int)length));
    return plain_result(link, send(link->fd, data, length, MSG_NOSIGNAL));
}

static ssize_t socket_receive(struct link *link, void *data, size_t length)
{
    ERR_clear_error();
    if (link->tls != NULL)
        return tls_result(link, SSL_read(link->tls, data, (int)length));
    return plain_result(link, recv(link->fd, data, length, 0));
}

static bool has_connected(struct link *link)
{
    int error = 0;
    socklen_t length = sizeof(error);

    getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        break_link(link, "cannot connect", strerror(error));
        return false;
    }
    link->state = link->tls != NULL ? LINK_SHAKING_HANDS : LINK_OPEN;
    return true;
}

static bool has_shaken_hands(struct link *link)
{
    ERR_clear_error();
    if (tls_result(link, SSL_connect(link->tls)) <= 0) {
        poll_for(link, SSL_want_write(link->tls));
        return false;
    }
    link->state = LINK_OPEN;
    return true;
}

/* --- sending and receiving --- */

static void send_unsent(struct link *link)
{
    while (link->unsent.length > 0 && !link->broken) {
        ssize_t sent = socket_send(link, buffer_data(&link->unsent), link->unsent.length);
        if (sent <= 0)
            return;
        buffer_consume(&link->unsent, (size_t)sent);
    }
}

void link_flush(struct link *link)
{
    const uint8_t *data;
    ssize_t length = 1;

    if (link->broken || link->state != LINK_OPEN)
        return;
    do { /* as long as the socket takes all of it: nothing else would bring us back here */
        while (link->unsent.length < READ_BYTES &&
               (length = nghttp2_session_mem_send(link->session, &data)) > 0)
            buffer_append(&link->unsent, data, (size_t)length);
        send_unsent(link);
    } while (!link->broken && length > 0 && link->unsent.length == 0);
    if (!link->broken)
        poll_for(link, link->unsent.length > 0);
}

static void link_read(struct link *link, size_t max_bytes)
{
    static uint8_t bytes[READ_BYTES];
    ssize_t length = socket_receive(link, bytes, max_bytes);
    ssize_t used;

    if (length <= 0)
        return;
    used = nghttp2_session_mem_recv(link->session, bytes, (size_t)length);
    if (used < 0)
        fail("the server's HTTP/2 is wrong: %s", nghttp2_strerror((int)used));
}

static void handle_events(struct link *link, uint32_t events)
{
    if (link->broken)
        return;
    if (link->state == LINK_CONNECTING && !has_connected(link))
        return;
    if (link->state == LINK_SHAKING_HANDS && !has_shaken_hands(link))
        return;
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        link_read(link, READ_BYTES);
    link_flush(link);
}

static void free_link(struct link *link)
{
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        link->engine->links = link->next;
    if (link->next != NULL)
        link->next->previous = link->previous;
    nghttp2_session_del(link->session);
    SSL_free(link->tls);
    close(link->fd);
    buffer_free(&link->unsent);
    free(link);
}

static void end_broken_links(struct engine *engine)
{
    struct link *link;

    while ((link = engine->broken) != NULL) {
        engine->broken = link->next_broken;
        if (link->owner == NULL)
            fail("%s", link->why);
        link->owner->on_lost(link->owner, link, link->why);
        while (link->streams != NULL)
            end_stream(link->streams, LINK_LOST);
        free_link(link);
    }
}

void engine_poll(struct engine *engine, int max_wait_ms)
{
    struct epoll_event events[EVENTS];
    int count;

    end_broken_links(engine);
    count = epoll_wait(engine->epoll, events, EVENTS, max_wait_ms);
    for (int i = 0; i < count; i++)
        handle_events(events[i].data.ptr, events[i].events);
    end_broken_links(engine);
}

/* --- slow links --- */

void link_make_slow(struct link *link)
{
    int size = SLOW_SOCKET_BYTES;

    setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    link->slow = true;
    poll_for(link, link->unsent.length > 0);
}

void link_read_some(struct link *link, size_t max_bytes)
{
    if (link->broken)
        return;
    link_read(link, max_bytes < READ_BYTES ? max_bytes : READ_BYTES);
    link_flush(link);
}

void link_make_fast(struct link *link)
{
    int size = READ_BYTES;

    setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    link->slow = false;
    if (!link->broken)
        poll_for(link, link->unsent.length > 0);
}

/* --- streams --- */

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct link_stream *stream = source->ptr;
    size_t left = stream->request.body.length - stream->body_sent;
    size_t length = left < size ? left : size;

    memcpy(out, stream->request.body.data + stream->body_sent, length);
    stream->body_sent += length;
    if (length == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)length;
}

static size_t write_headers(const struct link *link, const struct link_request *request,
                            nghttp2_nv headers[9])
{
    size_t count = 4;

    headers[0] = header(":method", request->method);
    headers[1] = header(":scheme", link->tls != NULL ? "https" : "http");
    headers[2] = header(":path", request->path);
    headers[3] = header(":authority", link->target->authority);
    if (request->content_type != NULL)
        headers[count++] = header("content-type", request->content_type);
    if (request->content_type != NULL &&
        strncmp(request->content_type, "application/grpc", 16) == 0)
        headers[count++] = header("te", "trailers");
    if (request->authorization != NULL)
        headers[count++] = header("authorization", request->authorization);
    if (request->timeout != NULL)
        headers[count++] = header("grpc-timeout", request->timeout);
    return count;
}

void link_start(struct link *link, struct link_stream *stream)
{
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_body};
    nghttp2_nv headers[9];
    size_t count = write_headers(link, &stream->request, headers);

    stream->link = link;
    stream->http_status = 0;
    stream->grpc_status = -1;
    stream->error_code = 0;
    stream->body_sent = 0;
    stream->ended = false;
    buffer_clear(&stream->received);
    stream->id = nghttp2_submit_request(link->session, NULL, headers, count,
                                        stream->request.body.length > 0 ? &body : NULL, stream);
    if (stream->id < 0)
        fail("a request cannot be started: %s", nghttp2_strerror(stream->id));
    add_stream(link, stream);
}

void link_cancel(struct link_stream *stream)
{
    nghttp2_submit_rst_stream(stream->link->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
}

/* --- life --- */

static void start_tls(struct link *link)
{
    static const unsigned char protocols[] = "\x02h2";

    link->tls = SSL_new(link->engine->tls);
    if (link->tls == NULL || SSL_set_fd(link->tls, link->fd) != 1 ||
        SSL_set_alpn_protos(link->tls, protocols, sizeof(protocols) - 1) != 0)
        abort();
    SSL_set_connect_state(link->tls);
}

static void start_connecting(struct link *link)
{
    const struct addrinfo *address = link->target->address;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = link};
    int on = 1;

    link->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (link->fd < 0)
        fail("a socket cannot be made: %s", strerror(errno));
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    link->polled = event.events;
    epoll_ctl(link->engine->epoll, EPOLL_CTL_ADD, link->fd, &event);
    if (connect(link->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        break_link(link, "cannot connect", strerror(errno));
}

struct link *link_begin(struct engine *engine, size_t target, struct link_owner *owner)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
    };
    struct link *link = calloc(1, sizeof(*link));

    if (link == NULL || nghttp2_session_client_new(&link->session, callbacks(), link) != 0)
        abort();
    link->engine = engine;
    link->target = &engine->targets[target];
    link->owner = owner;
    link->next = engine->links;
    if (engine->links != NULL)
        engine->links->previous = link;
    engine->links = link;
    start_connecting(link);
    if (engine->tls != NULL)
        start_tls(link);
    nghttp2_submit_settings(link->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(link->session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
    return link;
}

struct link *link_open(struct engine *engine)
{
    struct link *link = link_begin(engine, 0, NULL);

    for (int waited = 0; !link->settled; waited++) {
        if (waited > SETTINGS_WAIT_MS)
            fail("the server does not speak HTTP/2");
        engine_poll(engine, 1);
    }
    return link;
}

static void resolve(struct target *target, const char *name, size_t length)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char *colon;
    char host[256];
    int error;

    if (length >= sizeof(host))
        fail("'%s' is no target; write: host:port", name);
    snprintf(target->authority, sizeof(target->authority), "%.*s", (int)length, name);
    snprintf(host, sizeof(host), "%.*s", (int)length, name);
    colon = strrchr(host, ':');
    if (colon == NULL)
        fail("'%s' is no target; write: host:port", host);
    *colon = '\0';
    error = getaddrinfo(host, colon + 1, &hints, &target->address);
    if (error != 0)
        fail("cannot resolve '%s': %s", target->authority, gai_strerror(error));
}

static SSL_CTX *tls_context(const char *certificate)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        abort();
    if (SSL_CTX_load_verify_locations(context, certificate, NULL) != 1)
        fail("the certificate %s cannot be read", certificate);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

struct engine *engine_new(const char *targets, const char *certificate)
{
    struct engine *engine = calloc(1, sizeof(*engine));

    if (engine == NULL)
        abort();
    while (*targets != '\0') {
        size_t length = strcspn(targets, ",");
        if (engine->target_count == LINK_TARGETS_MAX)
            fail("there are more than %d targets", LINK_TARGETS_MAX);
        resolve(&engine->targets[engine->target_count++], targets, length);
        targets += length + (targets[length] == ',');
    }
    if (certificate != NULL)
        engine->tls = tls_context(certificate);
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll < 0)
        fail("epoll: %s", strerror(errno));
    return engine;
}

size_t engine_target_count(const struct engine *engine)
{
    return engine->target_count;
}

/* Streams that are still open are not told: their owners are about to end, too. */
void engine_free(struct engine *engine)
{
    while (engine->links != NULL) /* the first has none before it: it leaves the list */
        free_link(engine->links); /* NOLINT(clang-analyzer-unix.Malloc) */
    for (size_t i = 0; i < engine->target_count; i++)
        freeaddrinfo(engine->targets[i].address);
    SSL_CTX_free(engine->tls);
    close(engine->epoll);
    free(engine);
}
