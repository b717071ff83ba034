#include "tests/unit/server/fake_exchange.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Of the exchange answered last. */
static struct buffer answer;

static void start(struct exchange *e, int s, const struct http_header *h, size_t n)
{
    buffer_clear(&answer);
}

static void write_bytes(struct exchange *e, const void *d, size_t n)
{
    buffer_append(&answer, d, n);
}

static void write_shared(struct exchange *e, const void *p, size_t n, struct shared_bytes *b)
{
    buffer_append(&answer, p, n);
    buffer_append(&answer, b->data, b->length);
}

static void end(struct exchange *e, const struct http_header *t, size_t n)
{
}

static void reset(struct exchange *e, uint32_t code)
{
}

static void consume(struct exchange *e, size_t n)
{
}

static size_t pending(const struct exchange *e)
{
    return 0;
}

static void release(struct exchange *e)
{
    arena_free(e->arena);
}

static const struct exchange_transport transport = {.start = start,
                                                    .write = write_bytes,
                                                    .write_shared = write_shared,
                                                    .end = end,
                                                    .reset = reset,
                                                    .consume = consume,
                                                    .pending = pending,
                                                    .release = release};

struct exchange *fake_exchange_new(struct loop *loop, const char *path)
{
    static struct http_header type = {"content-type", 12, "application/grpc-web", 20};
    struct arena *arena = arena_new();
    struct exchange *exchange = arena_alloc(arena, sizeof(*exchange));

    *exchange = (struct exchange){.transport = &transport,
                                  .loop = loop,
                                  .arena = arena,
                                  .method = "POST",
                                  .path = path,
                                  .peer = "192.0.2.1",
                                  .headers = &type,
                                  .header_count = 1,
                                  .http_major = 1};
    return exchange;
}

void fake_exchange_send(struct exchange *exchange)
{
    static const uint8_t body[5];

    exchange->events->on_body(exchange, body, sizeof(body), true);
}

struct buffer *fake_exchange_answer(void)
{
    return &answer;
}

int fake_exchange_call(struct rpc_server *server, struct loop *loop, const char *path)
{
    static const char name[] = "grpc-status: ";
    struct exchange *exchange = fake_exchange_new(loop, path);
    const char *found;
    int status;

    cr_assert(rpc_accept(server, exchange));
    fake_exchange_send(exchange);
    loop_tick(loop, 0);
    exchange->events->on_closed(exchange, STATUS_OK);
    buffer_append_char(&answer, '\0');
    found = memmem(buffer_data(&answer), answer.length, name, sizeof(name) - 1);
    cr_assert_not_null(found, "the call was not answered");
    status = atoi(found + sizeof(name) - 1);
    buffer_free(&answer);
    return status;
}
