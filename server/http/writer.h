/* writer.h - one write in flight per socket, what comes meanwhile gathered for the next. */
#ifndef WAYSTONE_SERVER_HTTP_WRITER_H
#define WAYSTONE_SERVER_HTTP_WRITER_H

#include <h2o/socket.h>

#include "base/buffer.h"

struct writer {
    struct buffer out;       /* gathered */
    struct buffer in_flight; /* h2o's until the write is done */
    bool writing;
};

/* Starts a write of what is gathered unless one is in flight; `on_written` is the socket's
 * callback and must call writer_done(). True if one was started. */
static inline bool writer_start(struct writer *writer, h2o_socket_t *socket,
                                h2o_socket_cb on_written)
{
    h2o_iovec_t bytes;

    if (writer->writing || writer->out.length == 0)
        return false;
    writer->in_flight = writer->out;
    writer->out = (struct buffer){0};
    bytes = h2o_iovec_init(buffer_data(&writer->in_flight), writer->in_flight.length);
    writer->writing = true;
    h2o_socket_write(socket, &bytes, 1, on_written);
    return true;
}

static inline void writer_done(struct writer *writer)
{
    writer->writing = false;
    buffer_free(&writer->in_flight);
}

static inline void writer_free(struct writer *writer)
{
    buffer_free(&writer->out);
    buffer_free(&writer->in_flight);
}

/* Bytes gathered or in flight. */
static inline size_t writer_pending(const struct writer *writer)
{
    return writer->out.length + writer->in_flight.length;
}

#endif
