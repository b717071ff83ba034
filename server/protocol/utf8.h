/* utf8.h - is it UTF-8, and where may it be cut?
 *
 * Pure functions: nothing is kept, nothing suspends. */
#ifndef WAYSTONE_SERVER_PROTOCOL_UTF8_H
#define WAYSTONE_SERVER_PROTOCOL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Well-formed as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 * U+0000 is a character like others. */
bool utf8_valid(const void *text, size_t length);

/* Bytes of the well-formed character at the start, 1 to 4; 0 if there is none. */
size_t utf8_character_length(const uint8_t *text, size_t length);

/* The longest prefix of at most `max_bytes` that does not cut a character. */
size_t utf8_truncate(const char *text, size_t length, size_t max_bytes);

/* Code points in well-formed text. */
size_t utf8_count(const char *text, size_t length);

#endif
