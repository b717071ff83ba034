/* reports.h - filing reports of messages: by players, and by word filters. */
#ifndef WAYSTONE_HANDLERS_REPORTS_H
#define WAYSTONE_HANDLERS_REPORTS_H

#include "handlers/app.h"
#include "server/rpc.h"

/* The message a report is about, as it is now. */
struct reported {
    int64_t channel_id, sequence;
    int64_t account_id, character_id; /* who said it */
    const char *character_name, *text;
    int64_t sent_at_us;
};

/* Files a player's report and tells the moderators of a message's first one. A second report of the
 * account gives the id of its first. Suspends. */
enum status report_file(struct rpc_call *call, const struct reported *message,
                        int64_t reporter_character_id, int reason, const char *note,
                        int64_t *ret_id) MUST_CHECK;

/* Files what a filter caught; nothing if it filed the same text of the message before. Suspends. */
enum status report_file_by_filter(struct rpc_call *call, const struct reported *message,
                                  int64_t filter_id) MUST_CHECK;

#endif
