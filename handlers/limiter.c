#include "handlers/limiter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define LOCAL_SLOTS 4096   /* a power of two; of the budgets while Redis is away */
#define DEFAULT_SLOTS 4096 /* a power of two; of callers of methods that declare no budget */
#define DEFAULT_PERIOD_S 60

/* limiter_step() for all of a call's budgets, where all instances meet, by Redis' clock. KEYS: one
 * for each budget; ARGV: interval and period of each in microseconds. Returns three numbers for
 * each budget: remaining, ms until it is whole, ms to wait (0: allowed). Nothing is taken unless
 * all allow it. */
static const char script[] =
    "local time, tats, waits, allowed = redis.call('TIME'), {}, {}, true "
    "local now = time[1] * 1000000 + time[2] "
    "for i, key in ipairs(KEYS) do "
    "  local interval, period = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]) "
    "  tats[i] = math.max(tonumber(redis.call('GET', key) or '0'), now) "
    "  waits[i] = math.max(tats[i] + interval - now - period, 0) "
    "  allowed = allowed and waits[i] == 0 "
    "end "
    "local answer = {} "
    "for i, key in ipairs(KEYS) do "
    "  local interval, period = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]) "
    "  if allowed then "
    "    tats[i] = tats[i] + interval "
    "    redis.call('SET', key, string.format('%.0f', tats[i]), 'PX', "
    "               math.ceil((tats[i] - now) / 1000) + 1) "
    "  end "
    "  answer[3 * i - 2] = math.floor(math.max(period - (tats[i] - now), 0) / interval) "
    "  answer[3 * i - 1] = math.ceil((tats[i] - now) / 1000) "
    "  answer[3 * i] = math.ceil(waits[i] / 1000) "
    "end "
    "return answer";

struct local_limit {
    uint64_t key_hash;
    int64_t tat_ms;
};

struct local_limits {
    struct local_limit slots[LOCAL_SLOTS];
    struct local_limit callers[DEFAULT_SLOTS];
};

/* --- the algorithm --- */

static int64_t interval_of(uint64_t calls, int64_t period)
{
    int64_t interval = period / (int64_t)calls;

    return interval > 0 ? interval : 1;
}

static uint32_t remaining_of(int64_t now_ms, int64_t tat_ms, int64_t period_ms, int64_t interval_ms)
{
    int64_t left = period_ms - (tat_ms - now_ms);

    return left > 0 ? (uint32_t)(left / interval_ms) : 0;
}

void limiter_step(int64_t now_ms, uint64_t calls, uint32_t period_s, int64_t *tat_ms,
                  struct limit_decision *ret)
{
    int64_t period_ms = (int64_t)period_s * 1000;
    int64_t interval_ms = interval_of(calls, period_ms);
    int64_t tat = *tat_ms > now_ms ? *tat_ms : now_ms;
    int64_t wait_ms = tat + interval_ms - now_ms - period_ms;

    *ret = (struct limit_decision){.allowed = wait_ms <= 0, .calls = calls};
    if (ret->allowed)
        *tat_ms = tat += interval_ms;
    else
        ret->retry_after_ms = (uint32_t)wait_ms;
    ret->remaining = remaining_of(now_ms, tat, period_ms, interval_ms);
    ret->whole_after_ms = (uint32_t)(tat - now_ms);
}

/* --- alone --- */

static uint64_t hash(const char *key)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */

    for (; *key != '\0'; key++)
        value = (value ^ (uint8_t)*key) * 1099511628211u;
    return value;
}

/* A key that shares a slot with another starts anew: the bound holds loosely, memory strictly. */
static struct local_limit *slot_of(struct local_limit *slots, size_t count, uint64_t key_hash)
{
    struct local_limit *slot = &slots[key_hash % count];

    if (slot->key_hash != key_hash)
        *slot = (struct local_limit){.key_hash = key_hash};
    return slot;
}

static void take_locally(struct app *app, const struct limit_budget *budgets, size_t count,
                         struct limit_decision *ret)
{
    int64_t now_ms = (int64_t)clock_monotonic_ms();
    struct local_limit *slots[RPC_RATE_LIMITS_MAX];
    int64_t before_ms[RPC_RATE_LIMITS_MAX];
    bool allowed = true;

    for (size_t i = 0; i < count; i++) {
        slots[i] = slot_of(app->limits->slots, LOCAL_SLOTS, hash(budgets[i].key));
        before_ms[i] = slots[i]->tat_ms;
        limiter_step(now_ms, budgets[i].calls, budgets[i].period_s, &slots[i]->tat_ms, &ret[i]);
        allowed &= ret[i].allowed;
    }
    if (allowed)
        return;
    for (size_t i = count; i-- > 0;) /* backwards: two budgets may share a slot */
        slots[i]->tat_ms = before_ms[i];
}

