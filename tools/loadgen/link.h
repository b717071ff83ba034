/* link.h - HTTP/2 connections that carry load, all on one thread.
 *
 * An engine polls any number of links; a link is one HTTP/2 connection, in cleartext or TLS.
 * Streams are structs of their owner's, started by link_start() and ended by their `on_end`, in
 * which the next one may be started. A link without an owner may not be lost: that ends the
 * program, since a figure with failed calls in it means nothing. An owner is told, and decides
 * itself where it connects to next. */
#ifndef WAYSTONE_TOOLS_LOADGEN_LINK_H
#define WAYSTONE_TOOLS_LOADGEN_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct engine;
struct link;

#define LINK_TARGETS_MAX 8

/* Resolves "host:port", or several with commas between. With `certificate` links are TLS and the
 * server must have this one. Ends the program with a sentence when that fails. */
struct engine *engine_new(const char *targets, const char *certificate);
/* Closes every link. */
void engine_free(struct engine *engine);

size_t engine_target_count(const struct engine *engine);

/* Waits at most `max_wait_ms` and handles what has come. */
void engine_poll(struct engine *engine, int max_wait_ms);

/* Connects to the first target and exchanges settings (waits for the server's). */
struct link *link_open(struct engine *engine);

/* Who is told what becomes of a link. The functions may not flush. */
struct link_owner {
    void (*on_ready)(struct link_owner *owner, struct link *link); /* settings have come */
    /* Streams that are open go on; new ones are refused from now on. */
    void (*on_going_away)(struct link_owner *owner, struct link *link);
    /* The link is about to be freed. Its streams are ended with LINK_LOST after this. */
    void (*on_lost)(struct link_owner *owner, struct link *link, const char *why);
};

/* Begins to connect; streams may be started once it is ready. */
struct link *link_begin(struct engine *engine, size_t target, struct link_owner *owner);

/* What a stream asks. Strings and body are borrowed until the stream has ended. */
struct link_request {
    const char *method; /* "POST", "GET" */
    const char *path;
    const char *content_type;  /* NULL: none */
    const char *authorization; /* NULL: none */
    const char *timeout;       /* grpc-timeout; NULL: none */
    struct bytes body;
};

/* Instead of an HTTP/2 error code: the connection ended before the stream. */
#define LINK_LOST UINT32_MAX

struct link_stream {
    struct link_request request;                 /* set by the owner */
    void (*on_data)(struct link_stream *stream); /* more is in `received`; may be NULL */
    void (*on_end)(struct link_stream *stream);

    struct link *link;
    struct link_stream *next, *previous; /* of the link's open ones */
    struct buffer received;              /* body bytes not consumed; freed by the owner */
    int http_status;
    int grpc_status;     /* -1 while unknown */
    uint32_t error_code; /* of HTTP/2; 0 when the stream ended well */
    int32_t id;
    size_t body_sent;
    bool ended;
};

/* Starts a stream, whose fields below `on_end` are reset. It leaves with link_flush(). */
void link_start(struct link *link, struct link_stream *stream);

/* Ends a stream from this side; its `on_end` comes with the code CANCEL. */
void link_cancel(struct link_stream *stream);

/* Sends what is pending. Links flush themselves after having received. */
void link_flush(struct link *link);

/* From now on the link reads only what link_read_some() takes, and the kernel holds little. */
void link_make_slow(struct link *link);
void link_read_some(struct link *link, size_t max_bytes);
/* Reads as others again. */
void link_make_fast(struct link *link);

/* Ends the program with a sentence and status 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
