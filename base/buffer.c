#include "base/buffer.h"

#include "base/kept.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void buffer_free(struct buffer *buffer)
{
    if (buffer == NULL)
        return;
    if (buffer->capacity >= KEPT_BLOCK_BYTES_MIN)
        kept_give(buffer->data, buffer->capacity);
    else
        free(buffer->data);
    *buffer = (struct buffer){0};
}

static void move_to_front(struct buffer *buffer)
{
    if (buffer->start > 0 && buffer->length > 0)
        memmove(buffer->data, buffer->data + buffer->start, buffer->length);
    buffer->start = 0;
}

/* The content is at the front. */
static void grow(struct buffer *buffer, size_t capacity)
{
    uint8_t *kept = capacity >= KEPT_BLOCK_BYTES_MIN ? kept_take(capacity) : NULL;

    if (kept != NULL) {
        struct buffer larger = {.data = kept, .length = buffer->length, .capacity = capacity};
        if (buffer->length > 0)
            memcpy(kept, buffer->data, buffer->length);
        buffer_free(buffer);
        *buffer = larger;
        return;
    }
    buffer->data = realloc(buffer->data, capacity);
    if (buffer->data == NULL)
        abort();
    buffer->capacity = capacity;
}

/* Moves the content to the front when the gap there is at least as long, so that each byte
 * taken pays for one byte moved; else doubles the memory. */
static void make_room(struct buffer *buffer, size_t size_bytes)
{
    size_t needed, capacity;

    if (__builtin_add_overflow(buffer->length, size_bytes, &needed))
        abort();
    if (buffer->start >= buffer->length && needed <= buffer->capacity) {
        move_to_front(buffer);
        return;
    }
    move_to_front(buffer);
    capacity = buffer->capacity ? buffer->capacity * 2 : FIRST_CAPACITY;
    while (capacity < needed)
        if (__builtin_mul_overflow(capacity, 2, &capacity))
            abort();
    grow(buffer, capacity);
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t size_bytes)
{
    if (buffer->capacity - buffer->start - buffer->length < size_bytes || buffer->capacity == 0)
        make_room(buffer, size_bytes);
    return buffer->data + buffer->start + buffer->length;
}

void buffer_commit(struct buffer *buffer, size_t size_bytes)
{
    buffer->length += size_bytes;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    memcpy(buffer_reserve(buffer, size_bytes), data, size_bytes);
    buffer->length += size_bytes;
}

void buffer_append_string(struct buffer *buffer, const char *string)
{
    buffer_append(buffer, string, strlen(string));
}

void buffer_append_char(struct buffer *buffer, char character)
{
    *buffer_reserve(buffer, 1) = (uint8_t)character;
    buffer->length++;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    va_start(arguments, format);
    vsnprintf((char *)buffer_reserve(buffer, (size_t)length + 1), (size_t)length + 1, format,
              arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}

void buffer_consume(struct buffer *buffer, size_t size_bytes)
{
    buffer->start += size_bytes;
    buffer->length -= size_bytes;
    if (buffer->length == 0)
        buffer_free(buffer);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->start = 0;
    buffer->length = 0;
}

struct shared_bytes *shared_bytes_new(const void *data, size_t length)
{
    struct shared_bytes *bytes = malloc(sizeof(*bytes) + length);
    uint8_t *copy = (uint8_t *)(bytes + 1);

    if (bytes == NULL)
        abort();
    *bytes = (struct shared_bytes){.references = 1, .length = length, .data = copy};
    if (length > 0)
        memcpy(copy, data, length);
    return bytes;
}

static struct shared_bytes *new_shared(const uint8_t *data, size_t length)
{
    struct shared_bytes *bytes = malloc(sizeof(*bytes));

    if (bytes == NULL)
        abort();
    *bytes = (struct shared_bytes){.references = 1, .length = length, .data = data};
    return bytes;
}

struct shared_bytes *shared_bytes_take(struct buffer *buffer)
{
    struct shared_bytes *bytes = new_shared(buffer_data(buffer), buffer->length);

    bytes->memory = *buffer;
    *buffer = (struct buffer){0};
    return bytes;
}

struct shared_bytes *shared_bytes_part(struct shared_bytes *whole, const void *data, size_t length)
{
    struct shared_bytes *bytes = new_shared(data, length);

    bytes->whole = shared_bytes_ref(whole);
    return bytes;
}

struct shared_bytes *shared_bytes_ref(struct shared_bytes *bytes)
{
    bytes->references++;
    return bytes;
}

void shared_bytes_unref(struct shared_bytes *bytes)
{
    if (bytes == NULL || --bytes->references > 0)
        return;
    shared_bytes_unref(bytes->whole);
    buffer_free(&bytes->memory);
    free(bytes);
}
