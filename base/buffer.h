/* buffer.h - bytes that grow at the end and are taken from the front.
 *
 * Owned by one place at a time; not thread-safe. Growth doubles; memory is malloc'ed, so a
 * buffer may outlive an arena. A zeroed struct is a valid empty buffer. */
#ifndef WAYSTONE_BASE_BUFFER_H
#define WAYSTONE_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Bytes somebody else owns. */
struct bytes {
    const uint8_t *data;
    size_t length;
};

struct buffer {
    uint8_t *data; /* memory; the content starts at data + start */
    size_t start;
    size_t length;   /* bytes of content */
    size_t capacity; /* bytes of memory */
};

/* Frees the memory and leaves an empty buffer. Accepts NULL. */
void buffer_free(struct buffer *buffer);

/* Room for `size_bytes` more at the end; the pointer is valid until the next call. Follow with
 * buffer_commit(). Aborts when memory runs out: callers bound what they append. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size_bytes);
void buffer_commit(struct buffer *buffer, size_t size_bytes);

void buffer_append(struct buffer *buffer, const void *data, size_t size_bytes);
void buffer_append_string(struct buffer *buffer, const char *string);
void buffer_append_char(struct buffer *buffer, char character);
void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/* First byte of the content; meaningless when it is empty. */
static inline uint8_t *buffer_data(const struct buffer *buffer)
{
    return buffer->data != NULL ? buffer->data + buffer->start : NULL;
}

/* Drops `size_bytes` from the front; frees the memory when nothing is left. */
void buffer_consume(struct buffer *buffer, size_t size_bytes);

/* Empties the buffer and keeps its memory. */
void buffer_clear(struct buffer *buffer);

/* Immutable bytes shared by many owners on one loop, such as one encoded chat message that a
 * thousand streams send, or a large answer on its way to the socket. Not thread-safe. */
struct shared_bytes {
    unsigned references;
    size_t length;
    const uint8_t *data;
    struct buffer memory;       /* of the data; empty when it lies behind the struct */
    struct shared_bytes *whole; /* or it is a part of these, referenced */
};

/* A copy with one reference, owned by the caller. */
struct shared_bytes *shared_bytes_new(const void *data, size_t length);
/* The same without a copy: takes the buffer's memory and leaves it empty. */
struct shared_bytes *shared_bytes_take(struct buffer *buffer);
/* A part of others, which it keeps. */
struct shared_bytes *shared_bytes_part(struct shared_bytes *whole, const void *data, size_t length);
struct shared_bytes *shared_bytes_ref(struct shared_bytes *bytes);
/* Accepts NULL. */
void shared_bytes_unref(struct shared_bytes *bytes);

#endif
