/* clock.h - the two clocks. Thread-safe, never suspend. */
#ifndef WAYSTONE_BASE_CLOCK_H
#define WAYSTONE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Monotonic time for durations and deadlines; comparable within one process only. */
uint64_t clock_monotonic_us(void);
uint64_t clock_monotonic_ms(void);

/* Wall time since 1970-01-01 UTC, in microseconds: PostgreSQL's resolution. */
int64_t clock_wall_us(void);

/* Writes "2026-01-31T12:00:00.123456Z" and returns its length (27). `size_bytes` >= 28. */
size_t clock_format_rfc3339(int64_t wall_us, char *out, size_t size_bytes);

#endif
