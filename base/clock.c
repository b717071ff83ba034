#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t read_us(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t clock_wall_us(void)
{
    return (int64_t)read_us(CLOCK_REALTIME);
}

size_t clock_format_rfc3339(int64_t wall_us, char *out, size_t size_bytes)
{
    time_t seconds = wall_us / 1000000;
    int micros = (int)(wall_us % 1000000);
    struct tm tm;

    if (micros < 0) {
        micros += 1000000;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    return (size_t)snprintf(out, size_bytes, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
                            tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                            tm.tm_sec, micros);
}
