/* channel_changes.h - changes in channels: numbered events, as everything there.
 *
 * The change and its event are written in the caller's transaction under the channel's next number,
 * whose lock is held until the commit, so that nobody else's change waits in between: take it as
 * late as can be, but before any lock on an account, since whoever speaks holds the channel while
 * it waits for the speaker's row. After the commit the event is told. */
#ifndef WAYSTONE_HANDLERS_CHANNEL_CHANGES_H
#define WAYSTONE_HANDLERS_CHANNEL_CHANGES_H

#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/chat/v1/chat.h"

/* Written, and not told yet. */
struct channel_change {
    int64_t channel_id, sequence; /* 0: nothing changed */
    int64_t origin;               /* channel_change_origin() */
    const StreamMessagesResponse *event;
};

/* Whose hiding hides an event that an account caused: its own, or nobody's (0) when it was done to
 * the words of others or to the channel. That concerns those, too, who do not hear the account. */
int64_t channel_change_origin(const StreamMessagesResponse *event, int64_t account_id);

/* Takes the channel's next number for an event and writes it: `sequence`, where the event carries
 * its number, is set before it is encoded. NOT_FOUND if there is no such channel. Suspends. */
enum status channel_change_record(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                  const StreamMessagesResponse *event, int64_t *sequence)
    MUST_CHECK;

/* Takes a message back for a moderator. Nothing changes if it was taken back already, or is not
 * there any more. Suspends. */
enum status channel_change_delete(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                  int64_t message_sequence, struct channel_change *ret) MUST_CHECK;

/* Sets a channel's pace. Nothing changes if it is that already. NOT_FOUND if there is no such
 * channel. Suspends. */
enum status channel_change_slow_mode(struct rpc_call *call, struct db *tx, int64_t channel_id,
                                     int32_t slow_mode_s, struct channel_change *ret) MUST_CHECK;

/* After the commit; without a change it does nothing. */
void channel_change_publish(struct app *app, const struct channel_change *change);

#endif
