/* redis.h - Redis for what may be lost: fan-out, rate limits, cache.
 *
 * One per loop, on two connections: commands, and a subscriber. Never fails to open: calls
 * answer UNAVAILABLE while Redis is away, and connections come back with back-off. Replies are
 * bounded by a timeout: a Redis that stays silent longer is connected to anew, and so is a
 * subscriber that misses its own beat. Everything belongs to the loop's thread. */
#ifndef WAYSTONE_DB_REDIS_H
#define WAYSTONE_DB_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/loop.h"
#include "base/status.h"

struct redis;

struct redis_config {
    const char *address; /* "host:port", "[::1]:port" or "/path/of/socket" */
    uint32_t connect_timeout_ms;
    uint32_t command_timeout_ms;
};

/* Whether an address has one of the two forms, with a port from 1 to 65535. */
bool redis_address_is_valid(const char *address);

/* Takes a valid address. */
struct redis *redis_open(struct loop *loop, const struct redis_config *config);
void redis_close(struct redis *redis); /* Accepts NULL. */
bool redis_is_ready(const struct redis *redis);

/* Sends PUBLISH and does not wait. UNAVAILABLE when not connected. */
enum status redis_publish(struct redis *redis, const char *channel, const void *payload,
                          size_t length);

/* Called for every message of a subscribed channel, on the loop's stack; the payload is valid
 * during the call only. */
typedef void (*redis_message_fn)(void *argument, const char *channel, const void *payload,
                                 size_t length);
/* Called each time the subscriber (re)connected and all subscriptions are in force again: what
 * was published in between is lost and must be read from the truth. */
typedef void (*redis_resubscribed_fn)(void *argument);

void redis_set_listener(struct redis *redis, redis_message_fn on_message,
                        redis_resubscribed_fn on_resubscribed, void *argument);
/* Kept over reconnects. Subscribing twice is as subscribing once. */
void redis_subscribe(struct redis *redis, const char *channel);
void redis_unsubscribe(struct redis *redis, const char *channel);

enum redis_type { REDIS_NIL, REDIS_INTEGER, REDIS_STRING, REDIS_ARRAY, REDIS_ERROR };
struct redis_value {
    enum redis_type type;
    int64_t integer;
    const char *string; /* NUL-terminated, in the arena */
    size_t length;
    struct redis_value *items; /* REDIS_ARRAY */
    size_t item_count;
};

/* Runs one command and suspends until its reply: redis_command(r, arena, argv, lengths, n,
 * &value). An error reply is INTERNAL with value.type REDIS_ERROR. */
enum status redis_command(struct redis *redis, struct arena *arena, size_t count,
                          const char *const *arguments, const size_t *lengths,
                          struct redis_value *ret) MUST_CHECK;

/* The same for a script, a static string. `words` follow it: the number of keys, the keys, the
 * arguments. Only a Redis that does not know the script is sent its source. */
enum status redis_run_script(struct redis *redis, struct arena *arena, const char *script,
                             size_t count, const char *const *words, struct redis_value *ret)
    MUST_CHECK;

#endif
