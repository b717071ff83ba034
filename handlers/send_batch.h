/* send_batch.h - what is said on one loop at about the same time, in one statement.
 *
 * The first message goes to the database at once; those that come while it is written go
 * together with the next statement. A commit costs a disk's answer however many rows it holds,
 * so this is what makes thousands of durable sends a second possible, and a single one no later. */
#ifndef WAYSTONE_HANDLERS_SEND_BATCH_H
#define WAYSTONE_HANDLERS_SEND_BATCH_H

#include "base/arena.h"
#include "base/coro.h"
#include "handlers/app.h"

/* One thing to say; lives with whoever waits for it. */
struct send_item {
    int64_t channel_id, account_id, character_id;
    const char *character_name, *text;
    const char *key; /* idempotency key; "" none */
    int64_t request_hash;
    int64_t reply_to;                          /* 0: none */
    const char *mentions, *mentioned_accounts; /* int8[] as PostgreSQL writes it: "{1,2}" */
    /* Whom it notifies, and of each the notification as notify_message_text() has it: int8[] and
     * text[], "{}" none. */
    const char *told_accounts, *tellings;
    /* Called once it is durable, before its sender goes on; those of one channel in the order of
     * their numbers. Does not suspend. */
    void (*on_said)(struct app *app, struct send_item *item);

    /* The answer. 0: nothing was said, since the key was used before or the channel is closed. */
    int64_t sequence;
    int64_t sent_at_us;

    /* send_batch's own */
    struct awaitable done;
    struct send_item *next;
    bool queued;
};

/* Says it: OK once it is durable, or when it turned out not to be said (sequence 0). UNAVAILABLE
 * and DEADLINE_EXCEEDED may mean that the outcome is unknown. Suspends; an interrupted sender
 * leaves only what is not on its way to the database yet. */
enum status send_batch_say(struct app *app, struct send_item *item) MUST_CHECK;

/* Sets app->sends. */
void send_batch_open(struct app *app);

/* When nothing runs on the loop any more. */
void send_batch_close(struct app *app);

#endif
