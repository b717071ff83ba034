/* h2.h - what the files of the HTTP/2 front-end share. */
#ifndef WAYSTONE_SERVER_HTTP_H2_H
#define WAYSTONE_SERVER_HTTP_H2_H

#include <nghttp2/nghttp2.h>

#include "server/http/abuse.h"
#include "server/http/connection.h"
#include "server/http/h2_watch.h"
#include "server/http/writer.h"

struct h2_stream;

struct h2_connection {
    struct connection base;
    nghttp2_session *session; /* what changes it or depends on its windows goes through h2_ask() */
    int fd;                   /* for what passes h2o; -1 with TLS */
    struct loop_task flush;
    struct writer writer;
    struct abuse_bucket abuse;
    struct h2_stream *streams;
    struct h2_stream *dirty;   /* streams with something to submit */
    struct h2_stream *waiting; /* streams whose calls wait for room */
    size_t stream_count;
    struct h2_watch watch;
    bool abusive; /* closed as soon as it was told so; no more bytes are fed to the session */
    bool deaf;    /* broke the rules: no more bytes are fed to the session */
    bool draining;
    bool closing;    /* closes once everything is written */
    bool last_words; /* of an abusive connection: gathered */
    size_t queued;   /* bytes of answers that nghttp2 has not taken */

    /* h2_direct.c */
    struct h2_stream *direct; /* the only stream, while it may send past nghttp2; else NULL */
    uint32_t credit;          /* bytes it may send so */
    uint32_t debt;            /* bytes so sent of which nghttp2 was not told; 0 without `direct` */
    bool settling;            /* it is being told */

    /* h2_timers.c */
    struct loop_timer more;   /* set while input is left for the next tick */
    struct loop_timer stalls; /* set while a stream may be waiting for the peer */
    struct loop_timer keepalive;
    uint64_t read_ms; /* when something came last */
    bool pinged;      /* and nothing came since */
    unsigned pings;   /* not acknowledged */
};

/* What sending touches comes first, together. */
struct h2_stream {
    struct exchange exchange;
    struct h2_connection *connection; /* NULL once the stream is closed */
    int32_t id;
    bool dirty, waiting;
    bool started, submitted, deferred, ended;
    bool lingering; /* sent whole before the request was: the client may finish that, for a while */
    struct h2_stream *next_dirty;
    uint64_t moved_ms; /* when the peer last sent or took some of it, or had nothing to */
    struct chain body; /* of the answer: not yet taken by nghttp2 */

    struct h2_stream *next_waiting;
    struct h2_stream *next, *previous; /* of the connection's streams */

    /* The request. */
    size_t header_capacity, header_bytes;
    const char *host; /* of ":authority" or "host"; NULL when there is neither */
    bool routed;
    bool in_ended;
    bool too_large;       /* header limits exceeded: answered with 431 */
    bool malformed;       /* hosts that differ: reset */
    bool for_site;        /* no call: served when the whole request is there */
    size_t skipped_bytes; /* of a body that the site has no use for */
    size_t unconsumed;    /* body bytes without credit */
    size_t consumed;      /* body bytes with credit */

    /* The answer's head and trailers. */
    int status;
    struct http_header *head;
    size_t head_count;
    struct http_header *trailers;
    size_t trailer_count;
};

extern const struct exchange_transport h2_transport;

/* h2_stream.c */
struct h2_stream *h2_stream_new(struct h2_connection *connection, int32_t id);
/* Adds a header of the request, pseudo-headers included. */
void h2_stream_add_header(struct h2_stream *stream, const uint8_t *name, size_t name_length,
                          const uint8_t *value, size_t value_length);
/* The head is whole: answers or routes it. */
void h2_stream_route(struct h2_stream *stream, bool end);
/* Body bytes of a request that is no call: dropped. */
void h2_stream_skip_body(struct h2_stream *stream, size_t length);
/* The whole request is there. */
void h2_stream_end_body(struct h2_stream *stream);
/* nghttp2 has closed it. */
void h2_stream_closed(struct h2_stream *stream, uint32_t error_code);
/* Hands nghttp2 what the stream's call has written in this tick. */
void h2_stream_submit(struct h2_stream *stream);
/* nghttp2's: moves a frame of the stream's body, with its head, to the connection's writer. */
int h2_stream_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                        size_t length, nghttp2_data_source *source, void *user_data);

/* Bytes written and not yet taken by nghttp2. */
static inline size_t h2_stream_queued(const struct h2_stream *stream)
{
    return chain_length(&stream->body);
}

/* Moves the first of them to the connection's writer, behind the head of their frame. */
void h2_stream_take(struct h2_stream *stream, size_t length);

static inline void h2_stream_moved(struct h2_stream *stream)
{
    stream->moved_ms = loop_now_ms(stream->exchange.loop);
}

/* h2_direct.c */
/* nghttp2 has nothing left to send: from now on the only stream may send past it, if there is just
 * one and it waits for data. */
void h2_direct_offer(struct h2_connection *connection);
/* Gathers all that is queued as one frame made past nghttp2; false when nghttp2 has to be asked. */
bool h2_direct_send(struct h2_connection *connection);
/* Tells nghttp2 of what went past it: before anything changes the session, reads its windows or
 * lets it send. Without effect inside nghttp2's callbacks: whoever called nghttp2 has stopped it.
 */
void h2_direct_stop(struct h2_connection *connection);
/* For nghttp2's data source while `settling`: how much it is told of next. */
ssize_t h2_direct_read(struct h2_stream *stream, size_t out_size, uint32_t *flags);

/* h2_timers.c */
void h2_start_timers(struct h2_connection *connection);
/* After each flush: what is waited for may have changed. */
void h2_set_timers(struct h2_connection *connection, bool write_started);
/* An abusive connection ends soon, whether or not the peer reads why. */
void h2_bound_last_words(struct h2_connection *connection);
void h2_drain(struct connection *base);

static inline uint64_t h2_now_ms(const struct h2_connection *connection)
{
    return loop_now_ms(connection->base.listener->loop);
}

/* h2_input.c */
/* What a connection may have done in a tick, in bytes of frames of which there may be many. */
#define H2_INPUT_BYTES (16 * 1024)
/* Takes what is in the socket's buffer already, and what comes. */
void h2_read_start(struct h2_connection *connection);

/* h2_session.c */
/* So much is gathered that no more frames are made before the socket took some. */
bool h2_is_full(const struct h2_connection *connection);
void h2_close(struct connection *base);
/* GOAWAY with ENHANCE_YOUR_CALM and the reason as debug data, and the end. */
void h2_give_up_on(struct h2_connection *connection, const char *reason);
/* The session, with nothing hidden from it, for whatever changes it or asks for its windows; what
 * it then has to send goes in this tick. */
nghttp2_session *h2_ask(struct h2_connection *connection);
void h2_mark_dirty(struct h2_stream *stream);
void h2_charge(struct h2_connection *connection, uint32_t tokens, const char *reason);
/* Takes tokens for a head that is larger than allowed, the more the larger it is. */
void h2_charge_head(struct h2_connection *connection, size_t head_bytes);

#endif
