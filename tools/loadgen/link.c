#include "tools/loadgen/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64 * 1024)
#define WINDOW_BYTES (16 * 1024 * 1024)
#define EVENTS 256
#define SETTINGS_WAIT_MS 10000

struct engine {
    int epoll;
    struct addrinfo *address;
    char authority[300];
    struct link *links;
};

struct link {
    struct engine *engine;
    struct link *next;
    nghttp2_session *session;
    int fd;
    bool settled; /* the server's settings have come */
    bool polled_for_write;
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

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct link *link = user;

    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        link->settled = true;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        fail("the server sent GOAWAY with code %u", frame->goaway.error_code);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *user)
{
    struct link_stream *stream = stream_of(session, id);

    if (stream == NULL)
        return 0;
    stream->error_code = error_code;
    stream->ended = true;
    stream->on_end(stream);
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

/* --- sending --- */

static void poll_for(struct link *link, bool write)
{
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = link};

    if (link->polled_for_write == write)
        return;
    link->polled_for_write = write;
    epoll_ctl(link->engine->epoll, EPOLL_CTL_MOD, link->fd, &event);
}

static void send_unsent(struct link *link)
{
    ssize_t sent;

    if (link->unsent.length == 0)
        return;
    sent = send(link->fd, buffer_data(&link->unsent), link->unsent.length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        fail("the connection broke while sending: %s", strerror(errno));
    if (sent > 0)
        buffer_consume(&link->unsent, (size_t)sent);
}

void link_flush(struct link *link)
{
    const uint8_t *data;
    ssize_t length;

    while (link->unsent.length < READ_BYTES &&
           (length = nghttp2_session_mem_send(link->session, &data)) > 0)
        buffer_append(&link->unsent, data, (size_t)length);
    send_unsent(link);
    poll_for(link, link->unsent.length > 0);
}

/* --- receiving --- */

static void link_read(struct link *link)
{
    static uint8_t bytes[READ_BYTES];
    ssize_t length = recv(link->fd, bytes, sizeof(bytes), 0);
    ssize_t used;

    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0)
        fail("the server closed a connection%s%s", length < 0 ? ": " : "",
             length < 0 ? strerror(errno) : "");
    used = nghttp2_session_mem_recv(link->session, bytes, (size_t)length);
    if (used < 0)
        fail("the server's HTTP/2 is wrong: %s", nghttp2_strerror((int)used));
}

void engine_poll(struct engine *engine, int max_wait_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(engine->epoll, events, EVENTS, max_wait_ms);

    for (int i = 0; i < count; i++) {
        struct link *link = events[i].data.ptr;
        if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            link_read(link);
        link_flush(link);
    }
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

void link_start(struct link *link, struct link_stream *stream)
{
    const struct link_request *request = &stream->request;
    nghttp2_data_provider body = {.source.ptr = stream, .read_callback = read_body};
    nghttp2_nv headers[8] = {
        header(":method", request->method),
        header(":scheme", "http"),
        header(":path", request->path),
        header(":authority", link->engine->authority),
    };
    size_t count = 4;
    int32_t id;

    if (request->content_type != NULL)
        headers[count++] = header("content-type", request->content_type);
    if (request->content_type != NULL &&
        strncmp(request->content_type, "application/grpc", 16) == 0)
        headers[count++] = header("te", "trailers");
    if (request->authorization != NULL)
        headers[count++] = header("authorization", request->authorization);
    stream->link = link;
    stream->http_status = 0;
    stream->grpc_status = -1;
    stream->error_code = 0;
    stream->body_sent = 0;
    stream->ended = false;
    buffer_clear(&stream->received);
    id = nghttp2_submit_request(link->session, NULL, headers, count,
                                request->body.length > 0 ? &body : NULL, stream);
    if (id < 0)
        fail("a request cannot be started: %s", nghttp2_strerror(id));
}

/* --- life --- */

static int connect_to(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        fail("a socket cannot be made: %s", strerror(errno));
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
        fail("cannot connect: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

struct link *link_open(struct engine *engine)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
    };
    struct link *link = calloc(1, sizeof(*link));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};

    if (link == NULL || nghttp2_session_client_new(&link->session, callbacks(), link) != 0)
        abort();
    link->engine = engine;
    link->fd = connect_to(engine->address);
    link->next = engine->links;
    engine->links = link;
    epoll_ctl(engine->epoll, EPOLL_CTL_ADD, link->fd, &event);
    nghttp2_submit_settings(link->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(link->session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES);
    link_flush(link);
    for (int waited = 0; !link->settled; waited++) {
        if (waited > SETTINGS_WAIT_MS)
            fail("the server does not speak HTTP/2");
        engine_poll(engine, 1);
    }
    return link;
}

struct engine *engine_new(const char *target)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(target, ':');
    char host[256];
    int error;

    if (engine == NULL)
        abort();
    if (colon == NULL || (size_t)(colon - target) >= sizeof(host))
        fail("'%s' is no target; write: host:port", target);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - target), target);
    snprintf(engine->authority, sizeof(engine->authority), "%s", target);
    error = getaddrinfo(host, colon + 1, &hints, &engine->address);
    if (error != 0)
        fail("cannot resolve '%s': %s", target, gai_strerror(error));
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll < 0)
        fail("epoll: %s", strerror(errno));
    return engine;
}

/* Streams that are still open are not told: their owners are about to end, too. */
void engine_free(struct engine *engine)
{
    while (engine->links != NULL) {
        struct link *link = engine->links;
        engine->links = link->next;
        nghttp2_session_del(link->session);
        close(link->fd);
        buffer_free(&link->unsent);
        free(link);
    }
    freeaddrinfo(engine->address);
    close(engine->epoll);
    free(engine);
}
