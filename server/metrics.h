/* metrics.h - counters and histograms in Prometheus text form.
 *
 * One per process. Each loop writes to a slot of its own without locks; writing the text sums
 * the slots with relaxed atomic reads. */
#ifndef WAYSTONE_SERVER_METRICS_H
#define WAYSTONE_SERVER_METRICS_H

#include <stdint.h>

#include "base/buffer.h"
#include "server/server.h"

struct metrics;

struct metrics *metrics_new(const struct rpc_server *server, unsigned loops);
void metrics_free(struct metrics *metrics);

/* Gauges of one loop, set by its owner. */
enum metrics_gauge {
    METRICS_CONNECTIONS,
    METRICS_STREAMS_OPEN,
    METRICS_CALLS_OPEN,
    METRICS_DB_READ_CONNECTIONS,
    METRICS_DB_WRITE_CONNECTIONS,
    METRICS_DB_WRITE_BUSY,
    METRICS_DB_WAITING,
    METRICS_REDIS_UP,
    METRICS_HUB_SUBSCRIBERS,
    METRICS_OUTBOX_WAITING,
    METRICS_DEAD_LETTERS,
    METRICS_GAUGE_COUNT,
};
void metrics_set(struct metrics *metrics, enum metrics_gauge gauge, int64_t value);

enum metrics_counter {
    METRICS_CONNECTIONS_ACCEPTED,
    METRICS_CONNECTIONS_ABUSIVE,
    METRICS_DB_QUERIES,
    METRICS_DB_ERRORS,
    METRICS_HUB_DELIVERIES,
    METRICS_COUNTER_COUNT,
};
void metrics_add(struct metrics *metrics, enum metrics_counter counter, uint64_t amount);

/* Counts one finished call of a method. */
void metrics_observe_call(struct metrics *metrics, const struct rpc_method *method,
                          enum status status, uint64_t duration_us);

void metrics_write(struct metrics *metrics, struct buffer *out);

#endif
