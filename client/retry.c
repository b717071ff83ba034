/* Whether a call is repeated, and when. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/internal.h"

/* A server that asks for more is not waited for: the caller is told, and may ask later. */
#define LONGEST_PUSHBACK_MS 60000

uint64_t client_backoff_us(uint32_t first_ms, uint32_t longest_ms, unsigned times)
{
    uint64_t pause_ms = first_ms;

    while (times-- > 0 && pause_ms < longest_ms)
        pause_ms *= 2;
    if (pause_ms > longest_ms)
        pause_ms = longest_ms;
    /* Half of it to all of it, so that many clients do not come back in step. */
    return pause_ms * 500 +
           arc4random_uniform((uint32_t)(pause_ms < 4000000 ? pause_ms : 4000000) * 500 + 1);
}

/* What the server said about it. False: not to come again. */
static bool read_pushback(struct rpc_client_call *call, bool *ret_given, uint64_t *ret_delay_us)
{
    const char *text = client_call_trailer(call, "grpc-retry-pushback-ms");

    *ret_given = false;
    if (text != NULL) {
        size_t length = strlen(text);
        *ret_given = true;
        if (length == 0 || length > 9 || strspn(text, "0123456789") != length)
            return false;
        *ret_delay_us = strtoull(text, NULL, 10) * 1000;
        return true;
    }
    for (size_t i = 0; i < call->detail_count && !*ret_given; i++)
        if (strcmp(call->details[i].type_name, "google.rpc.RetryInfo") == 0)
            *ret_given = client_details_retry_delay(call->details[i].value, ret_delay_us);
    return true;
}

/* The first time that a healthy server did not begin it, at once; otherwise after a pause. */
static uint64_t own_delay_us(const struct rpc_client_call *call)
{
    const struct client_retry *retry = &call->client->config.retry;

    if (call->unprocessed && call->stream_id != 0 && call->attempts == 1)
        return 0;
    return client_backoff_us(retry->first_backoff_ms, retry->longest_backoff_ms,
                             call->attempts - 1);
}

bool client_retry_allowed(struct rpc_client_call *call, uint64_t *ret_at_us)
{
    bool harmless = call->unprocessed || (call->status == STATUS_UNAVAILABLE && call->idempotent);
    uint64_t delay_us;
    bool given;

    if (call->state != CALL_ENDED || !call->single || call->started || !harmless ||
        call->attempts >= call->client->config.retry.max_attempts ||
        !read_pushback(call, &given, &delay_us))
        return false;
    if (!given)
        delay_us = own_delay_us(call);
    if (delay_us > LONGEST_PUSHBACK_MS * 1000ULL)
        return false;
    *ret_at_us = clock_monotonic_us() + delay_us;
    return call->deadline_us == 0 || *ret_at_us < call->deadline_us;
}
