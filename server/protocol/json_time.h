/* json_time.h - Timestamp and Duration as JSON has them. Pure. */
#ifndef WAYSTONE_SERVER_PROTOCOL_JSON_TIME_H
#define WAYSTONE_SERVER_PROTOCOL_JSON_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* "2026-01-31T12:00:00.5Z", years 1 to 9999; fractions of 0, 3, 6 or 9 digits, quoted. False if
 * out of range. */
bool json_write_timestamp(struct buffer *out, int64_t seconds, int32_t nanos);
bool json_read_timestamp(const char *text, size_t length, int64_t *ret_seconds, int32_t *ret_nanos);

/* "1.5s", up to 10,000 years either way, quoted. */
bool json_write_duration(struct buffer *out, int64_t seconds, int32_t nanos);
bool json_read_duration(const char *text, size_t length, int64_t *ret_seconds, int32_t *ret_nanos);

#endif
