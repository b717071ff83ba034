/* writer.h - one write in flight per socket, what comes meanwhile gathered for the next. */
#ifndef WAYSTONE_SERVER_HTTP_WRITER_H
#define WAYSTONE_SERVER_HTTP_WRITER_H

#include <h2o/socket.h>
#include <sys/uio.h>

#include "server/http/chain.h"

/* Written at once: h2o tells only of whole writes, and a slow peer must be seen to take some. */
#define WRITER_SLICE_BYTES (256 * 1024)
#define WRITER_PIECES 64 /* of a write: heads of frames and what lies between them */

struct writer {
    struct chain out;       /* gathered */
    struct chain in_flight; /* being written; h2o's as far as `slice` */
    size_t slice;
    bool writing;
};

/* Bytes gathered or in flight. */
static inline size_t writer_pending(const struct writer *writer)
{
    return chain_length(&writer->out) + chain_length(&writer->in_flight);
}

/* Writes what is gathered if a socket in cleartext takes it at once: true, and nothing is left.
 * Saves most small writes h2o's callback in a later turn, and the timers around it, when the
 * connection's memory is no longer in the processor's cache. `fd`: the socket's; -1 with TLS. */
static inline bool writer_write_now(struct writer *writer, int fd)
{
    h2o_iovec_t pieces[WRITER_PIECES];
    ssize_t written;
    size_t count, bytes;

    if (writer->writing || fd < 0 || chain_length(&writer->in_flight) > 0 ||
        chain_length(&writer->out) == 0)
        return false;
    count = chain_pieces(&writer->out, pieces, WRITER_PIECES, WRITER_SLICE_BYTES, &bytes);
    written = count == 1 ? send(fd, pieces[0].base, pieces[0].len, 0)
                         : writev(fd, (struct iovec *)pieces, (int)count);
    if (written <= 0)
        return false; /* h2o finds out why */
    chain_consume(&writer->out, (size_t)written);
    return chain_length(&writer->out) == 0;
}

/* Starts a write of what is gathered unless one is in flight; `on_written` is the socket's
 * callback and must call writer_done(). True if one was started. */
static inline bool writer_start(struct writer *writer, h2o_socket_t *socket,
                                h2o_socket_cb on_written)
{
    h2o_iovec_t pieces[WRITER_PIECES];
    size_t count;

    if (writer->writing || writer_pending(writer) == 0)
        return false;
    if (chain_length(&writer->in_flight) == 0) {
        writer->in_flight = writer->out;
        writer->out = (struct chain){0};
    }
    count =
        chain_pieces(&writer->in_flight, pieces, WRITER_PIECES, WRITER_SLICE_BYTES, &writer->slice);
    writer->writing = true;
    h2o_socket_write(socket, pieces, count, on_written);
    return true;
}

/* h2o asks epoll for room until it looks at the socket again. A write that is started between
 * two of its turns and ends at once leaves it asking with nobody to tell, and the next event
 * ends the process by an assertion; touching the reading side makes it look. */
static inline void writer_settle(h2o_socket_t *socket)
{
    if (h2o_socket_is_reading(socket))
        h2o_socket_read_start(socket, socket->_cb.read);
    else
        h2o_socket_read_stop(socket);
}

/* For the callback, whether or not the write went well. */
static inline void writer_done(struct writer *writer, h2o_socket_t *socket)
{
    writer_settle(socket);
    writer->writing = false;
    chain_consume(&writer->in_flight, writer->slice);
}

static inline void writer_free(struct writer *writer)
{
    chain_free(&writer->out);
    chain_free(&writer->in_flight);
}

#endif
