/* json.h - pieces of JSON, for those who write some by hand.
 *
 * Messages are message_decode_json() and message_encode_json() in message.h. */
#ifndef WAYSTONE_SERVER_PROTOCOL_JSON_H
#define WAYSTONE_SERVER_PROTOCOL_JSON_H

#include <stddef.h>

#include "base/buffer.h"

/* Appends the text quoted and escaped. What is not UTF-8 becomes U+FFFD. */
void json_write_string(struct buffer *out, const char *text, size_t length);

#endif
