/* link.h - HTTP/2 connections that carry load, all on one thread.
 *
 * An engine polls any number of links; a link is one cleartext HTTP/2 connection. Streams are
 * structs of their owner's, started by link_start() and ended by their `on_end`, in which the
 * next one may be started. Nothing here retries: a lost connection or an answer that is not
 * what its owner expects ends the run, since a figure with failed calls in it means nothing. */
#ifndef WAYSTONE_TOOLS_LOADGEN_LINK_H
#define WAYSTONE_TOOLS_LOADGEN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct engine;
struct link;

/* Resolves "host:port". Ends the program with a sentence when that fails. */
struct engine *engine_new(const char *target);
/* Closes every link. */
void engine_free(struct engine *engine);

/* Waits at most `max_wait_ms` and handles what has come. */
void engine_poll(struct engine *engine, int max_wait_ms);

/* Connects and exchanges settings (waits for the server's). */
struct link *link_open(struct engine *engine);

/* What a stream asks. Strings and body are borrowed until the stream has ended. */
struct link_request {
    const char *method; /* "POST", "GET" */
    const char *path;
    const char *content_type;  /* NULL: none */
    const char *authorization; /* NULL: none */
    struct bytes body;
};

struct link_stream {
    struct link_request request;                 /* set by the owner */
    void (*on_data)(struct link_stream *stream); /* more is in `received`; may be NULL */
    void (*on_end)(struct link_stream *stream);

    struct link *link;
    struct buffer received; /* body bytes not consumed; freed by the owner */
    int http_status;
    int grpc_status;     /* -1 while unknown */
    uint32_t error_code; /* of HTTP/2; 0 when the stream ended well */
    size_t body_sent;
    bool ended;
};

/* Starts a stream, whose fields below `on_end` are reset. It leaves with link_flush(). */
void link_start(struct link *link, struct link_stream *stream);

/* Sends what is pending. Links flush themselves after having received. */
void link_flush(struct link *link);

/* Ends the program with a sentence and status 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
