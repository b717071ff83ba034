/* Any bytes as the body of a call, in each protocol and shape, through the whole runtime on a
 * transport without a socket: the answer has to be well-formed and the same however the body was
 * cut, and a client that leaves midway leaves nothing behind.
 *
 * The first three bytes choose how it is said; the rest is the body. */
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "echo_service.h"
#include "server/call.h"

#define MAX_REQUEST_BYTES 4096
#define MAX_ANSWERS 4  /* of one request to EchoMany */
#define MAX_TICKS 1000 /* a call that is not done after them waits for what never comes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- the service --- */

static enum status echo(struct rpc_call *call, const EchoRequest *req, EchoResponse *res)
{
    res->text = req->text;
    res->payload = req->payload;
    return STATUS_OK;
}

static enum status echo_many(struct rpc_call *call, const EchoManyRequest *req,
                             struct echo_many_stream *out)
{
    for (int32_t i = 0; i < req->count && i < MAX_ANSWERS; i++) {
        EchoManyResponse *message = EchoManyResponse_new(call->arena);
        message->index = i;
        message->text = req->text;
        TRY(echo_many_send(out, message));
    }
    return (enum status)req->end_code;
}

static enum status collect(struct rpc_call *call, struct collect_stream *in, CollectResponse *res)
{
    const CollectRequest *req;
    enum status s;

    while ((s = collect_receive(in, &req)) == STATUS_OK)
        res->count++;
    return s == STATUS_OUT_OF_RANGE ? STATUS_OK : s;
}

static enum status chat(struct rpc_call *call, struct chat_stream *stream)
{
    const ChatRequest *req;
    enum status s;

    while ((s = chat_receive(stream, &req)) == STATUS_OK) {
        ChatResponse *message = ChatResponse_new(call->arena);
        message->text = req->text;
        TRY(chat_send(stream, message));
    }
    return s == STATUS_OUT_OF_RANGE ? STATUS_OK : s;
}

static const struct echo_service handlers = {
    .echo = echo, .echo_many = echo_many, .collect = collect, .chat = chat};

/* --- a transport that keeps what is written --- */

struct answer {
    int http_status;    /* 0 until it is started */
    bool trailers_only; /* gRPC: the status came with the head */
    bool has_trailers;
    bool ended;
    struct buffer body;
};

struct fuzz_exchange {
    struct exchange base;
    struct answer *answer;
};

static struct answer *answer_of(const struct exchange *exchange)
{
    return ((const struct fuzz_exchange *)exchange)->answer;
}

static bool has_status(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (headers[i].name_length == 11 && memcmp(headers[i].name, "grpc-status", 11) == 0)
            return true;
    return false;
}

static void start(struct exchange *exchange, int http_status, const struct http_header *headers,
                  size_t count)
{
    struct answer *answer = answer_of(exchange);

    if (answer->http_status != 0)
        abort();
    answer->http_status = http_status;
    answer->trailers_only = has_status(headers, count);
}

static void write_bytes(struct exchange *exchange, const void *data, size_t length)
{
    struct answer *answer = answer_of(exchange);

    if (answer->http_status == 0 || answer->ended)
        abort();
    buffer_append(&answer->body, data, length);
}

static void write_shared(struct exchange *exchange, const void *prefix, size_t prefix_length,
                         struct shared_bytes *bytes)
{
    write_bytes(exchange, prefix, prefix_length);
    write_bytes(exchange, bytes->data, bytes->length);
}

static void end(struct exchange *exchange, const struct http_header *trailers, size_t count)
{
    struct answer *answer = answer_of(exchange);

    if (answer->http_status == 0 || answer->ended)
        abort();
    answer->ended = true;
    answer->has_trailers = has_status(trailers, count);
}

static void reset(struct exchange *exchange, uint32_t code)
{
    answer_of(exchange)->ended = true;
}

static void consume(struct exchange *exchange, size_t length)
{
}

static size_t pending(const struct exchange *exchange)
{
    return 0;
}

static void release(struct exchange *exchange)
{
    arena_free(exchange->arena);
}

static const struct exchange_transport transport = {.start = start,
                                                    .write = write_bytes,
                                                    .write_shared = write_shared,
                                                    .end = end,
                                                    .reset = reset,
                                                    .consume = consume,
                                                    .pending = pending,
                                                    .release = release};

/* --- how it is said --- */

