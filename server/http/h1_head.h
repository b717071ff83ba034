/* h1_head.h - the head of an HTTP/1.1 request: parsing, and what a proxy in front could be
 * fooled with (RFC 9112, sections 2, 3 and 6). Pure: no sockets. */
#ifndef WAYSTONE_SERVER_HTTP_H1_HEAD_H
#define WAYSTONE_SERVER_HTTP_H1_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct h1_field {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

struct h1_head {
    const char *method, *target;
    size_t method_length, target_length;
    int minor_version;
    struct h1_field fields[LIMIT_HEADERS];
    size_t field_count;
    bool chunked;
    bool keep_alive;
    bool expects_continue;
    uint64_t content_length; /* 0 when there is none */
    size_t size_bytes;       /* of the head, blank line included */
};

/* Parses a head at the start of `data`; its strings point into `data`. Returns 0 when it is
 * whole and sound, -1 when more bytes are needed, else the HTTP status to refuse it with.
 * `previous_length` is what was there at the last try, so that slow heads cost linear time. */
int h1_head_parse(const char *data, size_t length, size_t previous_length, struct h1_head *ret);

/* Chunked bodies (RFC 9112, 7.1), strict: CRLF only, sizes of at most 8 hex digits, no
 * extensions longer than a line may be. */
struct h1_chunks {
    enum { H1_CHUNK_SIZE, H1_CHUNK_DATA, H1_CHUNK_END, H1_CHUNK_TRAILER, H1_CHUNK_DONE } state;
    uint64_t left;        /* data of the chunk still to come */
    size_t trailer_bytes; /* of the trailers so far; they are skipped */
};

enum h1_chunk_result { H1_CHUNK_MORE, H1_CHUNK_BYTES, H1_CHUNK_COMPLETE, H1_CHUNK_BAD };

/* Takes the next piece of data from the input: `*ret_used` bytes are done with, of which
 * `*ret_data` (a part of them) is body. */
enum h1_chunk_result h1_chunks_next(struct h1_chunks *chunks, const char *data, size_t length,
                                    size_t *ret_used, const char **ret_data, size_t *ret_length);

#endif
