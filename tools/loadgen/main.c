/* loadgen - load on a running server, from one thread, and what it cost.
 *
 * Run it without arguments for its usage. Figures are JSON lines on standard output; the
 * server's CPU is read from /proc, so that it must run on the same machine. */
#include "tools/loadgen/link.h"
#include "tools/loadgen/options.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static void raise_file_limit(unsigned connections)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < connections + 100)
        fail("%u connections need more open files than the limit of %lu allows", connections,
             (unsigned long)limit.rlim_max);
}

int main(int count, char **arguments)
{
    struct options options;

    options_read(&options, count, arguments);
    raise_file_limit(options.connections);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    if (strcmp(options.mode, "unary") == 0 || strcmp(options.mode, "read") == 0 ||
        strcmp(options.mode, "call") == 0)
        run_calls(&options);
    else if (strcmp(options.mode, "idle") == 0)
        run_idle(&options);
    else if (strcmp(options.mode, "chat") == 0)
        run_chat(&options);
    else if (strcmp(options.mode, "floor") == 0)
        run_floor(&options);
    else if (strcmp(options.mode, "sends") == 0)
        run_sends(&options);
    else if (strcmp(options.mode, "delivery") == 0)
        run_delivery(&options);
    else
        fail("'%s' is no mode", options.mode);
    options_free(&options);
    return 0;
}
