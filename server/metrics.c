#include "server/metrics.h"

#include "base/loop.h"
#include "server/interceptors.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Upper bounds in microseconds; Prometheus shows seconds. */
static const uint32_t bucket_us[] = {100,     250,     500,     1000,    2500,   5000,
                                     10000,   25000,   50000,   100000,  250000, 500000,
                                     1000000, 2500000, 5000000, 10000000};
#define BUCKETS (sizeof(bucket_us) / sizeof(bucket_us[0]))

struct method_slot {
    atomic_uint_fast64_t by_status[STATUS_COUNT];
    atomic_uint_fast64_t buckets[BUCKETS + 1]; /* the last: longer than all bounds */
    atomic_uint_fast64_t sum_us;
};

/* Written by one loop only, so that relaxed loads and stores are enough. */
struct loop_slot {
    atomic_int_fast64_t gauges[METRICS_GAUGE_COUNT];
    atomic_uint_fast64_t counters[METRICS_COUNTER_COUNT];
    struct method_slot *methods;
};

struct metrics {
    const struct rpc_method **methods; /* sorted by address */
    size_t method_count;
    unsigned loops;
    struct loop_slot *slots;
};

static void *must_calloc(size_t count, size_t size_bytes)
{
    void *memory = calloc(count ? count : 1, size_bytes);

    if (memory == NULL)
        abort();
    return memory;
}

static int compare_addresses(const void *left, const void *right)
{
    const struct rpc_method *a = *(const struct rpc_method *const *)left;
    const struct rpc_method *b = *(const struct rpc_method *const *)right;

    return (a > b) - (a < b);
}

static void collect_methods(struct metrics *metrics, const struct rpc_server *server)
{
    for (size_t i = 0; i < rpc_server_service_count(server); i++)
        metrics->method_count += rpc_server_service(server, i)->method_count;
    metrics->methods = must_calloc(metrics->method_count, sizeof(*metrics->methods));
    metrics->method_count = 0;
    for (size_t i = 0; i < rpc_server_service_count(server); i++) {
        const struct rpc_service *service = rpc_server_service(server, i);
        for (size_t j = 0; j < service->method_count; j++)
            metrics->methods[metrics->method_count++] = &service->methods[j];
    }
    qsort(metrics->methods, metrics->method_count, sizeof(*metrics->methods), compare_addresses);
}

struct metrics *metrics_new(const struct rpc_server *server, unsigned loops)
{
    struct metrics *metrics = must_calloc(1, sizeof(*metrics));

    collect_methods(metrics, server);
    metrics->loops = loops;
    metrics->slots = must_calloc(loops, sizeof(*metrics->slots));
    for (unsigned i = 0; i < loops; i++)
        metrics->slots[i].methods = must_calloc(metrics->method_count, sizeof(struct method_slot));
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (unsigned i = 0; i < metrics->loops; i++)
        free(metrics->slots[i].methods);
    free(metrics->slots);
    free(metrics->methods);
    free(metrics);
}

static struct loop_slot *current_slot(struct metrics *metrics)
{
    struct loop *loop = loop_current();

    return &metrics->slots[loop ? loop_index(loop) % metrics->loops : 0];
}

static void add(atomic_uint_fast64_t *counter, uint64_t amount)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

void metrics_set(struct metrics *metrics, enum metrics_gauge gauge, int64_t value)
{
    atomic_store_explicit(&current_slot(metrics)->gauges[gauge], value, memory_order_relaxed);
}

void metrics_add(struct metrics *metrics, enum metrics_counter counter, uint64_t amount)
{
    add(&current_slot(metrics)->counters[counter], amount);
}

static size_t bucket_of(uint64_t duration_us)
{
    size_t bucket = 0;

    while (bucket < BUCKETS && duration_us > bucket_us[bucket])
        bucket++;
    return bucket;
}

void metrics_observe_call(struct metrics *metrics, const struct rpc_method *method,
                          enum status status, uint64_t duration_us)
{
    const struct rpc_method **found = bsearch(&method, metrics->methods, metrics->method_count,
                                              sizeof(*metrics->methods), compare_addresses);
    struct method_slot *slot;

    if (found == NULL)
        return;
    slot = &current_slot(metrics)->methods[found - metrics->methods];
    add(&slot->by_status[status], 1);
    add(&slot->buckets[bucket_of(duration_us)], 1);
    add(&slot->sum_us, duration_us);
}

static void observe(struct rpc_call *call, enum status status, void *user)
{
    struct rpc_call_summary summary;

    rpc_call_summarise(call, &summary);
    metrics_observe_call(user, call->method, status, summary.duration_us);
}

struct rpc_interceptor interceptor_metrics(struct metrics *metrics)
{
    return (struct rpc_interceptor){.name = "metrics", .after = observe, .user = metrics};
}

/* --- text --- */

struct family {
    const char *name, *help;
};

