/* compress.h - compression of single messages, as the protocols negotiate it.
 *
 * Pure functions on bytes: nothing is kept from message to message, so that none leaks what
 * another one held. Uses zlib, zstd and brotli. */
#ifndef WAYSTONE_SERVER_PROTOCOL_COMPRESS_H
#define WAYSTONE_SERVER_PROTOCOL_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

/* In the order this server prefers them: by what a byte saved costs. */
enum compression {
    COMPRESSION_IDENTITY,
    COMPRESSION_ZSTD,
    COMPRESSION_GZIP,
    COMPRESSION_BROTLI,
    COMPRESSION_COUNT
};

/* For the headers that tell what this server takes. */
#define COMPRESSION_ACCEPTED "zstd,gzip,br"

/* "gzip"; what encoding headers call it. */
const char *compression_name(enum compression compression);

/* The compression of this name (any case); an empty one is identity. False if unknown. */
bool compression_find(const char *name, size_t length, enum compression *ret);

/* The best this server has of a list such as "gzip;q=0.5, br, zstd;q=0"; identity when there is
 * none. Preferences other than q=0 are the client's hints and not weighed. */
enum compression compression_choose(const char *list, size_t length);

/* Appends the compressed form. False, with `out` unchanged, when it would not be smaller than
 * the input; never for identity. */
bool compress_bytes(enum compression compression, struct bytes input, struct buffer *out);

/* Appends the original. An empty input is an empty message. RESOURCE_EXHAUSTED when there
 * would be more than `max_bytes`, INVALID_ARGUMENT when the input is not what its name says or
 * goes on behind its end; then `out` holds a part, and `reterr` a sentence. */
enum status decompress_bytes(enum compression compression, struct bytes input, size_t max_bytes,
                             struct buffer *out, const char **reterr) MUST_CHECK;

#endif
