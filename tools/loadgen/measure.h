/* measure.h - what the server paid, and how figures are printed. */
#ifndef WAYSTONE_TOOLS_LOADGEN_MEASURE_H
#define WAYSTONE_TOOLS_LOADGEN_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* CPU time, user and system, of all threads of a process since they started, to the
 * nanosecond. 0 if it is gone. */
uint64_t process_cpu_ns(pid_t pid);

/* The same of a process and its children: PostgreSQL's postmaster and backends. */
uint64_t family_cpu_ns(pid_t pid);

/* Resident memory without the kernel's socket buffers. 0 if the process is gone. */
uint64_t process_rss_bytes(pid_t pid);

/* Durations in microseconds; beyond `capacity` they are counted but not kept. */
struct samples {
    uint32_t *items;
    size_t count, capacity;
};

void samples_init(struct samples *samples, size_t capacity);
void samples_free(struct samples *samples);
void samples_add(struct samples *samples, uint64_t duration_us);
/* Sorts; `percent` from 0 to 100. 0 when there are no samples. */
double samples_percentile_us(struct samples *samples, double percent);

/* Prints {"figure":"<prefix>_<name>","value":...,"unit":"...","<count_name>":...}. */
void print_figure(const char *prefix, const char *name, double value, const char *unit,
                  const char *count_name, uint64_t count);

#endif
