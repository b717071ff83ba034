#include "tools/loadgen/measure.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- /proc --- */

/* First number of a thread's schedstat: time on a CPU, in nanoseconds. */
static uint64_t thread_cpu_ns(pid_t pid, const char *thread)
{
    char path[300];
    unsigned long long time_ns = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, thread);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &time_ns) != 1)
        time_ns = 0;
    fclose(file);
    return time_ns;
}

uint64_t process_cpu_ns(pid_t pid)
{
    char path[64];
    uint64_t sum_ns = 0;
    struct dirent *entry;
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    directory = opendir(path);
    if (directory == NULL)
        return 0;
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] != '.')
            sum_ns += thread_cpu_ns(pid, entry->d_name);
    closedir(directory);
    return sum_ns;
}

static pid_t parent_of(const char *process)
{
    char path[300], line[512];
    const char *after_name;
    int parent = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%s/stat", process);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    /* The name, in parentheses, may hold anything. */
    if (fgets(line, sizeof(line), file) != NULL && (after_name = strrchr(line, ')')) != NULL &&
        sscanf(after_name, ") %*c %d", &parent) != 1)
        parent = 0;
    fclose(file);
    return parent;
}

uint64_t family_cpu_ns(pid_t pid)
{
    uint64_t sum_ns = process_cpu_ns(pid);
    DIR *directory = opendir("/proc");
    struct dirent *entry;

    if (directory == NULL)
        return sum_ns;
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == pid)
            sum_ns += process_cpu_ns(atoi(entry->d_name));
    closedir(directory);
    return sum_ns;
}

uint64_t process_rss_bytes(pid_t pid)
{
    char path[64], line[256];
    unsigned long long kilobytes = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "VmRSS: %llu kB", &kilobytes) == 1)
            break;
    fclose(file);
    return kilobytes * 1024;
}

/* --- samples --- */

void samples_init(struct samples *samples, size_t capacity)
{
    *samples = (struct samples){calloc(capacity, sizeof(uint32_t)), 0, capacity};
    if (samples->items == NULL)
        abort();
}

void samples_free(struct samples *samples)
{
    free(samples->items);
}

void samples_add(struct samples *samples, uint64_t duration_us)
{
    if (samples->count < samples->capacity)
        samples->items[samples->count++] =
            duration_us > UINT32_MAX ? UINT32_MAX : (uint32_t)duration_us;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

double samples_percentile_us(struct samples *samples, double percent)
{
    size_t position = (size_t)((double)samples->count * percent / 100);

    if (samples->count == 0)
        return 0;
    qsort(samples->items, samples->count, sizeof(uint32_t), compare);
    return samples->items[position < samples->count ? position : samples->count - 1];
}

void print_figure(const char *prefix, const char *name, double value, const char *unit,
                  const char *count_name, uint64_t count)
{
    printf("{\"figure\":\"%s_%s\",\"value\":%.3f,\"unit\":\"%s\",\"%s\":%llu}\n", prefix, name,
           value, unit, count_name, (unsigned long long)count);
    fflush(stdout);
}
