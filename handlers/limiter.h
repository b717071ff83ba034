/* limiter.h - rate limits: GCRA in Redis, so that all instances share a budget; from this
 * loop's memory alone while Redis is away. Calls of methods that declare no budget are bounded
 * by this loop alone: a flood is stopped, and none of them pays a way to Redis. */
#ifndef WAYSTONE_HANDLERS_LIMITER_H
#define WAYSTONE_HANDLERS_LIMITER_H

#include "handlers/app.h"
#include "server/interceptors.h"

struct rate_limiter *limiter_interface(void);

void limiter_open(struct app *app);
void limiter_close(struct app *app);

/* Takes one call from a budget that all instances share, whatever rpc.rate_scale says: for rules of
 * the game rather than protection. Suspends. */
void limiter_take(struct rpc_call *call, const char *key, uint64_t calls, uint32_t period_s,
                  struct limit_decision *ret);

/* Takes one call from each of up to RPC_RATE_LIMITS_MAX such budgets, or from none; a decision for
 * each. One command of Redis. Suspends. */
void limiter_take_all(struct rpc_call *call, const struct limit_budget *budgets, size_t count,
                      struct limit_decision *ret);

/* A budget of this loop alone: whether it would allow a call, and taking one. For what is counted
 * only when it went wrong. Neither suspends. */
void limiter_look(struct app *app, const struct limit_budget *budget, struct limit_decision *ret);
void limiter_take_locally(struct app *app, const struct limit_budget *budget,
                          struct limit_decision *ret);

/* One step of the generic cell rate algorithm. `*tat_ms` is the theoretical arrival time kept
 * for the key (0 for a new one); moved on when the call is allowed. `calls` may come all at
 * once, after which one more is allowed every `period_s / calls`. Pure. */
void limiter_step(int64_t now_ms, uint64_t calls, uint32_t period_s, int64_t *tat_ms,
                  struct limit_decision *ret);

#endif
