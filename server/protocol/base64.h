/* base64.h - bytes as text (RFC 4648).
 *
 * Pure functions: nothing is kept, nothing suspends. */
#ifndef WAYSTONE_SERVER_PROTOCOL_BASE64_H
#define WAYSTONE_SERVER_PROTOCOL_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum base64_alphabet {
    BASE64_STANDARD, /* '+' and '/' */
    BASE64_URL,      /* '-' and '_' */
};

/* Characters that `length` bytes become. */
size_t base64_encoded_length(size_t length, bool padded);

/* Appends the text. */
void base64_encode(struct buffer *out, const void *data, size_t length,
                   enum base64_alphabet alphabet, bool padded);

/* Writes base64_encoded_length() characters to `out`, without a NUL. */
void base64_encode_to(char *out, const void *data, size_t length, enum base64_alphabet alphabet,
                      bool padded);

/* Appends the bytes. Takes both alphabets, with or without padding; bits left over in the last
 * character are ignored, as protobuf's JSON mapping wants. False if malformed, and `out` is
 * unchanged. */
bool base64_decode(struct buffer *out, const char *text, size_t length);

/* The same into memory of at least base64_decoded_max(length) bytes. False if malformed, and
 * what was written is meaningless. */
bool base64_decode_to(void *out, const char *text, size_t length, size_t *ret_length);
size_t base64_decoded_max(size_t length);

#endif