static const char *const types[] = {
    "application/grpc",          "application/grpc+json",     "application/grpc-web",
    "application/grpc-web+json", "application/grpc-web-text", "application/connect+proto",
    "application/connect+json",  "application/proto",         "application/json",
};
static const char *const methods[] = {"Echo", "EchoMany", "Collect", "Chat"};
static const char *const encodings[] = {"identity", "gzip", "br", "zstd"};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct said {
    const char *type;
    const char *method;
    const char *encoding;
    bool leaves; /* the client, before the body's end */
    size_t piece;
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static struct http_header header_of(const char *name, const char *value)
{
    return (struct http_header){name, strlen(name), value, strlen(value)};
}

static struct exchange *open_exchange(struct loop *loop, const struct said *said,
                                      struct answer *answer)
{
    struct arena *arena = arena_new();
    struct fuzz_exchange *exchange = arena_alloc(arena, sizeof(*exchange));
    struct http_header *headers = arena_alloc_array(arena, 2, sizeof(*headers));
    const char *encoding_name = starts_with(said->type, "application/grpc") ? "grpc-encoding"
                                : starts_with(said->type, "application/connect")
                                    ? "connect-content-encoding"
                                    : "content-encoding";

    headers[0] = header_of("content-type", said->type);
    headers[1] = header_of(encoding_name, said->encoding);
    exchange->answer = answer;
    exchange->base = (struct exchange){
        .transport = &transport,
        .loop = loop,
        .arena = arena,
        .method = "POST",
        .path = arena_printf(arena, "/waystone.testing.v1.EchoService/%s", said->method),
        .peer = "192.0.2.1",
        .headers = headers,
        .header_count = 2,
        .http_major = 2,
        .has_trailers = true,
        .full_duplex = true,
    };
    return &exchange->base;
}

static void send_body(struct exchange *exchange, const struct said *said, const uint8_t *body,
                      size_t size)
{
    size_t piece;

    do {
        piece = size < said->piece ? size : said->piece;
        exchange->events->on_body(exchange, body, piece, piece == size && !said->leaves);
        loop_tick(exchange->loop, 0);
        body += piece;
        size -= piece;
    } while (size > 0);
}

static void run_call(struct rpc_server *server, struct loop *loop, const struct said *said,
                     const uint8_t *body, size_t size, struct answer *answer)
{
    struct exchange *exchange = open_exchange(loop, said, answer);
    int ticks = 0;

    rpc_loop_current()->next_id = 1; /* the same request ID every time */
    if (!rpc_accept(server, exchange))
        abort();
    send_body(exchange, said, body, size);
    while (!answer->ended && !said->leaves) {
        loop_tick(loop, 0);
        if (ticks++ == MAX_TICKS)
            abort();
    }
    exchange->events->on_closed(exchange, said->leaves ? STATUS_CANCELLED : STATUS_OK);
    while (coro_count() > 0 || rpc_open_calls() > 0) {
        loop_tick(loop, 0);
        if (ticks++ == MAX_TICKS)
            abort();
    }
}

/* --- what an answer has to look like --- */

/* Steps over frames; returns the flags of the last one, which has to end the body. */
static uint8_t last_flags(const uint8_t *data, size_t length)
{
    uint8_t flags = 0;

    while (length > 0) {
        size_t size;
        if (length < ENVELOPE_BYTES || (flags & ~ENVELOPE_COMPRESSED) != 0)
            abort();
        flags = data[0];
        size = (size_t)data[1] << 24 | (size_t)data[2] << 16 | (size_t)data[3] << 8 | data[4];
        if (size > length - ENVELOPE_BYTES)
            abort();
        data += ENVELOPE_BYTES + size;
        length -= ENVELOPE_BYTES + size;
    }
    return flags;
}

static void check_frames(const struct said *said, const struct answer *answer, uint8_t ending)
{
    struct text_decoder decoder = {0};
    struct buffer plain = {0};
    const uint8_t *data = answer->body.length > 0 ? buffer_data(&answer->body) : NULL;
    size_t length = answer->body.length;

    if (starts_with(said->type, "application/grpc-web-text")) {
        if (!text_decode(&decoder, data, length, true, &plain))
            abort();
        data = plain.length > 0 ? buffer_data(&plain) : NULL;
        length = plain.length;
    }
    if (last_flags(data, length) != ending)
        abort();
    buffer_free(&plain);
}

static void check_answer(const struct said *said, const struct answer *answer)
{
    if (answer->http_status == 415)
        return; /* a stream as Connect unary, or the other way round */
    if (starts_with(said->type, "application/grpc-web"))
        check_frames(said, answer, ENVELOPE_GRPC_WEB_TRAILERS);
    else if (starts_with(said->type, "application/connect"))
        check_frames(said, answer, ENVELOPE_CONNECT_END);
    else if (!starts_with(said->type, "application/grpc"))
        return;
    else if (answer->trailers_only == answer->has_trailers)
        abort();
    if (answer->http_status != 200)
        abort();
}

/* Text that is not base64 is refused as soon as it is seen, before what came with it is read. */
static bool is_broken_text(const struct said *said, const uint8_t *body, size_t size)
{
    struct text_decoder decoder = {0};
    struct buffer plain = {0};
    bool good = text_decode(&decoder, body, size, true, &plain);

    buffer_free(&plain);
    return starts_with(said->type, "application/grpc-web-text") && !good;
}

static bool are_same(const struct answer *first, const struct answer *second)
{
    return first->http_status == second->http_status && first->body.length == second->body.length &&
           (first->body.length == 0 ||
            memcmp(buffer_data(&first->body), buffer_data(&second->body), first->body.length) == 0);
}

static struct rpc_server *new_server(void)
{
    struct rpc_server_config config = {30000, MAX_REQUEST_BYTES};
    struct rpc_server *server = rpc_server_new(&config);

    echo_service_register(server, &handlers);
    rpc_server_attach_loop(server, NULL);
    return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rpc_server *server;
    static struct loop *loop;
    struct answer whole = {0}, pieces = {0};
    struct said said;

    if (size < 3)
        return 0;
    if (server == NULL) {
        loop = loop_new(0);
        server = new_server();
    }
    said = (struct said){
        .type = types[data[0] % COUNT(types)],
        .method = methods[data[1] % COUNT(methods)],
        .encoding = encodings[data[1] / 4 % COUNT(encodings)],
        .leaves = data[1] >= 0xc0,
        .piece = SIZE_MAX,
    };
    run_call(server, loop, &said, data + 3, size - 3, &whole);
    said.piece = (size_t)data[2] + 1;
    run_call(server, loop, &said, data + 3, size - 3, &pieces);
    if (!said.leaves) {
        check_answer(&said, &whole);
        check_answer(&said, &pieces);
        if (!are_same(&whole, &pieces) && !is_broken_text(&said, data + 3, size - 3))
            abort();
    }
    buffer_free(&whole.body);
    buffer_free(&pieces.body);
    return 0;
}
