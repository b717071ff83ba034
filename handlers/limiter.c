#include "handlers/limiter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LOCAL_SLOTS 4096 /* a power of two */

/* The same step as limiter_step(), where all instances meet, by Redis' clock. KEYS[1]: the key;
 * ARGV: interval and period in microseconds. Returns {allowed, remaining, retry after in ms}. */
static const char script[] = "local tat = tonumber(redis.call('GET', KEYS[1]) or '0') "
                             "local time = redis.call('TIME') "
                             "local now = time[1] * 1000000 + time[2] "
                             "local interval, period = tonumber(ARGV[1]), tonumber(ARGV[2]) "
                             "if tat < now then tat = now end "
                             "local wait = tat + interval - now - period "
                             "if wait > 0 then return {0, 0, math.ceil(wait / 1000)} end "
                             "tat = tat + interval "
                             "redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', "
                             "math.ceil((tat - now) / 1000) + 1) "
                             "return {1, math.floor((period - (tat - now)) / interval), 0}";

struct local_limit {
    uint64_t key_hash;
    int64_t tat_ms;
};

struct local_limits {
    struct local_limit slots[LOCAL_SLOTS];
};

void limiter_step(int64_t now_ms, uint64_t calls, uint32_t period_s, int64_t *tat_ms,
                  struct limit_decision *ret)
{
    int64_t period_ms = (int64_t)period_s * 1000;
    int64_t interval_ms = period_ms / (int64_t)calls > 0 ? period_ms / (int64_t)calls : 1;
    int64_t tat = *tat_ms > now_ms ? *tat_ms : now_ms;
    int64_t wait_ms = tat + interval_ms - now_ms - period_ms;

    if (wait_ms > 0) {
        *ret = (struct limit_decision){.retry_after_ms = (uint32_t)wait_ms};
        return;
    }
    *tat_ms = tat + interval_ms;
    *ret = (struct limit_decision){
        .allowed = true, .remaining = (uint32_t)((period_ms - (*tat_ms - now_ms)) / interval_ms)};
}

static uint64_t hash(const char *key)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */

    for (; *key != '\0'; key++)
        value = (value ^ (uint8_t)*key) * 1099511628211u;
    return value;
}

/* A key that shares a slot with another starts anew: the bound holds loosely, memory strictly. */
static void take_locally(struct app *app, const char *key, uint64_t calls, uint32_t period_s,
                         struct limit_decision *ret)
{
    uint64_t key_hash = hash(key);
    struct local_limit *slot = &app->limits->slots[key_hash % LOCAL_SLOTS];

    if (slot->key_hash != key_hash)
        *slot = (struct local_limit){.key_hash = key_hash};
    limiter_step((int64_t)clock_monotonic_ms(), calls, period_s, &slot->tat_ms, ret);
}

static bool take_from_redis(struct rpc_call *call, const char *key, uint64_t calls,
                            uint32_t period_s, struct limit_decision *ret)
{
    unsigned long long period_us = period_s * 1000000ULL;
    unsigned long long interval_us = period_us / calls > 0 ? period_us / calls : 1;
    const char *arguments[] = {
        "EVAL",
        script,
        "1",
        arena_printf(call->arena, "waystone:limit:%s", key),
        arena_printf(call->arena, "%llu", interval_us),
        arena_printf(call->arena, "%llu", period_us),
    };
    size_t lengths[6];
    struct redis_value value;

    for (int i = 0; i < 6; i++)
        lengths[i] = strlen(arguments[i]);
    if (redis_command(call->app->redis, call->arena, 6, arguments, lengths, &value) != STATUS_OK ||
        value.type != REDIS_ARRAY || value.item_count != 3)
        return false;
    *ret = (struct limit_decision){
        .allowed = value.items[0].integer == 1,
        .remaining = (uint32_t)value.items[1].integer,
        .retry_after_ms = (uint32_t)value.items[2].integer,
    };
    return true;
}

void limiter_take(struct rpc_call *call, const char *key, uint64_t calls, uint32_t period_s,
                  struct limit_decision *ret)
{
    if (!take_from_redis(call, key, calls, period_s, ret))
        take_locally(call->app, key, calls, period_s, ret);
}

static void take(struct rpc_call *call, const char *key, uint32_t calls, uint32_t period_s,
                 struct limit_decision *ret, void *user)
{
    limiter_take(call, key, (uint64_t)calls * call->app->rate_scale, period_s, ret);
}

struct rate_limiter *limiter_interface(void)
{
    static struct rate_limiter limiter = {.take = take};

    return &limiter;
}

void limiter_open(struct app *app)
{
    app->limits = calloc(1, sizeof(*app->limits));
    if (app->limits == NULL)
        abort();
}

void limiter_close(struct app *app)
{
    free(app->limits);
    app->limits = NULL;
}
