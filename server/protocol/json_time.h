/* json_time.h - Timestamp and Duration as JSON has them. Pure. */
#ifndef WAYSTONE_SERVER_PROTOCOL_JSON_TIME_H
#define WAYSTONE_SERVER_PROTOCOL_JSON_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_TIME_MAX_BYTES 40

/* Write "2026-01-31T12:00:00.500Z", years 1 to 9999, quoted, with a fraction of 0, 3, 6 or 9
 * digits. Return the end of the text; NULL if out of range. */
char *json_format_timestamp(char *out, int64_t seconds, int32_t nanos);
bool json_read_timestamp(const char *text, size_t length, int64_t *ret_seconds, int32_t *ret_nanos);

/* "1.5s", up to 10,000 years either way, quoted. */
char *json_format_duration(char *out, int64_t seconds, int32_t nanos);
bool json_read_duration(const char *text, size_t length, int64_t *ret_seconds, int32_t *ret_nanos);

#endif