void limiter_look(struct app *app, const struct limit_budget *budget, struct limit_decision *ret)
{
    uint64_t key_hash = hash(budget->key);
    const struct local_limit *slot = &app->limits->slots[key_hash % LOCAL_SLOTS];
    int64_t tat_ms = slot->key_hash == key_hash ? slot->tat_ms : 0;

    limiter_step((int64_t)clock_monotonic_ms(), budget->calls, budget->period_s, &tat_ms, ret);
}

void limiter_take_locally(struct app *app, const struct limit_budget *budget,
                          struct limit_decision *ret)
{
    take_locally(app, budget, 1, ret);
}

/* --- together --- */

static bool take_from_redis(struct rpc_call *call, const struct limit_budget *budgets, size_t count,
                            struct limit_decision *ret)
{
    const char *words[1 + 3 * RPC_RATE_LIMITS_MAX] = {arena_printf(call->arena, "%zu", count)};
    struct redis_value value;

    for (size_t i = 0; i < count; i++) {
        int64_t period_us = (int64_t)budgets[i].period_s * 1000000;
        words[1 + i] = arena_printf(call->arena, "waystone:limit:%s", budgets[i].key);
        words[1 + count + 2 * i] =
            arena_printf(call->arena, "%lld", (long long)interval_of(budgets[i].calls, period_us));
        words[1 + count + 2 * i + 1] = arena_printf(call->arena, "%lld", (long long)period_us);
    }
    if (redis_run_script(call->app->redis, call->arena, script, 1 + 3 * count, words, &value) !=
            STATUS_OK ||
        value.type != REDIS_ARRAY || value.item_count != 3 * count)
        return false;
    for (size_t i = 0; i < count; i++)
        ret[i] = (struct limit_decision){
            .allowed = value.items[3 * i + 2].integer == 0,
            .calls = budgets[i].calls,
            .remaining = (uint32_t)value.items[3 * i].integer,
            .whole_after_ms = (uint32_t)value.items[3 * i + 1].integer,
            .retry_after_ms = (uint32_t)value.items[3 * i + 2].integer,
        };
    return true;
}

void limiter_take_all(struct rpc_call *call, const struct limit_budget *budgets, size_t count,
                      struct limit_decision *ret)
{
    assert(count <= RPC_RATE_LIMITS_MAX);
    if (!take_from_redis(call, budgets, count, ret))
        take_locally(call->app, budgets, count, ret);
}

void limiter_take(struct rpc_call *call, const char *key, uint64_t calls, uint32_t period_s,
                  struct limit_decision *ret)
{
    struct limit_budget budget = {key, calls, period_s};

    limiter_take_all(call, &budget, 1, ret);
}

/* --- limits of the schema --- */

static void take(struct rpc_call *call, const struct limit_budget *budgets, size_t count,
                 struct limit_decision *ret, void *user)
{
    struct limit_budget scaled[RPC_RATE_LIMITS_MAX];

    for (size_t i = 0; i < count; i++) {
        scaled[i] = budgets[i];
        scaled[i].calls *= call->app->rate_scale;
    }
    limiter_take_all(call, scaled, count, ret);
}

/* Accounts and addresses share the table; a mixed number tells them apart. */
static uint64_t caller_hash(struct rpc_call *call)
{
    if (call->identity.account_id != 0)
        return ((uint64_t)call->identity.account_id + 1) * 11400714819323198485u;
    return hash(interceptor_peer(call));
}

static bool take_default(struct rpc_call *call, struct limit_decision *ret, void *user)
{
    struct app *app = call->app;
    uint64_t calls = (uint64_t)app->default_calls * app->rate_scale, key_hash;

    if (app->default_calls == 0)
        return true;
    key_hash = caller_hash(call);
    /* The high bits: the multiplication mixes upwards. */
    limiter_step((int64_t)clock_monotonic_ms(), calls, DEFAULT_PERIOD_S,
                 &slot_of(app->limits->callers, DEFAULT_SLOTS, key_hash ^ key_hash >> 32)->tat_ms,
                 ret);
    return ret->allowed;
}

struct rate_limiter *limiter_interface(void)
{
    static struct rate_limiter limiter = {.take = take, .take_default = take_default};

    return &limiter;
}

/* --- life --- */

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
