/* ledger.h - what was said in some channels, and what every listener must have heard.
 *
 * Numbers of a channel have no gaps, so that a listener who heard each number once, in order, with
 * the same content as everybody else, heard everything. The ledger holds the content of every
 * number since the last check and where every message that was said has its place. */
#ifndef WAYSTONE_TOOLS_LOADGEN_LEDGER_H
#define WAYSTONE_TOOLS_LOADGEN_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "waystone/chat/v1/chat.h"
#include "waystone/event/v1/event.h"

struct ledger;

/* `channels` are borrowed. */
struct ledger *ledger_new(const int64_t *channels, size_t channel_count);
void ledger_free(struct ledger *ledger);

/* The channel's newest number when listening begins. */
void ledger_set_base(struct ledger *ledger, size_t channel, int64_t sequence);
int64_t ledger_base(const struct ledger *ledger, size_t channel);

/* Somebody is about to say something. Returns the number of the message in this run. */
uint64_t ledger_say(struct ledger *ledger, size_t channel, int64_t character_id);
/* Its text; at most 200 bytes. */
void ledger_write_text(const struct ledger *ledger, uint64_t number, char *out, size_t size);
/* The server has told its place in the channel, or that it will have none. */
void ledger_acknowledge(struct ledger *ledger, uint64_t number, int64_t sequence);
void ledger_refuse(struct ledger *ledger, uint64_t number);

/* What speakers do to what they have said, each once to a message. */
enum ledger_change { LEDGER_REACTION, LEDGER_EDIT, LEDGER_DELETION, LEDGER_CHANGES };

/* The text it has after an edit; at most 200 bytes. */
void ledger_write_edited_text(const struct ledger *ledger, uint64_t number, char *out, size_t size);
/* It is being asked for: from now on whoever comes late may hear the message as it is then. */
void ledger_ask(struct ledger *ledger, uint64_t number, enum ledger_change change);
/* The server has said that it is done: one event of it. */
void ledger_confirm(struct ledger *ledger, uint64_t number, enum ledger_change change);

/* Somebody with the cursor `after` hears an event with a number. Returns the new cursor. */
int64_t ledger_hear(struct ledger *ledger, size_t listener, size_t channel, int64_t after,
                    int64_t sequence, const SubscribeResponse *event);

/* A message as the channel's history has it. */
void ledger_read(struct ledger *ledger, size_t channel, const Message *message);

/* Everything acknowledged was heard at its place, nothing refused was, and the history read since
 * has all of it. Then begins anew after the heads. */
void ledger_settle(struct ledger *ledger);

struct ledger_counts {
    uint64_t said, heard, breaches, longest_us; /* from saying to the last listener's hearing */
};
/* Since the last ledger_settle(); breaches since the start. */
void ledger_counts(const struct ledger *ledger, struct ledger_counts *ret);

/* Says what is wrong, on standard error, and remembers that something is. */
void ledger_breach(struct ledger *ledger, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
