/* outbox.h - what is still to be done about a change, recorded in the transaction of the change.
 *
 * Whoever changes something adds a row (outbox_add()) that names a kind of work and carries a
 * payload; after the commit the work is done by some instance, soon, and its effect is there
 * exactly once, whatever is killed or forgotten meanwhile:
 *
 *   - one instance, by lease, hands rows that are due to Redis Streams, one for each priority; a
 *     consumer group spreads them over the loops of all instances;
 *   - Redis carries numbers only. The row stays in PostgreSQL until the transaction of its effect
 *     deletes it. A row that was handed out and is still there after OUTBOX_VISIBILITY_MS is
 *     handed out again; one that comes twice is found done, or in another's hands;
 *   - work that fails is tried again with growing pauses of at most five minutes; after
 *     OUTBOX_MAX_ATTEMPTS, or at once with INVALID_ARGUMENT, it becomes a dead letter, which people
 *     look at (waystone-admin);
 *   - while Redis is away, loops take rows from PostgreSQL themselves.
 *
 * Rows of one priority are begun about in the order of their commits, and may overtake each other.
 */
#ifndef WAYSTONE_HANDLERS_OUTBOX_H
#define WAYSTONE_HANDLERS_OUTBOX_H

#include "handlers/account_events.h"
#include "handlers/app.h"

#define OUTBOX_VISIBILITY_MS 5000
/* With their pauses, of which each is shortened by up to a half at random: 3 to 7 minutes. */
#define OUTBOX_MAX_ATTEMPTS 12
/* Of OUTBOX_SLOW: 70 to 150 minutes. Those it waits for may be away for that long. */
#define OUTBOX_MAX_ATTEMPTS_SLOW 40

/* As in the table; what is urgent goes first. What is slow waits for others (a mail server) and is
 * done beside the rest: nothing else waits behind it. */
enum outbox_priority { OUTBOX_URGENT = 0, OUTBOX_NORMAL = 1, OUTBOX_BULK = 2, OUTBOX_SLOW = 3 };

/* Adds work within a transaction. `kind` such as "chat.mention", at most 64 bytes; the payload at
 * most 64 KiB. Suspends. */
enum status outbox_add(struct db *tx, const char *kind, enum outbox_priority priority,
                       struct bytes payload) MUST_CHECK;

/* Queries may as well insert into `outbox` (kind, priority, payload) themselves: to be called once
 * that is committed, so that the work does not wait for the next look. */
void outbox_added(struct app *app);

/* --- doing it --- */

struct outbox_task {
    struct app *app;
    struct arena *arena;
    struct db *tx; /* the effect belongs in here; it is committed by whoever calls */
    const char *kind;
    struct bytes payload;
    struct account_events *written; /* told live after the commit */
    char error[200];                /* why it failed, in words; may stay empty */
};

/* Does the work of one row. OK: the transaction is committed, with the row's end. Anything else
 * rolls it back: UNAVAILABLE (no attempt: something is away) is tried again soon, INVALID_ARGUMENT
 * (the payload will never do) is buried, the rest counts and is tried again. A row that was handed
 * out several times has its attempt counted before it begins; UNAVAILABLE gives it back, the end of
 * the process does not. Suspends. */
typedef enum status (*outbox_fn)(struct outbox_task *task);

/* Sets the words of a failure and returns `status`. */
enum status outbox_fail_task(struct outbox_task *task, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
#ifdef __clang_analyzer__ /* does not look into other files, so it is told what comes back */
#define outbox_fail_task(task, status, ...) (outbox_fail_task(task, status, __VA_ARGS__), (status))
#endif

/* Names who does a kind; before the server starts, `kind` static. */
void outbox_register(const char *kind, outbox_fn fn);

struct outbox_stats {
    int64_t waiting, dead; /* rows, each counted up to a thousand; of all instances */
};

/* As of some seconds ago; on the process's first loop only, zero on others. */
void outbox_stats(const struct app *app, struct outbox_stats *ret);

/* Relay (on the process's first loop) and consumer. `app->db` and `app->redis` must be open. */
void outbox_open(struct app *app);
void outbox_close(struct app *app);

#endif
