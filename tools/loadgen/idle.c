/* idle.c - server memory of connections that do nothing. */
#include "base/clock.h"
#include "tools/loadgen/link.h"
#include "tools/loadgen/options.h"

#include <stddef.h>

#define SETTLE_MS 1500

static void settle(struct engine *engine)
{
    uint64_t end_ms = clock_monotonic_ms() + SETTLE_MS;

    while (clock_monotonic_ms() < end_ms)
        engine_poll(engine, 50);
}

void run_idle(const struct options *options)
{
    struct engine *engine = engine_new(options->target, options->certificate);
    uint64_t before_bytes, after_bytes;

    if (options->pid == 0)
        fail("idle measures memory: --pid is needed");
    /* One connection of the same kind is there before, so that what the first one costs the
     * process once is not counted. */
    link_open(engine);
    settle(engine);
    before_bytes = process_rss_bytes(options->pid);
    for (unsigned i = 0; i < options->connections; i++)
        link_open(engine);
    settle(engine);
    after_bytes = process_rss_bytes(options->pid);
    if (before_bytes == 0 || after_bytes == 0)
        fail("the server ended during the run");
    print_figure(options->name, "memory",
                 ((double)after_bytes - (double)before_bytes) / 1024 / options->connections,
                 "KiB/connection", "connections", options->connections);
    engine_free(engine);
}
