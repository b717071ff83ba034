/* account_events.h - what happens to an account: its numbered events, and its notifications.
 *
 * Events are written in the transaction of what they tell, under the account's next number, and
 * told live after its commit:
 *
 *     struct account_events written = {0};
 *     ...
 *     TRY(notify_add(tx, arena, &written, account_id, notification));
 *     TRY(db_commit(tx));
 *     account_events_publish(app, arena, &written);
 *
 * The number's lock is held until the commit: whoever writes to several accounts does so in the
 * order of their ids, so that no two wait for each other. An event that is not published is found
 * by those who follow within a second. */
#ifndef WAYSTONE_HANDLERS_ACCOUNT_EVENTS_H
#define WAYSTONE_HANDLERS_ACCOUNT_EVENTS_H

#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/notification/v1/notification.h"

struct account_event_note;

/* Written, and not told yet. In the arena of those who write. */
struct account_events {
    struct account_event_note *first, *last;
};

/* Writes an event and sets its number; `event` lives in the arena. FAILED_PRECONDITION if there is
 * no such account. Suspends. */
enum status account_event_add(struct db *tx, struct arena *arena, struct account_events *written,
                              int64_t account_id, AccountEvent *event) MUST_CHECK;

/* Stores a notification and its event; sets id and time. FAILED_PRECONDITION if there is no such
 * account, or no text. Suspends. */
enum status notify_add(struct db *tx, struct arena *arena, struct account_events *written,
                       int64_t account_id, Notification *notification) MUST_CHECK;

/* Leaves a notification to the outbox: for accounts other than the caller's, whose locks the
 * transaction should not hold. Suspends. */
enum status notify_later(struct db *tx, int64_t account_id, const Notification *notification)
    MUST_CHECK;
/* The same for everybody who has at least a role above PLAYER. Suspends. */
enum status notify_role_later(struct db *tx, enum rpc_access role, const Notification *notification)
    MUST_CHECK;

/* A notification in hexadecimal, for statements that number a message and notify in one: they add
 * an outbox row of the kind 'notify.message' with account, number (eight bytes each, as int8send()
 * writes them) and these bytes. The notification carries the message's number. */
const char *notify_message_text(struct arena *arena, const Notification *notification);

/* Tells what was written to whoever follows, on all instances; after the commit. */
void account_events_publish(struct app *app, struct arena *arena, struct account_events *written);

/* Who does what notify_later() left; before the server starts. */
void account_events_register(void);

/* The hub's source for accounts; after live_open(). */
void account_events_open(struct app *app);

#endif