static const struct family gauge_families[METRICS_GAUGE_COUNT] = {
    [METRICS_CONNECTIONS] = {"waystone_connections", "Open client connections."},
    [METRICS_STREAMS_OPEN] = {"waystone_streams", "Open HTTP/2 streams."},
    [METRICS_CALLS_OPEN] = {"waystone_calls", "Calls in progress, open streams included."},
    [METRICS_DB_READ_CONNECTIONS] = {"waystone_database_read_connections",
                                     "Connections of the read lane that are up."},
    [METRICS_DB_WRITE_CONNECTIONS] = {"waystone_database_write_connections",
                                      "Connections of the write pool that are up."},
    [METRICS_DB_WRITE_BUSY] = {"waystone_database_write_busy",
                               "Connections of the write pool in use."},
    [METRICS_DB_WAITING] = {"waystone_database_waiting", "Calls waiting for a write connection."},
    [METRICS_REDIS_UP] = {"waystone_redis_up", "Loops whose Redis connections are up."},
    [METRICS_HUB_SUBSCRIBERS] = {"waystone_hub_subscribers", "Streams that follow a topic."},
    [METRICS_OUTBOX_WAITING] = {"waystone_outbox_waiting",
                                "Rows of the outbox not done yet, up to 1000; of all instances."},
    [METRICS_DEAD_LETTERS] = {"waystone_dead_letters",
                              "Work that failed too often, up to 1000; of all instances."},
};

static const struct family counter_families[METRICS_COUNTER_COUNT] = {
    [METRICS_CONNECTIONS_ACCEPTED] = {"waystone_connections_accepted_total",
                                      "Client connections accepted."},
    [METRICS_CONNECTIONS_ABUSIVE] = {"waystone_connections_abusive_total",
                                     "Connections closed for abuse."},
    [METRICS_DB_QUERIES] = {"waystone_database_queries_total", "Queries run."},
    [METRICS_DB_ERRORS] = {"waystone_database_errors_total", "Queries that failed."},
    [METRICS_HUB_DELIVERIES] = {"waystone_hub_deliveries_total", "Messages sent to streams."},
};

static void write_head(struct buffer *out, const struct family *family, const char *type)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                  type);
}

static void write_gauges(struct metrics *metrics, struct buffer *out)
{
    for (int gauge = 0; gauge < METRICS_GAUGE_COUNT; gauge++) {
        int64_t sum = 0;
        for (unsigned i = 0; i < metrics->loops; i++)
            sum += atomic_load_explicit(&metrics->slots[i].gauges[gauge], memory_order_relaxed);
        write_head(out, &gauge_families[gauge], "gauge");
        buffer_printf(out, "%s %lld\n", gauge_families[gauge].name, (long long)sum);
    }
}

static void write_counters(struct metrics *metrics, struct buffer *out)
{
    for (int counter = 0; counter < METRICS_COUNTER_COUNT; counter++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < metrics->loops; i++)
            sum += atomic_load_explicit(&metrics->slots[i].counters[counter], memory_order_relaxed);
        write_head(out, &counter_families[counter], "counter");
        buffer_printf(out, "%s %llu\n", counter_families[counter].name, (unsigned long long)sum);
    }
}

static uint64_t sum_status(struct metrics *metrics, size_t method, int status)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < metrics->loops; i++)
        sum += atomic_load_explicit(&metrics->slots[i].methods[method].by_status[status],
                                    memory_order_relaxed);
    return sum;
}

static void write_calls(struct metrics *metrics, struct buffer *out)
{
    static const struct family family = {"waystone_requests_total", "Calls that ended, by status."};

    write_head(out, &family, "counter");
    for (size_t method = 0; method < metrics->method_count; method++)
        for (int status = 0; status < STATUS_COUNT; status++) {
            uint64_t sum = sum_status(metrics, method, status);
            if (sum > 0)
                buffer_printf(out, "%s{method=\"%s\",status=\"%s\"} %llu\n", family.name,
                              metrics->methods[method]->path, status_name((enum status)status),
                              (unsigned long long)sum);
        }
}

static void write_histogram(struct metrics *metrics, struct buffer *out, size_t method)
{
    const char *path = metrics->methods[method]->path;
    uint64_t count = 0, sum_us = 0;

    for (size_t bucket = 0; bucket <= BUCKETS; bucket++) {
        for (unsigned i = 0; i < metrics->loops; i++)
            count += atomic_load_explicit(&metrics->slots[i].methods[method].buckets[bucket],
                                          memory_order_relaxed);
        if (bucket < BUCKETS)
            buffer_printf(
                out, "waystone_request_duration_seconds_bucket{method=\"%s\",le=\"%g\"} %llu\n",
                path, bucket_us[bucket] / 1e6, (unsigned long long)count);
    }
    for (unsigned i = 0; i < metrics->loops; i++)
        sum_us +=
            atomic_load_explicit(&metrics->slots[i].methods[method].sum_us, memory_order_relaxed);
    buffer_printf(out,
                  "waystone_request_duration_seconds_bucket{method=\"%s\",le=\"+Inf\"} %llu\n"
                  "waystone_request_duration_seconds_sum{method=\"%s\"} %.6f\n"
                  "waystone_request_duration_seconds_count{method=\"%s\"} %llu\n",
                  path, (unsigned long long)count, path, (double)sum_us / 1e6, path,
                  (unsigned long long)count);
}

void metrics_write(struct metrics *metrics, struct buffer *out)
{
    static const struct family family = {"waystone_request_duration_seconds",
                                         "From the request's head to the answer's end."};

    write_gauges(metrics, out);
    write_counters(metrics, out);
    write_calls(metrics, out);
    write_head(out, &family, "histogram");
    for (size_t method = 0; method < metrics->method_count; method++)
        write_histogram(metrics, out, method);
}
