/* percent.h - percent-encoding (RFC 3986), as gRPC status messages and GET queries use it.
 *
 * Pure functions: nothing is kept, nothing suspends. */
#ifndef WAYSTONE_SERVER_PROTOCOL_PERCENT_H
#define WAYSTONE_SERVER_PROTOCOL_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/* Appends the text with every byte outside printable ASCII, and '%', encoded: the rules of
 * the `grpc-message` trailer. */
void percent_encode(struct buffer *out, const char *text, size_t length);

/* Appends the decoded bytes. False if a '%' is not followed by two hexadecimal digits, and
 * `out` is unchanged. `plus_is_space` for the query of a URL. */
bool percent_decode(struct buffer *out, const char *text, size_t length, bool plus_is_space);

#endif
