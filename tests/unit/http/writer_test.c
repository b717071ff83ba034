/* Writes on a real socket, and the turns of h2o's event loop they fall into. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "server/http/writer.h"

#define KERNEL_BYTES (64 * 1024)

struct fixture {
    struct loop *loop;
    struct writer writer;
    h2o_socket_t *socket;
    int peer;
    int written;
};

static void on_written(h2o_socket_t *socket, const char *error)
{
    struct fixture *fixture = socket->data;

    cr_assert_null(error);
    writer_done(&fixture->writer, socket);
    fixture->written++;
}

static void open_fixture(struct fixture *fixture)
{
    int pair[2], size = KERNEL_BYTES;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *fixture = (struct fixture){.loop = loop_new(0), .peer = pair[1]};
    fixture->socket =
        h2o_evloop_socket_create(loop_h2o(fixture->loop), pair[0], H2O_SOCKET_FLAG_DONT_READ);
    fixture->socket->data = fixture;
}

static void close_fixture(struct fixture *fixture)
{
    writer_free(&fixture->writer);
    h2o_socket_close(fixture->socket);
    loop_tick(fixture->loop, 0);
    close(fixture->peer);
    loop_free(fixture->loop);
}

static void start(struct fixture *fixture, size_t length)
{
    uint8_t *bytes = calloc(1, length);

    buffer_append(&fixture->writer.out.copied, bytes, length);
    free(bytes);
    cr_assert(writer_start(&fixture->writer, fixture->socket, on_written));
}

static void take_everything(struct fixture *fixture)
{
    char bytes[65536];

    while (read(fixture->peer, bytes, sizeof(bytes)) > 0)
        ;
}

/* The first write waits for room; the second, begun between two turns of the loop, is taken
 * whole by the kernel, which then has no room to tell of. */
Test(writer, room_that_comes_when_nothing_is_written_any_more_is_nobodys)
{
    struct fixture fixture;

    open_fixture(&fixture);
    start(&fixture, 4 * KERNEL_BYTES);
    for (int i = 0; i < 100 && fixture.written == 0; i++) {
        take_everything(&fixture);
        loop_tick(fixture.loop, 0);
    }
    cr_assert_eq(fixture.written, 1);
    take_everything(&fixture);
    start(&fixture, KERNEL_BYTES);
    loop_tick(fixture.loop, 0);
    cr_assert_eq(fixture.written, 2);
    take_everything(&fixture);
    for (int i = 0; i < 3; i++)
        loop_tick(fixture.loop, 0);
    close_fixture(&fixture);
}
